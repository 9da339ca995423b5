//! Destructions under way in a table: few, each read by its key or in the order of keys.

use crate::store::engine::{Connection, OptionalExtension as _, Row, params};

use super::client::found;
use super::codes::Columns;
use crate::domain::destruction::{Destruction, Party, Scheduled};
use crate::domain::{InstanceId, Makers, ObjectId, RequestId};
use crate::store::StoreError;
use crate::store::error::{ApplyError, Thing};

macro_rules! destructions {
    ($rest:literal) => {
        concat!(
            "SELECT object, instance, reason, forced, requested, requested_by, requested_by_name, approved_by,
            approved_by_name, correlation, due, state, deactivation, requested_by_makers FROM destruction ",
            $rest
        )
    };
}

/// The destruction of this key.
pub(in crate::store) fn load(
    db: &Connection,
    object: ObjectId,
) -> Result<Option<Destruction>, StoreError> {
    let mut statement = db.prepare_cached(destructions!("WHERE object = ?1"))?;
    let mut rows = statement.query([object.as_bytes()])?;
    rows.next()?.map(from_row).transpose()
}

/// Those after a key, of one instance or of all, at most `limit`, in the order of keys.
pub(in crate::store) fn page(
    db: &Connection,
    instance: Option<InstanceId>,
    after: Option<ObjectId>,
    limit: usize,
) -> Result<Vec<Destruction>, StoreError> {
    let sql = destructions!(
        "WHERE object > ?1 AND instance = coalesce(?2, instance) ORDER BY object LIMIT ?3"
    );
    let mut statement = db.prepare_cached(sql)?;
    let after = after.map_or([0; 16], |id| *id.as_bytes());
    let instance = instance.map(|id| *id.as_bytes());
    let mut rows = statement.query(params![after, instance, limit])?;
    let mut page = Vec::new();
    while let Some(row) = rows.next()? {
        page.push(from_row(row)?);
    }
    Ok(page)
}

/// Those whose window has ended at `now`, after a key, at most `limit`, in the order of keys.
pub(in crate::store) fn due(
    db: &Connection,
    now: i64,
    after: Option<ObjectId>,
    limit: usize,
) -> Result<Vec<Destruction>, StoreError> {
    let sql = destructions!(
        "WHERE due IS NOT NULL AND due <= ?1 AND object > ?2 ORDER BY object LIMIT ?3"
    );
    let mut statement = db.prepare_cached(sql)?;
    let after = after.map_or([0; 16], |id| *id.as_bytes());
    let mut rows = statement.query(params![now, after, limit])?;
    let mut page = Vec::new();
    while let Some(row) = rows.next()? {
        page.push(from_row(row)?);
    }
    Ok(page)
}

fn from_row(row: Row<'_>) -> Result<Destruction, StoreError> {
    let mut columns = Columns::of(row);
    let damaged = || StoreError::damaged("a scheduled destruction");
    let (object, instance) = (columns.get()?, columns.get()?);
    let (reason, forced, requested) = (columns.get()?, columns.get()?, columns.get()?);
    let requested_by = Party {
        id: columns.get()?,
        name: columns.get()?,
    };
    let approved: (Option<String>, Option<String>) = (columns.get()?, columns.get()?);
    let correlation = columns.get()?;
    let due: Option<i64> = columns.get()?;
    let (state, deactivation) = (columns.code_if_any()?, columns.get()?);
    let requested_by_makers: String = columns.get()?;
    let scheduled = |due| {
        let state = state.ok_or_else(damaged)?;
        Ok::<_, StoreError>(Scheduled {
            due,
            state,
            deactivation,
        })
    };
    Ok(Destruction {
        object: ObjectId::from_bytes(object),
        instance: InstanceId::from_bytes(instance),
        reason,
        forced,
        requested,
        requested_by,
        requested_by_makers: Makers::from_text(&requested_by_makers),
        approved_by: approved
            .0
            .zip(approved.1)
            .map(|(id, name)| Party { id, name }),
        correlation: RequestId::from_bytes(correlation),
        scheduled: due.map(scheduled).transpose()?,
    })
}

/// A destruction, new or a step further.
pub(in crate::store) fn set(db: &Connection, held: &Destruction) -> Result<(), ApplyError> {
    let sql = "INSERT INTO destruction (object, instance, reason, forced, requested, requested_by, requested_by_name,
        approved_by, approved_by_name, correlation, due, state, deactivation, requested_by_makers)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
        ON CONFLICT (object) DO UPDATE SET instance = excluded.instance, reason = excluded.reason, forced = excluded.forced,
        requested = excluded.requested, requested_by = excluded.requested_by, requested_by_name = excluded.requested_by_name,
        approved_by = excluded.approved_by, approved_by_name = excluded.approved_by_name, correlation = excluded.correlation,
        due = excluded.due, state = excluded.state, deactivation = excluded.deactivation,
        requested_by_makers = excluded.requested_by_makers";
    let approved = held.approved_by.as_ref();
    db.prepare_cached(sql)?.execute(params![
        held.object.as_bytes(),
        held.instance.as_bytes(),
        held.reason,
        held.forced,
        held.requested,
        held.requested_by.id,
        held.requested_by.name,
        approved.map(|party| party.id.as_str()),
        approved.map(|party| party.name.as_str()),
        held.correlation.as_bytes(),
        held.scheduled.map(|window| window.due),
        held.scheduled.map(|window| window.state.code()),
        held.scheduled.and_then(|window| window.deactivation),
        held.requested_by_makers.to_text(),
    ])?;
    Ok(())
}

/// A destruction less: it was carried out, refused or undone.
pub(in crate::store) fn end(db: &Connection, object: ObjectId) -> Result<(), ApplyError> {
    let sql = "DELETE FROM destruction WHERE object = ?1";
    let rows = db.prepare_cached(sql)?.execute([object.as_bytes()])?;
    found(rows, Thing::Object)
}

/// Who read a key last, as identifier and name.
pub(in crate::store) fn last_reader(
    db: &Connection,
    object: ObjectId,
) -> Result<Option<(String, String)>, StoreError> {
    let sql = "SELECT initiator.initiator, initiator.name FROM object JOIN initiator ON initiator.id = object.last_reader
        WHERE object.id = ?1";
    let mut statement = db.prepare_cached(sql)?;
    let reader = statement.query_row([object.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?)));
    Ok(reader.optional()?)
}
