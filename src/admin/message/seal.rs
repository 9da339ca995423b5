//! What is asked of the trail's seal and what is answered.

use std::ops::Range;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Event;

/// Which part of the trail is verified.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SealedFrom {
    /// The first sequence wanted.
    pub from: u64,
    /// At most so many; bounded by the router.
    pub limit: usize,
}

/// Which hashes of the trail's tree are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TreeNodes {
    /// The nodes, each by the leaves below it; a bounded number.
    pub nodes: Vec<Range<u64>>,
}

/// What is kept of the trail's seal.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Seal {
    /// The verifier key of the checkpoints; none until the server was started once.
    pub public_key: Option<String>,
    /// The newest checkpoint, a signed note.
    pub checkpoint: Option<String>,
    /// The newest checkpoint of each earlier epoch of which no event was lost.
    pub earlier: Vec<String>,
    /// The name of the node whose trail it is.
    pub origin: String,
    /// Every epoch that there are events of, the oldest first.
    pub epochs: Vec<Epoch>,
    /// The first event there is: those before it were removed.
    pub first: u64,
}

/// An epoch of the trail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Epoch {
    /// Its number.
    pub epoch: u32,
    /// The sequence of its first event.
    pub first: u64,
}

/// Begins a new epoch of the trail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NewEpoch {
    /// Why.
    pub reason: String,
}

/// An epoch of the trail that began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BegunEpoch {
    /// Its number.
    pub epoch: u32,
    /// The sequence of its first event, which says that it began.
    pub first: u64,
    /// How many events the last checkpoint known of the epoch before seals.
    pub sealed: Option<u64>,
    /// What was found: `commanded`, or why the trail does not go on.
    pub finding: String,
}

/// A page of the trail as it is verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SealedEvents {
    /// All events in order.
    pub events: Vec<Event>,
    /// The first that cannot be read; the page ends before it.
    pub unreadable: Option<Unreadable>,
    /// The first sequence that is not given yet.
    pub head: u64,
}

/// An event that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Unreadable {
    /// Its place in the trail.
    pub sequence: u64,
    /// Why.
    pub problem: String,
}

/// Hashes of the trail's tree.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TreeHashes {
    /// Those of the nodes that were asked for, in their order, in hexadecimal.
    pub hashes: Vec<String>,
}
