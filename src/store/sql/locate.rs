//! Searching for objects: by identifier, by name, by values of attributes, all of an instance. Pages in the order of ids.
//!
//! Each way has an index that gives the objects in this order, and what is read of each stands in an index too: a page costs what it
//! looks at and touches no row.

use crate::store::engine::{Connection, OptionalExtension as _, Row, ToCell, params};

use super::attribute::value_hash;
use super::codes::Columns;
use super::object::{from_row, object_columns};
use crate::domain::locate::Head;
use crate::domain::{InstanceId, Object, ObjectId};
use crate::store::StoreError;
use crate::store::query::{By, HeadPage, LocateQuery};

/// The columns of a head, all of them in the index `object_head`.
macro_rules! heads {
    ($rest:literal) => {
        concat!(
            "SELECT object.id, object.state, object.object_type, object.algorithm, object.length, object.usage_mask,
            object.initial, object.activation, object.deactivation ",
            $rest
        )
    };
}

pub(in crate::store) const BY_ID: &str = heads!(
    "FROM object INDEXED BY object_head
    WHERE object.instance = ?1 AND object.id = ?4 AND object.id > ?2 LIMIT ?3"
);

pub(in crate::store) const BY_NAME: &str = heads!(
    "FROM object_name CROSS JOIN object INDEXED BY object_head
        ON object.instance = ?1 AND object.id = object_name.object
    WHERE object_name.instance = ?1 AND object_name.value = ?4 AND object_name.object > ?2
        AND coalesce(?5, object_name.name_type) = object_name.name_type
    ORDER BY object_name.object LIMIT ?3"
);

pub(in crate::store) const BY_LIVE_NAME: &str = heads!(
    "FROM object_name INDEXED BY object_name_live CROSS JOIN object INDEXED BY object_head
        ON object.instance = ?1 AND object.id = object_name.object
    WHERE object_name.instance = ?1 AND object_name.value = ?4 AND object_name.live = 1
        AND object_name.object > ?2 AND coalesce(?5, object_name.name_type) = object_name.name_type LIMIT ?3"
);

pub(in crate::store) const BY_VALUE: &str = heads!(
    "FROM object_custom CROSS JOIN object INDEXED BY object_head
        ON object.instance = ?1 AND object.id = object_custom.object
    WHERE object_custom.instance = ?1 AND object_custom.name = ?4 AND object_custom.value_hash = ?5
        AND object_custom.object > ?2 ORDER BY object_custom.object LIMIT ?3"
);

pub(in crate::store) const ALL: &str = heads!(
    "FROM object INDEXED BY object_head WHERE object.instance = ?1 AND object.id > ?2 ORDER BY object.id LIMIT ?3"
);

pub(in crate::store) const OBJECTS: &str = object_columns!(
    "FROM (SELECT id AS of_page FROM object INDEXED BY object_head WHERE instance = ?1 AND id > ?2 ORDER BY id LIMIT ?3) AS page
    CROSS JOIN object ON object.id = page.of_page ORDER BY object.id"
);

pub(in crate::store) const HAS_VALUE: &str = "SELECT 1 FROM object_custom
    WHERE instance = ?1 AND name = ?2 AND value_hash = ?3 AND object = ?4";

pub(in crate::store) const HOW_MANY: &str = "SELECT count(*) FROM (SELECT 1 FROM object_custom
    WHERE instance = ?1 AND name = ?2 AND value_hash = ?3 AND object > ?4 LIMIT ?5) AS counted";

/// How many objects with a value are counted to choose where to start: what has as many is as good as any.
const COUNTED_MAX: usize = 256;

/// A value of an attribute as the index has it.
type IndexedValue<'a> = (&'a str, [u8; 32]);

/// The page of heads a query asks for.
pub(in crate::store) fn heads(
    db: &Connection,
    query: &LocateQuery,
) -> Result<HeadPage, StoreError> {
    let instance = query.instance.as_bytes();
    let after = after(query.after.as_ref());
    let limit = i64::try_from(query.limit).unwrap_or(i64::MAX);
    match &query.by {
        By::Id(id) => page(
            db,
            query,
            BY_ID,
            params![instance, after, limit, id.as_bytes()],
        ),
        By::Name {
            text,
            name_type,
            live,
        } => {
            let sql = if *live { BY_LIVE_NAME } else { BY_NAME };
            let name_type = name_type.map(|found| found.code());
            page(
                db,
                query,
                sql,
                params![instance, after, limit, text, name_type],
            )
        }
        By::Values(values) => by_values(db, query, values),
        By::All => page(db, query, ALL, params![instance, after, limit]),
    }
}

