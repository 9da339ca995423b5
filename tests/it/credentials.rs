//! The user name and password of an instance: set and cleared by the command line, sent by clients.
//!
//! What passes with and without them is in the transcripts of vCenter 8.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use crate::harness::{
    BatchItem, Connection, Request, Response, Server, create, discover, get, key_template, reason,
};

const PASSWORD: &str = "correct horse battery";

/// Asks for one item with a credential; the Result Reason, if it failed.
fn ask_as(
    connection: &mut Connection,
    username: &str,
    password: &str,
    item: BatchItem,
) -> Option<u32> {
    let request = Request::new((1, 1), &[item]).with_credential(username, password);
    let Response { items, .. } = connection.exchange(&request);
    assert_eq!(items.len(), 1);
    items[0].reason
}

/// A file with this content and mode in the server's directory.
fn file(server: &Server, content: &str, mode: u32) -> PathBuf {
    let path = server.path().join("password.txt");
    fs::write(&path, content).expect("a file");
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("a mode");
    path
}

fn is_asked_for(server: &Server) -> bool {
    let listed = server
        .cli(&["instance", "list", "--format", "json"])
        .success();
    let listed: serde_json::Value = serde_json::from_str(&listed.stdout).expect("JSON");
    listed[0]["credential"].as_bool().expect("a flag")
}

#[test]
fn it_is_set_and_cleared_with_and_without_a_running_server() {
    let mut server = Server::start();
    let path = file(&server, &format!("{PASSWORD}\n"), 0o600);
    let path = path.to_str().expect("a text");
    let set = ["instance", "credential", "default", "--username", "vc"];
    let set = [&set[..], &["--password-file", path]].concat();
    assert!(!is_asked_for(&server));
    let mut connection = server.connect();
    let uid = connection.ask(create(key_template())).success().uid();
    server.cli(&set).success();
    assert!(is_asked_for(&server));
    connection
        .ask(get(&uid))
        .failure(reason::AUTHENTICATION_NOT_SUCCESSFUL);
    assert_eq!(ask_as(&mut connection, "vc", PASSWORD, get(&uid)), None);
    // It outlives the server, and is cleared while none runs.
    server.stop();
    assert!(is_asked_for(&server));
    server.start_again();
    let mut connection = server.connect();
    connection
        .ask(get(&uid))
        .failure(reason::AUTHENTICATION_NOT_SUCCESSFUL);
    assert_eq!(ask_as(&mut connection, "vc", PASSWORD, get(&uid)), None);
    server.stop();
    let clear = ["instance", "credential", "default", "--clear"];
    server.cli(&clear).success();
    server.start_again();
    server.connect().ask(get(&uid)).success();
    let changes: Vec<_> = server
        .events()
        .iter()
        .filter(|event| event.action().starts_with("instance-credential."))
        .map(|event| {
            format!(
                "{} {}",
                event.action(),
                event.data("/severity").expect("one")
            )
        })
        .collect();
    assert_eq!(
        changes,
        [
            "instance-credential.set \"critical\"",
            "instance-credential.clear \"critical\""
        ]
    );
}

#[test]
fn what_is_no_password_is_refused_and_changes_nothing() {
    let server = Server::start();
    let before = server.events().len();
    fn credential<'a>(rest: &[&'a str]) -> Vec<&'a str> {
        [&["instance", "credential", "default"], rest].concat()
    }
    let path = file(&server, PASSWORD, 0o644);
    let path = path.to_str().expect("a text");
    let by_file = credential(&["--password-file", path]);
    server
        .cli(&by_file)
        .refused(&["others may read it", "chmod 600"]);
    for content in ["", "\n", "two\nlines\n"] {
        file(&server, content, 0o600);
        server.cli(&by_file).refused(&["password"]);
    }
    file(&server, &"x".repeat(1025), 0o600);
    server.cli(&by_file).refused(&["1024 bytes"]);
    server
        .cli_with_input(&credential(&["--password-stdin"]), "")
        .refused(&["standard input", "empty"]);
    // Not as an argument, not from two places, and not without saying from where.
    for wrong in [
        credential(&[]),
        credential(&["--username", "vc"]),
        credential(&["--password", PASSWORD]),
        credential(&["--password-stdin", "--clear"]),
        credential(&["--clear", "--username", "vc"]),
    ] {
        assert_eq!(server.cli(&wrong).code, 2, "{wrong:?}");
    }
    let unknown = ["instance", "credential", "nowhere", "--password-stdin"];
    server
        .cli_with_input(&unknown, PASSWORD)
        .refused(&["nowhere"]);
    assert!(!is_asked_for(&server));
    assert_eq!(server.events().len(), before);
}

