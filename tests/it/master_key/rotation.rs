//! Another master key in the place of the one in use, while clients work, and wherever it is cut off.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use super::{passphrase_file, text};
use crate::harness::{
    Dice, Door, Ledger, Server, create, get, key_template, keys, program, settle, trail_from,
    under_load, whole_trail,
};

/// What `master-key show` says.
pub(super) fn shown(server: &Server) -> Value {
    let shown = server.cli(&["master-key", "show", "--format", "json"]);
    serde_json::from_str(&shown.success().stdout).expect("a JSON document")
}

/// The files of retired master keys.
fn retired(data: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(data).expect("a folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut retired: Vec<_> = paths
        .filter(|path| text(path).ends_with(".retired"))
        .collect();
    retired.sort();
    retired
}

/// A target with a secret, which the master key wraps too.
pub(super) fn add_target(server: &Server) {
    let endpoint = r#"{"program": "/bin/sh", "arguments": ["-c", "test \"$TOKEN\" = hush && cat"],
                       "secret_environment": {"TOKEN": "hush"}}"#;
    let add = [
        "target",
        "add",
        "program",
        "--type",
        "command",
        "--endpoint",
        "-",
    ];
    server.cli_with_input(&add, endpoint).success();
    check_target(server);
}

/// The target gets its secret: a test record is delivered.
pub(super) fn check_target(server: &Server) {
    let tested = server.cli(&["target", "validate", "program", "--format", "json"]);
    let tested: Value = serde_json::from_str(&tested.success().stdout).expect("a JSON document");
    assert!(tested["problem"].is_null(), "{tested}");
}

/// Puts the files as they are when a rotation is cut off between the database and the file.
fn cut_off_before_the_file(server: &Server, check: &str) {
    let data = server.data();
    let old = retired(&data).pop().expect("a retired key");
    let next = data.join(format!("master.key.{check}.next"));
    fs::rename(data.join("master.key"), next).expect("a file");
    fs::rename(old, data.join("master.key")).expect("a file");
}

#[test]
fn a_new_master_key_takes_over_while_clients_work_and_no_request_fails() {
    let mut server = Server::start();
    add_target(&server);
    server.cli(&["instance", "add", "second"]).success();
    let uid = server.new_key();
    let material = server.connect().ask(get(&uid)).success().key_material();
    let before = shown(&server);
    assert_eq!(before["provider"], "file");
    assert_eq!(
        before["wraps"], 4,
        "two data keys, the signing key, a target's secret"
    );
    let done = AtomicBool::new(false);
    let asked: usize = thread::scope(|scope| {
        let work = || {
            let mut connection = server.connect();
            let mut asked = 0;
            while !done.load(Ordering::Relaxed) {
                let made = connection.ask(create(key_template())).success().uid();
                connection.ask(get(&made)).success();
                let again = connection.ask(get(&uid)).success().key_material();
                assert_eq!(again, material);
                asked += 3;
            }
            asked
        };
        let workers: Vec<_> = (0..4).map(|_| scope.spawn(work)).collect();
        for _ in 0..5 {
            server.cli(&["master-key", "rotate"]).success();
        }
        done.store(true, Ordering::Relaxed);
        workers
            .into_iter()
            .map(|worker| worker.join().expect("no request fails"))
            .sum()
    });
    assert!(asked > 0);
    let after = shown(&server);
    assert_ne!(after["checkValue"], before["checkValue"]);
    check_target(&server);
    // Those that come later are wrapped by the new one.
    server.cli(&["instance", "add", "third"]).success();
    let (retired, data) = (retired(&server.data()), server.data());
    assert_eq!(retired.len(), 5);
    server.stop();
    for old in &retired {
        let aside = data.join("aside");
        fs::rename(data.join("master.key"), &aside).expect("a file");
        fs::copy(old, data.join("master.key")).expect("a file");
        let refused = server.cli(&["serve", "--listen", "127.0.0.1:0", "--log", "off"]);
        refused.refused(&["is not the master key of the database"]);
        fs::rename(aside, data.join("master.key")).expect("a file");
    }
    server.cli(&["serve", "--check"]).success();
    server.start_again();
    let again = server.connect().ask(get(&uid)).success().key_material();
    assert_eq!(again, material);
    check_target(&server);
    let rotations = whole_trail(&server)
        .into_iter()
        .filter(|event| event.action().ends_with("master-key.rotate"));
    let severities: Vec<_> = rotations.map(|event| event.0["severity"].clone()).collect();
    assert_eq!(severities, ["critical"; 5]);
    server.cli(&["events", "verify"]).success();
}

