//! Backups: made while keys are served, read with the private half of their key only, restored as a whole or not at all, and without what was
//! taken away since.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;
use tempfile::TempDir;

use crate::harness::{
    Output, Server, activate, destroy, fresh_directory, get, in_own_mounts, mount_tmpfs, program,
    revoke, run_cli, until, whole_trail,
};

const CESSATION: u32 = 6;

/// A server with a backup key; what is kept elsewhere lies in a directory of its own.
pub(crate) struct Site {
    pub(crate) server: Server,
    elsewhere: TempDir,
}

impl Site {
    pub(crate) fn new() -> Self {
        Self::of(Server::start())
    }

    pub(crate) fn of(server: Server) -> Self {
        let site = Self {
            server,
            elsewhere: fresh_directory(),
        };
        let key = site.text("backup.key");
        site.server.cli(&["backup-key", "new", &key]).success();
        site
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.elsewhere.path().join(name)
    }

    pub(crate) fn text(&self, name: &str) -> String {
        self.path(name).to_str().expect("a text").to_owned()
    }

    #[track_caller]
    pub(crate) fn back_up(&self, name: &str) -> Value {
        let made = self
            .server
            .cli(&["backup", &self.text(name), "--format", "json"]);
        serde_json::from_str(&made.success().stdout).expect("JSON")
    }

    pub(crate) fn restore(&self, name: &str, to: &Path, more: &[&str]) -> Output {
        let (file, key) = (self.text(name), self.text("backup.key"));
        let restore = ["restore", &file, "--key", &key, "--format", "json"];
        run_cli(to, &[&restore, more].concat())
    }

    /// Restores into a new directory, with the master key beside it, and starts a server on it.
    #[track_caller]
    pub(crate) fn restored(&self, name: &str, more: &[&str]) -> (Server, Value, String) {
        let directory = fresh_directory();
        let master = self.server.data().join("master.key");
        let master = ["--master-key", master.to_str().expect("a text")];
        let output = self.restore(name, directory.path(), &[&master, more].concat());
        let output = output.success();
        let told = serde_json::from_str(&output.stdout).expect("JSON");
        (Server::start_plainly(directory), told, output.stderr)
    }
}

pub(crate) fn material(server: &Server, uid: &str) -> Vec<u8> {
    server
        .connect_as(&server.client("demo"))
        .ask(get(uid))
        .success()
        .key_material()
}

/// Puts the credentials of the client `demo` to a restored server: they are the client's and not in its backup.
pub(crate) fn bring_client(from: &Server, to: &Server) {
    let key = "certs/clients/demo.key";
    fs::copy(from.path().join(key), to.path().join(key)).expect("a file");
}

pub(crate) fn actions(server: &Server) -> Vec<String> {
    let events = server
        .cli(&["events", "list", "--format", "jsonl"])
        .success();
    let action = |line| {
        let event: Value = serde_json::from_str(line).expect("JSON");
        let action = event["action"].as_str().expect("an action").to_owned();
        action.replace("vmware-solutions.", "")
    };
    events.stdout.lines().map(action).collect()
}

/// A site of which a backup was made, and what was done after it.
struct After {
    site: Site,
    kept: String,
    destroyed: String,
    revoked: String,
    /// Made after the backup.
    lost: String,
}

impl After {
    fn new() -> Self {
        let site = Site::new();
        let server = &site.server;
        let mut demo = server.connect();
        let [kept, destroyed, revoked] = std::array::from_fn(|_| server.new_key());
        for uid in [&kept, &destroyed, &revoked] {
            demo.ask(activate(uid)).success();
        }
        for label in ["gone", "off", "on"] {
            server.cli(&["client", "issue", label]).success();
        }
        site.back_up("one.backup");
        demo.ask(revoke(&destroyed, CESSATION)).success();
        demo.ask(destroy(&destroyed)).success();
        demo.ask(revoke(&revoked, CESSATION)).success();
        for change in [
            ["remove", "gone"],
            ["disable", "off"],
            ["disable", "on"],
            ["enable", "on"],
        ] {
            server.cli(&[&["client"][..], &change].concat()).success();
        }
        let [lost, passing] = std::array::from_fn(|_| server.new_key());
        demo.ask(destroy(&passing)).success();
        Self {
            site,
            kept,
            destroyed,
            revoked,
            lost,
        }
    }
}

/// The event of this action, the first there is.
#[track_caller]
pub(crate) fn event(server: &Server, action: &str) -> Value {
    let action = format!("vmware-solutions.{action}");
    let mut events = server.events().into_iter();
    let found = events.find(|event| event.0["action"] == *action);
    found.expect("an event").0
}

