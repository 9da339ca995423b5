//! A certificate that proved possession of its key and was refused.
//!
//! Each is recorded once per fingerprint and window, with the number of refusals since the last record, under a cap: nothing a stranger
//! sends makes the trail or memory grow without bound.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use crate::audit::{Action, Data, Event, Failure, Field, Outcome, Target};
use crate::crypto::{Certificate, Fingerprint};
use crate::domain::{Initiator, NotAdmitted};
use crate::ops::error::OpError;
use crate::ops::service::Service;
use crate::store::changeset::Changeset;

/// A refused certificate.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// The certificate.
    pub certificate: Certificate,
    /// Why it was refused.
    pub reason: NotAdmitted,
    /// Where it came from, for the log and the list of those that wait for approval; never for an event.
    pub address: IpAddr,
}

/// The most bytes an event keeps of a refused certificate's subject.
const SUBJECT_BYTES_MAX: usize = 256;

/// When a fingerprint was last recorded, and what has come since.
struct Seen {
    recorded: i64,
    since: u32,
}

/// The refusals of the present windows.
pub(crate) struct Refusals {
    window_seconds: i64,
    most: usize,
    seen: Mutex<HashMap<Fingerprint, Seen>>,
}

impl Refusals {
    pub(crate) fn new(window_seconds: i64, most: usize) -> Self {
        Self {
            window_seconds,
            most,
            seen: Mutex::new(HashMap::new()),
        }
    }

    /// How many refusals a record made now stands for; none if this one falls into a window that has its record, or under the cap.
    fn count(&self, fingerprint: Fingerprint, now: i64) -> Option<u32> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = seen.get_mut(&fingerprint) {
            known.since = known.since.saturating_add(1);
            if now - known.recorded < self.window_seconds {
                return None;
            }
            let count = known.since;
            *known = Seen {
                recorded: now,
                since: 0,
            };
            return Some(count);
        }
        if seen.len() >= self.most {
            seen.retain(|_, known| now - known.recorded < self.window_seconds);
        }
        if seen.len() >= self.most {
            return None;
        }
        seen.insert(
            fingerprint,
            Seen {
                recorded: now,
                since: 0,
            },
        );
        Some(1)
    }

    pub(crate) async fn note(&self, service: &Service, refusal: Refusal) {
        let now_ms = service.now_ms();
        let fingerprint = refusal.certificate.fingerprint();
        let Some(count) = self.count(fingerprint, now_ms.div_euclid(1000)) else {
            return;
        };
        tracing::warn!(%fingerprint, subject = shortened(refusal.certificate.subject()),
            address = %refusal.address, reason = %refusal.reason, count,
            "A client certificate was refused.");
        let recorded = match self.event(service, &refusal, now_ms, count) {
            Ok(event) => service
                .store()
                .apply(Changeset::new(event))
                .await
                .map_err(OpError::from),
            Err(error) => Err(error),
        };
        if let Err(error) = recorded {
            tracing::error!(
                detail = error.detail,
                "A refused certificate could not be recorded."
            );
        }
    }

    fn event(
        &self,
        service: &Service,
        refusal: &Refusal,
        now_ms: i64,
        count: u32,
    ) -> Result<Event, OpError> {
        let certificate = &refusal.certificate;
        let fingerprint = certificate.fingerprint().to_string();
        let clients = service.store().clients();
        let holder = clients.holder(&certificate.fingerprint());
        let label = holder.map_or("", |client| client.label.as_str());
        let failure = failure(refusal.reason);
        let request = Data::new()
            .text(Field::Fingerprint, &fingerprint)
            .text(Field::Subject, shortened(certificate.subject()))
            .number(Field::Count, i64::from(count))
            .number(Field::Window, self.window_seconds);
        Ok(Event {
            id: service.event_id(now_ms)?,
            time_ms: now_ms,
            action: Action::ClientRefuse,
            outcome: Outcome::Failure,
            initiator: Arc::new(Initiator::certificate(certificate.fingerprint(), label)),
            scope: Arc::clone(service.global_scope()),
            target: Target::Resource(fingerprint),
            reason: failure.reason(),
            failure: Some(failure),
            request,
            response: Data::new(),
            correlation: service.request_id(now_ms)?,
        })
    }
}

const fn failure(reason: NotAdmitted) -> Failure {
    match reason {
        NotAdmitted::Unknown => Failure::CertificateUnknown,
        NotAdmitted::Disabled => Failure::ClientDisabled,
        NotAdmitted::NotYetValid => Failure::CertificateNotYetValid,
        NotAdmitted::Expired => Failure::CertificateExpired,
        NotAdmitted::NotIssued => Failure::CertificateNotIssued,
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
