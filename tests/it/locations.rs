//! Locations: what the server says of one that generates no events, and that it serves there all the same.

use std::fs;

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

#[test]
fn an_instance_keeps_its_location_when_the_servers_changes() {
    let mut server = server_in("eu-gb");
    server.stop();
    let file = server.path().join("keyledger.toml");
    let settings = fs::read_to_string(&file).expect("the configuration");
    fs::write(file, settings.replace("eu-gb", "rack-7")).expect("the configuration");
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
    let listed: serde_json::Value = serde_json::from_str(&listed.stdout).expect("JSON");
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
