//! Retention waits for targets that routes name, up to a limit; past it the gap is on the record and the target goes on.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::{Site, old_trail};
use crate::harness::{Server, fresh_directory, run_cli, run_cli_with_input, until};

/// A server with an old trail and a target `log`, a file whose folder is missing, that is to get everything from the start.
fn site(limits: &str) -> Site {
    let settings = format!("[trail]\nkeep-days = 30\ncheckpoint-seconds = 1\n{limits}");
    let server = Server::start_prepared(&settings, |directory| {
        old_trail::begin(directory);
        old_trail::append(directory, 1200);
        let endpoint = json!({ "path": directory.join("log/events.jsonl") }).to_string();
        let add = [
            "target",
            "add",
            "log",
            "--type",
            "file",
            "--from",
            "start",
            "--endpoint",
            "-",
        ];
        run_cli_with_input(directory, &add, &endpoint).success();
        run_cli(directory, &["route", "set", "all", "--rule", "*=log"]).success();
    });
    Site::of(server, vec![])
}

fn lines(directory: &Path) -> Vec<Value> {
    let text = fs::read_to_string(directory.join("log/events.jsonl")).unwrap_or_default();
    let line = |line| serde_json::from_str(line).expect("whole lines of JSON");
    text.lines().map(line).collect()
}

fn target(site: &Site) -> Value {
    let shown = ["target", "show", "log", "--format", "json"];
    let shown = site.server.cli(&shown).success().stdout;
    serde_json::from_str(&shown).expect("a target as JSON")
}

#[test]
fn a_target_that_does_not_take_events_keeps_them_until_it_does() {
    let mut site = site("");
    until("the hold", || {
        let log = site.server.log();
        log.contains("Old events are kept until a target has them")
            .then_some(())
    });
    assert_eq!((site.first(), site.said("trail.trim").len()), (0, 0));
    fs::create_dir(site.server.path().join("log")).expect("a folder");
    until("the delivery", || {
        (lines(site.server.path()).len() > 1200).then_some(())
    });
    // The next checkpoint has it look again.
    until("old events to go", || {
        site.server.new_key();
        (site.first() == 1024).then_some(())
    });
    assert!(target(&site)["gaps"].as_array().is_none_or(Vec::is_empty));
    assert!(site.said("routing-target.skip").is_empty());
    // What the target received is whole, and goes on after what was removed.
    site.keep_a_checkpoint("late");
    let (note, file) = (
        site.kept[0].clone(),
        site.server.path().join("log/events.jsonl"),
    );
    let size: usize = fs::read_to_string(note)
        .expect("a note")
        .lines()
        .nth(1)
        .expect("a size")
        .parse()
        .expect("a number");
    until("the last event", || {
        let events = lines(site.server.path());
        (events.iter().filter(|line| line["id"].is_string()).count() >= size).then_some(())
    });
    site.verify_alone(file.to_str().expect("a text")).success();
    site.verify().success();
    site.server
        .cli(&["target", "follow", "log", "--from", "1023"])
        .refused(&["event 1023 was removed by retention: write 1024 at least"]);
    // From the start is from the first that is there.
    site.server
        .cli(&["target", "follow", "log", "--from", "start"])
        .success();
    until("the events again", || {
        (target(&site)["lag"]["events"] == 0).then_some(())
    });
    assert_eq!(target(&site)["write_status"]["status"], "success");
}

#[test]
fn past_the_limit_a_gap_is_recorded_and_shown_and_the_target_goes_on_after_it() {
    let mut site = site("keep-days-max = 35\n");
    site.is_gone_until(1024);
    let skipped = site.said("routing-target.skip");
    assert_eq!(skipped.len(), 1);
    assert_eq!(skipped[0]["severity"], "critical");
    let data = &skipped[0]["requestData"];
    assert_eq!(data["name"], "log");
    assert_eq!(
        (&data["sequences"], &data["count"]),
        (&json!(["0-1023"]), &json!(1024))
    );
    let trimmed = site.said("trail.trim");
    assert_eq!(trimmed[0]["requestData"]["reason"], "keep-days-max = 35");
    assert_eq!(trimmed[0]["correlationId"].as_str().map(str::len), Some(36));
    let shown = target(&site);
    assert_eq!(
        shown["gaps"],
        json!([{"first": 0, "last": 1023}]),
        "{shown}"
    );
    assert_eq!(shown["lag"]["next"], 1024);
    site.server.stop();
    site.server.start_again();
    fs::create_dir(site.server.path().join("log")).expect("a folder");
    until("the delivery", || {
        (target(&site)["lag"]["events"] == 0).then_some(())
    });
    let show = ["events", "show", "1024", "--format", "jsonl"];
    let first: Value =
        serde_json::from_str(&site.server.cli(&show).success().stdout).expect("JSON");
    assert_eq!(lines(site.server.path())[0]["id"], first["id"]);
    site.keep_a_checkpoint("late");
    site.verify().success();
    // What came after the gap is verified as what a target received that was made later.
    let size = fs::read_to_string(&site.kept[0]).expect("a note");
    let size = size.lines().nth(1).and_then(|size| size.parse().ok());
    let size: usize = size.expect("a size");
    until("the last event", || {
        let lines = lines(site.server.path());
        let events = lines.iter().filter(|line| line["id"].is_string()).count();
        (events + 1024 >= size).then_some(())
    });
    let start = site.server.path().join("start.jsonl");
    let start = start.to_str().expect("a text");
    let export = ["events", "export", "--from", "1024", "--to", "1024"];
    let export = [&export[..], &["--output", start]].concat();
    site.server.cli(&export).success();
    let received = site.server.path().join("log/events.jsonl");
    let received = received.to_str().expect("a text");
    let both = site.against(&["--export", start, "--export", received]);
    run_cli(fresh_directory().path(), &both).success();
}
