//! What a node needs, in a directory of the form that a server's own has: settings, certificates, and the secrets that all nodes share.
//!
//! It is whole or not there. Beside the files of a server it holds `node.json`: the node's name, and which node prepared it.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};

use crate::config::layout::{read_private, read_public, write_private, write_public};
use crate::config::{Layout, Overrides, Settings};
use crate::crypto::Secret;
use crate::domain::client::check_label;

/// Where the password of the database's user is kept, below the directory.
pub(super) const PASSWORD: &str = "data/store.password";
/// Where the CAs of the database's server are kept, below the directory.
pub(super) const CA: &str = "certs/store-ca.pem";
/// The name of the file that says which node it is for.
const WHICH: &str = "node.json";

/// Which node it is for, and who prepared it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Which {
    /// Its name.
    pub(super) name: String,
    /// The number of the node that prepared it, whose part of the database is there to compare the master key with.
    pub(super) prepared_by: u32,
}

/// All that a node needs.
pub(super) struct Prepared {
    /// Which node it is for.
    pub(super) which: Which,
    /// The text of its settings.
    pub(super) settings: String,
    /// The certificates of the CA.
    pub(super) authorities: String,
    /// The certificate that it is known by, and its private key.
    pub(super) server: (String, Secret),
    /// The password of the database's user, where one is set.
    pub(super) password: Option<Secret>,
    /// The CAs of the database's server, where they are set.
    pub(super) ca: Option<String>,
    /// The file of the master key, where it goes with the rest.
    pub(super) master_key: Option<Secret>,
}

impl Prepared {
    /// Writes it below an empty directory, as a server has it: private to the owner.
    ///
    /// # Errors
    /// The system refused a step.
    pub(super) fn write(&self, layout: &Layout) -> anyhow::Result<()> {
        write_private(&layout.config(), self.settings.as_bytes())?;
        write_public(&layout.ca_certificate(), self.authorities.as_bytes())?;
        write_private(&layout.server_key(), self.server.1.expose())?;
        write_public(&layout.server_certificate(), self.server.0.as_bytes())?;
        if let Some(ca) = &self.ca {
            write_public(&layout.root().join(CA), ca.as_bytes())?;
        }
        if let Some(password) = &self.password {
            write_private(&layout.root().join(PASSWORD), password.expose())?;
        }
        if let Some(key) = &self.master_key {
            write_private(&layout.master_key(), key.expose())?;
        }
        Ok(())
    }

    /// Writes also which node it is for: last, so that what is there is whole.
    ///
    /// # Errors
    /// The system refused a step.
    pub(super) fn write_with_which(&self, layout: &Layout) -> anyhow::Result<()> {
        let root = layout.root();
        let private = fs::Permissions::from_mode(0o700);
        fs::set_permissions(root, private)
            .with_context(|| format!("cannot make {} private", root.display()))?;
        self.write(layout)?;
        let which = serde_json::to_string(&self.which)?;
        Ok(write_private(&root.join(WHICH), which.as_bytes())?)
    }

    /// Reads it, with its settings, checked.
    ///
    /// # Errors
    /// A file is missing, is readable by others where it must not be, or is not what was written.
    pub(super) fn read(from: &Layout) -> anyhow::Result<(Self, Settings)> {
        let root = from.root();
        let advice =
            "name the directory that `keyledger node prepare` made, with all that is in it";
        let path = root.join(WHICH);
        let which: Which = serde_json::from_str(&read_private(&path, advice)?).map_err(|_| {
            anyhow::anyhow!("{} is not what was prepared; {advice}", path.display())
        })?;
        check_label(&which.name).with_context(|| path.display().to_string())?;
        let settings = Settings::load(from, &Overrides::default())?;
        let text = read_public(&from.config(), advice)?;
        if settings.store.url.is_none() || settings.store.node.is_none() {
            bail!(
                "{} names no store.url and store.node; {advice}",
                from.config().display()
            );
        }
        let master_key = from.master_key();
        if master_key.symlink_metadata().is_err() {
            bail!(
                "the master key is missing: copy data/master.key of a node that runs to {}, mode 0600, and give the command again",
                master_key.display()
            );
        }
        let private = |path: &Path| -> anyhow::Result<Secret> {
            Ok(Secret::new(read_private(path, advice)?.into_bytes()))
        };
        let password = settings.store.password_file.as_deref();
        let ca = settings.store.ca_file.as_deref();
        let prepared = Self {
            which,
            settings: text,
            authorities: read_public(&from.ca_certificate(), advice)?,
            server: (
                read_public(&from.server_certificate(), advice)?,
                private(&from.server_key())?,
            ),
            password: password.map(private).transpose()?,
            ca: ca.map(|path| read_public(path, advice)).transpose()?,
            master_key: Some(private(&master_key)?),
        };
        Ok((prepared, settings))
    }
}

