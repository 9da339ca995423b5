//! `keyledger master-key`: what the master key is, another in its place, and shares that bring it back when it is lost.
//!
//! The private half of a recovery key is drawn and split here, in the process of whoever asks, and combined here: it crosses no socket. So
//! shares are used where no server runs.

use std::fs;
use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Context as _, bail};
use clap::Subcommand;
use zeroize::Zeroizing;

use super::master::{self, PassphraseArgs, PinArgs};
use super::reach::{self, Reach};
use super::report::{Report, fields, line, remark};
use super::secret::Typed;
use super::{WrongUse, secret};
use crate::admin::message::{MasterKey, MasterKeyRequest, NewRecovery, Rotation};
use crate::admin::{Request, Response};
use crate::config::layout::write_private;
use crate::config::{Layout, Settings};
use crate::crypto::shares::SHARES_MAX;
use crate::crypto::{RecipientKey, SecretText, Share, ShareError, SystemRandom, combine, split};
use crate::providers::Provider;

/// What to do with the master key.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show which master key is in use, since when, and who can recover it
    Show,
    /// Put a new master key in the place of the one in use, while the server runs; the way to another passphrase or provider
    Rotate(RotateArgs),
    /// Share out a recovery key: so many people together can put a new master key in the place of a lost one
    Recovery(RecoveryArgs),
    /// Put a new master key in the place of a lost one, with recovery shares, while no server runs
    Recover(RecoverArgs),
}

/// The secret of a new master key.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct NewKeyArgs {
    /// Where the new master key comes from; default: from where the one in use does, or as keyledger.toml says when that is lost
    #[arg(long, value_enum, value_name = "PROVIDER")]
    to: Option<super::init::Provider>,
    /// A file with the passphrase of the new master key in one line, which only its owner may read; typed twice otherwise
    #[arg(long, value_name = "FILE")]
    new_passphrase_file: Option<PathBuf>,
}

/// A new master key.
#[derive(Debug, clap::Args)]
pub struct RotateArgs {
    #[command(flatten)]
    new: NewKeyArgs,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

/// A recovery key.
#[derive(Debug, clap::Args)]
pub struct RecoveryArgs {
    #[command(flatten)]
    shares: SharesArgs,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

/// How a recovery key is shared out.
#[derive(Debug, Clone, clap::Args)]
pub struct SharesArgs {
    /// How many shares are needed of how many, such as 2/3
    #[arg(value_name = "NEEDED/SHARES")]
    pub(super) numbers: Numbers,
    /// An empty or new directory for the shares, one file each; otherwise they are printed once
    #[arg(long, value_name = "DIR")]
    pub(super) into: Option<PathBuf>,
}

/// Shares that were brought together.
#[derive(Debug, clap::Args)]
pub struct RecoverArgs {
    /// A file with one share; may be repeated. Shares that are missing are typed
    #[arg(long = "share", value_name = "FILE")]
    shares: Vec<PathBuf>,
    #[command(flatten)]
    new: NewKeyArgs,
    #[command(flatten)]
    pin: PinArgs,
}

/// So many shares are needed, of so many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Numbers {
    threshold: u8,
    shares: u8,
}

impl FromStr for Numbers {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers = text.split_once('/');
        let numbers =
            numbers.and_then(|(one, other)| Some((one.parse().ok()?, other.parse().ok()?)));
        let (threshold, shares) =
            numbers.ok_or_else(|| "write two numbers with a slash, such as 2/3".to_owned())?;
        if threshold < 2 || shares < threshold || shares > SHARES_MAX {
            return Err(ShareError::Numbers { threshold, shares }.to_string());
        }
        Ok(Self { threshold, shares })
    }
}

/// Carries out a command.
///
/// # Errors
/// The router refused it or cannot be reached, or a secret or share cannot be had.
pub async fn run(layout: &Layout, command: Command, report: &Report) -> anyhow::Result<()> {
    match command {
        Command::Show => {
            let mut reach = Reach::open(layout).await?;
            let shown = ask(&mut reach, MasterKeyRequest::Show).await;
            reach.close().await;
            print(&shown?, report)
        }
        Command::Rotate(args) => rotate(layout, args, report).await,
        Command::Recovery(args) => recovery(layout, args, report).await,
        Command::Recover(args) => recover(layout, args, report).await,
    }
}

