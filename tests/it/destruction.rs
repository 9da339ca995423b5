//! Keys that an administrator destroys while clients use them, and keys that nobody uses any more.

use std::fs;

use rusqlite::Connection as Database;
use serde_json::Value;

use crate::harness::{
    Connection, Content, Event, Server, activate, attribute, create, destroy, get, get_attributes,
    key_template, reason, until, whole_trail,
};

const DEACTIVATED: Content = Content::Enumeration(3);

fn active_key(connection: &mut Connection) -> String {
    let uid = connection.ask(create(key_template())).success().uid();
    connection.ask(activate(&uid)).success();
    uid
}

fn state(connection: &mut Connection, uid: &str) -> Content {
    let answer = connection.ask(get_attributes(uid, &["State"])).success();
    answer.value("State").expect("a state")
}

/// The events of administrators and of the server about a key.
fn told(server: &Server, uid: &str) -> Vec<Event> {
    let of_key = |event: &Event| event.key() == Some(uid);
    let by_client = |event: &Event| event.initiator().starts_with("CertificateID-");
    let events = server.events().into_iter();
    events
        .filter(|event| of_key(event) && !by_client(event))
        .collect()
}

fn lines(events: &[Event]) -> Vec<String> {
    let line = |event: &Event| format!("{} {}", event.action(), event.outcome());
    events.iter().map(line).collect()
}

#[test]
fn a_destroyed_key_can_be_restored_until_its_window_ends_also_across_restarts() {
    let mut server = Server::start_set("[destruction]\nrecovery-days = 7\n");
    let mut connection = server.connect();
    let uid = active_key(&mut connection);
    let material = connection.ask(get(&uid)).success().key_material();
    let ask = ["key", "destroy", &uid, "--reason", "the VM is gone"];
    server.cli(&ask).refused(&[&uid, "--force"]);
    let without = server.cli(&["key", "destroy", &uid]);
    assert!(without.stderr.contains("--reason"), "{without:?}");
    let force = [&ask[..], &["--force"]].concat();
    let said = server.cli(&force).success().stdout;
    assert!(said.contains("key restore"), "{said}");
    // On the connection that was there before, and to the end of the window.
    let denied = reason::PERMISSION_DENIED;
    connection.ask(get(&uid)).failure(denied);
    connection.ask(destroy(&uid)).failure(denied);
    connection.ask(activate(&uid)).failure(denied);
    assert_eq!(state(&mut connection, &uid), DEACTIVATED);
    server.stop();
    server.start_again();
    let mut connection = server.connect();
    connection.ask(get(&uid)).failure(denied);
    let listed = server.cli(&["key", "scheduled", "--format", "json"]);
    let listed: Value = serde_json::from_str(&listed.success().stdout).expect("JSON");
    assert_eq!(listed[0]["id"], uid.as_str());
    assert_eq!(listed[0]["reason"], "the VM is gone");
    server.cli(&["key", "restore", &uid]).success();
    assert_eq!(connection.ask(get(&uid)).success().key_material(), material);
    // The window ends while no server runs.
    server.cli(&force).success();
    server.stop();
    let database = Database::open(server.data().join("keyledger.db")).expect("the database");
    let past = "UPDATE destruction SET due = 1";
    assert_eq!(database.execute(past, []).expect("a row"), 1);
    drop(database);
    server.start_again();
    let events = until("the destruction", || {
        let events = told(&server, &uid);
        (events.len() == 6).then_some(events)
    });
    let expected = [
        "kmip-key.destroy failure",
        "kmip-key.destroy pending",
        "kmip-key.restore success",
        "kmip-key.destroy failure",
        "kmip-key.destroy pending",
        "kmip-key.destroy success",
    ];
    assert_eq!(lines(&events), expected);
    for work in [1..4, 4..6] {
        let first = &events[work.start];
        for event in &events[work] {
            assert_eq!(event.correlation(), first.correlation());
        }
    }
    assert!(events[5].initiator().starts_with("Server-"), "{events:?}");
    server
        .connect()
        .ask(get(&uid))
        .failure(reason::ITEM_NOT_FOUND);
    server.cli(&["key", "restore", &uid]).refused(&[&uid]);
    whole_trail(&server);
}

#[test]
fn a_key_that_waits_for_approval_is_used_as_before_and_who_asked_may_not_approve() {
    let server = Server::start_set("[destruction]\nsecond-administrator = true\n");
    let mut connection = server.connect();
    let uid = active_key(&mut connection);
    let ask = [
        "key",
        "destroy",
        &uid,
        "--reason",
        "lab is closed",
        "--force",
    ];
    let said = server.cli(&ask).success().stdout;
    assert!(said.contains("another administrator"), "{said}");
    connection.ask(get(&uid)).success();
    server
        .cli(&["key", "approve", &uid])
        .refused(&["another administrator"]);
    server.cli(&["key", "refuse", &uid]).success();
    connection.ask(get(&uid)).success();
    let events = told(&server, &uid);
    let expected = [
        "kmip-key.destroy pending",
        "kmip-key.approve failure",
        "kmip-key.refuse success",
        "kmip-key.destroy failure",
    ];
    assert_eq!(lines(&events), expected);
    assert_eq!(events[1].code(), 403);
    assert_eq!(events[1].data("/severity").expect("one"), "critical");
}

