//! Targets, routes and settings by command, with and without a running server: the model, its limits, its events, and its secrets.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::{Value, json};

use crate::harness::{Event, Output, Server, create, key_template, until};

/// What must never be seen again once it was given.
const SECRET: &str = "hunter2-7f3a-do-not-show";
const OTHER: &str = "correct-horse-91-do-not-show";

fn json(server: &Server, arguments: &[&str]) -> Value {
    let arguments = [arguments, &["--format", "json"]].concat();
    let output = server.cli(&arguments).success();
    assert_masked(&output);
    serde_json::from_str(&output.stdout).expect("JSON")
}

/// A file target in the server's directory.
fn create_file(server: &Server, name: &str) -> Value {
    let set = format!(
        "path={}",
        server.path().join(format!("{name}.jsonl")).display()
    );
    json(
        server,
        &["target", "create", name, "--type", "file", "--set", &set],
    )
}

fn private_file(path: &Path, text: &str) -> String {
    fs::write(path, text).expect("a file");
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("a mode");
    path.display().to_string()
}

/// A target that is a program with a secret, which comes from a file.
fn create_command(server: &Server, name: &str) -> Value {
    let file = private_file(&server.path().join("secret"), &format!("{SECRET}\n"));
    let secret = format!("secret_environment.TOKEN={file}");
    let create = [
        "target",
        "create",
        name,
        "--type",
        "command",
        "--set",
        "program=/bin/cat",
        "--set",
        "timeout_seconds=20",
        "--secret",
        &secret,
    ];
    let made = json(server, &create);
    fs::remove_file(file).expect("the file");
    made
}

fn assert_masked(output: &Output) {
    for text in [&output.stdout, &output.stderr] {
        assert!(
            !text.contains(SECRET) && !text.contains(OTHER),
            "{output:?}"
        );
    }
}

fn assert_no_secret_on_disk(folder: &Path) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if !path.is_file() {
            continue;
        }
        let bytes = fs::read(&path).expect("a file");
        for secret in [SECRET, OTHER] {
            let is_there = bytes
                .windows(secret.len())
                .any(|window| window == secret.as_bytes());
            assert!(!is_there, "{} holds a secret", path.display());
        }
    }
}

/// Every event about routing, as action and name.
fn changes(events: &[Event]) -> Vec<(String, String)> {
    let of_routing = events
        .iter()
        .filter(|event| event.action().starts_with("routing-"));
    let change = |event: &Event| {
        let name = event
            .data("/requestData/name")
            .and_then(Value::as_str)
            .unwrap_or_default();
        assert_eq!(
            event.data("/severity"),
            Some(&json!("critical")),
            "{event:?}"
        );
        assert!(event.initiator().starts_with("LocalUser-"), "{event:?}");
        assert!(
            event.target().contains(":vmware-solutions::a/"),
            "global: {event:?}"
        );
        (event.action().to_owned(), name.to_owned())
    };
    of_routing.map(change).collect()
}

/// Makes a target and a route in a running server; gives the target's identifier.
fn make_with_a_server(server: &Server) -> String {
    let archive = create_file(server, "archive");
    assert_eq!(archive["target"]["api_version"], 2);
    assert_eq!(archive["target"]["file_endpoint"]["rotate_daily"], false);
    assert_eq!(archive["problem"], Value::Null);
    let id = archive["target"]["id"].as_str().expect("an id").to_owned();
    let crn = archive["target"]["crn"].as_str().expect("a CRN");
    assert!(crn.ends_with(&format!(":routing-target:{id}")), "{crn}");
    let rules = ["--rule", "eu-de,global=archive", "--rule", "*="];
    let route = json(server, &[&["route", "create", "all"], &rules[..]].concat());
    assert_eq!(route["version"], 1);
    let expected = json!([
        {"locations": ["eu-de", "global"], "target_ids": [id]},
        {"locations": ["*"], "target_ids": []},
    ]);
    assert_eq!(route["rules"], expected);
    id
}

