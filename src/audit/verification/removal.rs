//! The events that say what retention removed, as they are found among the lines that are verified, and what a trail without its first events has to
//! show for it.

use serde::Deserialize;

use super::epoch::is_of;
use super::{Break, Verification, epoch_of};
use crate::audit::Action;
use crate::audit::checkpoint::Checkpoint;
use crate::audit::proof::is_consistent;
use crate::audit::tree::Hash;

/// Events that were removed, as one of the trail says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removed {
    /// The sequence of the event that says so.
    pub event: u64,
    /// The first of them: all before it had been removed earlier.
    pub first: u64,
    /// The last of them.
    pub last: u64,
    /// When it was recorded, as in events.
    pub time: String,
}

/// What the event of this sequence says, if it says that events were removed.
#[must_use]
pub fn removed(event: u64, json: &[u8]) -> Option<Removed> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Trimmed {
        event_time: String,
        outcome: String,
        request_data: Range,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Range {
        first_sequence: Option<u64>,
        last_sequence: Option<u64>,
    }
    if !is_of(Action::TrailTrim, json) {
        return None;
    }
    let trimmed: Trimmed = serde_json::from_slice(json).ok()?;
    let Range {
        first_sequence,
        last_sequence,
    } = trimmed.request_data;
    let (first, last) = (first_sequence?, last_sequence?);
    (trimmed.outcome == "success").then_some(Removed {
        event,
        first,
        last,
        time: trimmed.event_time,
    })
}

impl Verification {
    /// Compares a checkpoint that seals fewer events than were removed, by the hashes that prove the removed ones consistent with it
    /// (`proof::consistency` from its size to the first event).
    ///
    /// # Errors
    /// The removed events were not those that it seals.
    pub fn earlier(
        &mut self,
        source: &str,
        checkpoint: &Checkpoint,
        hashes: &[Hash],
    ) -> Result<(), Break> {
        let (size, first) = (checkpoint.size, self.tree.size());
        let removed = (first, self.tree.root());
        if !is_consistent((size, checkpoint.root), removed, hashes) {
            let last = size.saturating_sub(1);
            let what = format!(
                "the events from 0 to {last}, which were removed, are not those that {source} seals: one of them at least was altered, removed \
                 or put in before"
            );
            return Err(Break::at(0, what));
        }
        self.agreed += 1;
        Ok(())
    }

    /// Takes what the event that comes next says that was removed, if it says so. Each begins where the one before ended: what somebody else
    /// took out of the trail is not covered by it.
    pub(super) fn note_removed(&mut self, json: &[u8]) -> Result<(), Break> {
        let next = self.next();
        let Some(removed) = removed(next, json) else {
            return Ok(());
        };
        if let Some(before) = self.removed.last()
            && before.last.saturating_add(1) != removed.first
        {
            let missing = before.last.saturating_add(1);
            let what = format!(
                "event {missing} was missing before event {next} says that those from {} on are removed",
                removed.first
            );
            return Err(Break::at(missing, what));
        }
        self.removed.push(removed);
        Ok(())
    }

    /// Whether what is missing at the start was removed as a sealed event says.
    pub(super) fn covered(&self) -> Result<(), Break> {
        if !self.is_cut || self.first == 0 {
            return Ok(());
        }
        let sealed = |removed: &&Removed| removed.event < self.confirmed;
        let kept_from = |removed: &Removed| removed.last.saturating_add(1);
        let kept_from = self.removed.iter().filter(sealed).map(kept_from).max();
        let from = kept_from.unwrap_or(0);
        if from >= self.first {
            return Ok(());
        }
        let last = self.first - 1;
        let what = format!(
            "event {from} is missing, and those up to {last}: no sealed event says that they were removed"
        );
        Err(Break::at(from, what))
    }
}

/// What a checkpoint seals of an epoch beyond where the next one begins, by each epoch and its first sequence: those events are not in the
/// trail.
#[must_use]
pub fn lost(epochs: &[(u32, u64)], source: &str, checkpoint: &Checkpoint) -> Option<Break> {
    let (of, size) = (epoch_of(checkpoint), checkpoint.size);
    let (epoch, first) = epochs
        .iter()
        .find(|(epoch, first)| *epoch > of && *first < size)?;
    let what = format!(
        "event {first} of epoch {of} is missing: epoch {epoch} begins in its place, and {source} seals {size} events"
    );
    Some(Break::at(*first, what))
}
