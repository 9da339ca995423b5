//! The server's own certificates: replaced under open connections, rotated with an overlap, and whole after a crash.

use std::fs;
use std::path::Path;

use keyledger::crypto::authority::{Authority, KeyKind};
use keyledger::crypto::{Certificate, Issued};

use crate::harness::{
    Credentials, Server, TlsVersion, create, destroy, get, key_template, now, reason,
};

/// A server's certificate for this machine, by a CA elsewhere.
fn foreign() -> (Authority, Issued) {
    let ca = Authority::create("Site CA", now(), 30, KeyKind::EcdsaP256).expect("a CA");
    let names = ["127.0.0.1".to_owned()];
    let issued = ca.issue_server(&names, KeyKind::EcdsaP256, now(), 20);
    (ca, issued.expect("a certificate"))
}

/// Writes a certificate and its key beside the server's directory, private.
fn files(server: &Server, name: &str, issued: &Issued, chain: &str) -> [String; 2] {
    let path = |kind: &str| {
        let path = server.path().join(format!("{name}.{kind}"));
        path.to_str().expect("UTF-8").to_owned()
    };
    let (certificate, key) = (path("pem"), path("key"));
    fs::write(&certificate, issued.certificate_pem.clone() + chain).expect("a file");
    write_key(Path::new(&key), issued.key_pem.expose());
    [certificate, key]
}

fn write_key(path: &Path, key: &[u8]) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::write(path, key).expect("a file");
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("a mode");
}

fn fingerprint_in(path: &Path) -> String {
    let text = fs::read_to_string(path).expect("a certificate");
    let first = Certificate::all_from_pem(&text)
        .expect("certificates")
        .remove(0);
    first.fingerprint().to_string()
}

fn served(server: &Server, version: TlsVersion) -> String {
    let demo = server.client("demo");
    let connection = server.try_connect(Some(&demo), version).expect("let in");
    connection.server_fingerprint()
}

fn count(server: &Server, action: &str) -> usize {
    let events = server.events();
    let of_it = events.iter().filter(|event| event.action() == action);
    of_it.count()
}

#[test]
fn a_renewed_certificate_is_served_to_new_connections_and_old_ones_go_on() {
    let server = Server::start();
    let own = server.path().join("certs/server.pem");
    let (first, demo) = (fingerprint_in(&own), server.client("demo"));
    let versions = [TlsVersion::V1_2, TlsVersion::V1_3];
    let mut open = versions.map(|version| {
        let connection = server.try_connect(Some(&demo), version).expect("let in");
        assert_eq!(connection.server_fingerprint(), first);
        connection
    });
    let said = server
        .cli(&["certificate", "renew-server"])
        .success()
        .stdout;
    let second = fingerprint_in(&own);
    assert!(second != first && said.contains(&second), "{said}");
    for version in versions {
        assert_eq!(served(&server, version), second);
    }
    for connection in &mut open {
        connection.ask(create(key_template())).success();
    }
    assert_eq!(count(&server, "server-certificate.replace"), 1);
    let timer = ["certificate", "renew-server", "--if-within", "30"];
    let nothing = server.cli(&timer).success().stdout;
    assert!(nothing.contains("nothing was done"), "{nothing}");
    assert_eq!(served(&server, TlsVersion::Any), second);
    let metrics = server.cli(&["metrics"]).success().stdout;
    assert!(metrics.contains(&format!(
        "kind=\"server\",client=\"\",fingerprint=\"{}\"",
        &second[..16]
    )));
}

