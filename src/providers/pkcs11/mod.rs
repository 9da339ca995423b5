//! Provider `pkcs11`: the master key is made in a token and never leaves it; the token itself wraps and unwraps.
//!
//! `master.key` says which key of which token it is, and holds a value that the key wrapped: that it opens is the check at every start that the
//! token has the right key and does what it is there for. The key cannot be extracted, so a lost token is a lost master key: recovery shares
//! are what helps then. Values are sealed by the token's AES-GCM with a random nonce of 96 bits.

mod login;
mod token;
mod worker;

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use cryptoki::object::ObjectHandle;
use serde::{Deserialize, Serialize};

use super::held_key::HeldKey;
use super::key_file::{read_private, write_new};
use super::{MasterKey, ProviderError};
use crate::crypto::check_value::check_value;
use crate::crypto::{Random, Secret, Wrapped};
use login::Pin;
use token::{KeyId, Token};
use worker::Worker;

// Stored state: `PREFIX serial number of the token, hex : id of the key, hex : wrapped check, hex`, without spaces, in one line.
pub(super) const PREFIX: &str = "keyledger-master-key-pkcs11-v1:";
/// Bytes read of a file at most: more than any such line has.
const READ_BYTES_MAX: usize = 4096;
/// What binds the wrapped check to its place.
const CHECK_PLACE: &[u8] = b"keyledger-master-key-check-v1";

// Stored state: `version || nonce || ciphertext with its tag`.
const FORMAT_VERSION: u8 = 3;
const NONCE_LEN: usize = 12;

/// The provider's name.
pub const NAME: &str = "pkcs11";

/// `[master-key.pkcs11]`: which token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Config {
    /// The library of the token's maker, as an absolute path.
    pub module: String,
    /// The token by its label; empty: by what follows.
    pub token_label: String,
    /// The token by its serial number; empty: by its slot.
    pub token_serial: String,
    /// The token by its slot; -1: the only token there is.
    pub slot: i64,
    /// The label of keys that are made.
    pub key_label: String,
    /// The file the PIN is read from; empty: it is given at start.
    pub pin_file: String,
    /// Seconds the token may take to answer.
    pub answer_seconds: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            module: String::new(),
            token_label: String::new(),
            token_serial: String::new(),
            slot: -1,
            key_label: "keyledger".to_owned(),
            pin_file: String::new(),
            answer_seconds: 10,
        }
    }
}

/// A master key in a token.
pub struct TokenMasterKey {
    worker: Worker<Token>,
    id: KeyId,
    check_value: [u8; 16],
}

impl TokenMasterKey {
    /// Has the token make a key, and writes to `path`, which must not exist yet, which one it is.
    ///
    /// # Errors
    /// The token is not there, lacks AES-GCM or refuses; or the file exists or cannot be written.
    pub fn create(
        path: &Path,
        config: &Config,
        pin: &Secret,
        random: &dyn Random,
    ) -> Result<Self, ProviderError> {
        let mut id: KeyId = [0; 16];
        random.fill(&mut id)?;
        // Who has a key made is there, or has just given the PIN.
        let mut made = Self {
            worker: worker(config, None, Pin::new(pin, true)?)?,
            id,
            check_value: [0; 16],
        };
        let written = made.make(path, config.key_label.clone(), random);
        if written.is_err() {
            made.discard();
        }
        written.map(|()| made)
    }

    fn make(
        &mut self,
        path: &Path,
        label: String,
        random: &dyn Random,
    ) -> Result<(), ProviderError> {
        let id = self.id;
        let serial = self.worker.call(move |token| {
            token.make_key(&id, &label)?;
            Ok(token.serial().to_owned())
        })?;
        let check = HeldKey::draw(random)?;
        self.check_value = check_value(&check);
        let wrapped = self.wrap(&check, CHECK_PLACE, random)?;
        if !self.unwrap(&wrapped, CHECK_PLACE)?.constant_time_eq(&check) {
            return Err(ProviderError::Token(
                "it does not open what it has sealed".to_owned(),
            ));
        }
        let parts = [serial.as_bytes(), &id, wrapped.as_bytes()].map(hex::encode);
        let line = format!("{PREFIX}{}\n", parts.join(":"));
        write_new(path, &Secret::new(line.into_bytes()), random)
    }

