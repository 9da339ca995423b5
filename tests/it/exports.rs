//! Exports prove what they hold, without the store; what a target received does, too; and whatever is done to either is found.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;

use crate::harness::{
    Output, Request, Server, create, fresh_directory, key_template, program, run_cli,
};

/// A server with a trail, its verifier key, and a checkpoint that somebody keeps elsewhere.
struct Exported {
    server: Server,
    key: String,
    kept: String,
}

impl Exported {
    fn new() -> Self {
        Self::of(Server::start(), 3)
    }

    fn of(server: Server, keys: usize) -> Self {
        (0..keys).for_each(|_| drop(server.new_key()));
        let key = server.cli(&["events", "public-key"]).success().stdout;
        let note = server.cli(&["events", "checkpoint"]).success().stdout;
        let kept = server.path().join("kept");
        fs::write(&kept, note).expect("a file");
        (0..keys).for_each(|_| drop(server.new_key()));
        Self {
            key: key.trim().to_owned(),
            kept: kept.to_str().expect("a text").to_owned(),
            server,
        }
    }

    fn export(&self, arguments: &[&str]) -> String {
        let export = [&["events", "export"], arguments].concat();
        run_cli(self.server.path(), &export).success().stdout
    }

    /// Verifies where there is neither a server nor a store.
    fn verify_alone(&self, export: &str, arguments: &[&str]) -> Output {
        let file = self.server.path().join("export.jsonl");
        fs::write(&file, export).expect("a file");
        let file = file.to_str().expect("a text");
        let verify = ["events", "verify", "--export", file];
        run_cli(fresh_directory().path(), &[&verify, arguments].concat())
    }

    fn verify(&self, export: &str) -> Output {
        self.verify_alone(
            export,
            &["--public-key", &self.key, "--checkpoint", &self.kept],
        )
    }
}

#[track_caller]
fn broken(output: &Output, words: &str) {
    assert_eq!(output.code, 3, "{output:?}");
    output.refused(&[words]);
}

fn is_event(line: &&str) -> bool {
    line.starts_with("{\"id\":")
}

/// The lines after `change` was applied to them.
fn changed(export: &str, change: impl FnOnce(&mut Vec<String>)) -> String {
    let mut lines: Vec<String> = export.lines().map(str::to_owned).collect();
    change(&mut lines);
    lines.iter().map(|line| format!("{line}\n")).collect()
}

#[test]
fn an_export_holds_the_sealed_bytes_and_is_verified_without_the_store() {
    let mut exported = Exported::new();
    let online = exported.export(&[]);
    let listed = exported
        .server
        .cli(&["events", "list", "--format", "jsonl"]);
    let listed = listed.success().stdout;
    let events: Vec<_> = online.lines().filter(is_event).collect();
    assert_eq!(events, listed.lines().collect::<Vec<_>>());
    let verified = exported.verify(&online).success();
    assert_eq!(verified.stderr, "");
    assert!(verified.stdout.contains("1, events 0 to"), "{verified:?}");
    let key = ["--public-key", exported.key.as_str()];
    let alone = exported.verify_alone(&online, &key).success();
    assert!(alone.stderr.contains("Without --checkpoint"), "{alone:?}");
    let unsigned = exported.verify_alone(&online, &[]).success();
    assert!(unsigned.stderr.contains("not who signed"), "{unsigned:?}");
    exported.server.stop();
    let file = exported.server.path().join("out.jsonl");
    let output = file.to_str().expect("a text");
    let write = ["events", "export", "--output", output];
    let offline = run_cli(exported.server.path(), &write).success();
    assert!(offline.stdout.contains("out.jsonl"), "{offline:?}");
    assert_eq!(fs::read_to_string(&file).expect("a file"), online);
    let mode = fs::metadata(&file).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let again = run_cli(exported.server.path(), &write);
    assert_eq!(again.code, 2, "{again:?}");
    again.refused(&["exists", "--force"]);
    run_cli(exported.server.path(), &[&write[..], &["--force"]].concat()).success();
}

