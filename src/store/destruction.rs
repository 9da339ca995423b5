//! What the store tells of destructions under way and of who read keys last.

use super::engine::Connection;
use super::{Store, StoreError, sql};
use crate::domain::destruction::Destruction;
use crate::domain::{InstanceId, ObjectId};

impl Store {
    /// The destruction of a key that is under way.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn destruction(&self, object: ObjectId) -> Result<Option<Destruction>, StoreError> {
        let load = move |db: &Connection| sql::destruction::load(db, object);
        self.inner.readers.read(load).await
    }

    /// A page of the destructions under way, of one instance's keys or of all: at most `limit` after a key, in the order of keys.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn destructions(
        &self,
        instance: Option<InstanceId>,
        after: Option<ObjectId>,
        limit: usize,
    ) -> Result<Vec<Destruction>, StoreError> {
        let page = move |db: &Connection| sql::destruction::page(db, instance, after, limit);
        self.inner.readers.search(page).await
    }

    /// At most `limit` of the destructions whose window has ended at `now`, seconds since 1970, after a key, in the order of keys.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn destructions_due(
        &self,
        now: i64,
        after: Option<ObjectId>,
        limit: usize,
    ) -> Result<Vec<Destruction>, StoreError> {
        let due = move |db: &Connection| sql::destruction::due(db, now, after, limit);
        self.inner.readers.search(due).await
    }

    /// How many keys of an instance are not destroyed.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn live_objects(&self, instance: InstanceId) -> Result<u64, StoreError> {
        let count = move |db: &Connection| sql::client::live_objects(db, instance);
        self.inner.readers.search(count).await
    }

    /// Who read each of these keys last, as identifier and name of the initiator; of one that was never read nobody.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn last_readers(
        &self,
        objects: Vec<ObjectId>,
    ) -> Result<Vec<Option<(String, String)>>, StoreError> {
        let readers = move |db: &Connection| {
            let each = objects.into_iter();
            each.map(|object| sql::destruction::last_reader(db, object))
                .collect()
        };
        self.inner.readers.search(readers).await
    }
}
