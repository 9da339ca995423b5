//! A TLS client that sends bytes and reads one framed answer, and nothing more clever.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use sha2::{Digest, Sha256};

use super::answer::{Answer, Response};
use super::message::{BatchItem, Request};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A certificate and its private key.
#[derive(Debug)]
pub(crate) struct Credentials {
    pub(crate) certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

impl Clone for Credentials {
    fn clone(&self) -> Self {
        Self {
            certificate: self.certificate.clone(),
            key: self.key.clone_key(),
        }
    }
}

impl Credentials {
    pub(crate) fn from_files(certificate: &Path, key: &Path) -> Self {
        let certificate = CertificateDer::from_pem_file(certificate).expect("a certificate");
        Self {
            certificate,
            key: PrivateKeyDer::from_pem_file(key).expect("a private key"),
        }
    }

    pub(crate) fn from_pem(certificate: &str, key: &[u8]) -> Self {
        let certificate = CertificateDer::from_pem_slice(certificate.as_bytes());
        let key = PrivateKeyDer::from_pem_slice(key).expect("a private key");
        Self {
            certificate: certificate.expect("a certificate"),
            key,
        }
    }

    /// A copy of the private key.
    pub(crate) fn key(&self) -> PrivateKeyDer<'static> {
        self.key.clone_key()
    }

    /// SHA-256 of the certificate, in lower-case hex.
    pub(crate) fn fingerprint(&self) -> String {
        hex::encode(Sha256::digest(&self.certificate))
    }

    /// What events call the bearer.
    pub(crate) fn initiator(&self) -> String {
        format!("CertificateID-{}", self.fingerprint())
    }
}

/// Which version of TLS a client offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TlsVersion {
    Any,
    V1_2,
    V1_3,
}

/// An open connection.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: StreamOwned<ClientConnection, TcpStream>,
}

impl Connection {
    /// Connects, and checks that the server's certificate was issued by `ca` for its address.
    pub(crate) fn open(
        address: SocketAddr,
        ca: &Path,
        credentials: Option<&Credentials>,
        version: TlsVersion,
    ) -> std::io::Result<Self> {
        Self::open_on(TcpStream::connect(address)?, ca, credentials, version)
    }

    /// Shakes hands on a socket that is connected.
    pub(crate) fn open_on(
        socket: TcpStream,
        ca: &Path,
        credentials: Option<&Credentials>,
        version: TlsVersion,
    ) -> std::io::Result<Self> {
        let address = socket.peer_addr()?;
        let mut roots = RootCertStore::empty();
        for ca in CertificateDer::pem_file_iter(ca).expect("CA certificates") {
            roots.add(ca.expect("a CA certificate")).unwrap();
        }
        let versions: &[_] = match version {
            TlsVersion::Any => rustls::ALL_VERSIONS,
            TlsVersion::V1_2 => &[&rustls::version::TLS12],
            TlsVersion::V1_3 => &[&rustls::version::TLS13],
        };
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .expect("versions of TLS")
            .with_root_certificates(roots);
        let config = match credentials {
            Some(own) => config
                .with_client_auth_cert(vec![own.certificate.clone()], own.key.clone_key())
                .expect("the key is the certificate's"),
            None => config.with_no_client_auth(),
        };
        let name = ServerName::IpAddress(address.ip().into());
        let session = ClientConnection::new(Arc::new(config), name).expect("a TLS client");
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.set_nodelay(true)?;
        let mut stream = StreamOwned::new(session, socket);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        Ok(Self { stream })
    }

    /// The fingerprint of the certificate that the server showed.
    pub(crate) fn server_fingerprint(&self) -> String {
        let shown = self.stream.conn.peer_certificates().unwrap_or_default();
        hex::encode(Sha256::digest(shown.first().expect("a certificate")))
    }

    /// The port of our end.
    pub(crate) fn local_port(&self) -> u16 {
        let address = self.stream.sock.local_addr();
        address.expect("a connected socket").port()
    }

