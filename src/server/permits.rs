//! How many connections and handshakes there may be, in all and from one address.
//!
//! A connection over the limit is closed at once, unless it is over the limit of all and a stranger has
//! to make way for it; a handshake over the limit waits for its turn. The
//! table of addresses holds only those that are connected, so it is bounded by the number of
//! connections.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Config;
use super::strangers::{Place, Strangers};
use super::turns::{GRACE, Turn, Turns};
use crate::domain::pending::neighbourhood;

/// Which limit a connection would exceed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Over {
    #[error("too many connections")]
    Total,
    #[error("too many connections from this address")]
    Address,
}

/// The permits of one listener.
#[derive(Debug)]
pub(super) struct Permits {
    connections: Arc<Semaphore>,
    strangers: Arc<Strangers>,
    turns: Arc<Turns>,
    connections_per_address_max: usize,
    handshakes_per_address_max: usize,
    addresses: Mutex<HashMap<IpAddr, Address>>,
}

#[derive(Debug)]
struct Address {
    connections: usize,
    handshakes: Arc<Semaphore>,
}

/// The right to be connected, given back when dropped.
#[derive(Debug)]
pub(super) struct ConnectionPermit {
    permits: Arc<Permits>,
    peer: IpAddr,
    /// What counts as its address.
    address: IpAddr,
    handshakes: Arc<Semaphore>,
    place: Place,
}

/// The right to be in a handshake, given back when dropped.
#[derive(Debug)]
pub(super) struct HandshakePermit {
    _of_address: OwnedSemaphorePermit,
    turn: Turn,
}

impl Permits {
    pub(super) fn new(config: &Config) -> Arc<Self> {
        Arc::new(Self {
            connections: semaphore(config.connections_max),
            strangers: Strangers::new(GRACE),
            turns: Turns::new(config.handshakes_max, GRACE),
            connections_per_address_max: config.connections_per_address_max,
            handshakes_per_address_max: config.handshakes_per_address_max,
            addresses: Mutex::default(),
        })
    }

    /// The right of a peer at this address to be connected.
    pub(super) fn connect(self: &Arc<Self>, peer: IpAddr) -> Result<ConnectionPermit, Over> {
        let address = neighbourhood(peer);
        let mut addresses = self.addresses();
        let others = addresses.get(&address).map_or(0, |entry| entry.connections);
        if others >= self.connections_per_address_max {
            return Err(Over::Address);
        }
        let free = Arc::clone(&self.connections).try_acquire_owned().ok();
        let free = free.or_else(|| self.strangers.make_way());
        let free = free.ok_or(Over::Total)?;
        let entry = addresses.entry(address).or_insert_with(|| Address {
            connections: 0,
            handshakes: semaphore(self.handshakes_per_address_max),
        });
        entry.connections = others.saturating_add(1);
        Ok(ConnectionPermit {
            permits: Arc::clone(self),
            peer: peer.to_canonical(),
            address,
            handshakes: Arc::clone(&entry.handshakes),
            place: self.strangers.seat(free),
        })
    }

    fn disconnect(&self, address: IpAddr) {
        let mut addresses = self.addresses();
        let Some(entry) = addresses.get_mut(&address) else {
            return;
        };
        entry.connections = entry.connections.saturating_sub(1);
        if entry.connections == 0 {
            addresses.remove(&address);
        }
    }

    fn addresses(&self) -> MutexGuard<'_, HashMap<IpAddr, Address>> {
        self.addresses
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl ConnectionPermit {
    /// Where the peer is.
    pub(super) const fn peer(&self) -> IpAddr {
        self.peer
    }

    /// Whether the place is its own for good, now that it is known whose it is; not if it had to make
    /// way just now.
    pub(super) fn settle(&mut self) -> bool {
        self.place.settle()
    }

    /// Ready when it has to make way for another.
    pub(super) async fn cut(&self) {
        self.place.cut().await;
    }

    /// The same for whoever does not hold the permit.
    pub(super) fn cutting(&self) -> impl Future<Output = ()> + Send + use<> {
        self.place.cutting()
    }

    /// Waits for the right to begin a handshake; nothing if there will never be one.
    pub(super) async fn handshake(&self) -> Option<HandshakePermit> {
        // First the address's own: who waits there takes no place in the queue of all.
        let of_address = Arc::clone(&self.handshakes).acquire_owned().await.ok()?;
        Some(HandshakePermit {
            _of_address: of_address,
            turn: self.permits.turns.take(self.address).await?,
        })
    }
}

impl HandshakePermit {
    /// Ready when the handshake must end to make way for another.
    pub(super) async fn pushed_out(&self) {
        self.turn.pushed_out().await;
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        self.permits.disconnect(self.address);
    }
}

fn semaphore(permits: usize) -> Arc<Semaphore> {
    Arc::new(Semaphore::new(permits.min(Semaphore::MAX_PERMITS)))
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::sync::Arc;

    use super::super::Config;
    use super::{Over, Permits};

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn permits(connections_max: usize, connections_per_address_max: usize) -> Arc<Permits> {
        Permits::new(&Config {
            connections_max,
            connections_per_address_max,
            handshakes_per_address_max: 1,
            ..Config::default()
        })
    }

    #[test]
    fn each_limit_is_enforced_and_given_back() {
        let permits = permits(3, 2);
        let (one, mapped) = (address("192.0.2.1"), address("::ffff:192.0.2.1"));
        let first = permits.connect(one).unwrap();
        let _second = permits.connect(mapped).unwrap();
        assert_eq!(permits.connect(one).unwrap_err(), Over::Address);
        let _third = permits.connect(address("192.0.2.2")).unwrap();
        let fourth = permits.connect(address("192.0.2.3"));
        assert_eq!(fourth.unwrap_err(), Over::Total);
        drop(first);
        let again = permits.connect(one).unwrap();
        drop(again);
        assert_eq!(permits.addresses().len(), 2);
    }

    #[test]
    fn a_network_of_ipv6_counts_as_one_address() {
        let permits = permits(10, 1);
        let _first = permits.connect(address("2001:db8::1")).unwrap();
        let neighbour = permits.connect(address("2001:db8::2"));
        assert_eq!(neighbour.unwrap_err(), Over::Address);
        assert!(permits.connect(address("2001:db8:0:1::1")).is_ok());
    }

    #[tokio::test]
    async fn a_handshake_over_the_limit_waits_for_its_turn() {
        let permits = permits(10, 10);
        let one = permits.connect(address("192.0.2.1")).unwrap();
        let two = permits.connect(address("192.0.2.1")).unwrap();
        let busy = one.handshake().await.unwrap();
        let soon = std::time::Duration::from_millis(20);
        assert!(tokio::time::timeout(soon, two.handshake()).await.is_err());
        drop(busy);
        assert!(two.handshake().await.is_some());
    }
}
