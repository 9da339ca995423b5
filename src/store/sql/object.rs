//! Objects in tables: one row each. Their names and the values they are found by are in tables of their own.
//!
//! An object that is read equals the one that was written. A destroyed object has no material, and
//! its names are free.

use crate::store::engine::{Connection, OptionalExtension as _, Row, params};

use super::attribute::{
    free_names, insert_values, names, release_names, take_names, update_values,
};
use super::codes::{Columns, decode_attributes, encode_attributes, is_destroyed};
use crate::crypto::Wrapped;
use crate::domain::{Dates, InstanceId, Object, ObjectId, RevocationReason};
use crate::kmip::enums::State;
use crate::store::StoreError;
use crate::store::error::{ApplyError, Thing};

/// SELECT of the columns that [`from_row`] reads, in its order, and the rest of the statement.
macro_rules! object_columns {
    ($rest:literal) => {
        concat!(
            "SELECT object.id, object.instance, object_type, state, state_version, attributes_version, fresh, last_read,
            destroy_due, initial, activation, process_start, protect_stop, deactivation, destroy, compromise, compromise_occurrence,
            archive, last_change, algorithm, length, usage_mask, digest, revocation_code, revocation_message,
            data_key_epoch, material, attributes ",
            $rest
        )
    };
}
pub(super) use object_columns;

/// The state version and the attributes version of an object.
pub(in crate::store) type Versions = (u64, u64);

const INSERT: &str = "INSERT INTO object (id, instance, object_type, state, state_version, attributes_version,
    fresh, last_read, initial, activation, process_start, protect_stop, deactivation, destroy, compromise,
    compromise_occurrence, archive, last_change, algorithm, length, usage_mask, digest, revocation_code,
    revocation_message, data_key_epoch, material, attributes, creator)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28)";

const UPDATE_STATE: &str = "UPDATE object SET state = ?2, state_version = ?3,
    activation = ?4, process_start = ?5, protect_stop = ?6,
    deactivation = ?7, destroy = ?8, compromise = ?9,
    compromise_occurrence = ?10, archive = ?11, last_change = CASE WHEN last_change < ?12 THEN ?12 ELSE last_change END,
    usage_mask = ?13, digest = ?14, revocation_code = ?15,
    revocation_message = ?16, data_key_epoch = ?17, material = ?18,
    destroy_due = ?19, changer = coalesce(?20, changer), destroyer = coalesce(destroyer, ?21)
    WHERE id = ?1";

/// The object of this identifier.
pub(in crate::store) fn load(db: &Connection, id: ObjectId) -> Result<Option<Object>, StoreError> {
    let mut statement = db.prepare_cached(object_columns!("FROM object WHERE id = ?1"))?;
    let mut rows = statement.query([id.as_bytes()])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    Ok(Some(from_row(db, row)?))
}

