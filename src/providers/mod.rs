//! Where the master key comes from: one file per provider.
//!
//! A provider wraps and unwraps data keys and never hands the master key out, so that one whose key
//! stays in a token fits the same trait. It does not decide which data key belongs to which
//! instance, and it stores nothing in the database.

mod aside;
pub mod command;
pub mod custody;
mod error;
pub mod file;
mod held_key;
mod key_file;
mod key_place;
mod locked;
pub mod passphrase;
pub mod pkcs11;

use aside::aside;
pub use custody::Custody;
pub use error::ProviderError;
pub use key_place::{KeyPlace, NextKey};

use crate::crypto::{Random, Secret, Wrapped};

/// A kind of master key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provider {
    /// A file holds it.
    File,
    /// A file holds it, sealed under a passphrase.
    Passphrase,
    /// A token has it.
    Pkcs11,
    /// A program has it.
    Command,
}

/// The settings of the providers that have some.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProviderSettings {
    /// The token.
    pub pkcs11: pkcs11::Config,
    /// The program.
    pub command: command::Config,
}

impl Provider {
    /// Every provider.
    pub const ALL: &'static [Self] = &[Self::File, Self::Passphrase, Self::Pkcs11, Self::Command];

    /// Its name in the configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::File => file::NAME,
            Self::Passphrase => passphrase::NAME,
            Self::Pkcs11 => pkcs11::NAME,
            Self::Command => command::NAME,
        }
    }

    /// The provider of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|one| one.name() == name)
    }

    /// What people must give before it can be used, as messages call it.
    #[must_use]
    pub const fn secret(self) -> Option<&'static str> {
        match self {
            Self::File | Self::Command => None,
            Self::Passphrase => Some("passphrase"),
            Self::Pkcs11 => Some("PIN"),
        }
    }
}

/// The key that wraps data keys.
pub trait MasterKey: Send + Sync {
    /// The provider's name as in the configuration, for messages.
    fn name(&self) -> &'static str;

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
