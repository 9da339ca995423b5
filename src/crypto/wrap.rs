//! AES-256-GCM for what is kept at rest: object material under a data key, data keys under a master key.
//!
//! A [`Wrapped`] value carries everything but key and associated data, which tie it to its place:
//! a value moved to another object, or altered by one bit, does not open. Nonces are random, 96 bits,
//! so one key must not seal more than 2^32 values (NIST SP 800-38D §8.3); an instance gets a new
//! epoch, hence a new data key, long before. This module does not decide which key belongs to what.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

use super::random::{Random, RandomError};
use super::secret::Secret;

// Stored state: the layout is `version || nonce || ciphertext || tag`, and the version is also the
// first byte of the associated data of objects. Changing either needs a migration and a new version.
const FORMAT_VERSION: u8 = 1;
const HEADER_LEN: usize = 1 + NONCE_LEN;
const TAG_LEN: usize = 16;

/// Length of a data key in bytes.
pub const DATA_KEY_LEN: usize = 32;

/// A sealed value as it is stored: format version, nonce, ciphertext, tag.
#[derive(Clone, PartialEq, Eq)]
pub struct Wrapped(Vec<u8>);

impl Wrapped {
    /// Takes over stored bytes; they are checked when the value is opened.
    #[must_use]
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The bytes to store.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Wrapped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Wrapped({} bytes)", self.0.len())
    }
}

/// Why a value was not sealed or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WrapError {
    /// A key for AES-256 has another length; the field is the length found, in bytes.
    #[error("a key of 32 bytes is needed, this one has {0}")]
    KeyLength(usize),
    /// The value is shorter than any sealed value.
    #[error("the sealed value is too short: it was cut off")]
    TooShort,
    /// The value was written in a format this release does not know.
    #[error("the sealed value has format version {0}, this release knows version 1")]
    UnknownVersion(u8),
    /// The key or the associated data is another one, or the value was altered: which, cannot be known.
    #[error("the sealed value does not open: it was altered, moved, or sealed under another key")]
    NotAuthentic,
    /// The cipher refused to seal, which happens only beyond its length limit of 64 GiB.
    #[error("the value cannot be sealed")]
    Seal,
    /// The random source failed.
    #[error(transparent)]
    Random(#[from] RandomError),
}

/// A key that seals and opens values, with its key schedule computed once.
pub struct DataKey {
    key: LessSafeKey,
}

impl DataKey {
    /// Makes a new key, and its bytes so that they can be wrapped in turn.
    ///
    /// # Errors
    /// The random source failed.
    pub fn generate(random: &dyn Random) -> Result<(Self, Secret), WrapError> {
        let mut bytes = vec![0_u8; DATA_KEY_LEN];
        random.fill(&mut bytes)?;
        let secret = Secret::new(bytes);
        Ok((Self::from_bytes(secret.expose())?, secret))
    }

    /// Takes a key of 32 bytes.
    ///
    /// # Errors
    /// [`WrapError::KeyLength`] for any other length.
    pub fn from_secret(secret: Secret) -> Result<Self, WrapError> {
        let key = Self::from_bytes(secret.expose());
        drop(secret);
        key
    }

    /// Seals `plain` for the place that `aad` names.
    ///
    /// # Errors
    /// The random source failed.
    pub fn seal(
        &self,
        aad: &[u8],
        plain: &Secret,
        random: &dyn Random,
    ) -> Result<Wrapped, WrapError> {
        let mut nonce = [0_u8; NONCE_LEN];
        random.fill(&mut nonce)?;
        let mut bytes = vec![0_u8; HEADER_LEN + plain.len() + TAG_LEN];
        let (header, rest) = bytes.split_at_mut(HEADER_LEN);
        let (version, nonce_field) = header.split_at_mut(1);
        version.copy_from_slice(&[FORMAT_VERSION]);
        nonce_field.copy_from_slice(&nonce);
        let (ciphertext, tag) = rest.split_at_mut(plain.len());
        let nonce = Nonce::assume_unique_for_key(nonce);
        self.key
            .seal_out_of_place_scatter(nonce, Aad::from(aad), plain.expose(), ciphertext, &[], tag)
            .map_err(|_| WrapError::Seal)?;
        Ok(Wrapped(bytes))
    }

