//! Why the store did not do what it was asked.
//!
//! Two kinds: [`StoreError`] for opening and reading, [`ApplyError`] for changesets. Each text is
//! one line that tells an operator what to do; none holds a value of an object. Both can be cloned,
//! for one failed commit answers many callers.

use std::path::{Path, PathBuf};

use rusqlite::{ErrorCode, ffi};

use super::engine::Error;

/// Why the database could not be opened or read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// There is no file at this path.
    #[error("there is no database at {}: create one with keyledger init", .0.display())]
    Absent(PathBuf),
    /// A new database was asked for where a file already is.
    #[error("there is already a file at {}: it is not overwritten", .0.display())]
    Present(PathBuf),
    /// The file is not a SQLite database, or not one of this program.
    #[error("{} is not a keyledger database: check the path or restore a backup", .0.display())]
    NotADatabase(PathBuf),
    /// A later release wrote it.
    #[error(
        "the database is newer (schema {found}) than this program knows ({known}): use a newer keyledger"
    )]
    Newer {
        /// The schema of the file.
        found: u32,
        /// The newest schema this program knows.
        known: u32,
    },
    /// The content contradicts itself.
    #[error("the database is damaged ({0}): restore a backup")]
    Damaged(String),
    /// The disk is full.
    #[error("the disk that holds the database is full: make room")]
    Full,
    /// The disk did not keep what it was given.
    #[error(
        "the disk that holds the database failed to keep what was written: check the disk ({0})"
    )]
    Unsynced(String),
    /// The disk did not take what was written.
    #[error("the disk that holds the database failed to write: check the disk ({0})")]
    Unwritten(String),
    /// Another process holds the database.
    #[error("the database is in use by another process: stop it first")]
    Busy,
    /// A file could not be opened, made or read.
    #[error("the database cannot be used: {0}")]
    File(String),
    /// The database engine refused, with its words.
    #[error("the database failed: {0}")]
    Engine(String),
    /// The database's server cannot be reached, or none of them takes writes.
    #[error("{0}")]
    Unreachable(String),
    /// The connection to the database's server is gone: what was under way may have been done or not.
    #[error("{0}")]
    Lost(String),
    /// It would be done if it were asked again.
    #[error("{0}")]
    Again(String),
    /// The database, or its server, is not one that can be used like this.
    #[error("{0}")]
    Refused(String),
    /// It can be done with a database in a file only.
    #[error(
        "the database is on a PostgreSQL server and not in a file: back it up there, or make a file of it with keyledger migrate --to sqlite"
    )]
    NotAFile,
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
}

impl StoreError {
    pub(super) fn damaged(what: impl Into<String>) -> Self {
        Self::Damaged(what.into())
    }

    /// The same error with the path in it where the engine does not know one.
    pub(super) fn at(error: &rusqlite::Error, path: &Path) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => Self::NotADatabase(path.to_owned()),
            _ => Self::of(error),
        }
    }

    /// The error of the engine, sorted by cause.
    pub(super) fn of(error: &rusqlite::Error) -> Self {
        let extended = error.sqlite_error().map(|error| error.extended_code);
        match extended {
            Some(ffi::SQLITE_IOERR_FSYNC | ffi::SQLITE_IOERR_DIR_FSYNC) => {
                return Self::Unsynced(error.to_string());
            }
            Some(ffi::SQLITE_IOERR_WRITE) => return Self::Unwritten(error.to_string()),
            // The index of the log could not grow. Before COMMIT the transaction is rolled back and tried again; at COMMIT the log has
            // it already, and the writer ends the process as for any disk that failed.
            Some(ffi::SQLITE_IOERR_SHMSIZE) => return Self::Full,
            _ => {}
        }
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                Self::Damaged(error.to_string())
            }
            Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied | ErrorCode::ReadOnly) => {
                Self::File(error.to_string())
            }
            _ => Self::Engine(error.to_string()),
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self::of(&error)
    }
}

impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        match error {
            Error::File(error) => Self::of(&error),
            Error::Server(error) => error.sorted(),
            Error::Column(_) => Self::Damaged(error.to_string()),
            Error::NotAFile => Self::NotAFile,
            Error::NoRow | Error::TooLarge => Self::Engine(error.to_string()),
        }
    }
}

/// A thing of which there can be only one, or that must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Thing {
    /// An object of this identifier.
    Object,
    /// An instance of this identifier or name.
    Instance,
    /// A client of this identifier or label.
    Client,
    /// A certificate of this fingerprint.
    Certificate,
    /// A CA that is trusted for this client.
    Anchor,
    /// A data key of this instance and epoch.
    DataKey,
    /// A credential of this instance.
    Credential,
    /// A target of this identifier or name.
    Target,
    /// A route of this identifier or name.
    Route,
    /// An API key of this identifier or name.
    ApiKey,
    /// An administrator of this label or certificate.
    Administrator,
}

impl std::fmt::Display for Thing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Object => "object",
            Self::Instance => "instance",
            Self::Client => "client",
            Self::Anchor => "trusted CA",
            Self::Certificate => "certificate",
            Self::DataKey => "data key",
            Self::Credential => "credential",
            Self::Target => "target",
            Self::Route => "route",
            Self::ApiKey => "API key",
            Self::Administrator => "administrator",
        })
    }
}

/// Why a changeset was not committed. Nothing of it is in the store, its events included.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ApplyError {
    /// An object changed since it was read: read it again and decide again.
    #[error("the object changed meanwhile: try again")]
    Conflict,
    /// The client was disabled or removed, or lost its certificate, since it was admitted.
    #[error("the client may no longer act")]
    NotPermitted,
    /// Another object of the instance that is not destroyed has the name.
    #[error("the name is already in use")]
    NameTaken,
    /// There is one already.
    #[error("there is already such a {0}")]
    Exists(Thing),
    /// What is to be changed is not there.
    #[error("there is no such {0}")]
    Missing(Thing),
    /// A name or value of an attribute is longer than can be kept.
    #[error(
        "an attribute is too long to store: set [kmip] attribute-text-bytes-max to at most 65535"
    )]
    TooLong,
    /// The disk is full; reading still works.
    #[error("the disk that holds the database is full: make room")]
    StorageFull,
    /// The database could not commit; the changesets of other batches are not affected.
    #[error(transparent)]
    Store(StoreError),
    /// The store was closed before the changeset was committed.
    #[error("the store is closed")]
    Closed,
}

impl ApplyError {
    /// Whether only this changeset is refused, as opposed to the database failing.
    pub(super) const fn is_refusal(&self) -> bool {
        match self {
            Self::Conflict
            | Self::NotPermitted
            | Self::NameTaken
            | Self::Exists(_)
            | Self::Missing(_)
            | Self::TooLong => true,
            Self::StorageFull | Self::Store(_) | Self::Closed => false,
        }
    }
}

impl From<StoreError> for ApplyError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Full => Self::StorageFull,
            StoreError::Closed => Self::Closed,
            other => Self::Store(other),
        }
    }
}

impl From<Error> for ApplyError {
    fn from(error: Error) -> Self {
        StoreError::from(error).into()
    }
}
