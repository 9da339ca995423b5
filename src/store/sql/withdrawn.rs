//! Certificates that our CA issued and that count no more, in a table: what others who rely on that CA are told.

use crate::store::engine::{Connection, Params, Row, params};

use crate::crypto::{Fingerprint, Serial, Withdrawal, Withdrawn};
use crate::domain::{ClientId, InstanceId};
use crate::store::StoreError;

/// Seconds that a certificate stays on the list after its own end: a list made then has named it (RFC 5280 §3.3).
const KEPT_AFTER_ITS_END: i64 = 90 * 86_400;

/// What of this CA's certificates counts no more at `now` (seconds since 1970), by serial number.
pub(in crate::store) fn of(
    db: &Connection,
    issuer: &Fingerprint,
    now: i64,
) -> Result<Vec<Withdrawn>, StoreError> {
    let sql = "SELECT serial, since, 'removed' FROM withdrawn WHERE issuer = ?1
        UNION ALL
        SELECT serial, ?2, 'disabled' FROM certificate JOIN client ON client.id = certificate.client
        WHERE issuer = ?1 AND serial IS NOT NULL AND status = 'disabled' AND coalesce(ends, not_after) >= ?2
        UNION ALL
        SELECT serial, not_after, 'superseded' FROM certificate JOIN client ON client.id = certificate.client
        WHERE issuer = ?1 AND serial IS NOT NULL AND status != 'disabled' AND ends IS NOT NULL AND not_after < ?2
        ORDER BY serial";
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query(params![issuer.as_bytes(), now])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        all.push(read(row)?);
    }
    Ok(all)
}

fn read(row: Row<'_>) -> Result<Withdrawn, StoreError> {
    let why: String = row.get(2)?;
    Ok(Withdrawn {
        serial: Serial::from_bytes(row.get(0)?),
        since: row.get(1)?,
        why: Withdrawal::from_text(&why)
            .ok_or_else(|| StoreError::damaged("why a certificate counts no more"))?,
    })
}

/// Remembers a certificate that is about to be removed at `now`, seconds since 1970.
pub(super) fn remember(
    db: &Connection,
    fingerprint: &Fingerprint,
    now: i64,
) -> Result<(), StoreError> {
    remember_where(
        db,
        "fingerprint = ?2",
        params![now, fingerprint.as_bytes()],
        now,
    )
}

/// Remembers what goes with a client.
pub(super) fn remember_of_client(
    db: &Connection,
    client: ClientId,
    now: i64,
) -> Result<(), StoreError> {
    remember_where(db, "client = ?2", params![now, client.as_bytes()], now)
}

/// Remembers what goes with the clients of an instance.
pub(super) fn remember_of_instance(
    db: &Connection,
    instance: InstanceId,
    now: i64,
) -> Result<(), StoreError> {
    let of_it = "client IN (SELECT id FROM client WHERE instance = ?2)";
    remember_where(db, of_it, params![now, instance.as_bytes()], now)
}

/// What no list needs to name any more goes meanwhile.
fn remember_where(
    db: &Connection,
    which: &str,
    values: impl Params,
    now: i64,
) -> Result<(), StoreError> {
    let sql = "DELETE FROM withdrawn WHERE ends < ?1";
    db.prepare_cached(sql)?
        .execute([now.saturating_sub(KEPT_AFTER_ITS_END)])?;
    let sql = format!(
        "INSERT INTO withdrawn (fingerprint, issuer, serial, ends, since)
        SELECT fingerprint, issuer, serial, coalesce(ends, not_after), ?1 FROM certificate
        WHERE issuer IS NOT NULL AND serial IS NOT NULL AND {which}
        ON CONFLICT (fingerprint) DO UPDATE SET issuer = excluded.issuer, serial = excluded.serial,
        ends = excluded.ends, since = excluded.since"
    );
    db.prepare_cached(&sql)?.execute(values)?;
    Ok(())
}

/// A certificate that is enrolled again counts again.
pub(super) fn forget(db: &Connection, fingerprint: &Fingerprint) -> Result<(), StoreError> {
    let sql = "DELETE FROM withdrawn WHERE fingerprint = ?1";
    db.prepare_cached(sql)?.execute([fingerprint.as_bytes()])?;
    Ok(())
}
