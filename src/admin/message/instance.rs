//! Instances and what they ask their clients for, as they are asked for and shown.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::crypto::PasswordHash;

/// Sets or clears the user name and password of an instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InstanceCredential {
    /// The instance's name.
    pub instance: String,
    /// What it asks for from now on; none: nothing.
    pub credential: Option<NewCredential>,
}

/// A user name and the hash of a password.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NewCredential {
    /// The user name; may be empty.
    pub username: String,
    /// The hash of the password: the password itself stays with whoever asks.
    pub password: PasswordHash,
}

impl fmt::Debug for NewCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NewCredential(..)")
    }
}

/// An instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Instance {
    /// Its identifier.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Where its events come from.
    pub location: String,
    /// Whether events are generated there; where they are not, they stay in the trail.
    #[serde(default = "generated")]
    pub generates_events: bool,
    /// The account its events belong to.
    pub account: String,
    /// Its CRN: `logSourceCRN` of its events.
    pub crn: String,
    /// When it was made, RFC 3339.
    pub created: String,
    /// How many clients it has.
    pub clients: usize,
    /// Whether it asks its clients for a user name and a password.
    #[serde(default)]
    pub credential: bool,
    /// The operations that none of its clients may perform.
    #[serde(default)]
    pub denied: Vec<String>,
}

/// What a server of an earlier release, which does not say, is taken to do.
const fn generated() -> bool {
    true
}
