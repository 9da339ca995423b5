//! The seal of the trail: whatever is done to the trail is found, and checkpoints are what others' programs take them for.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, params};
use sha2::{Digest as _, Sha256};

use crate::harness::{Output, Server, copy, fresh_directory, run_cli, until};

/// A stopped server's directory with a trail, its verifier key, and a checkpoint that somebody keeps elsewhere.
struct Kept {
    server: Server,
    key: String,
    checkpoint: PathBuf,
    events: i64,
}

impl Kept {
    fn new() -> Self {
        Self::of(Server::start())
    }

    /// As of a server that was made by itself: those of the tests have their keys in common.
    fn of_another() -> Self {
        let mut server = Server::start();
        server.stop();
        let database = Connection::open(server.data().join("keyledger.db")).expect("the database");
        let forget = "DELETE FROM signing_key; DELETE FROM checkpoint";
        database.execute_batch(forget).expect("a change");
        server.start_again();
        Self::of(server)
    }

    fn of(mut server: Server) -> Self {
        for _ in 0..3 {
            server.new_key();
        }
        let key = server.cli(&["events", "public-key"]).success().stdout;
        let note = server.cli(&["events", "checkpoint"]).success().stdout;
        let checkpoint = server.path().join("kept.txt");
        fs::write(&checkpoint, &note).expect("a file");
        let size = note.lines().nth(1).expect("the size");
        let events = size.parse().expect("a number");
        server.cli(&["events", "verify"]).success();
        server.stop();
        let key = key.trim().to_owned();
        Self {
            server,
            key,
            checkpoint,
            events,
        }
    }

    fn database(&self) -> Connection {
        Connection::open(self.server.data().join("keyledger.db")).expect("the database")
    }

    fn change(&self, sql: &str) {
        self.database().execute_batch(sql).expect("a change");
    }

    fn verify(&self) -> Output {
        run_cli(self.server.path(), &["events", "verify"])
    }

    /// With what was kept elsewhere.
    fn verify_against_kept(&self) -> Output {
        let checkpoint = self.checkpoint.to_str().expect("a text");
        let verify = [
            "events",
            "verify",
            "--checkpoint",
            checkpoint,
            "--public-key",
            &self.key,
        ];
        run_cli(self.server.path(), &verify)
    }
}

#[track_caller]
fn broken(output: &Output, words: &str) {
    assert_eq!(output.code, 3, "{output:?}");
    assert!(output.stderr.contains(words), "{words:?} in {output:?}");
}

#[test]
fn a_sound_trail_verifies_with_and_without_a_server() {
    let mut kept = Kept::new();
    let offline = kept.verify_against_kept().success();
    assert!(offline.stdout.contains("all agree"), "{offline:?}");
    kept.server.start_again();
    kept.server.new_key();
    kept.verify_against_kept().success();
    let json = kept
        .server
        .cli(&["events", "verify", "--format", "json"])
        .success();
    let json: serde_json::Value = serde_json::from_str(&json.stdout).expect("JSON");
    assert!(json["events"].as_i64() > Some(kept.events), "{json}");
}

#[test]
fn every_change_of_an_event_is_found_and_its_sequence_named() {
    let change_byte = "UPDATE event SET record = CAST(substr(record, 1, length(record) - 1) || x'ff' AS BLOB) WHERE sequence = 2";
    let swap = "UPDATE event SET sequence = 1000000 WHERE sequence = 1; UPDATE event SET sequence = 1 WHERE sequence = 2; \
                UPDATE event SET sequence = 2 WHERE sequence = 1000000";
    let insert = "UPDATE event SET sequence = sequence + 1000 WHERE sequence >= 2; \
                  UPDATE event SET sequence = sequence - 999 WHERE sequence >= 1000; \
                  INSERT INTO event SELECT 2, record, leaf FROM event WHERE sequence = 1";
    for (sql, words) in [
        (change_byte, "event 2 "),
        (
            "UPDATE event SET leaf = zeroblob(32) WHERE sequence = 2",
            "event 2 is not what was sealed",
        ),
        (
            "UPDATE initiator SET name = name || 'x'",
            "is not what was sealed",
        ),
        ("DELETE FROM event WHERE sequence = 2", "event 2 is missing"),
        (swap, "the events from 0 to "),
        (insert, "the events from 0 to "),
        (
            "DELETE FROM event WHERE sequence = (SELECT max(sequence) FROM event)",
            "is missing",
        ),
    ] {
        let kept = Kept::new();
        kept.change(sql);
        broken(&kept.verify(), words);
    }
}

