//! The nodes that share a database.

use super::super::Node;
use super::super::engine::{Connection, params};
use super::super::error::{ApplyError, StoreError};
use super::hold::TRAIL;

/// Every node, by number.
pub(in crate::store) fn nodes(db: &Connection) -> Result<Vec<Node>, StoreError> {
    let sql = "SELECT number, name, prepared, joined, seen, release FROM node ORDER BY number";
    let mut statement = db.prepare_cached(sql)?;
    Ok(statement.query_map([], |row| {
        Ok(Node {
            number: row.get(0)?,
            name: row.get(1)?,
            prepared: row.get(2)?,
            joined: row.get(3)?,
            seen: row.get(4)?,
            release: row.get(5)?,
        })
    })?)
}

/// A number and a name for a node that joins later, given at this time, seconds since 1970.
///
/// # Errors
/// [`ApplyError::Conflict`] when another has one of them.
pub(in crate::store) fn prepare_node(
    db: &Connection,
    number: u32,
    name: &str,
    at: i64,
) -> Result<(), ApplyError> {
    let sql =
        "INSERT INTO node (number, name, prepared) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
    match db.prepare_cached(sql)?.execute(params![number, name, at])? {
        0 => Err(ApplyError::Conflict),
        _ => Ok(()),
    }
}

/// Writes something and waits until it is where the server waits for it, and thereby all that was committed before; a node's row stays as it is.
pub(in crate::store) fn wait_for_standbys(db: &Connection, node: u32) -> Result<(), StoreError> {
    let sql = "UPDATE node SET seen = seen WHERE number = ?1";
    // A COMMIT of its own tells whether the wait was ended from outside.
    db.control("BEGIN")?;
    db.prepare_cached(sql)?.execute([node])?;
    Ok(db.control("COMMIT")?)
}

/// Notes that a node is at work, by the server's clock: those of nodes may differ.
pub(in crate::store) fn give_sign_of_life(db: &Connection, node: u32) -> Result<(), StoreError> {
    let sql = "UPDATE node SET seen = CAST(extract(epoch FROM now()) AS BIGINT), release = ?2 WHERE number = ?1";
    let release = env!("CARGO_PKG_VERSION");
    db.prepare_cached(sql)?.execute(params![node, release])?;
    Ok(())
}

/// The names of the nodes besides this one, `own`, that hold their trail: they are at work. Who delivers what a node left is not that node.
pub(in crate::store) fn at_work(db: &Connection, own: u32) -> Result<Vec<String>, StoreError> {
    let sql = "SELECT name FROM node WHERE number <> ?1 AND EXISTS (SELECT 1 FROM pg_locks AS lock
        JOIN pg_stat_activity AS holder ON holder.pid = lock.pid
        WHERE holder.application_name NOT LIKE '%stand-in' AND lock.locktype = 'advisory' AND lock.granted AND lock.objsubid = 2
            AND CAST(lock.classid AS BIGINT) = ?2 AND CAST(lock.objid AS BIGINT) = node.number
            AND lock.database = (SELECT oid FROM pg_database WHERE datname = current_database())) ORDER BY number";
    let mut statement = db.prepare_cached(sql)?;
    Ok(statement.query_map(params![own, TRAIL], |row| row.get(0))?)
}

/// The nodes that gave no sign of life for so many seconds and left events that targets were not given; `own` is the number of this one.
pub(in crate::store) fn left_undelivered(
    db: &Connection,
    own: u32,
    seconds: u64,
) -> Result<Vec<u32>, StoreError> {
    let sql = "SELECT number FROM node WHERE joined IS NOT NULL AND number <> ?1
        AND coalesce(seen, joined) < CAST(extract(epoch FROM now()) AS BIGINT) - ?2 ORDER BY number";
    let mut statement = db.prepare_cached(sql)?;
    let gone: Vec<u32> = statement.query_map(params![own, seconds], |row| row.get(0))?;
    let mut left = Vec::new();
    for number in gone {
        let schema = format!("keyledger_{number}");
        // Of a node that was given up nothing may be left.
        let there = "SELECT 1 WHERE to_regclass(?1) IS NOT NULL AND to_regclass(?2) IS NOT NULL";
        let tables = [format!("{schema}.delivery"), format!("{schema}.event")];
        if !db
            .prepare_cached(there)?
            .exists(params![tables[0], tables[1]])?
        {
            continue;
        }
        let sql = format!(
            "SELECT target FROM {schema}.delivery WHERE next < (SELECT coalesce(max(sequence) + 1, 0) FROM {schema}.event) LIMIT 1"
        );
        if db.prepare(&sql)?.exists([])? {
            left.push(number);
        }
    }
    Ok(left)
}
