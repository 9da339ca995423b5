//! A server that starts without its passphrase: what it answers meanwhile, and how it is unlocked.

use std::fs;
use std::thread;

use serde_json::{Value, json};

use super::rotation::{add_target, check_target, shown};
use super::token::name_provider;
use super::{passphrase_file, text, typed_at_a_terminal};
use crate::harness::{
    BatchItem, Event, Request, Server, create, destroy, discover, get, key_template, locate,
    outputs, query, reason, run_cli, until, whole_trail,
};

const PASSPHRASE: &str = "a passphrase that nobody prints";

/// A server whose master key is sealed under [`PASSPHRASE`], stopped, with settings that have it start locked.
fn stopped() -> Server {
    let mut server = Server::start();
    outputs::plant(PASSPHRASE.as_bytes());
    let file = passphrase_file(server.path(), PASSPHRASE);
    let rotate = ["master-key", "rotate", "--to", "passphrase"];
    let rotate = [&rotate[..], &["--new-passphrase-file", text(&file)]].concat();
    server.cli(&rotate).success();
    fs::remove_file(file).expect("a file");
    server.stop();
    let set = "provider = \"passphrase\"\nstart-locked = true";
    name_provider(server.path(), "#provider = \"file\"", set);
    server
}

/// One that serves, with a key, started again and locked.
fn locked(prepare: impl FnOnce(&Server)) -> (Server, String, Vec<u8>) {
    let mut server = stopped();
    server.start_again();
    unlock(&server);
    prepare(&server);
    let uid = server.new_key();
    let material = server.connect().ask(get(&uid)).success().key_material();
    server.stop();
    server.start_again();
    (server, uid, material)
}

#[track_caller]
fn unlock(server: &Server) {
    let unlocked = server.cli_with_input(&["unlock"], PASSPHRASE).success();
    assert_eq!(unlocked.stdout, "unlocked: keys are served\n");
}

fn is_locked(server: &Server) -> bool {
    let status = server.cli(&["status", "--format", "json"]).success();
    let status: Value = serde_json::from_str(&status.stdout).expect("JSON");
    status["locked"].as_bool().expect("a truth value")
}

fn of(events: &[Event], action: &str) -> Vec<Event> {
    let is_it = |event: &&Event| event.action() == action;
    events.iter().filter(is_it).cloned().collect()
}

#[test]
fn a_locked_server_refuses_what_clients_ask_and_serves_once_it_is_unlocked() {
    let (server, uid, material) = locked(add_target);
    assert!(is_locked(&server));
    assert!(server.log().contains("The server is locked"));
    let before = server.events().len();
    let mut connection = server.connect();
    let asked: [fn(&str) -> BatchItem; 6] = [
        get,
        destroy,
        |_| create(key_template()),
        |_| locate(Vec::new()),
        |_| query(&[1]),
        |_| discover(&[]),
    ];
    for item in asked {
        let answer = connection.ask(item(&uid));
        answer.failure(reason::GENERAL_FAILURE);
        let message = answer.message.expect("a message");
        assert!(message.contains("locked"), "{message}");
    }
    let items = [get(&uid).with_id(b"1"), get(&uid).with_id(b"2")];
    let batch = Request::new((1, 1), &items).with_continuation(1);
    let answers = connection.exchange(&batch).items;
    assert_eq!(answers.len(), 2);
    for answer in answers {
        answer.failure(reason::GENERAL_FAILURE);
    }
    // Each is an event, about the key that it named.
    let events = server.events().split_off(before);
    let refused: Vec<_> = events.iter().filter(|event| event.code() == 503).collect();
    assert_eq!(refused.len(), 8, "{events:?}");
    for event in &refused {
        assert_eq!(event.outcome(), "failure");
        assert_eq!(
            event.data("/reason/reasonForFailure"),
            Some(&json!("the server is locked"))
        );
        assert_eq!(event.text("/severity"), "critical");
    }
    let about: Vec<_> = refused.iter().filter_map(|event| event.key()).collect();
    assert_eq!(about, [&*uid; 4]);
    unlock(&server);
    // The same connection, the same key, without a restart; and what else the master key opens.
    assert_eq!(connection.ask(get(&uid)).success().key_material(), material);
    server.new_key();
    check_target(&server);
    server.cli(&["instance", "add", "second"]).success();
    server.cli(&["events", "checkpoint"]).success();
    server.cli(&["events", "verify"]).success();
    assert!(!is_locked(&server));
}

