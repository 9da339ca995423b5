//! Sockets that listen for HTTP over TLS: who connects is served by the same rules of admission as KMIP's clients, in a listener of its own.
//!
//! A client certificate is asked for and need not be given; of one that is given, possession of its key is proved and nothing else: whose it
//! is decides who is handed the connection. A connection that nobody vouched for makes way when all places are taken. What is said on
//! a connection is not looked at here.

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::handshake::{NotShaken, shake_hands};
use super::limits::Config;
use super::listener::{Listener, accept_all};
use super::permits::{ConnectionPermit, Over, Permits};
use super::possession::Possession;
use super::signals::stopped;
use super::tls::{self, Presented, TlsConfig, TlsError, TlsPolicy};
use super::warnings::Warnings;

/// A connection over TLS.
pub type SecureStream = tokio_rustls::server::TlsStream<TcpStream>;

/// A peer that shook hands.
pub struct Peer {
    /// Where it is.
    pub address: IpAddr,
    /// The DER of the certificate whose key it has, if it showed one.
    pub certificate: Option<Vec<u8>>,
    /// Its place, and whether it has it for good.
    place: Mutex<(ConnectionPermit, bool)>,
}

impl Peer {
    /// Gives it its place for good, as it has shown who it is. Not if it had to make way just now.
    pub fn settle(&self) -> bool {
        let mut place = self.place.lock().unwrap_or_else(PoisonError::into_inner);
        let (permit, is_settled) = &mut *place;
        *is_settled = *is_settled || permit.settle();
        *is_settled
    }
}

/// What is served with.
pub struct Serving {
    /// Our certificate.
    pub tls: TlsConfig,
    /// The most connections at once.
    pub connections_max: usize,
    /// The most connections of one address at once; an IPv6 /64 network counts as one address.
    pub connections_per_address_max: usize,
    /// How long a handshake may take, and how long a connection waits for its turn to begin one.
    pub handshake_timeout: Duration,
}

/// TLS with what is presented, and a client certificate if the peer likes.
///
/// # Errors
/// The TLS library refuses the settings.
pub fn server_config(presented: Arc<Presented>, policy: TlsPolicy) -> Result<TlsConfig, TlsError> {
    tls::config(
        presented,
        policy,
        Arc::new(AnyCertificate(Possession::new())),
    )
}

/// Serves until `stop` is true: `handle` gets each connection that shook hands. Connections under way then have a moment to end.
pub async fn serve<F: Future<Output = ()> + Send + 'static>(
    listener: Listener,
    serving: Serving,
    stop: watch::Receiver<bool>,
    handle: impl Fn(SecureStream, Arc<Peer>) -> F + Send + Sync + 'static,
) {
    let limits = Config {
        connections_max: serving.connections_max,
        connections_per_address_max: serving.connections_per_address_max,
        handshakes_max: serving.connections_max,
        handshakes_per_address_max: serving.connections_per_address_max,
        ..Config::default()
    };
    let door = Arc::new(Door {
        acceptor: TlsAcceptor::from(serving.tls.server),
        permits: Permits::new(&limits),
        handshake_timeout: serving.handshake_timeout,
        warnings: Warnings::default(),
        stop: stop.clone(),
        handle,
    });
    let admit = |socket, peer, tasks: &mut JoinSet<()>| door.admit(socket, peer, tasks);
    accept_all(listener, stop, &door.warnings.accept, admit).await;
}

struct Door<H> {
    acceptor: TlsAcceptor,
    permits: Arc<Permits>,
    handshake_timeout: Duration,
    warnings: Warnings,
    stop: watch::Receiver<bool>,
    handle: H,
}

impl<H, F> Door<H>
where
    H: Fn(SecureStream, Arc<Peer>) -> F + Send + Sync + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    /// Gives the socket a task, or closes it where a limit is reached.
    fn admit(self: &Arc<Self>, socket: TcpStream, peer: SocketAddr, tasks: &mut JoinSet<()>) {
        match self.permits.connect(peer.ip()) {
            Ok(permit) => {
                let door = Arc::clone(self);
                tasks.spawn(async move { door.serve(socket, permit).await });
            }
            Err(over) => {
                let (warning, limit) = match over {
                    Over::Total => (&self.warnings.connections, "admin.connections-max"),
                    Over::Address => (&self.warnings.address, "admin.connections-per-address-max"),
                };
                if let Some(times) = warning.due(Instant::now()) {
                    tracing::warn!(%peer, limit, times, "Connections to the administration API were closed at once: {over}.");
                }
            }
        }
    }

    async fn serve(&self, socket: TcpStream, permit: ConnectionPermit) {
        // Answers are written whole; waiting for more to send only delays them.
        if let Err(error) = socket.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY could not be set.");
        }
        let mut stop = self.stop.clone();
        let shaken = tokio::select! {
            () = stopped(&mut stop) => return,
            () = permit.cut() => return self.note_cut(),
            shaken = shake_hands(&self.acceptor, socket, &permit, self.handshake_timeout) => shaken,
        };
        let stream = match shaken {
            Ok(stream) => stream,
            Err(NotShaken::PushedOut) => return self.note_cut(),
            Err(NotShaken::Failed) => return,
        };
        let certificates = stream.get_ref().1.peer_certificates();
        let leaf = certificates.and_then(<[_]>::first);
        let cut = permit.cutting();
        let peer = Arc::new(Peer {
            address: permit.peer(),
            certificate: leaf.map(|leaf| leaf.to_vec()),
            place: Mutex::new((permit, false)),
        });
        tokio::select! {
            () = cut => self.note_cut(),
            () = (self.handle)(stream, Arc::clone(&peer)) => {}
        }
    }

    fn note_cut(&self) {
        if let Some(times) = self.warnings.strangers.due(Instant::now()) {
            tracing::warn!(
                limit = "admin.connections-max",
                times,
                "Connections to the administration API that showed no credential were cut to make way for others."
            );
        }
    }
}

/// Takes every certificate whose key the peer has.
struct AnyCertificate(Possession);

impl std::fmt::Debug for AnyCertificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AnyCertificate")
    }
}

impl ClientCertVerifier for AnyCertificate {
    /// None: who has a certificate chooses it, and pinned ones have no issuer to name.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Possession::is_readable(end_entity).map(|()| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let proved = self.0.prove_tls12(message, certificate, signed);
        proved.map(|()| HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let proved = self.0.prove_tls13(message, certificate, signed);
        proved.map(|()| HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.schemes()
    }
}
