//! The master key of a server that is locked: it is known which one it is, and nothing can be done with it.

use super::{MasterKey, ProviderError, passphrase};
use crate::crypto::{Random, Secret, Wrapped};

/// A master key that waits for its passphrase.
pub(super) struct LockedMasterKey {
    /// The check value of the key that the database was made under.
    pub(super) check_value: [u8; 16],
}

impl MasterKey for LockedMasterKey {
    fn name(&self) -> &'static str {
        passphrase::NAME
    }

    fn wrap(&self, _: &Secret, _: &[u8], _: &dyn Random) -> Result<Wrapped, ProviderError> {
        Err(ProviderError::Locked)
    }

    fn unwrap(&self, _: &Wrapped, _: &[u8]) -> Result<Secret, ProviderError> {
        Err(ProviderError::Locked)
    }

    fn check_value(&self) -> [u8; 16] {
        self.check_value
    }
}
