//! Who signs the trail: the origin's key, held like a data key, and the checkpoints made with it.
//!
//! A checkpoint is made only of a trail that still holds what the one before it sealed: a trail that was cut or rewritten is not signed
//! over. What came since is taken from the leaves themselves, and what is kept of it must agree.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::sync::MutexGuard;

use crate::audit::checkpoint::log_name;
use crate::audit::tree::Subtree;
use crate::audit::{Checkpoint, NoteError, Tree, VerifierKey};
use crate::crypto::{Random, RandomError, SigningKey, SigningKeyError};
use crate::ops::epoch::{Finding, interruption};
use crate::providers::{MasterKey, ProviderError};
use crate::store::{ApplyError, Place, Seal, Store, StoreError, TrailKey};

/// The trail cannot be signed.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The store cannot be read.
    #[error(transparent)]
    Store(StoreError),
    /// The trail has a hole, or what is kept of its tree is not what its events give.
    #[error("the trail is damaged and is not signed ({0}): run `keyledger events verify`")]
    Damaged(String),
    /// The store did not keep what was made.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// The master key does not wrap or open the signing key.
    #[error("the key that signs the trail cannot be used: {0}")]
    Provider(#[from] ProviderError),
    /// The signing key is of another length, or of another public key than is kept beside it.
    #[error("the key that signs the trail is damaged: restore a backup of the database")]
    Key,
    /// The random source failed.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// The last checkpoint cannot be read, or others signed it.
    #[error("the last checkpoint of the trail cannot be used, {0}: run `keyledger events verify`")]
    Last(NoteError),
    /// The trail is not the one that was sealed before.
    #[error(
        "the trail does not hold the {0} events that its last checkpoint seals, and is not signed: \
         run `keyledger events verify`"
    )]
    Contradiction(u64),
    /// The trail does not go on from what was sealed last.
    #[error(
        "{}, and nothing is signed before a new epoch of the trail has begun: start the server, or run `keyledger events new-epoch`",
        .0.sentence()
    )]
    Interruption(Finding),
}

impl SealError {
    /// Whether it says that the trail is not what was sealed.
    #[must_use]
    pub const fn is_break(&self) -> bool {
        matches!(
            self,
            Self::Damaged(_) | Self::Last(_) | Self::Contradiction(_)
        )
    }
}

impl From<StoreError> for SealError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Damaged(what) => Self::Damaged(what),
            error => Self::Store(error),
        }
    }
}

impl From<SigningKeyError> for SealError {
    fn from(_: SigningKeyError) -> Self {
        Self::Key
    }
}

/// Who signs the trail of a process, or why nobody can.
pub type Signer = Result<Arc<Sealer>, String>;

/// Signs the trail of one store.
pub struct Sealer {
    key: SigningKey,
    /// Held while a checkpoint is made, so that one follows the other. Whether the trail was found to go on from what was sealed before this
    /// process; what comes after is its own doing.
    making: tokio::sync::Mutex<bool>,
}

impl Sealer {
    /// Opens the signing key of the store's origin; makes it where there is none yet and none has signed this epoch.
    ///
    /// # Errors
    /// The key cannot be read, made or unwrapped. [`SealError::Interruption`]: the one that signed is missing.
    pub async fn open(
        store: &Store,
        master: &dyn MasterKey,
        random: &dyn Random,
    ) -> Result<Self, SealError> {
        let place = place(&store.origin().name);
        let key = match store.signing_key().await? {
            Some(kept) => unwrap(&store.origin().name, &kept, master)?,
            None => {
                goes_on_or_err(store).await?;
                let seed = SigningKey::draw(random)?;
                let key = SigningKey::from_seed(&seed)?;
                let wrapped = master.wrap(&seed, &place, random)?;
                let public = key.public_key();
                store.keep(Seal::Key(TrailKey { public, wrapped })).await?;
                tell_of_key(store.origin().epoch);
                key
            }
        };
        Ok(Self {
            key,
            making: tokio::sync::Mutex::new(false),
        })
    }

    /// Signs nothing while the guard is held: an epoch begins.
    pub async fn pause(&self) -> MutexGuard<'_, bool> {
        self.making.lock().await
    }

    /// The newest checkpoint as a signed note: the one that is kept if it seals every event, or a new one.
    ///
    /// # Errors
    /// The trail does not hold what was sealed before, or the store failed.
    pub async fn checkpoint(&self, store: &Store) -> Result<String, SealError> {
        let mut goes_on = self.making.lock().await;
        let verifier = verifier_key(store, &self.key.public_key());
        let size = store.head().0;
        let last = match store.checkpoint().await? {
            Some(note) => Some((held(store, &verifier, &note).await?, note)),
            None => None,
        };
        if !*goes_on {
            goes_on_or_err(store).await?;
        }
        *goes_on = true;
        let tree = match last {
            Some((tree, note)) if tree.size() == size => return Ok(note),
            Some((tree, _)) => tree,
            None => first_of_epoch(store).await?,
        };
        let tree = sound(store.grow(tree, size).await?)?;
        let made = Checkpoint {
            log: verifier.name().to_owned(),
            size: tree.size(),
            root: tree.root(),
        };
        let note = made.sign(&self.key);
        store
            .keep(Seal::Checkpoint(made.size, note.clone()))
            .await?;
        Ok(note)
    }
}

