//! The newest checkpoint in a file beside the database.
//!
//! A database that was put back to an older copy does not know what came after; the file does. It holds the signed note and nothing else,
//! is private like the database, and is replaced whole. Who puts the file back as well is not found out here: for that others keep
//! checkpoints.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::audit::note::NOTE_BYTES_MAX;

/// The name of the file.
const NAME: &str = "checkpoint";

/// What is kept beside the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Beside {
    /// There is no file, and none was written in this epoch as far as the database knows.
    Nothing,
    /// There is no file, and one was written in this epoch.
    Missing,
    /// There is something that is no text, and what.
    Unreadable(String),
    /// A signed note.
    Note(String),
}

/// The file.
#[derive(Debug, Clone)]
pub(super) struct BesideFile {
    path: PathBuf,
}

impl BesideFile {
    /// The file of the database at `database`.
    pub(super) fn of(database: &Path) -> Self {
        Self {
            path: database.with_file_name(NAME),
        }
    }

    /// What it holds; `was_written` tells a file that is missing from one that never was.
    ///
    /// # Errors
    /// It cannot be read now, which says nothing of what it holds: it is another user's, or the disk fails.
    pub(super) fn read(&self, was_written: bool) -> io::Result<Beside> {
        let read = || {
            let mut text = String::new();
            let bound = u64::try_from(NOTE_BYTES_MAX).unwrap_or(u64::MAX);
            File::open(&self.path)?
                .take(bound)
                .read_to_string(&mut text)?;
            Ok::<_, io::Error>(text)
        };
        match read() {
            Ok(text) => Ok(Beside::Note(text)),
            Err(error) => match error.kind() {
                io::ErrorKind::NotFound if was_written => Ok(Beside::Missing),
                io::ErrorKind::NotFound => Ok(Beside::Nothing),
                io::ErrorKind::InvalidData | io::ErrorKind::IsADirectory => Ok(Beside::Unreadable(
                    format!("{}: {error}", self.path.display()),
                )),
                _ => Err(error),
            },
        }
    }

    /// Replaces what it holds; durable when this returns.
    pub(super) fn write(&self, note: &str) -> io::Result<()> {
        let draft = self.path.with_extension("new");
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = options.open(&draft)?;
        file.write_all(note.as_bytes())?;
        file.sync_all()?;
        fs::rename(&draft, &self.path)?;
        let folder = self
            .path
            .parent()
            .filter(|path| !path.as_os_str().is_empty());
        File::open(folder.unwrap_or_else(|| Path::new(".")))?.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn what_was_written_last_is_read_and_only_by_the_owner() {
        let directory = tempfile::tempdir().unwrap();
        let file = BesideFile::of(&directory.path().join("keyledger.db"));
        assert_eq!(file.read(false).unwrap(), Beside::Nothing);
        assert_eq!(file.read(true).unwrap(), Beside::Missing);
        for note in ["one, which is longer\n", "two\n"] {
            file.write(note).unwrap();
            assert_eq!(file.read(true).unwrap(), Beside::Note(note.to_owned()));
        }
        let path = directory.path().join("checkpoint");
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        fs::write(&path, [0xff; 4]).unwrap();
        assert!(matches!(file.read(false), Ok(Beside::Unreadable(_))));
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert!(matches!(file.read(false), Ok(Beside::Unreadable(_))));
        assert!(file.write("three\n").is_err());
        // A failure that says nothing of what was written: here too many links, as root reads what is another user's.
        fs::remove_dir(&path).unwrap();
        std::os::unix::fs::symlink("checkpoint", &path).unwrap();
        assert!(file.read(true).is_err());
    }
}
