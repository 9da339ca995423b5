//! The master key behind a passphrase, and a database that is changed only once its master key was compared.

mod hung;
mod locked;
mod older;
mod program;
mod recovery;
mod rotation;
pub(crate) mod token;

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use tempfile::TempDir;

use crate::harness::{
    Output, Server, create, fresh_directory, get, key_template, program, run_cli,
};

const PASSPHRASE: &str = "correct horse battery staple";

/// A file with a passphrase beside the server's directory.
fn passphrase_file(folder: &Path, passphrase: &str) -> PathBuf {
    let path = folder.join("passphrase.txt");
    drop(fs::remove_file(&path));
    fs::write(&path, passphrase).expect("a file");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("a mode");
    path
}

/// A directory that was initialised with a passphrase, and the file that holds it.
fn initialised() -> (TempDir, PathBuf) {
    let directory = fresh_directory();
    let file = passphrase_file(directory.path(), PASSPHRASE);
    let init = ["init", "--master-key", "passphrase", "--passphrase-file"];
    let init = [&init[..], &[text(&file)]].concat();
    run_cli(directory.path(), &init).success();
    (directory, file)
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a text")
}

/// Every file of `data`, apart from locks, with its content.
fn data(directory: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let entries = fs::read_dir(directory.join("data")).expect("a folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut files: Vec<_> = paths
        .filter(|path| !text(path).ends_with("lock"))
        .map(|path| (path.clone(), fs::read(&path).expect("a file")))
        .collect();
    files.sort();
    files
}

fn check_with(directory: &Path, file: &Path) -> Output {
    run_cli(
        directory,
        &["serve", "--check", "--passphrase-file", text(file)],
    )
}

/// Names the file in the configuration.
fn configure(directory: &Path, file: &Path) {
    let config = directory.join("keyledger.toml");
    let written = fs::read_to_string(&config).expect("the configuration");
    let set = format!("passphrase-file = \"{}\"", file.display());
    assert!(
        written.contains("provider = \"passphrase\""),
        "init writes it"
    );
    fs::write(&config, written.replace("#passphrase-file = \"\"", &set)).expect("a file");
}

#[test]
fn a_server_is_opened_by_its_passphrase_and_by_no_other() {
    let (directory, file) = initialised();
    let path = directory.path().to_owned();
    let key = fs::read_to_string(path.join("data/master.key")).expect("the master key");
    assert!(
        key.contains(":m=65536,t=3,p=4:"),
        "the second option of RFC 9106: {key}"
    );
    assert!(!key.contains("horse"));
    run_cli(&path, &["client", "issue", "demo"]).success();
    configure(&path, &file);
    let mut server = Server::start_plainly(directory);
    let uid = server.connect().ask(create(key_template())).success().uid();
    server.stop();
    // Another passphrase: one line, nothing changed.
    let before = data(&path);
    passphrase_file(&path, "incorrect horse battery staple");
    for refused in [
        run_cli(&path, &["serve", "--listen", "127.0.0.1:0", "--log", "off"]),
        check_with(&path, &file),
        run_cli(&path, &["instance", "add", "second"]),
    ] {
        refused.refused(&["the passphrase does not open", "master.key"]);
        assert!(!refused.stderr.contains("horse"), "{refused:?}");
    }
    assert_eq!(data(&path), before);
    passphrase_file(&path, PASSPHRASE);
    run_cli(&path, &["instance", "add", "second"]).success();
    server.start_again();
    assert_eq!(
        server
            .connect()
            .ask(get(&uid))
            .success()
            .key_material()
            .len(),
        32
    );
}

#[test]
fn the_passphrase_is_read_from_where_it_is_said_to_be_or_asked_for() {
    let (directory, file) = initialised();
    let path = directory.path();
    // Nowhere to read it from, and nobody to ask: one line. What needs no master key does not ask.
    let check = ["serve", "--check"];
    run_cli(path, &check).refused(&["needs its passphrase", "--passphrase-file"]);
    run_cli(path, &["instance", "list"]).success();
    run_cli(path, &["client", "issue", "vc"]).success();
    check_with(path, &file).success();
    let from_environment = program(path)
        .args(["serve", "--check", "--dir"])
        .arg(path)
        .env("KEYLEDGER_PASSPHRASE_FILE", &file)
        .output()
        .expect("the program runs");
    assert!(from_environment.status.success(), "{from_environment:?}");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).expect("a mode");
    check_with(path, &file).refused(&["others may read it", "chmod 600"]);
    fs::remove_file(&file).expect("a file");
    check_with(path, &file).refused(&["passphrase of the master key cannot be read"]);
    // Typed at a terminal, where it is not shown.
    for (typed, is_right) in [(PASSPHRASE, true), ("incorrect horse", false)] {
        let (code, shown) = at_a_terminal(path, &check, &[typed]);
        assert_eq!(code == 0, is_right, "{shown}");
        assert!(shown.contains("Passphrase of the master key"), "{shown}");
        assert!(!shown.contains("horse"), "{shown}");
    }
}