async fn ask(reach: &mut Reach, request: MasterKeyRequest) -> anyhow::Result<MasterKey> {
    match reach.run(Request::MasterKey(request)).await? {
        Response::MasterKey(shown) => Ok(*shown),
        other => Err(reach::unexpected(&other)),
    }
}

fn print(shown: &MasterKey, report: &Report) -> anyhow::Result<()> {
    report.record(shown, || {
        let recovery = shown.recovery.as_ref().map(|recovery| {
            let (threshold, shares) = (recovery.threshold, recovery.shares);
            format!(
                "{threshold} of {shares} shares of key {}, since {}",
                recovery.key, recovery.since
            )
        });
        fields(&[
            ("provider", shown.provider.clone()),
            ("check value", Some(shown.check_value.clone())),
            ("since", Some(shown.since.clone())),
            ("wraps", Some(format!("{} keys and secrets", shown.wraps))),
            (
                "recovery",
                Some(
                    recovery
                        .unwrap_or_else(|| "none: a lost master key loses every key".to_owned()),
                ),
            ),
            ("retired", shown.retired.clone()),
        ])
    })?;
    Ok(())
}

async fn rotate(layout: &Layout, args: RotateArgs, report: &Report) -> anyhow::Result<()> {
    let settings = reach::settings(layout)?;
    let provider = match args.new.to {
        Some(provider) => provider.provider(),
        None => in_use(layout, &settings).await?,
    };
    let secret = new_secret(provider, &args.new, &settings, &args.passphrase.pin)?;
    let mut reach = Reach::open_with_master_key(layout, &args.passphrase).await?;
    let rotation = Rotation {
        provider: Some(provider.name().to_owned()),
        secret,
    };
    let done = ask(&mut reach, MasterKeyRequest::Rotate(rotation)).await;
    reach.close().await;
    print(&done?, report)?;
    say_what_is_left(provider, &settings);
    Ok(())
}

/// The provider of the master key in use. A change that was cut off is settled before: until then the file may be that of the key before.
async fn in_use(layout: &Layout, settings: &Settings) -> anyhow::Result<Provider> {
    let mut reach = Reach::open_to_look(layout).await?;
    let shown = ask(&mut reach, MasterKeyRequest::Show).await;
    reach.close().await;
    match shown?.provider {
        Some(name) => {
            let provider = Provider::from_name(&name);
            provider.with_context(|| format!("the server's master key is of provider `{name}`, which this release does not know; name one with --to"))
        }
        None => Ok(master::place(settings).provider()?),
    }
}

/// What the settings must say before the next start.
fn say_what_is_left(provider: Provider, settings: &Settings) {
    let name = provider.name();
    if provider != settings.master_key.provider {
        remark(&format!(
            "Write provider = \"{name}\" under [master-key] in keyledger.toml."
        ));
    }
    if let (Provider::Passphrase, Some(file)) = (provider, &settings.master_key.passphrase_file) {
        let file = file.display();
        remark(&format!(
            "Write the new passphrase into {file} before the next start."
        ));
    }
    remark(
        "The old master key opens copies of the database from before, and nothing else: keep it as long as you keep those.",
    );
}

/// What the provider of a new key asks for.
fn new_secret(
    provider: Provider,
    args: &NewKeyArgs,
    settings: &Settings,
    pin: &PinArgs,
) -> anyhow::Result<Option<SecretText>> {
    const WHAT: &str = "passphrase of the new master key";
    if args.new_passphrase_file.is_some() && provider != Provider::Passphrase {
        let name = provider.name();
        let text = format!("--new-passphrase-file: provider `{name}` takes no passphrase");
        return Err(WrongUse(text).into());
    }
    let secret = match (provider, &args.new_passphrase_file) {
        (Provider::File | Provider::Command, _) => return Ok(None),
        (Provider::Pkcs11, _) => master::pin(settings, pin)?,
        (Provider::Passphrase, Some(file)) => secret::from_file(file, WHAT)?,
        (Provider::Passphrase, None) => {
            secret::from_standard_input(WHAT, "New passphrase: ", Typed::Twice)?
        }
    };
    let text = str::from_utf8(secret.expose()).context("what was given is no text")?;
    Ok(Some(SecretText::new(text.to_owned())))
}

async fn recovery(layout: &Layout, args: RecoveryArgs, report: &Report) -> anyhow::Result<()> {
    let mut reach = Reach::open_with_master_key(layout, &args.passphrase).await?;
    let done = share_out(&mut reach, &args.shares).await;
    reach.close().await;
    print(&done?, report)
}

