//! The statements, each written once for every engine. The only folder with SQL in it, beside those of the engines themselves.
//!
//! Parameters are `?1`, `?2` and so on. What is written here is what SQLite and PostgreSQL both read: `ON CONFLICT` for what may be there
//! already, `CASE` for the larger of two, and no name of a row number.

pub(super) mod administrator;
pub(super) mod anchor;
pub(super) mod attribute;
pub(super) mod client;
pub(super) mod codes;
pub(super) mod delivery;
pub(super) mod destruction;
pub(super) mod event;
pub(super) mod locate;
pub(super) mod master_key;
pub(super) mod object;
pub(super) mod own;
pub(super) mod provenance;
pub(super) mod retention;
pub(super) mod revocation;
pub(super) mod routing;
pub(super) mod seal;
pub(super) mod withdrawn;

use super::engine::{Connection, Error, OptionalExtension as _, params};
use super::error::{ApplyError, StoreError, Thing};
use super::{Epoch, Epochs, InitMeta, Sequence};

const MASTER_KEY_CHECK: &str = "master-key-check";
const BACKUP_KEY: &str = "backup-key";

/// What a new trail is born with: its first epoch.
pub(super) fn begin_origin(db: &Connection, meta: &InitMeta) -> Result<(), StoreError> {
    let sql = "INSERT INTO origin (epoch, name, first_sequence, created) VALUES (1, ?1, 0, ?2)";
    db.execute(sql, params![meta.origin_name, meta.created])?;
    Ok(())
}

/// What a new database is born with: how the master key is recognised.
pub(super) fn keep_master_key_check(db: &Connection, meta: &InitMeta) -> Result<(), StoreError> {
    let sql = "INSERT INTO meta (key, value) VALUES (?1, ?2)";
    db.execute(sql, params![MASTER_KEY_CHECK, meta.master_key_check])?;
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

/// What a failed insert of `thing` means, whose row refers to one of `parent`.
fn taken(error: Error, thing: Thing, parent: Thing) -> ApplyError {
    if error.is_unique_violation() {
        ApplyError::Exists(thing)
    } else if error.is_foreign_key_violation() {
        ApplyError::Missing(parent)
    } else {
        error.into()
    }
}
