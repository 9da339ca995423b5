//! `keyledger restore`: a backup into an empty directory, or a look whether it could be.
//!
//! What is restored is looked at as a whole before anything of it may be served: the database, its trail, its keys where the master key is
//! there. Then a new epoch of the trail begins, and what was taken away after the backup is taken away again. The database gets its name last.

mod later;
mod look;
mod place;
mod said;
mod settings;

use std::path::{Path, PathBuf};

use super::backup::key;
use super::master::PassphraseArgs;
use super::master_key;
use super::report::{Report, remark};
use super::stop::{end_soon, signals};
use crate::admin::message::BegunEpoch;
use crate::admin::peer;
use crate::admin::restored::{Postponed, Restored, Taken};
use crate::config::Layout;
use crate::config::layout::write_private;
use crate::crypto::{Random as _, SystemRandom};
use look::Looked;
use place::Place;

/// What is restored, and what is known of the time after it.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The backup
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The file with the private half of the backup's key
    #[arg(
        long,
        value_name = "FILE",
        required_unless_present = "shares",
        conflicts_with = "shares"
    )]
    key: Option<PathBuf>,
    /// A file with one share of the recovery key, for a backup that is sealed to it; may be repeated
    #[arg(long = "share", value_name = "FILE")]
    shares: Vec<PathBuf>,
    /// Only look whether it can be restored: in a temporary directory that is removed again
    #[arg(long, conflicts_with = "trail")]
    verify: bool,
    /// The file of the master key, which goes into the directory; with --verify it is opened where it lies
    #[arg(long, value_name = "FILE")]
    master_key: Option<PathBuf>,
    /// Your own keyledger.toml in the place of the backup's. What the backup's names to open a master key, a program or a module, is never run
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
    #[command(flatten)]
    passphrase: PassphraseArgs,
    /// A later export of the trail, or what a `file` target received of every event: what it says was destroyed, revoked or removed after the
    /// backup is so again. May be repeated, in the order it was written
    #[arg(long, value_name = "FILE")]
    trail: Vec<PathBuf>,
    /// A checkpoint that was kept elsewhere; a later one tells how many events are missing. May be repeated
    #[arg(long = "checkpoint", value_name = "FILE")]
    checkpoints: Vec<PathBuf>,
    /// The verifier key of the trail, as it was noted elsewhere (default: the backup's own)
    #[arg(long, value_name = "KEY")]
    public_key: Option<String>,
    /// Keep the API keys and administrators of the backup, although no later trail tells which of them were removed since
    #[arg(long, conflicts_with = "verify")]
    keep_administrators: bool,
    /// Restore it although its trail is not what was sealed
    #[arg(long, conflicts_with = "verify")]
    despite_trail: bool,
}

/// What became of it.
struct Done {
    begun: BegunEpoch,
    /// What was taken away again.
    again: Vec<Taken>,
    /// Destructions whose window begins anew.
    postponed: Vec<Postponed>,
    /// API keys and administrators that were removed, because it is not known whether they were before.
    removed: Vec<String>,
}

/// Restores a backup, or looks at it.
///
/// # Errors
/// It does not open, is not whole or not what was sealed ([`crate::audit::Break`]), or the directory is not empty; nothing is left then.
pub async fn run(layout: &Layout, args: Args, report: &Report) -> anyhow::Result<()> {
    let key = match &args.key {
        Some(file) => key::read(file)?,
        None => master_key::combined(&args.shares)?,
    };
    let place = if args.verify {
        let path = scratch()?;
        remark(&format!(
            "The backup is unpacked below {}, which is removed at the end.",
            path.display()
        ));
        remove_when_told_to_stop(path.clone())?;
        Place::scratch(path)?
    } else {
        Place::of_server(layout)?
    };
    let list = place.unpack(&args.file, &key)?;
    let recipient = hex::encode(key.recipient().id());
    drop(key);
    let looked = look::look(&place, list, &args).await?;
    if args.verify {
        looked.close().await;
        drop(place);
        if let Err(broken) = &looked.trail {
            return Err(broken.clone().into());
        }
        return Ok(said::verified(&looked, &recipient, report)?);
    }
    let done = complete(&place, &looked, &recipient, &args).await;
    looked.close().await;
    let done = done?;
    place.complete()?;
    said::restored(&looked, &done, &recipient, report)?;
    said::owner(layout);
    Ok(())
}

/// Makes of a database that was looked at one that may be served.
async fn complete(
    place: &Place,
    looked: &Looked,
    recipient: &str,
    args: &Args,
) -> anyhow::Result<Done> {
    if let Err(broken) = &looked.trail
        && !args.despite_trail
    {
        let advice = "the trail of the backup is not what was sealed; --despite-trail restores it all the same";
        return Err(anyhow::Error::from(broken.clone()).context(advice));
    }
    let later = looked.later.as_ref();
    if let Some(note) = later.and_then(|later| later.checkpoint.as_ref()) {
        // What was sealed last is what others kept, not what the backup knows of.
        let path = place.layout().checkpoint();
        drop(std::fs::remove_file(&path));
        write_private(&path, note.as_bytes())?;
    }
    let (admin, user) = (&looked.admin, peer::this_user());
    let restored = Restored {
        created: looked.list.created.clone(),
        recipient: recipient.to_owned(),
        missing: looked.missing,
    };
    let begun = admin.begin_restored(user.clone(), &restored).await?;
    let mut again = Vec::new();
    for taken in later.iter().flat_map(|later| &later.taken) {
        if admin.take_away(&user, taken).await? {
            again.push(taken.clone());
        }
    }
    let removed = match looked.untold() {
        Some(0) => Vec::new(),
        _ if args.keep_administrators => Vec::new(),
        _ => admin.remove_logins(&user).await?,
    };
    let created = &looked.list.created;
    Ok(Done {
        begun,
        again,
        postponed: admin.postpone(&user, &looked.policy, Some(created)).await?,
        removed,
    })
}

/// Has SIGINT and SIGTERM remove what was unpacked before they end the process: there may be a master key in it.
fn remove_when_told_to_stop(path: PathBuf) -> std::io::Result<()> {
    let told = signals()?;
    tokio::spawn(async move {
        let code = match told.await {
            "SIGINT" => 130,
            _ => 143,
        };
        remove(&path);
        // What the settings name may be loaded by now.
        end_soon(code);
        std::process::exit(code.into());
    });
    Ok(())
}

/// Removes a directory that another thread may still be writing into: without it, that ends.
fn remove(path: &Path) {
    const TRIES: usize = 100;
    for _ in 0..TRIES {
        let gone = std::fs::remove_dir_all(path);
        if gone.is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound) {
            return;
        }
    }
    remark(&format!("{} could not be removed: do it.", path.display()));
}

fn scratch() -> anyhow::Result<PathBuf> {
    let mut number = [0; 8];
    SystemRandom.fill(&mut number)?;
    Ok(std::env::temp_dir().join(format!("keyledger-verify-{}", hex::encode(number))))
}
