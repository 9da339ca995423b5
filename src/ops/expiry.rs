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
use crate::ops::list_expiry;
use crate::ops::service::Service;
use crate::store::changeset::{Changeset, Write};

/// How often the dates are looked at: often enough that the last day's warning comes a day before the end.
const EVERY: Duration = Duration::from_secs(3600);

/// Warnings given in one transaction.
const PAGE: usize = 100;

/// Looks at every certificate now and every hour, until `stopping` turns true.
pub async fn warn_of_expiry(service: Arc<Service>, mut stopping: watch::Receiver<bool>) {
    loop {
        look(&service, &stopping).await;
        list_expiry::look(&service).await;
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            // An error means that whoever could stop us is gone.
            _ = stopping.wait_for(|stop| *stop) => return,
        }
    }
}

/// A warning that is due.
struct Due {
    client: Arc<Client>,
    scope: Arc<Scope>,
    held: EnrolledCertificate,
    /// Of those before the end at which is warned.
    days: u32,
}

/// Gives the warnings that are due, a page of them in one transaction.
async fn look(service: &Service, stopping: &watch::Receiver<bool>) {
    for page in due(service).chunks(PAGE) {
        warn(service, page).await;
        if *stopping.borrow() {
            return;
        }
    }
}

/// A disabled client's certificates lapse without a warning.
fn due(service: &Service) -> Vec<Due> {
    let clients = service.store().clients();
    let now = service.now_ms().div_euclid(1000);
    let mut due = Vec::new();
    for client in clients.clients() {
        let Some(instance) = clients.instance(client.instance) else {
            continue;
        };
        if client.status == ClientStatus::Disabled {
            continue;
        }
        for held in &client.certificates {
            if let Some(days) = warning_due(held.not_after, held.warned, now) {
                due.push(Due {
                    client: Arc::clone(&client),
                    scope: Arc::clone(&instance.scope),
                    held: held.clone(),
                    days,
                });
            }
        }
    }
    due
}

async fn warn(service: &Service, page: &[Due]) {
    let now_ms = service.now_ms();
    let given = match changeset(service, page, now_ms) {
        Ok(Some(changeset)) => {
            let applied = service.store().apply(changeset).await;
            applied.map(|_| ()).map_err(OpError::from)
        }
        Ok(None) => return,
        Err(error) => Err(error),
    };
    for Due { client, held, .. } in page {
        let days = days_left(held.not_after, now_ms.div_euclid(1000));
        let (fingerprint, label) = (held.fingerprint, client.label.as_str());
        match &given {
            Ok(()) if days < 0 => {
                tracing::warn!(%fingerprint, label, "A client's certificate has expired: enrol its successor.");
            }
            Ok(()) => {
                tracing::warn!(%fingerprint, label, days, "A client's certificate expires soon: enrol its successor.");
            }
            // It is due again the next time.
            Err(error) => {
                tracing::error!(%fingerprint, label, detail = error.detail, "A certificate's end could not be warned of.");
            }
        }
    }
}

/// The warnings of a page with their events; none for an empty page.
fn changeset(service: &Service, page: &[Due], now_ms: i64) -> Result<Option<Changeset>, OpError> {
    let mut changeset: Option<Changeset> = None;
    for due in page {
        let event = event(service, &due.client, &due.scope, &due.held, now_ms)?;
        let changeset = match &mut changeset {
            Some(changeset) => {
                changeset.record(event);
                changeset
            }
            none => none.insert(Changeset::new(event)),
        };
        changeset.write(Write::CertificateWarned(due.held.fingerprint, due.days));
    }
    Ok(changeset)
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
