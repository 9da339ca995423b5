//! The master key in use, which may be replaced while a server runs, and the recovery key that all it wraps is sealed to besides.
//!
//! Whoever wraps does so through here, so that nothing can be wrapped without its copy for recovery. The copy needs no master key to be
//! opened: it works also where that lies in a token that is lost.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;

use super::locked::LockedMasterKey;
use super::{MasterKey, ProviderError};
use crate::crypto::{Random, Recipient, RecipientKey, Secret, Wrapped};

/// The purpose that a copy for recovery is sealed for.
const PURPOSE: &[u8] = b"keyledger-recovery-v1";

// Stored state: `version || length of the wrapped value, 32 bits || wrapped value || copy sealed to the recovery key`. The versions of wrapped
// values: 1 by a key in this process, 2 this, 3 by a token, 4 by a program.
const WITH_COPY: u8 = 2;

/// The master key in use.
pub struct Custody(ArcSwap<Held>);

#[derive(Clone)]
struct Held {
    key: Arc<dyn MasterKey>,
    /// The one that is about to take its place.
    next: Option<Arc<dyn MasterKey>>,
    recovery: Option<Recipient>,
    /// It waits for its passphrase.
    is_locked: bool,
}

impl Custody {
    /// Wraps by `key` and seals what it wraps to `recovery`, if there is one.
    #[must_use]
    pub fn new(key: Arc<dyn MasterKey>, recovery: Option<Recipient>) -> Self {
        Self(ArcSwap::from_pointee(Held {
            key,
            next: None,
            recovery,
            is_locked: false,
        }))
    }

    /// Neither wraps nor unwraps before it is unlocked; `check_value` is that of the key which will be.
    #[must_use]
    pub fn locked(check_value: [u8; 16]) -> Self {
        let custody = Self::new(Arc::new(LockedMasterKey { check_value }), None);
        custody.change(|held| held.is_locked = true);
        custody
    }

    /// Whether it waits for its passphrase.
    #[must_use]
    pub fn is_locked(&self) -> bool {
        self.0.load().is_locked
    }

    /// Wraps and unwraps by `key` from now on, and seals what it wraps to `recovery`, if there is one.
    pub fn unlock(&self, key: Arc<dyn MasterKey>, recovery: Option<Recipient>) {
        self.change(|held| {
            *held = Held {
                key,
                next: None,
                recovery,
                is_locked: false,
            };
        });
    }

    /// Seals what is wrapped from now on to this key.
    pub fn set_recovery(&self, recovery: Option<Recipient>) {
        self.change(|held| held.recovery = recovery);
    }

    /// Opens also what `next` wrapped: values are about to be wrapped by it.
    pub fn expect(&self, next: Arc<dyn MasterKey>) {
        self.change(|held| held.next = Some(next));
    }

    /// The expected key takes over, or is forgotten.
    pub fn settle(&self, takes_over: bool) {
        self.change(|held| match held.next.take() {
            Some(next) if takes_over => held.key = next,
            _ => {}
        });
    }

    /// The key that is in use, without copies for recovery.
    #[must_use]
    pub fn current(&self) -> Arc<dyn MasterKey> {
        Arc::clone(&self.0.load().key)
    }

    /// Changes are made one after the other, by the router: nothing is lost between reading and storing.
    fn change(&self, change: impl FnOnce(&mut Held)) {
        let mut held = Held::clone(&self.0.load());
        change(&mut held);
        self.0.store(Arc::new(held));
    }
}

impl MasterKey for Custody {
    fn name(&self) -> &'static str {
        self.0.load().key.name()
    }

    fn wrap(
        &self,
        plain: &Secret,
        aad: &[u8],
        random: &dyn Random,
    ) -> Result<Wrapped, ProviderError> {
        let held = self.0.load_full();
        let wrapped = held.key.wrap(plain, aad, random)?;
        let Some(recipient) = &held.recovery else {
            return Ok(wrapped);
        };
        let copy = recipient.seal(PURPOSE, aad, plain)?;
        let wrapped = wrapped.as_bytes();
        let length = u32::try_from(wrapped.len()).map_err(|_| ProviderError::TooLong)?;
        let parts = [&[WITH_COPY][..], &length.to_be_bytes(), wrapped, &copy];
        Ok(Wrapped::from_bytes(parts.concat()))
    }

    fn unwrap(&self, wrapped: &Wrapped, aad: &[u8]) -> Result<Secret, ProviderError> {
        let held = self.0.load_full();
        let parted = parts(wrapped).map(|(wrapped, _)| Wrapped::from_bytes(wrapped.to_vec()));
        let wrapped = parted.as_ref().unwrap_or(wrapped);
        match (held.key.unwrap(wrapped, aad), &held.next) {
            (Err(error), Some(next)) => next.unwrap(wrapped, aad).map_err(|_| error),
            (unwrapped, _) => unwrapped,
        }
    }

    fn check_value(&self) -> [u8; 16] {
        self.0.load().key.check_value()
    }
}

/// What a value with a copy consists of.
fn parts(wrapped: &Wrapped) -> Option<(&[u8], &[u8])> {
    let (version, rest) = wrapped.as_bytes().split_first()?;
    let (length, rest) = rest.split_first_chunk()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    (*version == WITH_COPY)
        .then(|| rest.split_at_checked(length))
        .flatten()
}

/// Opens the copy of a wrapped value that was sealed to a recovery key.
///
/// # Errors
/// There is none, or it was sealed to another key or for another place.
pub fn recover(
    wrapped: &Wrapped,
    aad: &[u8],
    recovery: &RecipientKey,
) -> Result<Secret, ProviderError> {
    let (_, copy) = parts(wrapped).ok_or(ProviderError::NoCopy)?;
    Ok(recovery.open(PURPOSE, aad, copy)?)
}

impl fmt::Debug for Custody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Custody of a master key of provider {}", self.name())
    }
}

#[cfg(test)]
mod tests;
