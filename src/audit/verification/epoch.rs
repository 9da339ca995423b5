//! Epochs of a trail as they are verified: the event that begins one, as it is found among the lines, and what it says of the one before.

use serde::Deserialize;

use super::{Break, Verification, epoch_of};
use crate::audit::{Action, Checkpoint};

/// An epoch of a trail, as its events say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Its number.
    pub epoch: u32,
    /// The sequence of its first event.
    pub first: u64,
    /// The sequence after its last event.
    pub end: u64,
    /// How many events the last checkpoint known of it seals, as the event that begins the next one says.
    pub last_sealed: Option<u64>,
    /// Its events below this sequence are sealed, by a checkpoint that agreed; nothing proves the others.
    pub sealed: u64,
    /// How many events the checkpoint seals that the event that begins the next epoch names, if it was found to agree.
    pub(super) named: u64,
}

/// The most epochs of a trail that is verified: a server begins one when its database was put back.
pub const EPOCHS_MAX: usize = 4096;

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

/// The number of the epoch that this event begins, if it begins one.
#[must_use]
pub fn epoch_begun(json: &[u8]) -> Option<u32> {
    beginning(json).map(|begun| begun.epoch)
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

impl Verification {
    /// The epoch under way.
    pub(super) fn epoch(&self) -> u32 {
        self.epochs.last().map_or(0, |span| span.epoch)
    }

    /// An epoch begins with the event that comes next.
    pub(super) fn begin(&mut self, beginning: Beginning) -> Result<(), Break> {
        let Beginning {
            epoch,
            first_sequence: first,
            last_sealed,
            last_checkpoint,
        } = beginning;
        let (next, current) = (self.next(), self.epoch());
        if epoch <= current {
            let what = format!("event {next} begins epoch {epoch}, and epoch {current} had begun");
            return Err(Break::at(next, what));
        }
        if first > next {
            let what = format!("event {next} is missing: epoch {epoch} begins with event {first}");
            return Err(Break::at(next, what));
        }
        if self.epochs.len() >= EPOCHS_MAX {
            let what = format!("event {next} begins an epoch after {EPOCHS_MAX} others");
            return Err(Break::at(next, what));
        }
        let named =
            self.compare_named(&format!("event {first} of epoch {epoch}"), last_checkpoint)?;
        let confirmed = self.confirmed;
        if first < next {
            self.go_back(first, epoch)?;
        }
        if let Some(lost) = self.expected.last().filter(|one| one.epoch < epoch) {
            let (source, sealed, of) = (&lost.source, lost.checkpoint.size, lost.epoch);
            let what = format!(
                "event {first} of epoch {of} is missing: epoch {epoch} begins in its place, and {source} seals {sealed} events"
            );
            return Err(Break::at(first, what));
        }
        if let Some(span) = self.epochs.last_mut() {
            span.last_sealed = last_sealed;
            (span.sealed, span.named) = (confirmed, named);
        }
        self.epochs.push(Span {
            epoch,
            first,
            end: first,
            last_sealed: None,
            sealed: 0,
            named: 0,
        });
        Ok(())
    }

    /// Compares the epoch that ends with the last checkpoint of it that the event names that begins the next one: how many events that
    /// seals, if it is of what is known here. Its signature is not looked at: it is as good as the event.
    fn compare_named(&self, event: &str, note: Option<String>) -> Result<u64, Break> {
        let named = note.as_deref().and_then(Checkpoint::unverified);
        let Some(named) = named.filter(|named| epoch_of(named) == self.epoch()) else {
            return Ok(0);
        };
        let then = self.recent.as_ref().and_then(|recent| {
            let is_all = named.size == self.next();
            is_all
                .then(|| self.tree.clone())
                .or_else(|| recent.tree_at(named.size))
        });
        match then {
            Some(tree) if tree.root() == named.root => Ok(named.size),
            Some(_) => {
                let source = format!("the checkpoint that {event} names");
                Err(self.contradicted(&source, named.size))
            }
            None => Ok(0),
        }
    }

    /// Goes back to the tree of `first` events, from which an epoch grows anew.
    fn go_back(&mut self, first: u64, epoch: u32) -> Result<(), Break> {
        let next = self.next();
        let Some(recent) = &mut self.recent else {
            let what = format!("event {next} says that epoch {epoch} begins with event {first}");
            return Err(Break::at(next, what));
        };
        let Some(tree) = recent.tree_at(first) else {
            let what = format!(
                "epoch {epoch} begins with event {first}, which came too long before event {next}"
            );
            return Err(Break::at(first, what));
        };
        recent.cut(first);
        self.removed.retain(|removed| removed.event < first);
        self.tree = tree;
        self.confirmed = self.confirmed.min(first);
        Ok(())
    }
}

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