    /// Sends bytes and reads one framed answer.
    pub(crate) fn try_send(&mut self, bytes: &[u8]) -> std::io::Result<Vec<u8>> {
        self.try_write(bytes)?;
        self.try_receive()
    }

    /// Sends bytes and does not wait for anything.
    pub(crate) fn try_write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes)?;
        self.stream.flush()
    }

    /// Sends bytes, of a message or of a part of one, and waits for nothing.
    #[track_caller]
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        self.try_write(bytes)
            .unwrap_or_else(|error| panic!("not sent: {error}"));
    }

    /// Tells the server that nothing more comes.
    pub(crate) fn end(&mut self) {
        self.stream.conn.send_close_notify();
        self.stream.flush().expect("the server still listens");
    }

    /// Reads one framed answer, if one comes.
    pub(crate) fn try_receive(&mut self) -> std::io::Result<Vec<u8>> {
        let mut answer = vec![0; 8];
        self.stream.read_exact(&mut answer)?;
        let length = u32::from_be_bytes([answer[4], answer[5], answer[6], answer[7]]);
        answer.resize(8 + usize::try_from(length).expect("a length"), 0);
        self.stream.read_exact(&mut answer[8..])?;
        Ok(answer)
    }

    /// Reads one more framed answer.
    #[track_caller]
    pub(crate) fn receive(&mut self) -> Vec<u8> {
        self.try_receive()
            .unwrap_or_else(|error| panic!("no answer: {error}"))
    }

    /// Sends bytes and reads one framed answer, which must come.
    #[track_caller]
    pub(crate) fn send(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.try_send(bytes)
            .unwrap_or_else(|error| panic!("no answer: {error}"))
    }

    /// Sends one message of several items.
    #[track_caller]
    pub(crate) fn exchange(&mut self, request: &Request) -> Response {
        Response::decode(&self.send(&request.encode()))
    }

    /// Sends one item in KMIP 1.4.
    #[track_caller]
    pub(crate) fn ask(&mut self, item: BatchItem) -> Answer {
        self.ask_in((1, 4), item)
    }

    /// Sends one item in a version, in which the answer must be.
    #[track_caller]
    pub(crate) fn ask_in(&mut self, version: (i32, i32), item: BatchItem) -> Answer {
        let response = self.exchange(&Request::new(version, &[item]));
        assert_eq!(
            response.version, version,
            "answered in the version of the request"
        );
        response.only()
    }

    /// Reads to the end of what the server sends, or until it sends nothing for too long.
    pub(crate) fn read_all(&mut self) -> std::io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.stream.read_to_end(&mut bytes).map(|_| bytes)
    }

    /// Reads until these words have come; gives all that came, or what ended it.
    pub(crate) fn read_to(&mut self, words: &str) -> Result<String, String> {
        let (mut text, mut bytes) = (String::new(), [0; 4096]);
        while !text.contains(words) {
            match self.stream.read(&mut bytes) {
                Ok(0) => return Err(format!("it ended: {text}")),
                Ok(read) => text.push_str(&String::from_utf8_lossy(&bytes[..read])),
                Err(error) => return Err(format!("{error}: {text}")),
            }
        }
        Ok(text)
    }

    /// How long reading and writing wait from now on.
    pub(crate) fn set_patience(&self, patience: Duration) {
        let socket = &self.stream.sock;
        socket.set_read_timeout(Some(patience)).expect("a timeout");
        socket.set_write_timeout(Some(patience)).expect("a timeout");
    }

    /// Waits until the server closes the connection.
    pub(crate) fn wait_for_close(&mut self) -> Result<(), String> {
        let mut byte = [0; 1];
        match self.stream.read(&mut byte) {
            Ok(0) => Ok(()),
            Ok(_) => Err("the server sent something".to_owned()),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                Err("the connection stays open".to_owned())
            }
            // Reset, an alert, or the end of the stream without one: it is cut.
            Err(_) => Ok(()),
        }
    }
}