#[test]
fn a_trail_put_back_to_an_older_state_is_found_by_a_checkpoint_kept_elsewhere() {
    let mut kept = Kept::new();
    let older = fresh_directory();
    copy(&kept.server.data(), older.path());
    kept.server.start_again();
    kept.server.new_key();
    let note = kept.server.cli(&["events", "checkpoint"]).success().stdout;
    kept.server.stop();
    kept.verify_against_kept().success();
    fs::write(&kept.checkpoint, note).expect("a file");
    fs::remove_dir_all(kept.server.data()).expect("a folder");
    copy(older.path(), &kept.server.data());
    kept.verify().success();
    broken(
        &kept.verify_against_kept(),
        "is missing: the trail ends before it",
    );
}

/// Changes an event with all that is kept of it, as somebody does who may write to the database.
fn rewrite(database: &Connection, directory: &Path) {
    let set = "UPDATE initiator SET name = 'somebody-else'";
    database.execute_batch(set).expect("a change");
    let list = ["events", "list", "--format", "jsonl"];
    let printed = run_cli(directory, &list).success().stdout;
    for (sequence, json) in (0_i64..).zip(printed.lines()) {
        let leaf = Sha256::new()
            .chain_update([0])
            .chain_update(json)
            .finalize();
        let set = "UPDATE event SET leaf = ?2 WHERE sequence = ?1";
        let changed = database.execute(set, params![sequence, leaf.as_slice()]);
        assert_eq!(changed, Ok(1));
    }
    database
        .execute_batch("DELETE FROM checkpoint")
        .expect("a change");
}

#[test]
fn a_trail_rewritten_and_signed_again_is_found_by_a_checkpoint_kept_elsewhere() {
    let kept = Kept::new();
    rewrite(&kept.database(), kept.server.path());
    // Who does it well does it to the checkpoint beside the database, too.
    let sign = || run_cli(kept.server.path(), &["events", "checkpoint"]);
    sign().refused(&["other events than the checkpoint beside it"]);
    fs::remove_file(kept.server.data().join("checkpoint")).expect("a file");
    sign().refused(&["the checkpoint beside the database is missing"]);
    kept.change("DELETE FROM beside");
    sign().success();
    // The store agrees with itself: that is all it can say.
    kept.verify().success();
    broken(&kept.verify_against_kept(), "the events from 0 to ");
}

#[test]
fn a_trail_that_lost_what_was_sealed_is_not_signed_over_and_still_served() {
    let mut kept = Kept::new();
    kept.change("DELETE FROM event WHERE sequence >= 3");
    run_cli(kept.server.path(), &["events", "checkpoint"])
        .refused(&["is not signed", "events verify"]);
    kept.server.start_again();
    kept.server.new_key();
    until("the log to tell", || {
        kept.server
            .log()
            .contains("could not be sealed")
            .then_some(())
    });
    kept.server.stop();
    broken(&kept.verify(), "");
}

#[test]
fn a_seal_that_fails_is_on_the_record_once_and_once_more_when_it_works_again() {
    let mut kept = Kept::of(Server::start_set("[trail]\ncheckpoint-seconds = 1\n"));
    kept.change("DELETE FROM event WHERE sequence >= 3");
    kept.server.start_again();
    let told = || -> Vec<(serde_json::Value, serde_json::Value)> {
        let list = [
            "events",
            "list",
            "--action",
            "trail-seal.*",
            "--format",
            "jsonl",
        ];
        let listed = kept.server.cli(&list).success().stdout;
        let event = |json: &str| serde_json::from_str::<serde_json::Value>(json).expect("JSON");
        let told = |event: serde_json::Value| {
            (
                event["action"].clone(),
                event["requestData"]["reason"].clone(),
            )
        };
        listed.lines().map(event).map(told).collect()
    };
    until("the failure to be recorded", || {
        (!told().is_empty()).then_some(())
    });
    let new_epoch = ["events", "new-epoch", "--reason", "events were cut"];
    kept.server.cli(&new_epoch).success();
    until("the seal to work again", || {
        (told().len() > 1).then_some(())
    });
    let reason = "the trail does not hold what its last checkpoint seals";
    let fail = ("vmware-solutions.trail-seal.fail".into(), reason.into());
    let recover = "vmware-solutions.trail-seal.recover".into();
    assert_eq!(told(), [fail, (recover, serde_json::Value::Null)]);
}

#[test]
fn a_signing_key_that_is_damaged_is_found_by_a_check_and_recorded_by_a_server() {
    let mut kept = Kept::new();
    run_cli(kept.server.path(), &["serve", "--check"]).success();
    kept.change("UPDATE signing_key SET wrapped = CAST(substr(wrapped, 1, length(wrapped) - 1) || x'00' AS BLOB)");
    run_cli(kept.server.path(), &["serve", "--check"]).refused(&["the key that signs the trail"]);
    kept.server.start_again();
    kept.server.new_key();
    until("the failure to be recorded", || {
        let list = ["events", "list", "--action", "trail-seal.fail"];
        let listed = kept.server.cli(&list).success().stdout;
        listed.contains("trail-seal").then_some(())
    });
}

