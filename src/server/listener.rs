//! The accept loop: bounds on connections, a task for each, an end without cutting a request in
//! half.
//!
//! An error of accept warns, waits and goes on: it never ends the server, and never spins.
//! Handshakes are made in the connection's own task, so that one slow peer keeps nobody waiting.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::CertificateDer;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tracing::Instrument;

use crate::crypto::Certificate;
use crate::domain::{Identity, NotAdmitted, Warning};
use crate::ops::Service;
use crate::server::answerer::Answerer;
use crate::server::connection::{Connection, Surroundings};
use crate::server::handshake::{NotShaken, shake_hands};
use crate::server::identity::Gatekeeper;
use crate::server::limits::Config;
use crate::server::pace::Pace;
use crate::server::pages::Pages;
use crate::server::permits::{ConnectionPermit, Over, Permits};
use crate::server::signals::stopped;
use crate::server::tls::TlsConfig;
use crate::server::warnings::Warnings;

/// How long to wait after accept failed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How long requests in hand may take once the server is told to stop.
const DRAIN: Duration = Duration::from_secs(5);

/// The address cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {}; {advice}", reason(source))]
pub struct ListenError {
    address: String,
    source: std::io::Error,
    advice: String,
}

/// A socket that is bound and not yet served.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    address: SocketAddr,
}

/// What the listener serves with.
pub struct Serving<A = Service> {
    /// Our certificate and the check of the clients'.
    pub tls: TlsConfig,
    /// Tells a certificate's client.
    pub gatekeeper: Arc<Gatekeeper>,
    /// What answers.
    pub service: Arc<A>,
    /// The limits.
    pub limits: Config,
}

impl<A> fmt::Debug for Serving<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Serving").finish_non_exhaustive()
    }
}

impl Listener {
    /// Binds `address`, `HOST:PORT`; port 0 takes a free one.
    ///
    /// # Errors
    /// The address is in use, not ours, or not permitted.
    pub async fn bind(address: &str) -> Result<Self, ListenError> {
        Self::bind_for(address, "--listen").await
    }

    /// Binds as [`Listener::bind`] does an address that is set by `setting`, which errors name.
    ///
    /// # Errors
    /// Those of [`Listener::bind`].
    pub async fn bind_for(address: &str, setting: &'static str) -> Result<Self, ListenError> {
        let failed = |source: std::io::Error| ListenError {
            address: address.to_owned(),
            advice: advice(&source, setting),
            source,
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
    pub async fn run<A: Answerer>(self, serving: Serving<A>, stop: watch::Receiver<bool>) {
        let door = Arc::new(Door::new(serving, stop.clone()));
        let admit = |socket, peer, tasks: &mut JoinSet<()>| door.admit(socket, peer, tasks);
        accept_all(self, stop, &door.around.warnings.accept, admit).await;
        tracing::info!(counts = ?door.around.counts, "The listener has stopped.");
    }
}

/// Gives each connection that comes to `admit`, until `stop` is true; then lets the tasks it has begun end.
pub(super) async fn accept_all(
    listener: Listener,
    mut stop: watch::Receiver<bool>,
    failures: &Warning,
    admit: impl Fn(TcpStream, SocketAddr, &mut JoinSet<()>),
) {
    let mut tasks = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = stopped(&mut stop) => break,
            Some(ended) = tasks.join_next() => {
                report_panic(ended);
                continue;
            }
            accepted = listener.socket.accept() => accepted,
        };
        match accepted {
            Ok((socket, peer)) => admit(socket, peer, &mut tasks),
            Err(error) => {
                if let Some(times) = failures.due(Instant::now()) {
                    tracing::warn!(%error, times, "Accepting a connection failed.");
                }
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener.socket);
    drain(tasks).await;
}

/// Waits for the connections to end, then ends those that have not.
async fn drain(mut tasks: JoinSet<()>) {
    let all = async {
        while let Some(ended) = tasks.join_next().await {
            report_panic(ended);
        }
    };
    if timeout(DRAIN, all).await.is_err() {
        tracing::warn!(
            connections = tasks.len(),
            "Some connections did not end in time."
        );
    }
}

/// One connection's panic is a defect to report, and nobody else's business.
fn report_panic(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "A connection's task failed.");
    }
}

fn reason(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::AddrInUse => "address in use".to_owned(),
        _ => error.to_string(),
    }
}

fn advice(error: &std::io::Error, setting: &str) -> String {
    match error.kind() {
        std::io::ErrorKind::AddrInUse => {
            format!("stop the other program or choose another {setting}")
        }
        std::io::ErrorKind::PermissionDenied => "choose a port above 1023".to_owned(),
        _ => format!("choose another {setting}"),
    }
}

struct Door<A> {
    acceptor: TlsAcceptor,
    permits: Arc<Permits>,
    around: Arc<Surroundings<A>>,
    pages: Pages,
}

