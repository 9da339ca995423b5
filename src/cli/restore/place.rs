//! The directory that a backup is restored into: it is empty before, and complete after, when the database gets its name.
//!
//! Whoever has the public half of a backup key can seal a file to it, so names in a backup are not trusted: what a server's directory does not
//! have is refused.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Read, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use crate::admin::backup::archive::{Entry, List, Opened, head_of};
use crate::admin::backup::{CHECKPOINT, DATABASE};
use crate::admin::lock::DirectoryLock;
use crate::config::Layout;
use crate::config::layout::{write_private, write_public};
use crate::crypto::{RecipientKey, Secret};
use crate::domain::client::check_label;
use crate::domain::clock::from_rfc3339;

/// The most bytes of a file other than the database.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// A directory under way. Dropped before it is complete, nothing is left of what was put into it.
#[derive(Debug)]
pub(super) struct Place {
    layout: Layout,
    /// Only what is needed to look at the backup.
    is_scratch: bool,
    is_complete: bool,
    /// What keeps others from the directory, from before the first file on.
    _lock: DirectoryLock,
}

impl Place {
    /// The directory of a new server, which must be empty.
    ///
    /// # Errors
    /// There is something in it, or it cannot be made.
    pub(super) fn of_server(layout: &Layout) -> anyhow::Result<Self> {
        if layout.restored_database().symlink_metadata().is_ok() {
            bail!(
                "{} holds a restore that was cut off: remove what is in it and begin again",
                layout.root().display()
            );
        }
        refuse_shared(layout)?;
        check_empty(layout)?;
        layout.make_directories()?;
        let lock = DirectoryLock::acquire(&layout.lock())?;
        // Whoever had the lock before may have put something there.
        check_empty(layout)?;
        Ok(Self {
            layout: layout.clone(),
            is_scratch: false,
            is_complete: false,
            _lock: lock,
        })
    }

    /// A directory that is only looked at and then removed.
    ///
    /// # Errors
    /// It cannot be made.
    pub(super) fn scratch(path: PathBuf) -> anyhow::Result<Self> {
        let layout = Layout::new(path);
        fs::DirBuilder::new()
            .create(layout.root())
            .with_context(|| format!("cannot make {}", layout.root().display()))?;
        layout.make_directories()?;
        let lock = DirectoryLock::acquire(&layout.lock())?;
        Ok(Self {
            layout,
            is_scratch: true,
            is_complete: false,
            _lock: lock,
        })
    }

    /// What lies where.
    pub(super) const fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Writes the files of a backup, the database under a name that no server opens; gives what the backup says of itself.
    ///
    /// # Errors
    /// It cannot be read or does not open, or a file cannot be written.
    pub(super) fn unpack(&self, backup: &Path, key: &RecipientKey) -> anyhow::Result<List> {
        let what = || format!("{} cannot be restored", backup.display());
        let mut source = io::BufReader::new(File::open(backup).with_context(what)?);
        let (_, head) = head_of(&mut source).with_context(what)?;
        let mut opened = Opened::open(source, &head, key).with_context(what)?;
        let list = opened.list().with_context(what)?;
        // It is shown and recorded as it stands.
        if from_rfc3339(&list.created).is_none() {
            bail!("{} does not say when it was made", backup.display());
        }
        if list.files.first().is_none_or(|file| file.name != DATABASE) {
            bail!("{} holds no database", backup.display());
        }
        for entry in &list.files {
            self.write(&mut opened, entry).with_context(what)?;
        }
        opened.end().with_context(what)?;
        Ok(list)
    }

    fn write(&self, opened: &mut impl Read, entry: &Entry) -> anyhow::Result<()> {
        if entry.name == DATABASE {
            return self.write_database(opened, entry.bytes);
        }
        if entry.bytes > FILE_BYTES_MAX {
            bail!("{} in it is too long", entry.name);
        }
        let (path, is_public) = self.path(&entry.name)?;
        let mut content = vec![0; usize::try_from(entry.bytes)?];
        opened.read_exact(&mut content)?;
        let content = Secret::new(content);
        if self.is_scratch && !self.is_looked_at(&path) {
            return Ok(());
        }
        if is_public {
            write_public(&path, content.expose())?;
        } else {
            write_private(&path, content.expose())?;
        }
        Ok(())
    }

    fn write_database(&self, opened: &mut impl Read, bytes: u64) -> anyhow::Result<()> {
        let path = self.layout.restored_database();
        let mut options = OpenOptions::new();
        let file = options.write(true).create_new(true).mode(0o600).open(&path);
        let file = file.with_context(|| format!("cannot make {}", path.display()))?;
        let mut file = BufWriter::new(file);
        let copied = io::copy(&mut opened.take(bytes), &mut file)?;
        if copied != bytes {
            bail!("the database in it is shorter than listed");
        }
        file.flush()?;
        Ok(file.get_ref().sync_all()?)
    }

