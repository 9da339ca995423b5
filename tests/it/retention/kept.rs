//! What is left of a trail whose first events went: listed, proved, exported, and the same trail in every epoch and after every crash.

use std::fs;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use tlog_tiles::{Hash, check_record, check_tree, record_hash};

use super::{Site, old_trail};
use crate::harness::{Server, run_cli};

const SETTINGS: &str = "[trail]\nkeep-days = 30\ncheckpoint-seconds = 1\n";

/// A server whose 1901 first events are old, and a checkpoint of the time when there were 701.
fn site() -> Site {
    let mut kept = String::new();
    let server = Server::start_prepared(SETTINGS, |directory| {
        old_trail::begin(directory);
        old_trail::append(directory, 700);
        kept = run_cli(directory, &["events", "checkpoint"])
            .success()
            .stdout;
        old_trail::append(directory, 1200);
        run_cli(directory, &["events", "checkpoint"]).success();
    });
    assert_eq!(kept.lines().nth(1), Some("701"));
    let early = server.path().join("early");
    fs::write(&early, kept).expect("a file");
    let early = early.to_str().expect("a text").to_owned();
    Site::of(server, vec![early])
}

#[test]
fn old_events_go_and_everything_that_is_left_is_proved_in_every_epoch() {
    let mut site = site();
    site.keep_a_checkpoint("before");
    site.is_gone_until(1792);
    site.server.new_key();
    let trimmed = site.said("trail.trim");
    let [trimmed] = trimmed.as_slice() else {
        panic!("one removal: {trimmed:?}")
    };
    assert_eq!(trimmed["severity"], "warning");
    assert_eq!(trimmed["target"]["name"], "old");
    let data = serde_json::json!({"epoch": 1, "firstSequence": 0, "lastSequence": 1791, "reason": "keep-days = 30"});
    assert_eq!(trimmed["requestData"], data);
    site.keep_a_checkpoint("after");
    let verified = site.verify().success();
    let words = "Events 0 to 1791 were removed by retention, as event 19";
    assert!(verified.stderr.contains(words), "{verified:?}");
    assert!(
        verified.stdout.contains("3 given, all agree"),
        "{verified:?}"
    );
    reads(&site);
    proves(&site);
    exports(&site);
    // Restarts and epochs.
    site.server.stop();
    site.server.start_again();
    site.server.new_key();
    let begin = ["events", "new-epoch", "--reason", "a test"];
    site.server.cli(&begin).success();
    site.server.new_key();
    site.keep_a_checkpoint("second epoch");
    site.verify().success();
    site.server.stop();
    let verified = site.verify().success();
    assert!(
        verified.stdout.contains("1, events 1792 to"),
        "{verified:?}"
    );
    proves(&site);
    exports(&site);
    // An epoch that nothing seals yet: what the one before it sealed counts.
    run_cli(site.server.path(), &begin).success();
    run_cli(site.server.path(), &["events", "verify"]).success();
}

/// What reads events begins with the first that is there.
fn reads(site: &Site) {
    let listed = site
        .server
        .cli(&["events", "list", "--limit", "3"])
        .success();
    let sequences = listed
        .stdout
        .lines()
        .map(|line| line.split_whitespace().next());
    assert!(
        sequences.eq([Some("1792"), Some("1793"), Some("1794")]),
        "{listed:?}"
    );
    let words = "Events 0 to 1791 were removed by retention";
    assert!(listed.stderr.contains(words), "{listed:?}");
    site.server.cli(&["events", "show", "1792"]).success();
    let gone = site.server.cli(&["events", "show", "1791"]);
    gone.refused(&["event 1791 was removed by retention", "first event is 1792"]);
    let tail = ["events", "tail", "--lines", "5000"];
    let tail = site.server.cli(&tail).success();
    assert!(tail.stdout.starts_with("1792 "), "{tail:?}");
    let gone = site.server.cli(&["events", "export", "--from", "17"]);
    gone.refused(&["event 17 was removed by retention"]);
}

fn hashes<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<Hash> {
    let hash = |line| Hash::parse_hash(line).expect("a hash");
    lines.map(hash).collect()
}

/// Size and root of a checkpoint.
fn opened(note: &str) -> (u64, Hash) {
    let (text, _) = note.split_once("\n\n").expect("a note");
    let checkpoint = tlog_tiles::Checkpoint::from_bytes(format!("{text}\n").as_bytes());
    let checkpoint = checkpoint.expect("a checkpoint");
    (checkpoint.size(), Hash(checkpoint.hash().0))
}

/// Others accept that events are there, and that the trail only grew since any checkpoint, also one of what went.
fn proves(site: &Site) {
    for index in [1792, 1793, 1900, 1902] {
        let prove = ["events", "prove", "inclusion", &index.to_string()];
        let proof = run_cli(site.server.path(), &prove).success().stdout;
        let (head, note) = proof.split_once("\n\n").expect("two parts");
        let extra = head
            .lines()
            .nth(1)
            .and_then(|line| line.strip_prefix("extra "));
        let event = BASE64.decode(extra.expect("the event")).expect("base64");
        let (size, root) = opened(note);
        let path = hashes(head.lines().skip(3));
        check_record(&path, size, root, index, record_hash(&event)).expect("a proof");
    }
    for kept in &site.kept {
        let prove = ["events", "prove", "consistency", kept];
        let proof = run_cli(site.server.path(), &prove).success().stdout;
        let (head, note) = proof.split_once("\n\n").expect("two parts");
        let (old, old_root) = opened(&fs::read_to_string(kept).expect("a checkpoint"));
        let (size, root) = opened(note);
        check_tree(&hashes(head.lines().skip(1)), size, root, old, old_root).expect("a proof");
    }
}

/// An export of what is left says that the rest was removed, and holds without the store.
fn exports(site: &Site) {
    let file = site.server.path().join("export.jsonl");
    let file = file.to_str().expect("a text");
    let export = ["events", "export", "--force", "--output", file];
    run_cli(site.server.path(), &export).success();
    let verified = site.verify_alone(file).success();
    assert!(verified.stdout.contains("from 1792 on"), "{verified:?}");
    let words = "Events 0 to 1791 were removed by retention, as event ";
    assert!(verified.stderr.contains(words), "{verified:?}");
    let altered = fs::read_to_string(file).expect("an export");
    fs::write(file, altered.replacen("\"Active\"", "\"active\"", 1)).expect("a file");
    let verified = site.verify_alone(file);
    assert_eq!(verified.code, 3, "{verified:?}");
    verified.refused(&["event 1792 "]);
}

#[test]
fn a_server_that_is_killed_again_and_again_removes_what_it_said_and_nothing_else() {
    let mut site = {
        let server = Server::start_prepared(SETTINGS, |directory| {
            old_trail::begin(directory);
            old_trail::append(directory, 12_000);
        });
        Site::of(server, vec![])
    };
    site.keep_a_checkpoint("early");
    site.server.kill();
    for milliseconds in [150, 400, 700, 1100, 1300, 1500] {
        site.server
            .start_and_kill(Duration::from_millis(milliseconds));
        site.verify().success();
    }
    site.server.start_again();
    site.is_gone_until(11_776);
    site.server.new_key();
    let verified = site.verify().success();
    assert!(
        verified.stderr.contains("Events 0 to 11775 "),
        "{verified:?}"
    );
    assert_eq!(site.said("trail.trim").len(), 1);
}
