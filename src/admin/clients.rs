//! Clients: enrolling, listing, enabling, disabling and removing them.
//!
//! A label that exists is never taken for a renewal by accident: a second certificate gives a party the same keys, so it must be asked
//! for ([`ClientAdd::renew`]). A running server sees each change at once, because the store replaces the snapshot it reads.

use std::sync::Arc;

use super::access::asked;
use super::access::refusals::Refused;
use super::message::{self, ClientAdd, ClientRemove, ClientStatusChange, Response};
use super::permissions::texts;
use super::{Admin, AdminError, Deed, anchors};
use crate::audit::{Action, Data, Failure, Field};
use crate::crypto::{Certificate, Fingerprint};
use crate::domain::anchor::REMOVED_MAX;
use crate::domain::client::check_label;
use crate::domain::clock::rfc3339;
use crate::domain::expiry::{days_after, days_left};
use crate::domain::{
    Client, ClientId, ClientStatus, Clients, EnrolledCertificate, Initiator, InstanceId,
    Operations, Permissions, Role, Trust,
};
use crate::store::changeset::Write;

/// A certificate to enrol: for a new client, or one more for a client that exists.
pub(super) struct Enrolment {
    pub(super) label: String,
    pub(super) instance: Option<String>,
    pub(super) renew: bool,
    pub(super) certificate: Certificate,
    pub(super) trust: Trust,
    /// The CA of ours that issued it, whatever it is trusted for.
    pub(super) issuer: Option<Fingerprint>,
    /// How many days the client's other certificates still count at most.
    pub(super) overlap_days: Option<u32>,
    pub(super) action: Action,
}

/// Enrols the certificate of a file.
pub(super) async fn add(
    admin: &Admin,
    initiator: Initiator,
    request: ClientAdd,
) -> Result<Response, AdminError> {
    let certificate = Certificate::from_pem(&request.certificate)
        .map_err(|error| AdminError::invalid(format!("certificate: {error}")))?;
    let (trust, issuer) = trust(admin, &certificate, request.issued)?;
    let enrolment = Enrolment {
        label: request.label,
        instance: request.instance,
        renew: request.renew,
        certificate,
        trust,
        issuer,
        overlap_days: request.overlap_days,
        action: if request.issued {
            Action::ClientIssue
        } else {
            Action::ClientAdd
        },
    };
    enrol(admin, initiator, enrolment).await
}

/// Enrols a certificate for a new client, or one more for a client that exists.
pub(super) async fn enrol(
    admin: &Admin,
    initiator: Initiator,
    enrolment: Enrolment,
) -> Result<Response, AdminError> {
    let label = &enrolment.label;
    check_label(label).map_err(|error| AdminError::invalid(format!("label: {error}")))?;
    check_validity(&enrolment.certificate, admin.now())?;
    let _guard = admin.changes.lock().await;
    let snapshot = admin.store.clients();
    check_not_enrolled(admin, &snapshot, &enrolment.certificate)?;
    let enrolled = EnrolledCertificate {
        issuer: enrolment.issuer,
        ..EnrolledCertificate::new(&enrolment.certificate, enrolment.trust, admin.now())
    };
    let end = enrolment
        .overlap_days
        .map(|days| days_after(admin.now(), days));
    let (client, mut writes) = match (snapshot.labelled(label), enrolment.renew) {
        (Some(client), true) => {
            check_certificates(admin, client)?;
            renewed(client, &enrolled, end)
        }
        (None, false) => {
            let client = new_client(
                admin,
                label,
                enrolment.instance.as_deref(),
                vec![enrolled.clone()],
            )?;
            (client.clone(), vec![Write::Client(client)])
        }
        (Some(holder), false) => return Err(label_taken(holder)),
        (None, true) => return Err(unknown(label)),
    };
    let der = enrolment.certificate.der().into();
    writes.push(Write::CertificateDer(enrolled.fingerprint, der));
    let data = Data::new()
        .text(Field::Label, &client.label)
        .text(Field::Fingerprint, enrolled.fingerprint.to_string())
        .text(Field::Subject, &enrolled.subject)
        .text(Field::NotAfter, rfc3339(enrolled.not_after))
        .text(Field::Trust, enrolled.trust.as_str());
    let data = match end.filter(|_| enrolment.renew) {
        Some(end) => data.text(Field::OthersUntil, rfc3339(end)),
        None => data,
    };
    change(admin, enrolment.action, initiator, &client, data, writes).await
}

