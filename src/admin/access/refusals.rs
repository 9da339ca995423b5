//! Refused callers: each is recorded once per window and cause, with the number of refusals since the last record.
//!
//! The first refusal of a window is recorded before it is answered; those that follow are counted, and the count is recorded when the
//! window ends, whether the caller comes again or not. Credentials that are nobody's share one window: nothing a stranger sends makes the
//! trail or memory grow without bound.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::admin::{Admin, AdminError};
use crate::audit::{Action, Data, Event, Failure, Field, Outcome, Target};
use crate::domain::{EventId, Initiator, RequestId};
use crate::store::changeset::Changeset;

/// How long a window is, in seconds.
const WINDOW_SECONDS: i64 = 300;
/// The most windows that are open at once; what is beyond counts as nobody's.
const WINDOWS_MAX: usize = 4096;
/// How long to wait at most before windows are looked at again.
const PATIENCE: Duration = Duration::from_secs(60);

/// A request that is refused for who asks.
#[derive(Debug, Clone)]
pub(in crate::admin) struct Refused {
    /// Who asks, where that is known.
    pub(in crate::admin) initiator: Option<Initiator>,
    /// Why it is refused.
    pub(in crate::admin) failure: Failure,
    /// What was asked for, where the router was reached.
    pub(in crate::admin) operation: Option<String>,
}

struct Window {
    since: i64,
    refused: Refused,
    count: i64,
}

/// The windows that are open, and what waits to be recorded.
#[derive(Default)]
pub(in crate::admin) struct Refusals {
    windows: Mutex<HashMap<(String, Failure), Window>>,
    due: Mutex<Vec<(Refused, RequestId)>>,
    changed: Notify,
}

impl Refusals {
    /// Notes a refusal at `now`, seconds since 1970. Whether it is to be recorded at once.
    fn note(&self, refused: &Refused, now: i64) -> bool {
        let mut windows = self.windows();
        let whose = refused.initiator.as_ref().map(|party| party.id.clone());
        let mut key = (whose.unwrap_or_default(), refused.failure);
        if windows.len() >= WINDOWS_MAX && !windows.contains_key(&key) {
            key.0.clear();
        }
        if let Some(window) = windows.get_mut(&key) {
            window.count = window.count.saturating_add(1);
            return false;
        }
        let window = Window {
            since: now,
            refused: Refused {
                operation: None,
                ..refused.clone()
            },
            count: 0,
        };
        windows.insert(key, window);
        true
    }

    /// Ends the windows that are over at `now`, or all of them. Gives what was counted in them.
    fn close(&self, now: Option<i64>) -> Vec<(Refused, i64)> {
        let is_over = |since: i64| {
            // A clock that was set back ends them too.
            now.is_none_or(|now| !(0..WINDOW_SECONDS).contains(&now.saturating_sub(since)))
        };
        let mut windows = self.windows();
        let mut counted = Vec::new();
        windows.retain(|_, window| {
            let over = is_over(window.since);
            if over && window.count > 0 {
                counted.push((window.refused.clone(), window.count));
            }
            !over
        });
        counted
    }

