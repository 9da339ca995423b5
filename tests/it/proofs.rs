//! Proofs about the trail: programs of others accept them, ours does so with nothing but the files, and neither accepts another one.

use std::fs;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use tlog_tiles::{Hash, check_record, check_tree, record_hash};

use crate::harness::{Output, Server, fresh_directory, run_cli};

/// A server with a trail, its verifier key, and a checkpoint of the time before the last keys were made.
struct Proved {
    server: Server,
    key: String,
    earlier: String,
}

impl Proved {
    fn new() -> Self {
        let server = Server::start();
        server.new_key();
        let key = server.cli(&["events", "public-key"]).success().stdout;
        let earlier = server.cli(&["events", "checkpoint"]).success().stdout;
        for _ in 0..4 {
            server.new_key();
        }
        let key = key.trim().to_owned();
        Self {
            server,
            key,
            earlier,
        }
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path: PathBuf = self.server.path().join(name);
        fs::write(&path, text).expect("a file");
        path.to_str().expect("a text").to_owned()
    }

    fn prove(&self, arguments: &[&str]) -> Output {
        self.server.cli(&[&["events", "prove"], arguments].concat())
    }

    /// Verifies a proof where there is neither a server nor a store.
    fn verify(&self, proof: &str, arguments: &[&str]) -> Output {
        let file = self.file("proof", proof);
        let verify = ["events", "verify", "--proof", &file];
        run_cli(fresh_directory().path(), &[&verify, arguments].concat())
    }

    fn verify_with_key(&self, proof: &str, arguments: &[&str]) -> Output {
        self.verify(proof, &[&["--public-key", &self.key], arguments].concat())
    }
}

/// Size and root of a checkpoint, once the code of others found it signed by `key`.
pub(crate) fn opened(note: &str, key: &str) -> (u64, Hash) {
    let verifier = signed_note::StandardVerifier::new(key).expect("a verifier key");
    let known = signed_note::VerifierList::new(vec![Box::new(verifier)]);
    let signed = signed_note::Note::from_bytes(note.as_bytes()).expect("a note");
    let (by_known, _) = signed.verify(&known).expect("a signed note");
    assert_eq!(by_known.len(), 1);
    let checkpoint = tlog_tiles::Checkpoint::from_bytes(signed.text()).expect("a checkpoint");
    (checkpoint.size(), Hash(checkpoint.hash().0))
}

pub(crate) fn hashes<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<Hash> {
    let hash = |line| Hash::parse_hash(line).expect("a hash");
    lines.map(hash).collect()
}

fn with_last_hash_altered(proof: &str) -> String {
    let (head, note) = proof.split_once("\n\n").expect("two parts");
    let (rest, last) = head.rsplit_once('\n').expect("a hash");
    let mut hash = BASE64.decode(last).expect("base64");
    hash[7] ^= 1;
    format!("{rest}\n{}\n\n{note}", BASE64.encode(hash))
}

#[test]
fn others_accept_the_proof_that_an_event_is_sealed() {
    let proved = Proved::new();
    let listed = proved.server.cli(&["events", "list", "--format", "jsonl"]);
    let listed = listed.success().stdout;
    for (sequence, json) in listed.lines().enumerate().take(7) {
        let proof = proved.prove(&["inclusion", &sequence.to_string()]);
        let proof = proof.success().stdout;
        let (head, note) = proof.split_once("\n\n").expect("two parts");
        let mut lines = head.lines();
        assert_eq!(lines.next(), Some("c2sp.org/tlog-proof@v1"));
        let extra = lines.next().and_then(|line| line.strip_prefix("extra "));
        let event = BASE64.decode(extra.expect("the event")).expect("base64");
        assert_eq!(event, json.as_bytes());
        assert_eq!(lines.next(), Some(&*format!("index {sequence}")));
        let (size, root) = opened(note, &proved.key);
        let index = u64::try_from(sequence).expect("a number");
        let path = hashes(lines);
        check_record(&path, size, root, index, record_hash(&event)).expect("a proof");
        let verified = proved.verify_with_key(&proof, &[]).success();
        assert!(verified.stdout.contains(json), "{verified:?}");
        assert_eq!(verified.stderr, "");
    }
}

#[test]
fn an_event_is_named_by_its_id_and_proved_against_a_checkpoint_that_was_kept() {
    let proved = Proved::new();
    let shown = proved
        .server
        .cli(&["events", "show", "1", "--format", "jsonl"]);
    let shown = shown.success().stdout;
    let event: serde_json::Value = serde_json::from_str(&shown).expect("JSON");
    let id = event["id"].as_str().expect("an id");
    let kept = proved.file("kept", &proved.earlier);
    let prove = ["inclusion", id, "--checkpoint", &kept];
    let proof = proved.prove(&prove).success().stdout;
    assert!(
        proof.ends_with(&format!("\n\n{}", proved.earlier)),
        "{proof}"
    );
    proved.verify_with_key(&proof, &[]).success();
    // The event may also come from elsewhere, and then it counts.
    let bare: String = proof
        .lines()
        .filter(|line| !line.starts_with("extra "))
        .map(|line| format!("{line}\n"))
        .collect();
    let without = proved.verify_with_key(&bare, &[]);
    assert_eq!(without.code, 2, "{without:?}");
    let same = proved.file("event", &shown);
    proved.verify_with_key(&bare, &["--event", &same]).success();
    let other = proved.file("event", &shown.replacen("success", "Success", 1));
    let verified = proved.verify_with_key(&proof, &["--event", &other]);
    assert_eq!(verified.code, 3, "{verified:?}");
    let next = proved.earlier.lines().nth(1).expect("the size");
    let late = proved.prove(&["inclusion", next, "--checkpoint", &kept]);
    assert_eq!(late.code, 2, "{late:?}");
    late.refused(&["came after", "which seals"]);
}

