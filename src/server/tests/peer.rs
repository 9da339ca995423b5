//! A TLS client that checks nothing and presents whatever a test gives it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::ResolvesClientCert;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::{
    AlertDescription, ClientConfig, DigitallySignedStruct, Error, SignatureScheme,
    SupportedProtocolVersion,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::message;
use crate::crypto::Issued;
use crate::server::tls::provider;

pub(super) const TLS12: &SupportedProtocolVersion = &rustls::version::TLS12;
pub(super) const TLS13: &SupportedProtocolVersion = &rustls::version::TLS13;

/// A client's end of connections.
#[derive(Clone)]
pub(super) struct Peer {
    pub(super) config: Arc<ClientConfig>,
}

/// What became of a connection that sent one message.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Answered,
    Alert(AlertDescription),
    /// It ended without a word.
    Closed,
}

impl Peer {
    /// Presents a certificate with its key.
    pub(super) fn new(issued: &Issued, version: &'static SupportedProtocolVersion) -> Self {
        let der = issued.certificate.der();
        Self::presenting(der, issued.key_pem.expose(), version)
    }

    /// Presents any certificate, signing with any key.
    pub(super) fn presenting(
        der: &[u8],
        key_pem: &[u8],
        version: &'static SupportedProtocolVersion,
    ) -> Self {
        let key = PrivateKeyDer::from_pem_slice(key_pem).unwrap();
        let key = provider().key_provider.load_private_key(key).unwrap();
        let chain = vec![CertificateDer::from(der.to_vec())];
        let presents = Presents(Some(Arc::new(CertifiedKey::new(chain, key))));
        Self::with(presents, version)
    }

    /// Presents nothing.
    pub(super) fn anonymous(version: &'static SupportedProtocolVersion) -> Self {
        Self::with(Presents(None), version)
    }

    fn with(presents: Presents, version: &'static SupportedProtocolVersion) -> Self {
        let config = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[version])
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(TrustsAnyone))
            .with_client_cert_resolver(Arc::new(presents));
        let config = Arc::new(config);
        Self { config }
    }

    /// Connects without naming the server, as vCenter does.
    pub(super) async fn connect(&self, address: SocketAddr) -> io::Result<TlsStream<TcpStream>> {
        self.connect_naming(address, ServerName::from(address.ip()))
            .await
    }

    pub(super) async fn connect_naming(
        &self,
        address: SocketAddr,
        name: ServerName<'static>,
    ) -> io::Result<TlsStream<TcpStream>> {
        let socket = TcpStream::connect(address).await?;
        let connector = TlsConnector::from(Arc::clone(&self.config));
        connector.connect(name, socket).await
    }

    /// Connects, sends a message and waits for what comes.
    pub(super) async fn outcome(&self, address: SocketAddr) -> Outcome {
        let exchange = async {
            let mut stream = self.connect(address).await?;
            exchange(&mut stream, &message(1)).await
        };
        match exchange.await {
            Ok(answer) if answer == message(1) => Outcome::Answered,
            Ok(answer) => panic!("another answer: {answer:?}"),
            Err(error) => match error.get_ref().and_then(|error| error.downcast_ref()) {
                Some(Error::AlertReceived(alert)) => Outcome::Alert(*alert),
                _ => Outcome::Closed,
            },
        }
    }
}

/// Sends a message and reads an answer of its length.
pub(super) async fn exchange(
    stream: &mut TlsStream<TcpStream>,
    message: &[u8],
) -> io::Result<Vec<u8>> {
    stream.write_all(message).await?;
    stream.flush().await?;
    let mut answer = vec![0; message.len()];
    stream.read_exact(&mut answer).await?;
    Ok(answer)
}

/// Reads until the server ends the connection, which it must do soon.
pub(super) async fn rest(stream: &mut TlsStream<TcpStream>) -> Vec<u8> {
    let mut rest = Vec::new();
    let read = stream.read_to_end(&mut rest);
    let read = tokio::time::timeout(Duration::from_secs(10), read).await;
    // An end without close_notify is an end too.
    drop(read.expect("the connection stays open"));
    rest
}

#[derive(Debug)]
struct Presents(Option<Arc<CertifiedKey>>);

impl ResolvesClientCert for Presents {
    fn resolve(
        &self,
        _root_hint_subjects: &[&[u8]],
        _sigschemes: &[SignatureScheme],
    ) -> Option<Arc<CertifiedKey>> {
        self.0.clone()
    }

    fn has_certs(&self) -> bool {
        self.0.is_some()
    }
}

#[derive(Debug)]
struct TrustsAnyone;

impl ServerCertVerifier for TrustsAnyone {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider()
            .signature_verification_algorithms
            .supported_schemes()
    }
}