    /// Opens what [`DataKey::seal`] sealed under the same key and `aad`.
    ///
    /// # Errors
    /// The value is malformed, or does not authenticate.
    pub fn open(&self, aad: &[u8], wrapped: &Wrapped) -> Result<Secret, WrapError> {
        let (version, rest) = wrapped.0.split_first().ok_or(WrapError::TooShort)?;
        if *version != FORMAT_VERSION {
            return Err(WrapError::UnknownVersion(*version));
        }
        let (nonce, sealed) = rest
            .split_first_chunk::<NONCE_LEN>()
            .ok_or(WrapError::TooShort)?;
        let (ciphertext, tag) = sealed
            .split_last_chunk::<TAG_LEN>()
            .ok_or(WrapError::TooShort)?;
        let mut plain = vec![0_u8; ciphertext.len()];
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let opened =
            self.key
                .open_separate_gather(nonce, Aad::from(aad), ciphertext, tag, &mut plain);
        // Wrapped before the verdict, so that a failed attempt is overwritten too.
        let plain = Secret::new(plain);
        opened.map(|()| plain).map_err(|_| WrapError::NotAuthentic)
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, WrapError> {
        let unbound =
            UnboundKey::new(&AES_256_GCM, bytes).map_err(|_| WrapError::KeyLength(bytes.len()))?;
        Ok(Self {
            key: LessSafeKey::new(unbound),
        })
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataKey")
    }
}

/// The associated data of an object's material: format version and object id.
#[must_use]
pub fn object_aad(object_id: &[u8; 16]) -> [u8; 17] {
    let mut aad = [FORMAT_VERSION; 17];
    if let Some((_, id)) = aad.split_first_mut() {
        id.copy_from_slice(object_id);
    }
    aad
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::super::random::{BrokenRandom, RandomError, SeededRandom, SystemRandom};
    use super::{DataKey, WrapError, Wrapped, object_aad};
    use crate::crypto::Secret;

    fn key(fill: u8) -> DataKey {
        DataKey::from_secret(Secret::new(vec![fill; 32])).unwrap()
    }

    #[test]
    fn what_was_sealed_opens_under_the_same_key_and_place() {
        let (key, secret) = DataKey::generate(&SystemRandom).unwrap();
        let again = DataKey::from_secret(secret).unwrap();
        for length in [0, 1, 16, 32, 5000] {
            let plain = Secret::new(vec![0xa5; length]);
            let wrapped = key.seal(b"place", &plain, &SystemRandom).unwrap();
            assert_eq!(wrapped.as_bytes().len(), 1 + 12 + length + 16);
            let stored = Wrapped::from_bytes(wrapped.as_bytes().to_vec());
            assert!(
                again
                    .open(b"place", &stored)
                    .unwrap()
                    .constant_time_eq(&plain)
            );
        }
    }

    #[test]
    fn another_place_or_another_key_does_not_open() {
        let plain = Secret::new(vec![1; 32]);
        let wrapped = key(1)
            .seal(&object_aad(&[7; 16]), &plain, &SystemRandom)
            .unwrap();
        assert!(key(1).open(&object_aad(&[7; 16]), &wrapped).is_ok());
        let moved = key(1).open(&object_aad(&[8; 16]), &wrapped).err();
        assert_eq!(moved, Some(WrapError::NotAuthentic));
        let other = key(2).open(&object_aad(&[7; 16]), &wrapped).err();
        assert_eq!(other, Some(WrapError::NotAuthentic));
    }

    #[test]
    fn no_flipped_bit_and_no_cut_is_accepted() {
        let plain = Secret::new(b"key material".to_vec());
        let wrapped = key(1).seal(b"", &plain, &SystemRandom).unwrap();
        let bytes = wrapped.as_bytes();
        for bit in 0..bytes.len() * 8 {
            let mut altered = bytes.to_vec();
            altered[bit / 8] ^= 1 << (bit % 8);
            assert!(
                key(1).open(b"", &Wrapped::from_bytes(altered)).is_err(),
                "bit {bit}"
            );
        }
        for length in 0..bytes.len() {
            let cut = Wrapped::from_bytes(bytes[..length].to_vec());
            assert!(key(1).open(b"", &cut).is_err(), "{length} bytes");
        }
    }

    #[test]
    fn malformed_values_say_what_is_wrong() {
        let open = |bytes: Vec<u8>| key(1).open(b"", &Wrapped::from_bytes(bytes)).err();
        assert_eq!(open(vec![]), Some(WrapError::TooShort));
        assert_eq!(open(vec![1; 28]), Some(WrapError::TooShort));
        assert_eq!(open(vec![9; 60]), Some(WrapError::UnknownVersion(9)));
        let short = DataKey::from_secret(Secret::new(vec![0; 16])).err();
        assert_eq!(short, Some(WrapError::KeyLength(16)));
    }

    #[test]
    fn every_seal_takes_a_new_nonce() {
        let (key, plain) = (key(1), Secret::new(vec![0; 16]));
        let nonces: HashSet<Vec<u8>> = (0..1000)
            .map(|_| key.seal(b"", &plain, &SystemRandom).unwrap().as_bytes()[1..13].to_vec())
            .collect();
        assert_eq!(nonces.len(), 1000);
        assert_eq!(
            key.seal(b"", &plain, &BrokenRandom).err(),
            Some(WrapError::Random(RandomError))
        );
    }

    #[test]
    fn the_stored_encoding_does_not_change_between_releases() {
        let plain = Secret::new(b"plain".to_vec());
        let aad = object_aad(&[3; 16]);
        let wrapped = key(1).seal(&aad, &plain, &SeededRandom::new(1)).unwrap();
        let expected = "01783825822a6f9e62da2190e8663fef1fb3f76cd8485d77071658b7ee8d7498b6fe";
        assert_eq!(hex::encode(wrapped.as_bytes()), expected);
    }

    #[test]
    fn debug_prints_no_content() {
        assert_eq!(
            format!("{:?}", Wrapped::from_bytes(vec![1; 40])),
            "Wrapped(40 bytes)"
        );
        assert_eq!(format!("{:?}", key(1)), "DataKey");
    }
}
