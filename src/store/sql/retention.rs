//! The start of the trail, in tables: what was removed of it, the hashes that stay, and the targets that never got it.
//!
//! A removal is written down with the event that says so; the events themselves go later, block by block, and only what still is what was
//! sealed.

use std::ops::Range;

use crate::store::engine::{Connection, OptionalExtension as _, params};

use super::{delivery, seal};
use crate::audit::record;
use crate::audit::tree::{Hash, KEPT_LEVELS, Tree};
use crate::domain::TargetId;
use crate::domain::retention::BLOCK;
use crate::store::interned::Interned;
use crate::store::retention::{BLOCKS_PER_PAGE, Behind, BlockTime, Gap, Removal};
use crate::store::{ApplyError, Sequence, StoreError};

/// The level of the subtree of a block.
const BLOCK_LEVEL: u32 = BLOCK.trailing_zeros();

/// The first event there is.
pub(in crate::store) fn first(db: &Connection) -> Result<Option<Sequence>, StoreError> {
    let sql = "SELECT min(sequence) FROM event";
    let first: Option<u64> = db.prepare_cached(sql)?.query_row([], |row| row.get(0))?;
    Ok(first.map(Sequence))
}

/// The newest removal.
pub(in crate::store) fn removal(db: &Connection) -> Result<Option<Removal>, StoreError> {
    let sql = "SELECT kept_from, event, recorded FROM removal";
    let row = db.prepare_cached(sql)?.query_row([], |row| {
        Ok(Removal {
            kept_from: Sequence(row.get(0)?),
            event: Sequence(row.get(1)?),
            recorded: row.get(2)?,
        })
    });
    Ok(row.optional()?)
}

/// Writes a removal down. Targets that are before what is kept go on there, in the epoch under way, and what is parked there is dropped.
///
/// # Errors
/// [`ApplyError::Conflict`] when as much was removed already.
pub(in crate::store) fn remove(
    db: &Connection,
    removal: Removal,
    gaps: &[Gap],
    epoch: u32,
) -> Result<(), ApplyError> {
    let Removal {
        kept_from,
        event,
        recorded,
    } = removal;
    if self::removal(db)?.is_some_and(|before| before.kept_from >= kept_from) {
        return Err(ApplyError::Conflict);
    }
    let sql =
        "INSERT INTO removal (id, kept_from, event, recorded) VALUES (1, ?1, ?2, ?3)
        ON CONFLICT (id) DO UPDATE SET kept_from = excluded.kept_from, event = excluded.event, recorded = excluded.recorded";
    db.execute(sql, params![kept_from.0, event.0, recorded])?;
    let sql = "UPDATE delivery SET next = ?1, epoch = ?2 WHERE next < ?1";
    db.execute(sql, params![kept_from.0, epoch])?;
    db.execute("DELETE FROM parked WHERE sequence < ?1", [kept_from.0])?;
    let sql = "INSERT INTO gap (target, first, last) VALUES (?1, ?2, ?3)
        ON CONFLICT (target, first) DO UPDATE SET last = excluded.last";
    let mut statement = db.prepare(sql)?;
    for Gap {
        target,
        first,
        last,
    } in gaps
    {
        statement.execute(params![target.as_bytes(), first.0, last.0])?;
    }
    Ok(())
}

/// The targets that are before an event, or have something parked that is, or are in another epoch than this one, by their identifiers.
pub(in crate::store) fn behind(
    db: &Connection,
    before: Sequence,
    epoch: u32,
) -> Result<Vec<Behind>, StoreError> {
    let mut behind = Vec::new();
    for target in delivery::targets(db)? {
        let found = Behind {
            target,
            cursor: delivery::cursor(db, target)?,
            parked: parked_before(db, target, before)?,
        };
        behind.extend(found.before(before, epoch));
    }
    Ok(behind)
}

fn parked_before(
    db: &Connection,
    target: TargetId,
    before: Sequence,
) -> Result<Vec<u64>, StoreError> {
    let sql = "SELECT sequence FROM parked WHERE target = ?1 AND sequence < ?2 ORDER BY sequence";
    let mut statement = db.prepare_cached(sql)?;
    let rows = statement.query_map(params![target.as_bytes(), before.0], |row| row.get(0))?;
    Ok(rows)
}

