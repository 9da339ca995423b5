//! Settings of the store.

use serde::{Deserialize, Serialize};

/// The section `[store]` of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct StoreConfig {
    /// Threads that read, each with a connection.
    pub readers: usize,
    /// Objects kept in memory. A large one counts as several.
    pub cache_objects: usize,
    /// Changesets committed with one sync, at most.
    pub commit_batch_max: usize,
    /// Events committed with one sync, at most; one changeset may pass it.
    pub commit_events_max: usize,
    /// Changesets that may wait for the writer; who brings more waits with them.
    pub queue_max: usize,
    /// Bytes kept on the disk for reads and their events when it is full; 0 keeps none.
    pub reserve_bytes: u64,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self {
            readers: 2,
            cache_objects: 100_000,
            commit_batch_max: 256,
            commit_events_max: 4096,
            queue_max: 4096,
            reserve_bytes: 64 * 1024 * 1024,
        }
    }
}
