//! The names on disk: a contract that tools rely on.
//!
//! ```text
//! DIR/keyledger.toml
//! DIR/certs/ca.pem  server.pem  server.key  clients/<label>.pem  clients/<label>.key
//! DIR/data/keyledger.db  master.key  ca.key  checkpoint  reserve  control.sock  lock  certificates.lock
//! ```
//!
//! Directories are 0700 and private files 0600. A private file is written whole or not at all, and never replaced but for the keys of
//! certificates ([`super::pair`]): losing a key loses what it protects. Nothing here knows what is in the files.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::pair::PairPaths;

const GROUP_AND_OTHERS: u32 = 0o077;

/// A step on disk failed. One line: what, where, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum LayoutError {
    /// The system refused a step.
    #[error("cannot {step} {}: {source}", path.display())]
    Io {
        /// What was tried, as a verb.
        step: &'static str,
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file is there already and is not replaced.
    #[error("{} exists already and is not overwritten; move it away first", path.display())]
    Exists {
        /// The file in the way.
        path: PathBuf,
    },
    /// A file that must be there is not.
    #[error("{} does not exist; {advice}", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
        /// What to do.
        advice: &'static str,
    },
    /// Group or others have some access to a private file.
    #[error("{0} is readable by others; run `chmod 600 {0}`", path.display())]
    ReadableByOthers {
        /// The file.
        path: PathBuf,
    },
}

/// The directory Keyledger works in, and every name below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    root: PathBuf,
}

impl Layout {
    /// The layout below `root`.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// `DIR` itself.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The configuration file.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.root.join("keyledger.toml")
    }

    /// What is private to this server: database, master key, CA key, socket, lock.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.root.join("data")
    }

    /// The database.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        self.data().join("keyledger.db")
    }

    /// The master key of provider `file`.
    #[must_use]
    pub fn master_key(&self) -> PathBuf {
        self.data().join("master.key")
    }

    /// The private key of our CA.
    #[must_use]
    pub fn ca_key(&self) -> PathBuf {
        self.data().join("ca.key")
    }

    /// The control socket of a running server.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.data().join("control.sock")
    }

    /// The lock that one process holds.
    #[must_use]
    pub fn lock(&self) -> PathBuf {
        self.data().join("lock")
    }

    /// Certificates and the server's key.
    #[must_use]
    pub fn certs(&self) -> PathBuf {
        self.root.join("certs")
    }

    /// The certificate of our CA.
    #[must_use]
    pub fn ca_certificate(&self) -> PathBuf {
        self.certs().join("ca.pem")
    }

    /// The revocation list of our CA, once one was made.
    #[must_use]
    pub fn ca_list(&self) -> PathBuf {
        self.certs().join("ca.crl")
    }

    /// The server's certificate.
    #[must_use]
    pub fn server_certificate(&self) -> PathBuf {
        self.certs().join("server.pem")
    }

    /// The server's private key.
    #[must_use]
    pub fn server_key(&self) -> PathBuf {
        self.certs().join("server.key")
    }

    /// The server's certificate and its key.
    #[must_use]
    pub fn server_pair(&self) -> PairPaths {
        PairPaths {
            certificate: self.server_certificate(),
            key: self.server_key(),
        }
    }

    /// The certificates of our CA and the key of the one that issues.
    #[must_use]
    pub fn ca_pair(&self) -> PairPaths {
        PairPaths {
            certificate: self.ca_certificate(),
            key: self.ca_key(),
        }
    }

    /// Held while certificates and keys are replaced.
    #[must_use]
    pub fn certificates_lock(&self) -> PathBuf {
        self.data().join("certificates.lock")
    }

    /// The certificate of a client that was issued here. `label` has passed `domain::client::check_label`.
    #[must_use]
    pub fn client_certificate(&self, label: &str) -> PathBuf {
        self.certs().join("clients").join(format!("{label}.pem"))
    }

    /// The private key of a client that was issued here.
    #[must_use]
    pub fn client_key(&self, label: &str) -> PathBuf {
        self.certs().join("clients").join(format!("{label}.key"))
    }

    /// The folder of the certificates of clients that were issued here.
    #[must_use]
    pub fn client_certificates(&self) -> PathBuf {
        self.certs().join("clients")
    }

    /// What goes into a backup besides the database, the master key and the certificates of clients: what it takes to serve again.
    #[must_use]
    pub fn backed_up(&self) -> [PathBuf; 5] {
        [
            self.config(),
            self.ca_certificate(),
            self.server_certificate(),
            self.server_key(),
            self.ca_key(),
        ]
    }

    /// The newest checkpoint, beside the database.
    #[must_use]
    pub fn checkpoint(&self) -> PathBuf {
        self.data().join("checkpoint")
    }

    /// The database under way to its place, while a backup is restored.
    #[must_use]
    pub fn restored_database(&self) -> PathBuf {
        self.data().join("keyledger.db.restored")
    }

    /// The certificate and the private key of a client that was issued here.
    #[must_use]
    pub fn client_pair(&self, label: &str) -> PairPaths {
        PairPaths {
            certificate: self.client_certificate(label),
            key: self.client_key(label),
        }
    }

    /// What is this server's own and nobody else may write to: its directories and its settings, as absolute paths, with and without the links on
    /// their way.
    #[must_use]
    pub fn own_paths(&self) -> Vec<PathBuf> {
        let own = [self.data(), self.certs(), self.config()];
        let both = own.iter().flat_map(|path| {
            let absolute = std::path::absolute(path);
            [absolute.ok(), path.canonicalize().ok()]
        });
        both.flatten().collect()
    }

    /// Makes the directories that are missing, private to the owner. `data` and `certs` that exist are made private.
    ///
    /// # Errors
    /// The system refused a directory.
    pub fn make_directories(&self) -> Result<(), LayoutError> {
        if !self.root.as_os_str().is_empty() {
            make_directory(&self.root)?;
        }
        for path in [self.data(), self.certs(), self.certs().join("clients")] {
            make_directory(&path)?;
            let mode = fs::Permissions::from_mode(0o700);
            fs::set_permissions(&path, mode).map_err(failed("make private", &path))?;
        }
        Ok(())
    }
}

