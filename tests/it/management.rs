//! Management events that other systems performed, recorded with the command line, with and without a running server.

use crate::harness::Server;

const BEGIN: &[&str] = &[
    "events",
    "record",
    "vcs-cluster.create",
    "--outcome",
    "pending",
    "--target",
    "cluster-7",
    "--target-name",
    "Cluster 7",
    "--initiator",
    "IBMid-1",
    "--initiator-kind",
    "user",
    "--initiator-name",
    "ada@example.com",
    "--request-data",
    r#"{"hosts": 3}"#,
    "--format",
    "json",
];

fn recorded(server: &Server, arguments: &[&str]) -> serde_json::Value {
    serde_json::from_str(&server.cli(arguments).success().stdout).expect("JSON")
}

#[test]
fn work_is_recorded_when_it_begins_and_when_it_ends() {
    let mut server = Server::start();
    let begun = recorded(&server, BEGIN);
    let correlation = begun["correlationId"].as_str().expect("a text").to_owned();
    let events = server.events();
    let event = events.last().expect("an event");
    assert_eq!(event.id(), begun["id"]);
    assert_eq!(event.correlation(), correlation);
    assert_eq!(
        (event.action(), event.outcome(), event.code()),
        ("vcs-cluster.create", "pending", 202)
    );
    assert_eq!(
        (event.initiator(), event.initiator_name()),
        ("IBMid-1", "ada@example.com")
    );
    assert!(
        event.target().ends_with("::vcs-cluster:cluster-7"),
        "{event:?}"
    );
    let text = |pointer| event.data(pointer).and_then(serde_json::Value::as_str);
    let message = "VMware Solutions: create vcs-cluster Cluster 7 -pending";
    assert_eq!(text("/message"), Some(message));
    let log_source = text("/logSourceCRN").expect("a CRN");
    assert!(
        log_source.contains(":vmware-solutions::a/"),
        "global: {log_source}"
    );
    let asked = event.data("/requestData").expect("an object");
    assert_eq!(asked["hosts"], 3);
    let recorder = asked["recordedBy"].as_str().expect("who recorded it");
    assert!(recorder.starts_with("LocalUser-"), "{recorder}");

    // What was recorded is there after a hard end, and the work may end where no server runs.
    server.kill();
    let document = serde_json::json!({
        "action": "vmware-solutions.vcs-cluster.create", "outcome": "success", "correlationId": correlation,
        "target": {"id": "cluster-7", "name": "Cluster 7"}, "responseData": {"hosts": ["a", "b", "c"]},
    });
    let from = ["events", "record", "--from", "-", "--format", "json"];
    let record = |document: &str| server.cli_with_input(&from, document);
    let ended = record(&document.to_string()).success().stdout;
    let ended: serde_json::Value = serde_json::from_str(&ended).expect("JSON");
    assert_eq!(ended["correlationId"], correlation.as_str());
    record(&document.to_string()).refused(&["correlationId", "ended already"]);
    record(r#"{"action": "vcs.create", "outcome": "success"}"#).refused(&["target"]);
    record(r#"{"action": 1}"#).refused(&["expected a string", "line 1 column 12"]);
    record(&" ".repeat(300 * 1024)).refused(&["bytes"]);
    server.start_again();
    let events = server.events();
    let of_work: Vec<_> = events
        .iter()
        .filter(|event| event.correlation() == correlation)
        .map(|event| (event.outcome(), event.code()))
        .collect();
    assert_eq!(of_work, [("pending", 202), ("success", 201)]);
}

#[test]
fn what_is_not_in_order_is_refused_in_one_line_and_not_recorded() {
    let server = Server::start();
    let before = server.events().len();
    let record = |arguments: &[&str]| server.cli(&[&["events", "record"], arguments].concat());
    let rest = ["--outcome", "success", "--target", "t"];
    record(&[&["kmip-key.create"], &rest[..]].concat()).refused(&["action", "kmip-key.create"]);
    record(&[&["vcs.explode"], &rest[..]].concat()).refused(&["action", "vcs.explode"]);
    record(&[&["vcs.create"], &rest[..], &["--request-data", "[1]"]].concat())
        .refused(&["requestData", "object"]);
    record(&[&["vcs.create"], &rest[..], &["--request-data", "{"]].concat())
        .refused(&["--request-data", "JSON"]);
    let large = format!(r#"{{"a": "{}"}}"#, "x".repeat(20_000));
    record(&[&["vcs.create"], &rest[..], &["--request-data", &large]].concat()).refused(&["16384"]);
    let unknown = ["--correlation-id", "01900000-0000-7000-8000-000000000000"];
    record(&[&["vcs.create"], &rest[..], &unknown].concat()).refused(&["correlationId", "pending"]);
    record(&["vcs.create", "--outcome", "failure", "--target", "t"]).refused(&["reasonCode"]);
    assert_eq!(server.events().len(), before, "nothing was recorded");
}
