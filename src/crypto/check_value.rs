//! A value that identifies a key without revealing it, so that the wrong key is named as such.
//!
//! It is HMAC-SHA-256 under the key over a fixed text, cut to 16 bytes: whoever sees it can compare
//! keys and learn nothing else of a random key. It is no proof that data is unaltered.

use aws_lc_rs::hmac;

use super::secret::Secret;

// Stored state: changing this needs a migration and a new format version.
const DOMAIN: &[u8] = b"keyledger check value v1";

/// The check value of `key`, which must be random and at least 16 bytes long to stay secret.
#[must_use]
pub fn check_value(key: &Secret) -> [u8; 16] {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key.expose()), DOMAIN);
    let mut value = [0_u8; 16];
    for (to, from) in value.iter_mut().zip(tag.as_ref()) {
        *to = *from;
    }
    value
}

#[cfg(test)]
mod tests {
    use super::check_value;
    use crate::crypto::Secret;

    #[test]
    fn it_tells_keys_apart_and_stays_the_same_for_one() {
        let value = check_value(&Secret::new(vec![1; 32]));
        assert_eq!(value, check_value(&Secret::new(vec![1; 32])));
        assert_ne!(value, check_value(&Secret::new(vec![2; 32])));
    }

    #[test]
    fn the_stored_value_does_not_change_between_releases() {
        let value = check_value(&Secret::new(vec![1; 32]));
        assert_eq!(hex::encode(value), "c8bde24c34a61705d64377ba79916699");
    }
}
