//! A master key in a token: SoftHSM, as Debian ships it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::rotation::{add_target, check_target, kill_in_rotations, shown};
use super::text;
use crate::harness::{Dice, Server, fresh_directory, get, run_cli, run_cli_with_input, skipped};

pub(crate) const PIN: &str = "47110815";

/// The library, where it is installed.
pub(super) fn module() -> Option<PathBuf> {
    let folders = [
        "/usr/lib/softhsm",
        "/usr/lib64/pkcs11",
        "/usr/lib64/softhsm",
    ];
    let mut paths = folders
        .iter()
        .map(|folder| Path::new(folder).join("libsofthsm2.so"));
    let found = paths.find(|path| path.exists());
    if found.is_none() {
        skipped("tests of tokens: SoftHSM is not installed");
    }
    found
}

/// Has a server in this directory see tokens of its own, and makes one with the label.
fn make_token(directory: &Path, label: &str) {
    let tokens = directory.join("tokens");
    fs::create_dir_all(&tokens).expect("a folder");
    let configuration = directory.join("softhsm2.conf");
    let lines = format!(
        "directories.tokendir = {}\nobjectstore.backend = file\n",
        tokens.display()
    );
    fs::write(&configuration, lines).expect("a file");
    let environment = format!("SOFTHSM2_CONF={}\n", configuration.display());
    fs::write(directory.join("environment"), environment).expect("a file");
    let made = Command::new("softhsm2-util")
        .args([
            "--init-token",
            "--free",
            "--label",
            label,
            "--so-pin",
            "12345678",
            "--pin",
            PIN,
        ])
        .env("SOFTHSM2_CONF", &configuration)
        .output()
        .expect("SoftHSM runs");
    assert!(made.status.success(), "{made:?}");
    write_pin(directory, PIN);
}

fn write_pin(directory: &Path, pin: &str) {
    let file = directory.join("pin.txt");
    fs::write(&file, pin).expect("a file");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("a mode");
}

fn settings(directory: &Path, module: &Path) -> String {
    let pin = directory.join("pin.txt");
    format!(
        "[master-key.pkcs11]\nmodule = \"{}\"\ntoken-label = \"keys\"\npin-file = \"{}\"\n",
        module.display(),
        pin.display()
    )
}

/// The files that SoftHSM keeps its objects in.
fn token_objects(directory: &Path) -> Vec<PathBuf> {
    let folders = fs::read_dir(directory.join("tokens")).expect("a folder");
    let files =
        folders.flat_map(|folder| fs::read_dir(folder.expect("an entry").path()).expect("a token"));
    let mut files: Vec<_> = files
        .map(|file| file.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|end| end == "object"))
        .collect();
    files.sort();
    files
}

/// Sets the provider in the configuration.
pub(super) fn name_provider(directory: &Path, from: &str, to: &str) {
    let config = directory.join("keyledger.toml");
    let written = fs::read_to_string(&config).expect("the configuration");
    assert!(written.contains(from), "{from}");
    fs::write(&config, written.replacen(from, to, 1)).expect("a file");
}

/// A server whose settings name the token, with a master key in a file still.
fn server(module: &Path) -> Server {
    server_with(module, "")
}

fn server_with(module: &Path, more: &str) -> Server {
    let mut server = Server::start_prepared("", |directory| make_token(directory, "keys"));
    server.stop();
    let heading = "[master-key.pkcs11]\n";
    let set = settings(server.path(), module) + more;
    name_provider(server.path(), heading, &set);
    server.start_again();
    server
}

/// A server whose master key is in the token; none where there are no tokens.
pub(crate) fn served() -> Option<Server> {
    Some(served_by(&module()?, ""))
}

/// A server whose master key is in a token of this module, with more settings for it.
pub(super) fn served_by(module: &Path, more: &str) -> Server {
    let server = server_with(module, more);
    let to_token = ["master-key", "rotate", "--to", "pkcs11"];
    server.cli(&to_token).success();
    let set = "provider = \"pkcs11\"";
    name_provider(server.path(), "#provider = \"file\"", set);
    server
}

/// A wrong PIN counts also while the token is open, and no key is left in it of a rotation that fails.
fn leaves_no_key_of_what_fails(server: &Server) {
    let path = server.path();
    let keys = token_objects(path);
    write_pin(path, "00000000");
    server
        .cli(&["master-key", "rotate"])
        .refused(&["not the PIN that it was opened with"]);
    write_pin(path, PIN);
    let mode = |mode| fs::set_permissions(path.join("data"), fs::Permissions::from_mode(mode));
    mode(0o500).expect("a mode");
    server
        .cli(&["master-key", "rotate"])
        .refused(&["cannot write the master key file"]);
    mode(0o700).expect("a mode");
    assert_eq!(token_objects(path), keys);
}

