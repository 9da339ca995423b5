//! A restored database is looked at: that it is whole, that its keys open, that its trail is what was sealed; and what is known of the time
//! after it.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, bail};

use super::Args;
use super::later::Later;
use super::place::Place;
use super::settings::{self, Given};
use crate::admin::Admin;
use crate::admin::backup::archive::List;
use crate::audit::checkpoint::log_name;
use crate::audit::{Break, Checkpoint, Verified, VerifierKey};
use crate::cli::reach::Reach;
use crate::cli::verify::{self, Met, held};
use crate::cli::{WrongUse, master, secret};
use crate::config::layout::write_private;
use crate::crypto::SystemRandom;
use crate::domain::{Clock as _, DestructionPolicy, SystemClock};
use crate::ops::{Keyring, seal, verifier_key};
use crate::providers::{MasterKey as _, Provider};
use crate::store::{Store, StoreConfig};

/// A database that was looked at.
pub(super) struct Looked {
    pub(super) list: List,
    pub(super) admin: Arc<Admin>,
    /// Whether its keys open.
    pub(super) keys: Keys,
    /// What a server on it would run, read or write on this machine because the backup says so.
    pub(super) named: Vec<String>,
    /// How the backup's settings, or the operator's, have keys destroyed.
    pub(super) policy: DestructionPolicy,
    /// What was verified of the trail, or what is wrong with it.
    pub(super) trail: Result<Verified, Break>,
    /// What came after it, where that is known.
    pub(super) later: Option<Later>,
    /// The epoch and the size of the newest checkpoint that is known, if it is newer than the database.
    newest: Option<(u32, u64)>,
    /// How many events there were after it, as far as a checkpoint of its epoch says.
    pub(super) missing: Option<u64>,
}

/// What is known of the keys of a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keys {
    /// The master key opens so many data keys, and the key that signs the trail.
    Open(usize),
    /// The master key is not there.
    NoMasterKey,
    /// What opens a master key of this provider is named by the backup alone.
    NotOurs(Provider),
}

impl Looked {
    /// Of how many events after the backup it is known that there were so many, and not what they did; none where nothing is known.
    pub(super) fn untold(&self) -> Option<u64> {
        let later = self.later.as_ref();
        let (told, unproved) = later.map_or((0, 0), |later| (later.events, later.unproved));
        let reached = later.and_then(|later| later.reached);
        let left = left(self.newest, reached, told, self.missing)?;
        Some(left.saturating_add(unproved))
    }

    /// Closes the database.
    pub(super) async fn close(&self) {
        self.admin.store().clone().close().await;
    }
}

/// How many events lie between those that a later trail tells of, up to `reached`, and the newest checkpoint that is known, both by epoch and
/// size; none where that is not known. `missing`: how many came after the backup, as far as a checkpoint of its epoch says.
fn left(
    newest: Option<(u32, u64)>,
    reached: Option<(u32, u64)>,
    told: u64,
    missing: Option<u64>,
) -> Option<u64> {
    match (newest, reached) {
        (None, _) if told == 0 => None,
        (None, _) => Some(0),
        (Some((epoch, size)), Some((of, end))) if epoch == of => Some(size.saturating_sub(end)),
        // Of an epoch of which nothing else is known: how many came before it is not either.
        _ => missing,
    }
}

