//! The certificates of the server's own: shown, and taken up from the files while connections go on.
//!
//! The files are read and checked elsewhere ([`Source`]); here it is decided what the difference means. What is taken up is on the record
//! first. A CA that is in the files no more is refused while clients have certificates of it, unless those are to be removed with it: a
//! client that is locked out must be locked out by somebody who said so.

use std::collections::HashSet;
use std::sync::Arc;

use arc_swap::ArcSwap;

use super::message::{
    CertificateReload, Certificates, OwnAuthority, OwnCertificate as Shown, Response,
};
use super::{Admin, AdminError, Deed};
use crate::audit::{Action, Data, Field};
use crate::crypto::{Authority, Certificate, Fingerprint};
use crate::domain::clock::rfc3339;
use crate::domain::expiry::{accepted_until, days_left};
use crate::domain::{Client, EnrolledCertificate, Initiator, OwnCertificates, Trust};
use crate::store::changeset::{Changeset, Write};

/// The most certificates of our CA there are at once.
pub const AUTHORITIES_MAX: usize = 8;

/// What lies in the files, read and found right.
pub struct Found {
    /// The certificates.
    pub certificates: OwnCertificates,
    /// Has the listener take them up.
    pub take_up: Box<dyn FnOnce() + Send>,
}

/// Reads the files, told what is in use, or says in one line what is wrong with them and what to do.
pub type Reading = Box<dyn Fn(&OwnCertificates) -> Result<Found, String> + Send + Sync>;

/// Reads the CA that issues with its private key, or says in one line why it cannot be used.
pub type Opening = Arc<dyn Fn() -> Result<Authority, String> + Send + Sync>;

/// Where the certificates of the server's own are taken from, and the key of its CA.
pub struct Source {
    /// Reads the certificates.
    pub read: Reading,
    /// Reads the CA's key, for one use of it.
    pub authority: Opening,
}

/// What is in use, and where it comes from.
pub(super) struct Own {
    held: ArcSwap<OwnCertificates>,
    source: Option<Source>,
}

impl Own {
    pub(super) fn new(held: OwnCertificates, source: Option<Source>) -> Self {
        Self {
            held: ArcSwap::from_pointee(held),
            source,
        }
    }

    /// What is in use.
    pub(super) fn held(&self) -> Arc<OwnCertificates> {
        self.held.load_full()
    }
}

/// The CA that issues, with its private key: it is held for one use and no longer.
pub(super) async fn authority(admin: &Admin) -> Result<Authority, AdminError> {
    let source = admin.own.source.as_ref();
    let open = source.map(|source| Arc::clone(&source.authority));
    let open = open.ok_or_else(|| AdminError::unavailable("this process has no directory"))?;
    let opened = tokio::task::spawn_blocking(move || open()).await;
    let opened = opened.map_err(|error| AdminError::unavailable(error.to_string()))?;
    opened.map_err(AdminError::unavailable)
}

/// What is in use, and who depends on it.
pub(super) fn list(admin: &Admin) -> Response {
    let own = admin.own.held();
    let authority_of = |certificate| own.issuer(certificate).map(Certificate::fingerprint);
    let of_server = own.server.as_ref().and_then(authority_of);
    let authority = |(place, ca): (usize, &Certificate)| OwnAuthority {
        certificate: shown(admin, &own, ca),
        issues: place == 0,
        clients: labels(&dependants(admin, ca.fingerprint())),
        server: of_server == Some(ca.fingerprint()),
    };
    Response::Certificates(Certificates {
        server: own.server.as_ref().map(|held| shown(admin, &own, held)),
        authorities: own.authorities.iter().enumerate().map(authority).collect(),
    })
}

fn shown(admin: &Admin, own: &OwnCertificates, certificate: &Certificate) -> Shown {
    let authority = own.issuer(certificate);
    Shown {
        fingerprint: certificate.fingerprint().to_string(),
        subject: certificate.subject().to_owned(),
        issuer: certificate.issuer().to_owned(),
        not_before: rfc3339(certificate.not_before()),
        not_after: rfc3339(certificate.not_after()),
        days_left: days_left(certificate.not_after(), admin.now()),
        authority: authority.map(|ca| ca.fingerprint().to_string()),
    }
}

