//! Settings of the store.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The section `[store]` of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct StoreConfig {
    /// The database of several nodes, as a URL of PostgreSQL: `postgres://user@host1,host2/database`. Without it the database is a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The number of this node among those that share the database.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<u32>,
    /// The file that holds the password of the database's role, in one line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password_file: Option<PathBuf>,
    /// The CAs that the database's certificate is checked with, as PEM; without it those of the system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// Seconds after a node's last sign of life from which on others deliver what it left.
    pub stand_in_seconds: u64,
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
            url: None,
            node: None,
            password_file: None,
            ca_file: None,
            stand_in_seconds: 60,
            readers: 2,
            cache_objects: 100_000,
            commit_batch_max: 256,
            commit_events_max: 4096,
            queue_max: 4096,
            reserve_bytes: 64 * 1024 * 1024,
        }
    }
}
