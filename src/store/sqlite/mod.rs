//! SQLite: the file, its settings and its schema.
//!
//! It gives out connections and runs statements; which thread runs them and when they are committed
//! is decided above. Files are made private to their owner before SQLite sees them; `-wal` and
//! `-shm` take over the mode of the database.

mod draft;
mod inspection;
mod log;
mod snapshot;

use std::cell::Cell;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::OpenFlags;
use rusqlite::hooks::Wal;

pub(super) use draft::{begin_draft, finish_draft, set_aside};
pub(super) use inspection::{check_whole, inspect, inspect_seal};
pub(super) use log::Log;
pub(super) use snapshot::copy;

use super::InitMeta;
use super::engine::{Connection, params};
use super::error::StoreError;
use super::sql::{self, object, seal};

/// Marks the file as a database of this program: "KLDG".
const APPLICATION_ID: i32 = 0x4b4c_4447;

/// Every migration, oldest first; the schema's number is how many of them were applied.
const MIGRATIONS: &[(&str, &str)] = &[
    ("0001_start", include_str!("migrations/0001_start.sql")),
    (LOCATE, include_str!("migrations/0002_locate.sql")),
    (
        "0003_credentials",
        include_str!("migrations/0003_credentials.sql"),
    ),
    ("0004_trust", include_str!("migrations/0004_trust.sql")),
    ("0005_anchors", include_str!("migrations/0005_anchors.sql")),
    ("0006_values", include_str!("migrations/0006_values.sql")),
    (SEAL, include_str!("migrations/0007_seal.sql")),
    ("0008_routing", include_str!("migrations/0008_routing.sql")),
    (
        "0009_delivery",
        include_str!("migrations/0009_delivery.sql"),
    ),
    (
        "0010_retention",
        include_str!("migrations/0010_retention.sql"),
    ),
    (
        "0011_rendering",
        include_str!("migrations/0011_rendering.sql"),
    ),
    (
        "0012_permissions",
        include_str!("migrations/0012_permissions.sql"),
    ),
    (
        "0013_destruction",
        include_str!("migrations/0013_destruction.sql"),
    ),
    ("0014_issuers", include_str!("migrations/0014_issuers.sql")),
    (
        "0015_administrators",
        include_str!("migrations/0015_administrators.sql"),
    ),
    (
        "0016_revocations",
        include_str!("migrations/0016_revocations.sql"),
    ),
    ("0017_removal", include_str!("migrations/0017_removal.sql")),
    (
        "0018_warnings",
        include_str!("migrations/0018_warnings.sql"),
    ),
    (
        "0019_withdrawn",
        include_str!("migrations/0019_withdrawn.sql"),
    ),
    (
        "0020_provenance",
        include_str!("migrations/0020_provenance.sql"),
    ),
    ("0021_makers", include_str!("migrations/0021_makers.sql")),
    (
        "0022_administrator_warnings",
        include_str!("migrations/0022_administrator_warnings.sql"),
    ),
    ("0023_beside", include_str!("migrations/0023_beside.sql")),
    ("0024_nodes", include_str!("migrations/0024_nodes.sql")),
];

/// The migration since which Object Groups are in the index of values.
const LOCATE: &str = "0002_locate";

/// The migration since which subtrees of the trail are kept.
const SEAL: &str = "0007_seal";

/// Prepared statements kept per connection; there are fewer than this.
const STATEMENTS_MAX: usize = 64;

/// Makes a new database file, mode 0600, with the newest schema, and opens it.
///
/// It is made under another name and gets its own when it is whole: an `init` that is cut off leaves no half of a database.
pub(super) fn create(path: &Path, meta: &InitMeta) -> Result<Connection, StoreError> {
    if path.exists() {
        return Err(StoreError::Present(path.to_owned()));
    }
    let file = |error: std::io::Error| StoreError::File(format!("{}: {error}", path.display()));
    let mut draft = path.as_os_str().to_owned();
    draft.push(".new");
    let draft = PathBuf::from(draft);
    // One that was cut off before.
    drop(std::fs::remove_file(&draft));
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&draft)
        .map_err(file)?;
    let raw = connect(&draft, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    raw.pragma_update(None, "application_id", APPLICATION_ID)?;
    raw.pragma_update(None, "synchronous", "FULL")?;
    let db = Connection::File(raw);
    migrate(&db, meta.created)?;
    db.control("BEGIN")?;
    sql::begin_origin(&db, meta)?;
    sql::keep_master_key_check(&db, meta)?;
    db.control("COMMIT")?;
    close(db)?;
    std::fs::rename(&draft, path).map_err(file)?;
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = File::open(folder.unwrap_or_else(|| Path::new("."))).map_err(file)?;
    folder.sync_all().map_err(file)?;
    open(path, meta.created)
}

