//! Spans of requests as a collector of OpenTelemetry gets them over loopback, and a collector that is gone.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::harness::{
    Clients, HttpAnswer, HttpRequest, HttpsServer, Server, create, get, key_template, outputs,
    reason, until,
};

const TOKEN: &str = "token-of-the-collector-1f6c";

type Received = Arc<Mutex<Vec<HttpRequest>>>;

fn lock(received: &Received) -> MutexGuard<'_, Vec<HttpRequest>> {
    received.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A collector, and what it was sent.
fn collector() -> (HttpsServer, Received) {
    let received = Received::default();
    let kept = Arc::clone(&received);
    let server = HttpsServer::start(Clients::Plain, move |request| {
        lock(&kept).push(request.clone());
        HttpAnswer::new(200, "{}")
    });
    (server, received)
}

/// A server that exports to it, with a token of its own.
fn exporting(collector: &HttpsServer) -> Server {
    let settings = format!(
        "[telemetry]\notlp-endpoint = \"{}\"\nheaders-file = \"collector.headers\"\n",
        collector.url()
    );
    outputs::plant(TOKEN.as_bytes());
    Server::start_prepared(&settings, |directory| {
        let file = directory.join("collector.headers");
        fs::write(&file, format!("Authorization: Bearer {TOKEN}\n")).expect("a file");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("its mode");
    })
}

/// Every span that was received.
fn spans(received: &Received) -> Vec<Value> {
    let bodies: Vec<Value> = lock(received)
        .iter()
        .map(|request| serde_json::from_slice(&request.body).expect("JSON"))
        .collect();
    let spans = bodies
        .iter()
        .map(|body| &body["resourceSpans"][0]["scopeSpans"][0]["spans"]);
    spans
        .flat_map(|spans| spans.as_array().expect("spans").clone())
        .collect()
}

fn attribute<'a>(span: &'a Value, key: &str) -> &'a str {
    let attributes = span["attributes"].as_array().expect("attributes");
    let found = attributes.iter().find(|attribute| attribute["key"] == key);
    found
        .and_then(|attribute| attribute["value"]["stringValue"].as_str())
        .unwrap_or_default()
}

/// The span of this name and outcome, once it has come.
fn span(received: &Received, name: &str, outcome: &str) -> Value {
    until(&format!("a span of {name}, {outcome}"), || {
        spans(received)
            .into_iter()
            .find(|span| span["name"] == name && attribute(span, "keyledger.outcome") == outcome)
    })
}

fn value(server: &Server, name: &str) -> f64 {
    let metrics = server.cli(&["metrics"]).success().stdout;
    let line = metrics
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.and_then(|value| value.parse().ok()).unwrap_or(0.0)
}

#[test]
fn spans_join_with_events_and_hold_no_secret() {
    let (collector, received) = collector();
    let mut server = exporting(&collector);
    let mut connection = server.connect();
    let uid = connection.ask(create(key_template())).success().uid();
    let material = connection.ask(get(&uid)).success().key_material();
    let nobody = "00000000-0000-4000-8000-00000000000a";
    connection.ask(get(nobody)).failure(reason::ITEM_NOT_FOUND);
    server.cli(&["client", "list"]).success();
    let events = server.events();
    for (name, outcome, action) in [
        ("Create", "success", "kmip-key.create"),
        ("Get", "success", "kmip-key.read"),
        ("Get", "failure", "kmip-key.read"),
    ] {
        let span = span(&received, name, outcome);
        let id = attribute(&span, "keyledger.correlation_id");
        assert_eq!(span["traceId"], id.replace('-', ""));
        let event = events.iter().find(|event| event.correlation() == id);
        let event = event.unwrap_or_else(|| panic!("an event of {span}"));
        assert_eq!((event.action(), event.outcome()), (action, outcome));
        assert_eq!(attribute(&span, "keyledger.initiator"), event.initiator());
        let time = |key: &str| span[key].as_str().and_then(|text| text.parse::<i64>().ok());
        let (begun, ended) = (time("startTimeUnixNano"), time("endTimeUnixNano"));
        assert!(begun.is_some() && begun <= ended, "{span}");
        if outcome == "failure" {
            assert_eq!(attribute(&span, "keyledger.reason_code"), "404");
            assert_eq!(attribute(&span, "kmip.result_reason"), "Item Not Found");
            assert_eq!(span["status"]["code"], 2);
        }
    }
    let listed = span(&received, "ClientList", "success");
    assert!(attribute(&listed, "keyledger.initiator").starts_with("LocalUser-"));
    assert!(value(&server, "keyledger_spans_exported_total") >= 4.0);
    assert_eq!(value(&server, "keyledger_spans_dropped_total"), 0.0);
    // What was asked last is not lost with the server.
    connection.ask(create(key_template())).success();
    drop(connection);
    assert!(!server.log().contains(TOKEN));
    server.stop();
    let creates = || {
        spans(&received)
            .iter()
            .filter(|span| span["name"] == "Create")
            .count()
    };
    assert_eq!(creates(), 2);
    holds_no_secret(&received, &uid, &material);
}

fn holds_no_secret(received: &Received, uid: &str, material: &[u8]) {
    for request in lock(received).iter() {
        assert_eq!((&*request.method, &*request.path), ("POST", "/v1/traces"));
        assert_eq!(request.header("authorization"), format!("Bearer {TOKEN}"));
        let text = String::from_utf8_lossy(&request.body);
        outputs::keep(&text);
        assert!(!text.contains(uid) && !text.contains(TOKEN), "{text}");
        let lower = text.to_lowercase();
        assert!(!lower.contains(&hex::encode(material)), "{text}");
        assert!(!text.contains(&STANDARD.encode(material)), "{text}");
    }
}

#[test]
fn keys_are_served_while_the_collector_is_gone_and_spans_come_when_it_is_back() {
    let (mut collector, received) = collector();
    collector.stop();
    let mut server = exporting(&collector);
    let uid = server.new_key();
    let told = "The OpenTelemetry collector does not take spans.";
    until("the log to say so", || {
        server.log().contains(told).then_some(())
    });
    server.connect().ask(get(&uid)).success();
    collector.start_again();
    span(&received, "Create", "success");
    span(&received, "Get", "success");
    let again = "The OpenTelemetry collector takes spans again.";
    until("the log to say so", || {
        server.log().contains(again).then_some(())
    });
    assert_eq!(server.log().matches(told).count(), 1);
    // One that does not answer keeps no server from stopping either.
    collector.fall_silent();
    server.connect().ask(get(&uid)).success();
    assert!(server.stop().success());
}

#[test]
fn what_cannot_be_used_is_said_before_anything_is_served() {
    let mut server = Server::start();
    server.stop();
    let settings = server.path().join("keyledger.toml");
    let before = fs::read_to_string(&settings).expect("settings");
    for (section, said) in [
        (
            "otlp-endpoint = \"collector:4318\"",
            "telemetry.otlp-endpoint = \"collector:4318\"",
        ),
        (
            "otlp-endpoint = \"http://192.0.2.1\"\nheaders-file = \"x\"",
            "could read the headers",
        ),
        ("endpoint = \"https://h\"", "unknown field `endpoint`"),
        (
            "otlp-endpoint = \"http://127.0.0.1:1\"\nheaders-file = \"none\"",
            "none",
        ),
    ] {
        let text = before.replace("[telemetry]\n", &format!("[telemetry]\n{section}\n"));
        fs::write(&settings, text).expect("settings");
        server.cli(&["serve", "--check"]).refused(&[said]);
    }
}
