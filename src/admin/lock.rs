//! One process owns a data directory: the lock it holds for life.
//!
//! The lock is the kernel's (`flock`), so it ends with its process however that ends; the file stays and names the last holder. It says
//! nothing about whether the directory is sound.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
#[cfg(target_os = "linux")]
use std::os::fd::AsRawFd as _;
#[cfg(target_os = "linux")]
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, Mode, OFlags, flock};

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
        let mut file = opened(path).map_err(io)?;
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

/// The lock file, made where there is none. What a link leads to is not written to, and a pipe is not waited for.
fn opened(path: &Path) -> io::Result<File> {
    let flags =
        OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = File::from(rustix::fs::open(path, flags, Mode::from_raw_mode(0o600))?);
    if file.metadata()?.is_file() {
        return Ok(file);
    }
    Err(io::Error::other("it is no file; remove it"))
}

/// Whether a process has the lock at `path`, for who is not its `owner`: nothing but a file of that user is opened, and nothing is written.
#[cfg(target_os = "linux")]
#[must_use]
pub fn is_held(path: &Path, owner: u32) -> bool {
    let probe = || -> io::Result<bool> {
        // To open some things does something; what is opened for its name alone is looked at first.
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let named = File::from(rustix::fs::open(path, flags, Mode::empty())?);
        let found = named.metadata()?;
        if !found.is_file() || found.uid() != owner {
            return Ok(false);
        }
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let again = format!("/proc/self/fd/{}", named.as_raw_fd());
        let file = rustix::fs::open(again, flags, Mode::empty())?;
        let tried = flock(&file, FlockOperation::NonBlockingLockShared);
        Ok(tried == Err(rustix::io::Errno::WOULDBLOCK))
    };
    probe().unwrap_or(false)
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
    use std::os::unix::fs::symlink;

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
        let owner = rustix::process::geteuid().as_raw();
        assert!(is_held(&path, owner) && !is_held(&path, owner + 1));
        drop(held);
        assert!(!is_held(&path, owner));
        DirectoryLock::acquire(&path).unwrap();
    }

    #[test]
    fn what_a_link_leads_to_is_not_written_to() {
        let directory = tempfile::tempdir().unwrap();
        let (path, other) = (
            directory.path().join("lock"),
            directory.path().join("other"),
        );
        std::fs::write(&other, "kept").unwrap();
        symlink(&other, &path).unwrap();
        let refused = DirectoryLock::acquire(&path).unwrap_err();
        assert!(matches!(refused, LockError::Io { .. }), "{refused}");
        assert!(!is_held(&path, rustix::process::geteuid().as_raw()));
        assert_eq!(std::fs::read_to_string(&other).unwrap(), "kept");
        // One that leads nowhere makes nothing there.
        std::fs::remove_file(&other).unwrap();
        assert!(DirectoryLock::acquire(&path).is_err());
        assert!(!other.exists());
    }
}