#[test]
fn a_site_brings_its_own_certificate_and_a_broken_pair_changes_nothing() {
    let server = Server::start();
    let ours = fingerprint_in(&server.path().join("certs/server.pem"));
    let ((ca, issued), (_, stranger)) = (foreign(), foreign());
    let [certificate, key] = files(&server, "site", &issued, &ca.certificate_pem());
    let [wrong_order, other_key] = files(&server, "other", &stranger, &issued.certificate_pem);
    let install = |certificate: &str, key: &str| {
        server.cli(&["certificate", "install-server", certificate, key])
    };
    install(&certificate, &other_key).refused(&["does not match"]);
    install(&wrong_order, &other_key).refused(&["certificate 1 of the file is not signed"]);
    // By hand, as a tool of the site's would, and half done.
    let path = |name: &str| server.path().join("certs").join(name);
    let [old, old_key] =
        ["server.pem", "server.key"].map(|name| fs::read(path(name)).expect("a file"));
    fs::write(path("server.pem"), &issued.certificate_pem).expect("a file");
    let refused = server.cli(&["certificate", "reload"]);
    refused.refused(&["does not match"]);
    assert!(
        server.log().contains("are not taken up"),
        "{}",
        server.log()
    );
    fs::write(path("server.pem"), &old).expect("a file");
    assert_eq!(served(&server, TlsVersion::Any), ours);
    server.cli(&["certificate", "reload"]).success();
    assert_eq!(count(&server, "server-certificate.replace"), 0);
    // Whole.
    install(&certificate, &key).success();
    let roots = server.path().join("site-ca.pem");
    fs::write(&roots, ca.certificate_pem()).expect("a file");
    let connection = crate::harness::Connection::open(
        server.address(),
        &roots,
        Some(&server.client("demo")),
        TlsVersion::Any,
    );
    let shown = connection
        .expect("the site's CA is trusted")
        .server_fingerprint();
    assert_eq!(shown, issued.certificate.fingerprint().to_string());
    assert_eq!(count(&server, "server-certificate.replace"), 1);
    assert_ne!(fs::read(path("server.key")).expect("a file"), old_key);
    let renewal = server.cli(&["certificate", "renew-server"]);
    renewal.refused(&["Site CA", "install-server"]);
}

#[test]
fn a_replacement_that_was_cut_off_is_completed_at_the_next_start() {
    let mut server = Server::start();
    let path = |server: &Server, name: &str| server.path().join(name);
    let pairs = [
        ("certs/server.pem", "renew-server"),
        ("certs/ca.pem", "rotate-ca"),
    ];
    let before = pairs.map(|(name, _)| fs::read(path(&server, name)).expect("a file"));
    assert!(server.stop().success());
    for (_, command) in pairs.iter().rev() {
        server.cli(&["certificate", command]).success();
    }
    let after = pairs.map(|(name, _)| fs::read(path(&server, name)).expect("a file"));
    // As if the command had ended between the keys and the certificates.
    for ((name, _), (old, new)) in pairs.iter().zip(before.iter().zip(&after)) {
        assert_ne!(old, new);
        fs::write(path(&server, name), old).expect("a file");
        fs::write(path(&server, &format!("{name}.next")), new).expect("a file");
    }
    server.start_again();
    let held = pairs.map(|(name, _)| fs::read(path(&server, name)).expect("a file"));
    assert_eq!(held, after);
    let own = fingerprint_in(&path(&server, "certs/server.pem"));
    assert_eq!(served(&server, TlsVersion::Any), own);
    server.cli(&["client", "issue", "after"]).success();
    server.connect_as(&server.client("after"));
}

