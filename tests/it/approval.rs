//! Strangers who prove that they hold their key wait for approval, and nobody else does.

use std::net::TcpStream;
use std::sync::Arc;

use keyledger::crypto::authority::{KeyKind, self_signed_client};
use serde_json::Value;

use crate::harness::{
    Credentials, Request, Server, TlsVersion, create, get, key_template, now, query, until,
};

fn stranger(name: &str) -> Credentials {
    let issued = self_signed_client(name, KeyKind::EcdsaP256, now(), 30).expect("a certificate");
    Credentials::from_pem(&issued.certificate_pem, issued.key_pem.expose())
}

/// Tries to be let in, and is refused.
#[track_caller]
fn knock(server: &Server, credentials: &Credentials, version: TlsVersion) {
    let request = Request::new((1, 1), &[query(&[3])]).encode();
    let connected = server.try_connect(Some(credentials), version);
    let answered = connected.and_then(|mut connection| connection.try_send(&request));
    assert!(answered.is_err(), "{version:?}");
}

fn pending(server: &Server) -> Vec<Value> {
    let output = server.cli(&["client", "pending", "--format", "jsonl"]);
    let lines = output.success().stdout;
    lines
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect()
}

#[test]
fn a_stranger_is_approved_by_its_fingerprint_and_let_in() {
    let server = Server::start();
    let vcenter = stranger("kmipClient20261125120000");
    for version in [TlsVersion::V1_2, TlsVersion::V1_3] {
        knock(&server, &vcenter, version);
    }
    let held = until("the certificate on the list", || {
        pending(&server).pop().filter(|held| held["count"] == 2)
    });
    assert_eq!(held["fingerprint"], *vcenter.fingerprint());
    assert_eq!(held["address"], "127.0.0.1");
    let table = server.cli(&["client", "pending"]).success().stdout;
    assert!(table.contains(&vcenter.fingerprint()), "{table}");
    let approve = ["client", "approve", &vcenter.fingerprint()];
    server
        .cli(&[&approve[..], &["--label", "vcenter-1"]].concat())
        .success();
    for version in [TlsVersion::V1_2, TlsVersion::V1_3] {
        let mut connection = server.try_connect(Some(&vcenter), version).expect("let in");
        let uid = connection.ask(create(key_template())).success().uid();
        connection.ask(get(&uid)).success().key_material();
    }
    assert_eq!(pending(&server), Vec::<Value>::new());
    let refused = server.cli(&[&approve[..], &["--client", "demo"]].concat());
    refused.refused(&["none with this fingerprint waits"]);
    let all = server.cli(&["events", "list", "--format", "jsonl"]);
    assert!(!all.success().stdout.contains("127.0.0.1"), "no address");
}

#[test]
fn a_renewed_certificate_is_approved_for_the_client_that_exists() {
    let server = Server::start();
    let uid = server.new_key();
    let renewed = stranger("demo-2");
    knock(&server, &renewed, TlsVersion::Any);
    until("the certificate on the list", || pending(&server).pop());
    let fingerprint = renewed.fingerprint();
    server
        .cli(&["client", "approve", &fingerprint, "--client", "demo"])
        .success();
    server.connect_as(&renewed).ask(get(&uid)).success();
    let wrong = server.cli(&["client", "approve", &fingerprint]);
    assert_eq!(wrong.code, 2, "{wrong:?}");
}

#[test]
fn who_replays_a_certificate_without_its_key_does_not_wait() {
    let server = Server::start();
    let before = server.events().len();
    let (victim, thief) = (stranger("victim"), stranger("thief"));
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        replay(&server, &victim, &thief, version);
    }
    assert_eq!(pending(&server), Vec::<Value>::new());
    assert_eq!(server.events().len(), before);
    // The list works: the bearer of the key is on it.
    knock(&server, &victim, TlsVersion::Any);
    let held = until("the certificate on the list", || pending(&server).pop());
    assert_eq!(held["count"], 1, "the replays do not count");
}

#[test]
fn without_a_server_the_list_says_so() {
    let mut server = Server::start();
    assert!(server.stop().success());
    let listed = server.cli(&["client", "pending"]);
    listed.refused(&["no server runs here", "keyledger serve"]);
}

/// Presents a certificate and signs with a key that is not its own.
fn replay(
    server: &Server,
    shown: &Credentials,
    signer: &Credentials,
    version: &'static rustls::SupportedProtocolVersion,
) {
    #[derive(Debug)]
    struct Presents(Arc<rustls::sign::CertifiedKey>);
    impl rustls::client::ResolvesClientCert for Presents {
        fn resolve(
            &self,
            _: &[&[u8]],
            _: &[rustls::SignatureScheme],
        ) -> Option<Arc<rustls::sign::CertifiedKey>> {
            Some(Arc::clone(&self.0))
        }
        fn has_certs(&self) -> bool {
            true
        }
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let key = provider.key_provider.load_private_key(signer.key());
    let shown = vec![shown.certificate.clone()];
    let certified = rustls::sign::CertifiedKey::new(shown, key.expect("a key"));
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .expect("a version")
        .with_root_certificates(server.roots())
        .with_client_cert_resolver(Arc::new(Presents(Arc::new(certified))));
    let name = rustls::pki_types::ServerName::from(server.address().ip());
    let mut session = rustls::ClientConnection::new(Arc::new(config), name).expect("a client");
    let mut socket = TcpStream::connect(server.address()).expect("a connection");
    // In TLS 1.3 the refusal comes after the handshake looks done from here.
    let refused = loop {
        if let Err(error) = session.complete_io(&mut socket) {
            break error;
        }
    };
    assert!(refused.to_string().contains("DecryptError"), "{refused}");
}
