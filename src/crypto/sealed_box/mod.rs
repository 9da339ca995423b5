//! What only the holder of a private key opens: HPKE (RFC 9180) with DHKEM(X25519, HKDF-SHA256), HKDF-SHA256 and AES-256-GCM, in base mode.
//!
//! Whoever seals needs the public key alone, so that a server can seal what it cannot open itself. `info` names what the whole is for, the
//! associated data of a message its place in it. One value is sealed by [`Recipient::seal`]; many messages in one context, in their order, by
//! [`BoxSealer`]. The key of each context is drawn by the library from the system; key pairs are drawn from the source that is passed in.

use std::fmt;

use aws_lc_rs::agreement::{PrivateKey, X25519};
use rustls::crypto::aws_lc_rs::hpke::DH_KEM_X25519_HKDF_SHA256_AES_256 as SUITE;
use rustls::crypto::hpke::{
    EncapsulatedSecret, Hpke as _, HpkeOpener, HpkePrivateKey, HpkePublicKey, HpkeSealer,
};

use super::digest::sha256;
use super::random::{Random, RandomError};
use super::secret::Secret;

// Stored state: a sealed value is `version || encapsulated key || ciphertext with its tag`. Changing the suite needs a new version.
const FORMAT_VERSION: u8 = 1;

/// Length of a public key, a private key and an encapsulated key, in bytes.
pub const BOX_KEY_LEN: usize = 32;

/// Why something was not sealed or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BoxError {
    /// It is no key of X25519.
    #[error("the key is not a usable X25519 key of 32 bytes")]
    Key,
    /// The value is shorter than any sealed value.
    #[error("the sealed value is too short: it was cut off")]
    TooShort,
    /// The value was written in a format this release does not know.
    #[error("the sealed value has format version {0}, this release knows version 1")]
    UnknownVersion(u8),
    /// The key, purpose or place is another one, or the value was altered: which, cannot be known.
    #[error("the sealed value does not open: it was altered, moved, or sealed to another key")]
    NotAuthentic,
    /// The cipher refused to seal.
    #[error("the value cannot be sealed")]
    Seal,
    /// The random source failed.
    #[error(transparent)]
    Random(#[from] RandomError),
}

/// The public key that things are sealed to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Recipient([u8; BOX_KEY_LEN]);

impl Recipient {
    /// Takes over stored bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; BOX_KEY_LEN]) -> Self {
        Self(bytes)
    }

    /// The bytes to store.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; BOX_KEY_LEN] {
        &self.0
    }

    /// What tells one key from another: the first eight bytes of its SHA-256.
    #[must_use]
    pub fn id(&self) -> [u8; 8] {
        let [a, b, c, d, e, f, g, h, ..] = sha256(&[&self.0]);
        [a, b, c, d, e, f, g, h]
    }

    /// Seals one value for a purpose and a place.
    ///
    /// # Errors
    /// The key is none, or the cipher refuses.
    pub fn seal(&self, info: &[u8], aad: &[u8], plain: &Secret) -> Result<Vec<u8>, BoxError> {
        let (key, mut sealer) = self.sealer(info)?;
        let ciphertext = sealer.seal(aad, plain.expose())?;
        Ok([&[FORMAT_VERSION][..], &key, &ciphertext].concat())
    }

    /// Begins a context: the encapsulated key, which the recipient needs first, and what seals the messages.
    ///
    /// # Errors
    /// The key is none.
    pub fn sealer(&self, info: &[u8]) -> Result<([u8; BOX_KEY_LEN], BoxSealer), BoxError> {
        let key = HpkePublicKey(self.0.to_vec());
        let (encapsulated, sealer) = SUITE.setup_sealer(info, &key).map_err(|_| BoxError::Key)?;
        let encapsulated = encapsulated.0.try_into().map_err(|_| BoxError::Seal)?;
        Ok((encapsulated, BoxSealer(sealer)))
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recipient({})", hex::encode(self.id()))
    }
}

/// Seals messages in their order. A sealed message is 16 bytes longer than its content.
#[derive(Debug)]
pub struct BoxSealer(Box<dyn HpkeSealer>);

impl BoxSealer {
    /// Seals the next message.
    ///
    /// # Errors
    /// The cipher refuses.
    pub fn seal(&mut self, aad: &[u8], plain: &[u8]) -> Result<Vec<u8>, BoxError> {
        self.0.seal(aad, plain).map_err(|_| BoxError::Seal)
    }
}

/// Opens messages in the order in which they were sealed.
#[derive(Debug)]
pub struct BoxOpener(Box<dyn HpkeOpener>);

impl BoxOpener {
    /// Opens the next message.
    ///
    /// # Errors
    /// It is not the next message of this context, or was altered.
    pub fn open(&mut self, aad: &[u8], sealed: &[u8]) -> Result<Secret, BoxError> {
        let opened = self.0.open(aad, sealed);
        opened.map(Secret::new).map_err(|_| BoxError::NotAuthentic)
    }
}

/// The private key that opens what was sealed to its public key.
pub struct RecipientKey {
    secret: Secret,
    public: Recipient,
}

impl RecipientKey {
    /// Draws a new key.
    ///
    /// # Errors
    /// The random source failed.
    pub fn draw(random: &dyn Random) -> Result<Self, BoxError> {
        let mut bytes = vec![0_u8; BOX_KEY_LEN];
        let filled = random.fill(&mut bytes);
        let secret = Secret::new(bytes);
        filled?;
        Self::from_secret(secret)
    }

    /// Takes a private key of 32 bytes.
    ///
    /// # Errors
    /// It has another length.
    pub fn from_secret(secret: Secret) -> Result<Self, BoxError> {
        let key = PrivateKey::from_private_key(&X25519, secret.expose());
        let public = key.and_then(|key| Ok(key.compute_public_key()?));
        let public = public.map_err(|_| BoxError::Key)?;
        let public = public.as_ref().try_into().map_err(|_| BoxError::Key)?;
        Ok(Self {
            secret,
            public: Recipient(public),
        })
    }

    /// The public key.
    #[must_use]
    pub const fn recipient(&self) -> Recipient {
        self.public
    }

    /// The private key as bytes, to be split.
    #[must_use]
    pub const fn secret(&self) -> &Secret {
        &self.secret
    }

    /// Opens what [`Recipient::seal`] sealed for the same purpose and place.
    ///
    /// # Errors
    /// The value is malformed, or does not authenticate.
    pub fn open(&self, info: &[u8], aad: &[u8], sealed: &[u8]) -> Result<Secret, BoxError> {
        let (version, rest) = sealed.split_first().ok_or(BoxError::TooShort)?;
        if *version != FORMAT_VERSION {
            return Err(BoxError::UnknownVersion(*version));
        }
        let (encapsulated, ciphertext) = rest.split_first_chunk().ok_or(BoxError::TooShort)?;
        self.opener(encapsulated, info)?.open(aad, ciphertext)
    }

    /// Goes on with a context that [`Recipient::sealer`] began.
    ///
    /// # Errors
    /// The encapsulated key is none.
    pub fn opener(
        &self,
        encapsulated: &[u8; BOX_KEY_LEN],
        info: &[u8],
    ) -> Result<BoxOpener, BoxError> {
        let key = HpkePrivateKey::from(self.secret.expose().to_vec());
        let opener = SUITE.setup_opener(&EncapsulatedSecret(encapsulated.to_vec()), info, &key);
        opener.map(BoxOpener).map_err(|_| BoxError::NotAuthentic)
    }
}

impl fmt::Debug for RecipientKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RecipientKey of {:?}", self.public)
    }
}

#[cfg(test)]
mod tests;