/// Looks at the database of a place.
///
/// # Errors
/// It is not whole, the master key is another, or the trail or what came after it is not what was sealed.
pub(super) async fn look(place: &Place, list: List, args: &Args) -> anyhow::Result<Looked> {
    let (layout, database) = (place.layout(), place.layout().restored_database());
    Store::check_whole(&database)?;
    // Only to be looked at, it is opened where it lies: no copy of it is left anywhere.
    if let Some(file) = args.master_key.as_ref().filter(|_| !args.verify) {
        take_master_key(&layout.master_key(), file)?;
    }
    let given = Given::load(layout, args.settings.as_deref())?;
    let keys = keys(&given, &database, args)?;
    let config = StoreConfig {
        readers: 1,
        cache_objects: 1000,
        reserve_bytes: 0,
        ..StoreConfig::default()
    };
    let store = Store::open(&database, &config, SystemClock.now_ms())?;
    let admin = Admin::new(
        store.clone(),
        Arc::new(SystemClock),
        Arc::new(SystemRandom),
        None,
        None,
    );
    let admin = Arc::new(admin.with_global_scope(Ok(given.settings.scope)));
    let mut named = given.named;
    named.extend(settings::targets(&store.routing()));
    let looked = look_at_trail(&admin, list, keys, args).await;
    if looked.is_err() {
        store.close().await;
    }
    Ok(Looked {
        named,
        policy: given.settings.destruction,
        ..looked?
    })
}

async fn look_at_trail(
    admin: &Arc<Admin>,
    list: List,
    keys: Keys,
    args: &Args,
) -> anyhow::Result<Looked> {
    let store = admin.store();
    let (origin, head) = (store.origin(), store.head().0);
    if (&list.origin, list.epoch, list.events) != (&origin.name, origin.epoch, head) {
        bail!("the backup says other things of its database than are in it");
    }
    let key = trail_key(store, args).await?;
    let (later, earlier) = sorted(store, key.as_ref(), args)?;
    let mut reach = Reach::over(Arc::clone(admin));
    let verified = verify::trail(&mut reach, earlier, args.public_key.clone()).await;
    let trail = verified.map_or_else(
        |error| error.downcast::<Break>().map(Err),
        |one| Ok(Ok(one)),
    )?;
    let mut looked = Looked {
        list,
        admin: Arc::clone(admin),
        keys,
        named: Vec::new(),
        policy: DestructionPolicy::default(),
        trail,
        later: None,
        newest: None,
        missing: None,
    };
    if !args.trail.is_empty() {
        let key = key.context("the trail was never sealed: no export of it can be verified")?;
        looked.later = Some(later_of(store, &key, args).await?);
    }
    let exported = looked.later.as_ref();
    let exported = exported.and_then(|later| later.checkpoint.clone());
    looked.note_newest(exported.into_iter().chain(later));
    Ok(looked)
}

impl Looked {
    /// Notes the newest of these checkpoints, if one is newer than the database.
    fn note_newest(&mut self, notes: impl Iterator<Item = String>) {
        let order = |note: &String| {
            let checkpoint = Checkpoint::unverified(note)?;
            let (_, epoch) = checkpoint.origin()?;
            Some((epoch, checkpoint.size))
        };
        let store = self.admin.store();
        let here = (store.origin().epoch, store.head().0);
        let newest = notes.max_by_key(|note| order(note));
        let Some((note, at)) = newest.and_then(|note| order(&note).map(|at| (note, at))) else {
            return;
        };
        if at > here {
            // A later epoch may have begun with the number of an event that was lost.
            self.missing = (at.0 == here.0).then(|| at.1.saturating_sub(here.1));
            self.newest = Some(at);
            self.later.get_or_insert_default().checkpoint = Some(note);
        }
    }
}

fn take_master_key(path: &Path, file: &Path) -> anyhow::Result<()> {
    let key = secret::from_file(file, "master key")?;
    let line = crate::crypto::Secret::new([key.expose(), b"\n"].concat());
    write_private(path, line.expose())
        .with_context(|| format!("{} cannot be put into its place", file.display()))
}

