//! The event that begins an epoch, as it is found among the lines that are verified.

use serde::Deserialize;

use super::Span;
use crate::audit::Action;

/// What the event says.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Beginning {
    /// The epoch that begins.
    pub(super) epoch: u32,
    /// The sequence of the event.
    pub(super) first_sequence: u64,
    /// How many events the last checkpoint known of the time before seals.
    pub(super) last_sealed: Option<u64>,
    /// That checkpoint, as the signed note it is.
    pub(super) last_checkpoint: Option<String>,
}

/// What the event says, if it begins an epoch.
pub(super) fn beginning(json: &[u8]) -> Option<Beginning> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Begun {
        request_data: Beginning,
    }
    let found = is_of(Action::TrailBeginEpoch, json);
    let begun = found.then(|| serde_json::from_slice::<Begun>(json).ok());
    begun.flatten().map(|begun| begun.request_data)
}

/// Whether an event is of an action.
pub(super) fn is_of(action: Action, json: &[u8]) -> bool {
    // Where the action stands in every event: after its id and its time.
    let head = json.get(..HEAD_BYTES.min(json.len())).unwrap_or_default();
    let named = format!("\"action\":\"{}\"", action.name());
    head.windows(named.len())
        .any(|part| part == named.as_bytes())
}

/// Within so many bytes of an event its action has ended.
const HEAD_BYTES: usize = 160;

/// Says of each epoch which of its events are sealed, where those below `confirmed` are of the last: what an epoch had before the next began
/// is sealed with that one; what came after and was lost on the server, by its own checkpoints and by the one that the next names.
pub(super) fn seal_from_the_right(spans: &mut [Span], confirmed: u64) {
    let mut next: Option<Span> = None;
    for span in spans.iter_mut().rev() {
        let sealed = match next {
            None => confirmed,
            Some(next) if next.sealed > next.first => next.first.max(span.named).max(span.sealed),
            Some(next) => next.sealed.max(span.sealed),
        };
        span.sealed = sealed.min(span.end);
        next = Some(*span);
    }
}