#[test]
fn a_ca_is_rotated_while_what_the_former_one_issued_still_counts() {
    let mut server = Server::start();
    let bundle = server.path().join("certs/ca.pem");
    let (former, demo) = (fingerprint_in(&bundle), server.client("demo"));
    let old_key = fs::read(server.path().join("data/ca.key")).expect("a key");
    server.cli(&["certificate", "rotate-ca"]).success();
    let current = fingerprint_in(&bundle);
    assert_ne!(
        fs::read(server.path().join("data/ca.key")).expect("a key"),
        old_key
    );
    server.cli(&["client", "issue", "esx-1"]).success();
    for _ in 0..2 {
        for credentials in [&demo, &server.client("esx-1")] {
            server
                .connect_as(credentials)
                .ask(create(key_template()))
                .success();
        }
        assert!(server.stop().success());
        server.start_again();
    }
    server.cli(&["certificate", "renew-server"]).success();
    let retire = ["certificate", "retire-ca", &former];
    server.cli(&retire).refused(&["demo", "client renew"]);
    server
        .cli(&["certificate", "retire-ca", &current])
        .refused(&["the one that issues"]);
    let listed = server.cli(&["certificate", "list"]).success().stdout;
    assert!(
        listed.contains(&former) && listed.contains(&current),
        "{listed}"
    );
    // Renewed, and the former certificate taken away: nobody needs the former CA any more.
    server.cli(&["client", "renew", "demo"]).success();
    let renewed: Credentials = server.client("demo");
    assert_ne!(renewed.fingerprint(), demo.fingerprint());
    for credentials in [&demo, &renewed] {
        server.connect_as(credentials);
    }
    let print = demo.fingerprint();
    server
        .cli(&["client", "remove", "demo", "--certificate", &print])
        .success();
    server.cli(&retire).success();
    assert_eq!(count(&server, "certificate-authority.rotate"), 1);
    assert_eq!(count(&server, "certificate-authority.retire"), 1);
    let refused = server.try_connect(Some(&demo), TlsVersion::V1_2);
    assert!(refused.is_err(), "removed");
    server.connect_as(&renewed);
    assert!(!fs::read_to_string(&bundle).expect("a bundle").is_empty());
    assert_eq!(fingerprint_in(&bundle), current);
}

#[test]
fn a_file_is_looked_at_before_it_is_enrolled() {
    let server = Server::start();
    let path = |name: &str| {
        let path = server.path().join(name);
        path.to_str().expect("UTF-8").to_owned()
    };
    let look = |name: &str| server.cli(&["client", "inspect", &path(name)]);
    let seen = look("certs/server.pem").success().stdout;
    let print = fingerprint_in(&server.path().join("certs/server.pem"));
    assert!(
        seen.contains(&print) && seen.contains("client add"),
        "{seen}"
    );
    assert!(
        seen.contains("serverAuth") && seen.contains("RSA, "),
        "{seen}"
    );
    let enrolled = look("certs/clients/demo.pem");
    assert_eq!(enrolled.code, 1, "{enrolled:?}");
    assert!(
        enrolled.stderr.contains("for client `demo`"),
        "{enrolled:?}"
    );
    look("certs/clients/demo.key").refused(&["private key"]);
    let chain = ["certs/server.pem", "certs/ca.pem"]
        .map(|name| fs::read_to_string(path(name)).expect("a file"));
    fs::write(path("chain.pem"), chain.concat()).expect("a file");
    look("chain.pem").refused(&["2 certificates"]);
    let before = server.events().len();
    look("certs/ca.pem").success();
    assert_eq!(server.events().len(), before, "looking changes nothing");
}

#[test]
fn a_ca_that_is_given_up_by_force_cuts_off_who_depends_on_it() {
    let server = Server::start();
    let former = fingerprint_in(&server.path().join("certs/ca.pem"));
    server.cli(&["certificate", "rotate-ca"]).success();
    server.cli(&["certificate", "renew-server"]).success();
    let mut open = server.connect();
    let forced = ["certificate", "retire-ca", &former, "--force"];
    server.cli(&forced).success();
    open.wait_for_close().expect("the connection is cut");
    let demo = server.client("demo");
    assert!(server.try_connect(Some(&demo), TlsVersion::V1_2).is_err());
    server.cli(&["client", "renew", "demo"]).success();
    server.connect().ask(create(key_template())).success();
}

