//! Revoking and destroying keys, as it is asked for and shown.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Revokes a key.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct KeyRevoke {
    /// Its Unique Identifier.
    pub id: String,
    /// The Revocation Reason Code by its name, such as `key-compromise`.
    pub reason: String,
    /// A message to go with it.
    pub message: Option<String>,
}

/// Destroys a key, or asks for it where another administrator has to approve.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct KeyDestroy {
    /// Its Unique Identifier.
    pub id: String,
    /// Why.
    pub reason: String,
    /// Whether it may be Active.
    pub force: bool,
    /// The name of the instance it must be a key of; none: whichever.
    pub instance: Option<String>,
}

/// Which destructions are listed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DestructionList {
    /// Only those of this instance's keys; none: all.
    pub instance: Option<String>,
    /// Only those after this key: the `next` of the page before.
    pub after: Option<String>,
    /// At most so many; bounded by the router.
    pub limit: usize,
}

/// A page of destructions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Destructions {
    /// Those under way, in the order of their keys.
    pub destructions: Vec<Destruction>,
    /// Where to go on; none at the end.
    pub next: Option<String>,
}

/// The step of a destruction that was carried out.
pub(in crate::admin) const DESTROYED: &str = "destroyed";

/// A destruction: under way, or just ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Destruction {
    /// The key.
    pub id: String,
    /// Its instance's name.
    pub instance: String,
    /// What became of it: `pending`, `scheduled`, `destroyed`, `restored` or `refused`.
    pub step: String,
    /// The key's state now.
    pub state: String,
    /// Why it is to be destroyed.
    pub reason: String,
    /// When that was asked for, RFC 3339.
    pub requested: String,
    /// The initiator that asked.
    pub requested_by: String,
    /// The initiator that approved it.
    pub approved_by: Option<String>,
    /// When it is carried out, RFC 3339.
    pub due: Option<String>,
    /// What its events share.
    pub correlation_id: String,
    /// The key's `x-Name`.
    pub x_name: Option<String>,
    /// The key's `x-Component`.
    pub x_component: Option<String>,
}

impl Destruction {
    /// Whether the key is destroyed.
    #[must_use]
    pub fn is_carried_out(&self) -> bool {
        self.step == DESTROYED
    }
}
