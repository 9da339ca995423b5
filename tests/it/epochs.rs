//! Epochs of the trail: a database that was put back is noticed, served, and never taken for what it was; an operator begins one by command.

use std::fs;
use std::path::PathBuf;

use rusqlite::Connection;
use serde_json::Value;

use crate::harness::{Output, Server, run_cli, until};

/// A stopped server whose database can be put back to what it was before the last keys were made.
pub(crate) struct PutBack {
    pub(crate) server: Server,
    pub(crate) key: String,
    older: Vec<u8>,
    /// Events of the older database.
    pub(crate) before: u64,
    /// Events that were sealed when the server was stopped.
    sealed: u64,
}

impl PutBack {
    pub(crate) fn new() -> Self {
        Self::of(Server::start())
    }

    fn of(mut server: Server) -> Self {
        server.new_key();
        server.stop();
        let older = fs::read(server.data().join("keyledger.db")).expect("the database");
        let before = events(&server);
        server.start_again();
        for _ in 0..3 {
            server.new_key();
        }
        let key = server.cli(&["events", "public-key"]).success().stdout;
        server.stop();
        let sealed = events(&server);
        assert!(sealed >= before + 3);
        Self {
            key: key.trim().to_owned(),
            server,
            older,
            before,
            sealed,
        }
    }

    pub(crate) fn put_back(&self) {
        fs::write(self.server.data().join("keyledger.db"), &self.older).expect("a file");
    }

    fn before(&self) -> usize {
        usize::try_from(self.before).expect("a number")
    }

    fn beside(&self) -> PathBuf {
        self.server.data().join("checkpoint")
    }

    fn begun(&self) -> Vec<(u64, Value)> {
        let begun =
            |(_, event): &(u64, Value)| event["action"] == "vmware-solutions.trail.begin-epoch";
        all(&self.server).into_iter().filter(begun).collect()
    }

    fn verify(&self, arguments: &[&str]) -> Output {
        let verify = ["events", "verify", "--public-key", &self.key];
        run_cli(self.server.path(), &[&verify, arguments].concat())
    }
}

fn all(server: &Server) -> Vec<(u64, Value)> {
    let printed = run_cli(server.path(), &["events", "list", "--format", "jsonl"]);
    let printed = printed.success().stdout;
    let event = |json| serde_json::from_str(json).expect("JSON");
    (0..).zip(printed.lines().map(event)).collect()
}

fn events(server: &Server) -> u64 {
    all(server).last().map_or(0, |(sequence, _)| sequence + 1)
}

#[test]
fn a_database_put_back_to_an_older_copy_begins_a_new_epoch_and_is_served() {
    let mut old = PutBack::new();
    let last = fs::read_to_string(old.beside()).expect("the last checkpoint");
    let kept = old.server.path().join("kept");
    fs::write(&kept, &last).expect("a file");
    let kept = kept.to_str().expect("a text").to_owned();
    old.verify(&["--checkpoint", &kept]).success();
    old.put_back();
    // What signs does not sign over it before.
    let signed = run_cli(old.server.path(), &["events", "checkpoint"]);
    signed.refused(&["older than the checkpoint", "new epoch"]);
    old.server.start_again();
    old.server.new_key();
    assert!(old.server.log().contains("begins a new epoch"));
    let begun = old.begun();
    let [(sequence, event)] = begun.as_slice() else {
        panic!("one epoch begins: {begun:?}")
    };
    assert_eq!(*sequence, old.before);
    assert_eq!(event["severity"], "critical");
    let origin = event["target"]["name"].as_str().expect("a name");
    assert_eq!(event["initiator"]["id"], format!("Server-{origin}"));
    let data = &event["requestData"];
    assert_eq!(data["epoch"], 2);
    assert_eq!(data["firstSequence"], old.before);
    assert_eq!(data["finding"], "rolled-back");
    assert_eq!(data["lastEpoch"], 1);
    assert_eq!(data["lastSealed"], old.sealed);
    assert_eq!(data["lastCheckpoint"], last);
    let note = old.server.cli(&["events", "checkpoint"]).success().stdout;
    assert!(
        note.starts_with(&format!("keyledger/{origin}/2\n")),
        "{note}"
    );
    // The epoch goes on at the next start.
    old.server.stop();
    old.server.start_again();
    old.server.new_key();
    old.server.stop();
    assert_eq!(old.begun().len(), 1);
    let (before, sealed) = (old.before, old.sealed);
    let verified = old.verify(&[]).success();
    let first = format!(
        "1, events 0 to {}; a checkpoint of it sealed {sealed}: {before} to {} are lost",
        before - 1,
        sealed - 1
    );
    assert!(verified.stdout.contains(&first), "{verified:?}");
    assert!(
        verified.stdout.contains(&format!("2, events {before} to ")),
        "{verified:?}"
    );
    let lost = old.verify(&["--checkpoint", &kept]);
    assert_eq!(lost.code, 3, "{lost:?}");
    lost.refused(&[&format!("event {before} of epoch 1 is missing")]);
    // Put back once more: to the time before the second epoch, whose number is not given again.
    old.put_back();
    old.server.start_again();
    let begun = old.begun();
    assert_eq!(begun.len(), 1);
    assert_eq!(begun[0].1["requestData"]["epoch"], 3);
    assert_eq!(begun[0].1["requestData"]["lastEpoch"], 2);
}

