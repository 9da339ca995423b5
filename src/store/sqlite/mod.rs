//! SQLite: the files, their settings and their schema. The only folder with SQL in it.
//!
//! It gives out connections and runs statements; which thread runs them and when they are committed
//! is decided above. Files are made private to their owner before SQLite sees them; `-wal` and
//! `-shm` take over the mode of the database.

pub(super) mod administrator;
pub(super) mod anchor;
pub(super) mod attribute;
pub(super) mod client;
mod codes;
pub(super) mod delivery;
pub(super) mod destruction;
pub(super) mod event;
mod inspection;
pub(super) mod locate;
mod log;
pub(super) mod master_key;
pub(super) mod object;
pub(super) mod own;
pub(super) mod provenance;
pub(super) mod retention;
pub(super) mod revocation;
pub(super) mod routing;
pub(super) mod seal;
mod snapshot;
pub(super) mod withdrawn;

use std::cell::Cell;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::hooks::Wal;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, params};

pub(super) use inspection::{check_whole, inspect, inspect_seal};
pub(super) use log::Log;
pub(super) use snapshot::copy;

use super::error::{ApplyError, StoreError, Thing};
use super::{Epoch, Epochs, InitMeta, Sequence};

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
];

/// The migration since which Object Groups are in the index of values.
const LOCATE: &str = "0002_locate";

/// The migration since which subtrees of the trail are kept.
const SEAL: &str = "0007_seal";

/// Prepared statements kept per connection; there are fewer than this.
const STATEMENTS_MAX: usize = 64;

const MASTER_KEY_CHECK: &str = "master-key-check";
const BACKUP_KEY: &str = "backup-key";

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
    let mut db = connect(&draft, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    db.pragma_update(None, "application_id", APPLICATION_ID)?;
    db.pragma_update(None, "synchronous", "FULL")?;
    migrate(&mut db, meta.created)?;
    let tx = db.transaction()?;
    tx.execute(
        "INSERT INTO origin (epoch, name, first_sequence, created) VALUES (1, ?1, 0, ?2)",
        params![meta.origin_name, meta.created],
    )?;
    tx.execute(
        "INSERT INTO meta (key, value) VALUES (?1, ?2)",
        params![MASTER_KEY_CHECK, meta.master_key_check],
    )?;
    tx.commit()?;
    db.close().map_err(|(_, error)| StoreError::of(&error))?;
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
    let mut db = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    is_ours(&db, path)?;
    prepare_writer(&mut db)?;
    migrate(&mut db, now)?;
    // From here on the thread that writes syncs what it commits: see `log`.
    db.pragma_update(None, "synchronous", "NORMAL")?;
    Ok(db)
}

fn is_ours(db: &Connection, path: &Path) -> Result<(), StoreError> {
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
    Ok(db)
}

/// A connection that moves the log into the database. SQLite syncs both files around that.
pub(super) fn open_checkpointer(path: &Path) -> Result<Connection, StoreError> {
    let db = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    db.pragma_update(None, "synchronous", "NORMAL")?;
    Ok(db)
}

fn connect(path: &Path, flags: OpenFlags) -> Result<Connection, StoreError> {
    let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db =
        Connection::open_with_flags(path, flags).map_err(|error| StoreError::at(&error, path))?;
    db.busy_timeout(Duration::from_secs(5))?;
    db.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    db.pragma_update(None, "temp_store", "MEMORY")?;
    Ok(db)
}

/// Settings of the one connection that writes.
fn prepare_writer(db: &mut Connection) -> Result<(), StoreError> {
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
    let found: u32 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let known = newest();
    if found > known {
        return Err(StoreError::Newer { found, known });
    }
    Ok(found)
}

fn newest() -> u32 {
    u32::try_from(MIGRATIONS.len()).unwrap_or(u32::MAX)
}

