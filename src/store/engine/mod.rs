//! One connection to a database, whichever engine is behind it, in the shape of rusqlite.
//!
//! A statement is written once, in the SQL that both engines read: parameters are `?1`, `?2` and so on, whole numbers are 64 bits, and truth
//! is 0 or 1. What an engine says otherwise is put into its words here and in `postgres::dialect`. Which thread uses a connection, and when
//! it commits, is decided above.

mod error;
mod rows;
mod statement;
mod value;

pub(super) use error::{Error, OptionalExtension};
pub(super) use rows::{Row, Rows};
pub(super) use statement::Statement;
pub(super) use value::{FromCell, Params, ToCell, Value, params};

use super::postgres::Session;

/// A connection, used by one thread at a time.
#[derive(Debug)]
pub(super) enum Connection {
    /// To an SQLite file.
    File(rusqlite::Connection),
    /// To a PostgreSQL server.
    Server(Box<Session>),
}

impl Connection {
    /// A statement that is prepared once for this connection.
    pub(super) fn prepare_cached(&self, sql: &str) -> Result<Statement<'_>, Error> {
        match self {
            Self::File(db) => Ok(Statement::Cached(db.prepare_cached(sql)?)),
            Self::Server(session) => Ok(Statement::Server(session, session.prepare(sql)?)),
        }
    }

    /// A statement that is used once.
    pub(super) fn prepare(&self, sql: &str) -> Result<Statement<'_>, Error> {
        match self {
            Self::File(db) => Ok(Statement::Once(db.prepare(sql)?)),
            Self::Server(session) => Ok(Statement::Server(session, session.prepare(sql)?)),
        }
    }

    /// Runs a statement, and tells how many rows it changed.
    pub(super) fn execute(&self, sql: &str, params: impl Params) -> Result<usize, Error> {
        self.prepare(sql)?.execute(params)
    }

    /// The first row of an answer.
    ///
    /// # Errors
    /// [`Error::NoRow`] where there is none.
    pub(super) fn query_row<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(Row<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.prepare(sql)?.query_row(params, read)
    }

    /// Runs statements without parameters, one after the other.
    pub(super) fn execute_batch(&self, sql: &str) -> Result<(), Error> {
        match self {
            Self::File(db) => Ok(db.execute_batch(sql)?),
            Self::Server(session) => session.batch(sql),
        }
    }

    /// Runs a statement that begins, ends or divides a transaction.
    pub(super) fn control(&self, sql: &str) -> Result<(), Error> {
        match self {
            Self::File(db) => {
                db.prepare_cached(sql)?.execute([])?;
                Ok(())
            }
            Self::Server(session) => session.batch(sql),
        }
    }

    /// The connection to a file.
    ///
    /// # Errors
    /// [`Error::NotAFile`] where it is to a server.
    pub(super) const fn file(&self) -> Result<&rusqlite::Connection, Error> {
        match self {
            Self::File(db) => Ok(db),
            Self::Server(_) => Err(Error::NotAFile),
        }
    }

    /// Whether a transaction is under way.
    pub(super) fn is_in_transaction(&self) -> bool {
        match self {
            Self::File(db) => !db.is_autocommit(),
            Self::Server(session) => session.is_in_transaction(),
        }
    }

    /// Runs `job` at one moment of the database: it sees what was committed then and nothing later. It only reads.
    pub(super) fn at_one_moment<T, E: From<Error>>(
        &self,
        job: impl FnOnce(&Self) -> Result<T, E>,
    ) -> Result<T, E> {
        match self {
            Self::File(db) => {
                let _moment = db.unchecked_transaction().map_err(Error::from)?;
                job(self)
            }
            Self::Server(session) => {
                session.begin_reading();
                let done = job(self);
                session.end_reading().map_err(E::from)?;
                done
            }
        }
    }
}
