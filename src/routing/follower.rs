//! A cursor in the trail: gives the events that follow it, in order and without gaps, and waits where there are none yet.
//!
//! It reads pages when the head of the trail moves and keeps nothing: whoever took events moves the cursor past them, and remembers it if
//! he wants to go on there another day.

use tokio::sync::watch;

use crate::audit::EventFilter;
use crate::store::{Sequence, Store, StoreError, StoredEvent};

/// Why the trail cannot be followed.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// The cursor is of another trail, or of one that was restored since.
    #[error(
        "event {from} is beyond the end of the trail ({head}): the database was restored or is another one; follow from {head} at most"
    )]
    BeyondHead {
        /// Where it was to begin.
        from: Sequence,
        /// The sequence the next event gets.
        head: Sequence,
    },
    /// Retention removed where it was to begin.
    #[error("event {from} was removed by retention: follow from {kept_from} on")]
    Removed {
        /// Where it was to begin.
        from: Sequence,
        /// The first event that is kept.
        kept_from: Sequence,
    },
    /// The trail has a gap: it is damaged.
    #[error("event {0} is not in the trail: restore a backup")]
    Missing(Sequence),
    /// The trail cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A hook needs a thread.
    #[error("no thread could be started: {0}")]
    Thread(#[from] std::io::Error),
}

/// Follows the trail of a store.
#[derive(Debug)]
pub struct Follower {
    store: Store,
    head: watch::Receiver<Sequence>,
    next: Sequence,
}

impl Follower {
    /// Follows from this sequence on; the head of the trail is the last one it can begin with.
    ///
    /// # Errors
    /// [`FollowError::BeyondHead`], [`FollowError::Removed`].
    pub fn new(store: &Store, from: Sequence) -> Result<Self, FollowError> {
        let head = store.head();
        if from > head {
            return Err(FollowError::BeyondHead { from, head });
        }
        let kept_from = store.kept_from();
        if from < kept_from {
            return Err(FollowError::Removed { from, kept_from });
        }
        Ok(Self {
            store: store.clone(),
            head: store.head_changed(),
            next: from,
        })
    }

    /// The cursor: the sequence of the first event that was not taken.
    #[must_use]
    pub const fn next(&self) -> Sequence {
        self.next
    }

    /// The events after the cursor, at least one and at most `limit`; waits for the first. The cursor stays: see [`Self::advance`]. To stop
    /// waiting loses nothing.
    ///
    /// # Errors
    /// The trail cannot be read, or the event at the cursor is not there.
    pub async fn page(&mut self, limit: usize) -> Result<Vec<StoredEvent>, FollowError> {
        let next = self.next;
        let there = self.head.wait_for(|head| *head > next).await.is_ok();
        if !there {
            return Err(StoreError::Closed.into());
        }
        let all = EventFilter::default();
        let mut events = self.store.events(next, limit.max(1), &all).await?.events;
        let expected = (next.0..).zip(&events);
        let whole = expected
            .take_while(|(sequence, event)| event.sequence.0 == *sequence)
            .count();
        events.truncate(whole);
        if events.is_empty() {
            return Err(FollowError::Missing(next));
        }
        Ok(events)
    }

    /// Moves the cursor: every event before `next` was taken. It never goes back.
    pub fn advance(&mut self, next: Sequence) {
        self.next = self.next.max(next);
    }
}