/// Refuses one more certificate of a client that has as many as it may. What a CA of others enrols has a limit of its own.
fn check_certificates(admin: &Admin, client: &Client) -> Result<(), AdminError> {
    let own = client.certificates.iter();
    let count = own.filter(|held| held.trust != Trust::Anchored).count();
    let most = admin.quantities.certificates_per_client;
    if count < most {
        return Ok(());
    }
    let label = &client.label;
    Err(AdminError::conflict(format!(
        "certificate: client `{label}` has {count} and may have {most}; remove one first with `keyledger client remove {label} --certificate FINGERPRINT`, \
         or raise `certificates-per-client-max` in [admin]"
    )))
}

/// A client with one more certificate. The others it has count until `end` at most.
fn renewed(
    client: &Client,
    enrolled: &EnrolledCertificate,
    end: Option<i64>,
) -> (Client, Vec<Write>) {
    let mut client = client.clone();
    let mut writes = vec![Write::Certificate(client.id, enrolled.clone())];
    if let Some(end) = end {
        for held in &mut client.certificates {
            held.not_after = held.not_after.min(end);
            writes.push(Write::CertificateUntil(held.fingerprint, end));
        }
    }
    client.certificates.push(enrolled.clone());
    (client, writes)
}

/// Every client, by label.
pub(super) fn list(admin: &Admin) -> Response {
    let clients = admin.store.clients().clients();
    Response::Clients(clients.iter().map(|client| view(admin, client)).collect())
}

/// Enables or disables a client. One that already is gets no event.
pub(super) async fn set_status(
    admin: &Admin,
    initiator: Initiator,
    request: ClientStatusChange,
) -> Result<Response, AdminError> {
    let _guard = admin.changes.lock().await;
    let mut client = labelled(admin, &request.label)?;
    let (status, action) = if request.enabled {
        (ClientStatus::Enabled, Action::ClientEnable)
    } else {
        (ClientStatus::Disabled, Action::ClientDisable)
    };
    if client.status == status {
        return Ok(Response::Client(view(admin, &client)));
    }
    client.status = status;
    let data = Data::new().text(Field::Label, &client.label);
    let write = Write::ClientStatus(client.id, status);
    change(admin, action, initiator, &client, data, vec![write]).await
}

/// Removes a client with all its certificates, one certificate of it, or a CA that is trusted for it.
pub(super) async fn remove(
    admin: &Admin,
    initiator: Initiator,
    request: ClientRemove,
) -> Result<Response, AdminError> {
    if let Some(ca) = &request.ca {
        return anchors::remove(admin, initiator, &request, ca).await;
    }
    let _guard = admin.changes.lock().await;
    let instance = request.instance.as_deref();
    let instance = instance
        .map(|name| admin.instance(Some(name)))
        .transpose()?;
    let mut client = labelled(admin, &request.label)?;
    if instance.is_some_and(|instance| client.instance != instance.id) {
        return Err(unknown(&request.label));
    }
    check_unrestricted(admin, &initiator, &client).await?;
    let write = match &request.certificate {
        None => Write::ClientRemoved(client.id),
        Some(text) if request.with_last && is_last(admin, &client, text) => {
            Write::ClientRemoved(client.id)
        }
        Some(text) => {
            let fingerprint = own_certificate(admin, &client, text)?;
            client
                .certificates
                .retain(|held| held.fingerprint == fingerprint);
            Write::CertificateRemoved(client.id, fingerprint)
        }
    };
    let is_whole = matches!(write, Write::ClientRemoved(_));
    let gone = client.certificates.iter();
    let data = Data::new().text(Field::Label, &client.label).list(
        Field::Fingerprint,
        gone.map(|held| held.fingerprint.to_string()),
    );
    let data = match &write {
        Write::ClientRemoved(id) => with_authorities(data, &admin.store.clients(), *id),
        _ => data,
    };
    let removed = change(
        admin,
        Action::ClientRemove,
        initiator,
        &client,
        data,
        vec![write],
    )
    .await?;
    if is_whole {
        return Ok(removed);
    }
    shown(admin, &request.label)
}

/// Refuses an operator the removal of anything of a client whose permissions were narrowed: once it is gone, its label or certificate could be
/// enrolled anew, with all of them.
pub(super) async fn check_unrestricted(
    admin: &Admin,
    initiator: &Initiator,
    client: &Client,
) -> Result<(), AdminError> {
    let role = asked::rights().role;
    if role >= Role::Administrator || client.permissions == Permissions::default() {
        return Ok(());
    }
    let refused = Refused {
        initiator: Some(initiator.clone()),
        failure: Failure::RoleTooLow,
        operation: Some("ClientRemove".to_owned()),
    };
    admin.refuse(refused, asked::correlation()).await;
    let (has, needs) = (role.as_str(), Role::Administrator.as_str());
    Err(AdminError::forbidden(format!(
        "what client `{}` may do was narrowed: removing anything of it needs the role {needs}; the credential has the role {has}, which can disable it",
        client.label
    )))
}