#[test]
fn every_range_is_proved_by_what_is_around_it() {
    let exported = Exported::new();
    let whole = exported.export(&[]);
    let events: Vec<_> = whole.lines().filter(is_event).collect();
    for (from, to) in [(0, 0), (1, 3), (2, 5), (4, 4), (3, events.len() - 1)] {
        let range = ["--from", &from.to_string(), "--to", &to.to_string()];
        let part = exported.export(&range);
        let held: Vec<_> = part.lines().filter(is_event).collect();
        assert_eq!(held, events[from..=to]);
        let verified = exported.verify(&part).success();
        assert!(
            verified.stdout.contains(&format!("events {from} to {to}")),
            "{verified:?}"
        );
        let altered = part.replacen("\"outcome\":\"success\"", "\"outcome\":\"failure\"", 1);
        broken(
            &exported.verify(&altered),
            &format!("event {from} is not what was sealed"),
        );
        let moved = part.replacen(&format!("\"first\":{from},"), "\"first\":6,", 1);
        assert_eq!(exported.verify(&moved).code, 3);
    }
    let none = exported.server.cli(&["events", "export", "--from", "1000"]);
    assert_eq!(none.code, 2, "{none:?}");
    let beyond = exported.server.cli(&["events", "export", "--to", "1000"]);
    beyond.refused(&["the last event is event"]);
}

#[test]
fn a_list_of_epochs_that_is_forged_lets_no_given_checkpoint_pass() {
    let exported = Exported::new();
    let mark = "\"epochs\":[{\"epoch\":1,\"first\":0}]";
    for (range, forged) in [
        (&[][..], "{\"epoch\":2,\"first\":0}"),
        (&[], "{\"epoch\":1,\"first\":0},{\"epoch\":2,\"first\":0}"),
        (&["--from", "2"], "{\"epoch\":2,\"first\":0}"),
        (
            &["--from", "2"],
            "{\"epoch\":1,\"first\":0},{\"epoch\":2,\"first\":1}",
        ),
    ] {
        let export = exported.export(range);
        assert!(export.contains(mark), "{export}");
        exported.verify(&export).success();
        let forged = export.replacen(mark, &format!("\"epochs\":[{forged}]"), 1);
        let verified = exported.verify(&forged);
        assert!([2, 3].contains(&verified.code), "{verified:?}");
    }
}

#[test]
fn a_broken_trail_is_told_by_the_exit_code_also_where_nobody_reads() {
    let exported = Exported::new();
    let whole = exported.export(&[]);
    let altered = whole.replacen("\"outcome\":\"success\"", "\"outcome\":\"failure\"", 1);
    let file = exported.server.path().join("altered.jsonl");
    fs::write(&file, altered).expect("a file");
    let mut verify = program(exported.server.path());
    verify.args(["events", "verify", "--format", "json", "--export"]);
    verify.arg(&file).stdout(Stdio::piped());
    let mut child = verify.spawn().expect("it starts");
    drop(child.stdout.take());
    assert_eq!(child.wait().expect("it ends").code(), Some(3));
}

/// Checks that a change of the lines of an export is found, in these words.
#[track_caller]
fn find(exported: &Exported, whole: &str, change: &dyn Fn(&mut Vec<String>), words: &str) {
    let altered = changed(whole, change);
    assert_ne!(altered, whole);
    broken(&exported.verify(&altered), words);
}

