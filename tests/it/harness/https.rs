//! An HTTPS server of our own: what targets over HTTP deliver to. It can go away, fall silent and come back on its port.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use keyledger::crypto::{Authority, Issued, KeyKind};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

use super::now;

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct HttpRequest {
    pub(crate) method: String,
    pub(crate) path: String,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl HttpRequest {
    /// The value of a header; empty without it.
    pub(crate) fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(header, _)| header == name);
        found.map_or("", |(_, value)| value)
    }
}

/// An answer to one.
#[derive(Debug, Clone)]
pub(crate) struct HttpAnswer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl HttpAnswer {
    pub(crate) fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: body.into(),
        }
    }

    /// One of a gigabyte, of which the beginning comes.
    pub(crate) fn endless(status: u16) -> Self {
        let length = ("content-length".to_owned(), (1 << 30).to_string());
        Self {
            status,
            headers: vec![length],
            body: b"x".repeat(256 * 1024),
        }
    }
}

type Handler = Arc<dyn Fn(&HttpRequest) -> HttpAnswer + Send + Sync>;

/// Who may connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Clients {
    All,
    /// Those with a certificate of the server's own CA.
    Certified,
    /// All, without TLS.
    Plain,
}

/// A server on a port of its own, with a CA of its own. It stops when it is dropped.
pub(crate) struct HttpsServer {
    authority: Authority,
    address: SocketAddr,
    config: Option<Arc<ServerConfig>>,
    handler: Handler,
    open: Arc<Mutex<Open>>,
    accepting: Option<JoinHandle<()>>,
}

/// What is going on.
#[derive(Default)]
struct Open {
    sockets: Vec<TcpStream>,
    silent: bool,
    stopped: bool,
}

fn lock(open: &Mutex<Open>) -> MutexGuard<'_, Open> {
    open.lock().unwrap_or_else(PoisonError::into_inner)
}

impl HttpsServer {
    pub(crate) fn start(
        clients: Clients,
        handler: impl Fn(&HttpRequest) -> HttpAnswer + Send + Sync + 'static,
    ) -> Self {
        let authority = Authority::create("CA of a test", now(), 10, KeyKind::EcdsaP256);
        let authority = authority.expect("a CA");
        let config = (clients != Clients::Plain).then(|| tls(&authority, clients));
        let listener = TcpListener::bind(("127.0.0.1", super::kept_port())).expect("a port");
        let mut server = Self {
            authority,
            address: listener.local_addr().expect("an address"),
            config,
            handler: Arc::new(handler),
            open: Arc::default(),
            accepting: None,
        };
        server.accept(listener);
        server
    }

    /// `https://127.0.0.1:PORT`.
    pub(crate) fn url(&self) -> String {
        let scheme = self.config.as_ref().map_or("http", |_| "https");
        format!("{scheme}://{}", self.address)
    }

    /// The certificate of its CA, PEM.
    pub(crate) fn ca_pem(&self) -> String {
        self.authority.certificate_pem()
    }

    /// A client certificate of its CA.
    pub(crate) fn client(&self) -> Issued {
        let issued = self
            .authority
            .issue_client("target", KeyKind::EcdsaP256, now(), 10);
        issued.expect("a certificate")
    }

    /// Goes away: connections are closed and new ones refused.
    pub(crate) fn stop(&mut self) {
        let sockets = {
            let mut open = lock(&self.open);
            open.stopped = true;
            std::mem::take(&mut open.sockets)
        };
        for socket in sockets {
            // It may be closed already.
            drop(socket.shutdown(Shutdown::Both));
        }
        if let Some(accepting) = self.accepting.take() {
            // Wakes it.
            drop(TcpStream::connect(self.address));
            accepting.join().expect("it ended by itself");
        }
    }

    /// From now on no byte is answered, nor a handshake.
    pub(crate) fn fall_silent(&self) {
        lock(&self.open).silent = true;
    }

    /// Is there again.
    pub(crate) fn start_again(&mut self) {
        self.stop();
        let listener = super::until("the port to be free", || {
            TcpListener::bind(self.address).ok()
        });
        *lock(&self.open) = Open::default();
        self.accept(listener);
    }

