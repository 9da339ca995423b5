//! Certificates that proved possession of their key and were not simply let in.
//!
//! Each is recorded once per window, with the number of sightings since the last record, under a budget: nothing a stranger sends
//! makes the trail, the log or memory grow without bound, and nothing of it is lost from the counts. The handshake only notes a
//! sighting; a task of its own writes the events.

mod ledger;

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::audit::{Action, Data, Event, Failure, Field, Outcome, ReasonCode, Target};
use crate::crypto::Certificate;
use crate::domain::{Initiator, NotAdmitted};
use crate::ops::error::OpError;
use crate::ops::service::{Config, Service};
use crate::store::changeset::Changeset;
use ledger::{Bounds, Entry, Ledger, Seen};

/// The most bytes an event keeps of a certificate's subject.
const SUBJECT_BYTES_MAX: usize = 256;
/// How long to wait at most before windows are looked at again, in seconds.
const PATIENCE_SECONDS: i64 = 60;

/// A certificate whose key the peer has, and what was decided.
#[derive(Debug, Clone)]
pub struct Sighting {
    /// The certificate.
    pub certificate: Certificate,
    /// What was decided.
    pub decision: Decision,
    /// Where it came from, for the log and the list of those that wait for approval; never for an event.
    pub address: IpAddr,
}

/// What was decided about a certificate that is not simply let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Decision {
    /// It is refused.
    Refused(NotAdmitted),
    /// It has expired, and is let in for the time of grace.
    InGrace,
}

impl Decision {
    /// Whether the certificate is one of a client's: there are no more of those than were enrolled.
    const fn is_of_enrolled(self) -> bool {
        match self {
            Self::Refused(
                NotAdmitted::Unknown
                | NotAdmitted::Ambiguous
                | NotAdmitted::Removed
                | NotAdmitted::Revoked
                | NotAdmitted::ListLapsed
                | NotAdmitted::Suspended
                | NotAdmitted::TooMany
                | NotAdmitted::Twice
                | NotAdmitted::Unstored,
            ) => false,
            Self::Refused(
                NotAdmitted::Disabled
                | NotAdmitted::NotYetValid
                | NotAdmitted::Expired
                | NotAdmitted::NotIssued,
            )
            | Self::InGrace => true,
        }
    }
}

/// What was seen in the present windows, and what waits to be written.
pub(crate) struct Sightings {
    window_seconds: i64,
    books: Mutex<Books>,
    changed: Notify,
}

struct Books {
    ledger: Ledger,
    due: Vec<Entry>,
}

impl Sightings {
    pub(crate) fn new(config: &Config) -> Self {
        let ledger = Ledger::new(Bounds {
            window_seconds: config.refusal_window_seconds,
            most: config.refusals_max,
            events_per_day: config.refusal_events_per_day_max,
        });
        let due = Vec::new();
        Self {
            window_seconds: config.refusal_window_seconds,
            books: Mutex::new(Books { ledger, due }),
            changed: Notify::new(),
        }
    }

    /// Notes a sighting; never waits. `now` in seconds since 1970.
    pub(crate) fn note(&self, sighting: &Sighting, now: i64) {
        let mut books = self.books();
        let entry = books.ledger.note(sighting, now);
        let is_due = entry.is_some();
        books.due.extend(entry);
        drop(books);
        if is_due {
            self.changed.notify_one();
        }
    }