#[test]
fn every_change_of_an_export_is_found_and_its_sequence_named() {
    let exported = Exported::new();
    let whole = exported.export(&[]);
    let events = whole.lines().filter(is_event).count();
    let find = |change: &dyn Fn(&mut Vec<String>), words: &str| {
        find(&exported, &whole, change, words);
    };
    // Line 0 begins the export, event 2 is line 3; the last two are hashes and checkpoint.
    let third = "event 2 is not what was sealed";
    find(
        &|lines| lines[3] = lines[3].replacen("Z", "z", 1).replacen("kmip", "kmiq", 1),
        third,
    );
    find(&|lines| drop(lines.remove(3)), third);
    find(&|lines| lines.swap(3, 4), third);
    find(&|lines| lines.insert(3, lines[2].clone()), third);
    find(
        &|lines| lines.insert(events + 1, lines[events].clone()),
        &format!("event {events} is not"),
    );
    find(
        &|lines| drop(lines.remove(events)),
        &format!("event {} is missing", events - 1),
    );
    find(
        &|lines| lines.truncate(4),
        "ends at event 3 without its checkpoint",
    );
}

#[test]
fn what_is_found_by_the_checkpoint_alone_is_named_as_far_as_it_can_be() {
    let exported = Exported::new();
    let whole = exported.export(&[]);
    let events = whole.lines().filter(is_event).count();
    let find = |change: &dyn Fn(&mut Vec<String>), words: &str| {
        find(&exported, &whole, change, words);
    };
    // The hashes changed as well: only a checkpoint shows it, and between which two.
    find(
        &|lines| {
            lines[3] = lines[3].replacen("kmip", "kmiq", 1);
            lines.remove(events + 1);
        },
        "the events from 0 to",
    );
    find(
        &|lines| {
            lines[1] = lines[1].replacen(',', ", ", 1);
            lines.remove(events + 1);
        },
        "the events from 0 to",
    );
    find(
        &|lines| drop(lines.remove(events + 1)),
        "the hashes of the events from 0 on are missing",
    );
    let signature = |line: &str| line.replacen("\u{2014} ", "\u{2014} x", 1);
    find(
        &|lines| lines[events + 2] = signature(&lines[events + 2]),
        "proves nothing",
    );
    let garbled = |line: &str| line.replacen("\\n\"}", "!\\n\"}", 1);
    find(
        &|lines| lines[events + 2] = garbled(&lines[events + 2]),
        "proves nothing",
    );
    find(
        &|lines| lines.push(lines[1].clone()),
        "does not belong there",
    );
    find(&|lines| lines[2] = "nothing".to_owned(), "is no event");
    find(
        &|lines| lines[2] = "x".repeat(600_000),
        "is cut off or too long",
    );
    let torn = whole.trim_end();
    broken(&exported.verify(torn), "is cut off");
    // Of another server's, signed by another: by the checkpoint of ours, and by our key.
    let theirs = Exported::new().export(&[]);
    assert_eq!(exported.verify(&theirs).code, 3);
    for none in ["", "no export\n", "{\"id\""] {
        assert_eq!(exported.verify(none).code, 2, "{none}");
    }
}

#[test]
fn an_export_longer_than_a_page_is_verified_in_one_go() {
    let server = Server::start();
    let mut connection = server.connect();
    for _ in 0..7 {
        let items: Vec<_> = (0..100).map(|_| create(key_template())).collect();
        connection.exchange(&Request::new((1, 4), &items));
    }
    let exported = Exported::of(server, 1);
    let whole = exported.export(&[]);
    let lines = whole
        .lines()
        .filter(|line| line.starts_with("{\"leaves\":"))
        .count();
    assert!(lines >= 3, "{lines}");
    exported.verify(&whole).success();
    let altered = changed(&whole, |lines| {
        lines[600] = lines[600].replacen("kmip", "kmiq", 1);
    });
    // Two lines of hashes stand before it, and the line that begins the export.
    broken(
        &exported.verify(&altered),
        "event 597 is not what was sealed",
    );
}

