//! The trail's tree as it grows with each transaction, and what is kept of its seal.

use std::ops::ControlFlow;

use super::{ApplyError, Failure, Writer};
use crate::audit::Tree;
use crate::audit::tree::Hash;
use crate::store::seal::Seal;
use crate::store::sqlite::seal;
use crate::store::{Epoch, Origin, Room, StoreError};

/// The tree as of the last commit; none where the trail is damaged, of which `keyledger events verify` says more.
pub(super) fn load(db: &rusqlite::Connection, size: u64) -> Result<Option<Tree>, StoreError> {
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
    /// Grows the tree by the leaves of the transaction under way and keeps what they complete. The tree as it was stays the writer's
    /// until the commit.
    pub(super) fn grow(
        &self,
        leaves: impl Iterator<Item = Hash>,
    ) -> Result<Option<Tree>, StoreError> {
        let Some(mut tree) = self.tree.clone() else {
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

    /// Keeps a part of the seal in a transaction of its own, while there is room, and says whether the thread can go on.
    pub(super) fn keep(
        &mut self,
        origin: &Origin,
        part: &Seal,
    ) -> (Result<(), ApplyError>, ControlFlow<()>) {
        if *self.shared.room.borrow() != Room::Enough {
            return (Err(ApplyError::StorageFull), ControlFlow::Continue(()));
        }
        let Err(failure) = self.keep_now(origin, part) else {
            return (Ok(()), ControlFlow::Continue(()));
        };
        let failure = self.sort(failure);
        let ended = self.roll_back(self.next, &failure);
        (Err(failure.error), ended)
    }

    fn keep_now(&self, origin: &Origin, part: &Seal) -> Result<(), Failure> {
        self.statement("BEGIN IMMEDIATE")?;
        match part {
            Seal::Key(key) => seal::insert_signing_key(&self.db, &origin.name, key)?,
            Seal::Checkpoint(size, note) => seal::keep_checkpoint(&self.db, origin, *size, note)?,
        }
        self.commit_durably()
    }
}