    /// Writes events until `stop` is ready, then what was counted and not written yet.
    pub(crate) async fn record(&self, service: &Service, stop: impl Future<Output = ()>) {
        tokio::pin!(stop);
        loop {
            let now = service.now_ms().div_euclid(1000);
            let (due, wait) = self.take_due(now);
            for entry in due {
                self.write(service, entry).await;
            }
            tokio::select! {
                () = &mut stop => break,
                () = self.changed.notified() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
        let rest = {
            let mut books = self.books();
            let mut rest = std::mem::take(&mut books.due);
            rest.extend(books.ledger.finish());
            rest
        };
        for entry in rest {
            self.write(service, entry).await;
        }
    }

    /// What is to be written now, and how long to wait for more.
    fn take_due(&self, now: i64) -> (Vec<Entry>, Duration) {
        let mut books = self.books();
        let mut due = std::mem::take(&mut books.due);
        due.extend(books.ledger.close(now));
        let wait = books.ledger.next_end(now).unwrap_or(PATIENCE_SECONDS);
        let wait = wait.clamp(1, PATIENCE_SECONDS);
        (due, Duration::from_secs(wait.unsigned_abs()))
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        // Nothing panics while it holds the lock.
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn write(&self, service: &Service, entry: Entry) {
        log(&entry);
        let written = match self.event(service, &entry) {
            Ok(event) => service
                .store()
                .apply(Changeset::new(event))
                .await
                .map_err(OpError::from),
            Err(error) => Err(error),
        };
        if let Err(error) = written {
            tracing::error!(
                detail = error.detail,
                "A refused certificate could not be recorded; it counts in the next summary."
            );
            let now = service.now_ms().div_euclid(1000);
            self.books().ledger.give_back(&entry, now);
        }
    }

    fn event(&self, service: &Service, entry: &Entry) -> Result<Event, OpError> {
        let time_ms = service.now_ms();
        let mut event = Event {
            id: service.event_id(time_ms)?,
            time_ms,
            action: Action::ClientRefuse,
            outcome: Outcome::Failure,
            initiator: Arc::new(Initiator::server(&service.store().origin().name)),
            scope: Arc::clone(service.global_scope()),
            target: Target::Instance,
            reason: ReasonCode::Unauthorized,
            failure: Some(Failure::CertificateUnknown),
            request: Data::new(),
            response: Data::new(),
            correlation: service.request_id(time_ms)?,
        };
        let count = match entry {
            Entry::Others { count } => count,
            Entry::Certificate(seen) => {
                describe(service, seen, &mut event);
                &seen.count
            }
        };
        let count = i64::try_from(*count).unwrap_or(i64::MAX);
        event.request = event
            .request
            .number(Field::Count, count)
            .number(Field::Window, self.window_seconds);
        Ok(event)
    }
}

/// Says in an event whose certificate it was and what was decided.
fn describe(service: &Service, seen: &Seen, event: &mut Event) {
    let fingerprint = seen.fingerprint.to_string();
    let clients = service.store().clients();
    let holder = clients.holder(&seen.fingerprint);
    let label = holder.map_or("", |client| client.label.as_str());
    event.initiator = Arc::new(Initiator::certificate(seen.fingerprint, label));
    event.target = Target::Resource(fingerprint.clone());
    event.request = Data::new()
        .text(Field::Fingerprint, fingerprint)
        .text(Field::Subject, &seen.subject);
    match seen.decision {
        Decision::Refused(reason) => {
            let failure = failure(reason);
            event.reason = failure.reason();
            event.failure = Some(failure);
        }
        Decision::InGrace => {
            event.action = Action::ClientAdmit;
            event.outcome = Outcome::Success;
            event.reason = ReasonCode::Ok;
            event.failure = None;
            if let Some(instance) = holder.and_then(|client| clients.instance(client.instance)) {
                event.scope = Arc::clone(&instance.scope);
            }
        }
    }
}

/// One line for each event.
fn log(entry: &Entry) {
    let seen = match entry {
        Entry::Certificate(seen) => seen,
        Entry::Others { count } => {
            tracing::warn!(
                count,
                "More client certificates were refused than are told one by one."
            );
            return;
        }
    };
    let Seen {
        fingerprint,
        subject,
        address,
        count,
        ..
    } = seen;
    match seen.decision {
        Decision::Refused(reason) => {
            tracing::warn!(%fingerprint, subject, %address, %reason, count, "A client certificate was refused.");
        }
        Decision::InGrace => {
            tracing::warn!(%fingerprint, subject, %address, count,
                "A client was let in with an expired certificate, within the time of grace: enrol its successor.");
        }
    }
}

const fn failure(reason: NotAdmitted) -> Failure {
    match reason {
        NotAdmitted::Unknown => Failure::CertificateUnknown,
        NotAdmitted::Disabled | NotAdmitted::Suspended => Failure::ClientDisabled,
        NotAdmitted::NotYetValid => Failure::CertificateNotYetValid,
        NotAdmitted::Expired => Failure::CertificateExpired,
        NotAdmitted::NotIssued => Failure::CertificateNotIssued,
        NotAdmitted::Ambiguous => Failure::CertificateAmbiguous,
        NotAdmitted::Removed => Failure::CertificateRemoved,
        NotAdmitted::Revoked => Failure::CertificateRevoked,
        NotAdmitted::ListLapsed => Failure::RevocationListLapsed,
        NotAdmitted::TooMany => Failure::CertificateTooMany,
        NotAdmitted::Twice => Failure::CertificateTwice,
        NotAdmitted::Unstored => Failure::StoreUnavailable,
    }
}

/// The subject, cut between two characters so that it fits into an event.
fn shortened(subject: &str) -> &str {
    let mut end = subject.len().min(SUBJECT_BYTES_MAX);
    while !subject.is_char_boundary(end) {
        end -= 1;
    }
    subject.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{SUBJECT_BYTES_MAX, shortened};

    #[test]
    fn a_long_subject_is_cut_between_characters() {
        assert_eq!(shortened("short"), "short");
        let long = "ä".repeat(300);
        assert_eq!(shortened(&long).len(), SUBJECT_BYTES_MAX);
        let odd = format!("a{long}");
        assert_eq!(shortened(&odd).len(), SUBJECT_BYTES_MAX - 1);
    }
}
