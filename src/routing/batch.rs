//! What is delivered: records of one origin, in order, as the bytes that a target hands on.

use std::sync::Arc;

use crate::audit::Event;
use crate::store::{Origin, Sequence};

/// Records of one origin and epoch, in order and at least one.
#[derive(Debug, Clone)]
pub struct Batch {
    /// Whose trail they are of.
    pub origin: Origin,
    /// The records.
    pub records: Vec<Record>,
}

/// One thing to deliver.
#[derive(Debug, Clone)]
pub struct Record {
    /// What it is.
    pub content: Content,
    /// It as one JSON object in UTF-8 without white space or line breaks: of an event exactly the bytes that are sealed in the trail, unless
    /// the target asks for another rendering.
    pub json: Vec<u8>,
}

/// What a record is.
#[derive(Debug, Clone)]
pub enum Content {
    /// An event, and its place in the trail.
    Event(Sequence, Arc<Event>),
    /// A checkpoint that seals so many events, each of them delivered before it where routes say so. Its JSON is
    /// `{"checkpoint":{"origin":…,"epoch":…,"size":…,"note":…}}`.
    Checkpoint(u64),
    /// A test that a target can be reached, sent when it is made or validated, at this time in milliseconds since 1970. Its JSON is
    /// `{"test":{"origin":…,"time":…}}`.
    Test(i64),
}

impl Record {
    /// What identifies it within its origin and epoch, for receivers that drop repeats: an event's id, `checkpoint-<size>`, `test-<time>`.
    #[must_use]
    pub fn id(&self) -> String {
        match &self.content {
            Content::Event(_, event) => event.id.to_string(),
            Content::Checkpoint(size) => format!("checkpoint-{size}"),
            Content::Test(time_ms) => format!("test-{time_ms}"),
        }
    }

    /// `event`, `checkpoint` or `test`.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self.content {
            Content::Event(..) => "event",
            Content::Checkpoint(_) => "checkpoint",
            Content::Test(_) => "test",
        }
    }

    /// The event, if it is one.
    #[must_use]
    pub fn event(&self) -> Option<&Event> {
        match &self.content {
            Content::Event(_, event) => Some(event),
            Content::Checkpoint(_) | Content::Test(_) => None,
        }
    }
}
