//! The event that begins an epoch, as it is found among the lines that are verified.

use serde::Deserialize;

use crate::audit::Action;

/// What the event says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Beginning {
    /// The epoch that begins.
    pub(super) epoch: u32,
    /// The sequence of the event.
    pub(super) first_sequence: u64,
    /// How many events the last checkpoint known of the time before seals.
    pub(super) last_sealed: Option<u64>,
}

/// What the event says, if it begins an epoch.
pub(super) fn beginning(json: &[u8]) -> Option<Beginning> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Begun {
        request_data: Beginning,
    }
    // Where the action stands in every event: after its id and its time.
    let head = json.get(..HEAD_BYTES.min(json.len()))?;
    let begins = format!("\"action\":\"{}\"", Action::TrailBeginEpoch.name());
    let found = head
        .windows(begins.len())
        .any(|part| part == begins.as_bytes());
    let begun = found.then(|| serde_json::from_slice::<Begun>(json).ok());
    begun.flatten().map(|begun| begun.request_data)
}

/// Within so many bytes of an event its action has ended.
const HEAD_BYTES: usize = 160;
