//! `keyledger kmip`: an administrator's requests go the way of everyone's, and are recorded like everyone's.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::harness::{Server, activate, get};

/// Runs `keyledger kmip ...`, which must succeed, and gives what it printed.
#[track_caller]
fn kmip(server: &Server, arguments: &[&str]) -> String {
    let command = [&["kmip"], arguments].concat();
    server.cli(&command).success().stdout
}

#[test]
fn a_key_lives_and_dies_from_the_command_line() {
    let server = Server::start();
    let uid = kmip(
        &server,
        &["create", "--name", "one", "--attribute", "x-Vendor=Acme"],
    );
    let uid = uid.trim();
    assert_eq!(kmip(&server, &["locate", "--name", "one"]).trim(), uid);
    assert_eq!(
        kmip(&server, &["locate", "--attribute", "x-Vendor=Acme"]).trim(),
        uid
    );
    let attributes = kmip(&server, &["attributes", uid, "State", "x-Vendor"]);
    assert!(
        attributes.contains("Pre-Active") && attributes.contains("Acme"),
        "{attributes}"
    );
    kmip(&server, &["activate", uid]);
    server.cli(&["kmip", "destroy", uid]).refused(&["state"]);
    kmip(&server, &["revoke", uid, "--reason", "Superseded"]);
    kmip(&server, &["destroy", uid]);
    server.cli(&["kmip", "get", uid]).refused(&["destroyed"]);
    let expected = [
        format!("kmip-key.create 201 {uid}"),
        "kmip-key.locate 200 -".to_owned(),
        "kmip-key.locate 200 -".to_owned(),
        format!("kmip-key-attributes.retrieve 200 {uid}"),
        format!("kmip-key.activate 200 {uid}"),
        format!("kmip-key.destroy 409 {uid}"),
        format!("kmip-key.revoke 200 {uid}"),
        format!("kmip-key.destroy 200 {uid}"),
        format!("kmip-key.read 409 {uid}"),
    ];
    assert_eq!(server.request_lines(), expected);
}

#[test]
fn a_search_from_the_command_line_lists_what_one_answer_does_not_hold() {
    let server = Server::start_set("[kmip]\nlocate-results-max = 3\n");
    let mut made: Vec<String> = (0..8).map(|_| server.new_key()).collect();
    made.sort();
    let lines = |arguments: &[&str]| -> Vec<String> {
        let printed = kmip(&server, arguments);
        printed.lines().map(str::to_owned).collect()
    };
    assert_eq!(lines(&["locate"]), made);
    assert_eq!(lines(&["locate", "--max", "5"]), made[..5]);
    assert_eq!(lines(&["locate", "--max", "2"]), made[..2]);
}

#[test]
fn key_bytes_are_shown_or_written_only_when_asked_for() {
    let server = Server::start();
    let uid = server.new_key();
    server.connect().ask(activate(&uid)).success();
    let material = server.connect().ask(get(&uid)).success().key_material();
    let hex = hex::encode(&material);
    assert!(
        !kmip(&server, &["get", &uid]).contains(&hex),
        "not unless asked for"
    );
    assert!(kmip(&server, &["get", &uid, "--show-key"]).contains(&hex));
    let file = server.path().join("key.bin");
    let path = file.to_str().expect("UTF-8");
    let printed = kmip(&server, &["get", &uid, "--output", path]);
    assert!(!printed.contains(&hex), "{printed}");
    assert_eq!(fs::read(&file).expect("the file"), material);
    assert_eq!(
        fs::metadata(&file).expect("the file").permissions().mode() & 0o777,
        0o600
    );
    let log = server.log();
    assert!(!log.contains(&hex), "no key in the log");
}

#[test]
fn query_says_what_the_server_is() {
    let server = Server::start();
    let printed = kmip(&server, &["query"]);
    for word in ["Keyledger", "Get Attribute List", "1.4", "1.0"] {
        assert!(printed.contains(word), "{word} in {printed}");
    }
    assert_eq!(server.request_lines(), Vec::<String>::new());
}

#[test]
fn another_client_or_server_can_be_named() {
    let server = Server::start();
    server.cli(&["client", "issue", "auditor"]).success();
    let uid = kmip(&server, &["create", "--client", "auditor"]);
    let event = server.events().pop().expect("an event");
    assert_eq!(
        (event.initiator_name(), event.key()),
        ("auditor", Some(uid.trim()))
    );
    let address = server.address().to_string();
    kmip(&server, &["activate", uid.trim(), "--server", &address]);
    assert_eq!(
        server.events().pop().expect("an event").initiator_name(),
        "demo"
    );
}

#[test]
fn what_cannot_be_reached_or_trusted_is_named() {
    let mut server = Server::start();
    server
        .cli(&["kmip", "query", "--client", "nobody"])
        .refused(&["nobody"]);
    let wrong = "00".repeat(32);
    server
        .cli(&["kmip", "query", "--pin", &wrong])
        .refused(&["certificate"]);
    server.cli(&["client", "disable", "demo"]).success();
    server.cli(&["kmip", "query"]).refused(&[]);
    server.stop();
    server.cli(&["kmip", "query"]).refused(&["server"]);
}

#[test]
fn a_3des_key_is_made_from_the_command_line() {
    let server = Server::start();
    let uid = kmip(&server, &["create", "--algorithm", "3des"]);
    let shown = kmip(&server, &["get", uid.trim()]);
    assert!(shown.contains("3DES") && shown.contains("168"), "{shown}");
    server
        .cli(&["kmip", "create", "--algorithm", "3des", "--length", "112"])
        .refused(&["value"]);
}

#[test]
fn attributes_are_added_modified_and_deleted_from_the_command_line() {
    let server = Server::start();
    let uid = kmip(&server, &["create"]);
    let uid = uid.trim();
    kmip(&server, &["add-attribute", uid, "x-Owner=ops"]);
    kmip(&server, &["add-attribute", uid, "x-Owner=audit"]);
    let changed = ["modify-attribute", uid, "x-Owner=risk", "--index", "1"];
    assert!(kmip(&server, &changed).contains("risk"));
    let deleted = kmip(&server, &["delete-attribute", uid, "x-Owner"]);
    assert!(deleted.contains("ops"), "{deleted}");
    let left = kmip(&server, &["attributes", uid, "x-Owner"]);
    assert!(left.contains("risk") && !left.contains("ops"), "{left}");
    server
        .cli(&["kmip", "delete-attribute", uid, "State"])
        .refused(&["attribute"]);
    server
        .cli(&["kmip", "modify-attribute", uid, "x-Owner"])
        .refused(&["NAME=VALUE"]);
}