    fn due(&self) -> MutexGuard<'_, Vec<(Refused, RequestId)>> {
        self.due.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn windows(&self) -> MutexGuard<'_, HashMap<(String, Failure), Window>> {
        // Nothing panics while it holds the lock.
        self.windows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Admin {
    /// Records that a request was refused, if it is the first of its window. It is durable when this returns, or the log says why not.
    pub(in crate::admin) async fn refuse(&self, refused: Refused, correlation: Option<RequestId>) {
        if self.refusals.note(&refused, self.now()) {
            self.record_refusal(&refused, 1, correlation).await;
        }
    }

    /// Has a refusal recorded soon, if it is the first of its window: how long the answer takes must not tell which refusal it is.
    pub(in crate::admin) fn note_refused(&self, refused: Refused, correlation: RequestId) {
        if self.refusals.note(&refused, self.now()) {
            let mut due = self.refusals.due();
            due.push((refused, correlation));
            drop(due);
            self.refusals.changed.notify_one();
        }
    }

    /// Records what is noted, and the counts of windows as they end, until `stop` is ready, and then those of all.
    pub(in crate::admin) async fn record_refusals(&self, stop: impl Future<Output = ()>) {
        tokio::pin!(stop);
        let mut goes_on = true;
        while goes_on {
            tokio::select! {
                () = &mut stop => goes_on = false,
                () = self.refusals.changed.notified() => {}
                () = tokio::time::sleep(PATIENCE) => {}
            }
            let due = std::mem::take(&mut *self.refusals.due());
            for (refused, correlation) in due {
                self.record_refusal(&refused, 1, Some(correlation)).await;
            }
            let now = goes_on.then(|| self.now());
            for (refused, count) in self.refusals.close(now) {
                self.record_refusal(&refused, count, None).await;
            }
        }
    }

    async fn record_refusal(&self, refused: &Refused, count: i64, correlation: Option<RequestId>) {
        let whose = refused.initiator.as_ref().map(|party| &*party.id);
        tracing::warn!(
            initiator = whose.unwrap_or("nobody known"),
            reason = refused.failure.sentence(),
            operation = refused.operation.as_deref(),
            count,
            "Administration was refused."
        );
        let recorded = match self.refusal(refused, count, correlation) {
            Ok(event) => {
                let applied = self.store.apply(Changeset::new(event)).await;
                applied.map(drop).map_err(AdminError::from)
            }
            Err(error) => Err(error),
        };
        if let Err(error) = recorded {
            tracing::error!(%error, "A refusal of the administration API could not be recorded.");
        }
    }

    fn refusal(
        &self,
        refused: &Refused,
        count: i64,
        correlation: Option<RequestId>,
    ) -> Result<Event, AdminError> {
        let time_ms = self.clock.now_ms();
        let known = refused.initiator.clone();
        let known = known.unwrap_or_else(|| Initiator::server(&self.store.origin().name));
        let data = match &refused.operation {
            Some(operation) => Data::new().text(Field::Operation, operation),
            None => Data::new(),
        };
        Ok(Event {
            id: EventId::new(time_ms, self.random_bytes()?),
            time_ms,
            action: Action::AccessRefuse,
            outcome: Outcome::Failure,
            initiator: std::sync::Arc::new(known),
            scope: self.global_scope()?,
            target: Target::Instance,
            reason: refused.failure.reason(),
            failure: Some(refused.failure),
            request: data
                .number(Field::Count, count)
                .number(Field::Window, WINDOW_SECONDS),
            response: Data::new(),
            correlation: match correlation {
                Some(correlation) => correlation,
                None => RequestId::new(time_ms, self.random_bytes()?),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(number: usize) -> Refused {
        Refused {
            initiator: Some(Initiator::local_user(u32::try_from(number).unwrap(), "")),
            failure: Failure::RoleTooLow,
            operation: None,
        }
    }

    #[test]
    fn each_caller_is_recorded_once_and_counted_to_the_end_of_the_window() {
        let refusals = Refusals::default();
        assert!(refusals.note(&refused(1), 0));
        assert!(refusals.note(&refused(2), 0), "another caller");
        for _ in 0..9 {
            assert!(!refusals.note(&refused(1), WINDOW_SECONDS - 1));
        }
        assert!(refusals.close(Some(WINDOW_SECONDS - 1)).is_empty());
        let counted = refusals.close(Some(WINDOW_SECONDS));
        assert_eq!(counted.len(), 1, "nothing was counted of the second");
        assert_eq!(counted[0].1, 9);
        assert!(refusals.note(&refused(1), WINDOW_SECONDS));
        assert!(!refusals.note(&refused(1), WINDOW_SECONDS));
        assert_eq!(refusals.close(None)[0].1, 1, "at the end all are told");
    }

    #[test]
    fn windows_are_bounded_and_what_is_beyond_is_counted() {
        let refusals = Refusals::default();
        let recorded = (0..WINDOWS_MAX + 100).filter(|number| refusals.note(&refused(*number), 0));
        assert_eq!(recorded.count(), WINDOWS_MAX + 1);
        let counted: i64 = refusals.close(None).iter().map(|(_, count)| *count).sum();
        assert_eq!(counted, 99);
    }
}