#[test]
fn a_renewal_keeps_the_client_with_all_that_it_may_and_has() {
    let server = Server::start();
    server.cli(&["instance", "add", "second"]).success();
    let issue = ["client", "issue", "vc", "--instance", "second"];
    server.cli(&issue).success();
    let operations = "create,get,locate";
    let permit = ["client", "permit", "vc", "--operations", operations];
    server.cli(&permit).success();
    let elsewhere = server.new_key();
    let former = server.client("vc");
    let mut open = server.connect_as(&former);
    let uid = open.ask(create(key_template())).success().uid();
    let show = || {
        let show = ["client", "show", "vc", "--format", "json"];
        let shown = server.cli(&show).success().stdout;
        let shown: serde_json::Value = serde_json::from_str(&shown).expect("JSON");
        let certificates = shown["certificates"].as_array().map(Vec::len);
        let kept = [
            "id",
            "instance",
            "status",
            "operations",
            "windows",
            "created",
        ];
        (kept.map(|name| shown[name].clone()), certificates)
    };
    let (before, one) = show();
    server.cli(&["client", "renew", "vc"]).success();
    let (after, two) = show();
    assert_eq!((one, two), (Some(1), Some(2)));
    assert_eq!(before, after);
    let renewed = server.client("vc");
    assert_ne!(renewed.fingerprint(), former.fingerprint());
    for connection in [&mut open, &mut server.connect_as(&renewed)] {
        connection.ask(get(&uid)).success();
        connection
            .ask(get(&elsewhere))
            .failure(reason::ITEM_NOT_FOUND);
        connection
            .ask(destroy(&uid))
            .failure(reason::PERMISSION_DENIED);
    }
    // The trail tells the two certificates of one client apart.
    let events = server.events();
    let reads = events
        .iter()
        .filter(|event| event.action() == "kmip-key.read" && event.outcome() == "success");
    let by: Vec<_> = reads
        .map(|event| (event.initiator_name(), event.initiator()))
        .collect();
    let [first, second] = [&former, &renewed].map(Credentials::initiator);
    assert_eq!(by, [("vc", first.as_str()), ("vc", second.as_str())]);
}

#[test]
fn whatever_is_done_to_certificates_says_who_did_it() {
    let server = Server::start();
    let former = fingerprint_in(&server.path().join("certs/ca.pem"));
    for command in [
        &["client", "issue", "vc"][..],
        &["client", "renew", "vc"],
        &["client", "disable", "vc"],
        &["client", "enable", "vc"],
        &["certificate", "rotate-ca"],
        &["certificate", "renew-server"],
        &["certificate", "crl"],
        &["certificate", "retire-ca", &former, "--force"],
        &["client", "renew", "vc"],
        &["client", "remove", "vc"],
    ] {
        let before = server.events().len();
        server.cli(command).success();
        let events = server.events();
        let told = &events[before..];
        assert!(!told.is_empty(), "{command:?} is recorded");
        for event in told {
            assert!(event.initiator().starts_with("LocalUser-"), "{event:?}");
            assert_eq!(event.text("/severity"), "critical", "{event:?}");
        }
    }
}

#[test]
fn files_that_changed_while_no_server_ran_are_recorded_at_the_next_start() {
    let mut server = Server::start();
    assert!(server.stop().success());
    let (ca, issued) = foreign();
    let certs = server.path().join("certs");
    let bundle = fs::read_to_string(certs.join("ca.pem")).expect("a bundle");
    fs::write(certs.join("server.pem"), &issued.certificate_pem).expect("a file");
    write_key(&certs.join("server.key"), issued.key_pem.expose());
    fs::write(certs.join("ca.pem"), bundle + &ca.certificate_pem()).expect("a file");
    for _ in 0..2 {
        server.start_again();
        let events = server.events();
        let changes = events.iter().filter(|event| {
            ["server-certificate.replace", "certificate-authority.rotate"].contains(&event.action())
        });
        let told: Vec<_> = changes.collect();
        assert_eq!(told.len(), 2, "{told:?}");
        for event in told {
            assert!(!event.initiator().starts_with("LocalUser-"), "{event:?}");
        }
        assert!(server.stop().success());
    }
}
