//! Turns to shake hands: how many handshakes are under way, and whose they are.
//!
//! A handshake costs computing and memory before it is known who asks, so only some are under way and the others wait; that is normal
//! when many hosts start together and costs next to nothing. A peer that begins and does not go on would hold its turn until the
//! handshake's time is over, and a few such addresses could hold them all. So where all turns are taken and somebody waits, the oldest
//! handshake of the address that has the most gives its turn up, if it has had its grace and its address has more than the one that waits
//! would have. Addresses that shake hands at the usual speed, each a few times, are never touched, however slow this machine is.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// How long a handshake may take although others wait.
pub(super) const GRACE: Duration = Duration::from_secs(1);

/// The turns of one listener.
#[derive(Debug)]
pub(super) struct Turns {
    free: Arc<Semaphore>,
    grace: Duration,
    under_way: Mutex<UnderWay>,
}

/// The handshakes under way: no more than there are turns.
#[derive(Debug, Default)]
struct UnderWay {
    handshakes: Vec<Handshake>,
    next: u64,
}

#[derive(Debug)]
struct Handshake {
    number: u64,
    address: IpAddr,
    since: Instant,
    pushed_out: Arc<Notify>,
}

/// The right to be in a handshake, given back when dropped.
#[derive(Debug)]
pub(super) struct Turn {
    turns: Arc<Turns>,
    number: u64,
    pushed_out: Arc<Notify>,
    _free: OwnedSemaphorePermit,
}

impl Turns {
    /// So many turns; a handshake that has had its grace may have to make way.
    pub(super) fn new(turns: usize, grace: Duration) -> Arc<Self> {
        Arc::new(Self {
            grace,
            free: Arc::new(Semaphore::new(turns.min(Semaphore::MAX_PERMITS))),
            under_way: Mutex::default(),
        })
    }

    /// Waits for a turn; nothing if there will never be one.
    pub(super) async fn take(self: &Arc<Self>, address: IpAddr) -> Option<Turn> {
        let free = Arc::clone(&self.free).acquire_owned();
        tokio::pin!(free);
        let free = loop {
            tokio::select! {
                biased;
                free = &mut free => break free.ok()?,
                () = tokio::time::sleep(self.grace / 4) => self.make_way(address),
            }
        };
        let pushed_out = Arc::new(Notify::new());
        let mut under_way = self.under_way();
        let number = under_way.next;
        under_way.next = number.wrapping_add(1);
        under_way.handshakes.push(Handshake {
            number,
            address,
            since: Instant::now(),
            pushed_out: Arc::clone(&pushed_out),
        });
        drop(under_way);
        Some(Turn {
            turns: Arc::clone(self),
            number,
            pushed_out,
            _free: free,
        })
    }

    /// Pushes one handshake out in favour of this address, if one has to go.
    fn make_way(&self, address: IpAddr) {
        let under_way = self.under_way();
        let mut counts = HashMap::<IpAddr, usize>::new();
        for handshake in &under_way.handshakes {
            *counts.entry(handshake.address).or_default() += 1;
        }
        let of = |address| counts.get(&address).copied().unwrap_or_default();
        // Of those whose addresses have as many the last is taken, which this way round is the oldest.
        let old = |other: &&Handshake| other.since.elapsed() >= self.grace;
        let others = under_way.handshakes.iter().rev().filter(old);
        let most = others.max_by_key(|other| of(other.address));
        let fair = of(address).saturating_add(1);
        if let Some(handshake) = most.filter(|other| of(other.address) > fair) {
            handshake.pushed_out.notify_one();
        }
    }

    fn under_way(&self) -> MutexGuard<'_, UnderWay> {
        self.under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn {
    /// Ready when the handshake must end for another's sake.
    pub(super) async fn pushed_out(&self) {
        self.pushed_out.notified().await;
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut under_way = self.turns.under_way();
        under_way
            .handshakes
            .retain(|other| other.number != self.number);
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::sync::Arc;
    use std::time::Duration;

    use super::{Turn, Turns};

    const GRACE: Duration = Duration::from_millis(40);
    /// Far longer than anything here needs.
    const PATIENCE: Duration = Duration::from_secs(30);

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    /// Turns that these addresses hold, taken one after the other.
    async fn held(turns: &Arc<Turns>, by: &[u8]) -> Vec<Turn> {
        let mut held = Vec::new();
        for last in by {
            held.push(turns.take(address(*last)).await.unwrap());
        }
        held
    }

    async fn is_taken_within(limit: Duration, turns: &Arc<Turns>, by: u8) -> bool {
        let turn = tokio::time::timeout(limit, turns.take(address(by)));
        turn.await.is_ok()
    }

    /// Those of the turns that have to make way.
    async fn pushed_out(turns: &[Turn]) -> Vec<usize> {
        let mut pushed_out = Vec::new();
        for (index, turn) in turns.iter().enumerate() {
            let at_once = tokio::time::timeout(Duration::ZERO, turn.pushed_out());
            pushed_out.extend(at_once.await.is_ok().then_some(index));
        }
        pushed_out
    }

    #[tokio::test]
    async fn a_turn_is_waited_for_and_given_back() {
        let turns = Turns::new(2, PATIENCE);
        let mut held = held(&turns, &[1, 1]).await;
        assert!(!is_taken_within(GRACE, &turns, 2).await);
        drop(held.pop());
        assert!(is_taken_within(PATIENCE, &turns, 2).await);
        assert_eq!(turns.under_way().handshakes.len(), 1);
        assert_eq!(pushed_out(&held).await, [0; 0], "its grace is not over");
    }

    #[tokio::test]
    async fn the_oldest_of_the_address_with_the_most_makes_way() {
        let turns = Turns::new(4, GRACE);
        let held = held(&turns, &[1, 2, 2, 2]).await;
        assert!(!is_taken_within(GRACE * 3, &turns, 3).await);
        assert_eq!(pushed_out(&held).await, [1]);
    }

    #[tokio::test]
    async fn who_makes_way_lets_the_one_in_that_waits() {
        let turns = Turns::new(2, GRACE);
        let mut held = held(&turns, &[1, 1]).await;
        let pushed = held.remove(0);
        let leaves = tokio::spawn(async move { pushed.pushed_out().await });
        assert!(is_taken_within(PATIENCE, &turns, 2).await);
        leaves.await.unwrap();
        assert_eq!(pushed_out(&held).await, [0; 0]);
    }

    #[tokio::test]
    async fn nobody_makes_way_for_an_address_that_would_have_as_much() {
        let turns = Turns::new(4, GRACE);
        let held = held(&turns, &[1, 2, 2, 3]).await;
        for by in [1, 2, 3] {
            assert!(!is_taken_within(GRACE * 3, &turns, by).await);
        }
        assert_eq!(pushed_out(&held).await, [0; 0]);
    }
}