#[test]
fn an_administrator_revokes_and_destroys_a_key_at_once_where_no_window_is_set() {
    let mut server = Server::start();
    let mut connection = server.connect();
    let uid = active_key(&mut connection);
    let revoke = ["key", "revoke", &uid, "--reason", "superseded"];
    server.cli(&revoke).success();
    server.cli(&revoke).refused(&[&uid]);
    assert_eq!(state(&mut connection, &uid), DEACTIVATED);
    // One behaviour whether a server runs or not.
    server.stop();
    let ask = ["key", "destroy", &uid, "--reason", "done"];
    server.cli(&ask).success();
    server.start_again();
    server
        .connect()
        .ask(get(&uid))
        .failure(reason::ITEM_NOT_FOUND);
    let expected = [
        "kmip-key.revoke success",
        "kmip-key.revoke failure",
        "kmip-key.destroy success",
    ];
    assert_eq!(lines(&told(&server, &uid)), expected);
}

#[test]
fn stale_keys_are_listed_with_who_read_them_last() {
    let server = Server::start();
    let mut connection = server.connect();
    let mut made = |name: &str| {
        let mut template = key_template();
        let text = |text: &str| Content::Text(text.to_owned());
        template.push(attribute("x-Name", text(name)));
        template.push(attribute("x-Component", text("Virtual Machine")));
        connection.ask(create(template)).success().uid()
    };
    let (read, never) = (made("read"), made("never"));
    connection.ask(get(&read)).success();
    let list = |days: &str| {
        let args = ["key", "stale", "--older-than", days, "--format", "json"];
        let listed = server.cli(&args).success().stdout;
        let listed: Value = serde_json::from_str(&listed).expect("JSON");
        listed.as_array().expect("a list").clone()
    };
    assert!(list("1").is_empty());
    let all = list("0");
    assert_eq!(all.len(), 2);
    let of = |uid: &str| all.iter().find(|key| key["id"] == uid).expect("the key");
    assert_eq!(of(&read)["lastReadBy"], "demo");
    assert_eq!(of(&read)["xComponent"], "Virtual Machine");
    assert_eq!(of(&never)["lastReadBy"], Value::Null);
    let shown = server.cli(&["key", "show", &read]).success().stdout;
    assert!(shown.contains("demo"), "{shown}");
    let table = server.cli(&["key", "stale", "--older-than", "0"]).success();
    assert!(table.stdout.contains("never") && table.stdout.contains("demo"));
}

#[test]
fn in_a_database_that_was_put_back_a_window_that_has_ended_begins_anew() {
    let mut server = Server::start_set("[destruction]\nrecovery-days = 7\n");
    let uid = active_key(&mut server.connect());
    let ask = ["key", "destroy", &uid, "--reason", "gone", "--force"];
    server.cli(&ask).success();
    server.stop();
    // A copy from before the destruction was called off; its window would be over by now.
    let path = server.data().join("keyledger.db");
    let copy = server.path().join("copy.db");
    fs::copy(&path, &copy).expect("a copy");
    let database = Database::open(&copy).expect("the copy");
    for past in [
        "UPDATE destruction SET due = 1",
        "UPDATE object SET destroy_due = 1 WHERE destroy_due IS NOT NULL",
    ] {
        assert_eq!(database.execute(past, []).expect("a row"), 1);
    }
    database.close().expect("it is written");
    server.start_again();
    server.cli(&["key", "restore", &uid]).success();
    server.stop();
    // Put back twice: found by a command, and by the server.
    for by_command in [true, false] {
        fs::copy(&copy, &path).expect("a copy");
        if by_command {
            server.cli(&["client", "issue", "other"]).success();
        }
        server.start_again();
        let listed = server.cli(&["key", "scheduled", "--format", "json"]);
        let listed: Value = serde_json::from_str(&listed.success().stdout).expect("JSON");
        assert_eq!(listed[0]["id"], uid.as_str(), "{listed}");
        let due = listed[0]["due"].as_str().expect("a time");
        assert!(!due.starts_with("1970"), "{due}");
        server.cli(&["key", "restore", &uid]).success();
        server.connect().ask(get(&uid)).success();
        server.stop();
    }
    server.start_again();
    whole_trail(&server);
}
