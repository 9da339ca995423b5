//! Reaching a server: TCP, TLS, and which certificate of it is trusted.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, OtherError, RootCertStore,
    SignatureScheme,
};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::client::ClientError;
use crate::crypto::{Fingerprint, Secret};
use crate::kmip::version::ProtocolVersion;

/// Which servers are trusted.
#[derive(Debug, Clone)]
pub enum ServerTrust {
    /// Those with a certificate of this CA (PEM) for the name or address connected to.
    Authority(String),
    /// The one with this very certificate.
    Pinned(Fingerprint),
}

/// The versions of TLS offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsVersions {
    /// 1.3 and 1.2.
    Both,
    /// 1.2 alone.
    Tls12,
    /// 1.3 alone.
    Tls13,
}

/// Where to connect, as whom, and whom to trust.
#[derive(Debug)]
pub struct ConnectOptions {
    /// `HOST:PORT`.
    pub address: String,
    /// Which servers are trusted.
    pub trust: ServerTrust,
    /// Our certificate, PEM, with its chain if it needs one.
    pub certificate_pem: String,
    /// The key of our certificate, PEM.
    pub key_pem: Secret,
    /// The versions of TLS offered.
    pub tls: TlsVersions,
    /// The version requests are written in.
    pub version: ProtocolVersion,
    /// How long the handshake, and each answer, may take.
    pub timeout: Duration,
}

pub(super) async fn connect(options: &ConnectOptions) -> Result<TlsStream<TcpStream>, ClientError> {
    let connector = TlsConnector::from(Arc::new(config(options)?));
    let address = &options.address;
    let host = address
        .rsplit_once(':')
        .map_or(address.as_str(), |(host, _)| host);
    let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned())
        .map_err(|_| ClientError::Options(format!("{host} is no host name or address")))?;
    let failed = |source| ClientError::Connection {
        context: format!("cannot connect to {address}"),
        source,
    };
    let handshake = async {
        let socket = TcpStream::connect(address).await.map_err(failed)?;
        socket.set_nodelay(true).map_err(failed)?;
        let connected = connector.connect(name, socket).await;
        connected.map_err(told).map_err(failed)
    };
    tokio::time::timeout(options.timeout, handshake)
        .await
        .map_err(|_| ClientError::TimedOut)?
}

/// Our own reason alone, where the TLS library only shows it wrapped up.
fn told(error: io::Error) -> io::Error {
    match error.get_ref().and_then(|error| error.downcast_ref()) {
        Some(Error::InvalidCertificate(CertificateError::Other(OtherError(reason)))) => {
            io::Error::other(Arc::clone(reason))
        }
        _ => error,
    }
}

fn config(options: &ConnectOptions) -> Result<ClientConfig, ClientError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let versions: &[_] = match options.tls {
        TlsVersions::Both => &[&rustls::version::TLS13, &rustls::version::TLS12],
        TlsVersions::Tls12 => &[&rustls::version::TLS12],
        TlsVersions::Tls13 => &[&rustls::version::TLS13],
    };
    let unusable = |error: Error| ClientError::Options(format!("TLS cannot be set up: {error}"));
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)
        .map_err(unusable)?;
    let builder =
        match &options.trust {
            ServerTrust::Authority(pem) => builder.with_root_certificates(roots(pem)?),
            ServerTrust::Pinned(fingerprint) => builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(Pin {
                    fingerprint: *fingerprint,
                    provider,
                })),
        };
    let chain = certificates(&options.certificate_pem, "the client's certificate")?;
    let key = PrivateKeyDer::from_pem_slice(options.key_pem.expose()).map_err(|_| {
        ClientError::Options("the client's key is no private key in PEM".to_owned())
    })?;
    builder.with_client_auth_cert(chain, key).map_err(|error| {
        ClientError::Options(format!(
            "the client's certificate and key do not fit: {error}"
        ))
    })
}

fn certificates(pem: &str, what: &str) -> Result<Vec<CertificateDer<'static>>, ClientError> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    match read {
        Ok(chain) if !chain.is_empty() => Ok(chain),
        _ => Err(ClientError::Options(format!(
            "{what} is no certificate in PEM form"
        ))),
    }
}

fn roots(pem: &str) -> Result<RootCertStore, ClientError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(pem, "the CA")? {
        roots
            .add(certificate)
            .map_err(|error| ClientError::Options(format!("the CA cannot be used: {error}")))?;
    }
    Ok(roots)
}

/// The server has another certificate than the pinned one.
#[derive(Debug, thiserror::Error)]
#[error("the server presents the certificate {found}, which is not the pinned one")]
struct OtherCertificate {
    found: Fingerprint,
}

/// Trusts one certificate by its fingerprint; possession of its key is checked all the same.
#[derive(Debug)]
struct Pin {
    fingerprint: Fingerprint,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pin {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if Fingerprint::of(end_entity) == self.fingerprint {
            Ok(ServerCertVerified::assertion())
        } else {
            let found = Fingerprint::of(end_entity);
            let other = OtherError(Arc::new(OtherCertificate { found }));
            Err(CertificateError::Other(other).into())
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