#[test]
fn a_later_checkpoint_tells_how_many_events_are_missing() {
    let after = After::new();
    let (server, note) = (&after.site.server, after.site.text("later.checkpoint"));
    let checkpoint = server.cli(&["events", "checkpoint"]).success().stdout;
    fs::write(&note, &checkpoint).expect("a file");
    let later = ["--checkpoint", &note];
    let (restored, told, said) = after.site.restored("one.backup", &later);
    let size = checkpoint.lines().nth(1).expect("a size");
    let size: u64 = size.parse().expect("a number");
    let held = told["backup"]["events"].as_u64().expect("a number");
    assert_eq!(told["missing"], size - held);
    assert!(said.contains("is there again"), "{said}");
    bring_client(server, &restored);
    material(&restored, &after.destroyed);
    let begun = event(&restored, "trail.begin-epoch");
    assert_eq!(begun["requestData"]["lastSealed"], size);
    assert_eq!(begun["requestData"]["lastCheckpoint"], checkpoint);
    restored.cli(&["events", "verify"]).success();
}

#[test]
fn what_was_taken_away_after_a_backup_does_not_come_back_where_the_trail_tells_of_it() {
    let after = After::new();
    let (server, export) = (&after.site.server, after.site.text("later.jsonl"));
    let later = ["events", "export", "--output", &export];
    server.cli(&later).success();
    let later = ["--trail", &export];
    let (restored, told, said) = after.site.restored("one.backup", &later);
    assert!(!said.contains("is there again"), "{said}");
    let again = told["doneAgain"].as_array().expect("a list").iter();
    let again: Vec<_> = again
        .map(|one| one["what"].as_str().expect("a text"))
        .collect();
    let expected = [
        "key revoked",
        "key destroyed",
        "key revoked",
        "client or certificates removed",
        "client disabled",
    ];
    assert_eq!(again, expected);
    assert_eq!(told["lostKeys"], serde_json::json!([after.lost]));
    bring_client(server, &restored);
    let mut demo = restored.connect();
    demo.ask(get(&after.kept)).success();
    for gone in [&after.destroyed, &after.lost] {
        assert_ne!(demo.ask(get(gone)).status, 0);
    }
    let show = |command: &[&str]| {
        let json = [command, &["--format", "json"]].concat();
        let shown = restored.cli(&json).success().stdout;
        serde_json::from_str::<Value>(&shown).expect("JSON")
    };
    let state = |uid: &str| show(&["key", "show", uid])["state"].clone();
    let states = [&after.kept, &after.destroyed, &after.revoked].map(|uid| state(uid));
    assert_eq!(states, ["Active", "Destroyed", "Deactivated"]);
    let clients = show(&["client", "list"]);
    let status = |label: &str| {
        let mut clients = clients.as_array().expect("a list").iter();
        let client = clients.find(|one| one["label"] == label)?;
        client["status"].as_str()
    };
    let statuses = ["gone", "off", "on"].map(status);
    assert_eq!(statuses, [None, Some("disabled"), Some("enabled")]);
    let again = event(&restored, "kmip-key.destroy");
    assert_eq!(again["target"]["name"], after.destroyed.as_str());
    let by = again["initiator"]["id"].as_str().expect("an id");
    assert!(by.starts_with("LocalUser-"), "{by}");
    assert!(again["requestData"]["event"].is_string());
    restored.cli(&["events", "verify"]).success();
    whole_trail(&restored);
}

#[test]
fn a_backup_is_sealed_to_the_recovery_shares_where_that_is_asked_for() {
    let site = Site::new();
    let (server, shares) = (&site.server, site.text("shares"));
    let file = site.text("one.backup");
    let to_recovery = ["backup", &file, "--to", "recovery"];
    server.cli(&to_recovery).refused(&["no recovery shares"]);
    server
        .cli(&["master-key", "recovery", "2/3", "--into", &shares])
        .success();
    let uid = server.new_key();
    server.cli(&to_recovery).success();
    let directory = fresh_directory();
    let share = |number: u32| format!("{shares}/share-{number}.txt");
    let restore = |given: &[u32]| {
        let files: Vec<_> = given.iter().map(|number| share(*number)).collect();
        let mut line = vec!["restore", &file];
        for file in &files {
            line.extend(["--share", file]);
        }
        let master = server.data().join("master.key");
        let master = master.to_str().expect("a text").to_owned();
        line.extend(["--master-key", &master]);
        run_cli(directory.path(), &line)
    };
    assert_ne!(restore(&[2]).code, 0, "one share is not enough");
    let (key, with_key) = (site.text("backup.key"), fresh_directory());
    let other = run_cli(with_key.path(), &["restore", &file, "--key", &key]);
    other.refused(&["is sealed to the key"]);
    restore(&[3, 1]).success();
    let restored = Server::start_plainly(directory);
    bring_client(server, &restored);
    assert_eq!(material(&restored, &uid), material(server, &uid));
}

