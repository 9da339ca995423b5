//! The names of objects and the values they are found by, in tables of their own for searching.
//!
//! A change touches the rows that differ and no others: most changes are tags of vCenter, one more each time. The place of a name
//! among those of its object is its index, which it keeps for life.

use std::collections::BTreeSet;

use crate::store::engine::{Connection, params};

use super::codes::Columns;
use crate::crypto::digest::sha256;
use crate::domain::locate::is_indexed;
use crate::domain::{Name, Object, ObjectId};
use crate::kmip::attribute::{Attribute, AttributeName};
use crate::store::StoreError;
use crate::store::error::ApplyError;

/// What stands for a value in the index, if objects can be found by this attribute.
pub(super) fn value_hash(name: &str, stored_value: &[u8]) -> Option<[u8; 32]> {
    is_indexed(&AttributeName::from_text(name)).then(|| sha256(&[stored_value]))
}

/// Makes an object findable by the values it has.
pub(super) fn insert_values(db: &Connection, object: &Object) -> Result<(), ApplyError> {
    update_values(db, object, &[])
}

/// Makes an object findable by the values it has, and no longer by those it had and lost. Two instances may have one value: it is found
/// by it until the last of them is gone.
pub(super) fn update_values(
    db: &Connection,
    object: &Object,
    before: &[Attribute],
) -> Result<(), ApplyError> {
    let (held, wanted) = (indexed(before), indexed(&object.attributes));
    let delete = "DELETE FROM object_custom
        WHERE instance = ?1 AND name = ?2 AND value_hash = ?3 AND object = ?4";
    // What an older release has indexed already is there.
    let insert = "INSERT INTO object_custom (instance, name, value_hash, object)
        VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING";
    let changes = [
        (delete, held.difference(&wanted)),
        (insert, wanted.difference(&held)),
    ];
    for (sql, rows) in changes {
        for (name, value) in rows {
            let (instance, id) = (object.instance.as_bytes(), object.id.as_bytes());
            db.prepare_cached(sql)?
                .execute(params![instance, name, sha256(&[value]), id])?;
        }
    }
    Ok(())
}

/// Names and stored values of what objects are found by, each pair once.
pub(in crate::store) fn indexed(attributes: &[Attribute]) -> BTreeSet<(&str, Vec<u8>)> {
    let indexed = attributes.iter().filter(|held| is_indexed(&held.name));
    indexed
        .map(|held| (held.name.text(), held.value.to_stored()))
        .collect()
}

/// The names of an object.
pub(super) fn names(db: &Connection, id: ObjectId) -> Result<Vec<Name>, StoreError> {
    let sql = "SELECT idx, value, name_type FROM object_name WHERE object = ?1 ORDER BY position";
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query([id.as_bytes()])?;
    let mut names = Vec::new();
    while let Some(row) = rows.next()? {
        let mut columns = Columns::of(row);
        names.push(Name {
            index: columns.get()?,
            value: columns.get()?,
            name_type: columns.code()?,
        });
    }
    Ok(names)
}

/// Gives up the names that the object has no longer. Another object of the same changeset may take them then.
pub(in crate::store) fn release_names(db: &Connection, object: &Object) -> Result<(), ApplyError> {
    let sql = "DELETE FROM object_name
        WHERE instance = ?1 AND value = ?2 AND object = ?3 AND position = ?4";
    for name in names(db, object.id)? {
        if !object.names.contains(&name) {
            let (instance, id) = (object.instance.as_bytes(), object.id.as_bytes());
            db.prepare_cached(sql)?
                .execute(params![instance, name.value, id, name.index])?;
        }
    }
    Ok(())
}

/// Gives up all names of an object that is destroyed: they stay with it, and another may have them too.
pub(in crate::store) fn free_names(db: &Connection, id: ObjectId) -> Result<(), ApplyError> {
    let sql = "UPDATE object_name SET live = 0 WHERE object = ?1";
    db.prepare_cached(sql)?.execute([id.as_bytes()])?;
    Ok(())
}

/// Takes the names that the object has and the table does not. `live` says whether they are taken from all others.
pub(super) fn take_names(db: &Connection, object: &Object, live: bool) -> Result<(), ApplyError> {
    let held = names(db, object.id)?;
    let sql = "INSERT INTO object_name (instance, value, object, position, idx, name_type, live)
        VALUES (?1, ?2, ?3, ?4, ?4, ?5, ?6)";
    for name in object.names.iter().filter(|name| !held.contains(name)) {
        let inserted = db.prepare_cached(sql)?.execute(params![
            object.instance.as_bytes(),
            name.value,
            object.id.as_bytes(),
            name.index,
            name.name_type.code(),
            live,
        ]);
        inserted.map_err(|error| {
            if error.is_unique_violation() {
                ApplyError::NameTaken
            } else {
                error.into()
            }
        })?;
    }
    Ok(())
}