/// The versions that preconditions compare.
pub(in crate::store) fn versions(
    db: &Connection,
    id: ObjectId,
) -> Result<Option<Versions>, StoreError> {
    let sql = "SELECT state_version, attributes_version FROM object WHERE id = ?1";
    let mut statement = db.prepare_cached(sql)?;
    Ok(statement
        .query_row([id.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?)
}

/// A new row with its names and attributes, made by the initiator of this number. Nothing that is made is to be destroyed already.
pub(in crate::store) fn insert(
    db: &Connection,
    object: &Object,
    creator: Option<u32>,
) -> Result<(), ApplyError> {
    let Object {
        dates, revocation, ..
    } = object;
    // By place, in the order of the statement: looking up so many names takes longer than writing the row.
    let inserted = db.prepare_cached(INSERT)?.execute(params![
        object.id.as_bytes(),
        object.instance.as_bytes(),
        object.object_type.code(),
        object.state.code(),
        object.state_version,
        object.attributes_version,
        object.fresh,
        object.last_read,
        dates.initial,
        dates.activation,
        dates.process_start,
        dates.protect_stop,
        dates.deactivation,
        dates.destroy,
        dates.compromise,
        dates.compromise_occurrence,
        dates.archive,
        dates.last_change,
        object.algorithm.map(|algorithm| algorithm.code()),
        object.length,
        object.usage_mask,
        object.digest,
        revocation.as_ref().map(|reason| reason.code.code()),
        revocation
            .as_ref()
            .and_then(|reason| reason.message.as_deref()),
        object.data_key_epoch,
        object.material.as_ref().map(Wrapped::as_bytes),
        encode_attributes(&object.attributes)?,
        creator,
    ]);
    inserted.map_err(|error| super::taken(error, Thing::Object, Thing::Instance))?;
    if !object.names.is_empty() {
        take_names(db, object, !is_destroyed(object.state))?;
    }
    insert_values(db, object)
}

/// Takes over the part that the state version guards, changed by the initiator of this number.
pub(in crate::store) fn update_state(
    db: &Connection,
    object: &Object,
    changer: Option<u32>,
) -> Result<(), ApplyError> {
    let Object {
        dates, revocation, ..
    } = object;
    let destroyed = is_destroyed(object.state);
    let material = object.material.as_ref().filter(|_| !destroyed);
    let changed = db.prepare_cached(UPDATE_STATE)?.execute(params![
        object.id.as_bytes(),
        object.state.code(),
        object.state_version,
        dates.activation,
        dates.process_start,
        dates.protect_stop,
        dates.deactivation,
        dates.destroy,
        dates.compromise,
        dates.compromise_occurrence,
        dates.archive,
        dates.last_change,
        object.usage_mask,
        object.digest,
        revocation.as_ref().map(|reason| reason.code.code()),
        revocation
            .as_ref()
            .and_then(|reason| reason.message.as_deref()),
        object.data_key_epoch,
        material.map(Wrapped::as_bytes),
        object.destroy_due,
        changer,
        changer.filter(|_| destroyed),
    ])?;
    if changed == 0 {
        return Err(ApplyError::Missing(Thing::Object));
    }
    if destroyed {
        free_names(db, object.id)?;
    }
    Ok(())
}

/// Takes over the part that the attributes version guards, changed by the initiator of this number.
pub(in crate::store) fn update_attributes(
    db: &Connection,
    object: &Object,
    changer: Option<u32>,
) -> Result<(), ApplyError> {
    let id = object.id.as_bytes();
    let sql = "SELECT attributes, state FROM object WHERE id = ?1";
    let before = db
        .prepare_cached(sql)?
        .query_row([id], |row| Ok((row.get::<Vec<u8>>(0)?, row.get(1)?)))
        .optional()?;
    let (before, state) = before.ok_or(ApplyError::Missing(Thing::Object))?;
    let sql = "UPDATE object SET attributes = ?2, attributes_version = ?3,
        last_change = CASE WHEN last_change < ?4 THEN ?4 ELSE last_change END, changer = coalesce(?5, changer) WHERE id = ?1";
    db.prepare_cached(sql)?.execute(params![
        id,
        encode_attributes(&object.attributes)?,
        object.attributes_version,
        object.dates.last_change,
        changer,
    ])?;
    update_values(db, object, &decode_attributes(&before)?)?;
    if names(db, object.id)? == object.names {
        return Ok(());
    }
    let state = State::from_code(state).ok_or_else(|| StoreError::damaged("a state"))?;
    release_names(db, object)?;
    take_names(db, object, !is_destroyed(state))
}

/// The material was served at `at` (seconds since 1970) to the initiator of this number.
pub(in crate::store) fn update_read(
    db: &Connection,
    id: ObjectId,
    at: i64,
    reader: Option<u32>,
) -> Result<(), ApplyError> {
    let sql = "UPDATE object SET fresh = 0, last_read = ?2, last_reader = ?3 WHERE id = ?1";
    db.prepare_cached(sql)?
        .execute(params![id.as_bytes(), at, reader])?;
    Ok(())
}

/// Fills the index of values anew: what it holds has changed with the release.
pub(in crate::store) fn index_values_again(db: &Connection) -> Result<(), StoreError> {
    // That release did not know the column yet.
    let sql = object_columns!("FROM object WHERE length(attributes) > 0");
    let mut statement = db.prepare(&sql.replace("destroy_due", "NULL"))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let object = from_row(db, row)?;
        insert_values(db, &object).map_err(|error| StoreError::Engine(error.to_string()))?;
    }
    Ok(())
}

/// The object of a row of [`object_columns`], and its names.
pub(super) fn from_row(db: &Connection, row: Row<'_>) -> Result<Object, StoreError> {
    let mut columns = Columns::of(row);
    let id = ObjectId::from_bytes(columns.get()?);
    // In the order of the columns: fields are evaluated as they stand here.
    Ok(Object {
        id,
        instance: InstanceId::from_bytes(columns.get()?),
        object_type: columns.code()?,
        state: columns.code()?,
        state_version: columns.get()?,
        attributes_version: columns.get()?,
        fresh: columns.get()?,
        last_read: columns.get()?,
        destroy_due: columns.get()?,
        dates: dates(&mut columns)?,
        algorithm: columns.code_if_any()?,
        length: columns.get()?,
        usage_mask: columns.get()?,
        digest: columns.get()?,
        revocation: revocation(&mut columns)?,
        data_key_epoch: columns.get()?,
        material: columns.get::<Option<Vec<u8>>>()?.map(Wrapped::from_bytes),
        attributes: decode_attributes(columns.bytes()?)?,
        names: names(db, id)?,
    })
}

fn dates(columns: &mut Columns<'_>) -> Result<Dates, StoreError> {
    Ok(Dates {
        initial: columns.get()?,
        activation: columns.get()?,
        process_start: columns.get()?,
        protect_stop: columns.get()?,
        deactivation: columns.get()?,
        destroy: columns.get()?,
        compromise: columns.get()?,
        compromise_occurrence: columns.get()?,
        archive: columns.get()?,
        last_change: columns.get()?,
    })
}

fn revocation(columns: &mut Columns<'_>) -> Result<Option<RevocationReason>, StoreError> {
    let code = columns.code_if_any()?;
    let message = columns.get()?;
    Ok(code.map(|code| RevocationReason { code, message }))
}
