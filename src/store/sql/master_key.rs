//! The record of the master key among `meta`, and the values that it wraps, wherever they stand.

use crate::store::engine::{Connection, OptionalExtension as _, params};

use super::client;
use crate::crypto::{Recipient, Wrapped};
use crate::domain::TargetId;
use crate::store::error::{ApplyError, StoreError};
use crate::store::master_key::{MasterKeyRecord, Place, RecoveryKey, Rewrap};

const CHECK: &str = super::MASTER_KEY_CHECK;
/// Eight bytes, big-endian; a database whose master key was never replaced has none.
const SINCE: &str = "master-key-since";
/// Public key, threshold, number of shares, since when as above.
const RECOVERY: &str = "recovery-key";

/// What is known of the master key.
pub(in crate::store) fn record(db: &Connection) -> Result<MasterKeyRecord, StoreError> {
    let since = match meta(db, SINCE)? {
        Some(bytes) => i64::from_be_bytes(bytes),
        None => db.query_row(
            "SELECT created FROM origin ORDER BY epoch LIMIT 1",
            [],
            |row| row.get(0),
        )?,
    };
    let recovery = meta::<42>(db, RECOVERY)?.map(|bytes| {
        let (public, rest) = bytes.split_first_chunk().unwrap_or((&[0; 32], &[]));
        let (numbers, since) = rest.split_first_chunk().unwrap_or((&[0; 2], &[]));
        let [threshold, shares] = *numbers;
        RecoveryKey {
            recipient: Recipient::from_bytes(*public),
            threshold,
            shares,
            since: since.try_into().map_or(0, i64::from_be_bytes),
        }
    });
    Ok(MasterKeyRecord {
        check: super::master_key_check(db)?,
        since,
        recovery,
    })
}

fn meta<const LENGTH: usize>(
    db: &Connection,
    key: &str,
) -> Result<Option<[u8; LENGTH]>, StoreError> {
    let sql = "SELECT value FROM meta WHERE key = ?1";
    Ok(db.query_row(sql, [key], |row| row.get(0)).optional()?)
}

/// Every value that the master key wraps.
pub(in crate::store) fn values(db: &Connection) -> Result<Vec<(Place, Wrapped)>, StoreError> {
    let data_keys = client::data_keys(db)?.into_iter();
    let mut values: Vec<_> = data_keys
        .map(|(instance, epoch, key)| (Place::DataKey(instance, epoch), key))
        .collect();
    let mut statement = db.prepare("SELECT origin, wrapped FROM signing_key ORDER BY origin")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let wrapped = Wrapped::from_bytes(row.get(1)?);
        values.push((Place::SigningKey(row.get(0)?), wrapped));
    }
    let sql = "SELECT target, field, wrapped FROM target_secret ORDER BY target, field";
    let mut statement = db.prepare(sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let target = TargetId::from_bytes(row.get(0)?);
        let wrapped = Wrapped::from_bytes(row.get(2)?);
        values.push((Place::TargetSecret(target, row.get(1)?), wrapped));
    }
    Ok(values)
}

/// Puts every value in another form, all of them or none: whatever came or changed since they were read is a conflict.
pub(in crate::store) fn rewrap(db: &Connection, rewrap: &Rewrap) -> Result<(), ApplyError> {
    if record(db)? != rewrap.before || values(db)?.len() != rewrap.values.len() {
        return Err(ApplyError::Conflict);
    }
    for value in &rewrap.values {
        let (after, before) = (value.after.as_bytes(), value.before.as_bytes());
        let changed = match &value.place {
            Place::DataKey(instance, epoch) => db.execute(
                "UPDATE data_key SET wrapped = ?1 WHERE instance = ?3 AND epoch = ?4 AND wrapped = ?2",
                params![after, before, instance.as_bytes(), epoch],
            )?,
            Place::SigningKey(origin) => db.execute(
                "UPDATE signing_key SET wrapped = ?1 WHERE origin = ?3 AND wrapped = ?2",
                params![after, before, origin],
            )?,
            Place::TargetSecret(target, field) => db.execute(
                "UPDATE target_secret SET wrapped = ?1 WHERE target = ?3 AND field = ?4 AND wrapped = ?2",
                params![after, before, target.as_bytes(), field],
            )?,
        };
        if changed != 1 {
            return Err(ApplyError::Conflict);
        }
    }
    let MasterKeyRecord {
        check,
        since,
        recovery,
    } = &rewrap.after;
    set(db, CHECK, check)?;
    set(db, SINCE, &since.to_be_bytes())?;
    match recovery {
        Some(key) => {
            let numbers = [key.threshold, key.shares];
            let since = key.since.to_be_bytes();
            let bytes = [&key.recipient.as_bytes()[..], &numbers, &since].concat();
            set(db, RECOVERY, &bytes)?;
        }
        None => drop(db.execute("DELETE FROM meta WHERE key = ?1", [RECOVERY])?),
    }
    Ok(())
}

fn set(db: &Connection, key: &str, value: &[u8]) -> Result<(), StoreError> {
    let sql = "INSERT INTO meta (key, value) VALUES (?1, ?2)
        ON CONFLICT (key) DO UPDATE SET value = excluded.value";
    db.execute(sql, params![key, value])?;
    Ok(())
}