/// Draws a recovery key, hands out its shares, then has everything sealed to it. Where that fails it is said what the shares are worth, if it is known.
///
/// # Errors
/// The numbers make no sense, the shares cannot be written, or the router refuses.
pub async fn share_out(reach: &mut Reach, args: &SharesArgs) -> anyhow::Result<MasterKey> {
    let Numbers { threshold, shares } = args.numbers;
    let key = RecipientKey::draw(&SystemRandom)?;
    let (id, recipient) = (key.recipient().id(), key.recipient());
    let made = split(key.secret(), id, (threshold, shares), &SystemRandom)?;
    drop(key);
    hand_out(&made, args).context("the shares were not written; nothing was changed")?;
    let new = NewRecovery {
        public_key: hex::encode(recipient.as_bytes()),
        threshold,
        shares,
    };
    let done = ask(reach, MasterKeyRequest::Recovery(new)).await;
    done.map_err(|error| {
        let said = what_shares_are_worth(&error, &hex::encode(id));
        error.context(said)
    })
}

/// What is said of shares that were handed out where no answer says that they count.
fn what_shares_are_worth(error: &anyhow::Error, id: &str) -> String {
    if reach::changed_nothing(error) {
        return "no recovery key was set, and these shares are worth nothing: destroy them"
            .to_owned();
    }
    format!(
        "it is not known whether the shares of recovery key {id} count now: keep them and those from before, \
         until `keyledger master-key show` names the one that does"
    )
}

fn hand_out(shares: &[Share], args: &SharesArgs) -> anyhow::Result<()> {
    let page = |share: &Share| {
        let (index, count, needed) = (share.index(), shares.len(), share.threshold());
        let id = hex::encode(share.key());
        Zeroizing::new(format!(
            "Keyledger recovery key {id}: share {index} of {count}, of which {needed} are needed.\n\
             Keep it apart from the other shares and from the server.\n\n{}\n",
            *share.text()
        ))
    };
    let Some(folder) = &args.into else {
        for share in shares {
            line(&page(share))?;
        }
        return Ok(());
    };
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    if fs::read_dir(folder)?.next().is_some() {
        bail!("{} is not empty; name a new directory", folder.display());
    }
    for share in shares {
        let path = folder.join(format!("share-{}.txt", share.index()));
        write_private(&path, page(share).as_bytes())?;
    }
    Ok(())
}

async fn recover(layout: &Layout, args: RecoverArgs, report: &Report) -> anyhow::Result<()> {
    let settings = reach::settings(layout)?;
    let key = combined(&args.shares)?;
    let provider = args.new.to.map(super::init::Provider::provider);
    let provider = provider.unwrap_or(settings.master_key.provider);
    let secret = new_secret(provider, &args.new, &settings, &args.pin)?;
    let secret = secret.map(|text| master::bytes_of(&text));
    let mut reach = Reach::open_alone(layout).await?;
    let place = master::place(&settings);
    let done = reach.recover(key, &place, (provider, secret)).await;
    reach.close().await;
    print(&done?, report)?;
    say_what_is_left(provider, &settings);
    Ok(())
}

/// The recovery key, from shares in files; where none is given they are typed.
///
/// # Errors
/// A share cannot be read, or they do not fit together.
pub fn combined(files: &[PathBuf]) -> anyhow::Result<RecipientKey> {
    let mut shares = Vec::new();
    for file in files {
        let text = secret::text_from(file, "share")?;
        let share = share_in(&text);
        shares.push(share.with_context(|| format!("{}", file.display()))?);
    }
    if files.is_empty() {
        loop {
            let typed = secret::from_standard_input("share", "Share: ", Typed::Once)?;
            let text = str::from_utf8(typed.expose()).context("the share is no text")?;
            shares.push(share_in(text)?);
            let needed = shares.first().map_or(0, Share::threshold);
            if shares.len() >= usize::from(needed) {
                break;
            }
        }
    }
    Ok(RecipientKey::from_secret(combine(&shares)?)?)
}

/// The share in a text that may say more.
fn share_in(text: &str) -> Result<Share, ShareError> {
    let line = text
        .lines()
        .find(|line| line.trim().starts_with("keyledger-share"));
    line.unwrap_or(text).parse()
}
