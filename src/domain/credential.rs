//! The user name and password an instance may ask for beside the certificate.
//!
//! Held as a hash that is slow to compute; who computes it, when and how often is decided elsewhere.

use std::fmt;

use crate::crypto::PasswordHash;
use crate::crypto::secret::constant_time_eq;

/// The credential of an instance. Each one set is another, even with the same password: its hash has a salt of its own.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential {
    /// The user name; may be empty, as in vCenter's dialog.
    pub username: String,
    /// The hash of the password.
    pub password: PasswordHash,
}

impl Credential {
    /// The most bytes of a user name.
    pub const USERNAME_BYTES_MAX: usize = 255;
    /// The most bytes of a password.
    pub const PASSWORD_BYTES_MAX: usize = 1024;

    /// Whether a user name and a password can be a credential at all: cheap, and the same for every credential.
    #[must_use]
    pub const fn could_be(username: &str, password: &str) -> bool {
        username.len() <= Self::USERNAME_BYTES_MAX
            && !password.is_empty()
            && password.len() <= Self::PASSWORD_BYTES_MAX
    }

    /// Whether these are its user name and password. Takes the time and memory of the hash whatever the answer, so that neither a wrong
    /// name nor a wrong password can be told by it.
    #[must_use]
    pub fn is(&self, username: &[u8], password: &[u8]) -> bool {
        let named = constant_time_eq(self.username.as_bytes(), username);
        self.password.is_of(password) & named
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credential(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::Credential;
    use crate::crypto::{Cost, PasswordHash, SystemRandom};

    #[test]
    fn name_and_password_must_both_be_right() {
        let cost = Cost::new(64, 1, 1).unwrap();
        let credential = Credential {
            username: "vcenter".to_owned(),
            password: PasswordHash::make(b"word", cost, &SystemRandom).unwrap(),
        };
        assert!(credential.is(b"vcenter", b"word"));
        for (username, password) in [("vcenter", "wort"), ("vcente", "word"), ("", "word")] {
            assert!(!credential.is(username.as_bytes(), password.as_bytes()));
        }
        assert_eq!(format!("{credential:?}"), "Credential(..)");
    }

    #[test]
    fn what_is_too_long_or_empty_is_no_credential() {
        let long = "x".repeat(Credential::PASSWORD_BYTES_MAX + 1);
        assert!(Credential::could_be("", "word"));
        assert!(!Credential::could_be("vcenter", ""));
        assert!(!Credential::could_be("vcenter", &long));
        assert!(!Credential::could_be(&long, "word"));
    }
}
