//! Connections that have not shown yet who they are, in the order in which they came.
//!
//! Where all places are taken, the one that has had its place for longest makes way for the next, once it has had its grace: strangers that
//! connect and do not go on, from however many addresses, keep nobody out. A client that was let in is never cut for another.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit};
use tokio::time::Instant;

/// The strangers of one listener.
#[derive(Debug)]
pub(super) struct Strangers {
    grace: Duration,
    by_age: Mutex<ByAge>,
}

#[derive(Debug, Default)]
struct ByAge {
    strangers: BTreeMap<u64, Stranger>,
    next: u64,
}

#[derive(Debug)]
struct Stranger {
    since: Instant,
    permit: OwnedSemaphorePermit,
    cut: Arc<Notify>,
}

/// The place of one connection: a stranger's until it has settled. Given back when dropped.
#[derive(Debug)]
pub(super) struct Place {
    strangers: Arc<Strangers>,
    number: u64,
    cut: Arc<Notify>,
    settled: Option<OwnedSemaphorePermit>,
}

impl Strangers {
    /// A stranger that has had its grace may have to make way.
    pub(super) fn new(grace: Duration) -> Arc<Self> {
        Arc::new(Self {
            grace,
            by_age: Mutex::default(),
        })
    }

    /// Takes a place that is free.
    pub(super) fn seat(self: &Arc<Self>, permit: OwnedSemaphorePermit) -> Place {
        let cut = Arc::new(Notify::new());
        let mut by_age = self.by_age();
        let number = by_age.next;
        by_age.next = number.wrapping_add(1);
        let stranger = Stranger {
            since: Instant::now(),
            permit,
            cut: Arc::clone(&cut),
        };
        by_age.strangers.insert(number, stranger);
        drop(by_age);
        Place {
            strangers: Arc::clone(self),
            number,
            cut,
            settled: None,
        }
    }

    /// The place of the one that has to make way; none if all have settled or had no grace yet.
    pub(super) fn make_way(&self) -> Option<OwnedSemaphorePermit> {
        let mut by_age = self.by_age();
        let oldest = by_age.strangers.first_entry()?;
        if oldest.get().since.elapsed() < self.grace {
            return None;
        }
        let stranger = oldest.remove();
        stranger.cut.notify_one();
        Some(stranger.permit)
    }

    fn by_age(&self) -> MutexGuard<'_, ByAge> {
        self.by_age.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Whether it has its place for good; not if it had to make way just now.
    pub(super) fn settle(&mut self) -> bool {
        let stranger = self.strangers.by_age().strangers.remove(&self.number);
        self.settled = stranger.map(|stranger| stranger.permit);
        self.settled.is_some()
    }

    /// Ready when it has to make way, for whoever does not hold the place.
    pub(super) fn cutting(&self) -> impl Future<Output = ()> + Send + use<> {
        let cut = Arc::clone(&self.cut);
        async move { cut.notified().await }
    }

    /// Ready when it has to make way.
    pub(super) async fn cut(&self) {
        self.cut.notified().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.strangers.by_age().strangers.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use tokio::sync::Semaphore;

    use super::{Place, Strangers};

    const GRACE: Duration = Duration::from_millis(40);

    fn seats(strangers: &Arc<Strangers>, all: &Arc<Semaphore>) -> Vec<Place> {
        let permits = std::iter::from_fn(|| Arc::clone(all).try_acquire_owned().ok());
        permits.map(|permit| strangers.seat(permit)).collect()
    }

    async fn is_cut(place: &Place) -> bool {
        let cut = tokio::time::timeout(Duration::ZERO, place.cut());
        cut.await.is_ok()
    }

    #[tokio::test]
    async fn the_oldest_stranger_makes_way_and_nobody_who_has_settled() {
        let (strangers, all) = (Strangers::new(GRACE), Arc::new(Semaphore::new(3)));
        let mut places = seats(&strangers, &all);
        assert!(strangers.make_way().is_none(), "each has its grace");
        tokio::time::sleep(GRACE).await;
        assert!(places[0].settle());
        let next = strangers.seat(strangers.make_way().expect("the second"));
        assert!(!is_cut(&places[0]).await);
        assert!(is_cut(&places[1]).await);
        assert!(!places[1].settle(), "it came too late");
        assert!(places[2].settle());
        assert!(strangers.make_way().is_none(), "the newest has its grace");
        assert_eq!(all.available_permits(), 0);
        drop((places, next));
        assert_eq!(all.available_permits(), 3, "each place once");
        assert!(strangers.by_age().strangers.is_empty());
    }
}
