//! What is kept of the certificates of the server's own: that they were warned of.

use std::collections::HashMap;

use rusqlite::{Connection, params};

use crate::crypto::Fingerprint;
use crate::store::StoreError;
use crate::store::error::ApplyError;

/// How many days before its end each was last warned of.
pub(in crate::store) fn warned(db: &Connection) -> Result<HashMap<Fingerprint, u32>, StoreError> {
    let mut statement = db.prepare_cached("SELECT fingerprint, days FROM own_warned")?;
    let rows = statement.query_map([], |row| {
        Ok((Fingerprint::from_bytes(row.get(0)?), row.get(1)?))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// One was warned of so many days before its end.
pub(in crate::store) fn set_warned(
    db: &Connection,
    fingerprint: &Fingerprint,
    days: u32,
) -> Result<(), ApplyError> {
    let sql = "INSERT OR REPLACE INTO own_warned (fingerprint, days) VALUES (?1, ?2)";
    db.prepare_cached(sql)?
        .execute(params![fingerprint.as_bytes(), days])?;
    Ok(())
}
