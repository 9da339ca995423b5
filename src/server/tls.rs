//! TLS 1.2 and 1.3 as the listener speaks them: our certificate, a client certificate always, no
//! resumption.
//!
//! A resumed session would skip the check of the client's certificate, so there are no tickets and
//! no session store. The certificate is the same for every peer, whether it names the server (SNI)
//! or not; it can be replaced while connections go on, which those see that begin after it. Who may connect is decided in [`super::identity`].

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use rustls::{ServerConfig, SupportedProtocolVersion};
use serde::{Deserialize, Serialize};

use crate::crypto::spki;
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
    /// No private key in the file, or one with a passphrase.
    #[error(
        "{0} holds no private key in PEM form without a passphrase; put the key of the server's \
         certificate there"
    )]
    NoKey(String),
    /// The key is of a kind or size that is not supported.
    #[error("the private key in {0} cannot be used: RSA of 2048 bits or more, or ECDSA, is needed")]
    UnusableKey(String),
    /// The two are not a pair.
    #[error("the private key in {key} does not match the certificate in {certificate}")]
    Mismatch {
        /// Where the certificate was read.
        certificate: String,
        /// Where the key was read.
        key: String,
    },
    /// TLS that would not be approved, in a program built to speak no other.
    #[error("TLS as set would not be FIPS approved, and this program was built to speak no other")]
    NotApproved,
    /// The TLS library refuses the settings.
    #[error("TLS cannot be set up: {0}")]
    Library(#[from] rustls::Error),
}

/// Which TLS is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TlsPolicy {
    /// TLS 1.3 only.
    Modern,
    /// TLS 1.2 and 1.3. Of 1.2 only suites with ECDHE and AEAD: the library has no others.
    #[default]
    Compatible,
}

impl TlsPolicy {
    const fn versions(self) -> &'static [&'static SupportedProtocolVersion] {
        const MODERN: &[&SupportedProtocolVersion] = &[&TLS13];
        const COMPATIBLE: &[&SupportedProtocolVersion] = &[&TLS13, &TLS12];
        match self {
            Self::Modern => MODERN,
            Self::Compatible => COMPATIBLE,
        }
    }
}

/// The server's certificate with its key: a pair.
#[derive(Clone)]
pub struct ServerPair(Arc<CertifiedKey>);

impl ServerPair {
    /// Reads the pair of two files.
    ///
    /// # Errors
    /// The files do not hold a certificate and its key.
    pub fn read(files: &TlsFiles<'_>) -> Result<Self, TlsError> {
        certified_key(files).map(|certified| Self(Arc::new(certified)))
    }

    /// The DER of its certificate, then of those that follow it in the file.
    #[must_use]
    pub fn chain(&self) -> Vec<&[u8]> {
        self.0.cert.iter().map(AsRef::as_ref).collect()
    }
}

impl fmt::Debug for ServerPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerPair").finish_non_exhaustive()
    }
}

/// The pair that connections are begun with.
pub struct Presented(ArcSwap<CertifiedKey>);

impl Presented {
    /// The pair that is presented until it is replaced.
    #[must_use]
    pub fn new(pair: ServerPair) -> Arc<Self> {
        Arc::new(Self(ArcSwap::new(pair.0)))
    }

    /// Connections that begin from now on get this one. Those that are there go on.
    pub fn replace(&self, pair: ServerPair) {
        self.0.store(pair.0);
    }
}

impl ResolvesServerCert for Presented {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

impl fmt::Debug for Presented {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Presented").finish_non_exhaustive()
    }
}

/// TLS as the listener speaks it, ready to be served.
#[derive(Debug, Clone)]
pub struct TlsConfig {
    pub(crate) server: Arc<ServerConfig>,
    presented: Arc<Presented>,
}

impl TlsConfig {
    /// Where the certificate that connections get is replaced.
    #[must_use]
    pub const fn presented(&self) -> &Arc<Presented> {
        &self.presented
    }
}

/// The configuration of the listener.
///
/// # Errors
/// The TLS library refuses the settings.
pub fn server_config(
    pair: ServerPair,
    policy: TlsPolicy,
    gatekeeper: Arc<Gatekeeper>,
) -> Result<TlsConfig, TlsError> {
    config(Presented::new(pair), policy, gatekeeper)
}

/// The configuration of a listener that presents this and checks client certificates so.
pub(super) fn config(
    presented: Arc<Presented>,
    policy: TlsPolicy,
    clients: Arc<dyn ClientCertVerifier>,
) -> Result<TlsConfig, TlsError> {
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(policy.versions())?
        .with_client_cert_verifier(clients)
        .with_cert_resolver(Arc::clone(&presented) as _);
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.max_early_data_size = 0;
    if cfg!(feature = "fips") && !config.fips() {
        return Err(TlsError::NotApproved);
    }
    Ok(TlsConfig {
        server: Arc::new(config),
        presented,
    })
}

/// The cryptography TLS uses. Built with the feature `fips`, only what is approved.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

fn certified_key(files: &TlsFiles<'_>) -> Result<CertifiedKey, TlsError> {
    let chain = CertificateDer::pem_slice_iter(files.certificate_pem.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .unwrap_or_default();
    if chain.first().is_none_or(|leaf| spki(leaf).is_err()) {
        return Err(TlsError::NoCertificate(files.certificate_name.to_owned()));
    }
    let key = PrivateKeyDer::from_pem_slice(files.key_pem.as_bytes())
        .map_err(|_| TlsError::NoKey(files.key_name.to_owned()))?;
    let key = provider()
        .key_provider
        .load_private_key(key)
        .map_err(|_| TlsError::UnusableKey(files.key_name.to_owned()))?;
    let certified = CertifiedKey::new(chain, key);
    match certified.keys_match() {
        Ok(()) => Ok(certified),
        Err(rustls::Error::InconsistentKeys(_)) => Err(TlsError::Mismatch {
            certificate: files.certificate_name.to_owned(),
            key: files.key_name.to_owned(),
        }),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::{TlsFiles, certified_key};
    use crate::crypto::{KeyKind, self_signed_client};

    #[test]
    fn each_fault_of_certificate_or_key_has_its_own_line() {
        let made = |name| self_signed_client(name, KeyKind::EcdsaP256, 1_700_000_000, 1).unwrap();
        let (one, two) = (made("one"), made("two"));
        let key = |made: &crate::crypto::Issued| {
            String::from_utf8(made.key_pem.expose().to_vec()).unwrap()
        };
        let certificate = one.certificate_pem.as_str();
        let fault = |certificate_pem: &str, key_pem: &str| {
            let (certificate_name, key_name) = ("server.pem", "server.key");
            let files = TlsFiles {
                certificate_name,
                certificate_pem,
                key_name,
                key_pem,
            };
            certified_key(&files).err().map(|error| error.to_string())
        };
        assert_eq!(fault(certificate, &key(&one)), None);
        for (certificate_pem, key_pem, start) in [
            ("nothing", key(&one), "server.pem holds no certificate"),
            (&key(&one), key(&one), "server.pem holds no certificate"),
            (
                certificate,
                certificate.to_owned(),
                "server.key holds no private key",
            ),
            (
                certificate,
                key(&two),
                "the private key in server.key does not match the certificate in server.pem",
            ),
        ] {
            let text = fault(certificate_pem, &key_pem).unwrap();
            assert!(text.starts_with(start), "{text}");
        }
    }
}