fn make_directory(path: &Path) -> Result<(), LayoutError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(failed("create the directory", path))
}

pub(super) fn failed<'a>(
    step: &'static str,
    path: &'a Path,
) -> impl Fn(io::Error) -> LayoutError + 'a {
    move |source| match source.kind() {
        io::ErrorKind::AlreadyExists => LayoutError::Exists {
            path: path.to_owned(),
        },
        _ => LayoutError::Io {
            step,
            path: path.to_owned(),
            source,
        },
    }
}

/// Writes a new private file (0600) and makes it durable. A file that exists is never replaced.
///
/// # Errors
/// It exists, or the system refused; then nothing is left under the name.
pub fn write_private(path: &Path, content: &[u8]) -> Result<(), LayoutError> {
    write_new(path, content, 0o600)
}

/// Writes a new file others may read (0644): certificates. Otherwise as [`write_private`].
///
/// # Errors
/// As [`write_private`].
pub fn write_public(path: &Path, content: &[u8]) -> Result<(), LayoutError> {
    write_new(path, content, 0o644)
}

/// Written under another name and then linked to its own, so that a file is there whole or not at all, even after a crash.
fn write_new(path: &Path, content: &[u8], mode: u32) -> Result<(), LayoutError> {
    let mut draft = path.as_os_str().to_owned();
    draft.push(".new");
    let draft = PathBuf::from(draft);
    // One that a crash has left behind.
    drop(fs::remove_file(&draft));
    let made = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(&draft);
    let mut file = made.map_err(failed("create", path))?;
    let written = file
        .write_all(content)
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::hard_link(&draft, path));
    drop(fs::remove_file(&draft));
    written
        .and_then(|()| sync_directory(path))
        .map_err(failed("write", path))
}

pub(super) fn sync_directory(path: &Path) -> io::Result<()> {
    let parent = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    File::open(parent.unwrap_or_else(|| Path::new(".")))?.sync_all()
}

/// Reads a text that others may read.
///
/// # Errors
/// It is missing, with `advice`, or cannot be read.
pub fn read_public(path: &Path, advice: &'static str) -> Result<String, LayoutError> {
    fs::read_to_string(path).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => LayoutError::Missing {
            path: path.to_owned(),
            advice,
        },
        _ => failed("read", path)(source),
    })
}

/// Reads a private text, after checking that only its owner may.
///
/// # Errors
/// It is missing, with `advice`, others may read it, or it cannot be read.
pub fn read_private(path: &Path, advice: &'static str) -> Result<String, LayoutError> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.mode() & GROUP_AND_OTHERS != 0 => {
            Err(LayoutError::ReadableByOthers {
                path: path.to_owned(),
            })
        }
        Ok(_) | Err(_) => read_public(path, advice),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o777
    }

    #[test]
    fn directories_and_keys_are_private_to_the_owner() {
        let directory = tempfile::tempdir().unwrap();
        let layout = Layout::new(directory.path().join("a/b"));
        layout.make_directories().unwrap();
        layout.make_directories().unwrap();
        for path in [
            layout.data(),
            layout.certs(),
            layout.certs().join("clients"),
        ] {
            assert_eq!(mode(&path), 0o700, "{}", path.display());
        }
        write_private(&layout.client_key("demo"), b"k").unwrap();
        write_public(&layout.client_certificate("demo"), b"c").unwrap();
        assert_eq!(mode(&layout.root().join("certs/clients/demo.key")), 0o600);
        assert_eq!(
            mode(&layout.root().join("certs/clients/demo.pem")) & 0o600,
            0o600
        );
    }

    #[test]
    fn a_file_that_exists_is_not_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ca.key");
        write_private(&path, b"first").unwrap();
        let error = write_private(&path, b"second").unwrap_err().to_string();
        assert!(
            error.contains("ca.key exists already and is not overwritten"),
            "{error}"
        );
        assert_eq!(fs::read(&path).unwrap(), b"first");
    }

    #[test]
    fn a_key_that_others_may_read_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("server.key");
        write_private(&path, b"key").unwrap();
        assert_eq!(read_private(&path, "").unwrap(), "key");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let error = read_private(&path, "").unwrap_err().to_string();
        assert!(error.contains("chmod 600"), "{error}");
        let missing = directory.path().join("none");
        let error = read_private(&missing, "run `keyledger init`")
            .unwrap_err()
            .to_string();
        assert!(
            error.ends_with("does not exist; run `keyledger init`"),
            "{error}"
        );
    }
}