/// The certificates that a CA of ours issued and that are still let in, each with its client. Of which CA one is that was enrolled before that was
/// kept is not known: it may be of any.
fn dependants(admin: &Admin, ca: Fingerprint) -> Vec<(Arc<Client>, EnrolledCertificate)> {
    let now = admin.now();
    let depends = |held: &&EnrolledCertificate| {
        held.trust == Trust::Issued
            && accepted_until(held.not_after, admin.grace_days) >= now
            && held.issuer.is_none_or(|issuer| issuer == ca)
    };
    let clients = admin.store.clients().clients().into_iter();
    let each = clients.flat_map(|client| {
        let held = client.certificates.iter().filter(depends).cloned();
        let held: Vec<_> = held.collect();
        held.into_iter()
            .map(move |held| (Arc::clone(&client), held))
    });
    each.collect()
}

fn labels(dependants: &[(Arc<Client>, EnrolledCertificate)]) -> Vec<String> {
    let mut labels: Vec<_> = dependants
        .iter()
        .map(|(client, _)| client.label.clone())
        .collect();
    labels.dedup();
    labels
}

/// Takes up what lies in the files, with an event for each thing that changed. Where nothing did, nothing is recorded.
pub(super) async fn reload(
    admin: &Admin,
    initiator: Initiator,
    request: CertificateReload,
) -> Result<Response, AdminError> {
    let _guard = admin.changes.lock().await;
    let source = admin.own.source.as_ref().ok_or_else(|| {
        AdminError::unavailable("this process has no files to take certificates from")
    })?;
    let before = admin.own.held();
    let found = (source.read)(&before).map_err(AdminError::invalid)?;
    let after = &found.certificates;
    let mut changes = Changes::between(&before, after);
    changes.retired(admin, &before, after, Decided::Now(request.force))?;
    changes.commit(admin, &initiator, after).await?;
    (found.take_up)();
    admin.own.held.store(Arc::new(found.certificates));
    Ok(list(admin))
}

/// Records what lies in the files and is not what was in use last: somebody put it there while no server ran.
pub(super) async fn note_what_lies_there(admin: &Admin) -> Result<(), AdminError> {
    let _guard = admin.changes.lock().await;
    let after = admin.own.held();
    let Some(before) = admin.store.own_certificates().await? else {
        return Ok(admin.store.keep_own(after.as_ref().clone()).await?);
    };
    let mut changes = Changes::between(&before, &after);
    changes.retired(admin, &before, &after, Decided::Before)?;
    let server = Initiator::server(&admin.store.origin().name);
    changes.commit(admin, &server, &after).await
}

/// When it was decided that a CA is to go.
#[derive(Clone, Copy)]
enum Decided {
    /// By this request, by force or not.
    Now(bool),
    /// Before the server started, by whoever changed the files.
    Before,
}

/// What changed: deeds for the trail, and what the store is to do.
#[derive(Default)]
struct Changes {
    deeds: Vec<(Action, Fingerprint, Data)>,
    writes: Vec<Write>,
    /// The certificates that the writes remove.
    removed: HashSet<Fingerprint>,
}

impl Changes {
    /// What there is more, and what the server is known by.
    fn between(before: &OwnCertificates, after: &OwnCertificates) -> Self {
        let mut changes = Self::default();
        changes.server(before, after);
        changes.added(before, after);
        changes
    }

    fn server(&mut self, before: &OwnCertificates, after: &OwnCertificates) {
        let print = |own: &OwnCertificates| own.server.as_ref().map(Certificate::fingerprint);
        let Some(server) = after.server.as_ref() else {
            return;
        };
        if print(before) == print(after) {
            return;
        }
        let data = described(Field::Fingerprint, server);
        let data = match after.issuer(server) {
            Some(ca) => data.text(Field::Authority, ca.fingerprint().to_string()),
            None => data,
        };
        let action = Action::ServerCertificateReplace;
        self.deeds.push((action, server.fingerprint(), data));
    }

