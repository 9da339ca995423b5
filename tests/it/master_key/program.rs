//! A master key that a program has: the example that is shipped, which asks OpenSSL.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::rotation::{add_target, check_target, shown};
use super::token::name_provider;
use crate::harness::{Server, get};

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
