//! What a restore does not do: run what a backup names, or leave keys behind.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::backup::Site;
use crate::harness::{fresh_directory, program, until};

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
