//! API keys and administrators in tables.
//!
//! They are few and change seldom: the whole of them is read into one snapshot after each change.

use std::collections::HashMap;

use crate::store::engine::{Connection, Row, params};

use crate::crypto::Fingerprint;
use crate::domain::{Administrator, Administrators, ApiKey, ApiKeyId, InstanceId, Makers, Role};
use crate::store::StoreError;
use crate::store::error::{ApplyError, Thing};

/// Everybody who may administer the server from elsewhere.
pub(in crate::store) fn snapshot(db: &Connection) -> Result<Administrators, StoreError> {
    Ok(Administrators::new(api_keys(db)?, administrators(db)?))
}

fn api_keys(db: &Connection) -> Result<Vec<ApiKey>, StoreError> {
    let sql = "SELECT id, name, role, instance, digest, created, expires, makers FROM api_key";
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query([])?;
    let mut keys = Vec::new();
    while let Some(row) = rows.next()? {
        keys.push(ApiKey {
            id: ApiKeyId::from_bytes(row.get(0)?),
            name: row.get(1)?,
            role: role(row, 2)?,
            instance: instance(row, 3)?,
            digest: row.get(4)?,
            created: row.get(5)?,
            expires: row.get(6)?,
            makers: makers(row, 7)?,
        });
    }
    Ok(keys)
}

fn administrators(db: &Connection) -> Result<Vec<Administrator>, StoreError> {
    let sql = "SELECT fingerprint, label, role, instance, subject, not_before, not_after, added, makers, warned FROM administrator";
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query([])?;
    let mut held = Vec::new();
    while let Some(row) = rows.next()? {
        held.push(Administrator {
            fingerprint: Fingerprint::from_bytes(row.get(0)?),
            label: row.get(1)?,
            role: role(row, 2)?,
            instance: instance(row, 3)?,
            subject: row.get(4)?,
            not_before: row.get(5)?,
            not_after: row.get(6)?,
            added: row.get(7)?,
            makers: makers(row, 8)?,
            warned: row.get(9)?,
        });
    }
    Ok(held)
}

fn role(row: Row<'_>, column: usize) -> Result<Role, StoreError> {
    let word: String = row.get(column)?;
    Role::from_text(&word).ok_or_else(|| StoreError::damaged("the role of an administrator"))
}

fn instance(row: Row<'_>, column: usize) -> Result<Option<InstanceId>, StoreError> {
    let bytes: Option<[u8; 16]> = row.get(column)?;
    Ok(bytes.map(InstanceId::from_bytes))
}

fn makers(row: Row<'_>, column: usize) -> Result<Makers, StoreError> {
    let text: String = row.get(column)?;
    Ok(Makers::from_text(&text))
}

/// A new API key.
pub(in crate::store) fn insert_api_key(db: &Connection, key: &ApiKey) -> Result<(), ApplyError> {
    let sql = "INSERT INTO api_key (id, name, role, instance, digest, created, expires, makers)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    let inserted = db.prepare_cached(sql)?.execute(params![
        key.id.as_bytes(),
        key.name,
        key.role.as_str(),
        key.instance.as_ref().map(InstanceId::as_bytes),
        key.digest,
        key.created,
        key.expires,
        key.makers.to_text(),
    ]);
    inserted.map_err(|error| super::taken(error, Thing::ApiKey, Thing::Instance))?;
    Ok(())
}

/// An API key less.
pub(in crate::store) fn remove_api_key(db: &Connection, id: ApiKeyId) -> Result<(), ApplyError> {
    let sql = "DELETE FROM api_key WHERE id = ?1";
    let rows = db.prepare_cached(sql)?.execute([id.as_bytes()])?;
    super::client::found(rows, Thing::ApiKey)
}

/// An API key was used at this time, seconds since 1970. One that is there no more is passed over.
pub(in crate::store) fn keep_used(
    db: &Connection,
    id: ApiKeyId,
    at: i64,
) -> Result<(), ApplyError> {
    let sql = "UPDATE api_key SET last_used = ?2 WHERE id = ?1";
    db.prepare_cached(sql)?
        .execute(params![id.as_bytes(), at])?;
    Ok(())
}

/// When API keys were last used, seconds since 1970, where they were.
pub(in crate::store) fn last_used(db: &Connection) -> Result<HashMap<ApiKeyId, i64>, StoreError> {
    let sql = "SELECT id, last_used FROM api_key WHERE last_used IS NOT NULL";
    let mut statement = db.prepare_cached(sql)?;
    let rows = statement.query_map([], |row| {
        Ok((ApiKeyId::from_bytes(row.get(0)?), row.get(1)?))
    })?;
    Ok(rows.into_iter().collect())
}

/// A new administrator.
pub(in crate::store) fn insert_administrator(
    db: &Connection,
    held: &Administrator,
) -> Result<(), ApplyError> {
    let sql = "INSERT INTO administrator (fingerprint, label, role, instance, subject, not_before, not_after, added, makers, warned)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
    let inserted = db.prepare_cached(sql)?.execute(params![
        held.fingerprint.as_bytes(),
        held.label,
        held.role.as_str(),
        held.instance.as_ref().map(InstanceId::as_bytes),
        held.subject,
        held.not_before,
        held.not_after,
        held.added,
        held.makers.to_text(),
        held.warned,
    ]);
    inserted.map_err(|error| super::taken(error, Thing::Administrator, Thing::Instance))?;
    Ok(())
}

/// How many days before its end an administrator's certificate was warned of.
pub(in crate::store) fn update_warned(
    db: &Connection,
    fingerprint: &Fingerprint,
    days: u32,
) -> Result<(), ApplyError> {
    let sql = "UPDATE administrator SET warned = ?2 WHERE fingerprint = ?1";
    let rows = db
        .prepare_cached(sql)?
        .execute(params![fingerprint.as_bytes(), days])?;
    super::client::found(rows, Thing::Administrator)
}

/// An administrator less.
pub(in crate::store) fn remove_administrator(
    db: &Connection,
    fingerprint: &Fingerprint,
) -> Result<(), ApplyError> {
    let sql = "DELETE FROM administrator WHERE fingerprint = ?1";
    let rows = db.prepare_cached(sql)?.execute([fingerprint.as_bytes()])?;
    super::client::found(rows, Thing::Administrator)
}
