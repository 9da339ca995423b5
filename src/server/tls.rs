//! TLS 1.2 and 1.3 as the listener speaks them: our certificate, a client certificate always, no resumption.
//!
//! A resumed session would skip the check of the client's certificate, so there are no tickets and no session store.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::NoServerSessionStorage;

use crate::server::identity::Gatekeeper;

/// The server's certificate and key, as PEM with the names of the files they were read from.
pub struct TlsFiles<'a> {
    /// Where the certificate was read.
    pub certificate_name: &'a str,
    /// The certificate, and its chain if it has one.
    pub certificate_pem: &'a str,
    /// Where the key was read.
    pub key_name: &'a str,
    /// The private key: PKCS#8, PKCS#1 or SEC1.
    pub key_pem: &'a str,
}

/// Why TLS cannot be served. Each text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// No certificate in the file.
    #[error("{0} holds no certificate in PEM form; put the server's certificate there")]
    NoCertificate(String),
    /// No private key in the file.
    #[error("{0} holds no private key in PEM form; put the key of the server's certificate there")]
    NoKey(String),
    /// The two are not a pair, or of a kind that is not supported.
    #[error("the certificate {certificate} and the key {key} cannot be used together: {source}")]
    Mismatch {
        /// Where the certificate was read.
        certificate: String,
        /// Where the key was read.
        key: String,
        /// What the TLS library said.
        source: rustls::Error,
    },
}

/// The configuration of the listener.
///
/// # Errors
/// The files do not hold a certificate and its key.
pub fn server_config(
    files: &TlsFiles<'_>,
    gatekeeper: Arc<Gatekeeper>,
) -> Result<Arc<ServerConfig>, TlsError> {
    let no_certificate = || TlsError::NoCertificate(files.certificate_name.to_owned());
    let chain = CertificateDer::pem_slice_iter(files.certificate_pem.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| no_certificate())?;
    if chain.is_empty() {
        return Err(no_certificate());
    }
    let key = PrivateKeyDer::from_pem_slice(files.key_pem.as_bytes())
        .map_err(|_| TlsError::NoKey(files.key_name.to_owned()))?;
    let mismatch = |source| TlsError::Mismatch {
        certificate: files.certificate_name.to_owned(),
        key: files.key_name.to_owned(),
        source,
    };
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(mismatch)?
        .with_client_cert_verifier(gatekeeper)
        .with_single_cert(chain, key)
        .map_err(mismatch)?;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}

/// The cryptography TLS uses.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}