/// Makes one more target, and changes it, the route and the settings.
fn change_without_a_server(server: &Server, id: &str) {
    create_file(server, "second");
    let named = ["target", "update", "second", "--name", "the second"];
    let updated = json(
        server,
        &[&named[..], &["--set", "rotate_daily=true"]].concat(),
    );
    assert_eq!(updated["name"], "the second");
    assert_eq!(updated["file_endpoint"]["rotate_daily"], true);
    let named = ["route", "update", "all", "--name", "every one"];
    let route = json(
        server,
        &[&named[..], &["--rule", "*=archive,the second"]].concat(),
    );
    assert_eq!(
        (&route["version"], &route["rules"][0]["target_ids"][0]),
        (&json!(2), &json!(id))
    );
    let set = ["routing-settings", "set", "--default-target", "archive"];
    let settings = json(
        server,
        &[&set[..], &["--extended-events", "false"]].concat(),
    );
    assert_eq!(settings["extended_events"], false);
}

#[test]
fn targets_routes_and_settings_live_with_and_without_a_server() {
    let mut server = Server::start();
    let id = make_with_a_server(&server);
    server.stop();
    change_without_a_server(&server, &id);
    server.start_again();
    let settings = json(&server, &["routing-settings", "show"]);
    assert_eq!(settings["default_targets"], json!([id]));
    // What is left out is as it was in the beginning.
    let expected = json!({
        "default_targets": [], "permitted_target_regions": [], "private_api_endpoint_only": false, "extended_events": true,
    });
    assert_eq!(json(&server, &["routing-settings", "set"]), expected);
    assert_eq!(json(&server, &["route", "show", "every one"])["version"], 2);
    let delete = server.cli(&["target", "delete", "archive"]);
    delete.refused(&["archive", "is used by", "every one"]);
    json(&server, &["route", "delete", "every one"]);
    json(&server, &["target", "delete", &id]);
    let left = json(&server, &["target", "list"]);
    assert_eq!(left.as_array().map(Vec::len), Some(1));
    let expected = [
        ("target.create", "archive"),
        ("route.create", "all"),
        ("target.create", "second"),
        ("target.update", "the second"),
        ("route.update", "every one"),
        ("settings.update", ""),
        ("settings.update", ""),
        ("route.delete", "every one"),
        ("target.delete", "archive"),
    ];
    let expected = expected.map(|(action, name)| (format!("routing-{action}"), name.to_owned()));
    assert_eq!(changes(&server.events()), expected);
}

#[test]
fn a_document_that_is_shown_can_come_back_where_secrets_have_a_form() {
    let server = Server::start();
    let secret = server.path().join("secret");
    fs::write(
        &secret,
        "whsec_YSBzaWduaW5nIGtleSBvZiB0aGlydHktdHdvIGJ5dGU=",
    )
    .expect("a file");
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).expect("permissions");
    let given = format!("signing_secret={}", secret.display());
    let create = [
        "target", "create", "hook", "--type", "webhook", "--secret", &given,
    ];
    let create = [&create[..], &["--set", "url=https://127.0.0.1:9/hook"]].concat();
    server.cli(&create).success();
    let mut document = json(&server, &["target", "show", "hook"]);
    assert_eq!(document["webhook_endpoint"]["signing_secret"], "********");
    document["webhook_endpoint"]["timeout_seconds"] = json!(7);
    let update = ["target", "update", "hook", "--document", "-"];
    server
        .cli_with_input(&update, &document.to_string())
        .success();
    let shown = json(&server, &["target", "show", "hook"]);
    assert_eq!(shown["webhook_endpoint"]["timeout_seconds"], 7);
    document["webhook_endpoint"]["signing_secret"] = json!("none");
    server
        .cli_with_input(&update, &document.to_string())
        .refused(&["signing_secret"]);
}

