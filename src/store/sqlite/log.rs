//! The write-ahead log as a file that is synced here and not by SQLite.
//!
//! After a commit its frames are in this file, written but perhaps not on the disk. SQLite's own
//! sync is an fsync: it writes the file's times too, which on most file systems is a second write in
//! another place. This one is an fdatasync, which does not. SQLite still syncs what keeps the files
//! whole among themselves: the log's head when the log begins anew, and both files around moving the
//! log into the database.

use std::fs::File;
use std::path::{Path, PathBuf};

use crate::store::StoreError;

/// The log of an open database.
#[derive(Debug)]
pub(in crate::store) struct Log(File);

impl Log {
    /// The log of the database at `path`, which is open: SQLite keeps one file for as long.
    pub(in crate::store) fn open(path: &Path) -> Result<Self, StoreError> {
        let mut log = path.as_os_str().to_owned();
        log.push("-wal");
        let log = PathBuf::from(log);
        let file = File::open(&log);
        file.map(Self)
            .map_err(|error| StoreError::File(format!("{}: {error}", log.display())))
    }

    /// Makes every commit so far durable.
    pub(in crate::store) fn sync(&self) -> Result<(), StoreError> {
        let synced = self.0.sync_data();
        synced.map_err(|error| StoreError::Unsynced(error.to_string()))
    }
}
