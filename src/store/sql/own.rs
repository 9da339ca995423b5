//! What is kept of the certificates of the server's own, which lie in files: which were in use last, and that they were warned of.

use std::collections::HashMap;

use crate::store::engine::{Connection, params};

use crate::crypto::{Certificate, Fingerprint};
use crate::domain::OwnCertificates;
use crate::store::StoreError;
use crate::store::error::ApplyError;

/// How many days before its end each was last warned of.
pub(in crate::store) fn warned(db: &Connection) -> Result<HashMap<Fingerprint, u32>, StoreError> {
    let mut statement = db.prepare_cached("SELECT fingerprint, days FROM own_warned")?;
    let rows = statement.query_map([], |row| {
        Ok((Fingerprint::from_bytes(row.get(0)?), row.get(1)?))
    })?;
    Ok(rows.into_iter().collect())
}

/// One was warned of so many days before its end.
pub(in crate::store) fn set_warned(
    db: &Connection,
    fingerprint: &Fingerprint,
    days: u32,
) -> Result<(), ApplyError> {
    let sql = "INSERT INTO own_warned (fingerprint, days) VALUES (?1, ?2)
        ON CONFLICT (fingerprint) DO UPDATE SET days = excluded.days";
    db.prepare_cached(sql)?
        .execute(params![fingerprint.as_bytes(), days])?;
    Ok(())
}

/// Those that were in use last; none where that was not kept yet.
pub(in crate::store) fn in_use(db: &Connection) -> Result<Option<OwnCertificates>, StoreError> {
    let sql = "SELECT place, certificate FROM own_certificate ORDER BY place";
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query([])?;
    let (mut own, mut is_kept) = (OwnCertificates::default(), false);
    while let Some(row) = rows.next()? {
        let (place, der): (u32, Vec<u8>) = (row.get(0)?, row.get(1)?);
        let damaged = |_| StoreError::damaged("a certificate of the server's own");
        let certificate = Certificate::from_der(&der).map_err(damaged)?;
        is_kept = true;
        match place {
            0 => own.server = Some(certificate),
            _ => own.authorities.push(certificate),
        }
    }
    Ok(is_kept.then_some(own))
}

/// These are in use from now on.
pub(in crate::store) fn set_in_use(
    db: &Connection,
    own: &OwnCertificates,
) -> Result<(), ApplyError> {
    db.prepare_cached("DELETE FROM own_certificate")?
        .execute([])?;
    let server = own.server.iter().map(|held| (0_u32, held));
    let all = server.chain((1..).zip(&own.authorities));
    let sql = "INSERT INTO own_certificate (place, certificate) VALUES (?1, ?2)";
    let mut insert = db.prepare_cached(sql)?;
    for (place, certificate) in all {
        insert.execute(params![place, certificate.der()])?;
    }
    Ok(())
}
