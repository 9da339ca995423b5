//! What requests come to, counted for metrics: by operation, outcome and time. The trail is where they are recorded; this is for looking on.

use std::time::{Duration, Instant};

use super::items::Done;
use crate::audit::ReasonCode;
use crate::domain::measure::{Count, Distribution};
use crate::kmip::operation::Operation;
use crate::ops::error::Cause;

/// Bounds of how long a message takes from the moment it is whole until its answer may leave, in microseconds.
const DURATIONS: &[u64] = &[
    250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
    2_500_000, 10_000_000,
];

/// What requests came to since the server started.
#[derive(Debug)]
pub struct Measures {
    operations: Box<[Measured]>,
    failures: Box<[Count]>,
    /// Messages that were refused as a whole.
    pub refused: Count,
    /// How long messages of several items took.
    pub batches: Distribution,
}

/// What requests of one operation came to.
#[derive(Debug)]
pub struct Measured {
    /// The operation; none: one that the standard does not know.
    pub operation: Option<Operation>,
    /// Items that were carried out.
    pub succeeded: Count,
    /// Items that failed.
    pub failed: Count,
    /// How long messages took that had this one item.
    pub duration: Distribution,
}

impl Default for Measures {
    fn default() -> Self {
        let known = Operation::ALL.iter().copied().map(Some);
        let measured = |operation| Measured {
            operation,
            succeeded: Count::default(),
            failed: Count::default(),
            duration: Distribution::new(DURATIONS),
        };
        Self {
            operations: known.chain([None]).map(measured).collect(),
            failures: ReasonCode::ALL.iter().map(|_| Count::default()).collect(),
            refused: Count::default(),
            batches: Distribution::new(DURATIONS),
        }
    }
}

impl Measures {
    /// What came to something, by operation.
    pub fn operations(&self) -> impl Iterator<Item = &Measured> {
        let used = |held: &&Measured| held.succeeded.total() + held.failed.total() > 0;
        self.operations.iter().filter(used)
    }

    /// How many items failed for each cause, as their events name it.
    pub fn failures(&self) -> impl Iterator<Item = (ReasonCode, u64)> {
        let counted = ReasonCode::ALL.iter().zip(&self.failures);
        counted.map(|(reason, count)| (*reason, count.total()))
    }

    /// Counts a message whose items were answered.
    pub(super) fn answered(&self, done: &[Done<'_>], begun: Instant) {
        for item in done {
            self.item(item.item.operation, item.failure);
        }
        let duration = match done {
            [only] => self.of(only.item.operation).map(|held| &held.duration),
            _ => Some(&self.batches),
        };
        if let Some(duration) = duration {
            duration.note(micros(begun.elapsed()));
        }
    }

    /// Counts a message that was refused as a whole.
    pub(super) fn refused(&self, cause: Cause) {
        self.refused.add_one();
        self.failed(cause);
    }

    fn item(&self, operation: Option<Operation>, failure: Option<Cause>) {
        if let Some(held) = self.of(operation) {
            let count = if failure.is_some() {
                &held.failed
            } else {
                &held.succeeded
            };
            count.add_one();
        }
        if let Some(cause) = failure {
            self.failed(cause);
        }
    }

    fn failed(&self, cause: Cause) {
        let reason = cause.failure().reason();
        let place = ReasonCode::ALL.iter().position(|held| *held == reason);
        if let Some(count) = place.and_then(|place| self.failures.get(place)) {
            count.add_one();
        }
    }

    /// The operations are in the order of their table, and what the standard does not know is last.
    fn of(&self, operation: Option<Operation>) -> Option<&Measured> {
        match operation {
            Some(operation) => self.operations.get(operation as usize),
            None => self.operations.last(),
        }
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_is_at_its_place() {
        let measures = Measures::default();
        for operation in Operation::ALL {
            let held = measures.of(Some(*operation)).unwrap();
            assert_eq!(held.operation, Some(*operation));
        }
        assert_eq!(measures.of(None).unwrap().operation, None);
    }

    #[test]
    fn items_count_by_operation_outcome_and_cause() {
        let measures = Measures::default();
        measures.item(Some(Operation::Get), None);
        measures.item(Some(Operation::Get), Some(Cause::NotFound));
        measures.refused(Cause::Malformed);
        let counted: Vec<_> = measures
            .operations()
            .map(|held| (held.operation, held.succeeded.total(), held.failed.total()))
            .collect();
        assert_eq!(counted, [(Some(Operation::Get), 1, 1)]);
        let failures: Vec<_> = measures
            .failures()
            .filter(|(_, count)| *count > 0)
            .map(|(reason, count)| (reason.code(), count))
            .collect();
        assert_eq!(failures, [(400, 1), (404, 1)]);
        assert_eq!(measures.refused.total(), 1);
    }
}