#[test]
fn a_change_without_a_server_begins_the_epoch_and_a_look_does_not() {
    let old = PutBack::new();
    let path = old.server.path();
    let check = || run_cli(path, &["serve", "--check"]).success().stdout;
    assert!(!check().contains("epoch"), "{}", check());
    old.put_back();
    let begins = "begins epoch 2 of the trail: the database is older";
    assert!(check().contains(begins), "{}", check());
    run_cli(path, &["events", "list"]).success();
    old.verify(&[]).success();
    assert_eq!(old.begun().len(), 0);
    run_cli(path, &["client", "disable", "demo"]).success();
    let all = all(&old.server);
    let actions = all.iter().skip(old.before());
    let actions: Vec<_> = actions.map(|(_, event)| event["action"].clone()).collect();
    let expected = ["trail.begin-epoch", "kmip-client.disable"];
    assert_eq!(
        actions,
        expected.map(|name| format!("vmware-solutions.{name}"))
    );
}

#[test]
fn a_database_that_was_rewritten_or_whose_checkpoint_is_gone_begins_a_new_epoch() {
    // The checkpoint in the database itself goes, as somebody would have it who rewrites the trail.
    let rewrite = "UPDATE event SET leaf = zeroblob(32) WHERE sequence = 2; DELETE FROM checkpoint";
    // A copy of the time before anything was signed.
    let unsigned = "DELETE FROM signing_key; DELETE FROM checkpoint; DELETE FROM beside";
    for (finding, sql, beside) in [
        ("contradicted", rewrite, None),
        ("checkpoint-missing", "", Some("")),
        ("checkpoint-unusable", "", Some("no note\n")),
        ("signing-key-missing", unsigned, None),
        ("signing-key-missing", "DELETE FROM signing_key", None),
    ] {
        let mut old = PutBack::new();
        let database = old.server.data().join("keyledger.db");
        let database = Connection::open(database).expect("the database");
        database.execute_batch(sql).expect("a change");
        drop(database);
        match beside {
            Some("") => fs::remove_file(old.beside()).expect("a file"),
            Some(text) => fs::write(old.beside(), text).expect("a file"),
            None => {}
        }
        // Nothing is signed before, and a check says what comes.
        let signed = run_cli(old.server.path(), &["events", "checkpoint"]);
        assert_eq!(signed.code, 1, "{finding}: {signed:?}");
        let check = run_cli(old.server.path(), &["serve", "--check"]).success();
        let tells = "the next start begins epoch 2 of the trail: the ";
        assert!(check.stdout.contains(tells), "{finding}: {check:?}");
        old.server.start_again();
        let begun = old.begun();
        assert_eq!(begun.len(), 1, "{finding}");
        // Behind its name, which has the epoch in it, and a hash of both.
        let key = old.server.cli(&["events", "public-key"]).success().stdout;
        let bare = |key: &str| key.trim().rsplit('+').next().map(str::to_owned);
        let is_new = bare(&key) != bare(&old.key);
        assert_eq!(is_new, finding == "signing-key-missing", "{key}");
        assert_eq!(begun[0].1["requestData"]["finding"], finding);
        old.server.stop();
        old.server.start_again();
        assert_eq!(old.begun().len(), 1, "{finding}");
    }
}

