//! Where the master key comes from: one file per provider.
//!
//! A provider wraps and unwraps data keys and never hands the master key out, so that one whose key
//! stays in a token fits the same trait. It does not decide which data key belongs to which
//! instance, and it stores nothing in the database.

mod error;
pub mod file;
mod held_key;
mod key_file;
pub mod passphrase;

pub use error::ProviderError;

use crate::crypto::{Random, Secret, Wrapped};

/// The key that wraps data keys.
pub trait MasterKey: Send + Sync {
    /// The provider's name as in the configuration, for messages.
    fn name(&self) -> &str;

    /// Wraps `plain` for the place that `aad` names.
    ///
    /// # Errors
    /// The provider or the random source failed.
    fn wrap(
        &self,
        plain: &Secret,
        aad: &[u8],
        random: &dyn Random,
    ) -> Result<Wrapped, ProviderError>;

    /// Unwraps what [`MasterKey::wrap`] wrapped under the same master key and `aad`.
    ///
    /// # Errors
    /// The provider failed, or the value was altered or wrapped under another master key.
    fn unwrap(&self, wrapped: &Wrapped, aad: &[u8]) -> Result<Secret, ProviderError>;

    /// Identifies the master key without revealing it, so that the wrong key is named as such.
    fn check_value(&self) -> [u8; 16];
}
