//! What the store keeps of the certificates of the server's own, which lie in files.

use std::collections::HashMap;

use super::engine::Connection;
use super::writer::Kept;
use super::{ApplyError, Store, StoreError, sql};
use crate::crypto::{Fingerprint, Withdrawn};
use crate::domain::OwnCertificates;

impl Store {
    /// The certificates of the server's own that were in use last; none where that was not kept yet.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn own_certificates(&self) -> Result<Option<OwnCertificates>, StoreError> {
        self.inner.readers.read(sql::own::in_use).await
    }

    /// Keeps which certificates of the server's own are in use where nothing is kept of that yet: there is nothing that they took the place of,
    /// and so no event.
    ///
    /// # Errors
    /// The store is closed, full or failed. Nothing was written.
    pub async fn keep_own(&self, own: OwnCertificates) -> Result<(), ApplyError> {
        self.keep_part(Kept::Own(Box::new(own))).await
    }

    /// How many days before its end each certificate of the server's own was last warned of, where it was.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn own_warned(&self) -> Result<HashMap<Fingerprint, u32>, StoreError> {
        self.inner.readers.read(sql::own::warned).await
    }

    /// What of the certificates of this CA of ours counts no more at `now` (seconds since 1970), by serial number. Those that were removed
    /// before that was kept are not among them.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn withdrawn(
        &self,
        issuer: Fingerprint,
        now: i64,
    ) -> Result<Vec<Withdrawn>, StoreError> {
        let withdrawn = move |db: &Connection| sql::withdrawn::of(db, &issuer, now);
        self.inner.readers.read(withdrawn).await
    }
}
