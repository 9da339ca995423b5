//! A prepared statement.

use super::{Error, Params, Row, Rows};
use crate::store::postgres::{Prepared, Session};

/// A prepared statement.
pub(in crate::store) enum Statement<'a> {
    /// Of a file, kept for the next time.
    Cached(rusqlite::CachedStatement<'a>),
    /// Of a file.
    Once(rusqlite::Statement<'a>),
    /// Of a server.
    Server(&'a Session, Prepared),
}

impl Statement<'_> {
    /// Runs it, and tells how many rows it changed.
    pub(in crate::store) fn execute(&mut self, params: impl Params) -> Result<usize, Error> {
        let values = params.values()?;
        let statement = match self {
            Self::Cached(statement) => &mut **statement,
            Self::Once(statement) => statement,
            Self::Server(session, statement) => return session.execute(statement, &values),
        };
        Ok(statement.execute(rusqlite::params_from_iter(values))?)
    }

    /// Runs it, and gives what it answers.
    pub(in crate::store) fn query(&mut self, params: impl Params) -> Result<Rows<'_>, Error> {
        let values = params.values()?;
        let statement = match self {
            Self::Cached(statement) => &mut **statement,
            Self::Once(statement) => statement,
            Self::Server(session, statement) => {
                let rows = session.query(statement, &values)?;
                return Ok(Rows::Server(rows.into_iter(), None));
            }
        };
        let rows = statement.query(rusqlite::params_from_iter(values))?;
        Ok(Rows::File(rows))
    }

    /// The first row of what it answers.
    ///
    /// # Errors
    /// [`Error::NoRow`] where there is none.
    pub(in crate::store) fn query_row<T>(
        &mut self,
        params: impl Params,
        read: impl FnOnce(Row<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut rows = self.query(params)?;
        let row = rows.next()?.ok_or(Error::NoRow)?;
        read(row)
    }

    /// All rows of what it answers, each as `read` reads it.
    pub(in crate::store) fn query_map<T>(
        &mut self,
        params: impl Params,
        mut read: impl FnMut(Row<'_>) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        let mut rows = self.query(params)?;
        let mut all = Vec::new();
        while let Some(row) = rows.next()? {
            all.push(read(row)?);
        }
        Ok(all)
    }

    /// Whether it answers with a row.
    pub(in crate::store) fn exists(&mut self, params: impl Params) -> Result<bool, Error> {
        Ok(self.query(params)?.next()?.is_some())
    }
}
