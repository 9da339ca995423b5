//! The mark of a database that is not to be started: a migration into it is not finished, or it went elsewhere.
//!
//! It is a table of its own that is there only meanwhile. Of a server's database every start looks for it; a file gets its name last instead.

use super::super::engine::{Connection, OptionalExtension as _, params};
use super::super::error::StoreError;
use super::super::sql;

/// The mark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store) struct Mark {
    /// What the copy is made of, or went: see [`identity`].
    pub(in crate::store) identity: String,
    /// The sequence of the event that came next there.
    pub(in crate::store) head: u64,
    /// How far it is.
    pub(in crate::store) stage: Stage,
}

/// How far a migration is. Stored state: the numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum Stage {
    /// Rows are copied.
    Copying,
    /// The copy was found to differ: it is made anew.
    Differs,
    /// The copy is the same.
    Verified,
    /// The database was copied from here into a file, which is used instead.
    Left,
}

const STAGES: [(Stage, i64); 4] = [
    (Stage::Copying, 0),
    (Stage::Differs, 1),
    (Stage::Verified, 2),
    (Stage::Left, 3),
];

impl Stage {
    fn number(self) -> i64 {
        let found = STAGES.iter().find(|(stage, _)| *stage == self);
        found.map_or(0, |(_, number)| *number)
    }
}

/// What a database is known by: the name of its trail's origin, and what its master key is recognised by.
pub(in crate::store) fn identity(db: &Connection) -> Result<String, StoreError> {
    let (name, check) = (sql::epochs(db)?.name, sql::master_key_check(db)?);
    Ok(format!("{name} {}", hex::encode(check)))
}

const fn place(db: &Connection) -> &'static str {
    match db {
        Connection::File(_) => "main.moving",
        Connection::Server(_) => "keyledger.moving",
    }
}

impl Mark {
    /// Puts the mark on a database that has none.
    pub(in crate::store) fn put(&self, db: &Connection) -> Result<(), StoreError> {
        let place = place(db);
        db.execute_batch(&format!(
            "CREATE TABLE {place} (id BIGINT PRIMARY KEY CHECK (id = 1), source TEXT NOT NULL, head BIGINT NOT NULL, stage BIGINT NOT NULL)"
        ))?;
        let sql = format!("INSERT INTO {place} (id, source, head, stage) VALUES (1, ?1, ?2, ?3)");
        db.execute(&sql, params![self.identity, self.head, self.stage.number()])?;
        Ok(())
    }

    /// The mark of a database, if there is one.
    pub(in crate::store) fn of(db: &Connection) -> Result<Option<Self>, StoreError> {
        let place = place(db);
        let is_there: bool = match db {
            Connection::File(file) => file.table_exists(None, "moving")?,
            Connection::Server(_) => {
                db.query_row("SELECT to_regclass(?1) IS NOT NULL", [place], |row| {
                    row.get(0)
                })?
            }
        };
        if !is_there {
            return Ok(None);
        }
        let sql = format!("SELECT source, head, stage FROM {place} WHERE id = 1");
        let mark = db.query_row(&sql, [], |row| {
            let number: i64 = row.get(2)?;
            let stage = STAGES.iter().find(|(_, known)| *known == number);
            Ok(Self {
                identity: row.get(0)?,
                head: row.get(1)?,
                stage: stage.map_or(Stage::Copying, |(stage, _)| *stage),
            })
        });
        Ok(mark.optional()?)
    }

    /// Says how far it is now.
    pub(in crate::store) fn set(db: &Connection, stage: Stage) -> Result<(), StoreError> {
        let sql = format!("UPDATE {} SET stage = ?1 WHERE id = 1", place(db));
        db.execute(&sql, [stage.number()])?;
        Ok(())
    }

    /// Takes the mark off.
    pub(in crate::store) fn take_off(db: &Connection) -> Result<(), StoreError> {
        Ok(db.execute_batch(&format!("DROP TABLE IF EXISTS {}", place(db)))?)
    }
}
