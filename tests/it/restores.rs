//! What a restore does not do: run what a backup names, leave keys behind, or bring back what was taken away.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use keyledger::crypto::authority::{KeyKind, self_signed_client};
use rusqlite::Connection as Database;
use serde_json::{Value, json};

use crate::backup::{Site, bring_client};
use crate::harness::{
    Server, activate, create, fresh_directory, get, key_template, now, program, reason, until,
    whole_trail,
};

#[test]
fn a_restore_runs_nothing_that_the_backup_names() {
    let site = Site::new();
    let (marker, script) = (site.path("it-ran"), site.path("program"));
    fs::write(
        &script,
        format!("#!/bin/sh\ntouch '{}'\n", marker.display()),
    )
    .expect("a file");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("a mode");
    // As somebody seals it who has the public half of the backup key and nothing else.
    let config = site.server.path().join("keyledger.toml");
    let heading = "[master-key.command]\n";
    let written = fs::read_to_string(&config).expect("the settings");
    assert!(written.contains(heading), "{written}");
    let program = format!("{heading}program = \"{}\"\n", script.display());
    fs::write(&config, written.replacen(heading, &program, 1)).expect("a file");
    let master = site.server.data().join("master.key");
    // The version of the form, and what the program is asked to unwrap.
    let line = "keyledger-master-key-command-v1:0400\n";
    fs::write(&master, line).expect("a file");
    site.back_up("hostile.backup");
    for more in [&["--verify"][..], &[]] {
        let directory = fresh_directory();
        let restored = site
            .restore("hostile.backup", directory.path(), more)
            .success();
        let told: Value = serde_json::from_str(&restored.stdout).expect("JSON");
        assert_eq!(told["dataKeys"], Value::Null);
        let named = told["named"][0].as_str().expect("a text");
        assert!(named.starts_with("master-key.command.program"), "{named}");
        assert!(restored.stderr.contains("--settings"), "{restored:?}");
        assert!(!marker.exists(), "{more:?}");
    }
    // By the word of the operator it is asked.
    let (directory, own) = (fresh_directory(), config.to_str().expect("a text"));
    let asked = ["--verify", "--settings", own];
    let asked = site.restore("hostile.backup", directory.path(), &asked);
    assert!(asked.code != 0 && marker.exists(), "{asked:?}");
}

#[test]
fn a_look_that_is_told_to_stop_leaves_nothing_of_the_backup() {
    let site = Site::new();
    let file = site.text("one.backup");
    let made = ["backup", &file, "--with-master-key"];
    site.server.cli(&made).success();
    let (scratch, pipe) = (fresh_directory(), site.path("pipe"));
    let made = Command::new("mkfifo").arg(&pipe).status();
    assert!(made.expect("it runs").success());
    let key = site.text("backup.key");
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let mut look = program(scratch.path())
            .args(["restore", "--verify", "--key", &key])
            .arg(&pipe)
            .env("TMPDIR", scratch.path())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it runs");
        // All but the end, for which it waits.
        let content = fs::read(&file).expect("a file");
        let mut writer = fs::OpenOptions::new()
            .write(true)
            .open(&pipe)
            .expect("a pipe");
        let cut = content.len() - 1;
        writer.write_all(&content[..cut]).expect("a reader");
        let unpacked = until("what is unpacked", || {
            let entry = fs::read_dir(scratch.path()).expect("a directory").next()?;
            let path = entry.expect("an entry").path();
            let unpacked = fs::read_dir(path.join("data")).ok()?.flatten();
            let named = |name: &str| name.starts_with("keyledger.db");
            let mut names = unpacked.map(|entry| entry.file_name());
            let is_there = names.any(|name| name.to_str().is_some_and(named));
            is_there.then_some(path)
        });
        let told = Command::new("kill")
            .args([&format!("-{signal}"), &look.id().to_string()])
            .status();
        assert!(told.expect("it runs").success());
        assert_eq!(look.wait().expect("a child of ours").code(), Some(code));
        drop(writer);
        let left = fs::read_dir(scratch.path()).expect("a directory").count();
        assert_eq!(left, 0, "nothing is left of it");
        let mut said = String::new();
        let mut stderr = look.stderr.take().expect("a pipe");
        std::io::Read::read_to_string(&mut stderr, &mut said).expect("a text");
        assert!(said.contains(unpacked.to_str().expect("a text")), "{said}");
    }
}

