//! How often what every node keeps in memory was changed, by whichever node: clients, administrators, routing, the master key.
//!
//! A database that several nodes share counts these changes in one row. Whoever writes reads it first, and who finds another number than that
//! of what it keeps reads that anew before it decides anything. What is kept of a file is never behind.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::engine::Connection;
use super::error::StoreError;
use super::{Shared, sql};

/// How often each was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Counters {
    /// Clients, certificates, anchors, instances.
    pub(super) clients: u64,
    /// API keys and administrators.
    pub(super) administrators: u64,
    /// Targets, routes and settings.
    pub(super) routing: u64,
    /// The master key and its recovery key.
    pub(super) keys: u64,
}

impl Counters {
    /// Those of the database.
    pub(super) fn read(db: &Connection) -> Result<Self, StoreError> {
        let sql = "SELECT clients, administrators, routing, keys FROM change WHERE id = 1";
        Ok(db.prepare_cached(sql)?.query_row([], |row| {
            Ok(Self {
                clients: row.get(0)?,
                administrators: row.get(1)?,
                routing: row.get(2)?,
                keys: row.get(3)?,
            })
        })?)
    }

    /// Adds to those of the database.
    pub(super) fn add(self, db: &Connection) -> Result<(), StoreError> {
        let sql = "UPDATE change SET clients = clients + ?1, administrators = administrators + ?2, routing = routing + ?3,
            keys = keys + ?4 WHERE id = 1";
        db.prepare_cached(sql)?.execute(super::engine::params![
            self.clients,
            self.administrators,
            self.routing,
            self.keys
        ])?;
        Ok(())
    }

    /// These and as many more.
    pub(super) const fn plus(self, more: Self) -> Self {
        Self {
            clients: self.clients + more.clients,
            administrators: self.administrators + more.administrators,
            routing: self.routing + more.routing,
            keys: self.keys + more.keys,
        }
    }

    /// The larger of each.
    pub(super) fn at_least(self, other: Self) -> Self {
        Self {
            clients: self.clients.max(other.clients),
            administrators: self.administrators.max(other.administrators),
            routing: self.routing.max(other.routing),
            keys: self.keys.max(other.keys),
        }
    }

    /// Whether nothing was changed.
    pub(super) fn are_none(self) -> bool {
        self == Self::default()
    }
}

/// What is kept in memory is that of these numbers. Who puts something newer there holds it meanwhile.
#[derive(Debug, Default)]
pub(super) struct Kept(Mutex<Counters>);

impl Kept {
    /// The numbers, held.
    pub(super) fn hold(&self) -> MutexGuard<'_, Counters> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    /// Reads anew what was changed since, and shows it to everyone. `db` sees these numbers, or what came after them.
    ///
    /// # Errors
    /// When the database cannot be read: nothing of it is shown.
    pub(super) fn catch_up(&self, db: &Connection, now: Counters) -> Result<(), StoreError> {
        let seen = *self.kept.hold();
        // Read before it is held: whoever else holds it waits for no database.
        let clients = (now.clients > seen.clients).then(|| sql::client::snapshot(db));
        let clients = clients.transpose()?;
        let administrators = (now.administrators > seen.administrators)
            .then(|| sql::administrator::snapshot(db))
            .transpose()?;
        let routing = (now.routing > seen.routing).then(|| sql::routing::snapshot(db));
        let routing = routing.transpose()?;
        let master_key = (now.keys > seen.keys).then(|| sql::master_key::record(db));
        let master_key = master_key.transpose()?;
        let mut kept = self.kept.hold();
        if let Some(clients) = clients.filter(|_| now.clients > kept.clients) {
            self.clients.store(Arc::new(clients));
            kept.clients = now.clients;
            self.clients_version.send_modify(|version| *version += 1);
        }
        if let Some(administrators) =
            administrators.filter(|_| now.administrators > kept.administrators)
        {
            self.administrators.store(Arc::new(administrators));
            kept.administrators = now.administrators;
        }
        if let Some(routing) = routing.filter(|_| now.routing > kept.routing) {
            self.routing.store(Arc::new(routing));
            kept.routing = now.routing;
            self.routing_version.send_modify(|version| *version += 1);
        }
        if let Some(master_key) = master_key.filter(|_| now.keys > kept.keys) {
            self.master_key.store(Arc::new(master_key));
            kept.keys = now.keys;
        }
        Ok(())
    }

    /// Reads all of it anew, whatever the numbers: those of a database that lost its last changes have gone back.
    ///
    /// # Errors
    /// When the database cannot be read: nothing of it is shown.
    pub(super) fn read_anew(&self, db: &Connection) -> Result<(), StoreError> {
        let now = Counters::read(db)?;
        let clients = sql::client::snapshot(db)?;
        let administrators = sql::administrator::snapshot(db)?;
        let routing = sql::routing::snapshot(db)?;
        let master_key = sql::master_key::record(db)?;
        let mut kept = self.kept.hold();
        self.clients.store(Arc::new(clients));
        self.administrators.store(Arc::new(administrators));
        self.routing.store(Arc::new(routing));
        self.master_key.store(Arc::new(master_key));
        *kept = now;
        self.clients_version.send_modify(|version| *version += 1);
        self.routing_version.send_modify(|version| *version += 1);
        Ok(())
    }
}
