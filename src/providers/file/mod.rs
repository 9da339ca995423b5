//! Provider `file`: the master key is one line in a file that only its owner may read.
//!
//! It protects a copy of the database that was taken without the file; it does not protect against
//! whoever can read both. A file is written whole or not at all and never overwritten: losing the
//! master key loses every key it protects.

use std::fmt;
use std::path::Path;

use super::held_key::HeldKey;
use super::key_file::{read_private, write_new};
use super::{MasterKey, ProviderError};
use crate::crypto::wrap::DATA_KEY_LEN;
use crate::crypto::{Random, Secret, Wrapped};

// Stored state: changing this line needs a new version in its prefix.
pub(super) const PREFIX: &[u8] = b"keyledger-master-key-v1:";
const LINE_LEN: usize = PREFIX.len() + 2 * DATA_KEY_LEN;
/// Bytes read of a file at most: enough to see that it is too long.
const READ_BYTES_MAX: usize = LINE_LEN + 64;

/// The provider's name.
pub const NAME: &str = "file";

/// A master key read from a file.
pub struct FileMasterKey(HeldKey);

impl FileMasterKey {
    /// Makes a new master key and writes it to `path`, which must not exist yet.
    ///
    /// # Errors
    /// The file exists, cannot be written, or the random source failed.
    pub fn create(path: &Path, random: &dyn Random) -> Result<Self, ProviderError> {
        let key = HeldKey::draw(random)?;
        write_new(path, &line(&key)?, random)?;
        Ok(Self(HeldKey::new(key)?))
    }

    /// Opens the master key at `path`.
    ///
    /// # Errors
    /// The file is missing, readable by others, or not a master key file.
    pub fn open(path: &Path) -> Result<Self, ProviderError> {
        let text = read_private(path, READ_BYTES_MAX)?;
        let malformed = |problem| ProviderError::Malformed {
            path: path.to_owned(),
            problem,
        };
        let line = text.expose().trim_ascii();
        if line.is_empty() {
            return Err(malformed("is empty"));
        }
        if line.starts_with(super::passphrase::PREFIX.as_bytes()) {
            return Err(ProviderError::OtherProvider {
                path: path.to_owned(),
                provider: super::passphrase::NAME,
            });
        }
        let digits = line
            .strip_prefix(PREFIX)
            .ok_or_else(|| malformed("does not start with `keyledger-master-key-v1:`"))?;
        if digits.len() != 2 * DATA_KEY_LEN {
            return Err(malformed("does not hold exactly 64 hexadecimal digits"));
        }
        let mut key = vec![0_u8; DATA_KEY_LEN];
        let decoded = hex::decode_to_slice(digits, &mut key);
        let key = Secret::new(key);
        decoded.map_err(|_| malformed("does not hold exactly 64 hexadecimal digits"))?;
        Ok(Self(HeldKey::new(key)?))
    }
}

impl MasterKey for FileMasterKey {
    fn name(&self) -> &'static str {
        NAME
    }

    fn wrap(
        &self,
        plain: &Secret,
        aad: &[u8],
        random: &dyn Random,
    ) -> Result<Wrapped, ProviderError> {
        self.0.wrap(plain, aad, random)
    }

    fn unwrap(&self, wrapped: &Wrapped, aad: &[u8]) -> Result<Secret, ProviderError> {
        self.0.unwrap(wrapped, aad)
    }

    fn check_value(&self) -> [u8; 16] {
        self.0.check_value()
    }
}

impl fmt::Debug for FileMasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FileMasterKey")
    }
}

fn line(key: &Secret) -> Result<Secret, ProviderError> {
    let mut line = vec![b'\n'; LINE_LEN + 1];
    let (prefix, rest) = line.split_at_mut(PREFIX.len());
    prefix.copy_from_slice(PREFIX);
    let (digits, _newline) = rest.split_at_mut(2 * DATA_KEY_LEN);
    let encoded = hex::encode_to_slice(key.expose(), digits);
    let line = Secret::new(line);
    encoded.map_err(|_| crate::crypto::WrapError::KeyLength(key.len()))?;
    Ok(line)
}

#[cfg(test)]
mod tests;