fn shown(server: &Server, command: &[&str]) -> Value {
    let command = [command, &["--format", "json"]].concat();
    serde_json::from_str(&server.cli(&command).success().stdout).expect("JSON")
}

/// An Active key.
fn active(server: &Server) -> String {
    let mut demo = server.connect();
    let uid = demo.ask(create(key_template())).success().uid();
    demo.ask(activate(&uid)).success();
    uid
}

/// Asks for it; with a recovery window it comes at its end.
fn destroy_later(server: &Server, uid: &str) {
    let ask = ["key", "destroy", uid, "--reason", "gone", "--force"];
    server.cli(&ask).success();
}

/// A site with API keys, an administrator, two instances, and a key whose destruction is scheduled.
fn governed() -> (Site, String) {
    let site = Site::of(Server::start_set("[destruction]\nrecovery-days = 7\n"));
    let server = &site.server;
    for name in ["stays", "goes"] {
        server.api_key(name, "reader", &[]);
        let made = self_signed_client(name, KeyKind::EcdsaP256, now(), 30).expect("made");
        let file = site.text("administrator.pem");
        fs::write(&file, made.certificate_pem).expect("a file");
        let add = [
            "admin",
            "add",
            name,
            "--certificate",
            &file,
            "--role",
            "reader",
        ];
        server.cli(&add).success();
    }
    server.cli(&["instance", "add", "second"]).success();
    let second = ["client", "issue", "of-second", "--instance", "second"];
    server.cli(&second).success();
    let uid = active(server);
    destroy_later(server, &uid);
    (site, uid)
}

fn names(list: &Value, field: &str) -> Vec<String> {
    let list = list.as_array().expect("a list").iter();
    let mut names: Vec<_> = list
        .map(|one| one[field].as_str().expect("a text").to_owned())
        .collect();
    names.sort();
    names
}

/// What is taken away and given back after a backup; gives the export that tells of it.
fn change_much(site: &Site, called_off: &str) -> String {
    let (server, begun) = (&site.server, now());
    let default = shown(server, &["instance", "list"])[0]["id"].clone();
    let default = default.as_str().expect("an id");
    for line in [
        &["key", "restore", called_off][..],
        &["instance", "remove", "second", "--force"],
        &["api-key", "remove", "goes"],
        &["admin", "remove", "goes"],
        &["client", "permit", "demo", "--operations", "get,locate"],
        &["instance", "rules", "default", "--deny", "destroy"],
    ] {
        server.cli(line).success();
    }
    // Of a system elsewhere, whose instance has that name: nobody removed ours.
    for action in ["instance-secure-data.wipe", "service.delete"] {
        let record = ["events", "record", action, "--outcome", "success"];
        server
            .cli(&[&record[..], &["--target", default]].concat())
            .success();
    }
    let export = site.text("later.jsonl");
    let line = ["events", "export", "--output", &export];
    server.cli(&line).success();
    // Windows are counted in seconds.
    until("the next second", || (now() > begun).then_some(()));
    export
}

#[test]
fn what_administrators_did_after_a_backup_is_so_again_where_the_trail_tells_of_it() {
    let (site, called_off) = governed();
    let server = &site.server;
    let [scheduled, asked] = std::array::from_fn(|_| active(server));
    destroy_later(server, &scheduled);
    site.back_up("one.backup");
    destroy_later(server, &asked);
    let export = change_much(&site, &called_off);
    let (restored, told, _) = site.restored("one.backup", &["--trail", &export]);
    assert_eq!(
        names(&told["doneAgain"], "what"),
        [
            "API key removed",
            "administrator removed",
            "client or certificates removed",
            "destruction of key called off",
            "instance removed",
            "permissions of client set",
            "rules of instance set",
        ]
    );
    assert_eq!(told["removedAdministrators"], json!([]));
    assert_eq!(names(&told["postponed"], "id"), [&*scheduled]);
    let mut again = told["toDoAgain"].as_array().expect("a list").iter();
    let again = again.find(|one| one["target"] == *asked).expect("the key");
    let command = again["command"].as_str().expect("a text");
    assert!(command.contains("key destroy"), "{command}");
    bring_client(server, &restored);
    restored.connect().ask(get(&called_off)).success();
    restored
        .connect()
        .ask(create(key_template()))
        .failure(reason::PERMISSION_DENIED);
    for (list, field) in [
        (["instance", "list"], "name"),
        (["api-key", "list"], "name"),
        (["admin", "list"], "label"),
    ] {
        let expected = if list[0] == "instance" {
            "default"
        } else {
            "stays"
        };
        assert_eq!(names(&shown(&restored, &list), field), [expected]);
    }
    let listed = names(&shown(&restored, &["key", "scheduled"]), "id");
    assert_eq!(listed, [&*scheduled]);
    let denied = shown(&restored, &["instance", "list"])[0]["denied"].clone();
    assert_eq!(denied, json!(["destroy"]));
    whole_trail(&restored);
}