#[test]
fn the_password_is_in_no_file_event_or_log() {
    let mut server = Server::start();
    server.ask_for_credential("vc-user-name", PASSWORD);
    let wrong = "incorrect zebra battery";
    let mut connection = server.connect();
    let create = || create(key_template());
    assert_eq!(
        ask_as(&mut connection, "vc-user-name", PASSWORD, create()),
        None
    );
    // A password typed where the user name belongs.
    for (username, password) in [("vc-user-name", wrong), (wrong, PASSWORD)] {
        let refused = ask_as(&mut connection, username, password, create());
        assert_eq!(refused, Some(reason::AUTHENTICATION_NOT_SUCCESSFUL));
    }
    let events = format!("{:?}", server.events());
    let log = server.log();
    server.stop();
    for secret in [PASSWORD, wrong] {
        assert!(!events.contains(secret) && !log.contains(secret));
        for entry in fs::read_dir(server.data()).expect("a folder") {
            let path = entry.expect("an entry").path();
            let content = fs::read(&path).expect("a file");
            let holds = content
                .windows(secret.len())
                .any(|part| part == secret.as_bytes());
            assert!(!holds, "{}", path.display());
        }
    }
    assert!(!events.contains("vc-user-name"), "it may be a password");
}

#[test]
fn one_clients_guesses_do_not_keep_another_waiting_or_grow_without_bound() {
    let server = Server::start();
    server.cli(&["client", "issue", "other"]).success();
    server.ask_for_credential("vc", PASSWORD);
    let mut guesser = server.connect_as(&server.client("other"));
    for number in 0..200 {
        let refused = ask_as(
            &mut guesser,
            "vc",
            &format!("guess {number}"),
            discover(&[]),
        );
        assert_eq!(refused, Some(reason::AUTHENTICATION_NOT_SUCCESSFUL));
    }
    let unseen = server
        .events()
        .iter()
        .filter(|event| {
            let failure = event.data("/reason/reasonForFailure");
            failure.is_some_and(|text| text.as_str().is_some_and(|text| text.contains("too many")))
        })
        .count();
    assert!(unseen > 100, "{unseen} of 200 guesses were not hashed");
    let mut right = server.connect();
    assert_eq!(
        ask_as(&mut right, "vc", PASSWORD, create(key_template())),
        None
    );
}

#[test]
fn our_own_client_sends_them_too() {
    let server = Server::start();
    server.ask_for_credential("vc", PASSWORD);
    server.cli(&["kmip", "create"]).refused(&[
        "Authentication Not Successful",
        "a user name and a password",
    ]);
    let path = file(&server, PASSWORD, 0o600);
    let path = path.to_str().expect("a text");
    let with = [
        "kmip",
        "create",
        "--username",
        "vc",
        "--password-file",
        path,
    ];
    let uid = server.cli(&with).success().stdout;
    let get = [
        "kmip",
        "get",
        uid.trim(),
        "--username",
        "vc",
        "--password-stdin",
    ];
    server.cli_with_input(&get, PASSWORD).success();
    server
        .cli_with_input(&get, "wrong")
        .refused(&["the user name or the password is wrong"]);
    let nothing = ["kmip", "create", "--username", "vc"];
    assert_eq!(server.cli(&nothing).code, 2);
}
