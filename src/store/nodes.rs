//! The nodes that share a database.

use std::path::Path;
use std::time::Duration;

use super::engine::Connection;
use super::postgres::{self, Server};
use super::reserve::Reserve;
use super::whereabouts::Whereabouts;
use super::{Room, Store, StoreConfig, StoreError};

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

    /// The names of the other nodes that are at work now.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn others_at_work(&self) -> Result<Vec<String>, StoreError> {
        let Some(own) = self.inner.whereabouts.server().map(|server| server.node) else {
            return Ok(Vec::new());
        };
        let at_work = move |db: &Connection| postgres::at_work(db, own);
        self.inner.readers.read(at_work).await
    }

    /// The other nodes that gave no sign of life for so long, and left events that targets were not given.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn left_undelivered(&self, silent: Duration) -> Result<Vec<u32>, StoreError> {
        let Some(own) = self.inner.whereabouts.server().map(|server| server.node) else {
            return Ok(Vec::new());
        };
        let left = move |db: &Connection| postgres::left_undelivered(db, own, silent.as_secs());
        self.inner.readers.search(left).await
    }

    /// Opens the trail of another node, to deliver what it left. While this is open the node cannot start: close it soon. Nothing but how far
    /// targets are may be written. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Busy`] when the node, or whoever else delivers for it, is at work.
    pub fn open_left(
        path: &Path,
        config: &StoreConfig,
        node: u32,
        now_ms: i64,
    ) -> Result<Self, StoreError> {
        let config = StoreConfig {
            node: Some(node),
            readers: 1,
            cache_objects: 1,
            ..config.clone()
        };
        let Some(mut server) = Server::of(&config)? else {
            return Err(StoreError::Closed);
        };
        server.stands_in = true;
        let db = postgres::open(&server, now_ms.div_euclid(1000))?;
        let opened = (
            db,
            Whereabouts::Server(server),
            Reserve::open(path, 0),
            Room::Enough,
        );
        let on_fatal = |error: &str| {
            tracing::error!(error, "What another node left cannot be delivered for now.");
        };
        Self::start(opened, path, &config, Box::new(on_fatal))
    }
}
