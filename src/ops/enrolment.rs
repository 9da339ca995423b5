//! Enrols the certificate of a trusted CA at its first use, with its event.
//!
//! The handshake has found that the CA vouches for it; what holds is asked again here, one enrolment after the other, so that the
//! bound holds whatever comes at once. Nothing is answered before the event is durable.

use std::sync::Arc;
use std::time::Instant;

use crate::audit::{Action, Data, Event, Field, Outcome, ReasonCode, Target};
use crate::crypto::Certificate;
use crate::domain::clock::rfc3339;
use crate::domain::{Anchor, Client, EnrolledCertificate, Initiator, Instance, NotAdmitted, Trust};
use crate::ops::error::OpError;
use crate::ops::service::Service;
use crate::store::changeset::{Changeset, Write};

/// Enrols a leaf, or says why it is not enrolled after this.
pub(super) async fn enrol(service: &Service, leaf: &Certificate) -> Result<(), NotAdmitted> {
    let _turn = service.enrolling().lock().await;
    let fingerprint = leaf.fingerprint();
    let clients = service.store().clients();
    // Another connection of the same client may have been first.
    if clients.holder(&fingerprint).is_some() {
        return Ok(());
    }
    let now_ms = service.now_ms();
    // Who administers the server uses no keys by the same certificate.
    let administrators = service.store().administrators();
    if administrators.certificate(&fingerprint).is_some() {
        return Err(NotAdmitted::Unknown);
    }
    let (client, anchor) = clients.sponsor(leaf, now_ms.div_euclid(1000))?;
    let instance = clients.instance(client.instance);
    let instance = instance.ok_or(NotAdmitted::Unknown)?;
    let applied = match changeset(service, leaf, now_ms, (client, anchor, instance)) {
        Ok(changeset) => service
            .store()
            .apply(changeset)
            .await
            .map_err(OpError::from),
        Err(error) => Err(error),
    };
    match applied {
        Ok(_) => {
            tracing::info!(%fingerprint, subject = leaf.subject(), "A certificate of a trusted CA was enrolled.");
            Ok(())
        }
        Err(error) => {
            // What was changed meanwhile may refuse it.
            let clients = service.store().clients();
            if clients.holder(&fingerprint).is_some() {
                return Ok(());
            }
            clients.sponsor(leaf, now_ms.div_euclid(1000))?;
            // Its bearer tries again and again.
            if let Some(times) = service.warnings().unenrolled.due(Instant::now()) {
                let detail = &error.detail;
                tracing::error!(%fingerprint, detail, times, "Certificates of trusted CAs could not be enrolled.");
            }
            Err(NotAdmitted::Unstored)
        }
    }
}

fn changeset(
    service: &Service,
    leaf: &Certificate,
    now_ms: i64,
    (client, anchor, instance): (&Client, &Anchor, &Instance),
) -> Result<Changeset, OpError> {
    let ca = anchor.certificate.fingerprint();
    let enrolled = EnrolledCertificate {
        // It is worth no more than its CA.
        not_after: leaf.not_after().min(anchor.certificate.not_after()),
        ..EnrolledCertificate::new(leaf, Trust::Anchored, now_ms.div_euclid(1000))
    };
    let event = Event {
        id: service.event_id(now_ms)?,
        time_ms: now_ms,
        action: Action::ClientEnrol,
        outcome: Outcome::Success,
        initiator: Arc::new(Initiator::certificate(enrolled.fingerprint, &client.label)),
        scope: Arc::clone(&instance.scope),
        target: Target::Resource(client.id.to_string()),
        reason: ReasonCode::Ok,
        failure: None,
        request: Data::new()
            .text(Field::Label, &client.label)
            .text(Field::Fingerprint, enrolled.fingerprint.to_string())
            .text(Field::Subject, anchor.subject.to_string())
            .text(Field::NotAfter, rfc3339(enrolled.not_after))
            .text(Field::Authority, ca.to_string()),
        response: Data::new(),
        correlation: service.request_id(now_ms)?,
    };
    let mut changeset = Changeset::new(event);
    let fingerprint = enrolled.fingerprint;
    changeset.write(Write::Leaf(client.id, ca, enrolled));
    changeset.write(Write::CertificateDer(fingerprint, leaf.der().into()));
    Ok(changeset)
}
