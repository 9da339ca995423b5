//! The accept loop: bounds on connections, a task for each, an end without cutting a request in half.
//!
//! An error of accept warns, waits and goes on: it never ends the server, and never spins.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio_rustls::TlsAcceptor;
use tracing::Instrument;

use crate::ops::Service;
use crate::server::connection::{Connection, Surroundings};
use crate::server::identity::Gatekeeper;
use crate::server::limits::Config;

/// How long to wait after accept failed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How long requests in hand may take once the server is told to stop.
const DRAIN: Duration = Duration::from_secs(5);

/// The address cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {source}; {advice}")]
pub struct ListenError {
    address: String,
    source: std::io::Error,
    advice: &'static str,
}

/// A socket that is bound and not yet served.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    address: SocketAddr,
}

/// What the listener serves with.
pub struct Serving {
    /// Our certificate and the check of the clients'.
    pub tls: Arc<rustls::ServerConfig>,
    /// Tells a certificate's client.
    pub gatekeeper: Arc<Gatekeeper>,
    /// What answers.
    pub service: Arc<Service>,
    /// The limits.
    pub limits: Config,
}

impl Listener {
    /// Binds `address`, `HOST:PORT`; port 0 takes a free one.
    ///
    /// # Errors
    /// The address is in use, not ours, or not permitted.
    pub async fn bind(address: &str) -> Result<Self, ListenError> {
        let failed = |source: std::io::Error| {
            let advice = match source.kind() {
                std::io::ErrorKind::AddrInUse => {
                    "stop the other program or choose another --listen"
                }
                std::io::ErrorKind::PermissionDenied => "choose a port above 1023",
                _ => "choose another --listen",
            };
            ListenError {
                address: address.to_owned(),
                source,
                advice,
            }
        };
        let socket = TcpListener::bind(address).await.map_err(failed)?;
        let address = socket.local_addr().map_err(failed)?;
        Ok(Self { socket, address })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop` is true, then lets requests in hand finish.
    pub async fn run(self, serving: Serving, mut stop: watch::Receiver<bool>) {
        let (running, mut ended) = mpsc::channel::<()>(1);
        let door = Arc::new(Door::new(serving, stop.clone()));
        loop {
            let accepted = tokio::select! {
                accepted = self.socket.accept() => accepted,
                _ = stop.wait_for(|stop| *stop) => break,
            };
            match accepted {
                Ok((socket, peer)) => Door::admit(&door, socket, peer, running.clone()),
                Err(error) => {
                    tracing::warn!(%error, "Accepting a connection failed.");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        drop((self.socket, running));
        if tokio::time::timeout(DRAIN, ended.recv()).await.is_err() {
            tracing::warn!("Some connections did not end in time.");
        }
    }
}

/// How many connections and handshakes an address has.
#[derive(Default)]
struct Tally {
    connections: usize,
    handshakes: usize,
}

type Tallies = Mutex<HashMap<IpAddr, Tally>>;

struct Door {
    acceptor: TlsAcceptor,
    gatekeeper: Arc<Gatekeeper>,
    surroundings: Surroundings,
    tallies: Arc<Tallies>,
    connections: Arc<Semaphore>,
    handshakes: Arc<Semaphore>,
}

impl Door {
    fn new(serving: Serving, stop: watch::Receiver<bool>) -> Self {
        let Serving {
            tls,
            gatekeeper,
            service,
            limits,
        } = serving;
        let connections = Arc::new(Semaphore::new(limits.connections_max));
        let handshakes = Arc::new(Semaphore::new(limits.handshakes_max));
        let kibibytes = (limits.bytes_in_flight_max / 1024).min(Semaphore::MAX_PERMITS);
        let in_flight = Arc::new(Semaphore::new(kibibytes));
        let surroundings = Surroundings {
            service,
            limits: Arc::new(limits),
            in_flight,
            stop,
        };
        let acceptor = TlsAcceptor::from(tls);
        let tallies = Arc::default();
        Self {
            acceptor,
            gatekeeper,
            surroundings,
            tallies,
            connections,
            handshakes,
        }
    }

    /// Gives the socket a task, or closes it where a limit is reached.
    fn admit(door: &Arc<Self>, socket: TcpStream, peer: SocketAddr, running: mpsc::Sender<()>) {
        let limits = &door.surroundings.limits;
        let Ok(permit) = Arc::clone(&door.connections).try_acquire_owned() else {
            tracing::debug!(%peer, "A connection was closed: too many connections.");
            return;
        };
        let most = (
            limits.connections_per_address_max,
            limits.handshakes_per_address_max,
        );
        let Some(place) = Place::take(&door.tallies, peer.ip(), most) else {
            tracing::debug!(%peer, "A connection was closed: too many of its address.");
            return;
        };
        let door = Arc::clone(door);
        let span = tracing::debug_span!("connection", %peer, client = tracing::field::Empty);
        let task = async move {
            door.serve(socket, place).await;
            drop((permit, running));
        };
        tokio::spawn(task.instrument(span));
    }

    async fn serve(&self, socket: TcpStream, mut place: Place) {
        // Answers are written whole; waiting for more to send only delays them.
        if let Err(error) = socket.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY could not be set.");
        }
        let handshake = async {
            let _turn = self.handshakes.acquire().await.ok()?;
            match self.acceptor.accept(socket).await {
                Ok(stream) => Some(stream),
                Err(error) => {
                    tracing::debug!(%error, "A TLS handshake failed.");
                    None
                }
            }
        };
        let limit = self.surroundings.limits.handshake_timeout();
        let Ok(Some(stream)) = tokio::time::timeout(limit, handshake).await else {
            return;
        };
        place.handshake_is_over();
        let certificate = stream
            .get_ref()
            .1
            .peer_certificates()
            .and_then(<[_]>::first);
        let identity = certificate.and_then(|der| self.gatekeeper.identity(der).ok());
        let Some(identity) = identity else { return };
        tracing::Span::current().record("client", identity.label.as_str());
        Connection::new(stream, identity, self.surroundings.clone())
            .run()
            .await;
    }
}

/// A connection's place in its address's tally, given back when it ends.
struct Place {
    tallies: Arc<Tallies>,
    address: IpAddr,
    in_handshake: bool,
}

impl Place {
    fn take(tallies: &Arc<Tallies>, address: IpAddr, most: (usize, usize)) -> Option<Self> {
        let mut counts = tallies.lock().unwrap_or_else(PoisonError::into_inner);
        let tally = counts.entry(address).or_default();
        if tally.connections >= most.0 || tally.handshakes >= most.1 {
            return None;
        }
        tally.connections += 1;
        tally.handshakes += 1;
        Some(Self {
            tallies: Arc::clone(tallies),
            address,
            in_handshake: true,
        })
    }

    fn handshake_is_over(&mut self) {
        self.in_handshake = false;
        let mut counts = self.tallies.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(tally) = counts.get_mut(&self.address) {
            tally.handshakes = tally.handshakes.saturating_sub(1);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.tallies.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(tally) = counts.get_mut(&self.address) else {
            return;
        };
        tally.connections = tally.connections.saturating_sub(1);
        if self.in_handshake {
            tally.handshakes = tally.handshakes.saturating_sub(1);
        }
        if tally.connections == 0 {
            counts.remove(&self.address);
        }
    }
}