    /// Removes the key that was made, or may have been, and that no file names. A token that does not answer now does it when it comes back.
    fn discard(&self) {
        let id = self.id;
        if self.worker.call(move |token| token.destroy(&id)).is_ok() {
            return;
        }
        let left = move |error| {
            let id = hex::encode(id);
            tracing::warn!(id, %error, "A key that nothing uses may be left in the token.");
        };
        self.worker.leave(move |token| token.destroy(&id), left);
    }

    /// Opens the master key that the file at `path` names, and has the token unwrap its check. A token that was given a wrong PIN before is asked
    /// to take this one only where it `is_attended`.
    ///
    /// # Errors
    /// The file is missing, readable by others or damaged; the token is not there, refuses the PIN, or does not have the key.
    pub fn open(
        path: &Path,
        config: &Config,
        pin: &Secret,
        is_attended: bool,
    ) -> Result<Self, ProviderError> {
        let text = read_private(path, READ_BYTES_MAX)?;
        let malformed = || ProviderError::Malformed {
            path: path.to_owned(),
            problem: "does not name a key of a token",
        };
        let line = str::from_utf8(text.expose().trim_ascii()).unwrap_or_default();
        let line = line.strip_prefix(PREFIX).ok_or_else(malformed)?;
        let parts: Vec<_> = line.split(':').map(hex::decode).collect();
        let [Ok(serial), Ok(id), Ok(check)] = &parts[..] else {
            return Err(malformed());
        };
        let serial = str::from_utf8(serial).map_err(|_| malformed())?;
        let id: KeyId = id.as_slice().try_into().map_err(|_| malformed())?;
        let mut opened = Self {
            worker: worker(config, Some(serial), Pin::new(pin, is_attended)?)?,
            id,
            check_value: [0; 16],
        };
        let check = Wrapped::from_bytes(check.clone());
        let check = opened.unwrap(&check, CHECK_PLACE)?;
        opened.check_value = check_value(&check);
        Ok(opened)
    }

    fn with_key<T: Send + 'static>(
        &self,
        work: impl Fn(&mut Token, ObjectHandle) -> Result<T, token::Trouble> + Send + 'static,
    ) -> Result<T, ProviderError> {
        let id = self.id;
        self.worker.call(move |token| {
            let key = token.key(&id)?;
            work(token, key)
        })
    }
}

fn worker(config: &Config, serial: Option<&str>, pin: Pin) -> Result<Worker<Token>, ProviderError> {
    let (config, serial) = (config.clone(), serial.map(str::to_owned));
    let limit = Duration::from_secs(config.answer_seconds);
    let open = move || Token::open(&config, serial.as_deref(), &pin);
    Worker::start(open, limit)
}

impl MasterKey for TokenMasterKey {
    fn name(&self) -> &'static str {
        NAME
    }

    fn wrap(
        &self,
        plain: &Secret,
        aad: &[u8],
        random: &dyn Random,
    ) -> Result<Wrapped, ProviderError> {
        let mut nonce = [0; NONCE_LEN];
        random.fill(&mut nonce)?;
        let plain = Arc::new(Secret::new(plain.expose().to_vec()));
        let aad = aad.to_vec();
        let sealed =
            self.with_key(move |token, key| token.seal(key, nonce, &aad, plain.expose()))?;
        let (nonce, sealed) = sealed;
        Ok(Wrapped::from_bytes(
            [&[FORMAT_VERSION][..], &nonce, &sealed].concat(),
        ))
    }

    fn unwrap(&self, wrapped: &Wrapped, aad: &[u8]) -> Result<Secret, ProviderError> {
        let parts = wrapped.as_bytes().split_first();
        let sealed = parts.filter(|(version, _)| **version == FORMAT_VERSION);
        let sealed = sealed.and_then(|(_, rest)| rest.split_first_chunk::<NONCE_LEN>());
        let (nonce, sealed) = sealed.ok_or(ProviderError::WrongKey)?;
        let (nonce, sealed, aad) = (*nonce, sealed.to_vec(), aad.to_vec());
        self.with_key(move |token, key| token.open_sealed(key, nonce, &aad, &sealed))
    }

    fn check_value(&self) -> [u8; 16] {
        self.check_value
    }
}

impl fmt::Debug for TokenMasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenMasterKey")
    }
}

#[cfg(test)]
mod tests;
