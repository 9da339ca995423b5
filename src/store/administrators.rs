//! Who may administer the server from elsewhere, as the store knows them.

use std::collections::HashMap;
use std::sync::Arc;

use super::engine::Connection;

use super::writer::Kept;
use super::{ApplyError, Store, StoreError, sql};
use crate::domain::{Administrators, ApiKeyId};

impl Store {
    /// API keys and administrators as last committed.
    #[must_use]
    pub fn administrators(&self) -> Arc<Administrators> {
        self.inner.shared.administrators.load_full()
    }

    /// When API keys were last used, seconds since 1970, where they were.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn api_keys_used(&self) -> Result<HashMap<ApiKeyId, i64>, StoreError> {
        let used = |db: &Connection| sql::administrator::last_used(db);
        self.inner.readers.read(used).await
    }

    /// Keeps that an API key was used at this time, seconds since 1970. It is no change of the key, and makes no event.
    ///
    /// # Errors
    /// The store is closed, full or failed. Nothing was written.
    pub async fn keep_used(&self, key: ApiKeyId, at: i64) -> Result<(), ApplyError> {
        self.keep_part(Kept::Used(key, at)).await
    }
}
