//! Snapshots: the database as it is at one moment, as a file that nobody else can reach.
//!
//! The copy lies beside the database for as long as it is made, and has no name from then on: it is gone when its last reader is, however
//! that ends. What a process that was killed has left is removed by the next that opens the database. Material in it is wrapped as it is in
//! the database.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Weak;

use super::engine::Connection;
use rustix::fs::fstatvfs;

use super::error::StoreError;
use super::{Beside, Epochs, Sequence, Store, sql, sqlite};

/// Room that a copy leaves on the disk for what goes on meanwhile, in bytes: the log grows until the copy is made.
const ROOM_LEFT: u64 = 32 * 1024 * 1024;

/// The database at one moment.
#[derive(Debug)]
pub struct Snapshot {
    /// Its bytes, to be read from the start.
    pub file: File,
    /// How many.
    pub bytes: u64,
    /// The sequence of the event that would come next: those before it are in the snapshot.
    pub head: Sequence,
    /// The epochs of the trail.
    pub epochs: Epochs,
    /// The number of the schema.
    pub schema: u32,
    /// The check value of the master key.
    pub master_key_check: [u8; 16],
    /// The checkpoint beside the database, as it was before.
    pub beside: Option<String>,
}

impl Store {
    /// Makes a snapshot, as long as somebody holds `wanted`. Every change that was answered before is in it.
    ///
    /// # Errors
    /// [`StoreError::Full`] where it would leave too little room, [`StoreError::Closed`] where it is not wanted any more, and what else keeps the
    /// database from being read or copied. Nothing is left then.
    pub async fn snapshot(&self, wanted: Weak<()>) -> Result<Snapshot, StoreError> {
        let path = self.inner.whereabouts.file()?.to_owned();
        let beside = self.inner.beside.clone();
        let made = tokio::task::spawn_blocking(move || {
            // Before the copy: the file may be ahead of the database and never behind.
            let beside = match beside.read(true).map_err(|error| failed(&path, &error))? {
                Beside::Note(note) => Some(note),
                Beside::Nothing | Beside::Missing | Beside::Unreadable(_) => None,
            };
            make(&path, beside, &wanted)
        });
        made.await
            .unwrap_or_else(|error| Err(StoreError::File(error.to_string())))
    }

    /// The key that backups are sealed to, if one was set.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn backup_key(&self) -> Result<Option<[u8; 32]>, StoreError> {
        let key = |db: &Connection| sql::backup_key(db);
        self.inner.readers.read(key).await
    }

    /// Looks whether a database is whole: its pages and indices, and what refers to what. The caller holds what keeps others from it.
    ///
    /// # Errors
    /// It is not, or cannot be read.
    pub fn check_whole(path: &Path) -> Result<(), StoreError> {
        sqlite::check_whole(path)
    }
}

fn make(path: &Path, beside: Option<String>, wanted: &Weak<()>) -> Result<Snapshot, StoreError> {
    let copy = name(path);
    sweep(path);
    let error = |error: io::Error| failed(&copy, &error);
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true).mode(0o600);
    let file = options.open(&copy).map_err(error)?;
    let copied = sqlite::copy(path, &copy, |bytes| {
        if wanted.strong_count() == 0 {
            return Err(StoreError::Closed);
        }
        if has_room(&file, bytes) {
            Ok(())
        } else {
            Err(StoreError::Full)
        }
    });
    // From here on it has no name.
    std::fs::remove_file(&copy).map_err(error)?;
    let copied = copied?;
    let bytes = file.metadata().map_err(error)?.len();
    Ok(Snapshot {
        file,
        bytes,
        head: copied.head,
        epochs: copied.epochs,
        schema: copied.schema,
        master_key_check: copied.master_key_check,
        beside,
    })
}

/// Removes what a process that was killed has left.
pub(super) fn sweep(path: &Path) {
    drop(std::fs::remove_file(name(path)));
}

fn name(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".snapshot");
    PathBuf::from(name)
}

/// Whether so many bytes more leave room enough. Where the file system does not say, it is tried.
fn has_room(file: &File, bytes: u64) -> bool {
    let status = fstatvfs(file).ok();
    let free = status.and_then(|status| status.f_bavail.checked_mul(status.f_frsize));
    free.is_none_or(|free| free >= bytes.saturating_add(ROOM_LEFT))
}

fn failed(path: &Path, error: &io::Error) -> StoreError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::Full,
        _ => StoreError::File(format!("{}: {error}", path.display())),
    }
}
