//! The reserve: room on the disk that is kept for the time when there is no other.
//!
//! A file beside the database holds the room. It is given back to the file system part by part, each when the database next finds the
//! disk full, and made whole again once there is room for it and some more. It decides nothing about what may still be written:
//! `writer` does. Without a reserve, where it is switched off or the file system cannot keep one, the store works until the disk is full.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FallocateFlags, fallocate, fstatvfs};
use rustix::io::Errno;

/// In how many parts the reserve is given back: whoever else fills the disk gets one of them, not all.
const PARTS: u64 = 4;
/// What is asked of the disk to learn whether it is full, in bytes.
const PROBE_BYTES: u64 = 64 * 1024;

/// How much room the disk has for the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// Enough for everything.
    Enough,
    /// The disk is full; the reserve is in use, for reads and what takes something away.
    Reserve,
    /// The disk is full and the reserve is used up: nothing can be recorded, so nothing is done.
    None,
}

/// The file that holds the room.
#[derive(Debug)]
pub(super) struct Reserve {
    path: PathBuf,
    /// Bytes of the whole reserve; 0 when it is switched off.
    whole: u64,
    /// Bytes that are still held.
    held: u64,
}

impl Reserve {
    /// The reserve of the database at `database`: `bytes` of room in the file `reserve` beside it. What the disk has no room for is
    /// not held; see [`Reserve::is_whole`].
    pub(super) fn open(database: &Path, bytes: u64) -> Self {
        let mut reserve = Self {
            path: database.with_file_name("reserve"),
            whole: bytes,
            held: 0,
        };
        reserve.held = reserve.on_disk().min(bytes);
        if let Err(error) = reserve.hold(0)
            && !is_full(error)
        {
            tracing::warn!(%error, path = %reserve.path.display(), "No room can be kept for a full disk.");
            reserve.whole = 0;
        }
        reserve
    }

    /// None, for a database whose disk is another machine's: what lies beside another one is left there.
    pub(super) fn none(database: &Path) -> Self {
        Self {
            path: database.with_file_name("reserve"),
            whole: 0,
            held: 0,
        }
    }

    /// Whether all of it is held.
    pub(super) const fn is_whole(&self) -> bool {
        self.held >= self.whole
    }

    /// Whether at least half of it is held.
    pub(super) const fn half_is_held(&self) -> bool {
        self.held >= self.whole / 2
    }

    /// Gives the next part back to the file system; false when there was nothing left, or it could not be given.
    pub(super) fn release(&mut self) -> bool {
        self.measure();
        if self.held == 0 {
            return false;
        }
        let left = self.held.saturating_sub(self.whole.div_ceil(PARTS));
        match self.cut(left) {
            Ok(()) => {
                self.held = left;
                true
            }
            Err(error) => {
                tracing::error!(%error, path = %self.path.display(), "The reserve could not be released.");
                false
            }
        }
    }

    /// Makes it whole if the disk has room for that and half as much again, so that what follows does not use it up at once.
    pub(super) fn renew(&mut self) -> bool {
        self.measure();
        let margin = (self.whole / 2).max(PROBE_BYTES);
        // Nothing is taken from others who fill the disk only to be given back.
        let wanted = self.whole.saturating_sub(self.held) + margin;
        let may_be_there = self.free().is_none_or(|free| free >= wanted);
        may_be_there && self.hold(margin).is_ok()
    }

    /// Whether the disk, or a quota, refuses more bytes now: tells a write that failed for want of room from one that failed.
    pub(super) fn disk_is_full(&self) -> bool {
        self.disk_refuses(PROBE_BYTES)
    }

    /// Whether the disk, or a quota, has no room for so many bytes besides what is held.
    pub(super) fn disk_refuses(&self, bytes: u64) -> bool {
        let probed = self.allocate(self.held, bytes);
        let cut = self.cut(self.held);
        probed.and(cut).is_err_and(is_full)
    }

    /// Gives everything back: there will be no database.
    pub(super) fn abandon(self) {
        if let Err(error) = self.cut(0) {
            tracing::warn!(%error, path = %self.path.display(), "The reserve could not be removed.");
        }
    }

    /// Bytes the file system says this process could still write.
    fn free(&self) -> Option<u64> {
        let status = fstatvfs(self.file().ok()?).ok()?;
        status.f_bavail.checked_mul(status.f_frsize)
    }

    /// Bytes of the file that are really there.
    fn on_disk(&self) -> u64 {
        let file = std::fs::metadata(&self.path);
        file.map_or(0, |file| file.len().min(file.blocks() * 512))
    }

    /// Takes note of what somebody else removed.
    fn measure(&mut self) {
        self.held = self.held.min(self.on_disk());
    }

