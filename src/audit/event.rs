//! One event of the trail: who did what to what, and how it ended.
//!
//! An event is complete when it is built; its JSON is written from it by hand, straight into a
//! buffer, because it is hashed and delivered as those very bytes. It never carries an address of
//! the initiator, key bytes or a password: [`Data`] has no way to take bytes.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::action::Action;
use super::data::Data;
use super::failure::Failure;
use super::json;
use super::reason::ReasonCode;
use super::severity::Severity;
use crate::crypto::digest::leaf_hash;
use crate::domain::{EventId, Initiator, ObjectId, RequestId, Scope};

/// How an action ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It was done.
    Success,
    /// It was not done; nothing changed.
    Failure,
    /// It has begun; a second event with the same correlationId tells the end.
    Pending,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: &'static [Self] = &[Self::Success, Self::Failure, Self::Pending];

    /// The word in the event.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Pending => "pending",
        }
    }

    /// The code kept in stored events.
    pub(super) const fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Failure => 1,
            Self::Pending => 2,
        }
    }

    pub(super) const fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::Success),
            1 => Some(Self::Failure),
            2 => Some(Self::Pending),
            _ => None,
        }
    }
}

/// What an action was done to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Target {
    /// The instance of the scope, for a request that names no key; the server, in a global scope.
    Instance,
    /// A key.
    Key(ObjectId),
    /// Another resource of the scope: the action's object type and this identifier.
    Resource(String),
    /// A resource whose name is not its identifier.
    Named {
        /// The identifier: the last segment of the target's CRN.
        id: String,
        /// What people call it.
        name: String,
    },
    /// A key the client named by a text that is none of our identifiers; see [`Target::named_key`].
    UnknownKey(String),
}

impl Target {
    /// The most characters kept of a name that a client made up.
    pub const UNKNOWN_KEY_CHARS_MAX: usize = 64;

    /// The target of a request that names its key by `text`, as the client sent it.
    ///
    /// A text that is no identifier of ours is cut to [`Self::UNKNOWN_KEY_CHARS_MAX`] characters,
    /// and what cannot stand in a segment of a CRN becomes `_`. An empty text names no key.
    #[must_use]
    pub fn named_key(text: &str) -> Self {
        if text.is_empty() {
            return Self::Instance;
        }
        text.parse()
            .map_or_else(|_| Self::UnknownKey(segment(text)), Self::Key)
    }
}

/// `text` cut and cleaned so that it can stand in a CRN.
pub(super) fn segment(text: &str) -> String {
    text.chars()
        .take(Target::UNKNOWN_KEY_CHARS_MAX)
        .map(segment_char)
        .collect()
}

fn segment_char(c: char) -> char {
    if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '~') {
        c
    } else {
        '_'
    }
}

/// One event of the trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its identifier; receivers drop repeats by it.
    pub id: EventId,
    /// When it happened, milliseconds since 1970.
    pub time_ms: i64,
    /// What was done.
    pub action: Action,
    /// How it ended.
    pub outcome: Outcome,
    /// Who did it.
    pub initiator: Arc<Initiator>,
    /// Where it belongs.
    pub scope: Arc<Scope>,
    /// What it was done to.
    pub target: Target,
    /// The code of the cause; for a failure usually [`Failure::reason`].
    pub reason: ReasonCode,
    /// Why it failed; written for the outcome `failure` only.
    pub failure: Option<Failure>,
    /// What was asked.
    pub request: Data,
    /// What was answered.
    pub response: Data,
    /// The request it belongs to; all items of one batch share it.
    pub correlation: RequestId,
}

impl Event {
    /// The most bytes of JSON of one event.
    pub const BYTES_MAX: usize = 16 * 1024;

    /// How grave it is.
    #[must_use]
    pub fn severity(&self) -> Severity {
        Severity::for_event(self.action, self.outcome, self.reason)
    }

    /// `<display name>: <verb> <objectType>[ <target name>]`, and ` -failure` or ` -pending`.
    #[must_use]
    pub fn message(&self) -> String {
        let mut message = Vec::with_capacity(96);
        json::message(&mut message, self);
        String::from_utf8_lossy(&message).into_owned()
    }

    /// The name of the target, if it has one: the key's identifier, or the resource's.
    #[must_use]
    pub fn target_name(&self) -> Option<String> {
        let mut name = Vec::with_capacity(36);
        let named = json::target_name(&mut name, &self.target);
        named.then(|| String::from_utf8_lossy(&name).into_owned())
    }

    /// Appends the event as JSON: the fields in their fixed order, without white space.
    ///
    /// These bytes are what is hashed and delivered. They are at most [`Self::BYTES_MAX`]: where
    /// they would be more, the lists of the request's and response's data are cut until they fit
    /// (a last element `…` says so), then their texts; the event itself never is. Names of parties
    /// and resources count up to 256 bytes. The bound assumes a scope of ordinary length, which the
    /// configuration checks.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        json::event(out, self);
    }

    /// Appends the event as strict CADF has it, for receivers that ask for that: `typeURI` and `eventType`, an observer with id (the name of
    /// the `origin`, which records and keeps the event) and `typeURI`, the offset of the time as `+00:00`, and the reason's code as a text. The
    /// rest is as in [`Event::write_json`], also what is cut. These bytes are not those that are sealed: nothing can be proved of them.
    pub fn write_cadf_json(&self, origin: &str, out: &mut Vec<u8>) {
        json::cadf_event(out, self, origin);
    }

    /// Whether this line is an event as [`Event::write_cadf_json`] writes it, as far as its beginning tells.
    #[must_use]
    pub fn is_cadf_json(line: &[u8]) -> bool {
        // An id and a time are as long as any other.
        const TIME_ENDS: usize =
            r#"{"id":"00000000-0000-0000-0000-000000000000","eventTime":"2026-11-23T12:00:01.23"#
                .len();
        line.get(TIME_ENDS..)
            .is_some_and(|rest| rest.starts_with(json::CADF_TYPE))
    }

    /// The leaf of this event in the trail's tree; `scratch` is left holding the event's JSON.
    pub fn leaf_hash_into(&self, scratch: &mut Vec<u8>) -> [u8; 32] {
        scratch.clear();
        self.write_json(scratch);
        leaf_hash(scratch)
    }
}