#[test]
fn an_export_that_does_not_follow_the_backup_is_refused() {
    let site = Site::new();
    let early = site.text("early.jsonl");
    site.server
        .cli(&["events", "export", "--output", &early])
        .success();
    site.server.new_key();
    let made = site.back_up("one.backup");
    site.server.new_key();
    let next = (made["events"].as_u64().expect("a number") + 1).to_string();
    let gap = site.text("gap.jsonl");
    site.server
        .cli(&["events", "export", "--from", &next, "--output", &gap])
        .success();
    let other = Server::start_fresh();
    let foreign = site.text("foreign.jsonl");
    other
        .cli(&["events", "export", "--output", &foreign])
        .success();
    for export in [&early, &gap, &foreign] {
        let directory = fresh_directory();
        let refused = site.restore("one.backup", directory.path(), &["--trail", export]);
        assert_ne!(refused.code, 0, "{export}: {refused:?}");
        let left = fs::read_dir(directory.path()).expect("a directory").count();
        assert_eq!(left, 0, "nothing is left: {refused:?}");
    }
}

#[test]
fn a_backup_that_was_altered_or_is_of_another_key_leaves_nothing() {
    let site = Site::new();
    site.server.new_key();
    site.back_up("one.backup");
    let whole = fs::read(site.path("one.backup")).expect("a file");
    let wrong = |name: &str, content: &[u8], words: &[&str]| {
        fs::write(site.path(name), content).expect("a file");
        let directory = fresh_directory();
        for more in [&[][..], &["--verify"]] {
            let mut refused = site.restore(name, directory.path(), more);
            if let Some((place, rest)) = refused.stderr.split_once('\n')
                && !more.is_empty()
            {
                assert!(place.starts_with("The backup is unpacked below"), "{place}");
                refused.stderr = rest.to_owned();
            }
            refused.refused(words);
            let left = fs::read_dir(directory.path()).expect("a directory").count();
            assert_eq!(left, 0, "{name}");
        }
    };
    let altered = |at: usize| {
        let mut altered = whole.clone();
        altered[at] ^= 1;
        altered
    };
    let part = 65536 + 16;
    wrong("cut", &whole[..whole.len() - 1], &["altered, cut off"]);
    wrong("cut at a part", &whole[..60 + part], &["altered, cut off"]);
    wrong(
        "longer",
        &[&whole[..], &[0]].concat(),
        &["altered, cut off"],
    );
    wrong("altered", &altered(whole.len() / 2), &["altered, cut off"]);
    wrong("altered head", &altered(40), &["altered, cut off"]);
    wrong("other", b"keyledger", &["is no backup"]);
    wrong("empty", b"", &["is no backup"]);
    let moved = [
        &whole[..60],
        &whole[60 + part..60 + 2 * part],
        &whole[60..60 + part],
        &whole[60 + 2 * part..],
    ]
    .concat();
    wrong("moved", &moved, &["altered, cut off"]);
    let other = site.text("other.key");
    site.server
        .cli(&["backup-key", "new", &other, "--only-file"])
        .success();
    let (file, directory) = (site.text("one.backup"), fresh_directory());
    let refused = run_cli(directory.path(), &["restore", &file, "--key", &other]);
    refused.refused(&["is sealed to the key", "and this is the key"]);
    // The master key of another server.
    let stranger = Server::start_fresh();
    let key = stranger.data().join("master.key");
    let key = key.to_str().expect("a text");
    let refused = site.restore("one.backup", directory.path(), &["--master-key", key]);
    refused.refused(&["the master key is not the one"]);
    site.restore("one.backup", site.server.path(), &[])
        .refused(&["is not empty"]);
    // What others may read is no place for the private half.
    fs::set_permissions(&other, std::os::unix::fs::PermissionsExt::from_mode(0o644))
        .expect("a mode");
    run_cli(directory.path(), &["restore", &file, "--key", &other]).refused(&["chmod 600"]);
    assert_eq!(
        fs::read_dir(directory.path()).expect("a directory").count(),
        0
    );
}