#[test]
fn administration_goes_on_while_the_server_is_locked_as_far_as_it_needs_no_key() {
    let (server, uid, _) = locked(|_| {});
    for works in [
        &["status"][..],
        &["key", "show", &uid],
        &["events", "list"],
        &["client", "issue", "vc"],
        &["client", "disable", "vc"],
        &["master-key", "show"],
        &["metrics"],
    ] {
        server.cli(works).success();
    }
    let status = server.cli(&["status"]).success().stdout;
    assert!(
        status.contains("locked") && status.contains("keyledger unlock"),
        "{status}"
    );
    let metrics = server.cli(&["metrics"]).success().stdout;
    assert!(metrics.contains("keyledger_locked 1"), "{metrics}");
    let before = shown(&server);
    for refused in [
        &["instance", "add", "second"][..],
        &["master-key", "rotate", "--to", "file"],
        &["events", "checkpoint"],
        &[
            "target",
            "add",
            "t",
            "--type",
            "command",
            "--set",
            "program=/bin/cat",
        ],
    ] {
        server
            .cli(refused)
            .refused(&["the server is locked: unlock it with `keyledger unlock`"]);
    }
    let shares = server.cli(&["master-key", "recovery", "2/3"]);
    shares.refused(&["worth nothing: destroy them", "the server is locked"]);
    assert_eq!(shown(&server), before);
    let refused = of(&server.events(), "master-key.rotate").pop();
    let refused = refused.expect("who wanted another master key is on the record");
    assert_eq!((refused.outcome(), refused.code()), ("failure", 503));
    let api = server.api_as("administrator");
    api.get("/healthz").expect(200);
    let ready = api.get("/readyz").expect(503).json();
    assert_eq!(ready["reason"], "the server is locked");
    assert_eq!(api.get("/api/v1/status").expect(200).json()["locked"], true);
    api.get("/api/v1/objects").expect(200);
    let reply = api.post("/api/v1/instances", &json!({"name": "second"}));
    reply.refused(503, "locked", "", "the server is locked");
    api.get("/api/v1/seal?fresh=true")
        .refused(503, "locked", "", "the server is locked");
}

#[test]
fn a_passphrase_may_take_longer_to_type_than_a_connection_lasts() {
    let (mut server, _, _) = locked(|_| {});
    let path = server.path().to_owned();
    // As the server ends a connection that says nothing for a minute, and sooner.
    let typed = std::iter::once_with(|| {
        server.stop();
        server.start_again();
        PASSPHRASE
    });
    let (code, shown) = typed_at_a_terminal(&path, &["unlock"], typed);
    assert_eq!(code, 0, "{shown}");
    assert!(!is_locked(&server));
}

#[test]
fn one_that_is_killed_while_it_is_locked_is_locked_again_and_lost_nothing() {
    let (mut server, uid, _) = locked(|_| {});
    server
        .connect()
        .ask(get(&uid))
        .failure(reason::GENERAL_FAILURE);
    // What was recorded is there, and is sealed afterwards.
    server.kill();
    let events = whole_trail(&server).len();
    server.start_again();
    assert!(is_locked(&server));
    server.stop();
    server.start_again();
    unlock(&server);
    assert!(whole_trail(&server).len() > events);
    server.cli(&["events", "checkpoint"]).success();
    server.cli(&["events", "verify"]).success();
    // One that is not locked asks for no passphrase and takes none.
    let again = server.cli_with_input(&["unlock"], "").success();
    assert_eq!(again.stdout, "the server is not locked; nothing was done\n");
    server.connect().ask(get(&uid)).success();
    server.stop();
    server.cli(&["unlock"]).refused(&["no server runs here"]);
}

