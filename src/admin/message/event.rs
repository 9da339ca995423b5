//! Events, as they are read from the trail and recorded for other systems.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::audit::EventFilter;

/// Which part of the trail.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EventsFrom {
    /// The first sequence wanted.
    pub from: u64,
    /// At most so many; bounded by the router.
    pub limit: usize,
    /// Which events.
    pub filter: EventFilter,
    /// How long to wait for one when there is none, in milliseconds; bounded by the router.
    pub wait_ms: u64,
}

/// One event.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EventShow {
    /// Its id.
    pub id: String,
    /// The instance that it must be of, as its scope names it; none: any or none.
    pub instance: Option<String>,
}

impl EventShow {
    /// The same, of this instance only.
    #[must_use]
    pub fn within(self, instance: &str) -> Self {
        Self {
            instance: Some(instance.to_owned()),
            ..self
        }
    }
}

/// A page of the trail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Events {
    /// Those that match, oldest first.
    pub events: Vec<Event>,
    /// Where to go on.
    pub next: u64,
    /// The first event there is.
    #[serde(default)]
    pub first: u64,
    /// The first sequence that is not given yet; `next` reaches it at the end.
    pub head: u64,
}

/// An event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// Its place in the trail.
    pub sequence: u64,
    /// It as one line for people.
    pub line: String,
    /// It as JSON: the very bytes that are hashed and delivered.
    pub json: String,
    /// The hash of its leaf in the trail's tree, in hexadecimal.
    pub leaf_hash: String,
}

/// A management event that another system performed, to be recorded. As a document of JSON it is what `events record --from` takes.
///
/// Unknown fields are refused: a part of an event that is not understood must not be lost.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EventRecord {
    /// A management action, with or without `vmware-solutions.`.
    pub action: String,
    /// `success`, `failure` or `pending`.
    pub outcome: String,
    /// What it was done to.
    pub target: RecordedTarget,
    /// The code of its cause; a failure needs one.
    #[serde(default)]
    pub reason_code: Option<u16>,
    /// Who did it; none: who records it.
    #[serde(default)]
    pub initiator: Option<RecordedInitiator>,
    /// What was asked: an object.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub request_data: Option<Value>,
    /// What was answered: an object.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub response_data: Option<Value>,
    /// The correlationId of the pending event that this one ends.
    #[serde(default)]
    pub correlation_id: Option<String>,
}

/// What a recorded event's action was done to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RecordedTarget {
    /// Its identifier, the last segment of its CRN.
    pub id: String,
    /// What people call it; none: its identifier.
    #[serde(default)]
    pub name: Option<String>,
}

/// Who performed a recorded event's action.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RecordedInitiator {
    /// `user` or `service-id`.
    pub kind: String,
    /// Its identifier.
    pub id: String,
    /// What people call it; none: its identifier.
    #[serde(default)]
    pub name: Option<String>,
}

/// An event that was recorded for another system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Recorded {
    /// The event's id.
    pub id: String,
    /// What the event that ends pending work must name.
    pub correlation_id: String,
    /// Its place in the trail.
    pub sequence: u64,
}
