//! Warns of what is about to lapse, in the trail and in the log: clients' certificates, the server's own and its CA's, CAs that are trusted
//! for clients, and their revocation lists, and administrators' certificates.
//!
//! Each is warned of 30, 7 and 1 days before its end and once it has lapsed, each once in its life: what was warned of is stored with the
//! warning, so that no restart repeats it, and a successor starts anew. One file for each source says what is due; how it is told is here.
//! Nobody but the clock decides; whether what has lapsed still counts is decided elsewhere.

mod administrators;
mod authorities;
mod clients;
mod lists;
mod own;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::audit::{Action, Data, Event, Field, Outcome, ReasonCode, Target};
use crate::crypto::Fingerprint;
use crate::domain::clock::rfc3339;
use crate::domain::expiry::days_left;
use crate::domain::{Initiator, OwnCertificates, Scope};
use crate::ops::error::OpError;
use crate::ops::service::Service;
use crate::store::changeset::{Changeset, Write};

/// How often the dates are looked at: often enough that the last day's warning comes a day before the end.
const EVERY: Duration = Duration::from_secs(3600);

/// Warnings given in one transaction.
const PAGE: usize = 100;

/// The certificates of the server's own that are in use when it is asked.
pub type HeldOwn = Box<dyn Fn() -> Arc<OwnCertificates> + Send + Sync>;

/// Looks at every date now and every hour, until `stopping` turns true.
pub async fn warn_of_expiry(
    service: Arc<Service>,
    own: HeldOwn,
    mut stopping: watch::Receiver<bool>,
) {
    loop {
        look(&service, &own(), &stopping).await;
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            // An error means that whoever could stop us is gone.
            _ = stopping.wait_for(|stop| *stop) => return,
        }
    }
}

/// A warning that is due.
struct Due {
    action: Action,
    scope: Arc<Scope>,
    target: Target,
    /// What lapses and what to do, for the log.
    sentence: &'static str,
    /// Whose it is, for the log: a label, or a subject.
    name: String,
    /// Of the certificate; of a list, of its CA's.
    fingerprint: Fingerprint,
    /// The last second, since 1970.
    end: i64,
    /// What the event says beside the days that are left.
    data: Data,
    /// That it was warned of.
    kept: Write,
}

/// Gives the warnings that are due, a page of them in one transaction.
async fn look(service: &Service, own: &OwnCertificates, stopping: &watch::Receiver<bool>) {
    let now = service.now_ms().div_euclid(1000);
    let snapshot = service.store().clients();
    let mut due = own::due(service, own, now).await;
    due.extend(clients::due(&snapshot, now));
    due.extend(authorities::due(&snapshot, now));
    due.extend(lists::due(&snapshot, now));
    let administrators = service.store().administrators();
    due.extend(administrators::due(
        service.global_scope(),
        &administrators,
        now,
    ));
    for page in due.chunks(PAGE) {
        warn(service, page).await;
        if *stopping.borrow() {
            return;
        }
    }
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
    for due in page {
        let days = days_left(due.end, now_ms.div_euclid(1000));
        let (fingerprint, name, until) = (due.fingerprint, &due.name, rfc3339(due.end));
        match &given {
            Ok(()) => {
                tracing::warn!(%fingerprint, name, days, until, "{}", due.sentence);
            }
            // It is due again the next time.
            Err(error) => {
                tracing::error!(%fingerprint, name, until, detail = error.detail, "An end could not be warned of.");
            }
        }
    }
}

/// The warnings of a page with their events; none for an empty page.
fn changeset(service: &Service, page: &[Due], now_ms: i64) -> Result<Option<Changeset>, OpError> {
    let mut changeset: Option<Changeset> = None;
    for due in page {
        let event = event(service, due, now_ms)?;
        let changeset = match &mut changeset {
            Some(changeset) => {
                changeset.record(event);
                changeset
            }
            none => none.insert(Changeset::new(event)),
        };
        changeset.write(due.kept.clone());
    }
    Ok(changeset)
}

fn event(service: &Service, due: &Due, now_ms: i64) -> Result<Event, OpError> {
    let days = days_left(due.end, now_ms.div_euclid(1000));
    Ok(Event {
        id: service.event_id(now_ms)?,
        time_ms: now_ms,
        action: due.action,
        outcome: Outcome::Success,
        initiator: Arc::new(Initiator::server(&service.store().origin().name)),
        scope: Arc::clone(&due.scope),
        target: due.target.clone(),
        reason: ReasonCode::Ok,
        failure: None,
        request: due.data.clone().number(Field::DaysLeft, days),
        response: Data::new(),
        correlation: service.request_id(now_ms)?,
    })
}
