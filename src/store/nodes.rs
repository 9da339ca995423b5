//! The nodes that share a database.

use super::engine::Connection;
use super::{Store, StoreError, postgres};

/// A node of those that share a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its number.
    pub number: u32,
    /// Its name: that of its trail's origin.
    pub name: String,
    /// When it was given number and name, seconds since 1970; none of the first.
    pub prepared: Option<i64>,
    /// When its trail began, seconds since 1970; none: it has not joined yet.
    pub joined: Option<i64>,
    /// Its last sign of life, seconds since 1970.
    pub seen: Option<i64>,
    /// The release of the program that gave it.
    pub release: Option<String>,
}

impl Store {
    /// Whether other nodes may use the database.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        self.inner.whereabouts.server().is_some()
    }

    /// Every node that shares the database, by number; none where it is a file.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn nodes(&self) -> Result<Vec<Node>, StoreError> {
        if self.inner.whereabouts.server().is_none() {
            return Ok(Vec::new());
        }
        let nodes = |db: &Connection| postgres::nodes(db);
        self.inner.readers.read(nodes).await
    }
}