#[test]
fn others_accept_the_proof_that_the_trail_only_grew() {
    let proved = Proved::new();
    let kept = proved.file("kept", &proved.earlier);
    let proof = proved.prove(&["consistency", &kept]).success().stdout;
    let (head, note) = proof.split_once("\n\n").expect("two parts");
    let mut lines = head.lines();
    let (old, old_root) = opened(&proved.earlier, &proved.key);
    assert_eq!(lines.next(), Some(&*format!("old {old}")));
    let (size, root) = opened(note, &proved.key);
    assert!(old < size);
    check_tree(&hashes(lines), size, root, old, old_root).expect("a proof");
    let against = ["--checkpoint", kept.as_str()];
    proved.verify_with_key(&proof, &against).success();
    let later = proved.file("later", note);
    let between = proved.prove(&["consistency", &kept, &later]).success();
    assert_eq!(between.stdout, proof);
    let swapped = proved.prove(&["consistency", &later, &kept]);
    assert_eq!(swapped.code, 2, "{swapped:?}");
    let altered = with_last_hash_altered(&proof);
    assert_eq!(proved.verify_with_key(&altered, &against).code, 3);
    let wrong = proved.verify_with_key(&proof, &["--checkpoint", &later]);
    assert_eq!(wrong.code, 2, "{wrong:?}");
    assert_eq!(proved.verify_with_key(&proof, &[]).code, 2);
}

#[test]
fn a_proof_that_was_altered_or_that_somebody_else_signed_proves_nothing() {
    let proved = Proved::new();
    let proof = proved.prove(&["inclusion", "2"]).success().stdout;
    let altered = with_last_hash_altered(&proof);
    let moved = proof.replacen("index 2", "index 3", 1);
    for wrong in [&altered, &moved] {
        let verified = proved.verify_with_key(wrong, &[]);
        assert_eq!(verified.code, 3, "{verified:?}");
    }
    let (text, _) = proof.rsplit_once(' ').expect("a signature");
    let cut = format!("{text} {}\n", BASE64.encode([0; 68]));
    assert_eq!(proved.verify_with_key(&cut, &[]).code, 3);
    for none in [
        "",
        "no proof\n",
        "c2sp.org/tlog-proof@v1\nindex 1\n\nno note\n",
    ] {
        let verified = proved.verify_with_key(none, &[]);
        assert_eq!(verified.code, 2, "{verified:?}");
    }
    // Without the key it can be seen that it fits, and not whose it is.
    let unsigned = proved.verify(&proof, &[]).success();
    assert!(
        unsigned.stderr.contains("Without --public-key"),
        "{unsigned:?}"
    );
}

#[test]
fn nothing_is_proved_of_a_trail_that_is_not_what_was_sealed() {
    let mut proved = Proved::new();
    proved.server.stop();
    let kept = proved.file("kept", &proved.earlier);
    let database = proved.server.data().join("keyledger.db");
    let database = rusqlite::Connection::open(database).expect("the database");
    let alter = "UPDATE event SET leaf = zeroblob(32) WHERE sequence = 1";
    database.execute_batch(alter).expect("a change");
    let inclusion = ["inclusion", "0", "--checkpoint", &kept];
    let proof = proved.prove(&inclusion);
    assert_eq!(proof.code, 3, "{proof:?}");
    proof.refused(&["the trail is not the one that"]);
    let cut = "DELETE FROM event WHERE sequence >= 1";
    database.execute_batch(cut).expect("a change");
    let proof = proved.prove(&inclusion);
    assert_eq!(proof.code, 3, "{proof:?}");
    proof.refused(&["event 1 is missing"]);
}

#[test]
fn an_export_or_proof_of_a_trail_that_cannot_be_sealed_is_told_by_the_exit_code() {
    let mut proved = Proved::new();
    proved.server.stop();
    let database = proved.server.data().join("keyledger.db");
    let database = rusqlite::Connection::open(database).expect("the database");
    let cut = "DELETE FROM event WHERE sequence >= 3";
    database.execute_batch(cut).expect("a change");
    drop(database);
    let kept = proved.file("kept", &proved.earlier);
    let commands: [&[&str]; 4] = [
        &["export"],
        &["checkpoint"],
        &["prove", "inclusion", "0"],
        &["prove", "consistency", &kept],
    ];
    let refuse = |output: &Output| {
        assert_eq!(output.code, 3, "{output:?}");
        output.refused(&["is not signed", "events verify"]);
    };
    for command in commands {
        refuse(&run_cli(
            proved.server.path(),
            &[&["events"], command].concat(),
        ));
    }
    // The server tells it in the same way.
    proved.server.start_again();
    for command in commands {
        refuse(&proved.server.cli(&[&["events"], command].concat()));
    }
}
