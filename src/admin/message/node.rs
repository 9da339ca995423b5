//! Nodes that share a database, as they are prepared and shown.

use serde::{Deserialize, Serialize};

/// A node that is to join.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodePrepare {
    /// Its name: that of its trail's origin.
    pub name: String,
    /// The SHA-256 of the certificate that it is to be known by.
    pub fingerprint: String,
    /// When that lapses, seconds since 1970.
    pub not_after: i64,
    /// Whether the file of the master key goes with what is prepared for it.
    pub with_master_key: bool,
}

/// A node of those that share the database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Node {
    /// Its number.
    pub number: u32,
    /// Its name: that of its trail's origin.
    pub name: String,
    /// When it was given number and name, RFC 3339; none of the first.
    pub prepared: Option<String>,
    /// When its trail began, RFC 3339; none: it has not joined yet.
    pub joined: Option<String>,
    /// Its last sign of life, RFC 3339.
    pub seen: Option<String>,
    /// The release of the program that gave it.
    pub release: Option<String>,
}
