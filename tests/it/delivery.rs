//! Delivery as an operator sees it: targets and routes by command, a server that is killed, targets that are down, refuse, change and go.

use std::collections::HashSet;
use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::harness::{Server, create, get, key_template, until, whole_trail};

/// A server with a target `log`, a file, that gets everything from the start.
struct Site {
    server: Server,
}

impl Site {
    fn new() -> Self {
        let site = Self {
            server: Server::start(),
        };
        site.add("log", &site.folder());
        site.route("all", "*=log");
        // What happened before the route is not meant for it, until it is moved back.
        site.follow_from_the_start();
        site
    }

    fn follow_from_the_start(&self) {
        let follow = ["target", "follow", "log", "--from", "start"];
        self.server.cli(&follow).success();
    }

    fn folder(&self) -> PathBuf {
        self.server.path().join("log")
    }

    /// Adds a file target whose folder may be missing.
    fn add(&self, name: &str, folder: &std::path::Path) {
        let path = folder.join("events.jsonl");
        let endpoint = json!({ "path": path }).to_string();
        let add = ["target", "add", name, "--type", "file", "--endpoint", "-"];
        self.server.cli_with_input(&add, &endpoint).success();
    }

    fn route(&self, name: &str, rule: &str) {
        self.server
            .cli(&["route", "set", name, "--rule", rule])
            .success();
    }

    fn target(&self, name: &str) -> Value {
        let shown = self
            .server
            .cli(&["target", "show", name, "--format", "json"])
            .success();
        serde_json::from_str(&shown.stdout).expect("a target as JSON")
    }

    fn lines(&self) -> Vec<Value> {
        lines(&self.folder())
    }

    /// Makes a key and reads it so many times.
    fn work(&self, times: usize) {
        let key = self.server.new_key();
        let mut connection = self.server.connect();
        for _ in 0..times {
            connection.ask(get(&key)).success();
        }
    }

    /// The ids of events in the trail.
    fn trail(&self) -> Vec<String> {
        let events = whole_trail(&self.server);
        events.iter().map(|event| event.id().to_owned()).collect()
    }
}

fn lines(folder: &std::path::Path) -> Vec<Value> {
    let text = fs::read_to_string(folder.join("events.jsonl")).unwrap_or_default();
    text.lines()
        .map(|line| serde_json::from_str(line).expect("whole lines of JSON"))
        .collect()
}

/// The ids of the events among lines.
fn ids(lines: &[Value]) -> Vec<String> {
    lines
        .iter()
        .filter_map(|line| line["id"].as_str())
        .map(str::to_owned)
        .collect()
}

fn without_repeats(ids: &[String]) -> Vec<String> {
    let mut seen = HashSet::new();
    ids.iter()
        .filter(|id| seen.insert((*id).clone()))
        .cloned()
        .collect()
}

#[test]
fn a_dead_target_delays_nobody_and_gets_everything_in_order_when_it_is_back() {
    let site = Site::new();
    site.work(50);
    let target = until("the failure", || {
        let target = site.target("log");
        (target["write_status"]["status"] == "failed").then_some(target)
    });
    let reason = target["write_status"]["reason_for_last_failure"]
        .as_str()
        .expect("a reason");
    assert!(reason.contains("is not there"), "{reason}");
    assert!(target["lag"]["events"].as_u64() > Some(50), "{target}");
    fs::create_dir(site.folder()).expect("a folder");
    until("the target to be well", || {
        let target = site.target("log");
        let is_there =
            target["lag"]["events"] == 0 && target["write_status"]["status"] == "success";
        is_there.then_some(())
    });
    assert!(
        without_repeats(&ids(&site.lines())) == site.trail(),
        "complete and in order"
    );
    // Byte by byte what is sealed, and checkpoints after what they seal.
    let listed = site
        .server
        .cli(&["events", "list", "--format", "jsonl"])
        .success()
        .stdout;
    let text = fs::read_to_string(site.folder().join("events.jsonl")).expect("the file");
    let is_event =
        |line: &&str| !line.starts_with("{\"checkpoint\"") && !line.starts_with("{\"test\"");
    assert!(text.lines().filter(is_event).eq(listed.lines()));
    site.server.cli(&["events", "checkpoint"]).success();
    let size = until("the checkpoint", || {
        let lines = site.lines();
        let at = lines
            .iter()
            .position(|line| line["checkpoint"]["size"] == site.trail().len())?;
        Some(ids(&lines[..at]).len())
    });
    assert_eq!(size, site.trail().len());
}

