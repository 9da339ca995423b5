//! The start of the trail: what was removed of it by retention, and what may be.
//!
//! A removal is a [`super::Write`] with the event that says so. The events go afterwards, in pages, once a checkpoint seals that event: so whoever
//! finds them missing finds it sealed that they were removed. That is written without an event of its own.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::engine::Connection;

use super::writer::Kept;
use super::{ApplyError, Cursor, Sequence, Store, StoreError, sql};
use crate::domain::TargetId;

/// Blocks that go in one transaction: it must not hold up those of requests.
pub const BLOCKS_PER_PAGE: u64 = 2;

/// Blocks that one job reads at most: others wait for it.
const BLOCKS_PER_JOB: u64 = 16;

/// Events at the start of the trail that were removed, or go once a checkpoint seals the event that says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Removal {
    /// The first event that is kept.
    pub kept_from: Sequence,
    /// The event that says so.
    pub event: Sequence,
    /// When that was, seconds since 1970.
    pub recorded: i64,
}

/// Events that were removed before a target had them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// The target.
    pub target: TargetId,
    /// The first of them.
    pub first: Sequence,
    /// The last of them.
    pub last: Sequence,
}

/// A target that was not given everything before some event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Behind {
    /// The target.
    pub target: TargetId,
    /// How far it is, if that was ever kept.
    pub cursor: Option<Cursor>,
    /// What is parked for it before that event.
    pub parked: Vec<u64>,
}

impl Behind {
    /// The same as of an earlier event, with `epoch` the one under way; none where the target was given everything before that.
    #[must_use]
    pub fn before(&self, before: Sequence, epoch: u32) -> Option<Self> {
        let parked = self.parked.iter().copied().filter(|at| *at < before.0);
        let parked: Vec<_> = parked.collect();
        let is_before = |cursor: Cursor| cursor.next < before || cursor.epoch != epoch;
        (self.cursor.is_some_and(is_before) || !parked.is_empty())
            .then_some(Self { parked, ..*self })
    }
}

/// When the events of a block happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockTime {
    /// The sequence after its last event.
    pub end: Sequence,
    /// The newest that is not dated after now, milliseconds since 1970.
    pub newest_ms: Option<i64>,
}

impl Store {
    /// The first event that is kept for good; those before it were removed, or will be soon.
    #[must_use]
    pub fn kept_from(&self) -> Sequence {
        Sequence(self.inner.shared.kept_from.load(Ordering::Acquire))
    }

    /// The first event there is; the head where there is none.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn first(&self) -> Result<Sequence, StoreError> {
        let first = self.inner.readers.read(sql::retention::first).await?;
        Ok(first.unwrap_or_else(|| self.head()))
    }

    /// The newest removal.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn removal(&self) -> Result<Option<Removal>, StoreError> {
        self.inner.readers.read(sql::retention::removal).await
    }

    /// How many events the newest checkpoint of the epoch under way seals.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn sealed(&self) -> Result<u64, StoreError> {
        let epoch = self.origin().epoch;
        let sealed = move |db: &Connection| sql::seal::sealed(db, epoch);
        self.inner.readers.read(sealed).await
    }

    /// The targets that were not given everything before an event, as far as is known: those in another epoch than the one under way are
    /// among them.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn behind(&self, before: Sequence) -> Result<Vec<Behind>, StoreError> {
        let epoch = self.origin().epoch;
        let behind = move |db: &Connection| sql::retention::behind(db, before, epoch);
        self.inner.readers.read(behind).await
    }

    /// What was removed before a target had it, the newest first, at most `limit`.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn gaps(&self, target: TargetId, limit: usize) -> Result<Vec<Gap>, StoreError> {
        let gaps = move |db: &Connection| sql::retention::gaps(db, target, limit);
        self.inner.readers.read(gaps).await
    }

    /// When the events of the first of these blocks happened, of at least one. Block `n` begins with event 256 n.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn block_times(
        &self,
        blocks: Range<u64>,
        now_ms: i64,
    ) -> Result<Vec<BlockTime>, StoreError> {
        let few = first_of(&blocks);
        let times = move |db: &Connection| sql::retention::block_times(db, few, now_ms);
        self.inner.readers.search(times).await
    }

    /// Compares the first of these blocks, at least one, with what was sealed, and gives the block to go on with.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] names what is not what was sealed.
    pub async fn check_blocks(&self, blocks: Range<u64>) -> Result<u64, StoreError> {
        let (few, shared) = (first_of(&blocks), Arc::clone(&self.inner.shared));
        let next = few.end;
        let check = move |db: &Connection| sql::retention::check_blocks(db, few, &shared.interned);
        self.inner.readers.search(check).await.map(|()| next)
    }

    /// Removes some of the events that the newest removal names, if a checkpoint seals its event.
    ///
    /// # Errors
    /// [`ApplyError::Conflict`] when they are not what was sealed. The store is closed, full or failed. Nothing was removed.
    pub async fn remove_some(&self) -> Result<(), ApplyError> {
        self.keep_part(Kept::Removed(self.origin().epoch)).await
    }
}

fn first_of(blocks: &Range<u64>) -> Range<u64> {
    let end = blocks.end.min(blocks.start.saturating_add(BLOCKS_PER_JOB));
    blocks.start..end
}
