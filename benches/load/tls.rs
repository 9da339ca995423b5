//! TLS of the load generator and of the limit, from the files Keyledger's quick start made.
//!
//! Both sides see the same handshake: TLS 1.3, the same certificates, a client certificate, no
//! resumption.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::version::TLS13;
use rustls::{ClientConfig, RootCertStore, ServerConfig};

/// The configuration of the quick start's demo client.
pub(crate) fn client_config(certs: &Path) -> Result<Arc<ClientConfig>> {
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])?
        .with_root_certificates(roots(certs)?)
        .with_client_auth_cert(
            chain(&certs.join("clients/demo.pem"))?,
            key(&certs.join("clients/demo.key"))?,
        )
        .context("the demo client's certificate and key do not fit")?;
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

/// The configuration of a server that is Keyledger's twin in all that TLS can see.
pub(crate) fn server_config(certs: &Path) -> Result<Arc<ServerConfig>> {
    let roots = Arc::new(roots(certs)?);
    let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider()).build()?;
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])?
        .with_client_cert_verifier(verifier)
        .with_single_cert(
            chain(&certs.join("server.pem"))?,
            key(&certs.join("server.key"))?,
        )
        .context("the server's certificate and key do not fit")?;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

fn roots(certs: &Path) -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for certificate in chain(&certs.join("ca.pem"))? {
        roots.add(certificate)?;
    }
    Ok(roots)
}

fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .with_context(|| format!("cannot read the certificates in {}", path.display()))
}

fn key(path: &Path) -> Result<PrivateKeyDer<'static>> {
    PrivateKeyDer::from_pem_file(path)
        .with_context(|| format!("cannot read the private key in {}", path.display()))
}
