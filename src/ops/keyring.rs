//! The data keys in use: one per instance and epoch, unwrapped once at start.
//!
//! They are held in memory for as long as the server runs; the store has them wrapped by the master key only. The newest epoch of
//! an instance seals, every epoch opens. A server that is locked has none of them yet.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::watch;

use crate::crypto::{DataKey, Random, Wrapped};
use crate::domain::InstanceId;
use crate::providers::{MasterKey, ProviderError};
use crate::store::{Place, Store, StoreError};

/// The keyring cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// The data keys cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The master key does not open one.
    #[error("the data key of instance {instance} cannot be unwrapped: {source}")]
    Unwrap {
        /// Whose data key it is.
        instance: InstanceId,
        /// What the provider said.
        source: ProviderError,
    },
    /// A data key has the wrong size or cannot be made.
    #[error("the data key of instance {0} is not usable")]
    Unusable(InstanceId),
}

type Keys = HashMap<InstanceId, Vec<(u32, Arc<DataKey>)>>;

/// Every data key, by instance and epoch.
#[derive(Default)]
pub struct Keyring {
    keys: RwLock<Keys>,
    is_locked: AtomicBool,
}

impl Keyring {
    /// One without keys: nothing is served before it is unlocked.
    #[must_use]
    pub fn locked() -> Self {
        Self {
            is_locked: AtomicBool::new(true),
            ..Self::default()
        }
    }

    /// Whether it was not unlocked yet.
    #[must_use]
    pub fn is_locked(&self) -> bool {
        self.is_locked.load(Ordering::Acquire)
    }

    /// Takes over the keys of one that was opened, all at once.
    pub fn unlock(&self, opened: Self) {
        let opened = opened.keys.into_inner();
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) =
            opened.unwrap_or_else(PoisonError::into_inner);
        self.is_locked.store(false, Ordering::Release);
    }

    /// Reads and unwraps every data key of the store.
    ///
    /// # Errors
    /// The first key that cannot be read or unwrapped, by instance.
    pub async fn open(store: &Store, master: &dyn MasterKey) -> Result<Self, KeyringError> {
        let keyring = Self::default();
        keyring.refresh(store, master).await?;
        Ok(keyring)
    }

    /// Unwraps data keys that were read, to see whether they open.
    ///
    /// # Errors
    /// The first key that cannot be unwrapped, by instance.
    pub fn of(
        wrapped: &[(InstanceId, u32, Wrapped)],
        master: &dyn MasterKey,
    ) -> Result<Self, KeyringError> {
        let keyring = Self::default();
        for (instance, epoch, wrapped) in wrapped {
            let key = unwrapped(*instance, *epoch, wrapped, master)?;
            keyring.insert(*instance, *epoch, key);
        }
        Ok(keyring)
    }

    /// A new data key for `instance`, wrapped for the store. It serves once it is opened from there.
    ///
    /// # Errors
    /// Randomness or the provider failed.
    pub fn new_data_key(
        instance: InstanceId,
        epoch: u32,
        master: &dyn MasterKey,
        random: &dyn Random,
    ) -> Result<Wrapped, KeyringError> {
        let (_, secret) =
            DataKey::generate(random).map_err(|_| KeyringError::Unusable(instance))?;
        master
            .wrap(
                &secret,
                &Place::DataKey(instance, epoch).associated(),
                random,
            )
            .map_err(|source| KeyringError::Unwrap { instance, source })
    }

    /// Reads and unwraps the data keys that have come since.
    ///
    /// # Errors
    /// The first key that cannot be read or unwrapped, by instance.
    pub async fn refresh(&self, store: &Store, master: &dyn MasterKey) -> Result<(), KeyringError> {
        for (instance, epoch, wrapped) in store.data_keys().await? {
            if self.opening(instance, epoch).is_none() {
                self.insert(
                    instance,
                    epoch,
                    unwrapped(instance, epoch, &wrapped, master)?,
                );
            }
        }
        Ok(())
    }

    fn insert(&self, instance: InstanceId, epoch: u32, key: DataKey) {
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        let epochs = keys.entry(instance).or_default();
        epochs.push((epoch, Arc::new(key)));
        epochs.sort_by_key(|(epoch, _)| *epoch);
    }

    /// Opens and forgets data keys as other nodes make and remove instances, until it is told to stop.
    pub async fn follow(
        &self,
        store: &Store,
        master: &dyn MasterKey,
        mut stopping: watch::Receiver<bool>,
    ) {
        let mut changed = store.clients_changed();
        loop {
            // Each look is at what was there before the next change.
            changed.mark_unchanged();
            if !self.is_locked()
                && let Err(error) = self.keep_up(store, master).await
            {
                tracing::error!(%error, "The keys of an instance that another node made cannot be used here.");
            }
            tokio::select! {
                // An error means that whoever could tell is gone.
                _ = stopping.wait_for(|stop| *stop) => return,
                more = changed.changed() => if more.is_err() { return },
            }
        }
    }

    async fn keep_up(&self, store: &Store, master: &dyn MasterKey) -> Result<(), KeyringError> {
        let clients = store.clients();
        let there: HashSet<_> = clients.instances().iter().map(|held| held.id).collect();
        let known = self.known();
        for gone in known.difference(&there) {
            self.forget(*gone);
        }
        if there.is_subset(&known) {
            return Ok(());
        }
        self.refresh(store, master).await
    }

    /// The instances whose keys are here.
    fn known(&self) -> HashSet<InstanceId> {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        keys.keys().copied().collect()
    }

    /// Forgets the data keys of an instance that was removed; their bytes are overwritten once nobody uses them.
    pub fn forget(&self, instance: InstanceId) {
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        keys.remove(&instance);
    }

    /// The key that seals new material of `instance`, with its epoch.
    pub(crate) fn sealing(&self, instance: InstanceId) -> Option<(u32, Arc<DataKey>)> {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        keys.get(&instance)?.last().cloned()
    }

    /// The key of one epoch of `instance`.
    pub(crate) fn opening(&self, instance: InstanceId, epoch: u32) -> Option<Arc<DataKey>> {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        let of_epoch = |(e, key): &(u32, Arc<DataKey>)| (*e == epoch).then(|| Arc::clone(key));
        keys.get(&instance)?.iter().find_map(of_epoch)
    }
}

fn unwrapped(
    instance: InstanceId,
    epoch: u32,
    wrapped: &Wrapped,
    master: &dyn MasterKey,
) -> Result<DataKey, KeyringError> {
    let secret = master
        .unwrap(wrapped, &Place::DataKey(instance, epoch).associated())
        .map_err(|source| KeyringError::Unwrap { instance, source })?;
    DataKey::from_secret(secret).map_err(|_| KeyringError::Unusable(instance))
}
