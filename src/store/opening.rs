//! How a store comes to be open: made, joined or found there, brought up to date, and its threads started.
//!
//! Nothing of a database is changed before it is known to be one of this program's, of a schema that it knows.

use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;
use tokio::sync::watch;

use super::beside::BesideFile;
use super::cache::Cache;
use super::engine::Connection;
use super::following::Following;
use super::gather::Gather;
use super::interned::Interned;
use super::readers::Readers;
use super::reserve::Reserve;
use super::whereabouts::Whereabouts;
use super::writer::Writer;
use super::{
    Handle, InitMeta, Inner, Inspection, LastSealed, Measures, OnFatal, Room, Shared, Store,
    StoreConfig, StoreError, changed, postgres, snapshot, sql, sqlite,
};

/// What a new database needs on the disk, its log and index included, with its first instance; generously, in bytes.
const NEW_BYTES: u64 = 1 << 20;

impl Shared {
    /// What the database holds of it.
    fn load(db: &Connection, room: Room, config: &StoreConfig) -> Result<Self, StoreError> {
        let kept = changed::Kept::default();
        if matches!(db, Connection::Server(_)) {
            // Before the rest: what is changed meanwhile is read once more.
            *kept.hold() = changed::Counters::read(db)?;
        }
        let epochs = sql::epochs(db)?;
        let head = sql::head(db, &epochs)?;
        let sealed = sql::seal::sealed(db, epochs.of(head))?;
        let removal = sql::retention::removal(db)?;
        Ok(Self {
            cache: Cache::new(config.cache_objects),
            clients: ArcSwap::from_pointee(sql::client::snapshot(db)?),
            clients_version: watch::Sender::new(0),
            administrators: ArcSwap::from_pointee(sql::administrator::snapshot(db)?),
            head: watch::Sender::new(head),
            epochs: ArcSwap::from_pointee(epochs),
            interned: Interned::load(db)?,
            gather: Gather::new(),
            measures: Measures::default(),
            room: watch::Sender::new(room),
            routing: ArcSwap::from_pointee(sql::routing::snapshot(db)?),
            routing_version: watch::Sender::new(0),
            delivery_version: watch::Sender::new(0),
            sealed: watch::Sender::new(sealed),
            kept_from: AtomicU64::new(removal.map_or(0, |removal| removal.kept_from.0)),
            master_key: ArcSwap::from_pointee(sql::master_key::record(db)?),
            kept,
        })
    }
}

impl Store {
    /// Makes a new database and opens it: in a file, readable by its owner only, or on the server that the settings name.
    ///
    /// # Errors
    /// [`StoreError::Present`] when there is a file already, [`StoreError::Full`] when the disk has no room for one: nothing is left
    /// then. [`StoreError::Refused`] when the server has such a database already.
    pub fn create(path: &Path, config: &StoreConfig, meta: &InitMeta) -> Result<Self, StoreError> {
        let whereabouts = Whereabouts::of(path, config)?;
        if path.symlink_metadata().is_ok() {
            return Err(StoreError::Present(path.to_owned()));
        }
        let reserve = reserve(&whereabouts, path, config);
        if whereabouts.server().is_none() && reserve.disk_refuses(NEW_BYTES) {
            reserve.abandon();
            return Err(StoreError::Full);
        }
        let db = whereabouts.create(meta)?;
        let opened = (db, whereabouts, reserve, Room::Enough);
        Self::start(opened, path, config, Box::new(abort))
    }

    /// Begins the trail of one more node in a database on a server that others use, and opens it.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when the settings name no server, when there is no such database on it, or the node has a trail there already.
    pub fn join(path: &Path, config: &StoreConfig, meta: &InitMeta) -> Result<Self, StoreError> {
        let whereabouts = Whereabouts::of(path, config)?;
        let Some(server) = whereabouts.server() else {
            let words = "a database in a file has one node: the settings name no store.url";
            return Err(StoreError::Refused(words.to_owned()));
        };
        let db = postgres::join(server, meta)?;
        let reserve = reserve(&whereabouts, path, config);
        let opened = (db, whereabouts, reserve, Room::Enough);
        Self::start(opened, path, config, Box::new(abort))
    }

    /// Looks at a database without changing anything of it. The caller holds what keeps others from it.
    ///
    /// # Errors
    /// [`StoreError::Absent`], [`StoreError::NotADatabase`], [`StoreError::Newer`] and what else keeps it from being read.
    pub fn inspect(path: &Path, config: &StoreConfig) -> Result<Inspection, StoreError> {
        match Whereabouts::of(path, config)? {
            Whereabouts::File(path) => sqlite::inspect(&path),
            Whereabouts::Server(server) => postgres::inspect(&server),
        }
    }