#[test]
fn an_operator_begins_an_epoch_by_command_with_a_reason() {
    let mut old = PutBack::new();
    let new_epoch = ["events", "new-epoch", "--reason", "restored the machine"];
    let offline = run_cli(old.server.path(), &new_epoch).success();
    assert!(offline.stdout.contains("commanded"), "{offline:?}");
    old.server.start_again();
    let format = ["--format", "json"];
    let online = old.server.cli(&[&new_epoch[..], &format].concat());
    let online: Value = serde_json::from_str(&online.success().stdout).expect("JSON");
    assert_eq!(online["epoch"], 3);
    old.server.new_key();
    let note = old.server.cli(&["events", "checkpoint"]).success().stdout;
    assert!(
        note.lines().next().is_some_and(|log| log.ends_with("/3")),
        "{note}"
    );
    let begun = old.begun();
    let reasons: Vec<_> = begun
        .iter()
        .map(|(_, event)| &event["requestData"]["reason"])
        .collect();
    assert_eq!(reasons, ["restored the machine"; 2]);
    assert!(
        begun[0].1["initiator"]["id"]
            .as_str()
            .is_some_and(|id| id.starts_with("LocalUser-"))
    );
    let none = old.server.cli(&["events", "new-epoch", "--reason", " "]);
    none.refused(&["reason", "is missing"]);
    old.verify(&[]).success();
}

#[test]
fn a_trail_that_was_cut_is_sealed_again_once_an_operator_begins_an_epoch() {
    let mut old = PutBack::new();
    let database = old.server.data().join("keyledger.db");
    let database = Connection::open(database).expect("the database");
    let cut = "DELETE FROM event WHERE sequence >= 3";
    database.execute_batch(cut).expect("a change");
    drop(database);
    run_cli(old.server.path(), &["events", "checkpoint"]).refused(&["is not signed"]);
    let check = run_cli(old.server.path(), &["serve", "--check"]).success();
    assert!(check.stdout.contains("is not signed"), "{check:?}");
    old.server.start_again();
    assert_eq!(old.begun().len(), 0);
    let new_epoch = ["events", "new-epoch", "--reason", "an event was cut"];
    old.server.cli(&new_epoch).success();
    old.server.cli(&["events", "checkpoint"]).success();
    old.verify(&[]).success();
    assert_eq!(old.begun()[0].1["requestData"]["lastSealed"], old.sealed);
}

/// What a target received that received everything: from before the database was put back, and from after.
struct Received {
    old: PutBack,
    first: String,
    first_sealed: String,
    second: String,
    second_sealed: String,
}

impl Received {
    fn new() -> Self {
        let mut old = PutBack::new();
        let jsonl = |old: &PutBack, command: &str| {
            let arguments = ["events", command, "--format", "jsonl"];
            run_cli(old.server.path(), &arguments).success().stdout
        };
        let (first, first_sealed) = (jsonl(&old, "list"), jsonl(&old, "checkpoint"));
        old.put_back();
        old.server.start_again();
        old.server.new_key();
        old.server.stop();
        // A cursor that was put back with the database sends the last one of before again.
        let again = old.before() - 1;
        let second = jsonl(&old, "list");
        let second = second.lines().skip(again);
        Self {
            second: second.map(|line| format!("{line}\n")).collect(),
            second_sealed: jsonl(&old, "checkpoint"),
            first,
            first_sealed,
            old,
        }
    }

    /// The lines of before that the database still had.
    fn left(&self) -> String {
        let lines = self.first.lines().take(self.old.before());
        lines.map(|line| format!("{line}\n")).collect()
    }

    fn verify(&self, received: &[&str], arguments: &[&str]) -> Output {
        let file = self.old.server.path().join("received.jsonl");
        fs::write(&file, received.concat()).expect("a file");
        let file = file.to_str().expect("a text");
        self.old.verify(&[&["--export", file], arguments].concat())
    }
}

#[test]
fn what_a_target_received_before_and_after_is_verified_each_in_its_epoch() {
    let all = Received::new();
    let (first, first_sealed) = (&*all.first, &*all.first_sealed);
    let (second, second_sealed) = (&*all.second, &*all.second_sealed);
    let verified = all.verify(&[first, first_sealed, second, second_sealed], &[]);
    let verified = verified.success();
    let (before, end) = (all.old.before, all.old.sealed - 1);
    assert!(
        verified.stdout.contains(&format!("1, events 0 to {end}")),
        "{verified:?}"
    );
    assert!(
        verified.stdout.contains(&format!("2, events {before} to ")),
        "{verified:?}"
    );
    assert!(!verified.stdout.contains("are lost"), "{verified:?}");
    // The end of the first epoch is missing, and its checkpoint tells.
    let left = all.left();
    let broken = all.verify(&[&left, first_sealed, second, second_sealed], &[]);
    assert_eq!(broken.code, 3, "{broken:?}");
    broken.refused(&[&format!("event {before} is missing")]);
    let kept = all.old.server.path().join("kept");
    fs::write(&kept, first_sealed).expect("a file");
    let kept = ["--checkpoint", kept.to_str().expect("a text")];
    let broken = all.verify(&[&left, second, second_sealed], &kept);
    assert_eq!(broken.code, 3, "{broken:?}");
    broken.refused(&["of epoch 1 is missing"]);
}