#[test]
fn a_backup_is_looked_at_without_a_trace_and_made_of_a_stopped_server_too() {
    let mut site = Site::new();
    let uid = site.server.new_key();
    site.server.stop();
    site.back_up("one.backup");
    // To standard output, with the master key.
    let file = fs::File::create(site.path("two.backup")).expect("a file");
    let mut backup = program(site.server.path());
    let backup = backup
        .args(["backup", "-", "--with-master-key"])
        .stdout(file);
    assert!(backup.status().expect("it runs").success());
    let scratch = fresh_directory();
    let look = |name: &str| {
        let (file, key) = (site.text(name), site.text("backup.key"));
        let mut look = program(site.server.path());
        look.args([
            "restore", &file, "--verify", "--format", "json", "--key", &key,
        ]);
        let output = look
            .env("TMPDIR", scratch.path())
            .output()
            .expect("it runs");
        assert!(output.status.success(), "{output:?}");
        let left = fs::read_dir(scratch.path()).expect("a directory").count();
        assert_eq!(left, 0, "nothing is left of it");
        serde_json::from_slice::<Value>(&output.stdout).expect("JSON")
    };
    assert_eq!(look("one.backup")["dataKeys"], Value::Null);
    let told = look("two.backup");
    assert_eq!(told["dataKeys"], 1);
    site.server.start_again();
    // The first backup's event is in the second one.
    assert_eq!(
        told["backup"]["events"],
        actions(&site.server)
            .iter()
            .position(|action| action == "backup.create")
            .expect("its event")
            + 1
    );
    let directory = fresh_directory();
    site.restore("two.backup", directory.path(), &[]).success();
    let restored = Server::start_plainly(directory);
    bring_client(&site.server, &restored);
    assert_eq!(material(&restored, &uid), material(&site.server, &uid));
}

#[test]
fn a_backup_and_a_restore_that_are_killed_leave_nothing_that_passes_for_whole() {
    let site = Site::new();
    for _ in 0..20 {
        site.server.new_key();
    }
    // A reader that takes a little and goes.
    let mut backup = program(site.server.path());
    let mut child = backup
        .args(["backup", "-"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("it runs");
    until("the backup to begin", || {
        actions(&site.server)
            .contains(&"backup.create".to_owned())
            .then_some(())
    });
    child.kill().expect("a child of ours");
    child.wait().expect("a child of ours");
    assert_eq!(
        fs::read_dir(site.elsewhere.path())
            .expect("a directory")
            .count(),
        1,
        "the key alone"
    );
    let file = site.text("one.backup");
    until("the place of the backup that was cut off", || {
        (site.server.cli(&["backup", &file]).code == 0).then_some(())
    });
    let directory = fresh_directory();
    let (key, data) = (site.text("backup.key"), directory.path().join("data"));
    let mut restore = program(directory.path());
    let mut child = restore
        .args(["restore", &file, "--key", &key])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it runs");
    until("the restore to begin", || {
        let names = fs::read_dir(&data).ok()?.flatten();
        let named = |name: &str| name.starts_with("keyledger.db");
        let mut names = names.map(|entry| entry.file_name());
        let has_begun = names.any(|name| name.to_str().is_some_and(named));
        has_begun.then_some(())
    });
    child.kill().expect("a child of ours");
    let was_killed = !child.wait().expect("a child of ours").success();
    if was_killed && !data.join("keyledger.db").exists() {
        let again = site.restore("one.backup", directory.path(), &[]);
        assert_ne!(again.code, 0, "what is left is not written over: {again:?}");
        let served = run_cli(directory.path(), &["serve", "--check"]);
        assert_ne!(served.code, 0, "{served:?}");
    }
}

#[test]
fn on_a_full_disk_a_backup_and_a_restore_end_cleanly() {
    if !in_own_mounts() {
        return;
    }
    let site = Site::new();
    site.server.new_key();
    let small = fresh_directory();
    mount_tmpfs(small.path(), 128 << 10);
    let target = small.path().join("one.backup");
    let refused = site
        .server
        .cli(&["backup", target.to_str().expect("a text")]);
    refused.refused(&["No space left"]);
    assert_eq!(fs::read_dir(small.path()).expect("a directory").count(), 0);
    site.back_up("one.backup");
    let refused = site.restore("one.backup", small.path(), &[]);
    refused.refused(&["No space left"]);
    assert_eq!(fs::read_dir(small.path()).expect("a directory").count(), 0);
}

#[test]
fn a_backup_that_would_fill_the_disk_of_the_server_is_refused_and_recorded() {
    if !in_own_mounts() {
        return;
    }
    let directory = fresh_directory();
    mount_tmpfs(directory.path(), 24 << 20);
    let site = Site::of(Server::start_in(directory, 1 << 20));
    site.server.new_key();
    let refused = site.server.cli(&["backup", &site.text("one.backup")]);
    refused.refused(&["no room for a copy of the database"]);
    assert!(!site.path("one.backup").exists());
    let events = site.server.events();
    let failed = events
        .iter()
        .find(|event| event.0["action"] == "vmware-solutions.backup.create")
        .expect("its event");
    assert_eq!(
        (&failed.0["outcome"], &failed.0["reason"]["reasonCode"]),
        (&"failure".into(), &507.into())
    );
    site.server.new_key();
}