    /// Looks, without changing anything, whether the trail of a database of the newest schema goes on from what was sealed last. The caller
    /// holds what keeps others from it.
    ///
    /// # Errors
    /// The database cannot be read, or what is kept beside it.
    pub fn inspect_seal(path: &Path, config: &StoreConfig) -> Result<LastSealed, StoreError> {
        let beside = BesideFile::of(path);
        match Whereabouts::of(path, config)? {
            Whereabouts::File(path) => sqlite::inspect_seal(&path, &beside),
            Whereabouts::Server(server) => postgres::inspect_seal(&server, &beside),
        }
    }

    /// [`Store::inspect`] before a start: where a full disk keeps the database from being read, room is given from the reserve.
    ///
    /// # Errors
    /// Those of [`Store::inspect`].
    pub fn inspect_to_open(path: &Path, config: &StoreConfig) -> Result<Inspection, StoreError> {
        match Self::inspect(path, config) {
            Err(StoreError::Full | StoreError::Unwritten(_)) if config.url.is_none() => {
                let mut reserve = Reserve::open(path, config.reserve_bytes);
                from_reserve(&mut reserve, &mut Room::Enough, || sqlite::inspect(path))
            }
            found => found,
        }
    }

    /// Opens an existing database and brings its schema up to date. `now_ms` in milliseconds since
    /// 1970.
    ///
    /// # Errors
    /// [`StoreError::Absent`], [`StoreError::NotADatabase`], [`StoreError::Newer`] and what else
    /// keeps it from opening.
    pub fn open(path: &Path, config: &StoreConfig, now_ms: i64) -> Result<Self, StoreError> {
        Self::open_with(path, config, now_ms, Box::new(abort))
    }

    /// Opens as [`Store::open`] does, with what to call when a sync fails instead of aborting the
    /// process.
    ///
    /// # Errors
    /// Those of [`Store::open`].
    pub fn open_with(
        path: &Path,
        config: &StoreConfig,
        now_ms: i64,
        on_fatal: OnFatal,
    ) -> Result<Self, StoreError> {
        let whereabouts = Whereabouts::of(path, config)?;
        snapshot::sweep(path);
        let mut reserve = reserve(&whereabouts, path, config);
        let mut room = Room::Enough;
        let db = from_reserve(&mut reserve, &mut room, || {
            whereabouts.open(now_ms.div_euclid(1000))
        })?;
        if !reserve.is_whole() && reserve.disk_is_full() {
            room = Room::Reserve;
        }
        Self::start((db, whereabouts, reserve, room), path, config, on_fatal)
    }

    pub(super) fn start(
        (db, whereabouts, reserve, room): (Connection, Whereabouts, Reserve, Room),
        path: &Path,
        config: &StoreConfig,
        on_fatal: OnFatal,
    ) -> Result<Self, StoreError> {
        if room != Room::Enough {
            tracing::error!("The disk is full. Keys are served from the reserve; make room.");
        } else if !reserve.is_whole() {
            tracing::warn!(
                "The disk has no room for the whole reserve: make room, or set a smaller reserve-bytes."
            );
        }
        let shared = Arc::new(Shared::load(&db, room, config)?);
        let following = Following::start(&whereabouts, &shared)?;
        let readers = Readers::start(&whereabouts, config.readers)?;
        let opened = (db, whereabouts.clone());
        let (commands, thread) =
            Writer::start(opened, reserve, Arc::clone(&shared), config, on_fatal)?;
        let writer = Handle {
            commands: Some(commands),
            shared: Arc::clone(&shared),
            thread: Mutex::new(Some(thread)),
        };
        Ok(Self {
            inner: Arc::new(Inner {
                shared,
                whereabouts,
                beside: BesideFile::of(path),
                readers,
                writer,
                following,
            }),
        })
    }
}

/// The room kept for a full disk; none for a database whose disk is another machine's.
fn reserve(whereabouts: &Whereabouts, path: &Path, config: &StoreConfig) -> Reserve {
    let bytes = whereabouts.server().map_or(config.reserve_bytes, |_| 0);
    Reserve::open(path, bytes)
}

/// On a full disk even what a database needs to be opened may have to come from the reserve; `room` tells that it did.
fn from_reserve<T>(
    reserve: &mut Reserve,
    room: &mut Room,
    mut open: impl FnMut() -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    loop {
        match open() {
            // To the engine, an exceeded quota is a write that failed.
            Err(StoreError::Full | StoreError::Unwritten(_))
                if reserve.disk_is_full() && reserve.release() =>
            {
                *room = Room::Reserve;
            }
            opened => return opened,
        }
    }
}

/// A failed sync: what the disk holds is not known, and nothing that follows can be trusted.
pub(super) fn abort(error: &str) {
    tracing::error!(error, "The database could not be synced. The process ends.");
    std::process::abort();
}
