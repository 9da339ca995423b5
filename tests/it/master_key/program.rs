//! A master key that a program has: the example that is shipped, which asks OpenSSL.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use super::rotation::{add_target, check_target, kill_in_rotations, shown};
use super::token::name_provider;
use crate::harness::{Dice, Server, get, until};

/// The example, and the key that it wraps with, in the directory of a server whose settings name them.
fn server() -> Server {
    let mut server = Server::start_prepared("", |directory| {
        let made = Command::new("openssl")
            .args([
                "req",
                "-x509",
                "-newkey",
                "rsa:2048",
                "-nodes",
                "-subj",
                "/CN=keyledger",
            ])
            .args(["-days", "30", "-keyout", "wrap.key", "-out", "wrap.pem"])
            .current_dir(directory)
            .output()
            .expect("OpenSSL runs");
        assert!(made.status.success(), "{made:?}");
    });
    server.stop();
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("etc/master-key-command.example");
    let heading = "[master-key.command]\n";
    let set = format!(
        "{heading}program = \"{}\"\nenvironment = {{KEY_DIR = \"{}\"}}\n",
        example.display(),
        server.path().display()
    );
    name_provider(server.path(), heading, &set);
    server.start_again();
    server
}

/// The example behind a program that hangs as long as there is a file `hang`, and says so; the master key is with it.
fn hanging() -> Server {
    let mut server = server();
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("etc/master-key-command.example");
    let program = server.path().join("program");
    let script = format!(
        "#!/bin/sh\nwhile [ -e \"$KEY_DIR/hang\" ]; do : >\"$KEY_DIR/hangs\"; sleep 0.05; done\nexec {}\n",
        example.display()
    );
    fs::write(&program, script).expect("a file");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).expect("a mode");
    server
        .cli(&["master-key", "rotate", "--to", "command"])
        .success();
    server.stop();
    let (from, to) = (example.display(), program.display());
    name_provider(
        server.path(),
        &format!("program = \"{from}\"\n"),
        &format!("program = \"{to}\"\nanswer-seconds = 300\n"),
    );
    name_provider(
        server.path(),
        "#provider = \"file\"",
        "provider = \"command\"",
    );
    server.start_again();
    server
}

#[test]
fn a_program_that_hangs_keeps_no_key_from_being_served_and_is_given_up() {
    let mut server = hanging();
    let (uid, hang) = (server.new_key(), server.path().join("hang"));
    fs::write(&hang, "").expect("a file");
    std::thread::scope(|scope| {
        let add = scope.spawn(|| server.cli(&["instance", "add", "second"]));
        until("the program to hang", || {
            server.path().join("hangs").exists().then_some(())
        });
        server.connect().ask(get(&uid)).success();
        server.new_key();
        server.cli(&["key", "list"]).success();
        assert!(!add.is_finished(), "it waits for the program");
        fs::remove_file(&hang).expect("a file");
        add.join().expect("a command that ends").success();
    });
    server.stop();
    fs::write(&hang, "").expect("a file");
    name_provider(
        server.path(),
        "answer-seconds = 300\n",
        "answer-seconds = 1\n",
    );
    for command in [
        &["serve", "--check"][..],
        &["serve", "--listen", "127.0.0.1:0", "--log", "off"],
    ] {
        server
            .cli(command)
            .refused(&["did not end within 1 s and was killed"]);
    }
    fs::remove_file(&hang).expect("a file");
    name_provider(server.path(), "answer-seconds = 1\n", "");
    server.start_again();
    server.connect().ask(get(&uid)).success();
}

#[test]
fn a_rotation_by_a_program_that_is_killed_anywhere_is_finished_or_undone() {
    let mut server = server();
    server
        .cli(&["master-key", "rotate", "--to", "command"])
        .success();
    server.stop();
    let set = "provider = \"command\"";
    name_provider(server.path(), "#provider = \"file\"", set);
    server.start_again();
    let (mut dice, rounds) = Dice::and_rounds(2);
    kill_in_rotations(server, rounds, 1_500_000, &mut dice);
}

#[test]
fn a_program_takes_over_the_master_key_and_a_file_takes_it_back() {
    let mut server = server();
    let (uid, path) = (server.new_key(), server.path().to_owned());
    add_target(&server);
    let material = server.connect().ask(get(&uid)).success().key_material();
    server
        .cli(&["master-key", "rotate", "--to", "command"])
        .success();
    assert_eq!(shown(&server)["provider"], "command");
    server.cli(&["instance", "add", "second"]).success();
    check_target(&server);
    server.stop();
    name_provider(&path, "#provider = \"file\"", "provider = \"command\"");
    server.cli(&["serve", "--check"]).success();
    // Another key of the key manager: it says so itself, and nothing else is said.
    fs::rename(path.join("wrap.key"), path.join("aside.key")).expect("a file");
    server
        .cli(&["serve", "--check"])
        .refused(&["master-key-command.example", "ended by exit status"]);
    fs::rename(path.join("aside.key"), path.join("wrap.key")).expect("a file");
    server.start_again();
    let again = server.connect().ask(get(&uid)).success().key_material();
    assert_eq!(again, material);
    server
        .cli(&["master-key", "rotate", "--to", "file"])
        .success();
    check_target(&server);
    assert!(!server.log().contains("plain"), "no request is logged");
    server.stop();
    name_provider(&path, "provider = \"command\"", "provider = \"file\"");
    fs::remove_file(path.join("wrap.key")).expect("a file");
    server.start_again();
    server.connect().ask(get(&uid)).success();
}
