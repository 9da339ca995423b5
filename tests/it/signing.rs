//! Certificates signed for requests that clients make themselves, as vCenter does.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use rcgen::{CertificateParams, DnType, KeyPair};

use crate::harness::{Credentials, Server, TlsVersion, create, get, key_template};

/// A request as vCenter makes one, in a file, and its key.
fn request(server: &Server, name: &str) -> (PathBuf, KeyPair) {
    let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).expect("a key");
    let mut params = CertificateParams::new(["vc.example.org".to_owned()]).expect("a name");
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    let request = params.serialize_request(&key).expect("a request");
    let file = server.path().join(format!("{name}.csr"));
    fs::write(&file, request.pem().expect("PEM")).expect("a file");
    (file, key)
}

#[test]
fn a_signed_request_is_a_client() {
    let server = Server::start();
    let (file, key) = request(&server, "kmipClient20261125130000");
    let file = file.to_str().expect("UTF-8");
    let said = server.cli(&["client", "sign-csr", "vcenter-1", file]);
    let said = said.success().stdout;
    let path = server.path().join("certs/clients/vcenter-1.pem");
    let pem = fs::read_to_string(&path).expect("the certificate");
    assert!(said.contains(pem.trim_end()), "{said}");
    let credentials = Credentials::from_pem(&pem, key.serialize_pem().as_bytes());
    for version in [TlsVersion::V1_2, TlsVersion::V1_3] {
        let connected = server.try_connect(Some(&credentials), version);
        let mut connection = connected.expect("let in");
        let uid = connection.ask(create(key_template())).success().uid();
        connection.ask(get(&uid)).success();
    }
    let events = server.events();
    let issued = events.iter().find(|event| {
        event.action() == "kmip-client.issue" && event.0.to_string().contains("vcenter-1")
    });
    assert!(issued.is_some(), "{events:?}");
    assert_eq!(
        events.last().expect("an event").initiator_name(),
        "vcenter-1"
    );
    let listed = server.cli(&["client", "list"]).success().stdout;
    assert!(listed.contains("issued"), "{listed}");
}

#[test]
fn nothing_is_left_behind_when_a_request_is_refused() {
    let server = Server::start();
    let (file, key) = request(&server, "vcenter");
    let path = file.to_str().expect("UTF-8");
    let before = server.events().len();
    // Taken: the certificate that was made for it goes again.
    let taken = server.cli(&["client", "sign-csr", "demo", path, "--out", "new.pem"]);
    taken.refused(&["`demo` is taken"]);
    assert!(!server.path().join("new.pem").exists());
    let mut text = fs::read_to_string(&file).expect("the request");
    text.push_str(&key.serialize_pem());
    fs::write(&file, text).expect("a file");
    let refused = server.cli(&["client", "sign-csr", "vcenter", path]);
    refused.refused(&["private key"]);
    assert!(!server.path().join("certs/clients/vcenter.pem").exists());
    assert_eq!(server.events().len(), before);
}

#[test]
fn a_weak_key_is_not_signed() {
    let server = Server::start();
    let csr = server.path().join("weak.csr");
    let key = server.path().join("weak.key");
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-new", "-newkey", "rsa:1024", "-nodes", "-subj"]);
    openssl.args(["/CN=weak", "-keyout"]).arg(&key);
    let made = openssl.arg("-out").arg(&csr).output();
    if !made.is_ok_and(|made| made.status.success()) {
        crate::harness::skipped("no openssl here that makes a short key");
        return;
    }
    let refused = server.cli(&["client", "sign-csr", "weak", csr.to_str().expect("UTF-8")]);
    refused.refused(&["RSA of 1024 bits"]);
}
