//! CAs of others: who is let in for them, what is enrolled, and what is not.

use std::fs;

use keyledger::crypto::Issued;
use keyledger::crypto::authority::{Authority, KeyKind, SigningRequest};
use rcgen::{CertificateParams, DnType, KeyPair};

use crate::harness::{
    Credentials, Request, Server, TlsVersion, create, key_template, now, query, until,
};

fn authority(name: &str) -> Authority {
    Authority::create(name, now(), 30, KeyKind::EcdsaP256).expect("a CA")
}

fn leaf(authority: &Authority, name: &str) -> Credentials {
    let issued: Issued = authority
        .issue_client(name, KeyKind::EcdsaP256, now(), 10)
        .expect("a certificate");
    Credentials::from_pem(&issued.certificate_pem, issued.key_pem.expose())
}

/// Two certificates of one key.
fn twins(authority: &Authority, name: &str) -> [(String, Credentials); 2] {
    let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).expect("a key");
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    let request = params.serialize_request(&key).expect("a request");
    let request = SigningRequest::from_pem(&request.pem().expect("PEM")).expect("a request");
    [10, 11].map(|days| {
        let signed = authority.sign(&request, name, now(), days);
        let (pem, _) = signed.expect("a certificate");
        let credentials = Credentials::from_pem(&pem, key.serialize_pem().as_bytes());
        (pem, credentials)
    })
}

/// Trusts a CA, and gives its fingerprint.
fn trust(server: &Server, authority: &Authority, arguments: &[&str]) -> String {
    let fingerprint = authority.certificate().fingerprint().to_string();
    let file = server.path().join(format!("{fingerprint}.pem"));
    fs::write(&file, authority.certificate_pem()).expect("a file");
    let (label, rest) = arguments.split_first().expect("a label");
    let file = file.to_str().expect("UTF-8");
    server
        .cli(&[&["client", "trust-ca", *label, file], rest].concat())
        .success();
    fingerprint
}

fn is_let_in(server: &Server, credentials: &Credentials, version: TlsVersion) -> bool {
    let request = Request::new((1, 1), &[query(&[3])]).encode();
    let connected = server.try_connect(Some(credentials), version);
    connected
        .and_then(|mut connection| connection.try_send(&request))
        .is_ok()
}

fn count(server: &Server, action: &str) -> usize {
    let events = server.events();
    events
        .iter()
        .filter(|event| event.action() == action)
        .count()
}

#[test]
fn a_leaf_with_the_subject_is_enrolled_once_and_no_other_is() {
    let server = Server::start();
    let vmca = authority("VMCA");
    trust(&server, &vmca, &["vcenter-1", "--subject", "CN=vcenter-1"]);
    let (mine, other) = (leaf(&vmca, "vcenter-1"), leaf(&vmca, "esx-1"));
    let twin = leaf(&authority("VMCA"), "vcenter-1");
    for version in [TlsVersion::V1_2, TlsVersion::V1_3] {
        let mut connection = server.try_connect(Some(&mine), version).expect("let in");
        connection.ask(create(key_template())).success();
        assert!(!is_let_in(&server, &other, version), "another subject");
        assert!(!is_let_in(&server, &twin, version), "another CA's key");
    }
    assert_eq!(count(&server, "kmip-client.enrol"), 1);
    let listed = server.cli(&["client", "list"]).success().stdout;
    assert!(listed.contains(&mine.fingerprint()), "{listed}");
    assert!(listed.contains("anchored") && listed.contains("CN=vcenter-1"));
    let event = server.events().into_iter().rev();
    let made = event
        .into_iter()
        .find(|event| event.action() == "kmip-key.create");
    assert_eq!(made.expect("an event").initiator(), mine.initiator());
    // The strangers wait like all others.
    let pending = server.cli(&["client", "pending"]).success().stdout;
    assert!(pending.contains(&other.fingerprint()) && !pending.contains(&mine.fingerprint()));
}