#[test]
fn what_a_target_received_is_verified_too() {
    let exported = Exported::new();
    let line = || {
        exported
            .server
            .cli(&["events", "checkpoint", "--format", "jsonl"])
            .success()
            .stdout
    };
    let list = || {
        exported
            .server
            .cli(&["events", "list", "--format", "jsonl"])
            .success()
            .stdout
    };
    let (early, first) = (line(), list());
    exported.server.new_key();
    let (all, late) = (list(), line());
    let test = "{\"test\":{\"origin\":\"node\",\"time\":1}}\n";
    let rest = &all[first.len()..];
    let received = format!("{test}{first}{early}{rest}{test}{late}");
    let verified = exported.verify(&received).success();
    assert!(
        !verified.stderr.contains("sealed by no checkpoint"),
        "{verified:?}"
    );
    // A batch came again, and a checkpoint.
    let again = format!("{test}{first}{early}{first}{early}{rest}{late}");
    let verified = exported.verify(&again).success();
    assert!(verified.stdout.contains("came again"), "{verified:?}");
    // In two files, as after a rotation.
    let begin = exported.server.path().join("begin.jsonl");
    fs::write(&begin, &first).expect("a file");
    let begin = begin.to_str().expect("a text");
    let end = exported.server.path().join("end.jsonl");
    fs::write(&end, format!("{early}{rest}")).expect("a file");
    let end = end.to_str().expect("a text");
    let verify = [
        "events",
        "verify",
        "--export",
        begin,
        "--export",
        end,
        "--public-key",
        &exported.key,
    ];
    let verified = run_cli(Path::new("/"), &verify).success();
    assert!(
        verified
            .stderr
            .contains("The last 1 events are sealed by no checkpoint"),
        "{verified:?}"
    );
    let altered = received.replacen("\"outcome\":\"success\"", "\"outcome\":\"failure\"", 1);
    broken(&exported.verify(&altered), "the events from 0 to");
    let dropped = changed(&received, |lines| drop(lines.remove(2)));
    assert_eq!(exported.verify(&dropped).code, 3);
    let none = exported.verify_alone(&first, &["--public-key", &exported.key]);
    assert_eq!(none.code, 1, "{none:?}");
    none.refused(&["holds no checkpoint"]);
}

#[test]
fn what_a_target_received_that_was_made_later_is_verified_from_its_first_event_on() {
    let server = Server::start();
    let checkpoint = ["events", "checkpoint", "--format", "jsonl"];
    let before = server.cli(&checkpoint).success().stdout;
    let exported = Exported::of(server, 3);
    let jsonl = |command: &str| {
        let arguments = ["events", command, "--format", "jsonl"];
        exported.server.cli(&arguments).success().stdout
    };
    let (all, sealed) = (jsonl("list"), jsonl("checkpoint"));
    let rest = || all.lines().skip(3).map(|line| format!("{line}\n"));
    let received = format!("{}{sealed}", rest().collect::<String>());
    let first: serde_json::Value =
        serde_json::from_str(received.lines().next().expect("a line")).expect("JSON");
    let id = first["id"].as_str().expect("an id");
    let start = exported.export(&["--from", id, "--to", id]);
    let file = exported.server.path().join("start.jsonl");
    fs::write(&file, start).expect("a file");
    let start = file.to_str().expect("a text");
    let verify = |received: &str| {
        let file = exported.server.path().join("received.jsonl");
        fs::write(&file, received).expect("a file");
        let received = file.to_str().expect("a text");
        let verify = ["events", "verify", "--export", start, "--export", received];
        let against = [
            "--public-key",
            &exported.key,
            "--checkpoint",
            &exported.kept,
        ];
        run_cli(Path::new("/"), &[&verify[..], &against].concat())
    };
    let verified = verify(&received).success();
    assert!(verified.stdout.contains("from 3 on"), "{verified:?}");
    // The first that it is given is the newest checkpoint there is, which may seal less than came before its first event.
    verify(&format!("{before}{received}")).success();
    let altered = received.replacen("\"outcome\":\"success\"", "\"outcome\":\"failure\"", 1);
    broken(&verify(&altered), "the events from 3 to");
    let later: String = rest().skip(1).chain([sealed]).collect();
    assert_eq!(verify(&later).code, 3);
    // Without it nothing says where it begins.
    assert_eq!(exported.verify(&received).code, 3);
}
