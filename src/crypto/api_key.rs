//! The text of an API key: 256 random bits, so that a plain SHA-256 of it can be kept and compared with.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use super::digest::sha256;
use super::random::{Random, RandomError};
use super::secret_text::SecretText;

/// What every API key begins with, so that it is recognised where it does not belong.
pub const PREFIX: &str = "kl_";

/// A new API key.
///
/// # Errors
/// The random source failed.
pub fn new(random: &dyn Random) -> Result<SecretText, RandomError> {
    let mut bytes = Zeroizing::new([0_u8; 32]);
    random.fill(&mut *bytes)?;
    let mut text = String::with_capacity(PREFIX.len() + 43);
    text.push_str(PREFIX);
    URL_SAFE_NO_PAD.encode_string(*bytes, &mut text);
    Ok(SecretText::new(text))
}

/// What is kept of an API key.
#[must_use]
pub fn digest(text: &str) -> [u8; 32] {
    sha256(&[text.as_bytes()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::SystemRandom;

    #[test]
    fn keys_have_256_random_bits_and_no_letter_that_needs_quoting() {
        let (one, other) = (new(&SystemRandom).unwrap(), new(&SystemRandom).unwrap());
        assert_ne!(one, other);
        let body = one.expose().strip_prefix(PREFIX).unwrap();
        assert_eq!(URL_SAFE_NO_PAD.decode(body).unwrap().len(), 32);
        assert_ne!(digest(one.expose()), digest(other.expose()));
    }
}
