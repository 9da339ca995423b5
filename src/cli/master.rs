//! The master key of a directory: made, or opened and compared with the database before anything of it is changed.
//!
//! A passphrase comes from the file that a flag, the environment or the settings name, in this order, or is typed at the terminal.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::bail;

use super::database;
use super::secret::{self, Typed};
use crate::admin::Custodian;
use crate::config::Settings;
use crate::crypto::{Secret, SecretText, SystemRandom};
use crate::providers::{Custody, KeyPlace, MasterKey, Provider, ProviderError};
use crate::store::{Inspection, Store};

const WHAT: &str = "passphrase of the master key";

/// Where the passphrase of the master key is.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct PassphraseArgs {
    /// A file with the passphrase of the master key in one line, which only its owner may read
    #[arg(long, env = "KEYLEDGER_PASSPHRASE_FILE", value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
    #[command(flatten)]
    pub(super) pin: PinArgs,
}

/// Where the PIN of the master key's token is.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct PinArgs {
    /// A file with the PIN of the master key's token in one line, which only its owner may read; - is standard input, or typed at a terminal
    #[arg(long, env = "KEYLEDGER_PIN_FILE", value_name = "FILE")]
    pub pin_file: Option<PathBuf>,
}

/// Where the master key is kept.
#[must_use]
pub fn place(settings: &Settings) -> KeyPlace {
    place_at(settings, settings.layout.master_key())
}

/// As [`place`], with the master key in this file.
#[must_use]
pub fn place_at(settings: &Settings, path: PathBuf) -> KeyPlace {
    let of = &settings.master_key;
    KeyPlace::new(path, of.provider, of.providers.clone())
}

/// Opens the master key in use, whichever provider its file says it is of.
///
/// # Errors
/// It is missing or damaged, or its passphrase is wrong or cannot be had.
pub fn open(settings: &Settings, args: &PassphraseArgs) -> anyhow::Result<Custodian> {
    open_at(settings, place(settings), args)
}

/// As [`open`], of this place.
///
/// # Errors
/// Those of [`open`].
pub fn open_at(
    settings: &Settings,
    place: KeyPlace,
    args: &PassphraseArgs,
) -> anyhow::Result<Custodian> {
    let provider = place.provider()?;
    let secret = secret(settings, provider, args, Typed::Once)?;
    let key = match pin_file(settings, &args.pin) {
        Some(_) => place.open(secret.as_ref())?,
        None => place.clone().attended().open(secret.as_ref())?,
    };
    Ok(Custodian {
        custody: Arc::new(Custody::new(key, None)),
        place,
    })
}

/// Whether a server starts without its passphrase: by the flag, or by the settings where no file with the passphrase is given.
///
/// # Errors
/// The flag asks for it, and the master key is none that can be unlocked later.
pub fn starts_locked(
    settings: &Settings,
    is_asked: bool,
    args: &PassphraseArgs,
) -> anyhow::Result<bool> {
    let is_set = settings.master_key.start_locked && args.passphrase_file.is_none();
    if !is_asked && !is_set {
        return Ok(false);
    }
    let provider = place(settings).provider()?;
    if provider != Provider::Passphrase && !is_asked {
        // It was replaced, and the settings do not say so yet: that must not keep a site from starting at night.
        tracing::warn!(
            "start-locked is set, and no passphrase opens the master key in use: the server starts unlocked."
        );
        return Ok(false);
    }
    if provider != Provider::Passphrase {
        bail!(
            "a server starts locked only where a passphrase opens its master key, and this one's is of provider `{}`; leave out --locked, or run `keyledger master-key rotate --to passphrase` first",
            provider.name()
        );
    }
    Ok(true)
}

/// The master key of a server that starts locked, by what its database says of it.
///
/// # Errors
/// The database must not be opened before both are compared: it is of an older release, or was not set up to the end.
pub fn locked(settings: &Settings, found: &Inspection) -> anyhow::Result<Custodian> {
    if found.is_older() || found.data_keys.is_empty() {
        bail!(
            "the database is of an older release, or was not set up to the end: start the server once with --passphrase-file FILE, which brings it up to date (nothing was changed)"
        );
    }
    let custody = Custody::locked(found.master_key_check);
    Ok(Custodian {
        custody: Arc::new(custody),
        place: place(settings),
    })
}