#[test]
fn a_token_takes_over_the_master_key_and_a_file_takes_it_back() {
    let Some(module) = module() else { return };
    let mut server = server(&module);
    let (uid, path) = (server.new_key(), server.path().to_owned());
    add_target(&server);
    let material = server.connect().ask(get(&uid)).success().key_material();
    let to_token = ["master-key", "rotate", "--to", "pkcs11"];
    server.cli(&to_token).success();
    assert_eq!(shown(&server)["provider"], "pkcs11");
    // Wrapped by the token while the server runs; then another key of the same token.
    server.cli(&["instance", "add", "second"]).success();
    let first = shown(&server)["checkValue"].clone();
    server.cli(&["master-key", "rotate"]).success();
    assert_ne!(shown(&server)["checkValue"], first);
    check_target(&server);
    leaves_no_key_of_what_fails(&server);
    server.stop();
    server
        .cli(&["serve", "--check"])
        .refused(&["provider = \"pkcs11\""]);
    name_provider(&path, "#provider = \"file\"", "provider = \"pkcs11\"");
    server.cli(&["serve", "--check"]).success();
    // The wrong PIN, no PIN and no token: one line each.
    write_pin(&path, "00000000");
    let refused = server.cli(&["serve", "--check"]);
    refused.refused(&["refuses the PIN"]);
    assert_eq!(refused.code, 4, "another start would not help");
    assert!(!refused.stderr.contains("00000000"));
    write_pin(&path, PIN);
    // The token counts: it is not tried again by itself, whatever the file has. Who types the right one clears that.
    let refused = server.cli(&["serve", "--check"]);
    refused.refused(&["a wrong PIN was given to it", "--pin-file -"]);
    assert_eq!(refused.code, 4);
    let typed = ["serve", "--check", "--pin-file", "-"];
    run_cli_with_input(&path, &typed, &format!("{PIN}\n")).success();
    server.cli(&["serve", "--check"]).success();
    fs::rename(path.join("tokens"), path.join("elsewhere")).expect("a folder");
    fs::create_dir(path.join("tokens")).expect("a folder");
    server.cli(&["serve", "--check"]).refused(&["0 tokens fit"]);
    make_token(&path, "keys");
    server
        .cli(&["serve", "--check"])
        .refused(&["does not have the key"]);
    fs::remove_dir_all(path.join("tokens")).expect("a folder");
    fs::rename(path.join("elsewhere"), path.join("tokens")).expect("a folder");
    server.start_again();
    let again = server.connect().ask(get(&uid)).success().key_material();
    assert_eq!(again, material);
    check_target(&server);
    server
        .cli(&["master-key", "rotate", "--to", "file"])
        .success();
    name_provider(&path, "provider = \"pkcs11\"", "provider = \"file\"");
    server.stop();
    fs::remove_dir_all(path.join("tokens")).expect("a folder");
    server.start_again();
    server.connect().ask(get(&uid)).success();
    check_target(&server);
}

#[test]
fn a_rotation_in_the_token_that_is_killed_anywhere_is_finished_or_undone() {
    let Some(mut server) = served() else { return };
    server.stop();
    server.start_again();
    let (mut dice, rounds) = Dice::and_rounds(2);
    kill_in_rotations(server, rounds, 100_000, &mut dice);
}

#[test]
fn a_lost_token_is_recovered_from_and_a_new_site_begins_with_one() {
    let Some(module) = module() else { return };
    let (directory, outside) = (fresh_directory(), fresh_directory());
    let path = directory.path();
    run_cli(path, &["init", "--master-key", "pkcs11"]).refused(&["master-key.pkcs11.module"]);
    make_token(path, "keys");
    let config = format!(
        "version = \"v1\"\n[tls]\nkey-kind = \"ecdsa-p256\"\n[store]\nreserve-bytes = 1048576\n[master-key]\nprovider = \"pkcs11\"\n{}",
        settings(path, &module)
    );
    fs::write(path.join("keyledger.toml"), config).expect("a file");
    let into = outside.path().join("shares");
    run_cli(
        path,
        &["init", "--recovery", "2/2", "--shares-into", text(&into)],
    )
    .success();
    run_cli(path, &["serve", "--check"]).success();
    let named = fs::read_to_string(path.join("data/master.key")).expect("a file");
    assert!(
        named.starts_with("keyledger-master-key-pkcs11-v1:"),
        "{named}"
    );
    fs::remove_dir_all(path.join("tokens")).expect("a folder");
    fs::create_dir(path.join("tokens")).expect("a folder");
    run_cli(path, &["serve", "--check"]).refused(&["0 tokens fit"]);
    let (one, two) = (into.join("share-1.txt"), into.join("share-2.txt"));
    let recover = [
        "master-key",
        "recover",
        "--share",
        text(&one),
        "--share",
        text(&two),
        "--to",
        "file",
    ];
    run_cli(path, &recover).success();
    name_provider(path, "provider = \"pkcs11\"", "provider = \"file\"");
    run_cli(path, &["serve", "--check"]).success();
}
