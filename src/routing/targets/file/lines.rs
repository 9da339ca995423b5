//! A file of lines that is appended to and never holds a part of one.
//!
//! What a batch adds is written at once and cut off again if it did not get in whole; a line that a crash has torn is cut off before anything
//! is appended. A full file is renamed to its own name and the time of its last line, so that names sort as their lines do; no file is ever
//! written over.

use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{FileExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use rustix::fs::{CWD, FlockOperation, Mode, OFlags, RenameFlags};
use rustix::io::Errno;

use super::ours;

/// What is looked at of the end of a file that does not end with a line: more than a batch, which a power cut may have made zeros of.
const END_BYTES_MAX: u64 = 2 << 20;
/// How often, and with what wait between, it is tried to get hold of a file that another process has locked.
const LOCK_TRIES: u32 = 50;
const LOCK_WAIT: Duration = Duration::from_millis(100);
/// The time in the name of a full file: as text it sorts as the times do.
const TIME: &str = "%Y%m%dT%H%M%S%.3fZ";
const TIME_BYTES: usize = "20261125T222101.123Z".len();
/// What is wrong with a path into the server's own directories.
pub(super) const RESERVED: &str = "lies where the server keeps what is its own: name another place";
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// When a file is full.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rotation {
    /// When it would have more bytes.
    pub(super) bytes: Option<u64>,
    /// When its last line is of an earlier day, in UTC.
    pub(super) daily: bool,
}

/// A file of lines.
#[derive(Debug)]
pub(super) struct Lines {
    path: PathBuf,
    rotation: Rotation,
    is_synced: bool,
    /// Where nothing may be written: it is the server's own.
    reserved: Arc<[PathBuf]>,
    open: Option<Open>,
}

/// The file while it is open.
#[derive(Debug)]
struct Open {
    file: File,
    /// When its last line was written, in milliseconds since 1970; it means nothing while there is none.
    written_ms: i64,
}

impl Lines {
    /// The lines of the file at `path`, which is opened when there is something to append.
    pub(super) const fn new(
        path: PathBuf,
        rotation: Rotation,
        is_synced: bool,
        reserved: Arc<[PathBuf]>,
    ) -> Self {
        Self {
            path,
            rotation,
            is_synced,
            reserved,
            open: None,
        }
    }

    /// Appends whole lines, all of them or nothing.
    ///
    /// # Errors
    /// What happened and what to do, in one line.
    pub(super) fn append(&mut self, text: &[u8], now_ms: i64) -> Result<(), String> {
        let appended = self.try_append(text, now_ms);
        if appended.is_err() {
            // Whatever is wrong with it, the next try begins with what is at the path then.
            self.open = None;
        }
        appended.map_err(|error| self.described(&error))
    }

    /// Appends after a try that was broken off.
    ///
    /// # Errors
    /// Those of [`Self::append`].
    pub(super) fn append_anew(&mut self, text: &[u8], now_ms: i64) -> Result<(), String> {
        self.open = None;
        self.append(text, now_ms)
    }

    fn try_append(&mut self, text: &[u8], now_ms: i64) -> io::Result<()> {
        let (mut open, length) = loop {
            let open = self.hold()?;
            let length = cut_torn_line(&open.file)?;
            if length == 0 || !self.is_full(&open, length, text, now_ms) {
                break (open, length);
            }
            self.rotate(&open)?;
        };
        if let Err(error) = self.write(&open.file, text) {
            open.file.set_len(length)?;
            return Err(error);
        }
        rustix::fs::flock(&open.file, FlockOperation::Unlock)?;
        open.written_ms = now_ms;
        self.open = Some(open);
        Ok(())
    }

    fn write(&self, mut file: &File, text: &[u8]) -> io::Result<()> {
        file.write_all(text)?;
        if self.is_synced {
            file.sync_data()
        } else {
            Ok(())
        }
    }

    fn is_full(&self, open: &Open, length: u64, text: &[u8], now_ms: i64) -> bool {
        let more = u64::try_from(text.len()).unwrap_or(u64::MAX);
        let day = |ms: i64| ms.div_euclid(DAY_MS);
        let too_long = self
            .rotation
            .bytes
            .is_some_and(|most| length.saturating_add(more) > most);
        // Not where the clock was set back: the day is then not over yet.
        too_long || self.rotation.daily && day(open.written_ms) < day(now_ms)
    }

    /// The file that is at the path now, locked: another target or another process may write to it too.
    fn hold(&mut self) -> io::Result<Open> {
        loop {
            let open = match self.open.take() {
                Some(open) => open,
                None => self.open()?,
            };
            lock(&open.file)?;
            // It may have been moved away, also while the lock was waited for.
            if is_at(&open.file.metadata()?, &self.path)? {
                return Ok(open);
            }
        }
    }

    /// Opens the file, or begins it.
    fn open(&self) -> io::Result<Open> {
        // Links on the way may lead anywhere.
        let directory = self.directory().canonicalize()?;
        let led_to = directory.join(self.path.file_name().unwrap_or_default());
        if self.reserved.iter().any(|own| led_to.starts_with(own)) {
            return Err(io::Error::other(RESERVED));
        }
        let flags =
            OFlags::RDWR | OFlags::APPEND | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let private = Mode::RUSR | Mode::WUSR;
        let file = match rustix::fs::open(&self.path, flags, private) {
            Err(Errno::NOENT) => {
                let file = File::from(rustix::fs::open(
                    &self.path,
                    flags | OFlags::CREATE,
                    private,
                )?);
                self.sync_directory()?;
                file
            }
            opened => File::from(opened?),
        };
        let found = file.metadata()?;
        if !found.is_file() {
            return Err(io::Error::other("is not a file: name another"));
        }
        let modified = found
            .modified()?
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let written_ms = i64::try_from(modified.as_millis()).unwrap_or(i64::MAX);
        Ok(Open { file, written_ms })
    }

