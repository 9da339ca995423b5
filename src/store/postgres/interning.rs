//! Numbers of initiators and scopes where several nodes give them: from a sequence, so that none waits for another.

use super::super::StoreError;
use super::super::engine::{Connection, OptionalExtension as _, Params, params};
use super::super::sql::codes::kind_code;
use crate::domain::{Initiator, Scope};

/// The number of an initiator, given now if no node has given one.
pub(in crate::store) fn initiator(
    db: &Connection,
    initiator: &Initiator,
) -> Result<u32, StoreError> {
    let Initiator { id, name, kind } = initiator;
    let find = "SELECT id FROM initiator WHERE kind = ?1 AND initiator = ?2 AND name = ?3";
    let insert = "INSERT INTO initiator (id, kind, initiator, name) VALUES (nextval('initiator_number'), ?1, ?2, ?3)
        ON CONFLICT DO NOTHING RETURNING id";
    number(db, find, insert, params![kind_code(*kind), id, name])
}

/// The number of a scope, given now if no node has given one.
pub(in crate::store) fn scope(db: &Connection, scope: &Scope) -> Result<u32, StoreError> {
    let Scope {
        crn_prefix,
        account,
        location,
        instance,
    } = scope;
    let find = "SELECT id FROM scope WHERE crn_prefix = ?1 AND account = ?2 AND location = ?3 AND instance = ?4";
    let insert = "INSERT INTO scope (id, crn_prefix, account, location, instance)
        VALUES (nextval('scope_number'), ?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING RETURNING id";
    number(
        db,
        find,
        insert,
        params![crn_prefix, account, location, instance],
    )
}

/// How often it is looked for again where another node gives the same its number at the same time.
const TRIES: u32 = 5;

fn number(
    db: &Connection,
    find: &str,
    insert: &str,
    values: impl Params + Copy,
) -> Result<u32, StoreError> {
    for _ in 0..TRIES {
        for sql in [find, insert] {
            let number = db.prepare_cached(sql)?.query_row(values, |row| row.get(0));
            if let Some(number) = number.optional()? {
                return Ok(number);
            }
        }
    }
    let words = "another node gives an initiator its number at the same time: try again";
    Err(StoreError::Again(words.to_owned()))
}