#[test]
fn a_kill_during_delivery_loses_nothing_and_repeats_one_batch_at_most() {
    let mut site = Site::new();
    fs::create_dir(site.folder()).expect("a folder");
    for round in 0..4 {
        site.work(60);
        until("some delivery", || {
            (site.lines().len() > round * 60).then_some(())
        });
        site.work(20);
        site.server.kill();
        site.server.start_again();
    }
    until("all of it", || {
        (site.target("log")["lag"]["events"] == 0).then_some(())
    });
    let delivered = ids(&site.lines());
    assert!(
        without_repeats(&delivered) == site.trail(),
        "complete and in order"
    );
    // What comes again begins at a cursor and is in order: at each repeat the file goes on from an event that it had.
    let mut place = 0;
    let trail = site.trail();
    let mut repeats = 0;
    for id in &delivered {
        let at = trail
            .iter()
            .position(|known| known == id)
            .expect("an event of the trail");
        if at != place {
            assert!(at < place, "nothing is skipped");
            assert!(place - at <= 500, "at most a batch comes again");
            repeats += 1;
        }
        place = at + 1;
    }
    assert!(
        repeats <= 4,
        "{repeats} batches came again after four kills"
    );
}

#[test]
fn routes_and_targets_change_without_a_restart() {
    let site = Site::new();
    fs::create_dir(site.folder()).expect("a folder");
    let other = site.server.path().join("other");
    fs::create_dir(&other).expect("a folder");
    site.add("other", &other);
    // A rule without targets discards on purpose.
    site.route("all", "local=other");
    let before = site.trail().len();
    site.work(5);
    until("the other target", || {
        (ids(&lines(&other)).len() >= 6).then_some(())
    });
    until("the first to pass", || {
        (site.target("log")["lag"]["events"] == 0).then_some(())
    });
    let first = ids(&site.lines());
    let trail = site.trail();
    let keys = &trail[before..before + 6];
    assert!(
        keys.iter().all(|id| !first.contains(id)),
        "the route has moved"
    );
    // What is used cannot be removed; what is not, can.
    site.server
        .cli(&["target", "remove", "other"])
        .refused(&["other", "route `all`"]);
    site.route("all", "*=");
    site.server.cli(&["target", "remove", "other"]).success();
    site.server
        .cli(&["target", "show", "other"])
        .refused(&["no target `other`"]);
    // Moved back, the first gets everything again.
    site.route("all", "*=log");
    site.follow_from_the_start();
    until("everything", || {
        let delivered: HashSet<_> = ids(&site.lines()).into_iter().collect();
        site.trail()
            .iter()
            .all(|id| delivered.contains(id))
            .then_some(())
    });
    let far = ["target", "follow", "log", "--from", "999999"];
    site.server
        .cli(&far)
        .refused(&["beyond the end of the trail"]);
}

#[test]
fn what_a_target_refuses_is_parked_listed_retried_and_dropped() {
    let server = Server::start();
    let folder = server.path().join("program");
    fs::create_dir(&folder).expect("a folder");
    // Refuses reads of keys for good, until the file `kind` is there.
    let script =
        "if grep -q kmip-key.read && ! test -e kind; then echo 'no reads' >&2; exit 65; fi";
    let endpoint =
        json!({ "program": "/bin/sh", "arguments": ["-c", script], "working_directory": folder });
    let add = [
        "target",
        "add",
        "program",
        "--type",
        "command",
        "--endpoint",
        "-",
    ];
    server.cli_with_input(&add, &endpoint.to_string()).success();
    server
        .cli(&["route", "set", "all", "--rule", "*=program"])
        .success();
    let key = server.new_key();
    let mut connection = server.connect();
    for _ in 0..3 {
        connection.ask(get(&key)).success();
    }
    connection.ask(create(key_template())).success();
    let list = ["target", "parked", "program", "--format", "json"];
    let parked = until("three parked events", || {
        let parked: Vec<Value> =
            serde_json::from_str(&server.cli(&list).success().stdout).expect("JSON");
        (parked.len() == 3).then_some(parked)
    });
    assert!(
        parked[0]["reason"]
            .as_str()
            .is_some_and(|reason| reason.contains("no reads")),
        "{parked:?}"
    );
    let shown = || -> Value {
        let shown = server
            .cli(&["target", "show", "program", "--format", "json"])
            .success();
        serde_json::from_str(&shown.stdout).expect("JSON")
    };
    until("the rest", || (shown()["lag"]["events"] == 0).then_some(()));
    fs::write(folder.join("kind"), "").expect("a file");
    let sequence = parked[1]["sequence"].to_string();
    server
        .cli(&["target", "retry", "program", &sequence])
        .success();
    until("one to be taken", || (shown()["parked"] == 2).then_some(()));
    server
        .cli(&["target", "drop", "program", "--all"])
        .success();
    assert_eq!(shown()["parked"], 0);
    server
        .cli(&["target", "drop", "program", "--all"])
        .refused(&["nothing is parked"]);
    let events = server.events();
    let dropped = events
        .iter()
        .find(|event| event.0["action"] == "vmware-solutions.routing-target.drop");
    let dropped = &dropped.expect("an event of what was given up").0["requestData"];
    assert_eq!(
        dropped["sequences"],
        json!([parked[0]["sequence"], parked[2]["sequence"]])
    );
}