/// Finishes a change of the master key that was cut off. The caller holds the directory's lock.
///
/// # Errors
/// The database cannot be read, or a file not be put in its place.
pub fn settle(settings: &Settings) -> anyhow::Result<()> {
    let place = place(settings);
    if !place.is_unsettled()? {
        return Ok(());
    }
    let found = Store::inspect_to_open(&settings.layout.database(), &settings.store)?;
    if place.settle(found.master_key_check)? {
        tracing::warn!(
            "A change of the master key was cut off; it is finished, and the new master key is in use."
        );
    } else {
        tracing::warn!(
            "A change of the master key was cut off before it took effect; the master key is the old one."
        );
    }
    Ok(())
}

/// The settings name the provider of the master key in use, or it is said that they do not.
///
/// # Errors
/// It is another one.
pub fn check_provider(settings: &Settings) -> Result<(), ProviderError> {
    let place = place(settings);
    let provider = place.provider()?;
    if provider == settings.master_key.provider {
        return Ok(());
    }
    Err(ProviderError::OtherProvider {
        path: place.path().to_owned(),
        provider: provider.name(),
    })
}

/// Makes the master key, or opens the one that an interrupted run has left.
///
/// # Errors
/// It cannot be made or opened, or its passphrase cannot be had.
pub fn create(settings: &Settings, args: &PassphraseArgs) -> anyhow::Result<Custodian> {
    let place = place(settings);
    if place.is_taken() {
        check_provider(settings)?;
        return open(settings, args);
    }
    let provider = settings.master_key.provider;
    let secret = secret(settings, provider, args, Typed::Twice)?;
    let key = place.create(provider, secret.as_ref(), &SystemRandom)?;
    Ok(Custodian {
        custody: Arc::new(Custody::new(key, None)),
        place,
    })
}

/// What the provider asks for.
fn secret(
    settings: &Settings,
    provider: Provider,
    args: &PassphraseArgs,
    typed: Typed,
) -> anyhow::Result<Option<Secret>> {
    match provider {
        Provider::File | Provider::Command => Ok(None),
        Provider::Pkcs11 => pin(settings, &args.pin).map(Some),
        Provider::Passphrase => {
            let set = settings.master_key.passphrase_file.as_deref();
            passphrase(args, set, typed).map(Some)
        }
    }
}

/// The PIN of the token.
///
/// # Errors
/// It cannot be had.
pub fn pin(settings: &Settings, args: &PinArgs) -> anyhow::Result<Secret> {
    const WHAT: &str = "PIN of the master key's token";
    let is_asked_for = args.pin_file.as_deref() == Some(Path::new("-"));
    match pin_file(settings, args) {
        Some(file) => secret::from_file(file, WHAT),
        None if is_asked_for || std::io::stdin().is_terminal() => {
            secret::from_standard_input(WHAT, "PIN of the master key's token: ", Typed::Once)
        }
        None => bail!(
            "the token of the master key needs its PIN: give --pin-file FILE or KEYLEDGER_PIN_FILE, set \
             pin-file under [master-key.pkcs11], or run this at a terminal"
        ),
    }
}

/// The file that the PIN is read from; none where somebody gives it.
fn pin_file<'a>(settings: &'a Settings, args: &'a PinArgs) -> Option<&'a Path> {
    let set = Path::new(&settings.master_key.providers.pkcs11.pin_file);
    let file = args.pin_file.as_deref().unwrap_or(set);
    Some(file).filter(|file| !file.as_os_str().is_empty() && *file != Path::new("-"))
}

/// The text as a secret.
#[must_use]
pub fn bytes_of(text: &SecretText) -> Secret {
    Secret::new(text.expose().as_bytes().to_vec())
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
pub fn inspect(settings: &Settings, master: &dyn MasterKey) -> anyhow::Result<Inspection> {
    let found = Store::inspect(&settings.layout.database(), &settings.store)?;
    compared(settings, master, found)
}

/// As [`inspect`], before the database is opened: on a full disk it may draw on the reserve.
///
/// # Errors
/// Those of [`inspect`].
pub fn inspect_to_open(settings: &Settings, master: &dyn MasterKey) -> anyhow::Result<Inspection> {
    let found = Store::inspect_to_open(&settings.layout.database(), &settings.store)?;
    compared(settings, master, found)
}

fn compared(
    settings: &Settings,
    master: &dyn MasterKey,
    found: Inspection,
) -> anyhow::Result<Inspection> {
    if master.check_value() != found.master_key_check {
        bail!(
            "{} is not the master key of the database {}; put the right one back from its backup \
             (nothing was changed)",
            settings.layout.master_key().display(),
            database::name(settings)
        );
    }
    Ok(found)
}
