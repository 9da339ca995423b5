//! Warns of clients' certificates that are about to lapse, in the trail and in the log.
//!
//! Each certificate is warned of 30, 7 and 1 days before its end and once it has lapsed, each once in its life: what was warned of is
//! stored with the warning. Nobody but the clock decides; whether a lapsed certificate is let in is decided elsewhere.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::audit::{Action, Data, Event, Field, Outcome, ReasonCode, Target};
use crate::domain::clock::rfc3339;
use crate::domain::expiry::{days_left, warning_due};
use crate::domain::{Client, ClientStatus, EnrolledCertificate, Initiator, Scope};
use crate::ops::error::OpError;
use crate::ops::service::Service;
use crate::store::changeset::{Changeset, Write};

/// How often the dates are looked at: often enough that the last day's warning comes a day before the end.
const EVERY: Duration = Duration::from_secs(3600);

/// Looks at every certificate now and every hour, until `stopping` turns true.
pub async fn warn_of_expiry(service: Arc<Service>, mut stopping: watch::Receiver<bool>) {
    loop {
        look(&service).await;
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            // An error means that whoever could stop us is gone.
            _ = stopping.wait_for(|stop| *stop) => return,
        }
    }
}

/// Gives the warnings that are due. A disabled client's certificates lapse without one.
async fn look(service: &Service) {
    let clients = service.store().clients();
    let now = service.now_ms().div_euclid(1000);
    for client in clients.clients() {
        let Some(instance) = clients.instance(client.instance) else {
            continue;
        };
        if client.status == ClientStatus::Disabled {
            continue;
        }
        for held in &client.certificates {
            if let Some(days) = warning_due(held.not_after, held.warned, now) {
                warn(service, &client, &instance.scope, held, days).await;
            }
        }
    }
}

async fn warn(
    service: &Service,
    client: &Client,
    scope: &Arc<Scope>,
    held: &EnrolledCertificate,
    days: u32,
) {
    let now_ms = service.now_ms();
    let left = days_left(held.not_after, now_ms.div_euclid(1000));
    let given = match event(service, client, scope, held, now_ms) {
        Ok(event) => {
            let mut changeset = Changeset::new(event);
            changeset.write(Write::CertificateWarned(held.fingerprint, days));
            let applied = service.store().apply(changeset).await;
            applied.map(|_| ()).map_err(OpError::from)
        }
        Err(error) => Err(error),
    };
    let (fingerprint, label) = (held.fingerprint, client.label.as_str());
    match given {
        Ok(()) if left < 0 => {
            tracing::warn!(%fingerprint, label, "A client's certificate has expired: enrol its successor.");
        }
        Ok(()) => {
            tracing::warn!(%fingerprint, label, days = left, "A client's certificate expires soon: enrol its successor.");
        }
        // It is due again the next time.
        Err(error) => {
            tracing::error!(%fingerprint, label, detail = error.detail, "A certificate's end could not be warned of.");
        }
    }
}

fn event(
    service: &Service,
    client: &Client,
    scope: &Arc<Scope>,
    held: &EnrolledCertificate,
    now_ms: i64,
) -> Result<Event, OpError> {
    let request = Data::new()
        .text(Field::Label, &client.label)
        .text(Field::Fingerprint, held.fingerprint.to_string())
        .text(Field::Subject, &held.subject)
        .text(Field::NotAfter, rfc3339(held.not_after))
        .number(
            Field::DaysLeft,
            days_left(held.not_after, now_ms.div_euclid(1000)),
        );
    Ok(Event {
        id: service.event_id(now_ms)?,
        time_ms: now_ms,
        action: Action::ClientExpire,
        outcome: Outcome::Success,
        initiator: Arc::new(Initiator::server(&service.store().origin().name)),
        scope: Arc::clone(scope),
        target: Target::Resource(client.id.to_string()),
        reason: ReasonCode::Ok,
        failure: None,
        request,
        response: Data::new(),
        correlation: service.request_id(now_ms)?,
    })
}
