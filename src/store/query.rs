//! What can be asked of the store, and what it answers: values only.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::audit::Event;
use crate::domain::{InstanceId, ObjectId};

/// The number of an event in its origin's trail, from 0 without gaps.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Sequence(pub u64);

impl Sequence {
    /// The number that follows by `count`.
    #[must_use]
    pub const fn plus(self, count: u64) -> Self {
        Self(self.0.saturating_add(count))
    }
}

impl std::fmt::Display for Sequence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// The trail this store keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The name of the node.
    pub name: String,
    /// Starts at 1; a restored or rolled-back store begins the next one.
    pub epoch: u32,
}

/// What a new database is born with.
#[derive(Debug, Clone)]
pub struct InitMeta {
    /// The name of the node whose trail it keeps.
    pub origin_name: String,
    /// Tells a wrong master key from the right one.
    pub master_key_check: [u8; 16],
    /// When it is made, seconds since 1970.
    pub created: i64,
}

/// Which objects of an instance are looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum By {
    /// Those with this Name, destroyed ones included.
    Name(String),
    /// Those with a custom attribute of this name and value, destroyed ones included.
    Custom {
        /// The name, `x-` or `y-` included.
        name: String,
        /// The value as `AttributeValue::to_stored` writes it.
        value: Vec<u8>,
    },
    /// All of them.
    All,
}

/// A page of objects to look for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocateQuery {
    /// The instance they belong to.
    pub instance: InstanceId,
    /// Which of them.
    pub by: By,
    /// Only those whose id is greater: the last of the page before.
    pub after: Option<ObjectId>,
    /// At most so many.
    pub limit: usize,
}

/// What a committed changeset was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Applied {
    /// The sequence of its first event; the others follow it without a gap.
    pub first_sequence: Sequence,
}

/// An event as it stands in the trail.
#[derive(Debug, Clone)]
pub struct StoredEvent {
    /// Its place.
    pub sequence: Sequence,
    /// The leaf hash stored beside it.
    pub leaf_hash: [u8; 32],
    /// The event.
    pub event: Arc<Event>,
}

/// A page of the trail.
#[derive(Debug, Clone)]
pub struct EventPage {
    /// Those that match, in order.
    pub events: Vec<StoredEvent>,
    /// Where to go on; moves even when nothing matched.
    pub next: Sequence,
    /// The first sequence that is not given yet; `next` reaches it at the end.
    pub head: Sequence,
}
