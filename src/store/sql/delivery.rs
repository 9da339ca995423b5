//! Delivery in tables: how far each target is, and what it refused.
//!
//! What is kept of a target that was removed is forgotten when it is said, and not where the target is there.

use crate::store::engine::{Connection, OptionalExtension as _, params};

use crate::domain::TargetId;
use crate::store::delivery::{Cursor, Delivered, Parked, ParkedRange};
use crate::store::{ApplyError, Sequence, StoreError};

/// How far a target is, if it was ever kept.
pub(in crate::store) fn cursor(
    db: &Connection,
    target: TargetId,
) -> Result<Option<Cursor>, StoreError> {
    let sql = "SELECT epoch, next, checkpoint FROM delivery WHERE target = ?1";
    let row = db
        .prepare_cached(sql)?
        .query_row([target.as_bytes()], |row| {
            Ok(Cursor {
                epoch: row.get(0)?,
                next: Sequence(row.get(1)?),
                checkpoint: row.get(2)?,
            })
        });
    Ok(row.optional()?)
}

/// Sets how far a target is.
pub(in crate::store) fn set_cursor(
    db: &Connection,
    target: TargetId,
    cursor: Cursor,
) -> Result<(), ApplyError> {
    let sql =
        "INSERT INTO delivery (target, epoch, next, checkpoint) VALUES (?1, ?2, ?3, ?4)
        ON CONFLICT (target) DO UPDATE SET epoch = excluded.epoch, next = excluded.next, checkpoint = excluded.checkpoint";
    let Cursor {
        epoch,
        next,
        checkpoint,
    } = cursor;
    db.prepare_cached(sql)?
        .execute(params![target.as_bytes(), epoch, next.0, checkpoint])?;
    Ok(())
}

/// Keeps what became of a delivery.
///
/// # Errors
/// [`ApplyError::Conflict`] when the target is not where it was thought to be: somebody has moved it.
pub(in crate::store) fn keep(
    db: &Connection,
    target: TargetId,
    delivered: &Delivered,
) -> Result<(), ApplyError> {
    match delivered {
        Delivered::Advanced { from, to, parked } => {
            if cursor(db, target)? != *from {
                return Err(ApplyError::Conflict);
            }
            parked
                .iter()
                .try_for_each(|one| put(db, PARK, target, one))?;
            set_cursor(db, target, *to)
        }
        Delivered::Refused(parked) => put(db, PARK_AGAIN, target, parked),
        Delivered::Late(sequence) => drop_parked(db, target, &[*sequence]),
        Delivered::Due(range) => make_due(db, target, *range),
        Delivered::Forgotten => {
            for table in ["delivery", "parked", "gap"] {
                // Who forgets it may not have heard yet that it is there.
                let sql = format!(
                    "DELETE FROM {table} WHERE target = ?1 AND NOT EXISTS (SELECT 1 FROM target WHERE id = ?1)"
                );
                db.execute(&sql, [target.as_bytes()])?;
            }
            Ok(())
        }
    }
}

const PARK: &str = "INSERT INTO parked (target, sequence, reason, parked_ms, is_due) VALUES (?1, ?2, ?3, ?4, ?5)
    ON CONFLICT (target, sequence) DO UPDATE SET reason = excluded.reason, parked_ms = excluded.parked_ms, is_due = excluded.is_due";
/// What was dropped while it was under way stays dropped.
const PARK_AGAIN: &str = "UPDATE parked SET reason = ?3, parked_ms = ?4, is_due = ?5 WHERE target = ?1 AND sequence = ?2";

fn put(db: &Connection, sql: &str, target: TargetId, parked: &Parked) -> Result<(), ApplyError> {
    let Parked {
        sequence,
        reason,
        parked_ms,
        is_due,
    } = parked;
    let row = params![target.as_bytes(), sequence.0, reason, parked_ms, is_due];
    db.prepare_cached(sql)?.execute(row)?;
    Ok(())
}

fn make_due(db: &Connection, target: TargetId, range: ParkedRange) -> Result<(), ApplyError> {
    let sql = "UPDATE parked SET is_due = 1 WHERE target = ?1 AND sequence BETWEEN ?2 AND ?3";
    let (first, last) = range.bounds();
    db.execute(sql, params![target.as_bytes(), first, last])?;
    Ok(())
}

/// These are parked no more.
pub(in crate::store) fn drop_parked(
    db: &Connection,
    target: TargetId,
    sequences: &[Sequence],
) -> Result<(), ApplyError> {
    let sql = "DELETE FROM parked WHERE target = ?1 AND sequence = ?2";
    let mut statement = db.prepare_cached(sql)?;
    for sequence in sequences {
        statement.execute(params![target.as_bytes(), sequence.0])?;
    }
    Ok(())
}

/// What is parked for a target from a sequence on, at most `limit`; all of it, or only what is due.
pub(in crate::store) fn parked(
    db: &Connection,
    target: TargetId,
    from: Sequence,
    limit: usize,
    only_due: bool,
) -> Result<Vec<Parked>, StoreError> {
    let sql = "SELECT sequence, reason, parked_ms, is_due FROM parked WHERE target = ?1 AND sequence >= ?2 \
               AND is_due >= ?3 ORDER BY sequence LIMIT ?4";
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut statement = db.prepare_cached(sql)?;
    let rows = statement.query_map(params![target.as_bytes(), from.0, only_due, limit], |row| {
        Ok(Parked {
            sequence: Sequence(row.get(0)?),
            reason: row.get(1)?,
            parked_ms: row.get(2)?,
            is_due: row.get(3)?,
        })
    })?;
    Ok(rows)
}

/// How many events are parked for a target.
pub(in crate::store) fn parked_count(db: &Connection, target: TargetId) -> Result<u64, StoreError> {
    let sql = "SELECT count(*) FROM parked WHERE target = ?1";
    Ok(db.query_row(sql, [target.as_bytes()], |row| row.get(0))?)
}

/// Every target of which something is kept.
pub(in crate::store) fn targets(db: &Connection) -> Result<Vec<TargetId>, StoreError> {
    let sql = "SELECT target FROM delivery UNION SELECT target FROM parked ORDER BY target";
    let mut statement = db.prepare(sql)?;
    let rows = statement.query_map([], |row| row.get(0).map(TargetId::from_bytes))?;
    Ok(rows)
}
