//! `keyledger node join`: the directory of a node that was prepared, and the beginning of its trail in the database that others use.
//!
//! The master key is compared with the database before the trail begins. Until then all that was made here is taken back where something is
//! wrong; from then on it is a node like any other, whatever fails.

use std::path::PathBuf;

use anyhow::{Context as _, bail};

use super::super::master::{self, PassphraseArgs};
use super::super::report::{Report, fields};
use super::super::{confine, database, own, reach};
use super::prepared::{self, Prepared, Undo, Which};
use crate::admin::lock::{DirectoryLock, LockError};
use crate::admin::nodes::{self, Joined};
use crate::admin::peer;
use crate::config::{Layout, Overrides, Settings};
use crate::crypto::SystemRandom;
use crate::domain::{Clock as _, SystemClock};
use crate::providers::MasterKey;
use crate::store::{InitMeta, Store, StoreConfig, StoreError};

/// What was prepared.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The directory that `keyledger node prepare` wrote
    #[arg(long, value_name = "DIR")]
    from: PathBuf,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

/// Has the node join.
///
/// # Errors
/// The directory is not empty, what was prepared is not whole, or the database cannot be used; nothing is left then.
pub(super) async fn run(layout: &Layout, args: &Args, report: &Report) -> anyhow::Result<()> {
    confine::refuse_missed(layout)?;
    prepared::check_empty(layout.root(), ADVICE)?;
    let (prepared, _) = Prepared::read(&Layout::new(args.from.clone()))?;
    let (_lock, mut undo) = take(layout)?;
    prepared.write(layout)?;
    let settings = Settings::load(layout, &Overrides::default())?;
    // What cannot be served with is found now and not at the first start.
    own::pair(layout)?;
    own::authorities(layout)?;
    let master = master::open(&settings, &args.passphrase)?.custody;
    compare(&settings, &prepared.which, &*master)?;
    let store = match begin(&settings, &prepared.which, &*master) {
        Ok(store) => store,
        Err(error) => return Err(explained(&settings, error, &mut undo)),
    };
    undo.keep();
    let done = first_steps(&settings, &store, &prepared.which, &*master).await;
    store.close().await;
    done.with_context(|| has_joined(&settings))?;
    say(&settings, &prepared.which, args, report)
}

const ADVICE: &str = "name an empty directory for the node with --dir";

/// Makes the directories and takes the lock on them, unless somebody else was faster: then it is theirs.
fn take(layout: &Layout) -> anyhow::Result<(DirectoryLock, Undo)> {
    let undo = Undo::of(layout);
    let taken = layout.make_directories().map_err(anyhow::Error::from);
    let taken = taken.and_then(|()| Ok(DirectoryLock::acquire(&layout.lock())?));
    match taken {
        Ok(lock) if !layout.config().exists() => Ok((lock, undo)),
        Ok(_) => {
            undo.kept();
            bail!("{} is not empty; {ADVICE}", layout.root().display())
        }
        Err(error) if error.is::<LockError>() => {
            undo.kept();
            Err(error)
        }
        Err(error) => Err(error),
    }
}

/// What is said where the trail did not begin, or may have.
fn explained(settings: &Settings, error: StoreError, undo: &mut Undo) -> anyhow::Error {
    let is_lost = matches!(error, StoreError::Lost(_));
    let error = anyhow::Error::from(error);
    match has_trail(settings) {
        Some(true) => {
            undo.keep();
            error.context(has_joined(settings))
        }
        None if is_lost => {
            undo.keep();
            let root = settings.layout.root().display();
            error.context(format!(
                "it is not known whether the node has joined; `keyledger serve --dir {root}` tells once the database can be reached"
            ))
        }
        Some(false) | None => error,
    }
}

fn has_joined(settings: &Settings) -> String {
    let root = settings.layout.root().display();
    format!(
        "the node has joined; run `keyledger serve --dir {root}`, which makes up for what failed"
    )
}

/// Whether the node has a trail in the database; none: the database does not say.
fn has_trail(settings: &Settings) -> Option<bool> {
    match Store::inspect(&settings.layout.database(), &settings.store) {
        Ok(_) => Some(true),
        Err(StoreError::Refused(_)) => Some(false),
        Err(_) => None,
    }
}

/// The number, which what was read has.
fn number(settings: &Settings) -> u32 {
    settings.store.node.unwrap_or(1)
}

/// Compares the master key with the database, as the node that prepared this one sees it: this one has no part of it yet, or has joined already.
fn compare(settings: &Settings, which: &Which, master: &dyn MasterKey) -> anyhow::Result<()> {
    let config = StoreConfig {
        node: Some(which.prepared_by),
        ..settings.store.clone()
    };
    let found = Store::inspect(&settings.layout.database(), &config)?;
    if master.check_value() != found.master_key_check {
        bail!(
            "the master key that was prepared is not that of the database {}: it may have been replaced since; copy data/master.key of a node that runs \
             over it, and give the command again (nothing was changed)",
            database::name(settings)
        );
    }
    if has_trail(settings) == Some(true) {
        bail!(
            "node {} has joined already, from here or from another machine; give this one a number of its own with `keyledger node prepare` (nothing was \
             changed)",
            number(settings)
        );
    }
    Ok(())
}

fn begin(settings: &Settings, which: &Which, master: &dyn MasterKey) -> Result<Store, StoreError> {
    let meta = InitMeta {
        origin_name: which.name.clone(),
        master_key_check: master.check_value(),
        created: SystemClock.now(),
    };
    Store::join(&settings.layout.database(), &settings.store, &meta)
}

/// The first event of the trail, and the key that signs it.
async fn first_steps(
    settings: &Settings,
    store: &Store,
    which: &Which,
    master: &dyn MasterKey,
) -> anyhow::Result<()> {
    let joined = Joined {
        number: number(settings),
        name: &which.name,
        scope: &settings.scope,
        initiator: peer::this_user(),
        clock: &SystemClock,
        random: &SystemRandom,
    };
    nodes::record_join(store, joined).await?;
    let signed = reach::sealer(store, master).await;
    signed.map_err(anyhow::Error::msg)?;
    Ok(())
}

fn say(settings: &Settings, which: &Which, args: &Args, report: &Report) -> anyhow::Result<()> {
    let (root, number) = (settings.layout.root().display(), number(settings));
    let record = serde_json::json!({ "number": number, "name": which.name, "directory": settings.layout.root(),
        "listen": settings.listen.to_string() });
    report.record(&record, || {
        let rows = fields(&[
            ("node", Some(format!("{number} ({})", which.name))),
            ("directory", Some(root.to_string())),
            ("database", Some(database::name(settings))),
            ("listens on", Some(settings.listen.to_string())),
        ]);
        format!(
            "{rows}\n\nNext: `keyledger serve --dir {root}`. Remove {}, which holds secrets, here and where it was made.",
            args.from.display()
        )
    })?;
    Ok(())
}