/// What was removed before a target had it, the newest first, at most `limit` ranges.
pub(in crate::store) fn gaps(
    db: &Connection,
    target: TargetId,
    limit: usize,
) -> Result<Vec<Gap>, StoreError> {
    let sql = "SELECT first, last FROM gap WHERE target = ?1 ORDER BY first DESC LIMIT ?2";
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut statement = db.prepare_cached(sql)?;
    let rows = statement.query_map(params![target.as_bytes(), limit], |row| {
        Ok(Gap {
            target,
            first: Sequence(row.get(0)?),
            last: Sequence(row.get(1)?),
        })
    })?;
    Ok(rows)
}

/// When the events of blocks happened. What cannot be read tells nothing.
pub(in crate::store) fn block_times(
    db: &Connection,
    blocks: Range<u64>,
    now_ms: i64,
) -> Result<Vec<BlockTime>, StoreError> {
    let sql = "SELECT record FROM event WHERE sequence >= ?1 AND sequence < ?2";
    let mut statement = db.prepare_cached(sql)?;
    let mut times = Vec::new();
    for block in blocks {
        let events = events_of(block);
        let mut rows = statement.query(params![events.start, events.end])?;
        let mut newest_ms: Option<i64> = None;
        while let Some(row) = rows.next()? {
            let head = record::peek(row.value(0)?.as_blob().unwrap_or_default());
            let time_ms = head.ok().map(|head| head.time_ms);
            newest_ms = newest_ms.max(time_ms.filter(|time_ms| *time_ms <= now_ms));
        }
        let end = Sequence(events.end);
        times.push(BlockTime { end, newest_ms });
    }
    Ok(times)
}

/// Whether the events of blocks are those that were sealed: each is what its hash says, and their hashes are what the trail's tree has.
///
/// # Errors
/// [`StoreError::Damaged`] names the first that is not.
pub(in crate::store) fn check_blocks(
    db: &Connection,
    blocks: Range<u64>,
    interned: &Interned,
) -> Result<(), StoreError> {
    let sql =
        "SELECT record, leaf FROM event WHERE sequence >= ?1 AND sequence < ?2 ORDER BY sequence";
    let mut json = Vec::new();
    let mut checked = None;
    for block in blocks {
        let above = block >> KEPT_LEVELS;
        if checked.replace(above) != Some(above) {
            check_above(db, block)?;
        }
        sealed_leaves(db, block)?;
        let events = events_of(block);
        let mut statement = db.prepare_cached(sql)?;
        let mut rows = statement.query(params![events.start, events.end])?;
        let mut sequence = events.start;
        while let Some(row) = rows.next()? {
            let event = record::decode(row.value(0)?.as_blob().unwrap_or_default(), interned);
            let event = event.map_err(|error| {
                StoreError::damaged(format!("event {sequence} of the trail: {error}"))
            })?;
            if event.leaf_hash_into(&mut json) != row.get::<Hash>(1)? {
                let what = format!("event {sequence} of the trail is not what was sealed");
                return Err(StoreError::damaged(what));
            }
            sequence += 1;
        }
    }
    Ok(())
}

/// Whether the hash that is kept of a block is one that the trail is signed from: where a larger subtree is complete only that subtree's is,
/// so those kept below it must give it.
fn check_above(db: &Connection, block: u64) -> Result<(), StoreError> {
    let (mut level, mut index) = (BLOCK_LEVEL, block);
    loop {
        let (above, parent) = (level + KEPT_LEVELS, index >> KEPT_LEVELS);
        let Some(kept) = kept_hash(db, above, parent)? else {
            return Ok(());
        };
        let (mut tree, mut completed) = (Tree::default(), Vec::new());
        for child in parent << KEPT_LEVELS..(parent + 1) << KEPT_LEVELS {
            let Some(hash) = kept_hash(db, level, child)? else {
                break;
            };
            tree.push_subtree(level, hash, &mut completed);
        }
        if completed.last().map(|subtree| subtree.hash) != Some(kept) {
            let (first, last) = (parent << above, ((parent + 1) << above) - 1);
            return Err(StoreError::damaged(format!(
                "the hashes that are kept of the events from {first} to {last} of the trail are not what was sealed"
            )));
        }
        (level, index) = (above, parent);
    }
}

