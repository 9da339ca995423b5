//! One process owns a data directory: the lock it holds for life.
//!
//! The lock is the kernel's (`flock`), so it ends with its process however that ends; the file stays and names the last holder. It says
//! nothing about whether the directory is sound.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

/// The directory cannot be locked.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process holds it.
    #[error(
        "{} is in use by another keyledger process{}; stop that one first, or give this one \
         another --dir", directory.display(), holder(*pid)
    )]
    Held {
        /// The data directory.
        directory: PathBuf,
        /// The holder's process id, where it could be read.
        pid: Option<u32>,
    },
    /// The lock file cannot be made or locked.
    #[error("cannot lock {}: {source}", path.display())]
    Io {
        /// The lock file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

fn holder(pid: Option<u32>) -> String {
    pid.map(|pid| format!(" (process {pid})"))
        .unwrap_or_default()
}

/// The lock of a data directory, held until dropped.
#[derive(Debug)]
pub struct DirectoryLock {
    _file: File,
}

impl DirectoryLock {
    /// Takes the lock at `path`, or says who has it. Does not wait.
    ///
    /// # Errors
    /// Another process holds it, or the file cannot be made.
    pub fn acquire(path: &Path) -> Result<Self, LockError> {
        let io = |source| LockError::Io {
            path: path.to_owned(),
            source,
        };
        let mut options = OpenOptions::new();
        options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600);
        let mut file = options.open(path).map_err(io)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                let directory = path.parent().unwrap_or(path).to_owned();
                return Err(LockError::Held {
                    directory,
                    pid: read_pid(&mut file),
                });
            }
            Err(error) => return Err(io(error.into())),
        }
        // For people only, and on a full disk it may fail.
        drop(write_pid(&mut file));
        Ok(Self { _file: file })
    }
}

/// For people only: the lock itself decides, whatever the file says.
fn read_pid(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(16).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

fn write_pid(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_holder_is_refused_with_one_clear_line() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lock");
        let held = DirectoryLock::acquire(&path).unwrap();
        let error = DirectoryLock::acquire(&path).unwrap_err().to_string();
        let pid = std::process::id();
        assert!(
            error.contains("is in use by another keyledger process"),
            "{error}"
        );
        assert!(error.contains(&format!("(process {pid})")), "{error}");
        assert!(!error.contains('\n'), "{error}");
        drop(held);
        DirectoryLock::acquire(&path).unwrap();
    }
}
