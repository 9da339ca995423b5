//! A master key that is in this process's memory: what the providers that hand it over have in common.

use super::ProviderError;
use crate::crypto::check_value::check_value;
use crate::crypto::wrap::DATA_KEY_LEN;
use crate::crypto::{DataKey, Random, Secret, Wrapped};

/// A master key and what identifies it.
pub(super) struct HeldKey {
    key: DataKey,
    check_value: [u8; 16],
}

impl HeldKey {
    /// The bytes of a new master key.
    pub(super) fn draw(random: &dyn Random) -> Result<Secret, ProviderError> {
        let mut key = vec![0_u8; DATA_KEY_LEN];
        let filled = random.fill(&mut key);
        let key = Secret::new(key);
        filled?;
        Ok(key)
    }

    pub(super) fn new(key: Secret) -> Result<Self, ProviderError> {
        let check_value = check_value(&key);
        Ok(Self {
            key: DataKey::from_secret(key)?,
            check_value,
        })
    }

    pub(super) fn wrap(
        &self,
        plain: &Secret,
        aad: &[u8],
        random: &dyn Random,
    ) -> Result<Wrapped, ProviderError> {
        Ok(self.key.seal(aad, plain, random)?)
    }

    pub(super) fn unwrap(&self, wrapped: &Wrapped, aad: &[u8]) -> Result<Secret, ProviderError> {
        Ok(self.key.open(aad, wrapped)?)
    }

    pub(super) const fn check_value(&self) -> [u8; 16] {
        self.check_value
    }
}
