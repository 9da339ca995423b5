//! A secret that is text and stands in settings: a password, an API key, a private key in PEM form.
//!
//! It is read from text like any other and written as [`SecretText::MASK`], so that whatever holds it can be shown, logged and compared.
//! Who stores it asks for it by [`SecretText::expose`].

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

use super::secret::constant_time_eq;

/// Text that is overwritten when its last owner drops it, and is shown as a mask.
#[derive(Clone, Default)]
pub struct SecretText(Arc<Zeroizing<String>>);

impl SecretText {
    /// What stands in its place wherever it is shown.
    pub const MASK: &str = "********";

    /// Takes over `text`.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Arc::new(Zeroizing::new(text)))
    }

    /// The text. Every call is a place where a secret may leak.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether it is the mask: what was shown came back, and the secret is the one that is known already.
    #[must_use]
    pub fn is_mask(&self) -> bool {
        self.0.as_str() == Self::MASK
    }
}

impl PartialEq for SecretText {
    fn eq(&self, other: &Self) -> bool {
        constant_time_eq(self.0.as_bytes(), other.0.as_bytes())
    }
}

impl Eq for SecretText {}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText(..)")
    }
}

impl Serialize for SecretText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(Self::MASK)
    }
}

impl<'de> Deserialize<'de> for SecretText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

#[cfg(test)]
mod tests {
    use super::SecretText;

    #[test]
    fn it_is_read_as_text_and_shown_as_a_mask() {
        let secret: SecretText = serde_json::from_str("\"hunter2\"").unwrap();
        assert_eq!(secret.expose(), "hunter2");
        assert_eq!(serde_json::to_string(&secret).unwrap(), "\"********\"");
        assert_eq!(format!("{secret:?}"), "SecretText(..)");
        assert!(!secret.is_mask() && !secret.is_empty());
        let shown: SecretText = serde_json::from_str("\"********\"").unwrap();
        assert!(shown.is_mask() && shown != secret);
    }
}