#[test]
fn an_export_of_a_trail_that_was_put_back_tells_its_epochs() {
    let all = Received::new();
    let before = all.old.before;
    let export = |arguments: &[&str]| {
        let export = [&["events", "export"], arguments].concat();
        run_cli(all.old.server.path(), &export).success().stdout
    };
    let whole = export(&[]);
    let verified = all.verify(&[&whole], &[]).success();
    assert!(verified.stdout.contains("are lost"), "{verified:?}");
    let begun = format!("{{\"epoch\":2,\"first\":{before}}}");
    assert!(
        whole
            .lines()
            .next()
            .is_some_and(|line| line.contains(&begun)),
        "{whole}"
    );
    let part = export(&["--from", &(before + 1).to_string()]);
    let verified = all.verify(&[&part], &[]).success();
    assert!(verified.stdout.contains("2, events"), "{verified:?}");
}

#[test]
fn what_was_lost_on_the_server_is_proved_by_the_checkpoint_that_the_next_epoch_names() {
    let all = Received::new();
    let (second, second_sealed) = (&*all.second, &*all.second_sealed);
    let (before, sealed) = (all.old.before, all.old.sealed);
    // No checkpoint of the first epoch was received.
    let verified = all.verify(&[&all.first, second, second_sealed], &[]);
    assert!(
        !verified.success().stderr.contains("nothing proves them"),
        "the event that begins the second epoch names one"
    );
    let alter = |lines: &str, sequence: u64| -> String {
        let lines = (0..).zip(lines.lines()).map(|(number, line)| {
            if number == sequence {
                line.replacen("vmware", "vmwarf", 1) + "\n"
            } else {
                format!("{line}\n")
            }
        });
        lines.collect()
    };
    let altered = alter(&all.first, before + 1);
    let broken = all.verify(&[&altered, second, second_sealed], &[]);
    assert_eq!(broken.code, 3, "{broken:?}");
    broken.refused(&[&format!("that event {before} of epoch 2 names")]);
    // Not all that it seals was received: then nothing proves those that were.
    let cut: String = all
        .first
        .lines()
        .take(all.old.before() + 2)
        .collect::<Vec<_>>()
        .join("\n")
        + "\n";
    assert!(before + 2 < sealed);
    let verified = all.verify(&[&cut, second, second_sealed], &[]).success();
    let unproved = format!("Events {before} to {} of epoch 1", before + 1);
    assert!(verified.stderr.contains(&unproved), "{verified:?}");
}

#[test]
fn an_epoch_that_could_not_begin_at_start_begins_once_it_can_and_nothing_is_signed_before() {
    let mut old = PutBack::of(Server::start_set("[trail]\ncheckpoint-seconds = 1\n"));
    old.put_back();
    let (beside, aside) = (old.beside(), old.server.path().join("aside"));
    fs::rename(&beside, &aside).expect("a file");
    // Too many links: it cannot be read just now.
    std::os::unix::fs::symlink("checkpoint", &beside).expect("a link");
    old.server.start_again();
    until("the log to tell", || {
        old.server
            .log()
            .contains("no new epoch could begin")
            .then_some(())
    });
    old.server.new_key();
    until("the failure to be recorded", || {
        let list = ["events", "list", "--action", "trail-seal.fail"];
        let listed = old.server.cli(&list).success().stdout;
        listed.contains("trail-seal").then_some(())
    });
    assert_eq!(old.begun().len(), 0);
    fs::rename(&aside, &beside).expect("a file");
    until("the epoch to begin", || {
        (!old.begun().is_empty()).then_some(())
    });
    let signed = old.server.cli(&["events", "checkpoint"]).success().stdout;
    let log = signed.lines().next().expect("a log");
    assert!(log.ends_with("/2"), "{signed}");
    let begun = old.begun();
    assert_eq!(begun.len(), 1);
    // What came before it was recorded in the first epoch, over what had been sealed.
    assert_eq!(begun[0].1["requestData"]["lastSealed"], old.sealed);
    assert!(begun[0].0 > old.before);
    old.server.stop();
    old.verify(&[]).success();
}