/// Whether the master key opens the data keys and the one that signs the trail.
fn keys(given: &Given, database: &Path, args: &Args) -> anyhow::Result<Keys> {
    let own = given.settings.layout.master_key();
    let path = match &args.master_key {
        Some(file) if args.verify => file.clone(),
        _ if own.symlink_metadata().is_err() => return Ok(Keys::NoMasterKey),
        _ => own,
    };
    let place = master::place_at(&given.settings, path);
    let provider = place.provider()?;
    if !given.may_open(provider) {
        return Ok(Keys::NotOurs(provider));
    }
    let master = master::open_at(&given.settings, place, &args.passphrase)?.custody;
    let found = Store::inspect(database, &StoreConfig::default())?;
    if master.check_value() != found.master_key_check {
        bail!("the master key is not the one of the backup's database");
    }
    Keyring::of(&found.data_keys, &*master)?;
    if let Some((origin, key)) = &found.signing_key {
        seal::unwrap(origin, key, &*master)?;
    }
    Ok(Keys::Open(found.data_keys.len()))
}

/// The key that verifies the trail: the one that was noted, or the database's own.
async fn trail_key(store: &Store, args: &Args) -> anyhow::Result<Option<VerifierKey>> {
    if let Some(key) = held::key(args.public_key.as_deref())? {
        return Ok(Some(key));
    }
    let own = store.signing_key().await?;
    Ok(own.map(|key| verifier_key(store, &key.public)))
}

/// The checkpoints that seal more than the database holds, as notes; and the files of those that it must agree with.
fn sorted(
    store: &Store,
    key: Option<&VerifierKey>,
    args: &Args,
) -> anyhow::Result<(Vec<String>, Vec<std::path::PathBuf>)> {
    let (mut later, mut earlier) = (Vec::new(), Vec::new());
    let (origin, head) = (store.origin(), store.head().0);
    for path in &args.checkpoints {
        let (source, note) = (path.display().to_string(), held::note(path)?);
        let checkpoint = held::open(&source, &note, key)?;
        let Some((name, epoch)) = checkpoint.origin() else {
            return Err(WrongUse(format!("{source} is no checkpoint of a trail")).into());
        };
        if name != origin.name {
            let problem = format!(
                "{source} is of the trail of {name}, and the backup of that of {}",
                origin.name
            );
            return Err(WrongUse(problem).into());
        }
        if (epoch, checkpoint.size) > (origin.epoch, head) {
            later.push(note);
        } else {
            earlier.push(path.clone());
        }
    }
    Ok((later, earlier))
}

/// What a later export says that came after the database.
async fn later_of(store: &Store, key: &VerifierKey, args: &Args) -> anyhow::Result<Later> {
    let (origin, head) = (store.origin(), store.head().0);
    let here = Checkpoint {
        log: log_name(&origin.name, origin.epoch),
        size: head,
        root: store.tree(head).await?.root(),
    };
    let clients = store.clients().clients();
    let clients = clients.iter().map(|client| client.id);
    let mut later = Later::since(head, origin.epoch, clients);
    let expected = vec![("the backup".to_owned(), here)];
    let mut observe = |met: Met<'_>| later.take(met);
    let verified = verify::exports(&args.trail, key, expected, &mut observe)?;
    if verified.agreed == 0 || verified.first > head || verified.end < head {
        bail!(
            "the export holds events {} to {}, and the backup those before {head}: it must begin at event {head} or before, and end after it",
            verified.first,
            verified.end.saturating_sub(1)
        );
    }
    later.accept(&verified);
    later.end();
    Ok(later)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_later_epoch_did_is_not_known_from_its_checkpoint() {
        // No later trail and no later checkpoint; a trail that tells all there is.
        assert_eq!(left(None, None, 0, None), None);
        assert_eq!(left(None, Some((1, 20)), 5, None), Some(0));
        // A later checkpoint of the epoch that the trail reaches, or of the backup's own.
        assert_eq!(left(Some((1, 30)), Some((1, 20)), 5, Some(15)), Some(10));
        assert_eq!(left(Some((2, 30)), Some((2, 30)), 5, None), Some(0));
        assert_eq!(left(Some((1, 30)), None, 0, Some(15)), Some(15));
        // Of a later one: nothing tells what the events did that it seals, or how many were lost before it.
        assert_eq!(left(Some((2, 30)), Some((1, 20)), 5, None), None);
        assert_eq!(left(Some((2, 30)), None, 0, None), None);
    }
}