#[test]
fn a_secret_comes_in_once_and_is_shown_nowhere() {
    let mut server = Server::start();
    let made = create_command(&server, "hook");
    assert_eq!(made["problem"], Value::Null, "{made}");
    let mask = json!({"TOKEN": "********"});
    assert_eq!(
        made["target"]["command_endpoint"]["secret_environment"],
        mask
    );
    // What was shown comes back, and the secret stays: the target still works, with and without a server.
    let shown = json(&server, &["target", "show", "hook"]);
    let mut document = shown;
    document["command_endpoint"]["timeout_seconds"] = json!(21);
    let update = [
        "target",
        "update",
        "hook",
        "--document",
        "-",
        "--format",
        "json",
    ];
    let updated = server
        .cli_with_input(&update, &document.to_string())
        .success();
    assert_masked(&updated);
    server.stop();
    assert_no_secret_on_disk(&server.data());
    for other in [false, true] {
        if other {
            let document =
                json!({"program": "/bin/cat", "secret_environment": {"TOKEN": OTHER}}).to_string();
            let update = [
                "target",
                "update",
                "hook",
                "--endpoint",
                "-",
                "--format",
                "json",
            ];
            assert_masked(&server.cli_with_input(&update, &document).success());
        }
        assert_eq!(
            json(&server, &["target", "validate", "hook"])["problem"],
            Value::Null
        );
    }
    server.start_again();
    for arguments in [
        &["target", "list"][..],
        &["target", "show", "hook"],
        &["target", "validate", "hook"],
        &["events", "list"],
    ] {
        for format in ["text", "json", "jsonl"] {
            assert_masked(
                &server
                    .cli(&[arguments, &["--format", format]].concat())
                    .success(),
            );
        }
    }
    assert!(!server.log().contains(SECRET) && !server.log().contains(OTHER));
    assert_no_secret_on_disk(&server.data());
    server.stop();
    assert_no_secret_on_disk(&server.data());
}

/// How many targets there are and how many events.
fn counts(server: &Server) -> (Option<usize>, usize) {
    let targets = json(server, &["target", "list"]);
    (targets.as_array().map(Vec::len), server.events().len())
}

