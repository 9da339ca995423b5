//! How a certificate stands here: who has it, who had it, what waits for it, and which CA vouches for it. Nothing is changed.

use std::sync::PoisonError;

use super::message::{ClientInspect, Holder, Response, Standing, Vouching};
use super::{Admin, AdminError};
use crate::crypto::certificate::issued::check_issued;
use crate::crypto::certificate::subject::Subject;
use crate::crypto::{Certificate, verify_signed_by};
use crate::domain::{Anchor, Clients, NotAdmitted};

/// Says how a certificate stands.
pub(super) fn inspect(admin: &Admin, request: &ClientInspect) -> Result<Response, AdminError> {
    let certificate = Certificate::from_pem(&request.certificate)
        .map_err(|error| AdminError::invalid(format!("certificate: {error}")))?;
    let snapshot = admin.store.clients();
    let fingerprint = certificate.fingerprint();
    let pending = admin.pending.as_ref().is_some_and(|pending| {
        let pending = pending.lock().unwrap_or_else(PoisonError::into_inner);
        pending.get(&fingerprint).is_some()
    });
    let own = admin.own.held();
    let issuer = own.issuer(&certificate);
    let holder = holder(admin, &snapshot, &certificate);
    Ok(Response::Standing(Box::new(Standing {
        pending: pending && holder.is_none(),
        holder,
        removed_from: removed_from(&snapshot, &certificate),
        issued_by: issuer.map(|ca| ca.fingerprint().to_string()),
        trusted: trusted(admin, &snapshot, &certificate),
    })))
}

fn holder(admin: &Admin, snapshot: &Clients, certificate: &Certificate) -> Option<Holder> {
    let fingerprint = certificate.fingerprint();
    let client = snapshot.holder(&fingerprint)?;
    let mut certificates = client.certificates.iter();
    let held = certificates.find(|held| held.fingerprint == fingerprint)?;
    let instance = snapshot.instance(client.instance);
    let refused = snapshot
        .admit(&fingerprint, admin.now(), admin.grace_days)
        .err();
    Some(Holder {
        client: client.label.clone(),
        instance: instance.map(|held| held.name.clone()).unwrap_or_default(),
        trust: held.trust.as_str().to_owned(),
        refused: refused.map(|reason| reason.to_string()),
    })
}

fn removed_from(snapshot: &Clients, certificate: &Certificate) -> Vec<String> {
    let clients = snapshot.clients().into_iter();
    let from = clients.filter(|client| {
        let mut removed = snapshot.removed(client.id).iter();
        removed.any(|removed| removed.is_this(certificate))
    });
    from.map(|client| client.label.clone()).collect()
}

fn trusted(admin: &Admin, snapshot: &Clients, certificate: &Certificate) -> Vec<Vouching> {
    let signed =
        |anchor: &&Anchor| verify_signed_by(certificate.der(), anchor.certificate.der()).is_ok();
    let anchors = snapshot.anchors().iter().filter(signed);
    anchors
        .map(|anchor| {
            let client = snapshot.client(anchor.client);
            let serial = certificate.serial_number();
            Vouching {
                client: client
                    .map(|client| client.label.clone())
                    .unwrap_or_default(),
                authority: anchor.certificate.fingerprint().to_string(),
                revoked: serial.is_some_and(|serial| snapshot.is_revoked_by(anchor, &serial)),
                refused: refusal(admin, snapshot, certificate, anchor),
            }
        })
        .collect()
}

/// Why a CA that signed the certificate does not let it in.
fn refusal(
    admin: &Admin,
    snapshot: &Clients,
    certificate: &Certificate,
    anchor: &Anchor,
) -> Option<String> {
    let subject = Subject::of(certificate.der());
    if subject.as_ref() != Some(&anchor.subject) {
        return Some(format!("its subject must be {}", anchor.subject));
    }
    let ca = anchor.certificate.der();
    if let Err(error) = check_issued(certificate.der(), ca, admin.now()) {
        return Some(error.to_string());
    }
    match snapshot.sponsor(certificate, admin.now()) {
        // Enrolled already, by hand or by it: what holds then, its holder says.
        Ok(_) | Err(NotAdmitted::Twice) => None,
        Err(reason) => Some(reason.to_string()),
    }
}
