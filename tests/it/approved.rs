//! Which cryptography TLS speaks: built with the feature `fips` only what is approved, otherwise what is quickest too.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs::cipher_suite::{
    TLS13_AES_256_GCM_SHA384, TLS13_CHACHA20_POLY1305_SHA256,
};
use rustls::crypto::aws_lc_rs::kx_group::{SECP384R1, X25519};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, Stream};

use crate::harness::{Server, run_cli};

/// Whether the program under test was built with the validated module.
fn is_fips(directory: &Path) -> bool {
    let said = run_cli(directory, &["--version"]).stdout;
    said.trim_end().ends_with("(FIPS)")
}

/// Whether the server shakes hands with `demo`, and reads from it, by this cryptography and TLS 1.3.
fn shakes_hands(server: &Server, provider: CryptoProvider) -> bool {
    let file = |name: &str| server.path().join("certs/clients").join(name);
    let certificate = CertificateDer::from_pem_file(file("demo.pem")).expect("a certificate");
    let key = PrivateKeyDer::from_pem_file(file("demo.key")).expect("a private key");
    let config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("TLS 1.3")
        .with_root_certificates(server.roots())
        .with_client_auth_cert(vec![certificate], key)
        .expect("a client's certificate");
    let name = ServerName::from(server.address().ip());
    let mut session = ClientConnection::new(Arc::new(config), name).expect("a session");
    let mut socket = TcpStream::connect(server.address()).expect("a connection");
    let mut stream = Stream::new(&mut session, &mut socket);
    // A header that is no message: it is answered, or the connection is closed, by a server that shook hands.
    if stream.write_all(&[0; 8]).is_err() {
        return false;
    }
    let answered = stream.read(&mut [0; 8]).is_ok();
    answered && !session.is_handshaking()
}

#[test]
fn what_is_not_approved_is_spoken_by_the_usual_build_only() {
    let server = Server::start();
    let usual = !is_fips(server.path());
    let with_group = |group| CryptoProvider {
        kx_groups: vec![group],
        ..aws_lc_rs::default_provider()
    };
    let with_suite = |suite| CryptoProvider {
        cipher_suites: vec![suite],
        ..aws_lc_rs::default_provider()
    };
    assert!(shakes_hands(&server, with_group(SECP384R1)));
    assert_eq!(shakes_hands(&server, with_group(X25519)), usual);
    assert!(shakes_hands(&server, with_suite(TLS13_AES_256_GCM_SHA384)));
    let spoken = shakes_hands(&server, with_suite(TLS13_CHACHA20_POLY1305_SHA256));
    assert_eq!(spoken, usual);
}