fn kept_hash(db: &Connection, level: u32, index: u64) -> Result<Option<Hash>, StoreError> {
    let sql = "SELECT hash FROM subtree WHERE level = ?1 AND idx = ?2";
    let mut statement = db.prepare_cached(sql)?;
    let kept = statement.query_row(params![level, index], |row| row.get(0));
    Ok(kept.optional()?)
}

/// Removes the next blocks of those that a removal names, if a checkpoint of this epoch seals its event. Their leaf hashes stay.
///
/// # Errors
/// [`StoreError::Damaged`] when a block is not what was sealed: it stays.
pub(in crate::store) fn remove_blocks(db: &Connection, epoch: u32) -> Result<(), StoreError> {
    let Some(removal) = removal(db)? else {
        return Ok(());
    };
    if seal::sealed(db, epoch)? <= removal.event.0 {
        return Ok(());
    }
    for _ in 0..BLOCKS_PER_PAGE {
        let Some(first) = first(db)?.filter(|first| *first < removal.kept_from) else {
            break;
        };
        let block = first.0 / BLOCK;
        let hashes = sealed_leaves(db, block)?.concat();
        let sql = "INSERT INTO removed_leaves (block, hashes) VALUES (?1, ?2)
            ON CONFLICT (block) DO UPDATE SET hashes = excluded.hashes";
        db.prepare_cached(sql)?.execute(params![block, hashes])?;
        let sql = "DELETE FROM event WHERE sequence >= ?1 AND sequence < ?2";
        let events = events_of(block);
        db.prepare_cached(sql)?
            .execute(params![events.start, events.end])?;
    }
    Ok(())
}

/// The leaf hashes of a block that is there, which give the hash that the trail's tree has for it.
fn sealed_leaves(db: &Connection, block: u64) -> Result<Vec<Hash>, StoreError> {
    let events = events_of(block);
    let leaves = leaves_there(db, &events)?;
    let (mut tree, mut completed) = (Tree::default(), Vec::new());
    for leaf in &leaves {
        tree.push(*leaf, &mut completed);
    }
    let kept = kept_hash(db, BLOCK_LEVEL, block)?;
    if kept.is_none() || kept != completed.first().map(|subtree| subtree.hash) {
        let (first, last) = (events.start, events.end - 1);
        return Err(StoreError::damaged(format!(
            "the events from {first} to {last} of the trail are not those that were sealed"
        )));
    }
    Ok(leaves)
}

/// The leaf hashes of events of one block, whether they are there or were removed.
///
/// # Errors
/// [`StoreError::Damaged`] names the first that is missing.
pub(super) fn leaves(db: &Connection, events: &Range<u64>) -> Result<Vec<Hash>, StoreError> {
    let there = leaves_there(db, events);
    if there.is_ok() {
        return there;
    }
    let sql = "SELECT hashes FROM removed_leaves WHERE block = ?1";
    let block = events.start / BLOCK;
    let removed = db
        .prepare_cached(sql)
        .and_then(|mut statement| statement.query_row([block], |row| row.get(0)));
    // A database of an older release has no such table: there they are missing, and nothing else.
    let removed: Vec<u8> = match removed {
        Ok(removed) => removed,
        Err(_) => return there,
    };
    let at = |event: u64| {
        let at = usize::try_from(event % BLOCK).ok()?;
        let (hashes, _) = removed.as_chunks::<32>();
        hashes.get(at).copied()
    };
    let found: Option<Vec<_>> = events.clone().map(at).collect();
    found.map_or(there, Ok)
}

fn leaves_there(db: &Connection, events: &Range<u64>) -> Result<Vec<Hash>, StoreError> {
    let sql =
        "SELECT sequence, leaf FROM event WHERE sequence >= ?1 AND sequence < ?2 ORDER BY sequence";
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query(params![events.start, events.end])?;
    let mut leaves = Vec::new();
    for event in events.clone() {
        let leaf = rows.next()?.and_then(|row| seal::hash_at(row, event));
        leaves.push(leaf.ok_or_else(|| seal::missing(0, event))?);
    }
    Ok(leaves)
}

const fn events_of(block: u64) -> Range<u64> {
    block * BLOCK..(block + 1) * BLOCK
}