    /// Makes it whole if the disk has room for that and for `margin` bytes more; else it stays as it was.
    fn hold(&mut self, margin: u64) -> Result<(), Errno> {
        let missing = self.whole.saturating_sub(self.held) + margin;
        let allocated = if missing == 0 {
            Ok(())
        } else {
            self.allocate(self.held, missing)
        };
        let left = if allocated.is_ok() {
            self.whole
        } else {
            self.held
        };
        self.cut(left)?;
        self.held = left;
        allocated
    }

    /// Sets blocks aside for `bytes` from `offset` on; where the file system has no call for that, by writing them.
    fn allocate(&self, offset: u64, bytes: u64) -> Result<(), Errno> {
        let mut file = self.file()?;
        match fallocate(&file, FallocateFlags::empty(), offset, bytes) {
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => {
                file.seek(SeekFrom::Start(offset)).map_err(errno)?;
                io::copy(&mut io::repeat(0).take(bytes), &mut file).map_err(errno)?;
                file.sync_all().map_err(errno)
            }
            done => done,
        }
    }

    /// Leaves so many bytes of the file, and removes it where that is none.
    fn cut(&self, bytes: u64) -> Result<(), Errno> {
        if bytes == 0 {
            return match std::fs::remove_file(&self.path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(errno(error)),
                _ => Ok(()),
            };
        }
        let file = self.file()?;
        file.set_len(bytes).map_err(errno)?;
        // Some file systems give freed blocks out only after that.
        file.sync_all().map_err(errno)
    }

    fn file(&self) -> Result<File, Errno> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600);
        options.open(&self.path).map_err(errno)
    }
}

#[allow(
    clippy::needless_pass_by_value,
    reason = "used as a function of map_err"
)]
fn errno(error: io::Error) -> Errno {
    Errno::from_io_error(&error).unwrap_or(Errno::IO)
}

/// Whether the system refused for want of room.
const fn is_full(error: Errno) -> bool {
    matches!(error, Errno::NOSPC | Errno::DQUOT)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: u64 = 1 << 20;

    fn place() -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let database = directory.path().join("keyledger.db");
        (directory, database)
    }

    fn on_disk(directory: &Path) -> u64 {
        std::fs::metadata(directory.join("reserve")).map_or(0, |file| file.blocks() * 512)
    }

    #[test]
    fn it_holds_real_blocks_and_gives_them_back_in_parts() {
        let (directory, database) = place();
        let mut reserve = Reserve::open(&database, WHOLE);
        assert!(reserve.is_whole());
        assert_eq!(on_disk(directory.path()), WHOLE);
        for left in [3, 2, 1, 0] {
            assert!(reserve.release());
            assert_eq!(on_disk(directory.path()), left * WHOLE / 4);
            assert_eq!(reserve.half_is_held(), left >= 2);
            assert!(!reserve.is_whole());
        }
        assert!(!reserve.release(), "nothing is left");
        assert!(reserve.renew(), "this disk is not full");
        assert_eq!(on_disk(directory.path()), WHOLE);
    }

    #[test]
    fn what_an_earlier_process_released_is_held_again() {
        let (directory, database) = place();
        assert!(Reserve::open(&database, WHOLE).release());
        assert!(Reserve::open(&database, WHOLE).is_whole());
        assert_eq!(on_disk(directory.path()), WHOLE);
        // A file of the right length without blocks holds nothing.
        std::fs::remove_file(directory.path().join("reserve")).unwrap();
        let file = File::create(directory.path().join("reserve")).unwrap();
        file.set_len(WHOLE).unwrap();
        assert!(Reserve::open(&database, WHOLE).is_whole());
        assert_eq!(on_disk(directory.path()), WHOLE);
    }

    #[test]
    fn what_somebody_removed_is_not_given_but_made_again() {
        let (directory, database) = place();
        let file = directory.path().join("reserve");
        let mut reserve = Reserve::open(&database, WHOLE);
        std::fs::remove_file(&file).unwrap();
        assert!(!reserve.release(), "there is nothing to give");
        assert!(!reserve.is_whole());
        assert!(reserve.renew());
        assert_eq!(on_disk(directory.path()), WHOLE);
        std::fs::remove_file(&file).unwrap();
        assert!(reserve.renew());
        assert_eq!(on_disk(directory.path()), WHOLE);
    }

    #[test]
    fn it_can_be_made_smaller_and_switched_off() {
        let (directory, database) = place();
        drop(Reserve::open(&database, WHOLE));
        assert!(Reserve::open(&database, WHOLE / 2).is_whole());
        assert_eq!(on_disk(directory.path()), WHOLE / 2);
        let mut reserve = Reserve::open(&database, 0);
        assert!(reserve.is_whole());
        assert!(!reserve.release());
        assert!(reserve.renew());
        assert!(!directory.path().join("reserve").exists());
    }

    #[test]
    fn a_disk_with_room_is_not_full() {
        let (_directory, database) = place();
        assert!(!Reserve::open(&database, WHOLE).disk_is_full());
    }
}
