//! Enrols the certificate of a trusted CA at its first use, with its event.
//!
//! The handshake has found that the CA vouches for it; what holds is asked again here, one enrolment after the other, so that the
//! bound holds whatever comes at once. Nothing is answered before the event is durable.

use std::sync::Arc;

use crate::audit::{Action, Data, Event, Field, Outcome, ReasonCode, Target};
use crate::crypto::Certificate;
use crate::domain::clock::rfc3339;
use crate::domain::{EnrolledCertificate, Initiator, Trust};
use crate::ops::error::OpError;
use crate::ops::service::Service;
use crate::store::changeset::{Changeset, Write};

/// Enrols a leaf; whether it is enrolled after this.
pub(super) async fn enrol(service: &Service, leaf: &Certificate) -> bool {
    let _turn = service.enrolling().lock().await;
    let fingerprint = leaf.fingerprint();
    // Another connection of the same client may have been first.
    if service.store().clients().holder(&fingerprint).is_some() {
        return true;
    }
    let applied = match changeset(service, leaf) {
        Ok(Some(changeset)) => service
            .store()
            .apply(changeset)
            .await
            .map_err(OpError::from),
        Ok(None) => return false,
        Err(error) => Err(error),
    };
    match applied {
        Ok(_) => {
            tracing::info!(%fingerprint, subject = leaf.subject(), "A certificate of a trusted CA was enrolled.");
            true
        }
        Err(error) => {
            tracing::error!(%fingerprint, detail = error.detail, "A certificate of a trusted CA could not be enrolled.");
            false
        }
    }
}

fn changeset(service: &Service, leaf: &Certificate) -> Result<Option<Changeset>, OpError> {
    let now_ms = service.now_ms();
    let now = now_ms.div_euclid(1000);
    let clients = service.store().clients();
    let Ok((client, anchor)) = clients.sponsor(leaf, now) else {
        return Ok(None);
    };
    let Some(instance) = clients.instance(client.instance) else {
        return Ok(None);
    };
    let ca = anchor.certificate.fingerprint();
    let enrolled = EnrolledCertificate {
        fingerprint: leaf.fingerprint(),
        trust: Trust::Anchored,
        not_before: leaf.not_before(),
        // It is worth no more than its CA.
        not_after: leaf.not_after().min(anchor.certificate.not_after()),
        subject: leaf.subject().to_owned(),
        added: now,
        warned: None,
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
    changeset.write(Write::Leaf(client.id, ca, enrolled));
    Ok(Some(changeset))
}
