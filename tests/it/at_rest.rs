//! What lies on the disk: no key in any form, nothing others may read, and everything again after a restart.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::harness::{Server, create, get, key_template};

/// Every file below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for path in fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
    {
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

/// Base64 without padding, for the three ways bytes can fall into groups of three.
fn base64_forms(bytes: &[u8]) -> Vec<String> {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let form = |skipped: usize| {
        let groups = bytes[skipped..].chunks_exact(3);
        let digit = |word: u32, shift: u32| {
            char::from(DIGITS[usize::try_from(word >> shift & 63).expect("six bits")])
        };
        let text = |group: &[u8]| {
            let word = u32::from_be_bytes([0, group[0], group[1], group[2]]);
            [18, 12, 6, 0].map(|shift| digit(word, shift))
        };
        groups.flat_map(text).collect()
    };
    (0..3).map(form).collect()
}

#[test]
fn base64_is_written_as_everybody_writes_it() {
    assert_eq!(base64_forms(b"Manhood"), ["TWFuaG9v", "YW5ob29k", "bmhv"]);
}

#[test]
fn no_file_holds_a_key_in_any_form() {
    let mut server = Server::start();
    let mut connection = server.connect();
    let mut keys = Vec::new();
    for _ in 0..8 {
        let uid = connection.ask(create(key_template())).success().uid();
        keys.push(connection.ask(get(&uid)).success().key_material());
    }
    // Once while the write-ahead log is there, once after the server has tidied up.
    let running = leaks(&server, &keys);
    server.stop();
    assert_eq!((running, leaks(&server, &keys)), (Vec::new(), Vec::new()));
}

/// The files in which a key was found.
fn leaks(server: &Server, keys: &[Vec<u8>]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for path in files(server.path()) {
        let Ok(bytes) = fs::read(&path) else { continue };
        for key in keys {
            let hex = hex::encode(key);
            let texts = base64_forms(key)
                .into_iter()
                .chain([hex.to_uppercase(), hex]);
            let mut forms = texts.map(String::into_bytes).chain([key.clone()]);
            if forms.any(|form| contains(&bytes, &form)) {
                found.push(path.clone());
            }
        }
    }
    found
}

#[test]
fn only_the_owner_may_read_what_the_server_keeps() {
    let server = Server::start();
    server.new_key();
    let mode = |path: &Path| {
        fs::metadata(path)
            .expect("it is there")
            .permissions()
            .mode()
            & 0o777
    };
    for folder in ["data", "certs", "certs/clients"] {
        assert_eq!(mode(&server.path().join(folder)), 0o700, "{folder}");
    }
    for path in files(&server.data()) {
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
    for key in ["certs/server.key", "certs/clients/demo.key"] {
        assert_eq!(mode(&server.path().join(key)), 0o600, "{key}");
    }
}

#[test]
fn a_key_and_its_events_are_the_same_after_a_restart() {
    let mut server = Server::start();
    let uid = server.new_key();
    let material = server.connect().ask(get(&uid)).success().key_material();
    assert_eq!(material.len(), 32);
    let before = server.events();
    assert!(server.stop().success(), "the server stops as asked");
    assert_eq!(server.events(), before, "the same events without a server");
    server.start_again();
    assert_eq!(
        server.events()[..before.len()],
        before,
        "the same events after a restart"
    );
    let again = server.connect().ask(get(&uid)).success().key_material();
    assert_eq!(again, material);
}

#[test]
fn events_are_printed_alike_with_and_without_a_server() {
    let mut server = Server::start();
    server.new_key();
    for arguments in [
        &["events", "list", "--format", "jsonl"][..],
        &["events", "list"],
        &["client", "list"],
        &["key", "list"],
    ] {
        let running = server.cli(arguments).success().stdout;
        server.stop();
        let stopped = server.cli(arguments).success().stdout;
        assert_eq!(running, stopped, "{arguments:?}");
        server.start_again();
    }
}

#[test]
fn two_keys_are_never_the_same() {
    let server = Server::start();
    let mut connection = server.connect();
    let mut materials = Vec::new();
    for _ in 0..16 {
        let uid = connection.ask(create(key_template())).success().uid();
        materials.push(connection.ask(get(&uid)).success().key_material());
    }
    materials.sort();
    materials.dedup();
    assert_eq!(materials.len(), 16);
}
