//! What can be asked about the master key, and what is said of it.

use serde::{Deserialize, Serialize, Serializer};
use utoipa::ToSchema;

use crate::crypto::SecretText;

/// A request about the master key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MasterKeyRequest {
    /// What it is.
    Show,
    /// Another takes its place.
    Rotate(Rotation),
    /// All that it wraps is sealed to a recovery key from now on.
    Recovery(NewRecovery),
}

impl MasterKeyRequest {
    /// Whether it changes and records nothing.
    #[must_use]
    pub const fn only_reads(&self) -> bool {
        matches!(self, Self::Show)
    }
}

/// What takes the place of the master key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rotation {
    /// The provider of the new one; none: the same.
    pub provider: Option<String>,
    /// What the provider asks for: the passphrase of the new key, the PIN of the token. It is handed over and never shown.
    #[serde(default, serialize_with = "handed_over_if_any")]
    pub secret: Option<SecretText>,
}

/// The public half of a recovery key whose private half was shared out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NewRecovery {
    /// The public key, 64 hexadecimal digits.
    pub public_key: String,
    /// How many shares are needed.
    pub threshold: u8,
    /// How many there are.
    pub shares: u8,
}

/// The passphrase of the master key, for a server that was started locked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Unlock {
    /// It is handed over and never shown.
    #[serde(serialize_with = "handed_over")]
    pub passphrase: SecretText,
}

/// That the server is not locked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Unlocked {
    /// Whether it was until now. Where it was not, nothing was done, and the passphrase was not looked at.
    pub was_locked: bool,
}

/// What is said of the master key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MasterKey {
    /// The provider; none where the key is not open here.
    pub provider: Option<String>,
    /// What tells it from others.
    pub check_value: String,
    /// Since when it is in use.
    pub since: String,
    /// How many values it wraps.
    pub wraps: usize,
    /// The key that they are sealed to besides.
    pub recovery: Option<Recovery>,
    /// Where the key before it is kept, after it was replaced.
    #[serde(default)]
    pub retired: Option<String>,
}

/// What is said of a recovery key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Recovery {
    /// What its shares begin with.
    pub key: String,
    /// How many shares are needed.
    pub threshold: u8,
    /// How many there are.
    pub shares: u8,
    /// Since when.
    pub since: String,
}

/// Writes the secret itself: the message is for the server, over a socket that only its user may open.
fn handed_over<S: Serializer>(secret: &SecretText, serializer: S) -> Result<S::Ok, S::Error> {
    secret.expose().serialize(serializer)
}

fn handed_over_if_any<S: Serializer>(
    secret: &Option<SecretText>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    secret
        .as_ref()
        .map(SecretText::expose)
        .serialize(serializer)
}