#[test]
fn secrets_are_masked_and_wrapped_and_outlast_a_restart() {
    let mut server = Server::start();
    let secret = "correct-horse-battery";
    let endpoint = json!({
        "program": "/bin/sh",
        "arguments": ["-c", "test \"$TOKEN\" = correct-horse-battery && cat >> lines"],
        "working_directory": server.path(),
        "secret_environment": { "TOKEN": secret },
    });
    // Only the secret itself is looked for.
    let endpoint = endpoint
        .to_string()
        .replacen("= correct-horse-battery", "!= \\\"\\\"", 1);
    let add = [
        "target",
        "add",
        "program",
        "--type",
        "command",
        "--endpoint",
        "-",
    ];
    let made = server.cli_with_input(&add, &endpoint).success();
    assert!(!made.stderr.contains("was not taken"), "{made:?}");
    server
        .cli(&["route", "set", "all", "--rule", "*=program"])
        .success();
    let shown = server.cli(&["target", "show", "program"]).success().stdout;
    assert!(
        shown.contains("********") && !shown.contains(secret),
        "{shown}"
    );
    // The mask comes back as it was shown: the secret stays.
    let shown: Value = serde_json::from_str(&shown).expect("JSON");
    let endpoint = shown["command_endpoint"].to_string();
    let update = ["target", "update", "program", "--endpoint", "-"];
    server.cli_with_input(&update, &endpoint).success();
    server.stop();
    for file in ["keyledger.db", "keyledger.db-wal"] {
        let bytes = fs::read(server.data().join(file)).unwrap_or_default();
        assert!(
            !bytes
                .windows(secret.len())
                .any(|part| part == secret.as_bytes()),
            "{file}"
        );
    }
    server.start_again();
    let key = server.new_key();
    until("the delivery", || {
        let text = fs::read_to_string(server.path().join("lines")).unwrap_or_default();
        text.contains(&key).then_some(())
    });
    assert!(!server.log().contains(secret));
}

#[test]
fn wrong_targets_are_refused_with_the_field() {
    let server = Server::start();
    let add = |kind: &str, endpoint: &Value, words: &[&str]| {
        let add = ["target", "add", "x", "--type", kind, "--endpoint", "-"];
        server
            .cli_with_input(&add, &endpoint.to_string())
            .refused(words);
    };
    add("files", &json!({}), &["target_type", "file", "webhook"]);
    add("file", &json!({}), &["file_endpoint", "path"]);
    add("file", &json!({ "path": "x" }), &["path", "absolute"]);
    add(
        "file",
        &json!({ "path": "/x", "size": 1 }),
        &["file_endpoint", "size"],
    );
    let own = json!({ "path": server.data().join("keyledger.db") });
    add("file", &own, &["path", "what is its own"]);
    let missing = server.cli(&["route", "set", "all", "--rule", "*=nobody"]);
    missing.refused(&["no target `nobody`"]);
    server
        .cli(&["route", "set", "all", "--rule", "EU="])
        .refused(&["locations", "EU"]);
    // A target that cannot be reached is made, and its test says why.
    let endpoint = json!({ "path": "/nonexistent/x" }).to_string();
    let add = ["target", "add", "x", "--type", "file", "--endpoint", "-"];
    let made = server.cli_with_input(&add, &endpoint).success();
    assert!(made.stderr.contains("/nonexistent/x"), "{made:?}");
    let validated = server.cli(&["target", "validate", "x"]).success();
    assert!(validated.stderr.contains("was not taken"), "{validated:?}");
    server
        .cli(&["routing-settings", "set", "--default-target", "x"])
        .success();
    server
        .cli(&["target", "remove", "x"])
        .refused(&["the settings"]);
    let shown = server.cli(&["routing-settings", "show"]).success().stdout;
    assert!(shown.contains("default_targets"), "{shown}");
}