#[test]
fn what_is_wrong_with_a_target_is_named_and_changes_nothing() {
    let server = Server::start();
    create_file(&server, "archive");
    let before = counts(&server);
    let create = |arguments: &[&str], words: &[&str]| {
        let arguments = [&["target", "create"], arguments].concat();
        server.cli(&arguments).refused(words);
    };
    let file = |set: &[&str], words: &[&str]| {
        create(&[&["new", "--type", "file"], set].concat(), words);
    };
    file(&["--set", "path=x"], &["path", "absolute"]);
    file(
        &["--set", "path=/x", "--set", "pathh=/x"],
        &["file_endpoint", "unknown field `pathh`"],
    );
    file(&["--set", "path=/x", "--region", "EU"], &["region"]);
    file(&[], &["file_endpoint", "path"]);
    create(&["new", "--type", "fax"], &["target_type", "fax", "syslog"]);
    create(&["a/b", "--type", "file", "--set", "path=/x"], &["name"]);
    create(
        &["archive", "--type", "file", "--set", "path=/x"],
        &["name", "archive"],
    );
    let document = |text: &str, words: &[&str]| {
        let create = ["target", "create", "--document", "-"];
        let refused = server.cli_with_input(&create, text);
        refused.refused(words);
        assert_masked(&refused);
    };
    let command = |endpoint: Value| {
        json!({"name": "new", "target_type": "command", "command_endpoint": endpoint}).to_string()
    };
    let masked = json!({"program": "/bin/cat", "secret_environment": {"A": "********"}});
    document(&command(masked), &["mask"]);
    let misplaced = json!({"program": [SECRET]});
    document(&command(misplaced), &["command_endpoint.program", "string"]);
    document(
        r#"{"name": "new", "target_type": "file", "cos_endpoint": {}}"#,
        &["cos_endpoint"],
    );
    document("[]", &["not a JSON object"]);
    let update = ["target", "update", "archive", "--document", "-"];
    let changed = server.cli_with_input(&update, r#"{"target_type": "syslog"}"#);
    changed.refused(&["target_type", "file for good"]);
    for verb in ["delete", "validate", "show"] {
        server
            .cli(&["target", verb, "none"])
            .refused(&["no target `none`"]);
    }
    assert_eq!(counts(&server), before);
}

#[test]
fn a_secret_is_not_taken_as_an_argument() {
    let server = Server::start();
    create_command(&server, "hook");
    let token = format!("secret_environment.TOKEN={SECRET}");
    let refused = server.cli(&["target", "update", "hook", "--set", &token]);
    refused.refused(&["--secret secret_environment.TOKEN=FILE"]);
    assert_masked(&refused);
}

#[test]
fn what_is_wrong_with_routes_and_settings_is_named_and_changes_nothing() {
    let server =
        Server::start_set("[routing]\ntargets-max = 2\nroutes-max = 1\nrules-per-route-max = 2");
    create_file(&server, "archive");
    let before = counts(&server);
    let route = |rules: &[&str], words: &[&str]| {
        let arguments = [&["route", "create", "r"], rules].concat();
        server.cli(&arguments).refused(words);
    };
    route(&["--rule", "*=none"], &["target_ids", "none"]);
    route(&["--rule", "EU=archive"], &["locations", "EU"]);
    route(&["--rule", "=archive"], &["locations"]);
    route(&["--rule", "archive"], &["--rule"]);
    route(&[], &["rules"]);
    let three = ["--rule", "*=", "--rule", "*=", "--rule", "*="];
    route(&three, &["rules", "at most 2", "rules-per-route-max"]);
    server
        .cli(&["route", "update", "r", "--name", "x"])
        .refused(&["no route `r`"]);
    server
        .cli(&["route", "delete", "r"])
        .refused(&["no route `r`"]);
    let settings = |arguments: &[&str], words: &[&str]| {
        let arguments = [&["routing-settings", "set"], arguments].concat();
        server.cli(&arguments).refused(words);
    };
    settings(&["--default-target", "none"], &["none"]);
    settings(&["--permitted-region", "EU"], &["permitted_target_regions"]);
    let set = ["routing-settings", "set", "--document", "-"];
    let document = |text: &str, word: &str| server.cli_with_input(&set, text).refused(&[word]);
    document(
        r#"{"default_targets": ["01900000-0000-7000-8000-000000000000"]}"#,
        "default_targets",
    );
    document(r#"{"default_target": []}"#, "default_target");
    assert_eq!(counts(&server), before);

    create_file(&server, "second");
    let third = [
        "target", "create", "third", "--type", "file", "--set", "path=/x",
    ];
    server
        .cli(&third)
        .refused(&["targets", "at most 2", "targets-max"]);
    let warned = ["route", "create", "r", "--rule", "eu-gb,us-south=archive"];
    let warned = server.cli(&warned).success();
    assert!(
        warned.stderr.contains("No events are generated in eu-gb:"),
        "{warned:?}"
    );
    let second = ["route", "create", "s", "--rule", "*="];
    server
        .cli(&second)
        .refused(&["routes", "at most 1", "routes-max"]);
}

#[test]
fn a_target_that_cannot_be_reached_is_made_and_says_so() {
    let mut server = Server::start();
    let missing = format!("path={}/no-folder/events.jsonl", server.path().display());
    let create = [
        "target", "create", "far", "--type", "file", "--set", &missing, "--format", "json",
    ];
    let made = server.cli(&create).success();
    assert!(
        made.stderr.contains("The test record was not taken"),
        "{made:?}"
    );
    let made: Value = serde_json::from_str(&made.stdout).expect("JSON");
    assert!(
        made["problem"]
            .as_str()
            .is_some_and(|problem| problem.contains("is not there")),
        "{made}"
    );
    assert_status(&made["target"], "failed", true);
    assert_status(&json(&server, &["target", "show", "far"]), "failed", true);
    let tested = json(&server, &["target", "validate", "far"]);
    assert!(tested["problem"].is_string(), "{tested}");
    fs::create_dir(server.path().join("no-folder")).expect("a folder");
    let tested = json(&server, &["target", "validate", "far"]);
    assert_eq!(tested["problem"], Value::Null);
    assert_status(&tested["target"], "success", false);
    let text = fs::read_to_string(server.path().join("no-folder/events.jsonl")).expect("the file");
    assert!(text.contains(r#"{"test":{"#), "{text}");
    // A change of what is reached, and a restart, leave nothing that was tried.
    let update = ["target", "update", "far", "--set", "rotate_daily=true"];
    json(&server, &update);
    until("nothing tried", || {
        let target = json(&server, &["target", "show", "far"]);
        (target["write_status"]["status"] == "unknown").then_some(())
    });
    json(&server, &["target", "validate", "far"]);
    server.stop();
    assert_status(&json(&server, &["target", "show", "far"]), "unknown", false);
    let tested = json(&server, &["target", "validate", "far"]);
    assert_status(&tested["target"], "success", false);
    server.start_again();
    assert_status(&json(&server, &["target", "show", "far"]), "unknown", false);
    // Nor does it keep a target from being changed.
    let missing = missing.replace("no-folder", "nowhere");
    json(&server, &["target", "update", "far", "--set", &missing]);
    assert!(json(&server, &["target", "validate", "far"])["problem"].is_string());
    json(&server, &["route", "create", "all", "--rule", "*=far"]);
    until("the failure to show", || {
        let status = &json(&server, &["target", "show", "far"])["write_status"];
        let reason = status["reason_for_last_failure"]
            .as_str()
            .unwrap_or_default();
        (status["status"] == "failed" && reason.contains("nowhere")).then_some(())
    });
}

/// Checks the `write_status` of a target, and whether it tells of a missing folder.
#[track_caller]
fn assert_status(target: &Value, status: &str, tells: bool) {
    let shown = &target["write_status"];
    assert_eq!(shown["status"], status, "{target}");
    let reason = shown["reason_for_last_failure"].as_str();
    assert_eq!(
        reason.is_some_and(|reason| reason.contains("is not there")),
        tells,
        "{target}"
    );
    assert_eq!(shown["last_failure"].is_string(), tells, "{target}");
}

#[test]
fn a_change_holds_without_a_restart() {
    let server = Server::start();
    create_file(&server, "archive");
    let received = || fs::read_to_string(server.path().join("archive.jsonl")).unwrap_or_default();
    let creates = || {
        received()
            .lines()
            .filter(|line| line.contains("kmip-key.create"))
            .count()
    };
    let make = || server.connect().ask(create(key_template())).success();
    json(&server, &["route", "create", "all", "--rule", "*=archive"]);
    make();
    until("the first event", || (creates() == 1).then_some(()));
    // Discarded on purpose, also where there are default targets.
    json(
        &server,
        &["routing-settings", "set", "--default-target", "archive"],
    );
    json(&server, &["route", "update", "all", "--rule", "*="]);
    make();
    // The routes of the moment of delivery decide.
    until("the target to have passed it", || {
        let target = json(&server, &["target", "show", "archive"]);
        (target["lag"]["events"] == 0).then_some(())
    });
    // The extended set is kept back, the rest is delivered.
    json(
        &server,
        &[
            "routing-settings",
            "set",
            "--default-target",
            "archive",
            "--extended-events",
            "false",
        ],
    );
    json(&server, &["route", "delete", "all"]);
    make();
    until("the last event", || (creates() == 2).then_some(()));
    let text = received();
    assert!(text.contains("routing-route.create"), "{text}");
    assert!(!text.contains("routing-route.delete"), "{text}");
}
