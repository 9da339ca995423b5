//! TLS as targets speak it: whom they trust and what they present.
//!
//! Trusted are the roots of the system, or those of the endpoint alone when it names any: a target with a CA of its own must not be
//! reachable under a certificate of somebody else's. The server's name is always checked; nothing switches that off.

use std::sync::Arc;

use rustls::client::ResolvesClientCert;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt;

use super::target::EndpointError;
use crate::crypto::SecretText;

const CA_CERTIFICATE: &str = "ca_certificate";
const CLIENT_CERTIFICATE: &str = "client_certificate";
const CLIENT_KEY: &str = "client_key";

/// What an endpoint says of TLS, in the fields of these names.
#[derive(Debug, Clone, Copy, Default)]
pub struct TlsOptions<'a> {
    /// The CA certificates that are trusted, PEM; without it those of the system.
    pub ca_certificate: Option<&'a str>,
    /// The certificate that is presented to servers that ask for one, PEM, with its chain if it needs one.
    pub client_certificate: Option<&'a str>,
    /// Its private key, PEM without a passphrase: PKCS#8, PKCS#1 or SEC1.
    pub client_key: Option<&'a SecretText>,
}

impl TlsOptions<'_> {
    /// Checks what is given, without a look at the system.
    ///
    /// # Errors
    /// The field that cannot be used.
    pub fn check(&self) -> Result<(), EndpointError> {
        let provider = provider();
        self.roots()?;
        self.presented(&provider)?;
        Ok(())
    }

    /// TLS 1.2 and 1.3 as a client. The system's roots are read here: what it trusts later counts for who asks later.
    ///
    /// # Errors
    /// The field that cannot be used; `ca_certificate` too where the system trusts nobody and none is given.
    pub fn client_config(&self) -> Result<ClientConfig, EndpointError> {
        let provider = provider();
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .map_err(|error| EndpointError::new(CA_CERTIFICATE, error.to_string()))?;
        // What is given comes first: it is wrong wherever it is looked at.
        let (roots, presented) = (self.roots()?, self.presented(&provider)?);
        let builder = match roots {
            Some(roots) => builder.with_root_certificates(roots),
            None => builder
                .with_platform_verifier()
                .map_err(|_| EndpointError::new(CA_CERTIFICATE, NO_SYSTEM_ROOTS))?,
        };
        Ok(match presented {
            Some(presented) => builder.with_client_cert_resolver(presented),
            None => builder.with_no_client_auth(),
        })
    }

    /// For endpoints that do without TLS: trusts nobody.
    pub(super) fn trusting_nobody() -> Result<ClientConfig, EndpointError> {
        let nobody = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(|error| EndpointError::new(CA_CERTIFICATE, error.to_string()))?;
        let nobody = nobody.with_root_certificates(RootCertStore::empty());
        Ok(nobody.with_no_client_auth())
    }

    fn roots(&self) -> Result<Option<RootCertStore>, EndpointError> {
        let Some(pem) = self.ca_certificate else {
            return Ok(None);
        };
        let mut roots = RootCertStore::empty();
        for certificate in certificates(CA_CERTIFICATE, pem)? {
            roots.add(certificate).map_err(|error| {
                EndpointError::new(CA_CERTIFICATE, format!("cannot be trusted: {error}"))
            })?;
        }
        Ok(Some(roots))
    }

    fn presented(
        &self,
        provider: &CryptoProvider,
    ) -> Result<Option<Arc<dyn ResolvesClientCert>>, EndpointError> {
        let (chain, key) = match (self.client_certificate, self.client_key) {
            (None, None) => return Ok(None),
            (Some(_), None) => {
                let missing = "is missing: give the private key of client_certificate";
                return Err(EndpointError::new(CLIENT_KEY, missing));
            }
            (None, Some(_)) => {
                let missing = "is missing: give the certificate of client_key";
                return Err(EndpointError::new(CLIENT_CERTIFICATE, missing));
            }
            (Some(chain), Some(key)) => (certificates(CLIENT_CERTIFICATE, chain)?, key),
        };
        let key = PrivateKeyDer::from_pem_slice(key.expose().as_bytes())
            .map_err(|_| EndpointError::new(CLIENT_KEY, NO_KEY))?;
        let certified = CertifiedKey::from_der(chain, key, provider).map_err(|error| {
            match error {
                rustls::Error::InconsistentKeys(_) => {
                    EndpointError::new(CLIENT_KEY, "does not match client_certificate")
                }
                // The library's text is of the key's kind or the certificate's form, never of their content.
                other => EndpointError::new(CLIENT_KEY, format!("cannot be used: {other}")),
            }
        })?;
        Ok(Some(Arc::new(SingleCertAndKey::from(certified))))
    }
}

