//! What clients may do, as it is asked for.

use serde::{Deserialize, Serialize};

/// Changes what a client may do; what is not given stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ClientPermit {
    /// The client's label.
    pub label: String,
    /// Whether it may perform every operation that the server carries out.
    pub all: bool,
    /// The operations it may perform, such as `get-attributes`, and no others.
    pub operations: Option<Vec<String>>,
    /// When it may act, such as `mon-fri 08:00-18:00 +01:00`; empty: at any time.
    pub windows: Option<Vec<String>>,
}

/// Changes what an instance forbids all of its clients.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct InstanceRules {
    /// The instance's name.
    pub instance: String,
    /// The operations that none of its clients may perform; empty: each goes by its own permissions.
    pub denied: Vec<String>,
}

/// Removes an instance with its clients and the data keys of its keys.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct InstanceRemove {
    /// The instance's name.
    pub instance: String,
    /// Whether it may have clients and keys.
    pub force: bool,
    /// Whether it may have clients.
    pub with_clients: bool,
}