#[test]
fn without_a_later_trail_nobody_administers_from_elsewhere_and_no_window_ends() {
    let (mut site, uid) = governed();
    site.server.stop();
    // Its window has ended when the backup is put back, and who called it off is not known.
    let database = Database::open(site.server.data().join("keyledger.db")).expect("the database");
    for past in [
        "UPDATE destruction SET due = 1",
        "UPDATE object SET destroy_due = 1 WHERE destroy_due IS NOT NULL",
    ] {
        assert_eq!(database.execute(past, []).expect("a row"), 1);
    }
    drop(database);
    site.back_up("one.backup");
    let (restored, told, said) = site.restored("one.backup", &[]);
    let removed = told["removedAdministrators"].as_array().expect("a list");
    assert_eq!(removed.len(), 4, "{removed:?}");
    assert!(said.contains("--keep-administrators"), "{said}");
    assert!(said.contains("key restore"), "{said}");
    for list in ["api-key", "admin"] {
        assert_eq!(shown(&restored, &[list, "list"]), json!([]));
    }
    assert_eq!(names(&told["postponed"], "id"), [&*uid]);
    restored.cli(&["key", "restore", &uid]).success();
    bring_client(&site.server, &restored);
    restored.connect().ask(get(&uid)).success();
    whole_trail(&restored);
    // The same backup again: another trail, which is not to be taken for the first one.
    // Epochs are numbered by the second.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    let (kept, again, _) = site.restored("one.backup", &["--keep-administrators"]);
    let epoch = |told: &Value| told["epoch"].as_u64().expect("a number");
    assert!(epoch(&again) > epoch(&told), "{again}");
    assert_eq!(
        shown(&kept, &["admin", "list"]).as_array().map(Vec::len),
        Some(2)
    );
}

#[test]
fn what_no_checkpoint_seals_and_what_was_recorded_by_hand_is_not_done_again() {
    let site = Site::new();
    let server = &site.server;
    server.api_key("stays", "reader", &[]);
    let off = ["client", "issue", "off"];
    server.cli(&off).success();
    server.cli(&["client", "disable", "off"]).success();
    let [gone, kept] = std::array::from_fn(|_| active(server));
    site.back_up("one.backup");
    server.cli(&["client", "enable", "off"]).success();
    let destroy = ["key", "destroy", &gone, "--reason", "gone", "--force"];
    server.cli(&destroy).success();
    let record = ["events", "record", "kmip-key.destroy", "--outcome"];
    let recorded = [&record[..], &["success", "--target", &kept]].concat();
    // Of keys only the server itself records; of API keys others do too.
    assert_ne!(server.cli(&recorded).code, 0);
    let id = shown(server, &["api-key", "list"])[0]["id"].clone();
    let id = id.as_str().expect("an id");
    let record = ["events", "record", "account-apikey.update", "--outcome"];
    let removed = [
        "success",
        "--target",
        id,
        "--request-data",
        r#"{"change":"remove"}"#,
    ];
    server.cli(&[&record[..], &removed].concat()).success();
    let export = site.text("later.jsonl");
    let line = ["events", "export", "--output", &export];
    server.cli(&line).success();
    // As a target of every event receives it, and with a line more at the end.
    let export = fs::read_to_string(&export).expect("a file");
    let mut lines: Vec<_> = export
        .lines()
        .filter(|line| line.contains("\"action\":\"vmware-solutions."))
        .map(str::to_owned)
        .collect();
    lines.push(export.lines().last().expect("a checkpoint").to_owned());
    let real = lines.iter().find(|line| {
        line.contains("kmip-key.destroy\"") && line.contains("\"outcome\":\"success\"")
    });
    let forged = real.expect("an event").replace(&*gone, &kept);
    let restored = |name: &str, lines: &[String]| {
        let file = site.text(name);
        fs::write(&file, lines.join("\n") + "\n").expect("a file");
        site.restored("one.backup", &["--trail", &file])
    };
    let (_, told, _) = restored("whole.jsonl", &lines);
    assert_eq!(told["unproved"], 0);
    assert_eq!(told["removedAdministrators"], json!([]));
    let done = names(&told["doneAgain"], "what");
    assert!(!done.contains(&"API key removed".to_owned()), "{done:?}");
    let again = names(&told["toDoAgain"], "action");
    assert!(
        again.contains(&"kmip-client.enable".to_owned()),
        "{again:?}"
    );
    lines.push(forged);
    let (second, told, said) = restored("forged.jsonl", &lines);
    assert_eq!(told["unproved"], 1);
    assert!(said.contains("No checkpoint seals"), "{said}");
    assert_ne!(told["removedAdministrators"], json!([]));
    let state = |uid: &str| shown(&second, &["key", "show", uid])["state"].clone();
    assert_eq!([state(&gone), state(&kept)], ["Destroyed", "Active"]);
}