/// Objects with all of the values: those with the rarest of them, as far as they have the others.
fn by_values(
    db: &Connection,
    query: &LocateQuery,
    values: &[(String, Vec<u8>)],
) -> Result<HeadPage, StoreError> {
    let instance = query.instance.as_bytes();
    let after = after(query.after.as_ref());
    let limit = i64::try_from(query.limit).unwrap_or(i64::MAX);
    let mut ranked: Vec<(i64, IndexedValue<'_>)> = Vec::with_capacity(values.len());
    for (name, value) in values {
        let Some(hash) = value_hash(name, value) else {
            return Err(StoreError::Engine(format!("{name} has no index")));
        };
        let counted = match values {
            [_] => 0,
            _ => db
                .prepare_cached(HOW_MANY)?
                .query_row(params![instance, name, hash, after, COUNTED_MAX], |row| {
                    row.get(0)
                })?,
        };
        ranked.push((counted, (name, hash)));
    }
    ranked.sort_by_key(|(counted, _)| *counted);
    let mut ranked = ranked.into_iter().map(|(_, value)| value);
    let Some((name, hash)) = ranked.next() else {
        return Ok(HeadPage {
            heads: Vec::new(),
            next: None,
        });
    };
    let others: Vec<IndexedValue<'_>> = ranked.collect();
    let mut found = page(
        db,
        query,
        BY_VALUE,
        params![instance, after, limit, name, hash],
    )?;
    let mut statement = db.prepare_cached(HAS_VALUE)?;
    let mut has_all = |id: ObjectId| {
        others.iter().try_fold(true, |has, (name, hash)| {
            Ok::<_, StoreError>(
                has && statement.exists(params![instance, name, hash, id.as_bytes()])?,
            )
        })
    };
    let mut kept = Vec::with_capacity(found.heads.len());
    for head in found.heads {
        if has_all(head.id)? {
            kept.push(head);
        }
    }
    found.heads = kept;
    Ok(found)
}

fn page(
    db: &Connection,
    query: &LocateQuery,
    sql: &str,
    values: &[&dyn ToCell],
) -> Result<HeadPage, StoreError> {
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query(values)?;
    let (mut heads, mut looked): (Vec<Head>, _) = (Vec::new(), 0);
    while let Some(row) = rows.next()? {
        looked += 1;
        let head = head(row)?;
        // A destroyed object may carry one name twice.
        if heads.last().is_none_or(|last| last.id != head.id) {
            heads.push(head);
        }
    }
    let next = heads.last().filter(|_| looked >= query.limit);
    Ok(HeadPage {
        next: next.map(|head| head.id),
        heads,
    })
}

fn head(row: Row<'_>) -> Result<Head, StoreError> {
    let mut columns = Columns::of(row);
    Ok(Head {
        id: ObjectId::from_bytes(columns.get()?),
        state: columns.code()?,
        object_type: columns.code()?,
        algorithm: columns.code_if_any()?,
        length: columns.get()?,
        usage_mask: columns.get()?,
        initial: columns.get()?,
        activation: columns.get()?,
        deactivation: columns.get()?,
    })
}

/// A page of whole objects of an instance.
pub(in crate::store) fn objects(
    db: &Connection,
    instance: InstanceId,
    last: Option<ObjectId>,
    limit: usize,
) -> Result<Vec<Object>, StoreError> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut statement = db.prepare_cached(OBJECTS)?;
    let mut rows = statement.query(params![instance.as_bytes(), after(last.as_ref()), limit])?;
    let mut objects = Vec::new();
    while let Some(row) = rows.next()? {
        objects.push(from_row(db, row)?);
    }
    Ok(objects)
}

/// Every identifier is greater than no bytes.
fn after(last: Option<&ObjectId>) -> &[u8] {
    last.map_or(&[], |id| id.as_bytes())
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