#[test]
fn quickstart_takes_the_passphrase_as_serve_does() {
    let directory = fresh_directory();
    let path = directory.path();
    let file = passphrase_file(path, PASSPHRASE);
    let config = "version = \"v1\"\n[master-key]\nprovider = \"passphrase\"\n";
    fs::write(path.join("keyledger.toml"), config).expect("a file");
    // Refused by its address, once the directory is made.
    let listen = ["--listen", "192.0.2.1:1"];
    let serve = ["serve", "--quickstart", "--passphrase-file", text(&file)];
    let refused = run_cli(path, &[&serve[..], &listen[..]].concat());
    assert!(path.join("data/keyledger.db").exists(), "{refused:?}");
    check_with(path, &file).success();
}

#[test]
fn a_new_passphrase_is_typed_twice_and_must_not_be_short() {
    let directory = fresh_directory();
    let path = directory.path();
    let init = ["init", "--master-key", "passphrase"];
    let (code, shown) = at_a_terminal(path, &init, &["too short", "too short"]);
    assert!(
        code != 0 && shown.contains("at least 12 characters"),
        "{shown}"
    );
    let (code, shown) = at_a_terminal(path, &init, &[PASSPHRASE, "correct horse battery stable"]);
    assert!(code != 0 && shown.contains("same way twice"), "{shown}");
    assert!(!path.join("data/master.key").exists());
    let (code, shown) = at_a_terminal(path, &init, &[PASSPHRASE, PASSPHRASE]);
    assert_eq!(code, 0, "{shown}");
    let file = passphrase_file(path, PASSPHRASE);
    check_with(path, &file).success();
}

#[test]
fn a_damaged_master_key_file_is_refused_with_one_line() {
    let (directory, file) = initialised();
    let path = directory.path();
    let key = path.join("data/master.key");
    let sound = fs::read_to_string(&key).expect("the master key");
    for (from, to, says) in [
        ("m=65536", "m=1073741824", "more time or memory"),
        ("t=3", "t=0", "more time or memory"),
        ("p=4", "p=five", "cannot be read"),
        (
            "-passphrase-v1",
            "-passphrase-v2",
            "is not one of a passphrase",
        ),
    ] {
        fs::write(&key, sound.replace(from, to)).expect("a file");
        check_with(path, &file).refused(&["master.key", says]);
    }
    // The provider that is configured and the file's are not the same.
    fs::write(&key, &sound).expect("a file");
    let config = path.join("keyledger.toml");
    let written = fs::read_to_string(&config).expect("the configuration");
    let other = written.replace("provider = \"passphrase\"", "provider = \"file\"");
    fs::write(&config, other).expect("a file");
    run_cli(path, &["serve", "--check"]).refused(&["provider = \"passphrase\""]);
}

/// Runs a command at a terminal of its own and types lines as they are asked for; its exit code and what the terminal showed.
fn at_a_terminal(directory: &Path, arguments: &[&str], lines: &[&str]) -> (i32, String) {
    typed_at_a_terminal(directory, arguments, lines.iter().copied())
}

/// The same with lines that are thought of only when they are asked for.
fn typed_at_a_terminal<'a>(
    directory: &Path,
    arguments: &[&str],
    mut left: impl Iterator<Item = &'a str>,
) -> (i32, String) {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY;
    let ours = openpt(flags).expect("a terminal");
    grantpt(&ours).expect("a terminal");
    unlockpt(&ours).expect("a terminal");
    let name = ptsname(&ours, Vec::new()).expect("a name");
    let name = name.to_str().expect("a text");
    let theirs = || -> OwnedFd {
        let opened = fs::OpenOptions::new().read(true).write(true).open(name);
        opened.expect("the terminal's other end").into()
    };
    let mut command = program(directory);
    command.args(arguments).arg("--dir").arg(directory);
    command.stdin(Stdio::from(theirs()));
    command.stdout(Stdio::from(theirs()));
    command.stderr(Stdio::from(theirs()));
    let mut child = command.spawn().expect("the program runs");
    drop(command);
    let mut terminal = fs::File::from(ours);
    let mut shown = Vec::new();
    let mut buffer = [0; 1024];
    // Reading fails once nobody has the other end any more.
    while let Ok(count @ 1..) = terminal.read(&mut buffer) {
        shown.extend_from_slice(&buffer[..count]);
        if shown.ends_with(b": ")
            && let Some(line) = left.next()
        {
            terminal.write_all(line.as_bytes()).expect("keys");
            terminal.write_all(b"\n").expect("keys");
        }
    }
    let code = child.wait().expect("a child of ours").code();
    let shown = String::from_utf8_lossy(&shown).into_owned();
    (code.expect("it ends by itself"), shown)
}
