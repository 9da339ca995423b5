//! How events are written for a target: the bytes that are sealed, or strict CADF.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::harness::{Server, get, until, whole_trail};

fn path(server: &Server, name: &str) -> PathBuf {
    server.path().join(format!("{name}.jsonl"))
}

/// A file target that gets everything from the start, made with these arguments.
fn create(server: &Server, name: &str, more: &[&str]) -> Value {
    let set = format!("path={}", path(server, name).display());
    let create = ["target", "create", name, "--type", "file", "--set", &set];
    let follow = ["--from", "start", "--format", "json"];
    let made = server.cli(&[&create[..], more, &follow[..]].concat());
    serde_json::from_str(&made.success().stdout).expect("JSON")
}

fn shown(server: &Server, name: &str) -> Value {
    let shown = server.cli(&["target", "show", name, "--format", "json"]);
    serde_json::from_str(&shown.success().stdout).expect("JSON")
}

/// Every event that a target has, as it was written, once it has as many as the trail.
fn delivered(server: &Server, name: &str) -> Vec<Value> {
    until("everything to be delivered", || {
        let lag = shown(server, name)["lag"]["events"].clone();
        (lag == 0).then_some(())
    });
    let text = fs::read_to_string(path(server, name)).expect("a file");
    let lines = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"));
    lines
        .filter(|line: &Value| line.get("id").is_some())
        .collect()
}

/// An event of the trail as strict CADF has it.
fn strict(mut event: Value, origin: &str) -> Value {
    let time = event["eventTime"].as_str().expect("a time").to_owned();
    event["eventTime"] = time.replace("+0000", "+00:00").into();
    event["typeURI"] = "http://schemas.dmtf.org/cloud/audit/1.0/event".into();
    event["eventType"] = "activity".into();
    event["observer"] = json!({
        "name": "ActivityTracker", "id": origin, "typeURI": "service/security/edge/activity-tracker",
    });
    event["reason"]["reasonCode"] = event["reason"]["reasonCode"].to_string().into();
    event
}

#[test]
fn a_target_gets_strict_cadf_if_it_asks_for_it_and_others_what_is_sealed() {
    let mut server = Server::start();
    // Nothing is passed or delivered twice where the route is there when the server starts.
    server.stop();
    let made = create(&server, "strict", &["--rendering", "cadf"]);
    assert_eq!(made["target"]["rendering"], "cadf");
    assert_eq!(
        create(&server, "plain", &[])["target"]["rendering"],
        "sealed"
    );
    let rule = ["--rule", "*=strict,plain"];
    server
        .cli(&[&["route", "create", "all"][..], &rule[..]].concat())
        .success();
    server.start_again();
    let key = server.new_key();
    server.connect().ask(get(&key)).success();
    let trail: Vec<Value> = whole_trail(&server)
        .into_iter()
        .map(|event| event.0)
        .collect();
    assert_eq!(delivered(&server, "plain"), trail);
    let written = delivered(&server, "strict");
    let origin = written[0]["observer"]["id"].as_str().expect("an origin");
    assert!(origin.starts_with("node-"), "{origin}");
    let expected: Vec<_> = trail.into_iter().map(|one| strict(one, origin)).collect();
    assert_eq!(written, expected);
    // Nothing can be proved of it, and nobody is told that the trail is broken.
    let file = path(&server, "strict").display().to_string();
    let verified = server.cli(&["events", "verify", "--export", &file]);
    verified.refused(&["CADF", "not what is sealed"]);
    assert_eq!(verified.code, 2, "{verified:?}");
    let file = path(&server, "plain").display().to_string();
    server.cli(&["events", "checkpoint"]).success();
    until("a checkpoint to be delivered", || {
        let text = fs::read_to_string(&file).expect("a file");
        text.contains("{\"checkpoint\":").then_some(())
    });
    let verified = server.cli(&["events", "verify", "--export", &file]);
    verified.success();
}

#[test]
fn the_rendering_is_changed_by_command_and_by_document() {
    let mut server = Server::start();
    create(&server, "log", &[]);
    let rule = ["route", "create", "all", "--rule", "*=log"];
    server.cli(&rule).success();
    server.new_key();
    let before = delivered(&server, "log");
    let has_type = |event: &Value| event.get("typeURI").is_some();
    assert!(!before.is_empty() && !before.iter().any(has_type));
    let update = ["target", "update", "log", "--rendering"];
    server.cli(&[&update[..], &["cadf"]].concat()).success();
    let mut document = shown(&server, "log");
    assert_eq!(document["rendering"], "cadf");
    server.new_key();
    let after = delivered(&server, "log").split_off(before.len());
    assert!(after.last().is_some_and(has_type), "{after:?}");
    let recorded = whole_trail(&server);
    let changed = recorded
        .iter()
        .rfind(|event| event.action() == "routing-target.update");
    let rendering = changed.and_then(|event| event.data("/requestData/rendering"));
    assert_eq!(rendering, Some(&json!("cadf")));

    // Another name and what is shown otherwise leave it as it is, also without a server.
    server.stop();
    server
        .cli(&["target", "update", "log", "--name", "records"])
        .success();
    assert_eq!(shown(&server, "records")["rendering"], "cadf");
    document["name"] = "log".into();
    document["rendering"] = "sealed".into();
    let update = ["target", "update", "records", "--document", "-"];
    server
        .cli_with_input(&update, &document.to_string())
        .success();
    assert_eq!(shown(&server, "log")["rendering"], "sealed");
    document["rendering"] = "xml".into();
    let update = ["target", "update", "log", "--document", "-"];
    let refused = server.cli_with_input(&update, &document.to_string());
    refused.refused(&["rendering: write sealed or cadf"]);
    let refused = server.cli(&["target", "update", "log", "--rendering", "xml"]);
    assert_eq!(refused.code, 2, "{refused:?}");
    assert!(
        refused.stderr.contains("write sealed or cadf"),
        "{refused:?}"
    );
    assert_eq!(shown(&server, "log")["rendering"], "sealed");
}