    fn accept(&mut self, listener: TcpListener) {
        let (open, handler, config) = (
            Arc::clone(&self.open),
            Arc::clone(&self.handler),
            self.config.clone(),
        );
        self.accepting = Some(thread::spawn(move || {
            for socket in listener.incoming() {
                let Ok(socket) = socket else { continue };
                let mut now_open = lock(&open);
                if now_open.stopped {
                    return;
                }
                now_open
                    .sockets
                    .push(socket.try_clone().expect("a second handle"));
                drop(now_open);
                let (open, handler, config) =
                    (Arc::clone(&open), Arc::clone(&handler), config.clone());
                thread::spawn(move || serve(socket, config, &open, &handler));
            }
        }));
    }
}

impl Drop for HttpsServer {
    fn drop(&mut self) {
        self.stop();
    }
}

fn tls(authority: &Authority, clients: Clients) -> Arc<ServerConfig> {
    // Not for localhost: who connects to that name has to be refused.
    let names = ["127.0.0.1".to_owned()];
    let issued = authority.issue_server(&names, KeyKind::EcdsaP256, now(), 10);
    let issued = issued.expect("a certificate");
    let certificate = |pem: &str| CertificateDer::from_pem_slice(pem.as_bytes()).expect("PEM");
    let key = PrivateKeyDer::from_pem_slice(issued.key_pem.expose()).expect("a key");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("versions");
    let builder = match clients {
        Clients::Certified => {
            let mut roots = RootCertStore::empty();
            let root = certificate(&authority.certificate_pem());
            roots.add(root).expect("a root");
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder.with_client_cert_verifier(verifier.expect("a verifier"))
        }
        Clients::All | Clients::Plain => builder.with_no_client_auth(),
    };
    let config = builder.with_single_cert(vec![certificate(&issued.certificate_pem)], key);
    Arc::new(config.expect("a pair"))
}

fn serve(
    socket: TcpStream,
    config: Option<Arc<ServerConfig>>,
    open: &Mutex<Open>,
    handler: &Handler,
) {
    let Some(config) = config else {
        return answer_all(socket, open, handler);
    };
    hold_while_silent(open);
    let connection = ServerConnection::new(config).expect("a configuration");
    answer_all(StreamOwned::new(connection, socket), open, handler);
}

/// Answers request after request, until either side has enough.
fn answer_all(stream: impl Read + Write, open: &Mutex<Open>, handler: &Handler) {
    let mut stream = BufReader::new(stream);
    while let Some(request) = read(&mut stream) {
        hold_while_silent(open);
        let answer = handler(&request);
        if write(stream.get_mut(), &answer).is_err() {
            return;
        }
    }
}

fn hold_while_silent(open: &Mutex<Open>) {
    let silent = || {
        let open = lock(open);
        open.silent && !open.stopped
    };
    while silent() {
        thread::sleep(Duration::from_millis(20));
    }
}

/// The next request; none where there is none.
fn read(stream: &mut impl BufRead) -> Option<HttpRequest> {
    let mut line = || {
        let mut line = String::new();
        stream.read_line(&mut line).ok().filter(|read| *read > 0)?;
        Some(line.trim_end().to_owned())
    };
    let start = line()?;
    let mut start = start.split(' ');
    let (method, path) = (start.next()?.to_owned(), start.next()?.to_owned());
    let mut headers = Vec::new();
    loop {
        let line = line()?;
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(':')?;
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut request = HttpRequest {
        method,
        path,
        headers,
        body: Vec::new(),
    };
    request.body = vec![0; request.header("content-length").parse().unwrap_or(0)];
    stream.read_exact(&mut request.body).ok()?;
    Some(request)
}

fn write(stream: &mut impl Write, answer: &HttpAnswer) -> std::io::Result<()> {
    let HttpAnswer {
        status,
        headers,
        body,
    } = answer;
    let mut bytes = format!("HTTP/1.1 {status} \r\n").into_bytes();
    for (name, value) in headers {
        bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    }
    // An answer may promise more than it has, and never come to its end.
    if !headers.iter().any(|(name, _)| name == "content-length") {
        bytes.extend_from_slice(format!("content-length: {}\r\n", body.len()).as_bytes());
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(body);
    stream.write_all(&bytes)?;
    stream.flush()
}
