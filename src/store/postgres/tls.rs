//! TLS to a PostgreSQL server: the server's certificate and name are always checked.
//!
//! Trusted are the CA certificates that are given, or else those of the system. The binding of a password to the channel is left out, for the
//! server is known by its certificate.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream as Encrypted;

/// TLS 1.2 and 1.3 as a client that trusts the CA certificates of `pem`, or the system's.
///
/// # Errors
/// What is wrong, for the operator.
pub(super) fn client_config(pem: Option<&[u8]>) -> Result<ClientConfig, String> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(|error| error.to_string())?;
    let builder = match pem {
        Some(pem) => builder.with_root_certificates(roots(pem)?),
        None => builder
            .with_platform_verifier()
            .map_err(|_| NO_SYSTEM_ROOTS.to_owned())?,
    };
    Ok(builder.with_no_client_auth())
}

const NO_SYSTEM_ROOTS: &str = "this system has no CA certificates to trust: give ca-file";
const NO_CERTIFICATE: &str =
    "it holds no certificate in PEM form: -----BEGIN CERTIFICATE----- and what follows it";

fn roots(pem: &[u8]) -> Result<RootCertStore, String> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let certificates = read.map_err(|_| NO_CERTIFICATE.to_owned())?;
    let mut roots = RootCertStore::empty();
    for certificate in certificates {
        roots
            .add(certificate)
            .map_err(|error| format!("a certificate in it cannot be trusted: {error}"))?;
    }
    if roots.is_empty() {
        return Err(NO_CERTIFICATE.to_owned());
    }
    Ok(roots)
}

/// Why TLS was not set up.
#[derive(Debug, thiserror::Error)]
pub(super) enum HandshakeError {
    /// The certificate is not accepted.
    #[error("{0}")]
    Certificate(String),
    /// The host's name is none that a certificate can be for.
    #[error("no name of a server")]
    Name,
    /// The connection or the handshake failed.
    #[error("{0}")]
    Io(String),
}

impl HandshakeError {
    fn of(error: &io::Error) -> Self {
        match error.get_ref().and_then(|inner| inner.downcast_ref()) {
            Some(rustls::Error::InvalidCertificate(reason)) => Self::Certificate(refusal(reason)),
            Some(other) => Self::Io(format!("TLS: {other}")),
            None => Self::Io(error.to_string()),
        }
    }
}

fn refusal(reason: &rustls::CertificateError) -> String {
    use rustls::CertificateError as Reason;
    match reason {
        // A CA of the same name is another one all the same.
        Reason::UnknownIssuer | Reason::BadSignature => {
            "no CA that is trusted issued it: give that CA's certificate as ca-file".to_owned()
        }
        Reason::NotValidForName | Reason::NotValidForNameContext { .. } => {
            "it is for another name: use a name of the certificate in the URL".to_owned()
        }
        Reason::Expired | Reason::ExpiredContext { .. } => "it has expired: renew it".to_owned(),
        other => other.to_string(),
    }
}

/// Sets up TLS on connections, or refuses to where none is configured.
#[derive(Clone)]
pub(super) struct Connector(pub(super) Option<Arc<ClientConfig>>);

impl<S> MakeTlsConnect<S> for Connector
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Stream = Stream<S>;
    type TlsConnect = ToHost;
    type Error = HandshakeError;

    fn make_tls_connect(&mut self, host: &str) -> Result<ToHost, HandshakeError> {
        Ok(ToHost {
            config: self.0.clone(),
            host: host.to_owned(),
        })
    }
}

/// Sets up TLS to one host.
pub(super) struct ToHost {
    config: Option<Arc<ClientConfig>>,
    host: String,
}

impl<S> TlsConnect<S> for ToHost
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Stream = Stream<S>;
    type Error = HandshakeError;
    type Future = Pin<Box<dyn Future<Output = Result<Stream<S>, HandshakeError>> + Send>>;

    fn connect(self, socket: S) -> Self::Future {
        Box::pin(async move {
            let config = self
                .config
                .ok_or_else(|| HandshakeError::Io("TLS is off".to_owned()))?;
            let name = ServerName::try_from(self.host).map_err(|_| HandshakeError::Name)?;
            let connected = TlsConnector::from(config).connect(name, socket).await;
            connected
                .map(Stream)
                .map_err(|error| HandshakeError::of(&error))
        })
    }
}

/// A connection inside TLS.
pub(super) struct Stream<S>(Encrypted<S>);

impl<S: AsyncRead + AsyncWrite + Unpin> TlsStream for Stream<S> {
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Stream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, into)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Stream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::address::Address;
    use super::super::error::ServerError;
    use super::super::session::Session;
    use super::super::session::tests::url;
    use super::super::session::tests::wire::{Relay, certified, plain};
    use super::client_config;
    use crate::store::StoreError;

    fn connected(url: &str, ca_file: &Path) -> Result<Session, ServerError> {
        let address = Address::read(url, None, Some(ca_file)).unwrap();
        Session::connect(&address, "public", "tls")
    }

    #[test]
    fn only_a_server_with_a_certificate_for_its_name_is_talked_to() {
        let Some(url) = url() else { return };
        let (ours, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let made = (
            certified(ours.path(), "DNS:localhost"),
            certified(theirs.path(), "DNS:localhost"),
        );
        let (Some(server), Some(_)) = made else {
            eprintln!("skipped: there is no openssl");
            return;
        };
        let relay = Relay::to(&url, Some(server));
        let by_name = relay.url.replace("@127.0.0.1", "@localhost");
        let (ca, other_ca) = (ours.path().join("ca.pem"), theirs.path().join("ca.pem"));
        let session = connected(&by_name, &ca).unwrap();
        session.batch("SELECT 1").unwrap();
        let cases = [
            (&by_name, &other_ca, "no CA that is trusted issued it"),
            (&relay.url, &ca, "it is for another name"),
        ];
        for (url, ca, why) in cases {
            let error = connected(url, ca).unwrap_err();
            let text = error.to_string();
            assert!(text.contains(why) && !text.contains('\n'), "{text}");
            assert!(!error.is_lost());
            assert!(matches!(error.sorted(), StoreError::Refused(_)));
        }
        drop(session);
        relay.cut();
        let url = format!("postgres://u@127.0.0.1:{}/d", plain());
        let error = connected(&url, &ca).unwrap_err();
        assert!(error.to_string().contains("does not speak TLS"), "{error}");
    }

    #[test]
    fn a_ca_file_without_a_certificate_is_refused() {
        for pem in ["", "nothing", "-----BEGIN CERTIFICATE-----\nAAAA\n"] {
            let error = client_config(Some(pem.as_bytes())).unwrap_err();
            assert!(error.starts_with("it holds no certificate"), "{error}");
        }
    }
}
