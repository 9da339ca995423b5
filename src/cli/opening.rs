//! What a server opens before it listens, in an order that changes nothing before its parts were compared.
//!
//! A server that starts locked leaves out what needs the master key; [`crate::admin`] opens that when the passphrase is given.

use std::sync::Arc;
use std::time::Instant;

use super::serve::Args;
use super::{init, master, own, reach};
use crate::admin::{Custodian, foundation};
use crate::config::Settings;
use crate::crypto::SystemRandom;
use crate::domain::{Clock as _, OwnCertificates, SystemClock};
use crate::ops::{Keyring, Signer, epoch};
use crate::providers::MasterKey;
use crate::store::{Inspection, Store};

/// Everything a server needs that was opened and found right.
pub(super) struct Opened {
    pub(super) settings: Settings,
    pub(super) store: Store,
    pub(super) keyring: Arc<Keyring>,
    pub(super) custodian: Custodian,
    pub(super) own: OwnCertificates,
    /// Who signs the trail, or why nobody can: keys are served all the same. None: the server is locked.
    pub(super) signer: Option<Signer>,
    /// Whether the database was put back.
    pub(super) was_put_back: bool,
}

/// Opens all that is in the directory and compares its parts.
///
/// # Errors
/// What is wrong and what to do; nothing was changed then.
pub(super) async fn open(settings: Settings, args: &Args) -> anyhow::Result<Opened> {
    let layout = settings.layout.clone();
    master::settle(&settings)?;
    let (custodian, found) = if master::starts_locked(&settings, args.locked, &args.passphrase)? {
        let found = Store::inspect_to_open(&settings.layout.database(), &settings.store)?;
        (master::locked(&settings, &found)?, found)
    } else {
        let custodian = master::open(&settings, &args.passphrase)?;
        // Before it is opened, which may change its schema.
        let found = master::inspect_to_open(&settings, &*custodian.custody)?;
        (custodian, found)
    };
    if let Err(error) = master::check_provider(&settings) {
        tracing::warn!(%error, "The settings name another provider than that of the master key in use.");
    }
    own::complete(&layout)?;
    let own = own::held(&layout)?;
    let store = brought_up_to_date(&settings, &found)?;
    let was_put_back = go_on(&settings, &store).await;
    let (keyring, signer) = if custodian.custody.is_locked() {
        tracing::warn!(
            "The server is locked and serves no keys until it is given the passphrase of its master key: run `keyledger unlock`."
        );
        (Keyring::locked(), None)
    } else {
        unlocked(&settings, &store, &custodian).await?
    };
    Ok(Opened {
        keyring: Arc::new(keyring),
        signer,
        custodian,
        settings,
        store,
        own,
        was_put_back,
    })
}

/// Opens the database. One of an older release is changed by that, for as long as nobody is answered: it is said before, so that nobody ends it.
fn brought_up_to_date(settings: &Settings, found: &Inspection) -> anyhow::Result<Store> {
    let open = || {
        Store::open(
            &settings.layout.database(),
            &settings.store,
            SystemClock.now_ms(),
        )
    };
    let Some(rows) = found.rows else {
        return Ok(open()?);
    };
    let (from, to) = (found.schema, found.newest);
    tracing::info!(
        from,
        to,
        objects = rows.objects,
        events = rows.events,
        "The database is of an older release and is brought up to date; with many keys or events this takes a while."
    );
    let begun = Instant::now();
    let store = open()?;
    let took = format!("{:.1} s", begun.elapsed().as_secs_f64());
    tracing::info!(from, to, took, "The database was brought up to date.");
    Ok(store)
}

/// Before anything is recorded: a database that was put back gets a new epoch of its trail. Where none can begin, a site must still get its
/// keys; nothing is signed then. Whether it was put back, or may have been.
async fn go_on(settings: &Settings, store: &Store) -> bool {
    let scope = Arc::new(settings.scope.global());
    match epoch::go_on(store, &scope, &SystemClock, &SystemRandom).await {
        Ok(begun) => begun.is_some(),
        Err(error) => {
            tracing::error!(%error, "The trail does not go on from its last checkpoint, and no new epoch could begin.");
            true
        }
    }
}

/// What the master key opens.
async fn unlocked(
    settings: &Settings,
    store: &Store,
    custodian: &Custodian,
) -> anyhow::Result<(Keyring, Option<Signer>)> {
    let master = &custodian.custody;
    master.set_recovery(store.master_key().recovery.map(|key| key.recipient));
    match data_keys(settings, store, &**master).await {
        Ok(keyring) => Ok((keyring, Some(signer(store, &**master).await))),
        Err(error) => {
            store.clone().close().await;
            Err(error)
        }
    }
}

/// The data keys. A database without an instance is that of an `init` that was cut off: its last step is made up for here.
async fn data_keys(
    settings: &Settings,
    store: &Store,
    master: &dyn MasterKey,
) -> anyhow::Result<Keyring> {
    if store.clients().instances().is_empty() {
        init::found(settings, store, master, foundation::INSTANCE).await?;
    }
    Ok(Keyring::open(store, master).await?)
}

/// Who signs the trail. Where that fails, a site must still get its keys.
async fn signer(store: &Store, master: &dyn MasterKey) -> Signer {
    let signer = reach::sealer(store, master).await;
    if let Err(error) = &signer {
        tracing::error!(error, "The trail is not signed by checkpoints.");
    }
    signer
}