/// The tree that an epoch began with, compared with all its leaves that are there.
async fn first_of_epoch(store: &Store) -> Result<Tree, SealError> {
    let begun = store.epochs().all.last().map_or(0, |epoch| epoch.first.0);
    let removed = store.tree_of_removed().await?;
    if removed.size() > begun {
        return Ok(store.tree(begun).await?);
    }
    match store.grow(removed, begun).await {
        // With a hole in it, as it is kept: the epoch is there to go on from what was left.
        Err(StoreError::Damaged(_)) => Ok(store.tree(begun).await?),
        grown => sound(grown?),
    }
}

/// A tree of which no other hash is kept than follows from its leaves.
fn sound((tree, wrong): (Tree, Vec<Subtree>)) -> Result<Tree, SealError> {
    let Some(wrong) = wrong.first() else {
        return Ok(tree);
    };
    let (first, last) = (wrong.node().start, wrong.node().end - 1);
    let what = format!("the hash that is kept of the events from {first} to {last} is not theirs");
    Err(SealError::Damaged(what))
}

impl Sealer {
    /// Makes the kept hashes of subtrees anew from the leaves where they are wrong, if with them the trail holds what its last checkpoint
    /// seals: how many were. What no checkpoint of this epoch seals stays as it is: nothing tells there whether the hash was altered or the
    /// events were.
    ///
    /// # Errors
    /// The trail has a hole, or the store failed.
    pub async fn mend(&self, store: &Store) -> Result<usize, SealError> {
        let _making = self.making.lock().await;
        let Some(note) = store.checkpoint().await? else {
            return Ok(0);
        };
        let verifier = verifier_key(store, &self.key.public_key());
        let last = Checkpoint::open(&note, &verifier).map_err(SealError::Last)?;
        let removed = store.tree_of_removed().await?;
        let (tree, wrong) = store.grow(removed, last.size).await?;
        if (tree.size(), tree.root()) != (last.size, last.root) {
            return Ok(0);
        }
        let count = wrong.len();
        if count > 0 {
            store.keep(Seal::Subtrees(wrong)).await?;
        }
        Ok(count)
    }
}

/// Opens the signing key of an origin.
///
/// # Errors
/// The master key does not open it, or it is damaged.
pub fn unwrap(
    origin: &str,
    kept: &TrailKey,
    master: &dyn MasterKey,
) -> Result<SigningKey, SealError> {
    let key = SigningKey::from_seed(&master.unwrap(&kept.wrapped, &place(origin))?)?;
    if key.public_key() == kept.public {
        Ok(key)
    } else {
        Err(SealError::Key)
    }
}

/// A new key is to be noted by those who verify; in a later epoch they had noted another.
fn tell_of_key(epoch: u32) {
    if epoch > 1 {
        tracing::warn!(
            epoch,
            "A new key signs the trail from here on: note the one that keyledger events public-key prints."
        );
    }
}

/// Nothing is signed, and no key made that signs, where the trail does not go on from what was sealed last.
async fn goes_on_or_err(store: &Store) -> Result<(), SealError> {
    match interruption(&store.last_sealed().await?) {
        Some(finding) => Err(SealError::Interruption(finding)),
        None => Ok(()),
    }
}

/// The tree that the last checkpoint seals, where the trail still holds it.
async fn held(store: &Store, verifier: &VerifierKey, note: &str) -> Result<Tree, SealError> {
    let last = Checkpoint::open(note, verifier).map_err(SealError::Last)?;
    if last.size > store.head().0 {
        return Err(SealError::Contradiction(last.size));
    }
    let tree = store.tree(last.size).await?;
    if tree.root() == last.root {
        Ok(tree)
    } else {
        Err(SealError::Contradiction(last.size))
    }
}

/// The key that verifies the checkpoints of the store's origin and epoch.
#[must_use]
pub fn verifier_key(store: &Store, key: &crate::crypto::PublicKey) -> VerifierKey {
    let origin = store.origin();
    VerifierKey::new(log_name(&origin.name, origin.epoch), *key)
}

/// `[trail]`: how the trail is sealed, and what is kept of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct TrailConfig {
    /// Seconds from one checkpoint to the next, while there are events.
    pub checkpoint_seconds: u64,
    /// Events older than so many days are removed once they were delivered; 0 keeps them.
    pub keep_days: u32,
    /// Events older than so many days are removed, delivered or not; 0 waits for delivery.
    pub keep_days_max: u32,
    /// Of more than so many events the oldest are removed, delivered or not; 0 keeps them.
    pub events_max: u64,
}

impl Default for TrailConfig {
    fn default() -> Self {
        Self {
            checkpoint_seconds: 60,
            keep_days: 0,
            keep_days_max: 0,
            events_max: 0,
        }
    }
}

fn place(origin: &str) -> Vec<u8> {
    Place::SigningKey(origin.to_owned()).associated()
}