    /// Where a file of a backup belongs, and whether others may read it.
    fn path(&self, name: &str) -> anyhow::Result<(PathBuf, bool)> {
        let layout = &self.layout;
        let label = name
            .strip_prefix("certs/clients/")
            .and_then(|name| name.strip_suffix(".pem"));
        Ok(match name {
            "keyledger.toml" => (layout.config(), false),
            CHECKPOINT => (layout.checkpoint(), false),
            "data/master.key" => (layout.master_key(), false),
            "data/ca.key" => (layout.ca_key(), false),
            "certs/ca.pem" => (layout.ca_certificate(), true),
            "certs/server.pem" => (layout.server_certificate(), true),
            "certs/server.key" => (layout.server_key(), false),
            _ => match label.filter(|label| check_label(label).is_ok()) {
                Some(label) => (layout.client_certificate(label), true),
                None => bail!("{name:?} in it is no file of a server"),
            },
        })
    }

    fn is_looked_at(&self, path: &Path) -> bool {
        let layout = &self.layout;
        [layout.config(), layout.checkpoint(), layout.master_key()]
            .iter()
            .any(|wanted| wanted == path)
    }

    /// Gives the database its name: from here on a server may serve it.
    ///
    /// # Errors
    /// It cannot be named.
    pub(super) fn complete(mut self) -> anyhow::Result<()> {
        let (from, to) = (self.layout.restored_database(), self.layout.database());
        for beside in ["-wal", "-shm"] {
            let mut path = from.as_os_str().to_owned();
            path.push(beside);
            let is_log = beside == "-wal";
            if is_log && fs::metadata(&path).is_ok_and(|log| log.len() > 0) {
                bail!("the log of {} could not be moved into it", from.display());
            }
            drop(fs::remove_file(path));
        }
        fs::rename(&from, &to).with_context(|| format!("cannot name {}", to.display()))?;
        File::open(self.layout.data())?.sync_all()?;
        self.is_complete = true;
        Ok(())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.is_complete {
            return;
        }
        let layout = &self.layout;
        // It was empty before: all of this is ours. Directories may be mounts and stay where they cannot be removed.
        for folder in [layout.data(), layout.certs()] {
            drop(fs::remove_dir_all(folder));
        }
        drop(fs::remove_file(layout.config()));
        if self.is_scratch {
            drop(fs::remove_dir(layout.root()));
        }
    }
}

/// Refuses root a directory that somebody else may put something into, or that lies in such a one: a link there could lead what root writes
/// to any file of the machine.
fn refuse_shared(layout: &Layout) -> anyhow::Result<()> {
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let root = std::path::absolute(layout.root())?;
    // What is not there yet is made in the next above it.
    let there = root.ancestors().find_map(|path| path.canonicalize().ok());
    let there = there.unwrap_or_default();
    let below = [layout.data(), layout.certs(), layout.client_certificates()];
    let own = below.iter().map(PathBuf::as_path).chain([&*root]);
    if let Some(found) = own.into_iter().find(|path| is_shared(path)) {
        let (found, root) = (found.display(), root.display());
        bail!(
            "root restores where nobody else may write, and others may in {found}: give it to root before (`chown -R root: {root}`, `chmod -R go-w {root}`) \
             and to the server's user after, or restore as that user (nothing was changed)"
        );
    }
    let mut above = root.ancestors().chain(there.ancestors());
    if let Some(found) = above.find(|path| is_shared(path)) {
        bail!(
            "root restores where nobody else may write, and others may in {}: name a directory elsewhere with --dir, or restore as the server's user \
             (nothing was changed)",
            found.display()
        );
    }
    Ok(())
}

/// Whether others than root may write in a directory. Where it has the sticky bit, as /tmp, they leave alone what is root's.
fn is_shared(directory: &Path) -> bool {
    let Ok(found) = fs::metadata(directory) else {
        return false;
    };
    let is_open = found.mode() & 0o022 != 0 && found.mode() & 0o1000 == 0;
    is_open || (found.uid() != 0 && Some(found.uid()) != outsider())
}

/// As whom root of a user namespace, such as a container's, sees the users outside of it; none where there are no such.
fn outsider() -> Option<u32> {
    let map = fs::read_to_string("/proc/self/uid_map").ok()?;
    if map.split_whitespace().eq(["0", "0", "4294967295"]) {
        return None;
    }
    let user = fs::read_to_string("/proc/sys/kernel/overflowuid").ok()?;
    user.trim().parse().ok()
}

fn check_empty(layout: &Layout) -> anyhow::Result<()> {
    match first_file(layout.root(), &layout.lock())? {
        None => Ok(()),
        Some(found) => bail!(
            "{} is not empty ({} is there): a backup is restored into an empty directory only",
            layout.root().display(),
            found.display()
        ),
    }
}

/// The first thing in a directory that is no empty directory; `lost+found` is the file system's own, and the lock nobody's.
fn first_file(root: &Path, lock: &Path) -> anyhow::Result<Option<PathBuf>> {
    let entries = match fs::read_dir(root) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", root.display())),
    };
    for entry in entries {
        let entry = entry?;
        let kind = entry.file_type()?;
        if entry.file_name() == "lost+found" || (entry.path() == lock && kind.is_file()) {
            continue;
        }
        if !kind.is_dir() {
            return Ok(Some(entry.path()));
        }
        if let Some(found) = first_file(&entry.path(), lock)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}
