//! Where a database is: in a file, or on a server that several nodes share.

use std::path::{Path, PathBuf};

use super::engine::Connection;
use super::error::StoreError;
use super::postgres::{self, Server};
use super::{InitMeta, StoreConfig, sqlite};

/// Where a database is.
#[derive(Debug, Clone)]
pub(super) enum Whereabouts {
    /// In this file.
    File(PathBuf),
    /// On this server.
    Server(Server),
}

impl Whereabouts {
    /// On the server that the settings name, or else in the file at `path`.
    ///
    /// # Errors
    /// What the settings name cannot be used.
    pub(super) fn of(path: &Path, config: &StoreConfig) -> Result<Self, StoreError> {
        Ok(match Server::of(config)? {
            Some(server) => Self::Server(server),
            None => Self::File(path.to_owned()),
        })
    }

    /// Makes a new database and opens it for the thread that writes.
    pub(super) fn create(&self, meta: &InitMeta) -> Result<Connection, StoreError> {
        match self {
            Self::File(path) => sqlite::create(path, meta),
            Self::Server(server) => postgres::create(server, meta),
        }
    }

    /// Opens the database for the thread that writes, and brings it up to date. `now` in seconds since 1970.
    pub(super) fn open(&self, now: i64) -> Result<Connection, StoreError> {
        match self {
            Self::File(path) => sqlite::open(path, now),
            Self::Server(server) => postgres::open(server, now),
        }
    }

    /// A connection that only reads.
    pub(super) fn reader(&self) -> Result<Connection, StoreError> {
        match self {
            Self::File(path) => sqlite::open_reader(path),
            Self::Server(server) => {
                let session = server.following("reader").map_err(|error| error.sorted())?;
                Ok(Connection::Server(Box::new(session)))
            }
        }
    }

    /// The file.
    ///
    /// # Errors
    /// It is on a server.
    pub(super) fn file(&self) -> Result<&Path, StoreError> {
        match self {
            Self::File(path) => Ok(path),
            Self::Server(_) => Err(StoreError::NotAFile),
        }
    }

    /// The server, if it is on one.
    pub(super) const fn server(&self) -> Option<&Server> {
        match self {
            Self::File(_) => None,
            Self::Server(server) => Some(server),
        }
    }
}
