//! Marks of secrets: HMAC-SHA-256 under a key that only this process has and nobody is told.
//!
//! A cache can remember that it has seen a secret by its [`Mark`] and hold nothing from which the secret could be guessed once the
//! process has ended. Nothing here is stored.

use aws_lc_rs::hmac;
use zeroize::Zeroizing;

use super::random::{Random, RandomError};
use super::secret::constant_time_eq;

/// Makes marks.
pub struct KeyedDigest(hmac::Key);

/// The mark of some secret. Its order and hash tell nothing to whoever does not have the key, so it may be looked up in a table.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Mark([u8; 32]);

impl KeyedDigest {
    /// A new key.
    ///
    /// # Errors
    /// The random source failed.
    pub fn new(random: &dyn Random) -> Result<Self, RandomError> {
        let mut key = Zeroizing::new([0_u8; 32]);
        random.fill(&mut *key)?;
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &*key)))
    }

    /// The mark of some parts, each with its length, so that no two lists of parts have the same.
    #[must_use]
    pub fn mark(&self, parts: &[&[u8]]) -> Mark {
        let mut context = hmac::Context::with_key(&self.0);
        for part in parts {
            let length = u64::try_from(part.len()).unwrap_or(u64::MAX);
            context.update(&length.to_be_bytes());
            context.update(part);
        }
        let mut mark = [0_u8; 32];
        for (to, from) in mark.iter_mut().zip(context.sign().as_ref()) {
            *to = *from;
        }
        Mark(mark)
    }
}

impl Mark {
    /// Compares in constant time.
    #[must_use]
    pub fn constant_time_eq(&self, other: &Self) -> bool {
        constant_time_eq(&self.0, &other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::KeyedDigest;
    use crate::crypto::random::{BrokenRandom, SeededRandom};

    #[test]
    fn marks_tell_secrets_places_and_processes_apart() {
        let ours = KeyedDigest::new(&SeededRandom::new(1)).unwrap();
        let theirs = KeyedDigest::new(&SeededRandom::new(2)).unwrap();
        let mark = ours.mark(&[b"ab", b"c"]);
        assert!(mark.constant_time_eq(&ours.mark(&[b"ab", b"c"])));
        assert!(!mark.constant_time_eq(&ours.mark(&[b"a", b"bc"])));
        assert!(!mark.constant_time_eq(&theirs.mark(&[b"ab", b"c"])));
        assert!(KeyedDigest::new(&BrokenRandom).is_err());
    }
}
