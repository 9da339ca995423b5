//! The trail in tables: records, leaf hashes, and the initiators and scopes that records refer to
//! by number.
//!
//! Events are only ever appended. Sequences are given by the writer; this file trusts them.

use std::sync::Arc;

use crate::store::engine::{Connection, Statement, params};

use super::codes::{kind_code, kind_of};
use super::retention;
use crate::audit::filter::EventFilter;
use crate::audit::record;
use crate::domain::{Initiator, Scope};
use crate::store::interned::Interned;
use crate::store::query::{EventPage, StoredEvent};
use crate::store::{Sequence, StoreError};

/// Rows one call reads at most: a long read would keep the WAL from being reused.
const ROWS_MAX: u64 = 5000;

/// Appends the events of one transaction.
pub(in crate::store) struct Appender<'a>(Statement<'a>);

impl<'a> Appender<'a> {
    /// To be used within a transaction.
    pub(in crate::store) fn new(db: &'a Connection) -> Result<Self, StoreError> {
        let sql = "INSERT INTO event (sequence, record, leaf) VALUES (?1, ?2, ?3)";
        Ok(Self(db.prepare_cached(sql)?))
    }

    /// Appends one event.
    pub(in crate::store) fn append(
        &mut self,
        sequence: Sequence,
        record: &[u8],
        leaf: &[u8; 32],
    ) -> Result<(), StoreError> {
        self.0.execute(params![sequence.0, record, leaf])?;
        Ok(())
    }
}

/// The events from a sequence on, or from the first there is, that match, at most `limit` of them and none at or after `head`.
pub(in crate::store) fn page(
    db: &Connection,
    from: Sequence,
    head: Sequence,
    limit: usize,
    filter: &EventFilter,
    interned: &Interned,
) -> Result<EventPage, StoreError> {
    let first = retention::first(db)?.unwrap_or(head);
    let from = from.max(first);
    let end = head.min(from.plus(ROWS_MAX));
    let sql = "SELECT sequence, record, leaf FROM event WHERE sequence >= ?1 AND sequence < ?2 ORDER BY sequence";
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query(params![from.0, end.0])?;
    let mut page = EventPage {
        events: Vec::new(),
        next: from,
        first,
        head,
    };
    while page.events.len() < limit {
        let Some(row) = rows.next()? else {
            page.next = page.next.max(end);
            break;
        };
        let sequence = Sequence(row.get(0)?);
        let record = row.value(1)?.as_blob().unwrap_or_default();
        let damaged = |error| StoreError::damaged(format!("event {sequence}: {error}"));
        page.next = sequence.plus(1);
        if !filter.may_match(&record::peek(record).map_err(damaged)?) {
            continue;
        }
        let event = record::decode(record, interned).map_err(damaged)?;
        if filter.matches(&event) {
            page.events.push(StoredEvent {
                sequence,
                leaf_hash: row.get(2)?,
                event: Arc::new(event),
            });
        }
    }
    Ok(page)
}

/// Keeps an initiator under a number.
pub(in crate::store) fn insert_initiator(
    db: &Connection,
    number: u32,
    initiator: &Initiator,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO initiator (id, kind, initiator, name) VALUES (?1, ?2, ?3, ?4)";
    let Initiator { id, name, kind } = initiator;
    db.prepare_cached(sql)?
        .execute(params![number, kind_code(*kind), id, name])?;
    Ok(())
}

/// Keeps a scope under a number.
pub(in crate::store) fn insert_scope(
    db: &Connection,
    number: u32,
    scope: &Scope,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO scope (id, crn_prefix, account, location, instance) VALUES (?1, ?2, ?3, ?4, ?5)";
    let Scope {
        crn_prefix,
        account,
        location,
        instance,
    } = scope;
    db.prepare_cached(sql)?
        .execute(params![number, crn_prefix, account, location, instance])?;
    Ok(())
}

/// Every initiator with its number.
pub(in crate::store) fn initiators(db: &Connection) -> Result<Vec<(u32, Initiator)>, StoreError> {
    let mut statement =
        db.prepare("SELECT id, kind, initiator, name FROM initiator ORDER BY id")?;
    let mut rows = statement.query([])?;
    let mut initiators = Vec::new();
    while let Some(row) = rows.next()? {
        let kind = kind_of(row.get(1)?)?;
        initiators.push((
            row.get(0)?,
            Initiator {
                id: row.get(2)?,
                name: row.get(3)?,
                kind,
            },
        ));
    }
    Ok(initiators)
}

/// Every scope with its number.
pub(in crate::store) fn scopes(db: &Connection) -> Result<Vec<(u32, Scope)>, StoreError> {
    let sql = "SELECT id, crn_prefix, account, location, instance FROM scope ORDER BY id";
    let mut statement = db.prepare(sql)?;
    let rows = statement.query_map([], |row| {
        let (crn_prefix, account, location, instance) =
            (row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?);
        Ok((
            row.get(0)?,
            Scope {
                crn_prefix,
                account,
                location,
                instance,
            },
        ))
    })?;
    Ok(rows)
}