#[test]
fn a_removed_leaf_does_not_come_back_and_a_removed_ca_takes_its_leaves_along() {
    let mut server = Server::start();
    let vmca = authority("VMCA");
    let ca = trust(&server, &vmca, &["vcenter-1", "--subject", "CN=vcenter-1"]);
    let (first, second) = (leaf(&vmca, "vcenter-1"), leaf(&vmca, "vcenter-1"));
    for credentials in [&first, &second] {
        assert!(is_let_in(&server, credentials, TlsVersion::Any));
    }
    let print = first.fingerprint();
    let remove = ["client", "remove", "vcenter-1"];
    server
        .cli(&[&remove[..], &["--certificate", &print]].concat())
        .success();
    assert!(server.stop().success());
    server.start_again();
    assert!(!is_let_in(&server, &first, TlsVersion::V1_2));
    assert!(is_let_in(&server, &second, TlsVersion::V1_3));
    server.cli(&["client", "disable", "vcenter-1"]).success();
    let third = leaf(&vmca, "vcenter-1");
    for credentials in [&second, &third] {
        assert!(!is_let_in(&server, credentials, TlsVersion::Any));
    }
    server.cli(&["client", "enable", "vcenter-1"]).success();
    let mut open = server.connect_as(&second);
    server
        .cli(&[&remove[..], &["--ca", &ca]].concat())
        .success();
    open.wait_for_close().expect("the connection is cut");
    for credentials in [&first, &second, &third] {
        assert!(!is_let_in(&server, credentials, TlsVersion::Any));
    }
    assert_eq!(count(&server, "kmip-client.enrol"), 2);
}

#[test]
fn a_leaf_that_fits_two_cas_is_nobodys_and_the_subject_is_mandatory() {
    let server = Server::start();
    let vmca = authority("VMCA");
    let ca = trust(&server, &vmca, &["one", "--subject", "CN=vc"]);
    let file = server.path().join(format!("{ca}.pem"));
    let file = file.to_str().expect("UTF-8");
    let twice = server.cli(&["client", "trust-ca", "two", file, "--subject", "CN=vc"]);
    twice.refused(&["trusted already"]);
    let without = server.cli(&["client", "trust-ca", "two", file]);
    assert_eq!(without.code, 2, "{without:?}");
    let vague = server.cli(&["client", "trust-ca", "two", file, "--subject", "*"]);
    vague.refused(&["whole subject"]);
    until("the leaf is let in", || {
        is_let_in(&server, &leaf(&vmca, "vc"), TlsVersion::Any).then_some(())
    });
}

#[test]
fn what_was_removed_does_not_come_back_through_a_ca_under_the_same_key() {
    let mut server = Server::start();
    let vmca = authority("VMCA");
    let [(pem, first), (_, again)] = twins(&vmca, "vc");
    let file = server.path().join("vc.pem");
    fs::write(&file, &pem).expect("a file");
    let file = file.to_str().expect("UTF-8");
    server.cli(&["client", "add", "vc1", file]).success();
    let subject = ["vc1", "--subject", "2.5.4.3=vc", "--renew"];
    let ca = trust(&server, &vmca, &subject);
    assert!(is_let_in(&server, &first, TlsVersion::Any), "pinned");
    let remove = ["client", "remove", "vc1"];
    let print = first.fingerprint();
    server
        .cli(&[&remove[..], &["--certificate", &print]].concat())
        .success();
    server
        .cli(&[&remove[..], &["--ca", &ca]].concat())
        .success();
    trust(&server, &vmca, &subject);
    assert!(server.stop().success());
    server.start_again();
    for credentials in [&first, &again] {
        assert!(!is_let_in(&server, credentials, TlsVersion::Any));
    }
    assert!(is_let_in(&server, &leaf(&vmca, "vc"), TlsVersion::Any));
    server
        .cli(&["client", "add", "vc1", file, "--renew"])
        .success();
    for credentials in [&first, &again] {
        assert!(is_let_in(&server, credentials, TlsVersion::Any));
    }
    assert!(server.stop().success());
}

#[test]
fn a_long_subject_leaves_the_list_of_those_that_wait_readable() {
    let server = Server::start();
    let name = format!("vc{}", "x".repeat(60 * 1024 / 8));
    let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).expect("a key");
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    let long = params.self_signed(&key).expect("a certificate");
    let long = Credentials::from_pem(&long.pem(), key.serialize_pem().as_bytes());
    let plain = leaf(&authority("VMCA"), "vcenter-1");
    for credentials in [&long, &plain] {
        assert!(!is_let_in(&server, credentials, TlsVersion::Any));
    }
    let table = until("both on the list", || {
        let table = server.cli(&["client", "pending"]).success().stdout;
        let both = table.contains(&long.fingerprint()) && table.contains(&plain.fingerprint());
        both.then_some(table)
    });
    assert!(table.lines().all(|line| line.len() < 400), "{table}");
    let print = plain.fingerprint();
    let whole = server.cli(&["client", "pending", &print]).success().stdout;
    assert!(whole.contains("CN=vcenter-1"), "{whole}");
    let unknown = server.cli(&["client", "pending", &"0".repeat(64)]);
    unknown.refused(&["none with this fingerprint"]);
}