/// Refuses a directory with something in it.
///
/// # Errors
/// It is one, or cannot be looked at.
pub(super) fn check_empty(root: &Path, advice: &str) -> anyhow::Result<()> {
    let root = if root.as_os_str().is_empty() {
        Path::new(".")
    } else {
        root
    };
    let mut entries = match fs::read_dir(root) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => {
            return Err(error).with_context(|| format!("cannot look into {}", root.display()));
        }
    };
    if entries.next().is_some() {
        bail!(
            "{} is not empty and is not touched; {advice}",
            root.display()
        );
    }
    Ok(())
}

/// What is made below a directory that was empty: taken back, unless it is kept.
pub(super) struct Undo {
    layout: Layout,
    is_new: bool,
    is_kept: bool,
}

impl Undo {
    /// Before anything is made there.
    pub(super) fn of(layout: &Layout) -> Self {
        Self {
            layout: layout.clone(),
            is_new: layout.root().symlink_metadata().is_err(),
            is_kept: false,
        }
    }

    /// Nothing is taken back, and nothing more is made.
    pub(super) fn kept(mut self) {
        self.keep();
    }

    /// Nothing is taken back.
    pub(super) const fn keep(&mut self) {
        self.is_kept = true;
    }
}

impl Drop for Undo {
    fn drop(&mut self) {
        if self.is_kept {
            return;
        }
        let layout = &self.layout;
        // What stays is named by the next attempt.
        for file in [layout.config(), layout.root().join(WHICH)] {
            drop(fs::remove_file(file));
        }
        for folder in [layout.certs(), layout.data()] {
            drop(fs::remove_dir_all(folder));
        }
        if self.is_new {
            drop(fs::remove_dir(layout.root()));
        }
    }
}

/// A file as it lies there, which may be a secret.
///
/// # Errors
/// It cannot be read.
pub(super) fn content(path: &Path) -> anyhow::Result<Secret> {
    let read = fs::read(path).with_context(|| format!("cannot read {}", path.display()));
    Ok(Secret::new(read?))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    fn prepared(settings: &str) -> Prepared {
        let secret = |text: &str| Secret::new(text.as_bytes().to_vec());
        Prepared {
            which: Which {
                name: "kms2".to_owned(),
                prepared_by: 1,
            },
            settings: settings.to_owned(),
            authorities: "ca".to_owned(),
            server: ("certificate".to_owned(), secret("key")),
            password: Some(secret("password")),
            ca: Some("store ca".to_owned()),
            master_key: Some(secret("master")),
        }
    }

    const SETTINGS: &str = "version = \"v1\"\n[store]\nurl = \"postgres://k@db/k\"\nnode = 2\n\
        password-file = \"data/store.password\"\nca-file = \"certs/store-ca.pem\"\n";

    #[test]
    fn what_was_prepared_reads_back_and_is_private() {
        let directory = tempfile::tempdir().unwrap();
        let layout = Layout::new(directory.path().join("kms2"));
        layout.make_directories().unwrap();
        prepared(SETTINGS).write_with_which(&layout).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!(mode(layout.root()), 0o700);
        for private in [
            layout.config(),
            layout.server_key(),
            layout.master_key(),
            layout.root().join(PASSWORD),
        ] {
            assert_eq!(mode(&private), 0o600, "{}", private.display());
        }
        let (read, settings) = Prepared::read(&layout).unwrap();
        assert_eq!(read.which, prepared(SETTINGS).which);
        assert_eq!(settings.store.node, Some(2));
        assert_eq!(read.password.unwrap().expose(), b"password");
        assert_eq!(read.ca.unwrap(), "store ca");
        assert_eq!(read.master_key.unwrap().expose(), b"master");
        fs::remove_file(layout.master_key()).unwrap();
        let error = Prepared::read(&layout).err().unwrap().to_string();
        assert!(error.contains("copy data/master.key"), "{error}");
        fs::remove_file(layout.root().join(WHICH)).unwrap();
        let error = Prepared::read(&layout).err().unwrap().to_string();
        assert!(error.contains("keyledger node prepare"), "{error}");
    }

    #[test]
    fn settings_without_a_shared_database_are_refused() {
        let directory = tempfile::tempdir().unwrap();
        let layout = Layout::new(directory.path());
        layout.make_directories().unwrap();
        let alone = prepared("version = \"v1\"\n");
        alone.write_with_which(&layout).unwrap();
        let error = Prepared::read(&layout).err().unwrap().to_string();
        assert!(error.contains("store.url"), "{error}");
    }

    #[test]
    fn what_is_not_kept_is_taken_back() {
        let directory = tempfile::tempdir().unwrap();
        let layout = Layout::new(directory.path().join("a"));
        for keeps in [false, true] {
            check_empty(layout.root(), "").unwrap();
            let mut undo = Undo::of(&layout);
            layout.make_directories().unwrap();
            prepared(SETTINGS).write_with_which(&layout).unwrap();
            if keeps {
                undo.keep();
            }
            drop(undo);
            assert_eq!(layout.root().exists(), keeps);
        }
        let error = check_empty(layout.root(), "advice")
            .unwrap_err()
            .to_string();
        assert!(error.ends_with("advice"), "{error}");
    }
}