const NO_SYSTEM_ROOTS: &str = "is needed, since this system has no CA certificates to trust: give the target's, or install those of the \
                               system (in Debian the package ca-certificates)";
const NO_KEY: &str = "holds no private key in PEM form without a passphrase";

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

fn certificates(
    field: &'static str,
    pem: &str,
) -> Result<Vec<CertificateDer<'static>>, EndpointError> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    match read {
        Ok(chain) if !chain.is_empty() => Ok(chain),
        _ => Err(EndpointError::new(
            field,
            "holds no certificate in PEM form: -----BEGIN CERTIFICATE----- and what follows it",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::TlsOptions;
    use crate::crypto::{Issued, KeyKind, SecretText, self_signed_client};

    fn made(name: &str) -> (String, SecretText) {
        let made: Issued = self_signed_client(name, KeyKind::EcdsaP256, 1_700_000_000, 1).unwrap();
        let key = String::from_utf8(made.key_pem.expose().to_vec()).unwrap();
        (made.certificate_pem, SecretText::new(key))
    }

    #[test]
    fn what_fits_is_taken() {
        let (certificate, key) = made("one");
        let options = TlsOptions {
            ca_certificate: Some(&certificate),
            client_certificate: Some(&certificate),
            client_key: Some(&key),
        };
        options.check().unwrap();
        let config = options.client_config().unwrap();
        assert!(config.client_auth_cert_resolver.has_certs());
        let trusting = TlsOptions {
            ca_certificate: Some(&certificate),
            ..TlsOptions::default()
        };
        let config = trusting.client_config().unwrap();
        assert!(!config.client_auth_cert_resolver.has_certs());
        TlsOptions::default().check().unwrap();
    }

    #[test]
    fn the_field_at_fault_is_named_and_no_content_is_shown() {
        let ((certificate, key), (_, other_key)) = (made("one"), made("two"));
        let no_key = SecretText::new("hunter2".to_owned());
        let cut = certificate.replace("-----END", "");
        let (ca, chain) = (certificate.as_str(), Some(certificate.as_str()));
        let cases = [
            (
                Some("nothing"),
                None,
                None,
                "ca_certificate: holds no certificate",
            ),
            (
                Some(cut.as_str()),
                None,
                None,
                "ca_certificate: holds no certificate",
            ),
            (Some(""), None, None, "ca_certificate: holds no certificate"),
            (
                Some(key.expose()),
                None,
                None,
                "ca_certificate: holds no certificate",
            ),
            (None, chain, None, "client_key: is missing"),
            (None, None, Some(&key), "client_certificate: is missing"),
            (
                None,
                Some("x"),
                Some(&key),
                "client_certificate: holds no certificate",
            ),
            (
                Some(ca),
                chain,
                Some(&no_key),
                "client_key: holds no private key",
            ),
            (
                Some(ca),
                chain,
                Some(&other_key),
                "client_key: does not match",
            ),
        ];
        for (ca_certificate, client_certificate, client_key, start) in cases {
            let options = TlsOptions {
                ca_certificate,
                client_certificate,
                client_key,
            };
            let error = options.check().unwrap_err();
            assert!(error.to_string().starts_with(start), "{error}");
            assert!(!error.to_string().contains("hunter2"), "{error}");
            assert_eq!(options.client_config().map(drop).unwrap_err(), error);
        }
    }

    /// Which of the two it is depends on the machine.
    #[test]
    fn without_a_ca_the_system_says_who_is_trusted_or_one_is_asked_for() {
        match TlsOptions::default().client_config() {
            Ok(config) => assert!(!config.client_auth_cert_resolver.has_certs()),
            Err(error) => assert!(
                error.to_string().starts_with("ca_certificate: is needed"),
                "{error}"
            ),
        }
    }
}
