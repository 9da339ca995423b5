//! When the thread that writes begins its next transaction.
//!
//! A sync costs as much for one changeset as for a hundred, and on a busy machine every sync that is
//! saved is work done for somebody else. So whoever queues the first changeset of a transaction looks
//! after it: it lets the runtime do everything else it has in hand, requests that have arrived
//! included, and makes the transaction due once that adds no more to it. It is due before that when
//! a third of the callers there are wait for it: while they are synced the others keep the machine
//! busy. A lone caller never waits for anybody. The clock bounds how long more and more are let in,
//! and is never waited for.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long others are let in while more and more come.
const GATHER_MAX: Duration = Duration::from_millis(1);

/// The part of the callers that is enough for a transaction: one in so many.
const SHARE: usize = 3;

/// What is queued, and whether a transaction is due.
#[derive(Debug)]
pub(super) struct Gather {
    /// Changesets queued since the last transaction began.
    queued: AtomicUsize,
    /// So many make a transaction due at once.
    enough: AtomicUsize,
    /// So many callers have been there at the same time of late.
    callers: AtomicUsize,
    due: Mutex<bool>,
    signal: Condvar,
}

impl Gather {
    /// Nothing is queued, and nobody is known to come.
    pub(super) const fn new() -> Self {
        Self {
            queued: AtomicUsize::new(0),
            enough: AtomicUsize::new(1),
            callers: AtomicUsize::new(1),
            due: Mutex::new(false),
            signal: Condvar::new(),
        }
    }

    /// Sees to it that a changeset that was just queued is committed, also if the caller gives up
    /// waiting here. Only the first of a transaction waits.
    pub(super) async fn added(&self) {
        let queued = self.queued.fetch_add(1, Ordering::AcqRel) + 1;
        if queued == self.enough.load(Ordering::Relaxed) {
            self.make_due();
        } else if queued == 1 {
            let due = DueWhenDropped(self);
            self.run_dry().await;
            drop(due);
        }
    }

    /// Lets the runtime do what it has in hand until that adds nothing to the queue.
    async fn run_dry(&self) {
        let until = Instant::now() + GATHER_MAX;
        let mut seen = 0;
        loop {
            // Comes back when every task that can run has run, and sockets have been looked at.
            tokio::task::yield_now().await;
            let queued = self.queued.load(Ordering::Acquire);
            if queued <= seen || Instant::now() >= until {
                return;
            }
            seen = queued;
        }
    }

    /// Makes a transaction begin without waiting for more.
    pub(super) fn make_due(&self) {
        *self.due.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.signal.notify_one();
    }

    /// Waits until a transaction is due. What is queued from here on counts for the one after it.
    pub(super) fn wait(&self) {
        let due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.signal.wait_while(due, |due| !*due);
        *waited.unwrap_or_else(PoisonError::into_inner) = false;
        // Read and written at once, in one order with every `added`: the messages of those that came before are seen by whoever
        // looks into the queue after this, and the first one after it makes the next transaction due. A plain store could become
        // visible only after that look: then a caller that still counted itself behind others would be seen by nobody.
        self.queued.swap(0, Ordering::AcqRel);
    }

    /// Notes that `changesets` were answered. Their callers and those in the queue are all there are;
    /// fewer of them are believed only by and by.
    pub(super) fn answered(&self, changesets: usize) {
        let now = changesets + self.queued.load(Ordering::Acquire);
        let before = self.callers.load(Ordering::Relaxed);
        let callers = now.max(before - before / 8);
        self.callers.store(callers, Ordering::Relaxed);
        self.enough
            .store(callers.div_ceil(SHARE).max(1), Ordering::Relaxed);
    }
}

struct DueWhenDropped<'a>(&'a Gather);

impl Drop for DueWhenDropped<'_> {
    fn drop(&mut self) {
        self.0.make_due();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::Ordering;

    use super::Gather;

    fn gather(callers: usize) -> Arc<Gather> {
        let gather = Gather::new();
        gather.answered(callers);
        Arc::new(gather)
    }

    fn is_due(gather: &Gather) -> bool {
        *gather.due.lock().unwrap()
    }

    #[tokio::test]
    async fn a_lone_caller_waits_for_nobody() {
        let gather = gather(1);
        let mut added = std::pin::pin!(gather.added());
        let polled =
            std::future::poll_fn(|cx| std::task::Poll::Ready(added.as_mut().poll(cx).is_ready()));
        assert!(polled.await);
        assert!(is_due(&gather));
    }

    #[tokio::test]
    async fn the_first_lets_all_others_in_that_can_run() {
        let gather = gather(100);
        let first = tokio::spawn({
            let gather = Arc::clone(&gather);
            async move {
                gather.added().await;
                gather.queued.load(Ordering::SeqCst)
            }
        });
        for _ in 0..20 {
            let gather = Arc::clone(&gather);
            tokio::spawn(async move {
                tokio::task::yield_now().await;
                assert!(!is_due(&gather));
                gather.added().await;
            });
        }
        assert_eq!(first.await.unwrap(), 21);
        assert!(is_due(&gather));
    }

    #[tokio::test]
    async fn a_third_of_the_callers_is_enough() {
        let gather = gather(12);
        for before in 0..4 {
            assert!(!is_due(&gather), "{before} queued");
            gather.queued.store(before.max(1), Ordering::SeqCst);
            if before > 0 {
                gather.added().await;
            }
        }
        assert!(is_due(&gather));
    }

    #[tokio::test]
    async fn a_caller_that_gives_up_leaves_the_transaction_due() {
        let gather = gather(100);
        {
            let mut added = Box::pin(gather.added());
            let once = std::future::poll_fn(|cx| std::task::Poll::Ready(added.as_mut().poll(cx)));
            assert!(once.await.is_pending());
            assert!(!is_due(&gather));
        }
        assert!(is_due(&gather));
        gather.wait();
        assert!(!is_due(&gather));
    }

    #[test]
    fn callers_that_stay_away_are_forgotten() {
        let gather = gather(64);
        (0..64).for_each(|_| gather.answered(1));
        assert!(gather.callers.load(Ordering::SeqCst) < 8);
    }
}
