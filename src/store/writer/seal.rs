//! The trail's tree as it grows with each transaction, and what is kept of its seal.

use super::{Kept, Writer};
use crate::audit::Tree;
use crate::audit::tree::Hash;
use crate::domain::TargetId;
use crate::store::delivery::{Cursor, From};
use crate::store::engine::Connection;
use crate::store::error::ApplyError;
use crate::store::seal::Seal;
use crate::store::sql::{administrator, delivery, own, retention, seal};
use crate::store::{Epoch, StoreError};

/// The tree as of the last commit; none where the trail is damaged, of which `keyledger events verify` says more.
pub(super) fn load(db: &Connection, size: u64) -> Result<Option<Tree>, StoreError> {
    match seal::tree(db, size) {
        Ok(tree) => Ok(Some(tree)),
        Err(StoreError::Damaged(what)) => {
            tracing::error!(
                what,
                "The trail is damaged and is not sealed any more: run keyledger events verify."
            );
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

impl Writer {
    /// Takes the tree as it is kept now: what it was grown from had wrong parts.
    pub(super) fn load_again(&mut self) {
        self.tree = load(&self.db, self.next.0).unwrap_or_else(|error| {
            tracing::error!(%error, "The trail's tree cannot be read, and the trail is not sealed any more.");
            None
        });
    }

    /// Grows the tree by the leaves of the transaction under way and keeps what they complete. The tree as it was stays the writer's
    /// until the commit. Where the tree is damaged, what they complete is kept all the same: with what is mended, it is whole again.
    pub(super) fn grow(
        &self,
        leaves: impl Iterator<Item = Hash>,
    ) -> Result<Option<Tree>, StoreError> {
        let Some(mut tree) = self.tree.clone() else {
            let appended = u64::try_from(leaves.count()).unwrap_or(u64::MAX);
            let size = self.next.0;
            seal::keep_grown(&self.db, size.saturating_sub(appended), size)?;
            return Ok(None);
        };
        let mut completed = Vec::new();
        leaves.for_each(|leaf| tree.push(leaf, &mut completed));
        if !completed.is_empty() {
            seal::keep_subtrees(&self.db, &completed)?;
        }
        Ok(Some(tree))
    }

    /// Begins an epoch with the event that comes next.
    pub(super) fn begin_epoch(&self, number: u32, created: i64) -> Result<(), ApplyError> {
        let name = self.shared.epochs.load().name.clone();
        let first = self.next;
        Ok(seal::begin_epoch(
            &self.db,
            &name,
            Epoch { number, first },
            created,
        )?)
    }

    /// Has a target go on from there, with the newest checkpoint once it seals nothing that comes after.
    pub(super) fn move_target(&self, target: TargetId, from: From) -> Result<(), ApplyError> {
        let next = match from {
            From::Here => self.next,
            From::Event(sequence) => sequence,
        };
        let epochs = self.shared.epochs.load();
        let cursor = Cursor {
            epoch: epochs.of(next.max(self.next)),
            next,
            checkpoint: 0,
        };
        let removal = retention::removal(&self.db)?;
        if removal.is_some_and(|removal| next < removal.kept_from) {
            // They go, or have gone, since that was asked for.
            return Err(ApplyError::Conflict);
        }
        delivery::set_cursor(&self.db, target, cursor)
    }

    /// Keeps a part in the transaction under way. After a refusal nothing of it is left; after another error the batch is
    /// lost.
    pub(super) fn keep(&self, part: &Kept) -> Result<(), ApplyError> {
        self.statement("SAVEPOINT kept")?;
        let kept = self.keep_part(part);
        if kept.as_ref().is_err_and(ApplyError::is_refusal) {
            self.statement("ROLLBACK TO kept")?;
        }
        if kept.as_ref().err().is_none_or(ApplyError::is_refusal) {
            self.statement("RELEASE kept")?;
        }
        kept
    }

    fn keep_part(&self, part: &Kept) -> Result<(), ApplyError> {
        let db = &self.db;
        match part {
            Kept::Seal(origin, Seal::Key(key)) => {
                Ok(seal::insert_signing_key(db, &origin.name, key)?)
            }
            Kept::Seal(origin, Seal::Checkpoint(size, note)) => {
                Ok(seal::keep_checkpoint(db, origin, *size, note)?)
            }
            Kept::Seal(_, Seal::Subtrees(subtrees)) => {
                seal::keep_subtrees(db, subtrees)?;
                Ok(seal::keep_above(db, subtrees, self.next.0)?)
            }
            Kept::Delivered(target, delivered) => delivery::keep(db, *target, delivered),
            Kept::Used(key, at) => administrator::keep_used(db, *key, *at),
            Kept::Own(held) => own::set_in_use(db, held),
            Kept::Removed(epoch) => self.remove_some(*epoch),
            Kept::Nothing => Ok(()),
        }
    }
}
