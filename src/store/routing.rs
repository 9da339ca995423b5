//! Where events go, as the store keeps it: a snapshot that everybody reads without a lock, and the wrapped secrets of endpoints.

use std::sync::Arc;

use super::engine::Connection;
use tokio::sync::watch;

use super::{Store, StoreError, sql};
use crate::crypto::Wrapped;
use crate::domain::TargetId;
use crate::domain::routing::Routing;

/// The secrets of an endpoint, wrapped by the master key, each with the name of its field.
pub type TargetSecrets = Vec<(String, Wrapped)>;

impl Store {
    /// Targets, routes and settings as last committed.
    #[must_use]
    pub fn routing(&self) -> Arc<Routing> {
        self.inner.shared.routing.load_full()
    }

    /// Moves when [`Store::routing`] changes.
    #[must_use]
    pub fn routing_changed(&self) -> watch::Receiver<u64> {
        self.inner.shared.routing_version.subscribe()
    }

    /// The wrapped secrets of a target's endpoint.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn target_secrets(&self, target: TargetId) -> Result<TargetSecrets, StoreError> {
        let secrets = move |db: &Connection| sql::routing::secrets(db, target);
        self.inner.readers.read(secrets).await
    }
}