#[test]
fn wrong_passphrases_are_recorded_and_keep_nobody_else_waiting() {
    let (server, uid, material) = locked(|_| {});
    let wrong = server.cli_with_input(&["unlock"], "a wrong passphrase");
    wrong.refused(&["does not open the master key", "looked at in 1 seconds"]);
    let operator = server.api_as("operator");
    let [anna, bert] = ["anna", "bert"].map(|name| {
        server
            .api()
            .with_key(&server.api_key(name, "administrator", &[]))
    });
    let path = "/api/v1/unlock";
    let given = |passphrase: &str| json!({"passphrase": passphrase});
    let reply = operator.post(path, &given(PASSPHRASE));
    reply.refused(403, "forbidden", "", "administrator");
    for (body, field) in [
        (json!({}), "passphrase"),
        (json!({"passphrase": 1}), "passphrase"),
        (json!({"passphrase": "p", "more": 1}), "more"),
    ] {
        anna.post(path, &body)
            .refused(400, "invalid_value", field, "");
    }
    let long = given(&"x".repeat(1 << 20));
    anna.post(path, &long)
        .refused(413, "too_large", "", "bytes");
    // Again and again: looked at later each time, unseen in between, also where it is right.
    let code = |reply: &crate::harness::Reply| reply.json()["errors"][0]["code"].clone();
    let first = anna.post(path, &given("a wrong passphrase")).expect(403);
    assert_eq!(code(&first), "wrong_passphrase");
    let second = until("a second passphrase that is looked at", || {
        let reply = anna.post(path, &given("a wrong passphrase"));
        (reply.status == 403).then_some(reply)
    });
    assert!(second.body.contains("in 2 seconds"), "{second:?}");
    // Before these two seconds are over on this machine or after: it waits, or it is the third.
    let third = until("one that is not looked at", || {
        let reply = anna.post(path, &given("a wrong passphrase"));
        (reply.status == 429).then_some(reply)
    });
    let seconds = third.header("retry-after").map(str::parse::<u64>);
    assert!(matches!(seconds, Some(Ok(1..=300))), "{third:?}");
    assert!(is_locked(&server));
    // Two at once, neither of whom gave a wrong one: one of them unlocks it.
    let bert_too = server
        .api()
        .with_key(&server.api_key("cara", "administrator", &[]));
    let unlocked = thread::scope(|scope| {
        let asked =
            [&bert, &bert_too].map(|who| scope.spawn(|| who.post(path, &given(PASSPHRASE))));
        asked.map(|asked| asked.join().expect("an answer").expect(200).json()["wasLocked"] == true)
    });
    assert!(
        unlocked == [true, false] || unlocked == [false, true],
        "{unlocked:?}"
    );
    let again = anna.post(path, &given("anything")).expect(200).json();
    assert_eq!(again, json!({"wasLocked": false}));
    let served = server.connect().ask(get(&uid)).success();
    assert_eq!(served.key_material(), material);
    check_record_of_unlocking(&server);
    assert!(!server.log().contains(PASSPHRASE));
}

/// Who was refused and who unlocked it is on the record.
fn check_record_of_unlocking(server: &Server) {
    let events = server.events();
    let unlocks = of(&events, "master-key.unlock");
    let last = unlocks.last().expect("an event");
    assert_eq!((last.outcome(), last.code()), ("success", 200));
    assert!(
        ["bert", "cara"].contains(&last.initiator_name()),
        "{last:?}"
    );
    let wrong: Vec<_> = unlocks.iter().filter(|event| event.code() == 401).collect();
    assert!(wrong.len() >= 3, "{wrong:?}");
    assert!(wrong[0].initiator().starts_with("LocalUser-"));
    assert_eq!(wrong[1].initiator_name(), "anna");
    let unseen = of(&events, "administration.refuse");
    let unseen = unseen.iter().filter(|event| event.code() == 401);
    assert_eq!(unseen.map(Event::initiator_name).next(), Some("anna"));
}

#[test]
fn only_a_server_with_a_passphrase_starts_locked() {
    let mut server = Server::start();
    let path = server.path().to_owned();
    server.stop();
    let locked = [
        "serve",
        "--locked",
        "--listen",
        "127.0.0.1:0",
        "--log",
        "off",
    ];
    run_cli(&path, &locked).refused(&["provider `file`", "rotate --to passphrase"]);
    run_cli(&path, &["serve", "--check", "--locked"]).refused(&["provider `file`"]);
    name_provider(&path, "#start-locked = false", "start-locked = true");
    run_cli(&path, &["serve", "--check"]).refused(&["master-key.start-locked", "leave it out"]);
    drop(server);
    // Settings that contradict themselves, and an explicit passphrase, which wins.
    let server = stopped();
    let file = passphrase_file(server.path(), PASSPHRASE);
    let set = format!("passphrase-file = \"{}\"", file.display());
    name_provider(server.path(), "#passphrase-file = \"\"", &set);
    server
        .cli(&["serve", "--check"])
        .refused(&["master-key.start-locked", "leave one of both out"]);
    name_provider(server.path(), &set, "#passphrase-file = \"\"");
    let said = server.cli(&["serve", "--check"]).success().stdout;
    assert!(said.contains("the server starts locked"), "{said}");
    let check = ["serve", "--check", "--passphrase-file", text(&file)];
    let said = server.cli(&check).success().stdout;
    assert!(said.contains("settings, keys, database"), "{said}");
    // A master key that was replaced, of which the settings do not know yet, keeps no server from starting.
    let mut other = stopped();
    other.start_again();
    unlock(&other);
    other
        .cli(&["master-key", "rotate", "--to", "file"])
        .success();
    other.stop();
    other.start_again();
    assert!(!is_locked(&other));
    crate::harness::make_older(&server.data().join("keyledger.db"), 2);
    server
        .cli(&["serve", "--listen", "127.0.0.1:0", "--log", "off"])
        .refused(&["older release", "--passphrase-file"]);
}
