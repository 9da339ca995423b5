//! Retention hides nothing: whatever else is missing or another is found, and what is not what was sealed does not go.

use std::fs;

use rusqlite::Connection;
use serde_json::Value;

use super::{Site, old_trail};
use crate::harness::{Server, copy, fresh_directory, run_cli, until};

const SETTINGS: &str = "[trail]\nkeep-days = 30\ncheckpoint-seconds = 1\n";

#[test]
fn what_is_missing_or_altered_beside_what_was_removed_is_found() {
    let mut early = String::new();
    let server = Server::start_prepared(SETTINGS, |directory| {
        old_trail::begin(directory);
        old_trail::append(directory, 700);
        early = run_cli(directory, &["events", "checkpoint"])
            .success()
            .stdout;
        old_trail::append(directory, 1200);
        run_cli(directory, &["events", "checkpoint"]).success();
    });
    let mut site = Site::of(server, vec![]);
    site.is_gone_until(1792);
    site.server.stop();
    let note = site.server.path().join("early");
    fs::write(&note, &early).expect("a file");
    let note = note.to_str().expect("a text");
    let trim = "(SELECT event FROM removal)";
    let rows: &[(String, &str)] = &[
        ("DELETE FROM event WHERE sequence = 1792".to_owned(), "event 1792 "),
        ("DELETE FROM event WHERE sequence = 1800".to_owned(), "event 1800 "),
        // One block more than was removed, as if it had been.
        (
            "UPDATE removal SET kept_from = 2048; DELETE FROM event WHERE sequence < 1900".to_owned(),
            "event 1792 ",
        ),
        (format!("DELETE FROM event WHERE sequence = {trim}"), "is missing"),
        (
            format!("UPDATE event SET leaf = zeroblob(32) WHERE sequence = {trim}"),
            "is not what was sealed",
        ),
        (
            "UPDATE event SET record = CAST(substr(record, 1, length(record) - 1) || x'ff' AS BLOB) WHERE sequence = 1793".to_owned(),
            "event 1793 ",
        ),
        ("UPDATE subtree SET hash = zeroblob(32) WHERE idx = 2".to_owned(), "the events from "),
        ("DELETE FROM subtree WHERE idx = 2".to_owned(), "lacks the hash"),
        // Only an earlier checkpoint asks for these.
        ("UPDATE removed_leaves SET hashes = zeroblob(8192)".to_owned(), "the events from 0 to 700"),
        ("DELETE FROM removed_leaves".to_owned(), "is missing"),
    ];
    for (change, words) in rows {
        let changed = fresh_directory();
        copy(site.server.path(), changed.path());
        let database = Connection::open(changed.path().join("data/keyledger.db"));
        database
            .expect("the database")
            .execute_batch(change)
            .expect("a change");
        let verify = [
            "events",
            "verify",
            "--public-key",
            &site.key,
            "--checkpoint",
            note,
        ];
        let verified = run_cli(changed.path(), &verify);
        assert_eq!(verified.code, 3, "{change}: {verified:?}");
        verified.refused(&[words]);
    }
    site.kept.push(note.to_owned());
    site.verify().success();
    // A checkpoint of other events than those that were removed.
    let (log, rest) = early.split_once('\n').expect("lines");
    assert!(log.starts_with("keyledger/"), "{rest}");
}

#[test]
fn events_that_were_removed_by_hand_are_missing_and_those_that_were_altered_stay() {
    let server = Server::start_prepared(SETTINGS, |directory| {
        old_trail::begin(directory);
        old_trail::append(directory, 1200);
        let database = Connection::open(directory.join("data/keyledger.db"));
        let alter = "UPDATE event SET record = (SELECT record FROM event WHERE sequence = 400) WHERE sequence = 300";
        database
            .expect("the database")
            .execute_batch(alter)
            .expect("a change");
    });
    let mut site = Site::of(server, vec![]);
    until("the failure", || {
        site.server
            .log()
            .contains("event 300 of the trail is not what was sealed")
            .then_some(())
    });
    until("the event", || {
        (site.said("trail.trim").len() == 2).then_some(())
    });
    let said = site.said("trail.trim");
    let is_failure = |event: &&Value| event["outcome"] == "failure";
    let (failed, trimmed): (Vec<_>, Vec<_>) = said.iter().partition(is_failure);
    assert_eq!(trimmed[0]["requestData"]["lastSequence"], 255);
    assert_eq!(
        failed[0]["requestData"]["reason"],
        "the trail is not what was sealed"
    );
    // What is sound before it goes.
    site.is_gone_until(256);
    let verified = site.verify();
    assert_eq!(verified.code, 3, "{verified:?}");
    verified.refused(&["event 300 "]);
    site.server.stop();
    let database = Connection::open(site.server.data().join("keyledger.db"));
    let remove = "DELETE FROM event WHERE sequence < 512";
    database
        .expect("the database")
        .execute_batch(remove)
        .expect("a change");
    let verified = site.verify();
    assert_eq!(verified.code, 3, "{verified:?}");
    verified.refused(&[
        "event 256 is missing",
        "no sealed event says that they were removed",
    ]);
}
