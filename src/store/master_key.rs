//! What the database knows of the master key: how it is recognised, since when it is in use, to whom all it wraps is sealed besides, and
//! every value that it wraps.
//!
//! A value is bound to its [`Place`], which is told apart here for all that wrap and unwrap. The store holds no key in clear.

use std::sync::Arc;

use super::{Store, StoreError, sql};
use crate::crypto::{Recipient, Wrapped};
use crate::domain::{InstanceId, TargetId};

/// Where a wrapped value belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// The data key of an instance and epoch.
    DataKey(InstanceId, u32),
    /// The key that signs the trail of the origin of this name.
    SigningKey(String),
    /// The secret in a field of a target's endpoint.
    TargetSecret(TargetId, String),
}

impl Place {
    /// What binds a wrapped value to its place. Stored state: changing this needs a rewrap of every value.
    #[must_use]
    pub fn associated(&self) -> Vec<u8> {
        match self {
            Self::DataKey(instance, epoch) => [
                b"keyledger-data-key-v1".as_slice(),
                instance.as_bytes(),
                &epoch.to_be_bytes(),
            ]
            .concat(),
            Self::SigningKey(origin) => {
                [b"keyledger-signing-key-v1".as_slice(), origin.as_bytes()].concat()
            }
            Self::TargetSecret(target, field) => [
                b"keyledger-target-secret-v1".as_slice(),
                target.as_bytes(),
                field.as_bytes(),
            ]
            .concat(),
        }
    }
}

/// A key whose private half is shared out among people, and that all the master key wraps is sealed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecoveryKey {
    /// Its public half; the private one is nowhere here.
    pub recipient: Recipient,
    /// How many shares are needed.
    pub threshold: u8,
    /// How many there are.
    pub shares: u8,
    /// Since when, seconds since 1970.
    pub since: i64,
}

/// What is known of the master key in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MasterKeyRecord {
    /// Tells a wrong master key from the right one.
    pub check: [u8; 16],
    /// Since when it is in use, seconds since 1970.
    pub since: i64,
    /// To whom all that it wraps is sealed besides.
    pub recovery: Option<RecoveryKey>,
}

/// Every wrapped value in another form: under another master key, or sealed to another recovery key.
#[derive(Debug, Clone)]
pub struct Rewrap {
    /// What is known of the master key before: the database must say so still.
    pub before: MasterKeyRecord,
    /// And after.
    pub after: MasterKeyRecord,
    /// Each value with what it was: all there are, none changed meanwhile.
    pub values: Vec<Rewrapped>,
}

/// A value before and after.
#[derive(Debug, Clone)]
pub struct Rewrapped {
    /// Where it belongs.
    pub place: Place,
    /// What is stored.
    pub before: Wrapped,
    /// What takes its place.
    pub after: Wrapped,
}

impl Store {
    /// What is known of the master key, as last committed.
    #[must_use]
    pub fn master_key(&self) -> Arc<MasterKeyRecord> {
        self.inner.shared.master_key.load_full()
    }

    /// What tells the right master key.
    #[must_use]
    pub fn master_key_check(&self) -> [u8; 16] {
        self.inner.shared.master_key.load().check
    }

    /// Every value that the master key wraps.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn wrapped_values(&self) -> Result<Vec<(Place, Wrapped)>, StoreError> {
        self.inner.readers.read(sql::master_key::values).await
    }
}
