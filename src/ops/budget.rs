//! How many bytes may be in memory at once over all connections, and how much of it one client may have.
//!
//! Who needs more than is left waits, first for the client's own share and then for the whole: a client that has used up its share waits
//! for itself and takes no place in the queue of the others. What is reserved is given back when the [`Reservation`] is dropped.
//!
//! It keeps to one rule that its users must keep too: **reserve once, for all that will be needed.** Who held a part and waited for
//! more could wait for ever on others that do the same.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::domain::ClientId;

/// What one permit stands for.
const PERMIT_BYTES: usize = 1024;
/// Nobody closes the semaphores.
const OPEN: &str = "a budget is never closed";

/// Bytes that may be held, in all and by one client.
#[derive(Debug)]
pub struct Budget {
    all: Arc<Semaphore>,
    permits_per_client: usize,
    /// The shares in use; one that nobody uses is whole, and forgotten when another client comes.
    shares: Mutex<HashMap<ClientId, Weak<Semaphore>>>,
}

/// Bytes that are held, given back when dropped.
#[derive(Debug)]
pub struct Reservation {
    of_client: OwnedSemaphorePermit,
    of_all: OwnedSemaphorePermit,
}

impl Budget {
    /// So many bytes in all, and so many for one client, which is never more than all.
    #[must_use]
    pub fn new(bytes_max: usize, bytes_per_client_max: usize) -> Arc<Self> {
        let all = permits(bytes_max);
        Arc::new(Self {
            all: Arc::new(Semaphore::new(all)),
            permits_per_client: permits(bytes_per_client_max).min(all),
            shares: Mutex::default(),
        })
    }

    /// Waits for `bytes`; for a whole share if that is less. Who came first is served first.
    pub async fn reserve(&self, client: ClientId, bytes: usize) -> Reservation {
        let permits = self.count(bytes);
        let of_client = self.share(client).acquire_many_owned(permits).await;
        let of_all = Arc::clone(&self.all).acquire_many_owned(permits).await;
        Reservation {
            of_client: of_client.expect(OPEN),
            of_all: of_all.expect(OPEN),
        }
    }

    /// `bytes`, if they are there at once.
    #[must_use]
    pub fn try_reserve(&self, client: ClientId, bytes: usize) -> Option<Reservation> {
        let permits = self.count(bytes);
        let of_client = self.share(client).try_acquire_many_owned(permits);
        let of_all = Arc::clone(&self.all).try_acquire_many_owned(permits);
        Some(Reservation {
            of_client: of_client.ok()?,
            of_all: of_all.ok()?,
        })
    }

    /// What is left now, in bytes.
    #[must_use]
    pub fn free_bytes(&self) -> usize {
        self.all.available_permits().saturating_mul(PERMIT_BYTES)
    }

    fn count(&self, bytes: usize) -> u32 {
        let permits = bytes.div_ceil(PERMIT_BYTES).min(self.permits_per_client);
        u32::try_from(permits).unwrap_or(u32::MAX)
    }

    fn share(&self, client: ClientId) -> Arc<Semaphore> {
        let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(share) = shares.get(&client).and_then(Weak::upgrade) {
            return share;
        }
        shares.retain(|_, share| share.strong_count() > 0);
        let share = Arc::new(Semaphore::new(self.permits_per_client));
        shares.insert(client, Arc::downgrade(&share));
        share
    }
}

impl Reservation {
    /// The bytes that are held.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.of_all.num_permits().saturating_mul(PERMIT_BYTES)
    }

    /// Gives back what is held beyond `bytes`.
    pub fn keep(&mut self, bytes: usize) {
        let rest = self
            .of_all
            .num_permits()
            .saturating_sub(bytes.div_ceil(PERMIT_BYTES));
        drop(self.of_client.split(rest));
        drop(self.of_all.split(rest));
    }
}

/// A semaphore's most is far beyond any memory, and so are 4 TiB in the number one may ask for.
fn permits(bytes: usize) -> usize {
    let most = usize::try_from(u32::MAX).unwrap_or(usize::MAX);
    bytes
        .div_ceil(PERMIT_BYTES)
        .min(Semaphore::MAX_PERMITS)
        .min(most)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::{Budget, Reservation};
    use crate::domain::ClientId;

    const KIB: usize = 1024;

    fn client(number: u8) -> ClientId {
        ClientId::new(0, [number; 10])
    }

    /// What is reserved at once; none if it has to wait.
    async fn soon(budget: &Arc<Budget>, of: ClientId, bytes: usize) -> Option<Reservation> {
        let waited = tokio::time::timeout(Duration::from_millis(20), budget.reserve(of, bytes));
        waited.await.ok()
    }

    #[tokio::test]
    async fn a_client_waits_for_its_own_share_and_nobody_waits_for_it() {
        let budget = Budget::new(100 * KIB, 40 * KIB);
        let first = budget.reserve(client(1), 40 * KIB).await;
        assert!(soon(&budget, client(1), KIB).await.is_none());
        assert!(budget.try_reserve(client(1), KIB).is_none());
        let waiting = tokio::spawn({
            let budget = Arc::clone(&budget);
            async move { budget.reserve(client(1), 40 * KIB).await }
        });
        tokio::task::yield_now().await;
        let other = soon(&budget, client(2), 40 * KIB).await;
        assert!(
            other.is_some(),
            "who waits for its share is in nobody's way"
        );
        drop(first);
        waiting.await.unwrap();
    }

    #[tokio::test]
    async fn all_that_is_held_is_bounded_and_given_back() {
        let budget = Budget::new(100 * KIB, 60 * KIB);
        let first = budget.reserve(client(1), 60 * KIB).await;
        let mut second = budget.reserve(client(2), 30 * KIB + 1).await;
        assert_eq!(second.bytes(), 31 * KIB, "part of a permit is a permit");
        assert!(soon(&budget, client(3), 10 * KIB).await.is_none());
        second.keep(10 * KIB);
        assert_eq!(budget.free_bytes(), 30 * KIB);
        drop((first, second));
        assert_eq!(budget.free_bytes(), 100 * KIB);
    }

    #[tokio::test]
    async fn more_than_a_share_is_a_share_so_that_it_comes_at_all() {
        let budget = Budget::new(100 * KIB, 1000 * KIB);
        assert_eq!(
            budget.reserve(client(1), 500 * KIB).await.bytes(),
            100 * KIB
        );
        let budget = Budget::new(100 * KIB, 10 * KIB);
        assert_eq!(budget.reserve(client(1), 500 * KIB).await.bytes(), 10 * KIB);
    }

    #[tokio::test]
    async fn clients_that_hold_nothing_are_forgotten() {
        let budget = Budget::new(100 * KIB, 10 * KIB);
        let kept = budget.reserve(client(0), 10 * KIB).await;
        for number in 1..100 {
            drop(budget.reserve(client(number), KIB).await);
        }
        assert_eq!(budget.shares.lock().unwrap().len(), 2);
        assert!(budget.try_reserve(client(0), KIB).is_none(), "but no other");
        drop(kept);
    }
}
