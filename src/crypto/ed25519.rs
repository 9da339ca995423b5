//! Ed25519 signatures (RFC 8032), for the checkpoints of the trail.
//!
//! It signs and verifies bytes and knows nothing of what they say.

use std::fmt;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};

use super::random::{Random, RandomError};
use super::secret::Secret;

/// Length of a private key's seed, and of a public key, in bytes.
pub const ED25519_KEY_LEN: usize = 32;
/// Length of a signature in bytes.
pub const ED25519_SIGNATURE_LEN: usize = 64;

/// The seed of a private key has another length than [`ED25519_KEY_LEN`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a signing key of 32 bytes is needed")]
pub struct SigningKeyError;

/// A private key.
pub struct SigningKey(Ed25519KeyPair);

impl SigningKey {
    /// The seed of a new private key.
    ///
    /// # Errors
    /// The random source failed.
    pub fn draw(random: &dyn Random) -> Result<Secret, RandomError> {
        let mut seed = vec![0_u8; ED25519_KEY_LEN];
        let filled = random.fill(&mut seed);
        let seed = Secret::new(seed);
        filled?;
        Ok(seed)
    }

    /// The private key of a seed.
    ///
    /// # Errors
    /// The seed has another length.
    pub fn from_seed(seed: &Secret) -> Result<Self, SigningKeyError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed.expose());
        Ok(Self(pair.map_err(|_| SigningKeyError)?))
    }

    /// Its public key.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        let mut bytes = [0; ED25519_KEY_LEN];
        bytes.copy_from_slice(self.0.public_key().as_ref());
        PublicKey(bytes)
    }

    /// The signature of `message`.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> [u8; ED25519_SIGNATURE_LEN] {
        let mut bytes = [0; ED25519_SIGNATURE_LEN];
        bytes.copy_from_slice(self.0.sign(message).as_ref());
        bytes
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey")
    }
}

/// A public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicKey([u8; ED25519_KEY_LEN]);

impl PublicKey {
    /// Takes the bytes of a public key; whether they are a point shows when a signature is verified.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; ED25519_KEY_LEN]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; ED25519_KEY_LEN] {
        &self.0
    }

    /// Whether `signature` is one of `message` by this key.
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let key = UnparsedPublicKey::new(&ED25519, &self.0);
        key.verify(message, signature).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_signs_as_the_second_vector_of_rfc_8032() {
        let seed = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb";
        let key = SigningKey::from_seed(&Secret::new(hex::decode(seed).unwrap())).unwrap();
        assert_eq!(
            hex::encode(key.public_key().as_bytes()),
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
        );
        let signature = key.sign(&[0x72]);
        assert_eq!(
            hex::encode(signature),
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
             085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
        );
        assert!(key.public_key().verifies(&[0x72], &signature));
        assert!(!key.public_key().verifies(&[0x73], &signature));
        assert!(!key.public_key().verifies(&[0x72], &signature[1..]));
    }

    #[test]
    fn a_seed_of_another_length_is_refused() {
        for length in [0, 31, 33] {
            assert!(SigningKey::from_seed(&Secret::new(vec![1; length])).is_err());
        }
    }
}
