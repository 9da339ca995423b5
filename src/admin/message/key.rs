//! Keys, as they are asked for and shown: never their material.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Which keys.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct KeyList {
    /// The instance's name; none: the only one, or `default`.
    pub instance: Option<String>,
    /// Only keys whose Name or `x-Name` contains this.
    pub name: Option<String>,
    /// Only keys whose `x-Identifier` is this.
    pub identifier: Option<String>,
    /// Only keys whose `x-Component` contains this.
    pub component: Option<String>,
    /// Only keys in this state, such as `Active`.
    pub state: Option<String>,
    /// Only keys after this one: the `next` of the page before.
    pub after: Option<String>,
    /// At most so many; bounded by the router.
    pub limit: usize,
}

/// Which keys nobody has read for long.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct KeyStale {
    /// The instance's name; none: the only one, or `default`.
    pub instance: Option<String>,
    /// Not read, or made where nobody read them, for so many days.
    pub older_than_days: u32,
    /// Only keys after this one: the `next` of the page before.
    pub after: Option<String>,
    /// At most so many; bounded by the router.
    pub limit: usize,
}

/// A page of keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Keys {
    /// Those that match, by identifier.
    pub keys: Vec<Key>,
    /// Where to go on; none at the end. A page may be empty and still have a next one.
    pub next: Option<String>,
}

/// A key, without its material.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Key {
    /// Its Unique Identifier.
    pub id: String,
    /// Its instance's name.
    pub instance: String,
    /// Its state now.
    pub state: String,
    /// What it is, such as `SymmetricKey`.
    pub object_type: String,
    /// The algorithm its material is for.
    pub algorithm: Option<String>,
    /// Its length in bits.
    pub length: Option<i32>,
    /// When it was made, RFC 3339.
    pub created: String,
    /// When it became Active.
    pub activated: Option<String>,
    /// When it became Deactivated.
    pub deactivated: Option<String>,
    /// When it was destroyed.
    pub destroyed: Option<String>,
    /// When its material was last served, to the hour.
    pub last_read: Option<String>,
    /// Who read it then; told of one key and of stale ones.
    pub last_read_by: Option<String>,
    /// When its scheduled destruction is carried out; it is not used until then.
    pub destruction_due: Option<String>,
    /// Its Names.
    pub names: Vec<String>,
    /// `x-Name`: the VM or host, as vCenter writes it.
    pub x_name: Option<String>,
    /// `x-Identifier`: the UUID of the VM or host.
    pub x_identifier: Option<String>,
    /// `x-Component`: what it is for, such as `Virtual Machine`.
    pub x_component: Option<String>,
    /// Every other attribute, as name and text.
    pub attributes: Vec<(String, String)>,
}
