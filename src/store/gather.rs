//! When the thread that writes begins its next transaction.
//!
//! A sync costs as much for one changeset as for a hundred, and on a busy machine every sync that is
//! saved is work done for somebody else. So a transaction waits until half of the callers there are
//! have queued something: while they are synced, the others keep the machine busy. A lone caller
//! waits for nobody, and how long the first of several waits for others is bounded by a time that grows with
//! their number: a few callers are hardly held up, and many need that time anyway.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// The part of the callers that is enough for a transaction: one in so many.
const SHARE: usize = 2;

/// How long the first waits for others, for each caller there is; in the order of what a request costs.
const PATIENCE: Duration = Duration::from_micros(12);
/// How long at most.
const PATIENCE_MAX: Duration = Duration::from_millis(3);

/// What is queued, and whether a transaction is due.
#[derive(Debug)]
pub(super) struct Gather {
    /// Changesets queued since the last transaction began.
    queued: AtomicUsize,
    /// So many make a transaction due at once.
    enough: AtomicUsize,
    /// So many callers have been there at the same time of late.
    callers: AtomicUsize,
    next: Mutex<Next>,
    signal: Condvar,
}

/// How far the next transaction is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Next {
    /// Nobody has asked for it.
    Unasked,
    /// Something is queued for it; others may join.
    Asked,
    /// It begins without waiting for more.
    Due,
}

impl Gather {
    /// Nothing is queued, and nobody is known to come.
    pub(super) const fn new() -> Self {
        Self {
            queued: AtomicUsize::new(0),
            enough: AtomicUsize::new(1),
            callers: AtomicUsize::new(1),
            next: Mutex::new(Next::Unasked),
            signal: Condvar::new(),
        }
    }

    /// Sees to it that a changeset that was just queued is committed.
    pub(super) fn added(&self) {
        let queued = self.queued.fetch_add(1, Ordering::AcqRel) + 1;
        if queued == self.enough.load(Ordering::Relaxed) {
            self.advance(Next::Due);
        } else if queued == 1 {
            self.advance(Next::Asked);
        }
    }

    /// Makes a transaction begin without waiting for more.
    pub(super) fn make_due(&self) {
        self.advance(Next::Due);
    }

    fn advance(&self, to: Next) {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        if *next < to {
            *next = to;
            drop(next);
            self.signal.notify_one();
        }
    }

    /// Waits until a transaction is due. What is queued from here on counts for the one after it.
    pub(super) fn wait(&self) {
        let next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let asked = self
            .signal
            .wait_while(next, |next| *next == Next::Unasked)
            .unwrap_or_else(PoisonError::into_inner);
        let (mut next, _) = self
            .signal
            .wait_timeout_while(asked, self.patience(), |next| *next != Next::Due)
            .unwrap_or_else(PoisonError::into_inner);
        *next = Next::Unasked;
        // Read and written at once, in one order with every `added`: the messages of those that came before are seen by whoever
        // looks into the queue after this, and the first one after it asks for the next transaction. A plain store could become
        // visible only after that look: then a caller that still counted itself behind others would be seen by nobody.
        self.queued.swap(0, Ordering::AcqRel);
    }

    fn patience(&self) -> Duration {
        let callers = u32::try_from(self.callers.load(Ordering::Relaxed)).unwrap_or(u32::MAX);
        PATIENCE.saturating_mul(callers).min(PATIENCE_MAX)
    }

    /// Notes that `changesets` were answered. Their callers and those in the queue are all there are;
    /// fewer of them are believed only by and by.
    pub(super) fn answered(&self, changesets: usize) {
        let queued = self.queued.load(Ordering::Acquire);
        let now = changesets + queued;
        let before = self.callers.load(Ordering::Relaxed);
        let callers = now.max(before - before.div_ceil(8)).max(1);
        self.callers.store(callers, Ordering::Relaxed);
        let enough = callers.div_ceil(SHARE);
        self.enough.store(enough, Ordering::Relaxed);
        if queued >= enough {
            // Whoever made them enough compared with what was enough before.
            self.advance(Next::Due);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn gather(callers: usize) -> Gather {
        let gather = Gather::new();
        gather.answered(callers);
        gather
    }

    fn next(gather: &Gather) -> Next {
        *gather.next.lock().unwrap()
    }

    #[test]
    fn a_lone_caller_waits_for_nobody() {
        let gather = gather(1);
        gather.added();
        assert_eq!(next(&gather), Next::Due);
        gather.wait();
        assert_eq!(next(&gather), Next::Unasked);
    }

    #[test]
    fn half_of_the_callers_are_enough() {
        let gather = gather(12);
        for _ in 0..5 {
            gather.added();
            assert_eq!(next(&gather), Next::Asked);
        }
        gather.added();
        assert_eq!(next(&gather), Next::Due);
        gather.wait();
        gather.added();
        assert_eq!(next(&gather), Next::Asked, "the next one counts anew");
    }

    #[test]
    fn others_are_not_waited_for_without_end() {
        let gather = gather(1_000_000);
        assert_eq!(gather.patience(), PATIENCE_MAX);
        gather.added();
        let before = Instant::now();
        gather.wait();
        assert!(before.elapsed() >= PATIENCE_MAX);
        assert_eq!(next(&gather), Next::Unasked);
    }

    #[test]
    fn who_comes_while_one_is_asked_for_is_in_it() {
        let gather = gather(4);
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| gather.wait());
            gather.added();
            gather.added();
            writer.join().unwrap();
        });
        assert_eq!(gather.queued.load(Ordering::SeqCst), 0);
    }

    #[test]
    fn those_that_became_enough_meanwhile_do_not_wait() {
        let gather = gather(16);
        (0..6).for_each(|_| gather.added());
        assert_eq!(next(&gather), Next::Asked);
        (0..8).for_each(|_| gather.answered(1));
        assert_eq!(next(&gather), Next::Due);
    }

    #[test]
    fn callers_that_stay_away_are_forgotten() {
        let gather = gather(64);
        (0..64).for_each(|_| gather.answered(1));
        assert_eq!(gather.callers.load(Ordering::SeqCst), 1);
        gather.added();
        assert_eq!(next(&gather), Next::Due, "who is left waits for nobody");
    }
}
