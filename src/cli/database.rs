//! The database of a directory: the file below it, or the one on a server that its settings name.
//!
//! Of a database on a server nothing lies in the directory that says it was made: the server is asked. Nothing here changes one.

use std::path::PathBuf;

use anyhow::{Context as _, bail};

use super::{WrongUse, reach};
use crate::config::file::quoted;
use crate::config::{Layout, Settings};
use crate::store::{Store, StoreConfig, StoreError};

/// How a database on a server comes to be, in short.
const JOIN: &str = "to add this server to others that use it, run `keyledger node prepare` on one of them and `keyledger node join` here";

/// Where the database is, if not in a file.
#[derive(Debug, Clone, Default, PartialEq, Eq, clap::Args)]
pub(super) struct StoreArgs {
    /// An empty PostgreSQL database that several nodes are to share, as postgres://USER@HOST/DATABASE
    #[arg(long = "store-url", value_name = "URL")]
    url: Option<String>,
    /// The number of this node among them, 1 to 999 (default: 1)
    #[arg(long = "store-node", value_name = "N", requires = "url")]
    node: Option<u32>,
    /// A file with the password of the database's user in one line, which only its owner may read
    #[arg(long = "store-password-file", value_name = "FILE", requires = "url")]
    password_file: Option<PathBuf>,
    /// A file with the CAs, in PEM form, that the database's certificate is checked with (default: those of the system)
    #[arg(long = "store-ca-file", value_name = "FILE", requires = "url")]
    ca_file: Option<PathBuf>,
}

impl StoreArgs {
    /// The same from the flags of another command.
    pub(super) const fn of(
        url: String,
        node: u32,
        password_file: Option<PathBuf>,
        ca_file: Option<PathBuf>,
    ) -> Self {
        Self {
            url: Some(url),
            node: Some(node),
            password_file,
            ca_file,
        }
    }

    /// Puts what is given into the settings, and into what is set in their text. A path is that of this process: it is written as an absolute one.
    pub(super) fn settle(&self, config: &mut StoreConfig, set: &mut Set) -> anyhow::Result<()> {
        if let Some(url) = &self.url {
            config.url = Some(url.clone());
            set.push(("url", quoted(url)));
        }
        if let Some(node) = self.node {
            config.node = Some(node);
            set.push(("node", node.to_string()));
        }
        let files = [
            (
                "password-file",
                &self.password_file,
                &mut config.password_file,
            ),
            ("ca-file", &self.ca_file, &mut config.ca_file),
        ];
        for (key, given, into) in files {
            let Some(path) = given else { continue };
            let path = std::path::absolute(path).with_context(|| format!("--store-{key}"))?;
            let text = path
                .to_str()
                .ok_or_else(|| WrongUse(format!("--store-{key}: its path is no UTF-8")))?;
            set.push((key, quoted(text)));
            *into = Some(path);
        }
        Ok(())
    }
}

/// Keys that are set in the text of the settings, with their values.
pub(super) type Set = Vec<(&'static str, String)>;

/// The database, as people know it.
#[must_use]
pub(super) fn name(settings: &Settings) -> String {
    match &settings.store.url {
        Some(url) => url.clone(),
        None => settings.layout.database().display().to_string(),
    }
}

/// Refuses a directory without a database: there is no file, and its settings name no server. `advice` is what to do then.
///
/// # Errors
/// It is one, or its settings cannot be read.
pub(super) fn require(layout: &Layout, advice: &str) -> anyhow::Result<()> {
    // Without its other files it was never set up, whatever its settings name.
    let is_set_up = layout.data().exists() && layout.config().exists();
    if layout.database().exists() || is_set_up && reach::settings(layout)?.store.url.is_some() {
        return Ok(());
    }
    bail!(
        "there is no keyledger database in {}; {advice}",
        layout.data().display()
    )
}

/// Refuses to make a database on a server where there is one, or that cannot be reached: before anything is made.
///
/// # Errors
/// It is one, or the server cannot be reached.
pub(super) fn refuse_present(settings: &Settings) -> anyhow::Result<()> {
    if !is_on_server(settings)? {
        return Ok(());
    }
    let (url, root) = (name(settings), settings.layout.root().display());
    bail!(
        "{url} is a keyledger database already and is not touched; if it was made from this directory, run `keyledger serve --dir {root}`; {JOIN}"
    )
}

/// Whether the server that the settings name has the database, so that this node uses it. What is wrong with it otherwise, who makes it is told.
///
/// # Errors
/// The server cannot be reached.
pub(super) fn is_on_server(settings: &Settings) -> Result<bool, StoreError> {
    if settings.store.url.is_none() {
        return Ok(false);
    }
    match Store::inspect(&settings.layout.database(), &settings.store) {
        // One of a later release is there, too.
        Ok(_) | Err(StoreError::Newer { .. }) => Ok(true),
        Err(error @ (StoreError::Unreachable(_) | StoreError::Lost(_) | StoreError::Again(_))) => {
            Err(error)
        }
        Err(_) => Ok(false),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::super::Cli;
    use super::*;
    use crate::config::file::{Config, example_with};
    use crate::config::settings::parse;

    #[test]
    fn flags_of_a_database_on_a_server_are_written_into_the_settings() {
        let args = StoreArgs {
            url: Some("postgres://k@db/k".to_owned()),
            node: Some(2),
            password_file: Some("pw".into()),
            ca_file: Some("/etc/ca.pem".into()),
        };
        let (mut config, mut set) = (Config::default(), Set::new());
        args.settle(&mut config.store, &mut set).unwrap();
        assert_eq!(parse(&example_with(&set)).unwrap(), config);
        // What is given to this process is not below the directory of the server.
        let file = config.store.password_file.unwrap();
        assert_eq!(file, std::env::current_dir().unwrap().join("pw"));
        let (mut config, mut set) = (Config::default(), Set::new());
        let none = StoreArgs::default();
        none.settle(&mut config.store, &mut set).unwrap();
        assert!(set.is_empty() && config == Config::default());
    }

    #[test]
    fn flags_of_a_database_on_a_server_need_its_url() {
        for flag in ["--store-node", "--store-password-file", "--store-ca-file"] {
            let line = ["keyledger", "init", flag, "1"];
            let error = Cli::try_parse_from(line).unwrap_err();
            assert_eq!(error.exit_code(), 2);
            assert!(error.to_string().contains("--store-url"), "{error}");
        }
        let line = [
            "keyledger",
            "init",
            "--store-url",
            "postgres://k@db/k",
            "--store-node",
            "1",
        ];
        Cli::try_parse_from(line).unwrap();
    }

    #[test]
    fn a_directory_is_set_up_by_its_file_or_by_its_settings_and_the_rest() {
        let directory = tempfile::tempdir().unwrap();
        let layout = Layout::new(directory.path());
        let settings = "version = \"v1\"\n[store]\nurl = \"postgres://k@127.0.0.1/k\"\n";
        std::fs::write(layout.config(), settings).unwrap();
        let error = require(&layout, "do this").unwrap_err().to_string();
        assert!(error.ends_with("; do this"), "{error}");
        layout.make_directories().unwrap();
        require(&layout, "do this").unwrap();
        assert_eq!(
            name(&reach::settings(&layout).unwrap()),
            "postgres://k@127.0.0.1/k"
        );
        std::fs::write(layout.config(), "version = \"v1\"\n").unwrap();
        require(&layout, "do this").unwrap_err();
    }
}
