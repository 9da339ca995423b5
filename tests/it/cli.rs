//! The command line as its users meet it: setting up, issuing, listing, following.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use crate::harness::{
    Content, Server, add_attribute, attribute, create, discover, fresh_directory, key_template,
    name, program, run_cli,
};

#[test]
fn init_makes_a_directory_that_serves_without_quickstart() {
    let directory = fresh_directory();
    run_cli(directory.path(), &["init"]).success();
    for file in [
        "keyledger.toml",
        "certs/ca.pem",
        "certs/server.pem",
        "data/master.key",
    ] {
        assert!(directory.path().join(file).exists(), "{file}");
    }
    run_cli(directory.path(), &["client", "issue", "vcenter-1"]).success();
    run_cli(directory.path(), &["serve", "--check"]).success();
    let listed = run_cli(directory.path(), &["client", "list"])
        .success()
        .stdout;
    assert!(listed.contains("vcenter-1"), "{listed}");
    let server = Server::start_plainly(directory);
    let mut connection = server.connect_as(&server.client("vcenter-1"));
    connection.ask(create(key_template())).success();
}

#[test]
fn keys_are_listed_by_the_names_vcenter_gave_them() {
    let server = Server::start();
    let mut connection = server.connect();
    let named = [key_template(), vec![attribute("Name", name("kms-key-7"))]].concat();
    let uid = connection.ask(create(named)).success().uid();
    for (tag, value) in [("x-Name", "accounts"), ("x-Component", "Virtual Machine")] {
        connection
            .ask(add_attribute(&uid, tag, Content::Text(value.to_owned())))
            .success();
    }
    let other = connection.ask(create(key_template())).success().uid();
    let listed = server.cli(&["key", "list"]).success().stdout;
    assert!(listed.contains(&uid) && listed.contains("accounts") && listed.contains(&other));
    let found = server
        .cli(&["key", "list", "--name", "accounts"])
        .success()
        .stdout;
    assert!(found.contains(&uid) && !found.contains(&other), "{found}");
    let shown = server.cli(&["key", "show", &uid]).success().stdout;
    for word in [
        &*uid,
        "kms-key-7",
        "accounts",
        "Virtual Machine",
        "Pre-Active",
        "AES",
    ] {
        assert!(shown.contains(word), "{word} in {shown}");
    }
}

#[test]
fn events_are_filtered() {
    let server = Server::start();
    let (first, second) = (server.new_key(), server.new_key());
    let count = |arguments: &[&str]| {
        let command = [&["events", "list", "--format", "jsonl"], arguments].concat();
        server.cli(&command).success().stdout.lines().count()
    };
    assert_eq!(count(&["--action", "kmip-key.create"]), 2);
    assert_eq!(count(&["--action", "kmip-key.*", "--key", &first]), 1);
    assert_eq!(count(&["--client", "demo", "--outcome", "success"]), 2);
    assert_eq!(count(&["--outcome", "failure"]), 0);
    assert_eq!(count(&["--since", "1h", "--key", &second]), 1);
    assert_eq!(count(&["--until", "2000-01-01"]), 0);
    assert_eq!(count(&["--client", &server.client("demo").initiator()]), 2);
    assert_eq!(count(&["--action", "kmip-key.create", "--limit", "1"]), 1);
}

#[test]
fn an_event_is_shown_by_its_id() {
    let server = Server::start();
    server.new_key();
    let event = server.events().pop().expect("an event");
    let shown = server.cli(&["events", "show", event.id()]).success().stdout;
    let shown: serde_json::Value = serde_json::from_str(&shown).expect("JSON");
    assert_eq!(shown, event.0);
}

#[test]
fn tail_follows_what_happens() {
    let server = Server::start();
    let mut command: Command = program(server.path());
    command.args([
        "events", "tail", "--follow", "--lines", "0", "--format", "jsonl", "--dir",
    ]);
    let mut tail = command
        .arg(server.path())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it runs");
    let mut lines = BufReader::new(tail.stdout.take().expect("piped")).lines();
    let (sender, received) = std::sync::mpsc::channel();
    let reader = std::thread::spawn(move || {
        while let Some(Ok(line)) = lines.next() {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    // Keys are made until one shows: only tail knows when it has begun to listen.
    let mut made = Vec::new();
    let line = crate::harness::until("a followed event", || {
        made.push(server.new_key());
        received
            .recv_timeout(std::time::Duration::from_millis(300))
            .ok()
    });
    tail.kill().expect("a child of ours");
    tail.wait().expect("a child of ours");
    drop(received);
    reader.join().expect("the reader");
    assert!(made.iter().any(|uid| line.contains(uid.as_str())), "{line}");
}

#[test]
fn an_issued_client_gets_a_certificate_of_the_servers_ca() {
    let server = Server::start();
    server.cli(&["client", "issue", "esx-1"]).success();
    server
        .connect_as(&server.client("esx-1"))
        .ask(create(key_template()))
        .success();
    let event = server.events().pop().expect("an event");
    assert_eq!(event.initiator_name(), "esx-1");
    let path = server.path().join("certs/clients/esx-1.key");
    let before = fs::read(&path).expect("the key");
    server
        .cli(&["client", "issue", "esx-1"])
        .refused(&["esx-1"]);
    assert_eq!(
        fs::read(&path).expect("the key"),
        before,
        "a key is never replaced"
    );
}

#[test]
fn a_wrong_command_line_is_wrong_use() {
    let directory = fresh_directory();
    for arguments in [
        &["fly"][..],
        &["serve", "--no-such-flag"],
        &["events", "list", "--since", "x"],
    ] {
        let output = run_cli(directory.path(), arguments);
        assert_eq!(output.code, 2, "{output:?}");
        assert_eq!(output.stdout, "");
    }
    let help = run_cli(directory.path(), &["--help"]).success().stdout;
    for command in ["init", "serve", "client", "key", "events"] {
        assert!(help.contains(command), "{command} in {help}");
    }
}

#[test]
fn a_server_that_logs_nothing_serves_until_it_is_stopped() {
    let mut server = Server::start_silent();
    let demo = server.client("demo");
    for _ in 0..20 {
        server.connect_as(&demo).ask(discover(&[])).success();
    }
    assert!(server.stop().success());
}
