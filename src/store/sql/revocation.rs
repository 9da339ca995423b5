//! Lists of what CAs of others have revoked, in a table.

use crate::store::engine::{Connection, params};

use crate::crypto::certificate::revocation::RevocationList;
use crate::crypto::{Fingerprint, Serial};
use crate::domain::Revocation;
use crate::store::StoreError;
use crate::store::error::ApplyError;

/// Every list.
pub(super) fn all(db: &Connection) -> Result<Vec<Revocation>, StoreError> {
    let sql = "SELECT ca_key, fingerprint, number, this_update, next_update, serials, warned
        FROM revocation ORDER BY ca_key";
    let mut statement = db.prepare_cached(sql)?;
    let rows = statement.query_map([], |row| {
        let serials: Vec<u8> = row.get(5)?;
        let number = row.get::<Option<_>>(2)?.map(Serial::from_bytes);
        let dates = (row.get(3)?, row.get(4)?);
        let fingerprint = Fingerprint::from_bytes(row.get(1)?);
        Ok(Revocation {
            ca_key: row.get(0)?,
            list: RevocationList::from_stored(fingerprint, number, dates, &serials),
            warned: row.get(6)?,
        })
    })?;
    Ok(rows)
}

/// A CA's list, in the place of its former one.
pub(in crate::store) fn set(db: &Connection, held: &Revocation) -> Result<(), ApplyError> {
    let sql = "INSERT INTO revocation
        (ca_key, fingerprint, number, this_update, next_update, serials, warned)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (ca_key) DO UPDATE SET fingerprint = excluded.fingerprint,
        number = excluded.number, this_update = excluded.this_update, next_update = excluded.next_update,
        serials = excluded.serials, warned = excluded.warned";
    let Revocation {
        ca_key,
        list,
        warned,
    } = held;
    db.prepare_cached(sql)?.execute(params![
        ca_key,
        list.fingerprint.as_bytes(),
        list.number.as_ref().map(Serial::as_bytes),
        list.this_update,
        list.next_update,
        list.serials(),
        warned,
    ])?;
    Ok(())
}

/// A list less.
pub(in crate::store) fn remove(db: &Connection, ca_key: &[u8; 32]) -> Result<(), ApplyError> {
    let sql = "DELETE FROM revocation WHERE ca_key = ?1";
    db.prepare_cached(sql)?.execute([ca_key])?;
    Ok(())
}

/// How many days before its end a list was warned of.
pub(in crate::store) fn update_warned(
    db: &Connection,
    ca_key: &[u8; 32],
    days: u32,
) -> Result<(), ApplyError> {
    let sql = "UPDATE revocation SET warned = ?2 WHERE ca_key = ?1";
    db.prepare_cached(sql)?.execute(params![ca_key, days])?;
    Ok(())
}