fn migrate(db: &mut Connection, now: i64) -> Result<(), StoreError> {
    let found = schema(db)?;
    for (number, (name, sql)) in (1_u32..)
        .zip(MIGRATIONS)
        .filter(|(number, _)| *number > found)
    {
        let tx = db.transaction()?;
        tx.execute_batch(
            "CREATE TABLE IF NOT EXISTS migration (name TEXT PRIMARY KEY, applied INTEGER NOT NULL) STRICT",
        )?;
        tx.execute_batch(sql)?;
        if *name == LOCATE {
            object::index_values_again(&tx)?;
        }
        if *name == SEAL {
            seal::keep_all_subtrees(&tx)?;
        }
        tx.execute(
            "INSERT INTO migration (name, applied) VALUES (?1, ?2)",
            params![name, now],
        )?;
        tx.pragma_update(None, "user_version", number)?;
        tx.commit()?;
    }
    Ok(())
}

/// The epochs of the trail, at least one.
pub(super) fn epochs(db: &Connection) -> Result<Epochs, StoreError> {
    let sql = "SELECT name, epoch, first_sequence FROM origin ORDER BY epoch";
    let mut statement = db.prepare(sql)?;
    let mut rows = statement.query([])?;
    let (mut name, mut all) = (None, Vec::new());
    while let Some(row) = rows.next()? {
        name = Some(row.get(0)?);
        all.push(Epoch {
            number: row.get(1)?,
            first: Sequence(row.get(2)?),
        });
    }
    let name = name.ok_or_else(|| StoreError::damaged("no origin"))?;
    Ok(Epochs { name, all })
}

/// The sequence the next event gets.
pub(super) fn head(db: &Connection, epochs: &Epochs) -> Result<Sequence, StoreError> {
    let last: Option<u64> =
        db.query_row("SELECT max(sequence) FROM event", [], |row| row.get(0))?;
    let begun = epochs.all.last().map_or(Sequence(0), |epoch| epoch.first);
    Ok(last.map_or(begun, |last| Sequence(last + 1)))
}

/// What was stored to recognise the master key.
pub(super) fn master_key_check(db: &Connection) -> Result<[u8; 16], StoreError> {
    let sql = "SELECT value FROM meta WHERE key = ?1";
    let value: Option<[u8; 16]> = db
        .query_row(sql, [MASTER_KEY_CHECK], |row| row.get(0))
        .optional()?;
    value.ok_or_else(|| StoreError::damaged("no master key check"))
}

/// The public key that backups are sealed to.
pub(super) fn backup_key(db: &Connection) -> Result<Option<[u8; 32]>, StoreError> {
    let sql = "SELECT value FROM meta WHERE key = ?1";
    let key = db.query_row(sql, [BACKUP_KEY], |row| row.get(0));
    Ok(key.optional()?)
}

/// Sets the public key that backups are sealed to.
pub(super) fn set_backup_key(db: &Connection, key: &[u8; 32]) -> Result<(), ApplyError> {
    let sql = "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value";
    db.execute(sql, params![BACKUP_KEY, key])?;
    Ok(())
}

/// Whether a statement broke a UNIQUE or PRIMARY KEY rule.
fn is_unique_violation(error: &rusqlite::Error) -> bool {
    use rusqlite::ffi::{SQLITE_CONSTRAINT_PRIMARYKEY, SQLITE_CONSTRAINT_UNIQUE};
    let code = error.sqlite_error().map(|error| error.extended_code);
    matches!(
        code,
        Some(SQLITE_CONSTRAINT_PRIMARYKEY | SQLITE_CONSTRAINT_UNIQUE)
    )
}

/// What a failed insert of `thing` means, whose row refers to one of `parent`.
fn taken(error: &rusqlite::Error, thing: Thing, parent: Thing) -> ApplyError {
    use rusqlite::ffi::SQLITE_CONSTRAINT_FOREIGNKEY;
    let code = error.sqlite_error().map(|error| error.extended_code);
    match code {
        _ if is_unique_violation(error) => ApplyError::Exists(thing),
        Some(SQLITE_CONSTRAINT_FOREIGNKEY) => ApplyError::Missing(parent),
        _ => StoreError::of(error).into(),
    }
}