#[test]
fn a_rotation_that_is_killed_anywhere_is_finished_or_undone() {
    let (mut dice, rounds) = Dice::and_rounds(6);
    kill_in_rotations(Server::start(), rounds, 60_000, &mut dice);
}

/// Kills a server under load so often, within so many microseconds of a rotation's begin; each next start finishes it or undoes it.
pub(super) fn kill_in_rotations(mut server: Server, rounds: u64, micros: usize, dice: &mut Dice) {
    let mut ledgers: Vec<_> = (0..2).map(|_| Ledger::default()).collect();
    let mut settled = 0;
    for _ in 0..rounds {
        let door = Door::of(&server);
        under_load(&mut ledgers, &door, dice, |dice| {
            let mut command = program(server.path());
            command
                .args(["master-key", "rotate", "--dir"])
                .arg(server.path());
            let mut rotation = command.spawn().expect("the program runs");
            let wait = u64::try_from(dice.below(micros)).expect("64 bits");
            thread::sleep(Duration::from_micros(wait));
            server.kill();
            // Whatever became of it: where the server was gone before it asked, it has done it itself.
            rotation.wait().expect("the program ends");
        });
        server.start_again();
        let events = trail_from(&server, settled);
        settled += events.len();
        settle(&mut ledgers, &events, &Door::of(&server), dice);
        let left = fs::read_dir(server.data()).expect("a folder");
        let left =
            left.filter(|entry| text(&entry.as_ref().expect("an entry").path()).ends_with(".next"));
        assert_eq!(left.count(), 0, "nothing is left half done");
    }
    assert!(keys(&ledgers) > 0, "something was done");
    whole_trail(&server);
}

#[test]
fn instances_are_removed_while_the_master_key_is_replaced() {
    let mut server = Server::start();
    let uid = server.new_key();
    let names = ["second", "third", "fourth"];
    for name in names {
        server.cli(&["instance", "add", name]).success();
    }
    thread::scope(|scope| {
        let rotate = || (0..3).for_each(|_| drop(server.cli(&["master-key", "rotate"]).success()));
        let rotations = scope.spawn(rotate);
        for name in names {
            server
                .cli(&["instance", "remove", name, "--force"])
                .success();
        }
        rotations.join().expect("no rotation fails");
    });
    // One data key, and the key that signs the trail.
    assert_eq!(shown(&server)["wraps"], 2);
    server.stop();
    server.cli(&["serve", "--check"]).success();
    server.start_again();
    server.connect().ask(get(&uid)).success();
}

#[test]
fn what_was_cut_off_is_finished_by_whoever_opens_the_master_key_next() {
    let mut server = Server::start();
    let uid = server.new_key();
    let old = fs::read(server.data().join("master.key")).expect("a file");
    server.cli(&["master-key", "rotate"]).success();
    let new = shown(&server)["checkValue"]
        .as_str()
        .expect("a text")
        .to_owned();
    server.stop();
    // A server.
    cut_off_before_the_file(&server, &new);
    assert_eq!(
        fs::read(server.data().join("master.key")).expect("a file"),
        old
    );
    server.start_again();
    assert!(server.log().contains("it is finished"), "{}", server.log());
    server.connect().ask(get(&uid)).success();
    server.stop();
    // A command, which rotates at once.
    cut_off_before_the_file(&server, &new);
    server.cli(&["master-key", "rotate"]).success();
    assert_ne!(shown(&server)["checkValue"], new.as_str());
    server.start_again();
    server.connect().ask(get(&uid)).success();
    server.stop();
    // Before the database was changed: what was made is set aside, and the key stays.
    let kept = fs::read(server.data().join("master.key")).expect("a file");
    let next = server
        .data()
        .join(format!("master.key.{}.next", "0".repeat(32)));
    fs::write(&next, &old).expect("a file");
    server.start_again();
    assert!(
        server.log().contains("before it took effect"),
        "{}",
        server.log()
    );
    assert!(!next.exists());
    assert_eq!(
        fs::read(server.data().join("master.key")).expect("a file"),
        kept
    );
    server.connect().ask(get(&uid)).success();
}

