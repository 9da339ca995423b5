//! The master key of a directory: made, or opened and compared with the database before anything of it is changed.
//!
//! A passphrase comes from the file that a flag, the environment or the settings name, in this order, or is typed at the terminal.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::bail;

use super::secret::{self, Typed};
use crate::config::{Layout, MasterKeySource, Settings};
use crate::crypto::{Cost, Secret, SystemRandom};
use crate::providers::MasterKey;
use crate::providers::file::FileMasterKey;
use crate::providers::passphrase::PassphraseMasterKey;
use crate::store::{Inspection, Store};

const WHAT: &str = "passphrase of the master key";

/// Where the passphrase of the master key is.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct PassphraseArgs {
    /// A file with the passphrase of the master key in one line, which only its owner may read
    #[arg(long, env = "KEYLEDGER_PASSPHRASE_FILE", value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
}

/// Opens the master key.
///
/// # Errors
/// It is missing or damaged, or its passphrase is wrong or cannot be had.
pub fn open(settings: &Settings, args: &PassphraseArgs) -> anyhow::Result<Arc<dyn MasterKey>> {
    let path = settings.layout.master_key();
    Ok(match &settings.master_key {
        MasterKeySource::File => Arc::new(FileMasterKey::open(&path)?),
        MasterKeySource::Passphrase { file } => {
            let passphrase = passphrase(args, file.as_deref(), Typed::Once)?;
            Arc::new(PassphraseMasterKey::open(&path, &passphrase)?)
        }
    })
}

/// Makes the master key, or opens the one that an interrupted run has left.
///
/// # Errors
/// It cannot be made or opened, or its passphrase cannot be had.
pub fn create(settings: &Settings, args: &PassphraseArgs) -> anyhow::Result<Arc<dyn MasterKey>> {
    let path = settings.layout.master_key();
    if path.symlink_metadata().is_ok() {
        return open(settings, args);
    }
    Ok(match &settings.master_key {
        MasterKeySource::File => Arc::new(FileMasterKey::create(&path, &SystemRandom)?),
        MasterKeySource::Passphrase { file } => {
            let passphrase = passphrase(args, file.as_deref(), Typed::Twice)?;
            let cost = Cost::RECOMMENDED;
            let made = PassphraseMasterKey::create(&path, &passphrase, cost, &SystemRandom)?;
            Arc::new(made)
        }
    })
}

fn passphrase(args: &PassphraseArgs, set: Option<&Path>, typed: Typed) -> anyhow::Result<Secret> {
    match args.passphrase_file.as_deref().or(set) {
        Some(file) => secret::from_file(file, WHAT),
        None if std::io::stdin().is_terminal() => {
            secret::from_standard_input(WHAT, "Passphrase of the master key: ", typed)
        }
        None => bail!(
            "the master key needs its passphrase: give --passphrase-file FILE or \
             KEYLEDGER_PASSPHRASE_FILE, set passphrase-file under [master-key], or run this at a \
             terminal"
        ),
    }
}

/// Looks at the database without changing it, and compares its master key.
///
/// # Errors
/// It cannot be read, is of a later release, or was made under another master key.
pub fn inspect(layout: &Layout, master: &dyn MasterKey) -> anyhow::Result<Inspection> {
    compared(layout, master, Store::inspect(&layout.database())?)
}

/// As [`inspect`], before the database is opened: on a full disk it may draw on the reserve.
///
/// # Errors
/// Those of [`inspect`].
pub fn inspect_to_open(settings: &Settings, master: &dyn MasterKey) -> anyhow::Result<Inspection> {
    let layout = &settings.layout;
    let found = Store::inspect_to_open(&layout.database(), &settings.store)?;
    compared(layout, master, found)
}

fn compared(
    layout: &Layout,
    master: &dyn MasterKey,
    found: Inspection,
) -> anyhow::Result<Inspection> {
    if master.check_value() != found.master_key_check {
        bail!(
            "{} is not the master key of the database {}; put the right one back from its backup \
             (nothing was changed)",
            layout.master_key().display(),
            layout.database().display()
        );
    }
    Ok(found)
}