/// Opens an existing database for writing and brings it to the newest schema. `now` in seconds
/// since 1970.
pub(super) fn open(path: &Path, now: i64) -> Result<Connection, StoreError> {
    if !path.exists() {
        return Err(StoreError::Absent(path.to_owned()));
    }
    let mut raw = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    is_ours(&raw, path)?;
    prepare_writer(&mut raw)?;
    let db = Connection::File(raw);
    migrate(&db, now)?;
    // From here on the thread that writes syncs what it commits: see `log`.
    db.execute_batch("PRAGMA synchronous = NORMAL")?;
    Ok(db)
}

fn close(db: Connection) -> Result<(), StoreError> {
    match db {
        Connection::File(raw) => raw.close().map_err(|(_, error)| StoreError::from(error)),
        Connection::Server(_) => Ok(()),
    }
}

fn is_ours(db: &rusqlite::Connection, path: &Path) -> Result<(), StoreError> {
    let application: i32 = db
        .pragma_query_value(None, "application_id", |row| row.get(0))
        .map_err(|error| StoreError::at(&error, path))?;
    if application == APPLICATION_ID {
        Ok(())
    } else {
        Err(StoreError::NotADatabase(path.to_owned()))
    }
}

/// A connection that only reads.
pub(super) fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    let db = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    db.pragma_update(None, "query_only", true)?;
    Ok(Connection::File(db))
}

/// A connection that moves the log into the database. SQLite syncs both files around that.
pub(super) fn open_checkpointer(path: &Path) -> Result<Connection, StoreError> {
    let db = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    db.pragma_update(None, "synchronous", "NORMAL")?;
    Ok(Connection::File(db))
}

fn connect(path: &Path, flags: OpenFlags) -> Result<rusqlite::Connection, StoreError> {
    let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = rusqlite::Connection::open_with_flags(path, flags)
        .map_err(|error| StoreError::at(&error, path))?;
    db.busy_timeout(Duration::from_secs(5))?;
    db.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    db.pragma_update(None, "temp_store", "MEMORY")?;
    Ok(db)
}

/// Settings of the one connection that writes.
fn prepare_writer(db: &mut rusqlite::Connection) -> Result<(), StoreError> {
    // Destroyed material is overwritten in the database; copies in the WAL go when it is
    // checkpointed and reused.
    db.pragma_update(None, "secure_delete", true)?;
    let mode: String = db.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    if !mode.eq_ignore_ascii_case("wal") {
        return Err(StoreError::File(
            "the file system does not allow a write-ahead log".to_owned(),
        ));
    }
    db.pragma_update(None, "synchronous", "FULL")?;
    db.pragma_update(None, "foreign_keys", true)?;
    // In place of SQLite's own checkpoints, which keep to themselves that a sync failed.
    db.wal_hook(Some(note_log_pages))?;
    db.pragma_update(None, "journal_size_limit", 64 * 1024 * 1024)?;
    Ok(())
}

thread_local! {
    /// Pages in the log after the last commit of this thread.
    static LOG_PAGES: Cell<i32> = const { Cell::new(0) };
}

#[allow(clippy::unnecessary_wraps, reason = "the form of the hook")]
fn note_log_pages(_: &mut Wal, pages: i32) -> rusqlite::Result<()> {
    LOG_PAGES.set(pages);
    Ok(())
}

/// Pages in the log after the last commit of this thread.
pub(super) fn log_pages() -> i32 {
    LOG_PAGES.get()
}

/// Moves the log into the database as far as readers allow.
pub(super) fn checkpoint(db: &Connection, mode: &str) -> Result<(), StoreError> {
    db.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |_| Ok(()))?;
    Ok(())
}

/// The number of a database's schema, which this program must know.
fn schema(db: &Connection) -> Result<u32, StoreError> {
    let found: u32 = db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let known = newest();
    if found > known {
        return Err(StoreError::Newer { found, known });
    }
    Ok(found)
}

fn newest() -> u32 {
    u32::try_from(MIGRATIONS.len()).unwrap_or(u32::MAX)
}

fn migrate(db: &Connection, now: i64) -> Result<(), StoreError> {
    let found = schema(db)?;
    for (number, (name, sql)) in (1_u32..)
        .zip(MIGRATIONS)
        .filter(|(number, _)| *number > found)
    {
        // What fails is rolled back as the connection ends: nobody goes on with it.
        db.control("BEGIN")?;
        db.execute_batch(
            "CREATE TABLE IF NOT EXISTS migration (name TEXT PRIMARY KEY, applied INTEGER NOT NULL) STRICT",
        )?;
        db.execute_batch(sql)?;
        if *name == LOCATE {
            object::index_values_again(db)?;
        }
        if *name == SEAL {
            seal::keep_all_subtrees(db)?;
        }
        db.execute(
            "INSERT INTO migration (name, applied) VALUES (?1, ?2)",
            params![name, now],
        )?;
        db.execute_batch(&format!("PRAGMA user_version = {number}"))?;
        db.control("COMMIT")?;
    }
    Ok(())
}
