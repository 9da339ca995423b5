//! How far the targets are, as it outlasts the process: a cursor for each, and what it refused for good.
//!
//! What a worker keeps here makes no event: each would have to be delivered in turn. What an administrator changes is a [`super::Write`] like
//! others and has one.

use super::engine::Connection;
use tokio::sync::{oneshot, watch};

use super::writer::{Command, Kept};
use super::{ApplyError, Sequence, Store, StoreError, sql};
use crate::domain::TargetId;

/// How far a target is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// The epoch of the trail that was under way.
    pub epoch: u32,
    /// The first event that it was not given.
    pub next: Sequence,
    /// How many events the newest checkpoint seals that it was given.
    pub checkpoint: u64,
}

/// Where a target begins, or goes on when it is moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    /// At the first event of the changeset that says so.
    Here,
    /// At this event.
    Event(Sequence),
}

/// An event that a target refused for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parked {
    /// The event.
    pub sequence: Sequence,
    /// Why the target refused it, in one line.
    pub reason: String,
    /// When it was refused the last time, milliseconds since 1970.
    pub parked_ms: i64,
    /// Whether it is to be given to the target again.
    pub is_due: bool,
}

/// Which of the parked events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParkedRange {
    /// All of them.
    All,
    /// The one of this sequence.
    One(Sequence),
}

impl ParkedRange {
    /// The first and the last sequence that it covers; SQLite knows no larger number.
    pub(super) const fn bounds(self) -> (i64, i64) {
        match self {
            Self::All => (0, i64::MAX),
            Self::One(Sequence(sequence)) => (sequence.cast_signed(), sequence.cast_signed()),
        }
    }
}

/// What became of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivered {
    /// The target was given what lies between two cursors, but for what is parked.
    Advanced {
        /// Where it was; none if nothing was kept of it yet.
        from: Option<Cursor>,
        /// Where it is.
        to: Cursor,
        /// What it refused.
        parked: Vec<Parked>,
    },
    /// It refused again what was parked.
    Refused(Parked),
    /// It took what was parked.
    Late(Sequence),
    /// What is parked is to be given to it again.
    Due(ParkedRange),
    /// There is no such target any more.
    Forgotten,
}

impl Store {
    /// How far a target is, if that was ever kept.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn cursor(&self, target: TargetId) -> Result<Option<Cursor>, StoreError> {
        let cursor = move |db: &Connection| sql::delivery::cursor(db, target);
        self.inner.readers.read(cursor).await
    }

    /// Where a target stands that is given the trail from now on.
    #[must_use]
    pub fn cursor_at_head(&self) -> Cursor {
        Cursor {
            epoch: self.origin().epoch,
            next: self.head(),
            checkpoint: 0,
        }
    }

    /// What is parked for a target from a sequence on, at most `limit`.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn parked(
        &self,
        target: TargetId,
        from: Sequence,
        limit: usize,
    ) -> Result<Vec<Parked>, StoreError> {
        let parked = move |db: &Connection| sql::delivery::parked(db, target, from, limit, false);
        self.inner.readers.read(parked).await
    }

    /// The first event that is parked for a target and is to be given to it again.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn due(&self, target: TargetId) -> Result<Option<Parked>, StoreError> {
        let due = move |db: &Connection| sql::delivery::parked(db, target, Sequence(0), 1, true);
        Ok(self.inner.readers.read(due).await?.pop())
    }

    /// How many events are parked for a target.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn parked_count(&self, target: TargetId) -> Result<u64, StoreError> {
        let count = move |db: &Connection| sql::delivery::parked_count(db, target);
        self.inner.readers.read(count).await
    }

    /// Every target of which something is kept, also those that are there no more.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn targets_kept(&self) -> Result<Vec<TargetId>, StoreError> {
        self.inner.readers.read(sql::delivery::targets).await
    }

    /// Moves when a target was moved or something parked is due: what a worker keeps itself does not count.
    #[must_use]
    pub fn delivery_changed(&self) -> watch::Receiver<u64> {
        self.inner.shared.delivery_version.subscribe()
    }

    /// How many events the newest checkpoint seals that is kept; moves with each.
    #[must_use]
    pub fn sealed_changed(&self) -> watch::Receiver<u64> {
        self.inner.shared.sealed.subscribe()
    }

    /// Keeps what became of a delivery. It is durable when this returns.
    ///
    /// # Errors
    /// [`ApplyError::Conflict`] when somebody has moved the target meanwhile. The store is closed, full or failed. Nothing was written.
    pub async fn keep_delivered(
        &self,
        target: TargetId,
        delivered: Delivered,
    ) -> Result<(), ApplyError> {
        self.keep_part(Kept::Delivered(target, delivered)).await
    }

    /// Waits until it is known what became of everything that was to be committed before, of a database whose connection was lost too.
    ///
    /// # Errors
    /// It is not known yet.
    pub async fn settle(&self) -> Result<(), ApplyError> {
        self.keep_part(Kept::Nothing).await
    }

    /// Has the writer keep something, with whatever else is due.
    pub(super) async fn keep_part(&self, part: Kept) -> Result<(), ApplyError> {
        let commands = self.inner.writer.commands.as_ref();
        let commands = commands.ok_or(ApplyError::Closed)?;
        let (reply, kept) = oneshot::channel();
        let sent = commands.send(Command::Keep(part, reply)).await;
        sent.map_err(|_| ApplyError::Closed)?;
        self.inner.shared.gather.added();
        kept.await.map_err(|_| ApplyError::Closed)?
    }
}
