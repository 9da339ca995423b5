//! The kinds of work that are measured: THE table of workloads.

use std::sync::Arc;

use crate::requests;
use crate::settings::Settings;

pub(crate) use crate::requests::Requests;

/// A kind of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Workload {
    /// Get of an active AES key, each connection its own.
    Get,
    /// Get Attributes of the State of such a key.
    GetAttributes,
    /// Create of an AES-256 key as vCenter asks for it.
    Create,
    /// A new TLS 1.3 connection and Discover Versions on it.
    Connect,
}

impl Workload {
    /// Every workload, in the order of measuring. Create comes after what reads, because it grows
    /// the store.
    pub(crate) const ALL: [Self; 4] = [Self::Get, Self::GetAttributes, Self::Create, Self::Connect];

    /// The name on the command line and in the tables.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::GetAttributes => "get_attributes",
            Self::Create => "create",
            Self::Connect => "connect",
        }
    }

    /// The least share of the limit the design asks for, where it asks for one.
    pub(crate) const fn budget(self, connections: usize) -> Option<f64> {
        match (self, connections) {
            (Self::Get, 64) => Some(0.6),
            (Self::Create, 64) => Some(0.4),
            (Self::Connect, 8) => Some(0.8),
            _ => None,
        }
    }

    /// The rows of this workload's table.
    pub(crate) fn connection_counts(self, settings: &Settings) -> Vec<usize> {
        match self {
            Self::Get | Self::GetAttributes | Self::Create => settings.connections.clone(),
            Self::Connect => vec![settings.handshakes],
        }
    }

    /// What each connection sends; there are at least as many keys as connections.
    pub(crate) fn requests(self, keys: &[String]) -> Requests {
        let write = |key: &String| match self {
            Self::Get => requests::get(key),
            Self::GetAttributes => requests::get_attributes_state(key),
            Self::Create => requests::create(),
            Self::Connect => requests::discover_versions(),
        };
        keys.iter().map(|key| Arc::from(write(key))).collect()
    }
}