impl<A: Answerer> Door<A> {
    fn new(serving: Serving<A>, stop: watch::Receiver<bool>) -> Self {
        let limits = serving.limits;
        Self {
            acceptor: TlsAcceptor::from(serving.tls.server),
            permits: Permits::new(&limits),
            pages: Pages::new(),
            around: Arc::new(Surroundings {
                service: serving.service,
                in_flight: limits.budget(),
                pace: Pace::new(&limits),
                counts: Arc::clone(serving.gatekeeper.counts()),
                warnings: Warnings::default(),
                gatekeeper: serving.gatekeeper,
                limits,
                stop,
            }),
        }
    }

    /// Gives the socket a task, or closes it where a limit is reached.
    fn admit(self: &Arc<Self>, socket: TcpStream, peer: SocketAddr, tasks: &mut JoinSet<()>) {
        self.around.counts.connections.add_one();
        let permit = match self.permits.connect(peer.ip()) {
            Ok(permit) => permit,
            Err(over) => return self.turn_away(peer, over),
        };
        self.pages.note(tasks.len());
        let door = Arc::clone(self);
        let span = tracing::debug_span!("connection", %peer, client = tracing::field::Empty);
        let served = async move {
            door.serve(socket, permit).await;
            door.around.counts.ended.add_one();
        };
        tasks.spawn(served.instrument(span));
    }

    /// Notes that a connection was closed at once.
    fn turn_away(&self, peer: SocketAddr, over: Over) {
        self.around.counts.over_limit.add_one();
        tracing::debug!(%peer, %over, "A connection was closed at once.");
        let warnings = &self.around.warnings;
        let (warning, limit) = match over {
            Over::Total => (&warnings.connections, "limits.connections-max"),
            Over::Address => (&warnings.address, "limits.connections-per-address-max"),
        };
        if let Some(times) = warning.due(Instant::now()) {
            tracing::warn!(%peer, limit, times, "Connections were closed at once: {over}.");
        }
    }

    async fn serve(&self, socket: TcpStream, mut permit: ConnectionPermit) {
        // Answers are written whole; waiting for more to send only delays them.
        if let Err(error) = socket.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY could not be set.");
        }
        let Some(stream) = self.handshake(socket, &permit).await else {
            self.around.counts.handshakes_failed.add_one();
            return;
        };
        // Before the lookup, so that no change after it is missed.
        let clients = self.around.service.clients_changed();
        let certificates = stream.get_ref().1.peer_certificates();
        let leaf = certificates.and_then(<[_]>::first);
        let Some(identity) = self.identify(leaf, permit.peer()).await else {
            return;
        };
        if !permit.settle() {
            self.note_cut();
            return;
        }
        tracing::Span::current().record("client", identity.label.as_str());
        Connection::new(stream, identity, clients, Arc::clone(&self.around))
            .run()
            .await;
    }

    /// Who has this certificate, which passed the door. One that only a trusted CA vouches for is enrolled now.
    async fn identify(
        &self,
        leaf: Option<&CertificateDer<'static>>,
        peer: IpAddr,
    ) -> Option<Arc<Identity>> {
        let (der, gatekeeper) = (leaf?, &self.around.gatekeeper);
        let identity = match gatekeeper.identity(der) {
            Err(NotAdmitted::Unknown) => {
                let leaf = Certificate::from_der(der).ok()?;
                let enrolled = self.around.service.enrol(&leaf).await;
                enrolled.and_then(|()| gatekeeper.identity(der))
            }
            known => known,
        };
        identity
            .inspect_err(|reason| gatekeeper.refused_inside(der, *reason, peer))
            .ok()
    }

    async fn handshake(
        &self,
        socket: TcpStream,
        permit: &ConnectionPermit,
    ) -> Option<TlsStream<TcpStream>> {
        let mut stop = self.around.stop.clone();
        tokio::select! {
            () = stopped(&mut stop) => None,
            () = permit.cut() => {
                self.note_cut();
                None
            }
            stream = self.shake_hands(socket, permit) => stream,
        }
    }

    async fn shake_hands(
        &self,
        socket: TcpStream,
        permit: &ConnectionPermit,
    ) -> Option<TlsStream<TcpStream>> {
        let limit = self.around.limits.handshake_timeout();
        let shaken = shake_hands(&self.acceptor, socket, permit, limit).await;
        if shaken
            .as_ref()
            .is_err_and(|why| *why == NotShaken::PushedOut)
        {
            self.note_pushed_out();
        }
        shaken.ok()
    }

    fn note_cut(&self) {
        self.around.counts.strangers_cut.add_one();
        if let Some(times) = self.around.warnings.strangers.due(Instant::now()) {
            tracing::warn!(
                limit = "limits.connections-max",
                times,
                "Connections without a client were cut to make way for others."
            );
        }
    }

    fn note_pushed_out(&self) {
        self.around.counts.pushed_out.add_one();
        if let Some(times) = self.around.warnings.turns.due(Instant::now()) {
            tracing::warn!(
                limit = "limits.handshakes-max",
                times,
                "Slow TLS handshakes were cut to make way for others."
            );
        }
    }
}
