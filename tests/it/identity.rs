//! Who is let in: certificates pinned while the server runs, clients disabled and enabled, and strangers.

use std::fs;
use std::net::TcpStream;

use keyledger::crypto::authority::{KeyKind, SelfSignedForm, self_signed_client_as};

use crate::harness::{
    Connection, Credentials, Server, TlsVersion, create, get, key_template, now, query, until,
};

/// A certificate as vCenter makes them for itself: self-signed, new for each provider.
fn self_signed(name: &str, form: SelfSignedForm, kind: KeyKind) -> (Credentials, String) {
    let issued = self_signed_client_as(form, name, kind, now(), 30).expect("a certificate");
    let credentials = Credentials::from_pem(&issued.certificate_pem, issued.key_pem.expose());
    (credentials, issued.certificate_pem)
}

fn stranger() -> (Credentials, String) {
    self_signed(
        "kmipClient20261123120000",
        SelfSignedForm::Plain,
        KeyKind::EcdsaP256,
    )
}

/// Puts a certificate into a file and enrols it.
#[track_caller]
fn add(server: &Server, label: &str, pem: &str) {
    let file = server.path().join(format!("{label}.pem"));
    fs::write(&file, pem).expect("a file");
    server
        .cli(&["client", "add", label, file.to_str().expect("UTF-8")])
        .success();
}

/// Whether a client gets an answer. In TLS 1.3 a refusal shows only after the client's last message.
fn is_let_in(server: &Server, credentials: &Credentials, version: TlsVersion) -> bool {
    let connected = server.try_connect(Some(credentials), version);
    let request = crate::harness::Request::new((1, 1), &[query(&[3])]).encode();
    connected
        .and_then(|mut connection| connection.try_send(&request))
        .is_ok()
}

fn actions(server: &Server) -> Vec<String> {
    server
        .events()
        .iter()
        .map(|event| event.action().to_owned())
        .collect()
}

fn refusals(server: &Server) -> usize {
    actions(server)
        .iter()
        .filter(|action| *action == "kmip-client.refuse")
        .count()
}

#[test]
fn a_pinned_certificate_works_at_once_in_tls_1_2_and_1_3() {
    let server = Server::start();
    for (label, form, kind) in [
        ("plain", SelfSignedForm::Plain, KeyKind::Rsa2048),
        ("authority", SelfSignedForm::CaTrue, KeyKind::Rsa2048),
        ("curve", SelfSignedForm::Plain, KeyKind::EcdsaP384),
    ] {
        let (credentials, pem) = self_signed("kmipClient20261123120000", form, kind);
        add(&server, label, &pem);
        for version in [TlsVersion::V1_2, TlsVersion::V1_3] {
            let connected = server.try_connect(Some(&credentials), version);
            let mut connection = connected.unwrap_or_else(|error| panic!("{label}: {error}"));
            connection.ask(create(key_template())).success();
            let events = server.events();
            let event = events.last().expect("an event");
            assert_eq!(
                (event.action(), event.initiator_name()),
                ("kmip-key.create", label)
            );
            assert_eq!(event.initiator(), credentials.initiator());
        }
    }
    assert_eq!(refusals(&server), 0);
}

#[test]
fn a_client_may_use_every_key_of_its_instance() {
    let server = Server::start();
    let uid = server.new_key();
    let material = server.connect().ask(get(&uid)).success().key_material();
    server.cli(&["client", "issue", "second"]).success();
    let second = server.client("second");
    let mut connection = server.connect_as(&second);
    assert_eq!(connection.ask(get(&uid)).success().key_material(), material);
    let event = server.events().pop().expect("an event");
    assert_eq!(
        (event.initiator_name(), event.initiator()),
        ("second", &*second.initiator())
    );
}

#[test]
fn a_stranger_is_refused_and_recorded_once() {
    let server = Server::start();
    let (credentials, _) = stranger();
    for version in [TlsVersion::V1_2, TlsVersion::V1_3, TlsVersion::Any] {
        assert!(!is_let_in(&server, &credentials, version), "{version:?}");
    }
    until("the refusal in the trail", || {
        (refusals(&server) > 0).then_some(())
    });
    let events = server.events();
    let refused = events
        .iter()
        .filter(|event| event.action() == "kmip-client.refuse");
    let [event] = refused.collect::<Vec<_>>()[..] else {
        panic!("one event: {events:?}")
    };
    assert_eq!(event.outcome(), "failure");
    assert_eq!(event.initiator(), credentials.initiator());
    assert_eq!(event.data("/initiator/host"), None);
    let kmip: Vec<_> = server.request_lines();
    assert_eq!(kmip, Vec::<String>::new());
}

#[test]
fn a_client_without_a_certificate_is_refused_and_not_recorded() {
    let server = Server::start();
    let before = actions(&server);
    let request = crate::harness::Request::new((1, 1), &[query(&[3])]).encode();
    for version in [TlsVersion::V1_2, TlsVersion::V1_3] {
        let connected = server.try_connect(None, version);
        let answered = connected.and_then(|mut connection| connection.try_send(&request));
        assert!(answered.is_err(), "{version:?}");
    }
    assert_eq!(
        actions(&server),
        before,
        "who proves nothing is not recorded"
    );
}