#[test]
fn a_hole_in_the_trail_keeps_no_server_from_serving() {
    let mut kept = Kept::new();
    kept.change("DELETE FROM event WHERE sequence = 2");
    kept.server.start_again();
    kept.server.new_key();
    broken(
        &kept.server.cli(&["events", "verify"]),
        "event 2 is missing",
    );
    assert!(kept.server.log().contains("The trail is damaged"));
}

#[test]
fn checkpoints_of_others_and_what_is_none_are_told_apart() {
    let kept = Kept::new();
    let (path, other) = (kept.server.path(), Kept::of_another());
    let verify = |file: &Path, key: &str| {
        let file = file.to_str().expect("a text");
        run_cli(
            path,
            &[
                "events",
                "verify",
                "--checkpoint",
                file,
                "--public-key",
                key,
            ],
        )
    };
    broken(
        &verify(&other.checkpoint, &kept.key),
        "not signed by this key",
    );
    broken(
        &verify(&kept.checkpoint, &other.key),
        "not signed by this key",
    );
    let forged = fs::read_to_string(&kept.checkpoint).expect("a file");
    let forged = forged.replacen(&format!("\n{}\n", kept.events), "\n1\n", 1);
    fs::write(&kept.checkpoint, forged).expect("a file");
    broken(
        &verify(&kept.checkpoint, &kept.key),
        "its signature is wrong",
    );
    fs::write(&kept.checkpoint, "no note\n").expect("a file");
    let none = verify(&kept.checkpoint, &kept.key);
    assert_eq!(none.code, 2, "{none:?}");
    assert_eq!(verify(&kept.checkpoint, "no key").code, 2);
}

#[test]
fn checkpoints_are_made_at_an_interval_and_at_the_end() {
    let mut server = Server::start_set("[trail]\ncheckpoint-seconds = 1\n");
    server.new_key();
    let path = server.data().join("keyledger.db");
    let sealed = || -> (i64, i64) {
        let database = Connection::open(&path).expect("the database");
        let sql = "SELECT (SELECT size FROM checkpoint), (SELECT max(sequence) + 1 FROM event)";
        database
            .query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))
            .expect("numbers")
    };
    until("a checkpoint of every event", || {
        let (size, events) = sealed();
        (size == events).then_some(())
    });
    server.new_key();
    server.stop();
    let (size, events) = sealed();
    assert_eq!(size, events);
}

/// The hashes of a tree as `tlog_tiles` stores them.
pub(crate) struct Hashes(pub(crate) Vec<tlog_tiles::Hash>);

impl tlog_tiles::HashReader for Hashes {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<tlog_tiles::Hash>, tlog_tiles::Error> {
        let at = |index: &u64| self.0[usize::try_from(*index).expect("an index")];
        Ok(indexes.iter().map(at).collect())
    }
}

#[test]
fn a_checkpoint_is_what_programs_of_others_take_it_for() {
    let server = Server::start();
    for _ in 0..5 {
        server.new_key();
    }
    let note = server.cli(&["events", "checkpoint"]).success().stdout;
    let line = server.cli(&["events", "checkpoint", "--format", "jsonl"]);
    let line: serde_json::Value = serde_json::from_str(&line.success().stdout).expect("JSON");
    assert_eq!(line["checkpoint"]["note"], note);
    let key = server.cli(&["events", "public-key"]).success().stdout;
    let verifier = signed_note::StandardVerifier::new(key.trim()).expect("a verifier key");
    let known = signed_note::VerifierList::new(vec![Box::new(verifier)]);
    let signed = signed_note::Note::from_bytes(note.as_bytes()).expect("a note");
    let (by_known, by_others) = signed.verify(&known).expect("a signed note");
    assert_eq!((by_known.len(), by_others.len()), (1, 0));
    let checkpoint = tlog_tiles::Checkpoint::from_bytes(signed.text()).expect("a checkpoint");
    assert!(key.starts_with(checkpoint.origin()), "{key}");
    let printed = server.cli(&["events", "list", "--format", "jsonl"]);
    let printed = printed.success().stdout;
    let mut hashes = Hashes(Vec::new());
    let sealed = usize::try_from(checkpoint.size()).expect("a number");
    for (sequence, json) in (0..).zip(printed.lines().take(sealed)) {
        let more = tlog_tiles::stored_hashes(sequence, json.as_bytes(), &hashes);
        hashes.0.extend(more.expect("hashes"));
    }
    let root = tlog_tiles::tree_hash(checkpoint.size(), &hashes).expect("a root");
    assert_eq!(root.0, checkpoint.hash().0);
}
