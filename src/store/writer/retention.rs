//! The removal of the start of the trail, as it is written.

use super::Writer;
use crate::store::Sequence;
use crate::store::error::{ApplyError, StoreError};
use crate::store::retention::{Behind, Gap, Removal};
use crate::store::sql::retention;

impl Writer {
    /// Has the events before one go, as the event that comes next says.
    pub(super) fn remove_before(
        &self,
        kept_from: Sequence,
        recorded: i64,
        gaps: &[Gap],
    ) -> Result<(), ApplyError> {
        let removal = Removal {
            kept_from,
            event: self.next,
            recorded,
        };
        retention::remove(&self.db, removal, gaps, self.epoch())
    }

    /// Whether these are the targets that were not given everything before an event.
    pub(super) fn are_behind(&self, before: Sequence, read: &[Behind]) -> Result<bool, ApplyError> {
        Ok(retention::behind(&self.db, before, self.epoch())? == read)
    }

    /// Removes the next events that are to go.
    ///
    /// # Errors
    /// [`ApplyError::Conflict`] when they are not what was sealed: that concerns no one else in the transaction.
    pub(super) fn remove_some(&self, epoch: u32) -> Result<(), ApplyError> {
        match retention::remove_blocks(&self.db, epoch) {
            Err(StoreError::Damaged(_)) => Err(ApplyError::Conflict),
            removed => Ok(removed?),
        }
    }

    /// The epoch as of the transaction under way.
    fn epoch(&self) -> u32 {
        match &self.epochs {
            Some(epochs) => epochs.of(self.next),
            None => self.shared.epochs.load().of(self.next),
        }
    }
}