    fn added(&mut self, before: &OwnCertificates, after: &OwnCertificates) {
        let authorities = after.authorities.iter();
        for ca in authorities.filter(|ca| !before.has_authority(ca.fingerprint())) {
            let data = described(Field::Authority, ca);
            let action = Action::AuthorityRotate;
            self.deeds.push((action, ca.fingerprint(), data));
        }
    }

    fn retired(
        &mut self,
        admin: &Admin,
        before: &OwnCertificates,
        after: &OwnCertificates,
        decided: Decided,
    ) -> Result<(), AdminError> {
        let authorities = before.authorities.iter();
        for ca in authorities.filter(|ca| !after.has_authority(ca.fingerprint())) {
            let fingerprint = ca.fingerprint();
            let dependants = dependants(admin, fingerprint);
            let labels = labels(&dependants);
            let server = after.server.as_ref().and_then(|own| before.issuer(own));
            let serves = server.is_some_and(|issuer| issuer.fingerprint() == fingerprint);
            if let Some(text) = still_needed(fingerprint, &labels, serves)
                && matches!(decided, Decided::Now(false))
            {
                return Err(AdminError::conflict(text));
            }
            let prints = dependants
                .iter()
                .map(|(_, held)| held.fingerprint.to_string());
            let data = described(Field::Authority, ca)
                .list(Field::Label, labels)
                .list(Field::Fingerprint, prints);
            self.deeds
                .push((Action::AuthorityRetire, fingerprint, data));
            // What such a CA issued is refused in any case; a CA that was moved away by mistake may come back.
            if matches!(decided, Decided::Now(_)) {
                for (client, held) in &dependants {
                    // One whose issuer is not known depends on each CA.
                    if self.removed.insert(held.fingerprint) {
                        let write = Write::CertificateRemoved(client.id, held.fingerprint);
                        self.writes.push(write);
                    }
                }
            }
        }
        Ok(())
    }

    /// All of it in one transaction, or nothing where nothing changed.
    async fn commit(
        self,
        admin: &Admin,
        initiator: &Initiator,
        after: &OwnCertificates,
    ) -> Result<(), AdminError> {
        let mut changeset: Option<Changeset> = None;
        for (action, fingerprint, request) in self.deeds {
            let event = admin.event(Deed {
                action,
                initiator: initiator.clone(),
                target: fingerprint.to_string(),
                scope: admin.global_scope()?,
                request,
            })?;
            match &mut changeset {
                Some(changeset) => changeset.record(event),
                none => drop(none.insert(Admin::changeset(event))),
            }
        }
        if let Some(mut changeset) = changeset {
            self.writes
                .into_iter()
                .for_each(|write| changeset.write(write));
            changeset.write(Write::OwnCertificates(Box::new(after.clone())));
            admin.store.apply(changeset).await?;
        }
        Ok(())
    }
}

/// Why a CA cannot go, and what to do; none where nobody needs it.
#[must_use]
pub fn still_needed(ca: impl std::fmt::Display, labels: &[String], serves: bool) -> Option<String> {
    if serves {
        return Some(format!(
            "CA {ca}: the server's certificate is one of it; renew that first with `keyledger certificate renew-server`"
        ));
    }
    (!labels.is_empty()).then(|| {
        format!(
            "CA {ca}: clients have certificates of it: {}; renew them first with `keyledger client renew LABEL`, or have them \
             removed with --force",
            labels.join(", ")
        )
    })
}

fn described(field: Field, certificate: &Certificate) -> Data {
    Data::new()
        .text(field, certificate.fingerprint().to_string())
        .text(Field::Subject, certificate.subject())
        .text(Field::NotAfter, rfc3339(certificate.not_after()))
}
