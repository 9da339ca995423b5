//! What a statement answers, row by row.

use super::{Error, FromCell, Value};
use crate::store::postgres;

/// The rows of an answer. An SQLite reads each when it is asked for; of a server all are there.
pub(in crate::store) enum Rows<'a> {
    /// Of a file.
    File(rusqlite::Rows<'a>),
    /// Of a server.
    Server(
        std::vec::IntoIter<tokio_postgres::Row>,
        Option<tokio_postgres::Row>,
    ),
}

impl Rows<'_> {
    /// The next row, if there is one.
    pub(in crate::store) fn next(&mut self) -> Result<Option<Row<'_>>, Error> {
        match self {
            Self::File(rows) => Ok(rows.next()?.map(Row::File)),
            Self::Server(rest, current) => {
                *current = rest.next();
                Ok(current.as_ref().map(Row::Server))
            }
        }
    }
}

/// A row.
#[derive(Clone, Copy)]
pub(in crate::store) enum Row<'a> {
    /// Of a file.
    File(&'a rusqlite::Row<'a>),
    /// Of a server.
    Server(&'a tokio_postgres::Row),
}

impl<'a> Row<'a> {
    /// What a column holds, by its place from 0.
    pub(in crate::store) fn value(self, column: usize) -> Result<Value<'a>, Error> {
        match self {
            Self::File(row) => match row.get_ref(column)? {
                rusqlite::types::ValueRef::Null => Ok(Value::Null),
                rusqlite::types::ValueRef::Integer(number) => Ok(Value::Integer(number)),
                rusqlite::types::ValueRef::Text(text) => str::from_utf8(text)
                    .map(Value::Text)
                    .map_err(|_| Error::Column(column)),
                rusqlite::types::ValueRef::Blob(bytes) => Ok(Value::Blob(bytes)),
                rusqlite::types::ValueRef::Real(_) => Err(Error::Column(column)),
            },
            Self::Server(row) => postgres::value(row, column).ok_or(Error::Column(column)),
        }
    }

    /// What a column holds as one of our types.
    ///
    /// # Errors
    /// [`Error::Column`] where it is none.
    pub(in crate::store) fn get<T: FromCell>(self, column: usize) -> Result<T, Error> {
        T::from_cell(self.value(column)?).ok_or(Error::Column(column))
    }

    /// The name of a column.
    pub(in crate::store) fn column_name(self, column: usize) -> String {
        match self {
            Self::File(row) => row.as_ref().column_name(column).ok().map(ToOwned::to_owned),
            Self::Server(row) => row
                .columns()
                .get(column)
                .map(|column| column.name().to_owned()),
        }
        .unwrap_or_else(|| "a column".to_owned())
    }
}
