//! What can be asked of the store, and what it answers: values only.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Beside;
use crate::audit::Event;
use crate::crypto::{PublicKey, Wrapped};
use crate::domain::locate::Head;
use crate::domain::{InstanceId, ObjectId};
use crate::kmip::enums::NameType;

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

/// What a look through some objects found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Look {
    /// Those that match.
    pub matching: Vec<ObjectId>,
    /// How many were passed, from the first: the rest is for another look.
    pub passed: usize,
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

/// What a database says of itself when it is looked at and not opened.
#[derive(Debug, Clone)]
pub struct Inspection {
    /// The number of its schema.
    pub schema: u32,
    /// The number that this program brings it to when it opens it.
    pub newest: u32,
    /// Tells a wrong master key from the right one.
    pub master_key_check: [u8; 16],
    /// Every wrapped data key: instance, epoch, key.
    pub data_keys: Vec<(InstanceId, u32, Wrapped)>,
    /// The key that signs the trail, and whose trail that is; none before the first start.
    pub signing_key: Option<(String, TrailKey)>,
    /// How much is to be brought to the newest schema; none where it is the newest.
    pub rows: Option<Rows>,
}

/// What the time that a change of schema takes depends on.
#[derive(Debug, Clone, Copy)]
pub struct Rows {
    /// Objects, destroyed ones too.
    pub objects: u64,
    /// Events.
    pub events: u64,
}

impl Inspection {
    /// Whether opening it changes its schema.
    #[must_use]
    pub const fn is_older(&self) -> bool {
        self.schema < self.newest
    }
}

/// Which objects of an instance are looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum By {
    /// The one of this identifier.
    Id(ObjectId),
    /// Those with this Name.
    Name {
        /// Its text.
        text: String,
        /// Its type; any if there is none.
        name_type: Option<NameType>,
        /// Only the one that is not destroyed.
        live: bool,
    },
    /// Those with all of these values, destroyed ones included: attributes that clients make up and Object Groups, by name, each value as
    /// `AttributeValue::to_stored` writes it.
    Values(Vec<(String, Vec<u8>)>),
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
    /// Only those whose id is greater: where the page before ended.
    pub after: Option<ObjectId>,
    /// At most so many are looked at.
    pub limit: usize,
}

/// A page of what was looked for, in the order of identifiers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeadPage {
    /// What was found.
    pub heads: Vec<Head>,
    /// After which object to go on; none at the end.
    pub next: Option<ObjectId>,
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
    /// The first event there is.
    pub first: Sequence,
    /// The first sequence that is not given yet; `next` reaches it at the end.
    pub head: Sequence,
}

/// A page of the trail as it is verified.
#[derive(Debug, Clone)]
pub struct SealedPage {
    /// All events in order.
    pub events: Vec<StoredEvent>,
    /// The first that cannot be read, and why; the page ends before it.
    pub unreadable: Option<(Sequence, String)>,
    /// The first sequence that is not given yet.
    pub head: Sequence,
}

/// What tells whether the trail goes on from what was sealed last.
#[derive(Debug, Clone)]
pub struct LastSealed {
    /// The trail, and the epoch that is under way.
    pub origin: Origin,
    /// The sequence that the next event gets.
    pub head: u64,
    /// The key that signs checkpoints.
    pub key: Option<PublicKey>,
    /// The newest checkpoint of this epoch in the database.
    pub checkpoint: Option<String>,
    /// The root of as many events as that says to seal; none where the trail does not hold them.
    pub checkpoint_root: Option<[u8; 32]>,
    /// What is kept beside the database.
    pub beside: Beside,
    /// The root of as many events as that says to seal; none where the trail does not hold them.
    pub beside_root: Option<[u8; 32]>,
    /// Whether a checkpoint of this epoch was written beside the database, as far as that knows.
    pub is_kept_beside: bool,
    /// Whether the database knows of a checkpoint of this epoch.
    pub was_sealed: bool,
}

/// The key that signs the checkpoints of an origin.
#[derive(Debug, Clone)]
pub struct TrailKey {
    /// The public key.
    pub public: PublicKey,
    /// The seed of the private key, wrapped by the master key.
    pub wrapped: Wrapped,
}
