//! The slow hash of a password, as it is stored: Argon2id with its parameters and salt, in the PHC string format.
//!
//! The text prints nowhere: whoever has it can guess at leisure. A text from outside is checked, its cost too, when it is parsed.

use std::fmt;

use argon2::password_hash::{Ident, Output, ParamsString, PasswordHash as Phc, SaltString};
use argon2::{ARGON2ID_IDENT, Version};
use serde::{Deserialize, Serialize};

use super::argon2id::{Cost, CostError, derive};
use super::random::{Random, RandomError};
use super::secret::constant_time_eq;

const SALT_LEN: usize = 16;
const HASH_LEN: usize = 32;

/// The hash of one password.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PasswordHash {
    text: String,
    cost: Cost,
    salt: Vec<u8>,
    hash: Vec<u8>,
}

/// A password cannot be hashed, or a text is no hash of one. Never says what was in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// The text is not an Argon2id hash in PHC form.
    #[error("not an Argon2id hash in PHC form")]
    Malformed,
    /// Its cost is out of bounds.
    #[error(transparent)]
    Cost(#[from] CostError),
    /// The random source failed.
    #[error(transparent)]
    Random(#[from] RandomError),
}

impl PasswordHash {
    /// Hashes a password under a new salt.
    ///
    /// # Errors
    /// The random source failed.
    pub fn make(password: &[u8], cost: Cost, random: &dyn Random) -> Result<Self, PasswordError> {
        let mut salt = [0_u8; SALT_LEN];
        random.fill(&mut salt)?;
        let hash = derive(password, &salt, cost, HASH_LEN)?;
        let text = phc(cost, &salt, hash.expose()).map_err(|_| PasswordError::Malformed)?;
        Self::parse(&text)
    }

    /// Reads a PHC string.
    ///
    /// # Errors
    /// It is not one of Argon2id, or its cost is out of bounds.
    pub fn parse(text: &str) -> Result<Self, PasswordError> {
        let malformed = |_| PasswordError::Malformed;
        let phc = Phc::new(text).map_err(malformed)?;
        let is_ours = phc.algorithm == ARGON2ID_IDENT && phc.version == Some(Version::V0x13.into());
        let number = |name| phc.params.get_decimal(Ident::new_unwrap(name));
        let (true, Some(memory), Some(passes), Some(lanes), Some(salt), Some(hash)) = (
            is_ours,
            number("m"),
            number("t"),
            number("p"),
            phc.salt,
            phc.hash,
        ) else {
            return Err(PasswordError::Malformed);
        };
        let cost = Cost::new(memory, passes, lanes)?;
        let mut buffer = [0_u8; 64];
        let salt = salt.decode_b64(&mut buffer).map_err(malformed)?;
        if salt.len() < 8 {
            return Err(PasswordError::Malformed);
        }
        Ok(Self {
            cost,
            salt: salt.to_vec(),
            hash: hash.as_bytes().to_vec(),
            text: text.to_owned(),
        })
    }

    /// The PHC string, to be stored.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether this is the password's hash. Takes the time and the memory of its cost, whatever the answer.
    #[must_use]
    pub fn is_of(&self, password: &[u8]) -> bool {
        derive(password, &self.salt, self.cost, self.hash.len())
            .is_ok_and(|derived| constant_time_eq(derived.expose(), &self.hash))
    }
}

fn phc(cost: Cost, salt: &[u8], hash: &[u8]) -> argon2::password_hash::Result<String> {
    let salt = SaltString::encode_b64(salt)?;
    let mut params = ParamsString::new();
    params.add_decimal("m", cost.memory_kib())?;
    params.add_decimal("t", cost.passes())?;
    params.add_decimal("p", cost.lanes())?;
    let phc = Phc {
        algorithm: ARGON2ID_IDENT,
        version: Some(Version::V0x13.into()),
        params,
        salt: Some(salt.as_salt()),
        hash: Some(Output::new(hash)?),
    };
    Ok(phc.to_string())
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(..)")
    }
}

impl TryFrom<String> for PasswordHash {
    type Error = PasswordError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<PasswordHash> for String {
    fn from(hash: PasswordHash) -> Self {
        hash.text
    }
}

#[cfg(test)]
mod tests {
    use super::{PasswordError, PasswordHash};
    use crate::crypto::random::{BrokenRandom, SeededRandom};
    use crate::crypto::{Cost, CostError};

    fn cheap() -> Cost {
        Cost::new(64, 1, 1).unwrap()
    }

    #[test]
    fn a_password_is_known_again_and_no_other() {
        let hash = PasswordHash::make(b"word", cheap(), &SeededRandom::new(1)).unwrap();
        let read = PasswordHash::parse(hash.as_str()).unwrap();
        assert_eq!(read, hash);
        assert!(read.is_of(b"word"));
        assert!(!read.is_of(b"wort"));
        assert!(!read.is_of(b""));
        let again = PasswordHash::make(b"word", cheap(), &SeededRandom::new(2)).unwrap();
        assert_ne!(again, hash, "each has a salt of its own");
    }

    #[test]
    fn a_hash_of_another_implementation_is_read() {
        // As OpenSSL computes it.
        let hash = PasswordHash::parse("$argon2id$v=19$m=64,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$Gpj7qOY5RCXJvcMzqcdQqvgR3wcPX7SleI4c9NtXk6E").unwrap();
        assert!(hash.is_of(b"password"));
    }

    #[test]
    fn nothing_of_a_hash_is_printed() {
        let hash = PasswordHash::make(b"word", cheap(), &SeededRandom::new(1)).unwrap();
        assert_eq!(
            format!("{hash:?} {hash:#?}"),
            "PasswordHash(..) PasswordHash(..)"
        );
    }

    #[test]
    fn what_is_no_hash_or_costs_too_much_is_refused() {
        let hash = PasswordHash::make(b"word", cheap(), &SeededRandom::new(1)).unwrap();
        let text = hash.as_str();
        for bad in [
            String::new(),
            "word".to_owned(),
            text.replace("argon2id", "argon2i"),
            text.replace("v=19", "v=16"),
            text.replace("m=64,", ""),
            text.rsplit_once('$').unwrap().0.to_owned(),
        ] {
            let refused = PasswordHash::parse(&bad);
            assert_eq!(refused, Err(PasswordError::Malformed), "{bad}");
        }
        for dear in ["m=4294967295", "m=1048577"] {
            let refused = PasswordHash::parse(&text.replace("m=64", dear));
            assert_eq!(refused, Err(PasswordError::Cost(CostError)), "{dear}");
        }
        let lanes = text.replace("p=1", "p=536870912");
        assert_eq!(
            PasswordHash::parse(&lanes),
            Err(PasswordError::Cost(CostError))
        );
        let broken = PasswordHash::make(b"word", cheap(), &BrokenRandom);
        assert!(matches!(broken, Err(PasswordError::Random(_))));
    }
}
