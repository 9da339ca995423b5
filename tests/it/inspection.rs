//! `client inspect` on files of every kind: what is said of each, and whether enrolling it would do, with a running server and without.

use std::fs;
use std::process::Command;

use keyledger::crypto::authority::{Authority, KeyKind, self_signed_client};
use keyledger::crypto::{Certificate, ListDates, Withdrawal, Withdrawn};
use serde_json::{Value, json};

use crate::harness::{Credentials, Server, TlsVersion, now, skipped, until};

/// A file, whether the command fails over it, and words that it says.
type Row<'a> = (&'a str, bool, &'a [&'a str]);

fn check(server: &Server, rows: &[Row<'_>]) {
    for (file, fails, words) in rows {
        let path = server.path().join(file);
        let path = path.to_str().expect("UTF-8");
        let output = server.cli(&["client", "inspect", path]);
        assert_eq!(output.code != 0, *fails, "{file}: {output:?}");
        let said = format!("{}{}", output.stdout, output.stderr);
        for word in *words {
            assert!(said.contains(word), "{file}: {word:?} in {said}");
        }
    }
}

/// Makes a certificate that we make none of; false where there is no OpenSSL.
fn openssl(server: &Server, name: &str, arguments: &[&str]) -> bool {
    let mut openssl = Command::new("openssl");
    openssl.current_dir(server.path());
    openssl.args([
        "req", "-nodes", "-batch", "-keyout", "weak.key", "-out", name,
    ]);
    match openssl.args(arguments).output() {
        Ok(made) => {
            assert!(made.status.success(), "{made:?}");
            true
        }
        Err(_) => false,
    }
}

/// Certificates that we make: of an own CA of the site, and by themselves.
fn files(server: &Server) -> Authority {
    let write = |name: &str, content: &str| {
        fs::write(server.path().join(name), content).expect("a file");
    };
    let kind = KeyKind::EcdsaP256;
    let alone = |from: i64| {
        let made = self_signed_client("vc", kind, from, 10);
        made.expect("a certificate")
    };
    let good = alone(now());
    write("good.pem", &good.certificate_pem);
    write("expired.pem", &alone(now() - 30 * 86_400).certificate_pem);
    write("early.pem", &alone(now() + 30 * 86_400).certificate_pem);
    let key = String::from_utf8(good.key_pem.expose().to_vec()).expect("text");
    write("both.pem", &(good.certificate_pem + &key));
    let ca = Authority::create("Site CA", now(), 60, kind).expect("a CA");
    write("ca.pem", &ca.certificate_pem());
    let leaf = ca.issue_client("vc", kind, now(), 10).expect("a leaf");
    write("leaf.pem", &leaf.certificate_pem);
    write("chain.pem", &(leaf.certificate_pem + &ca.certificate_pem()));
    let other = ca.issue_client("other", kind, now(), 10).expect("a leaf");
    write("other.pem", &other.certificate_pem);
    ca
}

/// What is said of each file, whether a server runs or not.
const ROWS: [Row<'static>; 12] = [
    (
        "good.pem",
        false,
        &["client add LABEL", "no CA that is trusted here"],
    ),
    ("expired.pem", true, &["it has expired"]),
    ("early.pem", true, &["not valid yet"]),
    ("both.pem", true, &["private key"]),
    ("chain.pem", true, &["2 certificates", "without its chain"]),
    ("leaf.pem", false, &["vouches for it", "as client `site`"]),
    ("other.pem", false, &["does not let it in", "must be CN=vc"]),
    ("ca.pem", false, &["CA:TRUE", "trust-ca"]),
    (
        "former.pem",
        false,
        &["was removed from client `former`", "own CA"],
    ),
    (
        "certs/clients/former.pem",
        true,
        &[
            "client `former` of instance `default`",
            "the client is disabled",
        ],
    ),
    (
        "certs/clients/demo.pem",
        true,
        &["client `demo` of instance `default` (issued)"],
    ),
    (
        "certs/server.pem",
        false,
        &["clientAuth is not among", "serverAuth"],
    ),
];

/// What we make none of: short keys, and broken signatures.
fn check_weak(server: &Server, ca: &Authority) {
    let path = |name: &str| server.path().join(name).display().to_string();
    if openssl(
        server,
        "short.pem",
        &["-x509", "-newkey", "rsa:1024", "-subj", "/CN=vc"],
    ) {
        let own = ["-CA", "ca.pem", "-CAkey", "ca.key"];
        fs::write(path("ca.key"), ca.key_pem().expose()).expect("a file");
        let weak = ["-x509", "-newkey", "rsa:2048", "-sha1", "-subj", "/CN=vc"];
        openssl(server, "sha1.pem", &[&weak[..], &own[..]].concat());
        openssl(
            server,
            "ask.csr",
            &["-new", "-newkey", "rsa:2048", "-subj", "/CN=vc"],
        );
        openssl(
            server,
            "ask-short.csr",
            &["-new", "-newkey", "rsa:1024", "-subj", "/CN=vc"],
        );
        check(
            server,
            &[
                ("short.pem", true, &["RSA, 1024 bits", "is not accepted"]),
                ("sha1.pem", false, &["signed with SHA-1", "refused"]),
                ("ask.csr", false, &["signing request", "sign-csr"]),
                ("ask-short.csr", true, &["RSA"]),
            ],
        );
    } else {
        skipped("no openssl here that makes weak certificates");
    }
}

/// What its CA revokes; and the same of all where no server runs.
fn check_revoked(server: &mut Server, ca: &Authority) {
    let path = |name: &str| server.path().join(name).display().to_string();
    let leaf = fs::read_to_string(path("leaf.pem")).expect("a file");
    let leaf = Certificate::from_pem(&leaf).expect("a certificate");
    let withdrawn = Withdrawn {
        serial: leaf.serial_number().expect("a number"),
        since: now(),
        why: Withdrawal::Removed,
    };
    let dates = ListDates {
        number: 1,
        this_update: now(),
        next_update: now() + 86_400,
    };
    let list = ca.revocation_list(&[withdrawn], dates).expect("a list");
    fs::write(path("ca.crl"), list).expect("a file");
    server
        .cli(&["client", "crl", "site", &path("ca.crl")])
        .success();
    let revoked = ("leaf.pem", true, &["client `site` has revoked it"][..]);
    check(server, &[revoked]);
    assert!(server.stop().success());
    let rows: Vec<_> = ROWS
        .into_iter()
        .filter(|(file, ..)| *file != "leaf.pem")
        .collect();
    check(server, &rows);
    check(server, &[revoked]);
}

#[test]
fn a_file_says_what_it_is_and_what_would_be_wrong_with_it() {
    let mut server = Server::start();
    let ca = files(&server);
    let path = |name: &str| server.path().join(name).display().to_string();
    let ca_file = path("ca.pem");
    let trust = ["client", "trust-ca", "site", &ca_file, "--subject", "CN=vc"];
    server.cli(&trust).success();
    // Removed from a client that exists, so that it is remembered.
    server.cli(&["client", "issue", "former"]).success();
    fs::copy(path("certs/clients/former.pem"), path("former.pem")).expect("a copy");
    server.cli(&["client", "renew", "former"]).success();
    let former = fs::read_to_string(path("former.pem")).expect("a file");
    let former = Certificate::from_pem(&former).expect("a certificate");
    let print = former.fingerprint().to_string();
    let remove = ["client", "remove", "former", "--certificate", &print];
    server.cli(&remove).success();
    server.cli(&["client", "disable", "former"]).success();
    check(&server, &ROWS);
    check_weak(&server, &ca);
    check_revoked(&mut server, &ca);
}

#[test]
fn a_certificate_that_waits_says_so_and_how_to_approve_it() {
    let server = Server::start();
    let made = self_signed_client("vc", KeyKind::EcdsaP256, now(), 10).expect("a certificate");
    fs::write(server.path().join("waits.pem"), &made.certificate_pem).expect("a file");
    let credentials = Credentials::from_pem(&made.certificate_pem, made.key_pem.expose());
    assert!(
        server
            .try_connect(Some(&credentials), TlsVersion::V1_2)
            .is_err()
    );
    let print = credentials.fingerprint();
    until("the certificate waits", || {
        let pending = server.cli(&["client", "pending"]).success().stdout;
        pending.contains(&print[..16]).then_some(())
    });
    let approve = format!("client approve {print}");
    check(
        &server,
        &[("waits.pem", false, &["waits for approval", &approve])],
    );
}

#[test]
fn the_api_says_what_the_command_says_and_changes_nothing() {
    let server = Server::start();
    let api = server.api_as("reader");
    let path = "/api/v1/certificates/inspect";
    let count = server.events().len();
    let enrolled = server.path().join("certs/clients/demo.pem");
    let unknown = server.path().join("unknown.pem");
    let made = self_signed_client("vc", KeyKind::EcdsaP256, now() - 30 * 86_400, 10);
    fs::write(&unknown, made.expect("made").certificate_pem).expect("a file");
    for (file, wrong) in [(enrolled, "enrolled already"), (unknown, "expired")] {
        let pem = fs::read_to_string(&file).expect("PEM");
        let found = api.post(path, &json!({"certificate": pem})).expect(200);
        let found = found.json();
        assert!(
            found["wrong"][0]
                .as_str()
                .is_some_and(|said| said.contains(wrong)),
            "{found}"
        );
        let file = file.to_str().expect("UTF-8");
        let command = ["client", "inspect", file, "--format", "json"];
        let said: Value = serde_json::from_str(&server.cli(&command).stdout).expect("JSON");
        let same = "fingerprint subject issuer serial notBefore notAfter key usages names standing wrong remarks";
        for member in same.split(' ') {
            assert_eq!(found[member], said[member], "{member}");
        }
    }
    let key = server.api_key("limited", "reader", &["--instance", "default"]);
    let limited = server.api().with_key(&key);
    let refused = limited.post(path, &json!({"certificate": "none"}));
    assert_eq!(refused.status, 403, "{refused:?}");
    assert_eq!(server.events().len(), count + 2, "the key and the refusal");
}
