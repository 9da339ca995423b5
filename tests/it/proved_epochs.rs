//! What is proved of a trail of two epochs, as programs of others check it.

use std::fs;

use tlog_tiles::{Hash, check_tree, stored_hashes, tree_hash};

use crate::epochs::PutBack;
use crate::harness::run_cli;
use crate::proofs::{hashes, opened};
use crate::sealed::Hashes;

/// A stopped server in its second epoch.
fn second_epoch() -> PutBack {
    let mut old = PutBack::new();
    old.put_back();
    old.server.start_again();
    old.server.new_key();
    old.server.stop();
    old
}

/// The line of JSON of a file of them that begins with `begins`.
fn line(lines: &str, begins: &str) -> serde_json::Value {
    let line = lines.lines().find(|line| line.starts_with(begins));
    serde_json::from_str(line.expect("a line")).expect("JSON")
}

/// The root of the first `size` events.
fn root(lines: &str, size: u64) -> Hash {
    let mut stored = Hashes(Vec::new());
    let events = lines.lines().filter(|line| line.starts_with("{\"id\":"));
    for (sequence, json) in (0..size).zip(events) {
        let more = stored_hashes(sequence, json.as_bytes(), &stored);
        stored.0.extend(more.expect("hashes"));
    }
    tree_hash(size, &stored).expect("a root")
}

#[test]
fn others_accept_the_export_of_a_server_with_two_epochs() {
    let old = second_epoch();
    let run = |arguments: &[&str]| {
        let events = [&["events"], arguments].concat();
        run_cli(old.server.path(), &events).success().stdout
    };
    let export = run(&["export"]);
    let begins = line(&export, "{\"export\":");
    let epochs = begins["export"]["epochs"].as_array().expect("epochs");
    assert_eq!(epochs.len(), 2);
    assert_eq!(epochs[1]["first"], old.before);
    let last = line(&export, "{\"checkpoint\":");
    let note = last["checkpoint"]["note"].as_str().expect("a note");
    let log = note.lines().next().expect("a log");
    assert!(log.ends_with("/2"), "{log}");
    // The key bears the name of the epoch under way.
    let key = run(&["public-key"]);
    let (size, sealed) = opened(note, key.trim());
    let events = export.lines().filter(|line| line.starts_with("{\"id\":"));
    assert_eq!(u64::try_from(events.count()), Ok(size));
    assert_eq!(root(&export, size), sealed);
    assert_ne!(root(&export, size - 1), sealed);
    let leaves = line(&export, "{\"leaves\":");
    let leaves = leaves["leaves"].as_array().expect("hashes");
    let leaves = hashes(leaves.iter().filter_map(serde_json::Value::as_str));
    let records = export.lines().filter(|line| line.starts_with("{\"id\":"));
    let records: Vec<_> = records
        .map(|json| tlog_tiles::record_hash(json.as_bytes()))
        .collect();
    assert_eq!(leaves, records);
}

#[test]
fn others_accept_the_proof_that_the_next_epoch_goes_on_from_what_was_there() {
    let mut old = second_epoch();
    let path = old.server.path().to_owned();
    let run = |arguments: &[&str]| run_cli(&path, arguments).success().stdout;
    // Its text bears the name of the epoch under way; the key in it is the same.
    let key = || run(&["events", "public-key"]).trim().to_owned();
    let (first, key_of_first) = (run(&["events", "checkpoint"]), key());
    let kept = path.join("kept");
    fs::write(&kept, &first).expect("a file");
    run(&["events", "new-epoch", "--reason", "as commanded"]);
    old.server.start_again();
    old.server.new_key();
    let kept = kept.to_str().expect("a text");
    let proof = run(&["events", "prove", "consistency", kept]);
    let (head, note) = proof.split_once("\n\n").expect("two parts");
    let (before, before_root) = opened(&first, &key_of_first);
    let (size, root) = opened(note, &key());
    assert!(
        note.lines().next().is_some_and(|log| log.ends_with("/3")),
        "{note}"
    );
    let mut lines = head.lines();
    assert_eq!(lines.next(), Some(&*format!("old {before}")));
    let path = hashes(lines);
    check_tree(&path, size, root, before, before_root).expect("a proof");
    assert!(check_tree(&path, size, root, before, root).is_err());
}
