//! Locations: what the server says of one that generates no events, and that it serves there all the same.

use std::fs;

use serde_json::Value;

use crate::harness::{Server, create, fresh_directory, get, key_template, run_cli, until};

const SAID: &str = "No events are generated in this location";

/// A server that was made in this location, where there are no events, with a client `vc`.
fn server_in(location: &str) -> Server {
    let directory = fresh_directory();
    let key_kind =
        "version = \"v1\"\n[server]\nlisten = \"127.0.0.1:0\"\n[tls]\nkey-kind = \"ecdsa-p256\"\n";
    let settings = format!(
        "{key_kind}[service]\nlocation = \"{location}\"\n[store]\nreserve-bytes = 1048576\n"
    );
    fs::write(directory.path().join("keyledger.toml"), settings).expect("the configuration");
    let made = run_cli(directory.path(), &["init"]).success();
    assert_eq!(said(&made.stderr).len(), 1, "{made:?}");
    run_cli(directory.path(), &["client", "issue", "vc"]).success();
    Server::start_plainly(directory)
}

/// The lines of the log that say it.
fn said(log: &str) -> Vec<&str> {
    log.lines().filter(|line| line.contains(SAID)).collect()
}

/// The log of a server that says it; the streams are read apart, so that its address may be known before.
fn log_once_said(server: &Server) -> String {
    until("the line", || {
        Some(server.log()).filter(|log| log.contains(SAID))
    })
}

/// Where the last event comes from, once the client has made a key and read it.
fn source_of_a_read(server: &Server) -> String {
    let mut connection = server.connect_as(&server.client("vc"));
    let uid = connection.ask(create(key_template())).success().uid();
    connection.ask(get(&uid)).success();
    let events = server.events();
    let read = events.last().expect("an event");
    assert_eq!(read.action(), "kmip-key.read");
    let source = read.0["logSourceCRN"].as_str();
    source.expect("a CRN").to_owned()
}

#[test]
fn a_location_without_events_is_said_once_and_serves_and_records() {
    let server = server_in("uk-south");
    let log = log_once_said(&server);
    let lines = said(&log);
    assert_eq!(lines.len(), 1, "{log}");
    assert!(
        lines[0].contains("eu-gb") && lines[0].contains("WARN"),
        "{log}"
    );
    // The old name became the name it stands for.
    let source = source_of_a_read(&server);
    assert!(source.contains(":vmware-solutions:eu-gb:a/"), "{source}");
    let listed = server.cli(&["instance", "list"]).success().stdout;
    assert!(listed.contains("trail only"), "{listed}");
    let checked = server.cli(&["serve", "--check"]).success();
    assert_eq!(said(&checked.stderr).len(), 1, "{checked:?}");
}

/// Moves a server to another location; it does not run.
fn move_to(server: &Server, from: &str, to: &str) {
    let file = server.path().join("keyledger.toml");
    let settings = fs::read_to_string(&file).expect("the configuration");
    fs::write(file, settings.replace(from, to)).expect("the configuration");
}

/// What a file target of this server has received.
fn received(server: &Server) -> Vec<Value> {
    let text = fs::read_to_string(server.path().join("events.jsonl")).expect("the file");
    let lines = text.lines().map(serde_json::from_str);
    lines.collect::<Result<_, _>>().expect("JSON lines")
}

fn count(received: &[Value], member: &str) -> usize {
    let has = |line: &&Value| line.get(member).is_some();
    received.iter().filter(has).count()
}

/// Waits until the target has gone through the whole trail.
fn passes_all(server: &Server) {
    until("the target to have passed all", || {
        let shown = server
            .cli(&["target", "show", "log", "--format", "json"])
            .success();
        let shown: Value = serde_json::from_str(&shown.stdout).expect("JSON");
        (shown["lag"]["events"] == 0).then_some(())
    });
}

#[test]
fn where_no_events_are_generated_nothing_is_routed_whatever_rules_say() {
    let mut server = server_in("eu-gb");
    let path = format!("path={}", server.path().join("events.jsonl").display());
    let create = ["target", "create", "log", "--type", "file", "--set", &path];
    let from_the_start = ["--from", "start"];
    server
        .cli(&[&create[..], &from_the_start].concat())
        .success();
    let route = ["route", "create", "all", "--rule", "*=log"];
    server.cli(&route).success();
    let default = ["routing-settings", "set", "--default-target", "log"];
    server.cli(&default).success();
    source_of_a_read(&server);
    passes_all(&server);
    server.cli(&["events", "checkpoint"]).success();
    // A checkpoint goes before the events that come after it.
    source_of_a_read(&server);
    passes_all(&server);
    let lines = received(&server);
    assert_eq!((lines.len(), count(&lines, "test")), (1, 1), "{lines:?}");

    // The same server elsewhere: what is the server's own is routed, what is of the instance, which stays where it was, is not.
    server.stop();
    move_to(&server, "eu-gb", "rack-7");
    server.start_again();
    let follow = ["target", "follow", "log"];
    server
        .cli(&[&follow[..], &from_the_start].concat())
        .success();
    server.cli(&["events", "checkpoint"]).success();
    let lines = until("a checkpoint", || {
        Some(received(&server)).filter(|lines| count(lines, "checkpoint") > 0)
    });
    let events = lines.iter().filter_map(|line| line["action"].as_str());
    let events: Vec<_> = events.collect();
    assert!(
        events.contains(&"vmware-solutions.routing-route.create"),
        "{events:?}"
    );
    assert!(
        !events.iter().any(|action| action.contains("kmip-key")),
        "{events:?}"
    );
}

#[test]
fn an_instance_keeps_its_location_when_the_servers_changes() {
    let mut server = server_in("eu-gb");
    server.stop();
    move_to(&server, "eu-gb", "rack-7");
    server.cli(&["instance", "add", "second"]).success();
    server.start_again();
    let log = log_once_said(&server);
    let lines = said(&log);
    assert_eq!(lines.len(), 1, "{log}");
    assert!(
        lines[0].contains("eu-gb") && !lines[0].contains("rack-7"),
        "{log}"
    );
    let source = source_of_a_read(&server);
    assert!(source.contains(":vmware-solutions:eu-gb:a/"), "{source}");
    let listed = server
        .cli(&["instance", "list", "--format", "json"])
        .success();
    let listed: Value = serde_json::from_str(&listed.stdout).expect("JSON");
    let of = |name: &str| {
        let mut all = listed.as_array().expect("a list").iter();
        let held = all.find(|held| held["name"] == name).expect("the instance");
        (held["location"].clone(), held["generatesEvents"].clone())
    };
    assert_eq!(of("default"), ("eu-gb".into(), false.into()));
    assert_eq!(of("second"), ("rack-7".into(), true.into()));
}

#[test]
fn a_location_with_events_is_not_remarked_on_and_a_wrong_name_is_refused() {
    let server = Server::start();
    assert!(said(&server.log()).is_empty(), "{}", server.log());
    for name in ["global", "EU-DE", "eu:de"] {
        let directory = fresh_directory();
        let refused = run_cli(directory.path(), &["init", "--location", name]);
        refused.refused(&["service.location", name, "like eu-de"]);
    }
}
