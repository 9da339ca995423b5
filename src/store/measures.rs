//! What committing comes to, counted for metrics.

use std::time::Duration;

use crate::domain::measure::Distribution;

/// Bounds of how many changesets share a transaction.
const CHANGESETS: &[u64] = &[1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];
/// Bounds of how long a sync takes, in microseconds.
const SYNCS: &[u64] = &[
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000,
    10_000_000,
];

/// Bounds of how often a transaction waited for the server of the database.
const ROUND_TRIPS: &[u64] = &[1, 2, 3, 4, 6, 8, 16, 32, 64, 256];

/// What committing came to since the store was opened.
#[derive(Debug)]
pub struct Measures {
    /// Changesets in each transaction that was committed.
    pub changesets: Distribution,
    /// How long the sync of each took, in microseconds.
    pub syncs: Distribution,
    /// How often each waited for the server of the database; nothing where that is in a file.
    pub round_trips: Distribution,
}

impl Default for Measures {
    fn default() -> Self {
        Self {
            changesets: Distribution::new(CHANGESETS),
            syncs: Distribution::new(SYNCS),
            round_trips: Distribution::new(ROUND_TRIPS),
        }
    }
}

impl Measures {
    pub(super) fn synced(&self, took: Duration) {
        self.syncs
            .note(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
    }
}
