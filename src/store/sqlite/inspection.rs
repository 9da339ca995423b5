//! A look at a database that changes nothing: neither its content nor the files beside it, as far as SQLite allows.

use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rusqlite::OpenFlags;

use super::{connect, is_ours, newest, schema};
use crate::store::beside::BesideFile;
use crate::store::engine::{Connection, OptionalExtension as _};
use crate::store::error::StoreError;
use crate::store::query::{Inspection, LastSealed, Rows, TrailKey};
use crate::store::sql::{client, epochs, master_key_check, seal};

/// What a database says of itself. The caller holds the lock of its directory.
pub(in crate::store) fn inspect(path: &Path) -> Result<Inspection, StoreError> {
    if !path.exists() {
        return Err(StoreError::Absent(path.to_owned()));
    }
    let db = open(path)?;
    is_ours(db.file()?, path)?;
    let (schema, newest) = (schema(&db)?, newest());
    let is_older = schema < newest;
    Ok(Inspection {
        schema,
        newest,
        master_key_check: master_key_check(&db)?,
        data_keys: client::data_keys(&db)?,
        signing_key: signing_key(&db)?,
        rows: is_older.then(|| rows(&db)).transpose()?,
    })
}

/// What every schema has had tables for. Events are numbered without gaps; counting them would take as long as a migration.
fn rows(db: &Connection) -> Result<Rows, StoreError> {
    let number = |sql| db.query_row(sql, [], |row| row.get(0));
    Ok(Rows {
        objects: number("SELECT count(*) FROM object")?,
        events: number(
            "SELECT coalesce((SELECT max(sequence) FROM event) - (SELECT min(sequence) FROM event) + 1, 0)",
        )?,
    })
}

/// Whether the trail goes on from what was sealed last. The caller holds the lock of its directory.
pub(in crate::store) fn inspect_seal(
    path: &Path,
    file: &BesideFile,
) -> Result<LastSealed, StoreError> {
    seal::last_sealed(&open(path)?, file)
}

/// Looks whether a database is whole. The caller holds the lock of its directory.
pub(in crate::store) fn check_whole(path: &Path) -> Result<(), StoreError> {
    if !path.exists() {
        return Err(StoreError::Absent(path.to_owned()));
    }
    let db = open(path)?;
    is_ours(db.file()?, path)?;
    schema(&db)?;
    // The first problem is enough.
    let found: String = db.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if found != "ok" {
        return Err(StoreError::damaged(found));
    }
    let mut dangling = db.prepare("PRAGMA foreign_key_check")?;
    let table: Option<String> = dangling.query_row([], |row| row.get(0)).optional()?;
    match table {
        None => Ok(()),
        Some(table) => Err(StoreError::damaged(format!(
            "a row of {table} refers to one that is not there"
        ))),
    }
}

/// The key that signs the trail; an older schema has no table for it.
fn signing_key(db: &Connection) -> Result<Option<(String, TrailKey)>, StoreError> {
    if !db.file()?.table_exists(None, "signing_key")? {
        return Ok(None);
    }
    let origin = epochs(db)?.name;
    let key = seal::signing_key(db, &origin)?;
    Ok(key.map(|key| (origin, key)))
}

fn open(path: &Path) -> Result<Connection, StoreError> {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    let is_left = std::fs::metadata(PathBuf::from(log)).is_ok_and(|log| log.len() > 0);
    if is_left {
        // What a crash has left in the log counts; SQLite indexes it in a file beside.
        return Ok(Connection::File(connect(
            path,
            OpenFlags::SQLITE_OPEN_READ_ONLY,
        )?));
    }
    // Nobody writes while the lock is held: then nothing is made beside the database either.
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    Ok(Connection::File(connect(Path::new(&uri(path)), flags)?))
}

/// The path as a URI of SQLite, for a database that does not change.
fn uri(path: &Path) -> String {
    let mut uri = "file:".to_owned();
    for byte in path.as_os_str().as_bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~".contains(byte) {
            uri.push(char::from(*byte));
        } else {
            write!(uri, "%{byte:02X}").expect("a String takes every character");
        }
    }
    uri + "?immutable=1"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_taken_as_it_is_whatever_is_in_it() {
        assert_eq!(uri(Path::new("/a-b/c.db")), "file:/a-b/c.db?immutable=1");
        assert_eq!(
            uri(Path::new("a ?#%ä")),
            "file:a%20%3F%23%25%C3%A4?immutable=1"
        );
    }
}
