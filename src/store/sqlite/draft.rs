//! A database file that is filled by a migration: it has another name until it is whole.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rusqlite::OpenFlags;

use super::{APPLICATION_ID, checkpoint, close, connect, is_ours, migrate, newest, open, schema};
use crate::store::engine::Connection;
use crate::store::error::StoreError;
use crate::store::moving::mark::Mark;

/// Opens what an earlier migration of the same database has left at `path`, or makes it anew: marked, with empty tables. `now` in seconds since
/// 1970.
pub(in crate::store) fn begin_draft(
    path: &Path,
    mark: &Mark,
    now: i64,
) -> Result<Connection, StoreError> {
    match left(path, mark) {
        Ok(Some(db)) => return Ok(db),
        Ok(None)
        | Err(StoreError::NotADatabase(_) | StoreError::Damaged(_) | StoreError::Newer { .. }) => {}
        Err(error) => return Err(error),
    }
    remove_draft(path)?;
    let made = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    drop(made.map_err(|error| failed(path, &error))?);
    let raw = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    raw.pragma_update(None, "application_id", APPLICATION_ID)?;
    raw.pragma_update(None, "synchronous", "FULL")?;
    let db = Connection::File(raw);
    migrate(&db, now)?;
    mark.put(&db)?;
    Ok(db)
}

/// What was left, if it can be gone on with: a copy of the same database as it is now, with nothing in it that was not copied.
fn left(path: &Path, mark: &Mark) -> Result<Option<Connection>, StoreError> {
    if !path.exists() {
        return Ok(None);
    }
    let raw = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    is_ours(&raw, path)?;
    raw.pragma_update(None, "synchronous", "FULL")?;
    let db = Connection::File(raw);
    if schema(&db)? != newest() || Mark::of(&db)?.as_ref() != Some(mark) {
        return Ok(None);
    }
    let next: u64 = db.query_row(
        "SELECT coalesce(max(sequence) + 1, 0) FROM event",
        [],
        |row| row.get(0),
    )?;
    Ok((next <= mark.head).then_some(db))
}

/// Removes what is left of a draft.
fn remove_draft(path: &Path) -> Result<(), StoreError> {
    for end in ["", "-wal", "-shm", "-journal"] {
        let file = with_end(path, end);
        match std::fs::remove_file(&file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(failed(&file, &error));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Gives a draft, which nobody has open, its name: it is the database from then on.
pub(in crate::store) fn finish_draft(draft: &Path, path: &Path) -> Result<(), StoreError> {
    let db = Connection::File(connect(draft, OpenFlags::SQLITE_OPEN_READ_WRITE)?);
    Mark::take_off(&db)?;
    checkpoint(&db, "TRUNCATE")?;
    close(db)?;
    rename(draft, path)
}

/// Puts a database, which nobody has open, aside under another name.
pub(in crate::store) fn set_aside(path: &Path, aside: &Path, now: i64) -> Result<(), StoreError> {
    let db = open(path, now)?;
    checkpoint(&db, "TRUNCATE")?;
    close(db)?;
    rename(path, aside)
}

fn rename(from: &Path, to: &Path) -> Result<(), StoreError> {
    // What is in the log would be lost with the name.
    if std::fs::metadata(with_end(from, "-wal")).is_ok_and(|log| log.len() > 0) {
        return Err(StoreError::Busy);
    }
    if to.symlink_metadata().is_ok() {
        return Err(StoreError::Present(to.to_owned()));
    }
    std::fs::rename(from, to).map_err(|error| failed(to, &error))?;
    for end in ["-wal", "-shm"] {
        drop(std::fs::remove_file(with_end(from, end)));
    }
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = File::open(folder.unwrap_or_else(|| Path::new(".")));
    folder
        .and_then(|folder| folder.sync_all())
        .map_err(|error| failed(to, &error))
}

fn with_end(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
}

fn failed(path: &Path, error: &std::io::Error) -> StoreError {
    match error.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => StoreError::Full,
        _ => StoreError::File(format!("{}: {error}", path.display())),
    }
}
