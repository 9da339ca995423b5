//! What a CA elsewhere has revoked, in lists that OpenSSL makes.

use std::fs;
use std::path::Path;
use std::process::Command;

use keyledger::crypto::authority::{Authority, KeyKind};
use keyledger::crypto::certificate::revocation::RevocationList;
use keyledger::crypto::{Certificate, Issued};
use serde_json::json;

use crate::harness::{
    Credentials, Event, Request, Server, TlsVersion, create, key_template, now, query, skipped,
    until,
};

const CONFIGURATION: &str = "[ca]\ndefault_ca = site\n[site]\ndatabase = index.txt\ncrlnumber = number\n\
    default_md = sha256\ncrl_extensions = extensions\n[extensions]\nauthorityKeyIdentifier = keyid\n";

/// A CA whose lists OpenSSL makes.
struct Site {
    ca: Authority,
    folder: tempfile::TempDir,
}

impl Site {
    fn new() -> Self {
        let ca = Authority::create("Site CA", now(), 30, KeyKind::EcdsaP256).expect("a CA");
        let folder = tempfile::tempdir().expect("a temporary directory");
        let write = |name: &str, content: &[u8]| {
            fs::write(folder.path().join(name), content).expect("a file");
        };
        write("openssl.cnf", CONFIGURATION.as_bytes());
        write("ca.pem", ca.certificate_pem().as_bytes());
        write("ca.key", ca.key_pem().expose());
        write("number", b"10\n");
        Self { ca, folder }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn leaf(&self) -> (Certificate, Credentials) {
        let issued: Issued = self
            .ca
            .issue_client("vc", KeyKind::EcdsaP256, now(), 10)
            .expect("a certificate");
        let credentials = Credentials::from_pem(&issued.certificate_pem, issued.key_pem.expose());
        (issued.certificate, credentials)
    }

    /// A list that revokes these, in a file; none where there is no OpenSSL.
    fn list(&self, name: &str, revoked: &[&Certificate]) -> Option<String> {
        let line = |certificate: &&Certificate| {
            let serial = certificate.serial().to_uppercase();
            format!("R\t491231235959Z\t250101000000Z\t{serial}\tunknown\t/CN=vc\n")
        };
        let index: String = revoked.iter().map(line).collect();
        fs::write(self.path().join("index.txt"), index).expect("a file");
        let file = self.path().join(name);
        let mut openssl = Command::new("openssl");
        openssl.current_dir(self.path());
        openssl.args(["ca", "-gencrl", "-config", "openssl.cnf", "-crldays", "7"]);
        openssl.args(["-keyfile", "ca.key", "-cert", "ca.pem", "-out", name]);
        let made = openssl.output().ok()?;
        assert!(made.status.success(), "{made:?}");
        Some(file.to_str().expect("UTF-8").to_owned())
    }
}

fn is_let_in(server: &Server, credentials: &Credentials, version: TlsVersion) -> bool {
    let request = Request::new((1, 1), &[query(&[3])]).encode();
    let connected = server.try_connect(Some(credentials), version);
    connected
        .and_then(|mut connection| connection.try_send(&request))
        .is_ok()
}

/// Both lists are on the record, and who was refused for them.
fn check_recorded(server: &Server) {
    // Refusals are recorded beside the handshakes.
    let events = until("the refusal's event", || {
        let events = server.events();
        let is_it = |event: &Event| {
            event.action() == "kmip-client.refuse"
                && event.text("/reason/reasonForFailure") == "the certificate was revoked by its CA"
        };
        events.iter().any(is_it).then_some(events)
    });
    let loaded = events
        .iter()
        .filter(|event| event.action() == "revocation-list.load");
    assert_eq!(loaded.count(), 2);
}

#[test]
fn what_a_trusted_ca_revokes_is_cut_off_and_does_not_come_back() {
    let mut server = Server::start();
    let site = Site::new();
    let ca = site.path().join("ca.pem");
    let ca = ca.to_str().expect("UTF-8");
    let trust = ["client", "trust-ca", "vc", ca, "--subject", "CN=vc"];
    server.cli(&trust).success();
    let ((first, mine), (second, other), (third, late)) = (site.leaf(), site.leaf(), site.leaf());
    let Some(empty) = site.list("empty.pem", &[]) else {
        skipped("no openssl here that makes revocation lists");
        return;
    };
    server.cli(&["client", "crl", "vc", &empty]).success();
    let mut open = [TlsVersion::V1_2, TlsVersion::V1_3].map(|version| {
        let mut open = server.try_connect(Some(&mine), version).expect("let in");
        open.ask(create(key_template())).success();
        open
    });
    let mut others = server.connect_as(&other);
    others.ask(create(key_template())).success();
    let newer = site.list("newer.pem", &[&first, &third]).expect("a list");
    let said = server
        .cli(&["client", "crl", "vc", &newer])
        .success()
        .stdout;
    assert!(said.contains("2 revoked"), "{said}");
    for connection in &mut open {
        connection.wait_for_close().expect("the connection is cut");
    }
    others.ask(create(key_template())).success();
    // The older list would let it back in.
    server
        .cli(&["client", "crl", "vc", &empty])
        .refused(&["older"]);
    assert!(server.stop().success());
    server.start_again();
    for version in [TlsVersion::V1_2, TlsVersion::V1_3] {
        assert!(!is_let_in(&server, &mine, version), "enrolled and revoked");
        assert!(
            !is_let_in(&server, &late, version),
            "never seen, and revoked"
        );
        assert!(is_let_in(&server, &other, version));
    }
    check_recorded(&server);
    // Somebody here decided for this very certificate: pinned stays pinned.
    let pinned = site.path().join("second.pem");
    fs::write(&pinned, second.to_pem()).expect("a file");
    let print = second.fingerprint().to_string();
    server
        .cli(&["client", "remove", "vc", "--certificate", &print])
        .success();
    let pinned = pinned.to_str().expect("UTF-8");
    server
        .cli(&["client", "add", "vc", pinned, "--renew"])
        .success();
    let all = site
        .list("all.pem", &[&first, &second, &third])
        .expect("a list");
    server.cli(&["client", "crl", "vc", &all]).success();
    assert!(is_let_in(&server, &other, TlsVersion::Any));
}

#[test]
fn a_list_of_another_ca_or_no_list_at_all_changes_nothing() {
    let server = Server::start();
    let (site, twin) = (Site::new(), Site::new());
    let ca = site.path().join("ca.pem");
    let ca = ca.to_str().expect("UTF-8");
    let trust = ["client", "trust-ca", "vc", ca, "--subject", "CN=vc"];
    let crl = |file: &str| server.cli(&["client", "crl", "vc", file]);
    server
        .cli(&["client", "crl", "demo", ca])
        .refused(&["none is trusted"]);
    server.cli(&trust).success();
    crl(ca).refused(&["cannot be read"]);
    let Some(foreign) = twin.list("foreign.pem", &[]) else {
        skipped("no openssl here that makes revocation lists");
        return;
    };
    crl(&foreign).refused(&["its signature is not the CA's"]);
    let events = server.events();
    let mut events = events.iter();
    assert!(!events.any(|event| event.action() == "revocation-list.load"));
}

#[test]
fn a_ca_is_trusted_with_its_list_and_a_list_that_has_lapsed_refuses_where_that_is_set() {
    let mut server = Server::start_set("[tls]\nrefuse-lapsed-revocation-lists = true\n");
    let site = Site::new();
    let ca = site.path().join("ca.pem");
    let ca = ca.to_str().expect("UTF-8");
    let ((first, mine), (_, other)) = (site.leaf(), site.leaf());
    let Some(list) = site.list("list.pem", &[&first]) else {
        skipped("no openssl here that makes revocation lists");
        return;
    };
    let trust = [
        "client",
        "trust-ca",
        "vc",
        ca,
        "--subject",
        "CN=vc",
        "--crl",
    ];
    let trust = |list: &str| server.cli(&[&trust[..], &[list]].concat());
    trust(ca).refused(&["cannot be read"]);
    trust(&list).success();
    assert!(!is_let_in(&server, &mine, TlsVersion::Any), "revoked");
    assert!(is_let_in(&server, &other, TlsVersion::Any));
    assert!(server.stop().success());
    let db = rusqlite::Connection::open(server.data().join("keyledger.db")).expect("a database");
    let lapsed = format!("UPDATE revocation SET next_update = {}", now() - 60);
    assert_eq!(db.execute(&lapsed, []).expect("a row"), 1);
    drop(db);
    server.start_again();
    for version in [TlsVersion::V1_2, TlsVersion::V1_3] {
        assert!(!is_let_in(&server, &other, version), "its CA's list lapsed");
    }
    server.connect().ask(create(key_template())).success();
    until("the refusal's event", || {
        let events = server.events();
        let told = events.iter().rev().find(|event| {
            event.action() == "kmip-client.refuse"
                && event.text("/reason/reasonForFailure")
                    == "the revocation list of the certificate's CA has lapsed"
        });
        told.map(|_| ())
    });
    // The next one lets it in again.
    let next = site.list("next.pem", &[&first]).expect("a list");
    server.cli(&["client", "crl", "vc", &next]).success();
    assert!(is_let_in(&server, &other, TlsVersion::Any));
}

/// Whether OpenSSL trusts a certificate of our CA by that CA's list; none where there is no OpenSSL.
fn is_trusted_elsewhere(server: &Server, name: &str) -> Option<bool> {
    let certs = server.path().join("certs");
    let mut openssl = Command::new("openssl");
    openssl.current_dir(certs).arg("verify").arg("-crl_check");
    openssl.args(["-CAfile", "ca.pem", "-CRLfile", "ca.crl"]);
    let verified = openssl.arg(format!("clients/{name}.pem")).output().ok()?;
    let said = String::from_utf8_lossy(&verified.stderr).into_owned();
    if !verified.status.success() {
        assert!(said.contains("certificate revoked"), "{said}");
    }
    Some(verified.status.success())
}

#[test]
fn others_learn_from_our_own_list_what_counts_no_more() {
    let server = Server::start();
    for label in ["kept", "gone", "held"] {
        server.cli(&["client", "issue", label]).success();
    }
    server.cli(&["client", "remove", "gone"]).success();
    server.cli(&["client", "disable", "held"]).success();
    let listed = ["certificate", "crl", "--days", "7", "--format", "json"];
    let said = server.cli(&listed).success().stdout;
    let said: serde_json::Value = serde_json::from_str(&said).expect("JSON");
    let revoked = said["revoked"].as_array().expect("a list");
    assert_eq!(revoked.len(), 2, "{said}");
    let Some(kept) = is_trusted_elsewhere(&server, "kept") else {
        skipped("no openssl here");
        return;
    };
    assert!(kept);
    assert_eq!(is_trusted_elsewhere(&server, "gone"), Some(false));
    assert_eq!(is_trusted_elsewhere(&server, "held"), Some(false));
    // A hold ends, and the list takes the place of the one before.
    server.cli(&["client", "enable", "held"]).success();
    server.cli(&["certificate", "crl"]).success();
    assert_eq!(is_trusted_elsewhere(&server, "held"), Some(true));
    assert_eq!(is_trusted_elsewhere(&server, "gone"), Some(false));
    let events = server.events();
    let published = events
        .iter()
        .filter(|event| event.action() == "certificate-authority.publish");
    let numbers: Vec<_> = published
        .map(|event| {
            assert!(event.initiator().starts_with("LocalUser-"), "{event:?}");
            event.data("/requestData/revoked").cloned()
        })
        .collect();
    assert_eq!(numbers, [Some(2.into()), Some(1.into())]);
    server
        .cli(&["certificate", "crl", "--days", "0"])
        .refused(&["days: from 1"]);
}

#[test]
fn the_own_ca_s_list_is_signed_over_the_api_where_its_key_is_at_hand() {
    let server = Server::start();
    server.cli(&["client", "issue", "gone"]).success();
    let gone = fs::read_to_string(server.path().join("certs/clients/gone.pem")).expect("PEM");
    server.cli(&["client", "remove", "gone"]).success();
    let path = "/api/v1/certificates/revocation-list";
    let (api, week) = (server.api_as("administrator"), json!({"days": 7}));
    let made = api.post(path, &week).expect(200).json();
    let list = made["list"].as_str().expect("a list");
    assert!(list.starts_with("-----BEGIN X509 CRL-----"), "{list}");
    let ca = fs::read_to_string(server.path().join("certs/ca.pem")).expect("PEM");
    let [ca, gone] = [ca, gone].map(|pem| Certificate::from_pem(&pem).expect("a certificate"));
    let read = RevocationList::read(list.as_bytes(), ca.der(), now()).expect("it is the CA's");
    assert!(read.revokes(&gone.serial_number().expect("a serial number")));
    assert_eq!(read.len(), 1);
    let next = api.post(path, &week).expect(200).json();
    assert!(next["number"].as_u64() > made["number"].as_u64());
    api.post(path, &json!({"days": 0}))
        .refused(400, "invalid_value", "days", "from 1");
    let events = server.events();
    let is_it = |event: &&Event| event.action() == "certificate-authority.publish";
    let told = events.iter().filter(is_it).map(Event::initiator_name);
    assert_eq!(told.collect::<Vec<_>>(), ["administrator", "administrator"]);
    let key = server.data().join("ca.key");
    fs::rename(&key, server.path().join("kept-elsewhere")).expect("a file");
    let refused = api.post(path, &week);
    refused.refused(503, "unavailable", "", "ca.key");
    let count = server.events().len();
    assert_eq!(
        count,
        events.len(),
        "nothing is published that was not signed"
    );
}
