//! What is seen of a server from outside: whether it is ready, and what it counts.

use std::io::Write as _;

use serde_json::Value;

use crate::harness::{Server, get, reason, until};

#[test]
fn metrics_are_for_readers_and_readiness_for_everybody() {
    let server = Server::start();
    let uid = server.new_key();
    server.connect().ask(get(&uid)).success();
    let nobody = server.api();
    let ready = nobody.get("/readyz").expect(200);
    assert_eq!(ready.json(), serde_json::json!({"status": "ready"}));
    nobody.get("/metrics").refused(401, "unauthorized", "", "");
    let key = server.api_key("limited", "reader", &["--instance", "default"]);
    let limited = nobody.with_key(&key).get("/metrics");
    limited.refused(403, "forbidden", "", "as a whole");
    let told = server.api_as("reader").get("/metrics").expect(200);
    let kind = told.header("content-type").expect("a type");
    assert!(kind.starts_with("text/plain; version="), "{kind}");
    let get = "keyledger_operations_total{operation=\"Get\",outcome=\"success\"} 1";
    assert!(told.body.lines().any(|line| line == get), "{}", told.body);
    // The same families as the command prints.
    let families = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| line.starts_with("# TYPE"));
        lines.map(str::to_owned).collect()
    };
    let printed = server.cli(&["metrics"]).success().stdout;
    assert_eq!(families(&told.body), families(&printed));
}

#[test]
fn the_metrics_hold_what_an_operator_watches() {
    let file = Server::directory();
    let server = Server::start_plainly(file);
    let path = server.path().join("events.jsonl");
    let set = format!("path={}", path.display());
    let create = ["target", "create", "local", "--type", "file", "--set", &set];
    server.cli(&create).success();
    let uid = server.new_key();
    server.connect().ask(get(&uid)).success();
    let api = server.api();
    // A handshake that comes to nothing.
    let address = server.address();
    let mut stranger = std::net::TcpStream::connect(address).expect("a connection");
    stranger.write_all(b"GET / HTTP/1.1\r\n\r\n").expect("sent");
    let reader = api.with_key(&server.api_key("prometheus", "reader", &[]));
    until("the handshake to be counted", || {
        let told = reader.get("/metrics").expect(200).body;
        told.contains("keyledger_handshakes_failed_total 1")
            .then_some(())
    });
    let told = reader.get("/metrics").expect(200).body;
    for begin in [
        "keyledger_operations_total{operation=\"Create\",outcome=\"success\"} 1",
        "keyledger_operations_total{operation=\"Get\",outcome=\"failure\"} 0",
        "keyledger_request_duration_seconds_bucket{",
        "keyledger_request_duration_seconds_count{operation=\"Get\"} 1",
        "keyledger_commit_changesets_bucket{le=",
        "keyledger_sync_duration_seconds_bucket{le=",
        "keyledger_target_lag_events{target=\"local\"} ",
        "keyledger_target_lag_seconds{target=\"local\"} ",
        "keyledger_certificate_days_left{kind=\"server\"",
        "keyledger_certificate_days_left{kind=\"ca\"",
        "keyledger_certificate_days_left{kind=\"client\",client=\"demo\"",
    ] {
        let found = told.lines().any(|line| line.starts_with(begin));
        assert!(found, "{begin}: {told}");
    }
    assert!(!told.contains(&uid), "no key is named");
}

#[test]
fn what_is_logged_of_a_request_has_the_identifier_of_its_events() {
    let arguments = ["--log", "debug", "--log-format", "json"];
    let server = Server::start_plainly_with(Server::directory(), &arguments);
    let nobody = "00000000-0000-4000-8000-00000000000a";
    server
        .connect()
        .ask(get(nobody))
        .failure(reason::ITEM_NOT_FOUND);
    let api = server.api_as("operator");
    let body = serde_json::json!({"name": "lab"});
    let reply = api.post("/api/v1/instances", &body).expect(201);
    let events = server.events();
    let of = |action: &str| {
        let found = events.iter().rfind(|event| event.action() == action);
        found.expect("the event").correlation().to_owned()
    };
    let made = of("service.create");
    assert_eq!(reply.header("x-correlation-id"), Some(made.as_str()));
    let log = server.log();
    for correlation in [of("kmip-key.read"), made] {
        let lines = log
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok());
        let mut lines = lines.filter(|line: &Value| line["request"] == correlation.as_str());
        assert!(lines.next().is_some(), "{correlation}: {log}");
    }
}
