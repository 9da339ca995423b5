//! Searching for objects: by name, by custom attribute, all of an instance. Pages in the order of
//! ids.
//!
//! Each way has an index that gives the objects in this order, so a page costs what it returns.

use rusqlite::{Connection, OptionalExtension as _, ToSql, params};

use super::object::{custom_key, from_row};
use crate::domain::{InstanceId, Object, ObjectId};
use crate::store::StoreError;
use crate::store::query::{By, LocateQuery};

pub(in crate::store) const BY_NAME: &str = "SELECT object.* FROM object_name
    CROSS JOIN object ON object.id = object_name.object
    WHERE object_name.instance = ?1 AND object_name.value = ?4 AND object_name.object > ?2
    ORDER BY object_name.object LIMIT ?3";

pub(in crate::store) const BY_CUSTOM: &str = "SELECT object.* FROM object_custom
    CROSS JOIN object ON object.id = object_custom.object
    WHERE object_custom.instance = ?1 AND object_custom.name = ?4 AND object_custom.value_hash = ?5
    AND object_custom.object > ?2 ORDER BY object_custom.object LIMIT ?3";

pub(in crate::store) const ALL: &str =
    "SELECT * FROM object WHERE instance = ?1 AND id > ?2 ORDER BY id LIMIT ?3";

/// The page of objects a query asks for.
pub(in crate::store) fn locate(
    db: &Connection,
    query: &LocateQuery,
) -> Result<Vec<Object>, StoreError> {
    let instance = query.instance.as_bytes();
    let after = query.after.as_ref().map_or(&[][..], |id| id.as_bytes());
    let limit = i64::try_from(query.limit).unwrap_or(i64::MAX);
    match &query.by {
        By::Name(name) => page(db, BY_NAME, params![instance, after, limit, name]),
        By::Custom { name, value } => match custom_key(name, value) {
            Some(hash) => page(db, BY_CUSTOM, params![instance, after, limit, name, hash]),
            None => Ok(Vec::new()),
        },
        By::All => page(db, ALL, params![instance, after, limit]),
    }
}

fn page(db: &Connection, sql: &str, values: &[&dyn ToSql]) -> Result<Vec<Object>, StoreError> {
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query(values)?;
    let mut objects: Vec<Object> = Vec::new();
    while let Some(row) = rows.next()? {
        let object = from_row(db, row)?;
        // A destroyed object may carry one name twice.
        if objects.last().is_none_or(|last| last.id != object.id) {
            objects.push(object);
        }
    }
    Ok(objects)
}

/// The object that is not destroyed and has this name.
pub(in crate::store) fn name_holder(
    db: &Connection,
    instance: InstanceId,
    name: &str,
) -> Result<Option<ObjectId>, StoreError> {
    let sql = "SELECT object FROM object_name WHERE instance = ?1 AND value = ?2 AND live = 1";
    let mut statement = db.prepare_cached(sql)?;
    let id = statement
        .query_row(params![instance.as_bytes(), name], |row| row.get(0))
        .optional()?;
    Ok(id.map(ObjectId::from_bytes))
}
