//! What an engine says when it does not do what it was asked.

use rusqlite::ffi::{
    SQLITE_CONSTRAINT_FOREIGNKEY, SQLITE_CONSTRAINT_PRIMARYKEY, SQLITE_CONSTRAINT_UNIQUE,
};

use crate::store::postgres::ServerError;

/// Why a statement failed.
#[derive(Debug, thiserror::Error)]
pub(in crate::store) enum Error {
    /// SQLite's words.
    #[error(transparent)]
    File(#[from] rusqlite::Error),
    /// The server's words, or why it could not be asked.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// There is no row.
    #[error("no row")]
    NoRow,
    /// A column holds something else than what is read, by its place from 0.
    #[error("column {0} of a row holds what does not belong there")]
    Column(usize),
    /// Only a file can do that.
    #[error("the database is not a file")]
    NotAFile,
    /// A parameter is a number that no column takes.
    #[error("a number is too large to be kept")]
    TooLarge,
}

impl Error {
    /// Whether a statement broke a UNIQUE or PRIMARY KEY rule.
    pub(in crate::store) fn is_unique_violation(&self) -> bool {
        match self {
            Self::File(error) => matches!(
                extended_code(error),
                Some(SQLITE_CONSTRAINT_PRIMARYKEY | SQLITE_CONSTRAINT_UNIQUE)
            ),
            Self::Server(error) => error.is_state("23505"),
            _ => false,
        }
    }

    /// Whether a row refers to one that is not there.
    pub(in crate::store) fn is_foreign_key_violation(&self) -> bool {
        match self {
            Self::File(error) => extended_code(error) == Some(SQLITE_CONSTRAINT_FOREIGNKEY),
            Self::Server(error) => error.is_state("23503"),
            _ => false,
        }
    }
}

fn extended_code(error: &rusqlite::Error) -> Option<i32> {
    error.sqlite_error().map(|error| error.extended_code)
}

/// For answers that may have no row.
pub(in crate::store) trait OptionalExtension<T> {
    /// None where there is no row.
    fn optional(self) -> Result<Option<T>, Error>;
}

impl<T> OptionalExtension<T> for Result<T, Error> {
    fn optional(self) -> Result<Option<T>, Error> {
        match self {
            Ok(value) => Ok(Some(value)),
            Err(Error::NoRow) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