#[test]
fn a_rotation_stays_with_the_provider_of_the_key_in_use_where_a_change_of_it_was_cut_off() {
    let mut server = Server::start();
    let first = passphrase_file(server.path(), "correct horse battery staple");
    let to = ["master-key", "rotate", "--to", "passphrase"];
    let new = ["--new-passphrase-file", text(&first)];
    server.cli(&[&to[..], &new].concat()).success();
    let check = shown(&server)["checkValue"].clone();
    server.stop();
    cut_off_before_the_file(&server, check.as_str().expect("a text"));
    // The file is that of the key before, which needs no passphrase.
    let old = ["--passphrase-file", text(&first)];
    let rotate = [&to[..2], &new, &old].concat();
    server.cli(&rotate).success();
    let file = fs::read_to_string(server.data().join("master.key"));
    let file = file.expect("a file of a passphrase");
    assert!(file.contains("passphrase"), "{file}");
}

#[test]
fn a_passphrase_is_changed_and_providers_too() {
    let mut server = Server::start();
    let uid = server.new_key();
    let path = server.path().to_owned();
    let first = passphrase_file(&path, "correct horse battery staple");
    let second = path.join("second.txt");
    fs::copy(&first, &second).expect("a file");
    fs::write(&second, "a passphrase for next year").expect("a file");
    // What is wrong changes nothing.
    let before = shown(&server);
    let rotate = |more: &[&str]| server.cli(&[&["master-key", "rotate"], more].concat());
    assert_eq!(rotate(&["--to", "paper"]).code, 2);
    rotate(&["--new-passphrase-file", text(&first)]).refused(&["takes no passphrase"]);
    let short = path.join("short.txt");
    fs::copy(&first, &short).expect("a file");
    fs::write(&short, "short").expect("a file");
    let to = ["--to", "passphrase", "--new-passphrase-file"];
    rotate(&[&to[..], &[text(&short)]].concat()).refused(&["too short"]);
    assert_eq!(shown(&server), before);
    // To a passphrase, then to another one.
    let moved = rotate(&[&to[..], &[text(&first)]].concat()).success();
    assert!(
        moved.stderr.contains("provider = \"passphrase\""),
        "{moved:?}"
    );
    assert_eq!(shown(&server)["provider"], "passphrase");
    rotate(&["--new-passphrase-file", text(&second)]).success();
    server.connect().ask(get(&uid)).success();
    server.stop();
    let check = |file: &Path| server.cli(&["serve", "--check", "--passphrase-file", text(file)]);
    check(&second).refused(&["provider = \"passphrase\""]);
    let config = path.join("keyledger.toml");
    let written = fs::read_to_string(&config).expect("the configuration");
    let set = format!(
        "provider = \"passphrase\"\npassphrase-file = \"{}\"",
        second.display()
    );
    fs::write(&config, written.replace("#provider = \"file\"", &set)).expect("a file");
    check(&first).refused(&["the passphrase does not open"]);
    check(&second).success();
    server.start_again();
    server.connect().ask(get(&uid)).success();
    server.stop();
    // Back, by a command alone.
    let back = server
        .cli(&["master-key", "rotate", "--to", "file"])
        .success();
    assert!(back.stderr.contains("provider = \"file\""), "{back:?}");
    let written = fs::read_to_string(&config).expect("the configuration");
    fs::write(&config, written.replace(&set, "#")).expect("a file");
    server.start_again();
    server.connect().ask(get(&uid)).success();
    server.cli(&["events", "verify"]).success();
}
