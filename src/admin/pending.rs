//! Certificates that wait for approval: listing, approving and dismissing them.
//!
//! They wait in the memory of the running server, which is asked through the control socket; where the command line runs the
//! router itself there are none. Approving enrols the very certificate that proved possession of its key, as pinned.

use std::sync::{MutexGuard, PoisonError};

use super::clients::{self, Enrolment, enrol};
use super::message::{self, ClientApprove, Response};
use super::{Admin, AdminError, Deed};
use crate::audit::{Action, Data, Field};
use crate::crypto::certificate::is_hidden;
use crate::crypto::certificate::subject::Subject;
use crate::crypto::{Certificate, Fingerprint};
use crate::domain::clock::rfc3339;
use crate::domain::{Initiator, Pending, PendingCertificate};

/// The most letters of a name that are shown.
const NAME_CHARS_MAX: usize = 1024;

/// Every certificate that waits, the one seen last first.
pub(super) fn list(admin: &Admin) -> Result<Response, AdminError> {
    let mut pending = waiting(admin)?;
    let clients = admin.store.clients();
    // Somebody may have enrolled it from a file.
    pending.retain(|fingerprint| clients.holder(fingerprint).is_none());
    let list = pending.list();
    Ok(Response::Pending(
        list.iter().map(|held| view(admin, held)).collect(),
    ))
}

/// Enrols a certificate that waits.
pub(super) async fn approve(
    admin: &Admin,
    initiator: Initiator,
    request: ClientApprove,
) -> Result<Response, AdminError> {
    let fingerprint = fingerprint(&request.fingerprint)?;
    let certificate = waiting(admin)?
        .get(&fingerprint)
        .map(|held| held.certificate.clone());
    let certificate = certificate.ok_or_else(absent)?;
    let (trust, issuer) = clients::trust(admin, &certificate, false)?;
    let enrolment = Enrolment {
        label: request.label,
        instance: request.instance,
        renew: request.renew,
        certificate,
        trust,
        issuer,
        overlap_days: None,
        action: Action::ClientApprove,
    };
    let response = enrol(admin, initiator, enrolment).await?;
    waiting(admin)?.remove(&fingerprint);
    Ok(response)
}

/// Takes a certificate off the list. Nothing else changes: it waits again when its bearer comes again.
pub(super) async fn dismiss(
    admin: &Admin,
    initiator: Initiator,
    text: &str,
) -> Result<Response, AdminError> {
    let fingerprint = fingerprint(text)?;
    let held = waiting(admin)?.get(&fingerprint).cloned();
    let held = view(admin, &held.ok_or_else(absent)?);
    let deed = Deed {
        action: Action::ClientDismiss,
        initiator,
        target: fingerprint.to_string(),
        scope: admin.global_scope()?,
        request: Data::new()
            .text(Field::Fingerprint, &held.fingerprint)
            .text(Field::Subject, &held.subject),
    };
    admin.commit(deed, Vec::new()).await?;
    waiting(admin)?.remove(&fingerprint);
    Ok(Response::Pending(vec![held]))
}

fn waiting(admin: &Admin) -> Result<MutexGuard<'_, Pending>, AdminError> {
    let pending = admin.pending.as_ref().ok_or_else(|| {
        AdminError::unavailable(
            "no server runs here: certificates wait for approval in the memory of a running server, and are back when their \
             bearer tries again; run `keyledger serve` first",
        )
    })?;
    Ok(pending.lock().unwrap_or_else(PoisonError::into_inner))
}

fn absent() -> AdminError {
    AdminError::not_found(
        "certificate: none with this fingerprint waits for approval; see `keyledger client pending`, or let its bearer try again",
    )
}

/// A fingerprint as people copy it: other programs write it in capitals and with colons.
fn fingerprint(text: &str) -> Result<Fingerprint, AdminError> {
    let plain = text.trim().replace(':', "").to_ascii_lowercase();
    plain
        .parse()
        .map_err(|error| AdminError::invalid(format!("certificate: {error}")))
}

/// A name that its bearer chose, cut so that the whole list stays small.
fn bounded(name: &str) -> String {
    let mut letters = name.chars();
    let mut cut: String = letters.by_ref().take(NAME_CHARS_MAX).collect();
    if letters.next().is_some() {
        cut.push('…');
    }
    cut
}

/// The subject to compare and to copy, never a part of it.
fn whole_subject(certificate: &Certificate) -> Option<String> {
    let subject = Subject::of(certificate.der())?.to_string();
    let is_short = subject.chars().count() <= NAME_CHARS_MAX;
    (is_short && !subject.contains(is_hidden)).then_some(subject)
}

fn view(admin: &Admin, held: &PendingCertificate) -> message::PendingCertificate {
    let certificate = &held.certificate;
    message::PendingCertificate {
        fingerprint: certificate.fingerprint().to_string(),
        subject: bounded(certificate.subject()),
        whole_subject: whole_subject(certificate),
        issuer: bounded(certificate.issuer()),
        not_before: rfc3339(certificate.not_before()),
        not_after: rfc3339(certificate.not_after()),
        expired: admin.now() > certificate.not_after(),
        first_seen: rfc3339(held.first_seen),
        last_seen: rfc3339(held.last_seen),
        count: held.count,
        address: held.address.to_string(),
    }
}