/// The CAs that go with a client, if any.
pub(super) fn with_authorities(data: Data, snapshot: &Clients, client: ClientId) -> Data {
    let anchors = snapshot.anchors().iter();
    let authorities: Vec<_> = anchors
        .filter(|anchor| anchor.client == client)
        .map(|anchor| anchor.certificate.fingerprint().to_string())
        .collect();
    if authorities.is_empty() {
        data
    } else {
        data.list(Field::Authority, authorities)
    }
}

/// A client as it is now.
pub(super) fn shown(admin: &Admin, label: &str) -> Result<Response, AdminError> {
    let client = labelled(admin, label)?;
    Ok(Response::Client(view(admin, &client)))
}

/// Commits one change of a client; the answer is the client as given.
pub(super) async fn change(
    admin: &Admin,
    action: Action,
    initiator: Initiator,
    client: &Client,
    request: Data,
    writes: Vec<Write>,
) -> Result<Response, AdminError> {
    let snapshot = admin.store.clients();
    let instance = snapshot.instance(client.instance);
    let instance =
        instance.ok_or_else(|| AdminError::unavailable("the client's instance is gone"))?;
    let request = request.text(Field::Instance, &instance.name);
    let scope = Arc::clone(&instance.scope);
    admin
        .commit(
            Deed {
                action,
                initiator,
                target: client.id.to_string(),
                scope,
                request,
            },
            writes,
        )
        .await?;
    Ok(Response::Client(view(admin, client)))
}

/// Why it is trusted and, where our CA issued it, which certificate of that CA did.
pub(super) fn trust(
    admin: &Admin,
    certificate: &Certificate,
    issued: bool,
) -> Result<(Trust, Option<Fingerprint>), AdminError> {
    let own = admin.own.held();
    if !issued {
        // It may be one of ours all the same, for whoever relies on our CA's list.
        let issuer = own.issuer(certificate).map(Certificate::fingerprint);
        return Ok((Trust::Pinned, issuer));
    }
    if own.authorities.is_empty() {
        return Err(AdminError::unavailable(
            "this server has no CA of its own: certs/ca.pem is missing",
        ));
    }
    let issuer = own.issuer(certificate).ok_or_else(|| {
        AdminError::invalid("certificate: not issued here: no CA of this server has signed it")
    })?;
    Ok((Trust::Issued, Some(issuer.fingerprint())))
}

pub(super) fn check_validity(certificate: &Certificate, now: i64) -> Result<(), AdminError> {
    if now <= certificate.not_after() {
        return Ok(());
    }
    let date = rfc3339(certificate.not_after());
    Err(AdminError::invalid(format!(
        "certificate: it expired on {date}; enrol its successor"
    )))
}

/// A certificate is one party's: a client's, or an administrator's.
fn check_not_enrolled(
    admin: &Admin,
    snapshot: &Clients,
    certificate: &Certificate,
) -> Result<(), AdminError> {
    let fingerprint = certificate.fingerprint();
    if let Some(holder) = snapshot.holder(&fingerprint) {
        let text = format!(
            "it is already enrolled for client `{}`; a certificate belongs to one client",
            holder.label
        );
        return Err(in_the_way("certificate", Some(holder.instance), &text));
    }
    let administrators = admin.store.administrators();
    if let Some(holder) = administrators.certificate(&fingerprint) {
        let text = format!(
            "it is that of administrator `{}`; a client needs one of its own",
            holder.label
        );
        return Err(in_the_way("certificate", None, &text));
    }
    Ok(())
}

pub(super) fn label_taken(holder: &Client) -> AdminError {
    let text = format!(
        "`{}` is taken; choose another, or add the certificate to that client (--renew; --client when approving)",
        holder.label
    );
    in_the_way("label", Some(holder.instance), &text)
}

/// That something stands in the way. A caller who is limited to another instance than it belongs to is told nothing of it.
pub(super) fn in_the_way(field: &str, instance: Option<InstanceId>, text: &str) -> AdminError {
    let limit = asked::rights().instance;
    if limit.is_some() && limit != instance {
        return AdminError::conflict(format!(
            "{field}: it cannot be taken; choose another, or ask who administers the whole server"
        ));
    }
    AdminError::conflict(format!("{field}: {text}"))
}

