//! What the store keeps of the certificates of the server's own, which lie in files.

use std::collections::HashMap;

use super::{Store, StoreError, sqlite};
use crate::crypto::Fingerprint;

impl Store {
    /// How many days before its end each certificate of the server's own was last warned of, where it was.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn own_warned(&self) -> Result<HashMap<Fingerprint, u32>, StoreError> {
        self.inner.readers.read(sqlite::own::warned).await
    }
}
