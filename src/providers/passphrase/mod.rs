//! Provider `passphrase`: the master key is random and lies in a file, sealed under a key that is derived from a passphrase.
//!
//! The file alone is worth as much as the passphrase is hard to guess: Argon2id makes each guess slow. The passphrase itself is kept
//! nowhere. That the master key is random and not derived lets a passphrase be changed without touching the database. Parameters and salt
//! stand in the file; they are bounded when they are read, and altered ones do not open it.

use std::fmt;
use std::path::Path;

use super::held_key::HeldKey;
use super::key_file::{read_private, write_new};
use super::{MasterKey, ProviderError};
use crate::crypto::argon2id::derive;
use crate::crypto::wrap::DATA_KEY_LEN;
use crate::crypto::{Cost, DataKey, Random, Secret, Wrapped};

// Stored state: `PREFIX m=<KiB>,t=<passes>,p=<lanes> : <salt, hex> : <sealed master key, hex>`, without spaces, in one line. All of it
// before the last colon is the associated data of what follows. Changing it needs a new version in the prefix.
pub(super) const PREFIX: &str = "keyledger-master-key-passphrase-v1:";
const SALT_LEN: usize = 16;
/// Bytes read of a file at most: more than any such line has.
const READ_BYTES_MAX: usize = 1024;

/// The provider's name.
pub const NAME: &str = "passphrase";
/// The fewest characters of a new passphrase.
pub const CHARACTERS_MIN: usize = 12;

/// A master key that a passphrase opened.
pub struct PassphraseMasterKey(HeldKey);

impl PassphraseMasterKey {
    /// Makes a new master key and writes it, sealed, to `path`, which must not exist yet. Takes the time and memory of `cost`.
    ///
    /// # Errors
    /// The passphrase is too short, the file exists or cannot be written, or the random source failed.
    pub fn create(
        path: &Path,
        passphrase: &Secret,
        cost: Cost,
        random: &dyn Random,
    ) -> Result<Self, ProviderError> {
        let long_enough = str::from_utf8(passphrase.expose())
            .is_ok_and(|text| text.chars().count() >= CHARACTERS_MIN);
        if !long_enough {
            return Err(ProviderError::ShortPassphrase);
        }
        let mut salt = [0_u8; SALT_LEN];
        random.fill(&mut salt)?;
        let key = HeldKey::draw(random)?;
        let head = format!(
            "{PREFIX}m={},t={},p={}:{}",
            cost.memory_kib(),
            cost.passes(),
            cost.lanes(),
            hex::encode(salt)
        );
        let sealed = sealing_key(path, passphrase, &salt, cost)?;
        let sealed = sealed.seal(head.as_bytes(), &key, random)?;
        let line = format!("{head}:{}\n", hex::encode(sealed.as_bytes()));
        write_new(path, &Secret::new(line.into_bytes()), random)?;
        Ok(Self(HeldKey::new(key)?))
    }

    /// Opens the master key at `path`. Takes the time and memory that the file says, within bounds.
    ///
    /// # Errors
    /// The file is missing, readable by others, damaged, or the passphrase is another one.
    pub fn open(path: &Path, passphrase: &Secret) -> Result<Self, ProviderError> {
        let text = read_private(path, READ_BYTES_MAX)?;
        let malformed = |problem| ProviderError::Malformed {
            path: path.to_owned(),
            problem,
        };
        if text.expose().starts_with(super::file::PREFIX) {
            return Err(ProviderError::OtherProvider {
                path: path.to_owned(),
                provider: super::file::NAME,
            });
        }
        let line = str::from_utf8(text.expose().trim_ascii()).unwrap_or_default();
        let (head, sealed) = line
            .rsplit_once(':')
            .ok_or_else(|| malformed("is not one of a passphrase"))?;
        let rest = head
            .strip_prefix(PREFIX)
            .ok_or_else(|| malformed("is not one of a passphrase"))?;
        let (cost, salt) = parameters(rest)
            .ok_or_else(|| malformed("has parameters or a salt that cannot be read"))?
            .map_err(|_| malformed("asks for more time or memory than is allowed"))?;
        let sealed =
            hex::decode(sealed).map_err(|_| malformed("has a sealed key that cannot be read"))?;
        let key = sealing_key(path, passphrase, &salt, cost)?
            .open(head.as_bytes(), &Wrapped::from_bytes(sealed))
            .map_err(|_| ProviderError::WrongPassphrase {
                path: path.to_owned(),
            })?;
        if key.len() != DATA_KEY_LEN {
            return Err(malformed("holds no master key"));
        }
        Ok(Self(HeldKey::new(key)?))
    }
}

/// What follows the prefix: cost and salt; an error when the cost is out of bounds, nothing when it cannot be read.
fn parameters(text: &str) -> Option<Result<(Cost, [u8; SALT_LEN]), crate::crypto::CostError>> {
    let (cost, salt) = text.split_once(':')?;
    let mut numbers = cost.split(',');
    let mut number = |name: &str| numbers.next()?.strip_prefix(name)?.parse::<u32>().ok();
    let (memory, passes, lanes) = (number("m=")?, number("t=")?, number("p=")?);
    if numbers.next().is_some() {
        return None;
    }
    let mut bytes = [0_u8; SALT_LEN];
    hex::decode_to_slice(salt, &mut bytes).ok()?;
    Some(Cost::new(memory, passes, lanes).map(|cost| (cost, bytes)))
}

fn sealing_key(
    path: &Path,
    passphrase: &Secret,
    salt: &[u8],
    cost: Cost,
) -> Result<DataKey, ProviderError> {
    let derived = derive(passphrase.expose(), salt, cost, DATA_KEY_LEN);
    let derived = derived.map_err(|_| ProviderError::Malformed {
        path: path.to_owned(),
        problem: "has parameters that cannot be used",
    })?;
    Ok(DataKey::from_secret(derived)?)
}

impl MasterKey for PassphraseMasterKey {
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

impl fmt::Debug for PassphraseMasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PassphraseMasterKey")
    }
}

#[cfg(test)]
mod tests;