#[test]
fn a_client_whose_certificate_was_replaced_after_a_backup_stays_with_what_it_may_do() {
    let site = Site::new();
    let server = &site.server;
    server.cli(&["client", "issue", "moved"]).success();
    let permit = ["client", "permit", "moved", "--operations", "get,locate"];
    server.cli(&permit).success();
    let old = shown(server, &["client", "list"]);
    let moved = |clients: &Value| {
        let mut clients = clients.as_array().expect("a list").iter();
        clients.find(|one| one["label"] == "moved").cloned()
    };
    let old = moved(&old).expect("the client")["certificates"][0]["fingerprint"].clone();
    let old = old.as_str().expect("a fingerprint");
    site.back_up("one.backup");
    server.cli(&["client", "renew", "moved"]).success();
    let remove = ["client", "remove", "moved", "--certificate", old];
    server.cli(&remove).success();
    let export = site.text("later.jsonl");
    let line = ["events", "export", "--output", &export];
    server.cli(&line).success();
    let (restored, told, _) = site.restored("one.backup", &["--trail", &export]);
    let done = names(&told["doneAgain"], "what");
    assert_eq!(done, ["certificates of client removed"]);
    let again = names(&told["toDoAgain"], "command");
    assert_eq!(again, ["keyledger client add moved FILE --renew"]);
    let client = moved(&shown(&restored, &["client", "list"])).expect("it stays");
    assert_eq!(client["certificates"], json!([]), "{client}");
    // What is said to be done again is enough: the new certificate counts, and allows no more than before.
    let file = server.path().join("certs/clients/moved.pem");
    let file = file.to_str().expect("a text");
    let add = ["client", "add", "moved", file, "--renew"];
    restored.cli(&add).success();
    let mut moved = restored.connect_as(&server.client("moved"));
    moved
        .ask(create(key_template()))
        .failure(reason::PERMISSION_DENIED);
    whole_trail(&restored);
}

#[test]
fn what_a_later_epoch_took_away_is_not_known_from_a_checkpoint_of_it() {
    let site = Site::new();
    let server = &site.server;
    server.api_key("stays", "reader", &[]);
    let gone = active(server);
    site.back_up("one.backup");
    destroy_later(server, &gone);
    let export = site.text("later.jsonl");
    let line = ["events", "export", "--output", &export];
    server.cli(&line).success();
    let begin = ["events", "new-epoch", "--reason", "because"];
    server.cli(&begin).success();
    server.new_key();
    let note = server.cli(&["events", "checkpoint"]).success().stdout;
    let newest = site.text("newest.checkpoint");
    fs::write(&newest, note).expect("a file");
    let told_by = |more: &[&str]| site.restored("one.backup", more);
    // The trail up to there tells all there was, as far as anybody says.
    let (_, told, _) = told_by(&["--trail", &export]);
    assert_eq!(told["removedAdministrators"], json!([]));
    // There was more: what, and how much, is not told.
    let both = ["--trail", &export, "--checkpoint", &newest];
    let (restored, told, said) = told_by(&both);
    assert_eq!(names(&told["doneAgain"], "what"), ["key destroyed"]);
    assert_eq!(told["missing"], Value::Null);
    assert!(said.contains("is there again"), "{said}");
    let removed = told["removedAdministrators"].as_array().expect("a list");
    assert_eq!(removed.len(), 1, "{removed:?}");
    whole_trail(&restored);
}