pub(super) fn unknown(label: &str) -> AdminError {
    AdminError::not_found(format!(
        "label: there is no client `{label}`; see `keyledger client list`"
    ))
}

pub(super) fn labelled(admin: &Admin, label: &str) -> Result<Client, AdminError> {
    let snapshot = admin.store.clients();
    let client = snapshot.labelled(label).ok_or_else(|| unknown(label))?;
    Ok(Client::clone(client))
}

/// Whether this certificate is all that a client can come with.
fn is_last(admin: &Admin, client: &Client, certificate: &str) -> bool {
    let is_it = |held: &EnrolledCertificate| held.fingerprint.to_string() == certificate;
    matches!(client.certificates.as_slice(), [only] if is_it(only))
        && !may_get_others(admin, client)
}

/// Whether a CA of others is trusted for a client.
fn may_get_others(admin: &Admin, client: &Client) -> bool {
    let snapshot = admin.store.clients();
    let mut anchors = snapshot.anchors().iter();
    anchors.any(|anchor| anchor.client == client.id)
}

fn own_certificate(admin: &Admin, client: &Client, text: &str) -> Result<Fingerprint, AdminError> {
    let fingerprint: Fingerprint = text
        .parse()
        .map_err(|error| AdminError::invalid(format!("certificate: {error}")))?;
    if !client
        .certificates
        .iter()
        .any(|held| held.fingerprint == fingerprint)
    {
        let label = &client.label;
        return Err(AdminError::not_found(format!(
            "certificate: client `{label}` has no certificate with this fingerprint"
        )));
    }
    if client.certificates.len() == 1 && !may_get_others(admin, client) {
        return Err(AdminError::conflict(format!(
            "certificate: it is the only one of client `{}`; remove the client instead",
            client.label
        )));
    }
    if admin.store.clients().removed(client.id).len() >= REMOVED_MAX {
        return Err(AdminError::conflict(format!(
            "certificate: {REMOVED_MAX} of client `{}` were removed, which is as many as are remembered; disable the client, or \
             remove it and add it anew",
            client.label
        )));
    }
    Ok(fingerprint)
}

/// A client that is not there yet.
pub(super) fn new_client(
    admin: &Admin,
    label: &str,
    instance: Option<&str>,
    certificates: Vec<EnrolledCertificate>,
) -> Result<Client, AdminError> {
    let instance = admin.instance(instance)?;
    let count = admin.store.clients().clients().len();
    Admin::check_room("clients", count, admin.quantities.clients, "clients-max")?;
    Ok(Client {
        id: ClientId::new(admin.clock.now_ms(), admin.random_bytes()?),
        label: label.to_owned(),
        instance: instance.id,
        status: ClientStatus::Enabled,
        permissions: Permissions::default(),
        certificates,
        created: admin.now(),
    })
}

fn view(admin: &Admin, client: &Client) -> message::Client {
    let snapshot = admin.store.clients();
    let held = snapshot.instance(client.instance);
    let instance = held.map(|held| held.name.clone());
    let denied = held.map(|held| held.rules.denied.names());
    let now = admin.now();
    let certificates = client
        .certificates
        .iter()
        .map(|held| message::EnrolledCertificate {
            fingerprint: held.fingerprint.to_string(),
            subject: held.subject.clone(),
            trust: held.trust.as_str().to_owned(),
            not_before: rfc3339(held.not_before),
            not_after: rfc3339(held.not_after),
            expired: now > held.not_after,
            days_left: days_left(held.not_after, now),
        });
    message::Client {
        id: client.id.to_string(),
        label: client.label.clone(),
        instance: instance.unwrap_or_else(|| client.instance.to_string()),
        status: client.status.as_str().to_owned(),
        created: rfc3339(client.created),
        certificates: certificates.collect(),
        authorities: snapshot
            .anchors()
            .iter()
            .filter(|anchor| anchor.client == client.id)
            .map(|anchor| message::TrustedAuthority {
                fingerprint: anchor.certificate.fingerprint().to_string(),
                subject: anchor.certificate.subject().to_owned(),
                not_after: rfc3339(anchor.certificate.not_after()),
                must_be: anchor.subject.to_string(),
                enrolled: anchor.leaves.len(),
                revocations: snapshot.revocation(&anchor.certificate).map(|held| {
                    message::Revocations {
                        this_update: rfc3339(held.list.this_update),
                        next_update: rfc3339(held.list.next_update),
                        revoked: held.list.len(),
                    }
                }),
            })
            .collect(),
        operations: client.permissions.operations.map(Operations::names),
        windows: texts(&client.permissions.windows),
        denied: denied.unwrap_or_default(),
    }
}