#[test]
fn a_disabled_client_is_cut_at_once_and_let_in_again_when_enabled() {
    let server = Server::start();
    let mut idle = server.connect();
    let mut used = server.connect();
    let uid = used.ask(create(key_template())).success().uid();
    server.cli(&["client", "disable", "demo"]).success();
    idle.wait_for_close().expect("the idle connection is cut");
    used.wait_for_close().expect("the used connection is cut");
    let demo = server.client("demo");
    assert!(!is_let_in(&server, &demo, TlsVersion::V1_2));
    assert!(!is_let_in(&server, &demo, TlsVersion::V1_3));
    until("the refusal in the trail", || {
        (refusals(&server) == 1).then_some(())
    });
    server.cli(&["client", "enable", "demo"]).success();
    server.connect().ask(get(&uid)).success().key_material();
    let actions = actions(&server);
    let ours = actions
        .iter()
        .filter(|action| action.starts_with("kmip-client."));
    let verbs: Vec<_> = ours
        .map(|action| action.rsplit('.').next().expect("a verb"))
        .collect();
    let expected = ["disable", "refuse", "enable"];
    assert_eq!(verbs[verbs.len() - 3..], expected, "{actions:?}");
}

#[test]
fn a_removed_client_is_cut_and_its_keys_stay() {
    let server = Server::start();
    let (credentials, pem) = stranger();
    add(&server, "vcenter", &pem);
    let mut connection = server.connect_as(&credentials);
    let uid = connection.ask(create(key_template())).success().uid();
    server.cli(&["client", "remove", "vcenter"]).success();
    connection.wait_for_close().expect("the connection is cut");
    assert!(!is_let_in(&server, &credentials, TlsVersion::Any));
    server.connect().ask(get(&uid)).success().key_material();
    add(&server, "again", &pem);
    server.connect_as(&credentials).ask(get(&uid)).success();
}

#[test]
fn a_renewed_certificate_is_the_same_client() {
    let server = Server::start();
    let (first, pem) = stranger();
    add(&server, "vcenter", &pem);
    let (second, pem) = stranger();
    let file = server.path().join("new.pem");
    fs::write(&file, pem).expect("a file");
    let file = file.to_str().expect("UTF-8");
    server
        .cli(&["client", "add", "vcenter", file, "--renew"])
        .success();
    let uid = server
        .connect_as(&first)
        .ask(create(key_template()))
        .success()
        .uid();
    server.connect_as(&second).ask(get(&uid)).success();
    let events = server.events();
    let event = events.last().expect("an event");
    assert_eq!(
        (event.initiator_name(), event.initiator()),
        ("vcenter", &*second.initiator())
    );
    server
        .cli(&[
            "client",
            "remove",
            "vcenter",
            "--certificate",
            &first.fingerprint(),
        ])
        .success();
    assert!(!is_let_in(&server, &first, TlsVersion::Any));
    assert!(is_let_in(&server, &second, TlsVersion::Any));
}

#[test]
fn probes_leave_no_event_and_no_warning() {
    let server = Server::start();
    let before = actions(&server);
    for version in [TlsVersion::V1_2, TlsVersion::V1_3, TlsVersion::Any] {
        for _ in 0..3 {
            drop(
                server
                    .try_connect(Some(&server.client("demo")), version)
                    .expect("a handshake"),
            );
        }
    }
    // A port scanner, which does not even begin a handshake.
    drop(TcpStream::connect(server.address()).expect("a connection"));
    server.connect().ask(query(&[3])).success();
    assert_eq!(actions(&server), before);
    let log = server.log();
    assert!(!log.contains("WARN") && !log.contains("ERROR"), "{log}");
}

#[test]
fn what_a_client_makes_is_seen_by_its_other_connections_at_once() {
    let server = Server::start();
    let mut connections: Vec<Connection> = (0..8).map(|_| server.connect()).collect();
    for index in 0..connections.len() {
        let uid = connections[index]
            .ask(create(key_template()))
            .success()
            .uid();
        let other = (index + 1) % 8;
        assert_eq!(connections[other].ask(get(&uid)).success().uid(), uid);
    }
}

#[test]
fn a_certificate_that_lapses_soon_is_warned_of_once() {
    let mut server = Server::start_set("[tls]\nclient-days = 5");
    server.cli(&["client", "issue", "esx-1"]).success();
    let listed = server.cli(&["client", "list"]).success().stdout;
    assert!(
        listed.contains("5 days") || listed.contains("4 days"),
        "{listed}"
    );
    let warnings = |server: &Server| {
        let events = server.events();
        let ours = events
            .iter()
            .filter(|event| event.action() == "kmip-client.expire");
        ours.inspect(|event| assert_eq!(event.0["requestData"]["label"], "esx-1"))
            .count()
    };
    // Dates are looked at when the server starts.
    for _ in 0..2 {
        assert!(server.stop().success());
        server.start_again();
        until("the warning", || (warnings(&server) > 0).then_some(()));
    }
    assert!(server.stop().success());
    assert_eq!(warnings(&server), 1);
}