    /// Puts the file aside and begins a new one, with the same mode.
    fn rotate(&self, full: &Open) -> io::Result<()> {
        rename(&self.path, &self.name_of(full.written_ms)?)?;
        let mode = full.file.metadata()?.permissions().mode() & 0o666;
        let begun = self.open()?;
        begun.file.set_permissions(fs::Permissions::from_mode(mode))
    }

    /// The name of a full file: after those of all before it, also where the clock was set back.
    fn name_of(&self, written_ms: i64) -> io::Result<PathBuf> {
        let mut prefix = self.path.file_name().unwrap_or_default().to_owned();
        prefix.push(".");
        let mut last = None;
        for entry in fs::read_dir(self.directory())? {
            let name = entry?.file_name();
            let rest = name
                .as_encoded_bytes()
                .strip_prefix(prefix.as_encoded_bytes());
            let time = rest.and_then(|rest| time_ms(rest.get(..TIME_BYTES)?));
            last = last.max(time);
        }
        let time = last.map_or(written_ms, |last| written_ms.max(last.saturating_add(1)));
        let time = jiff::Timestamp::from_millisecond(time).map_err(io::Error::other)?;
        prefix.push(time.strftime(TIME).to_string());
        Ok(self.path.with_file_name(prefix))
    }

    fn directory(&self) -> &Path {
        self.path.parent().unwrap_or_else(|| Path::new("/"))
    }

    /// Makes new names durable.
    fn sync_directory(&self) -> io::Result<()> {
        if self.is_synced {
            File::open(self.directory())?.sync_all()?;
        }
        Ok(())
    }

    fn described(&self, error: &io::Error) -> String {
        let path = self.path.display();
        match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
                format!("the disk that holds {path} is full: make room")
            }
            ErrorKind::NotFound => format!("the directory of {path} is not there: make it"),
            ErrorKind::PermissionDenied => {
                format!("{path} cannot be written: give the user of keyledger the right to")
            }
            ErrorKind::WouldBlock => format!("{path} is locked by another process: end it"),
            _ if error.raw_os_error() == Some(Errno::LOOP.raw_os_error()) => {
                format!("{path} is a symbolic link: name the file itself")
            }
            _ => format!("{path}: {error}"),
        }
    }
}

/// Locks a file against others that append to it.
fn lock(file: &File) -> io::Result<()> {
    for _ in 1..LOCK_TRIES {
        match rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) => std::thread::sleep(LOCK_WAIT),
            locked => return Ok(locked?),
        }
    }
    Ok(rustix::fs::flock(
        file,
        FlockOperation::NonBlockingLockExclusive,
    )?)
}

/// Whether the path leads to this very file.
fn is_at(file: &Metadata, path: &Path) -> io::Result<bool> {
    match path.symlink_metadata() {
        Ok(found) => Ok((found.dev(), found.ino()) == (file.dev(), file.ino())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Cuts off a last line of ours that does not end, and gives the length of the file then.
///
/// # Errors
/// The file does not end, and what it ends with is not provably ours: it is left as it is.
fn cut_torn_line(file: &File) -> io::Result<u64> {
    let length = file.metadata()?.len();
    let mut last = [0];
    if length == 0 || file.read_exact_at(&mut last, length - 1).is_ok() && last == *b"\n" {
        return Ok(length);
    }
    let first = length.saturating_sub(END_BYTES_MAX);
    let mut end = vec![0; usize::try_from(length - first).unwrap_or_default()];
    file.read_exact_at(&mut end, first)?;
    let Some(torn) = ours::torn_bytes(&end, first == 0) else {
        let problem =
            "ends within a line that is not known to be ours: end the line, or move the file away";
        return Err(io::Error::other(problem));
    };
    tracing::warn!(
        bytes = torn,
        "A line that a crash has torn was cut off the file of a target."
    );
    let whole = length.saturating_sub(u64::try_from(torn).unwrap_or(u64::MAX));
    file.set_len(whole)?;
    Ok(whole)
}

/// Renames a file, unless there is one of the new name.
fn rename(from: &Path, to: &Path) -> io::Result<()> {
    match rustix::fs::renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // The file system cannot do both in one step. Nobody else gives such names.
        Err(Errno::INVAL | Errno::NOSYS) => {
            if to.symlink_metadata().is_ok() {
                return Err(ErrorKind::AlreadyExists.into());
            }
            fs::rename(from, to)
        }
        renamed => Ok(renamed?),
    }
}

/// The time in the name of a full file, in milliseconds since 1970.
fn time_ms(text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?;
    let time = jiff::fmt::strtime::parse("%Y%m%dT%H%M%S%.fZ", text).ok()?;
    let time = time
        .to_datetime()
        .ok()?
        .to_zoned(jiff::tz::TimeZone::UTC)
        .ok()?;
    Some(time.timestamp().as_millisecond())
}
