//! Backups, the server's own certificates and its master key over the API.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

use crate::harness::{Api, Connection, Server, fresh_directory, get, run_cli, until, whole_trail};

/// What an answer holds that came in chunks, if it came to its end.
fn content(connection: &mut Connection) -> Option<Vec<u8>> {
    let bytes = connection.read_all().ok()?;
    let mark = b"\r\n\r\n";
    let head = bytes.windows(4).position(|part| part == mark)?;
    assert!(
        bytes.starts_with(b"HTTP/1.1 200 "),
        "{}",
        String::from_utf8_lossy(&bytes)
    );
    let (mut rest, mut content) = (&bytes[head + 4..], Vec::new());
    loop {
        let end = rest.windows(2).position(|part| part == b"\r\n")?;
        let length = usize::from_str_radix(std::str::from_utf8(&rest[..end]).ok()?, 16).ok()?;
        if length == 0 {
            return Some(content);
        }
        content.extend_from_slice(rest.get(end + 2..end + 2 + length)?);
        rest = rest.get(end + 4 + length..)?;
    }
}

fn back_up(api: &Api) -> Vec<u8> {
    let mut connection = api.open("POST", "/api/v1/backups", "{}");
    content(&mut connection).expect("a whole backup")
}

#[test]
fn a_backup_over_the_api_restores_also_after_the_master_key_was_replaced_there() {
    let server = Server::start();
    let elsewhere = fresh_directory();
    let text = |name: &str| elsewhere.path().join(name).display().to_string();
    let api = server.api_as("administrator");
    let begin = api.post("/api/v1/backups", &json!({}));
    begin.refused(409, "conflict", "", "backup-key new");
    api.get("/api/v1/backup-key").expect(404);
    let set = ["backup-key", "new", &text("backup.key")];
    server.cli(&set).success();
    let uid = server.new_key();
    let material = server.connect().ask(get(&uid)).success().key_material();
    let before = api.get("/api/v1/master-key").expect(200).json();
    let after = api.send("POST", "/api/v1/master-key/rotate", None);
    let after = after.expect(200).json();
    assert_ne!(before["checkValue"], after["checkValue"]);
    fs::write(text("one.backup"), back_up(&api)).expect("a file");
    let directory = fresh_directory();
    let master = server.data().join("master.key").display().to_string();
    let (file, key) = (text("one.backup"), text("backup.key"));
    let restore = ["restore", &file, "--key", &key, "--master-key", &master];
    run_cli(directory.path(), &restore).success();
    let demo = "certs/clients/demo.key";
    fs::copy(server.path().join(demo), directory.path().join(demo)).expect("a file");
    let restored = Server::start_plainly(directory);
    let again = restored.connect_as(&restored.client("demo")).ask(get(&uid));
    assert_eq!(again.success().key_material(), material);
    let trail = whole_trail(&server);
    for action in ["backup.create", "master-key.rotate"] {
        let event = trail.iter().find(|event| event.action() == action);
        let event = event.unwrap_or_else(|| panic!("{action}: {trail:?}"));
        assert_eq!(event.initiator_name(), "administrator");
    }
    assert!(!server.log().contains(&hex::encode(&material)));
}

#[test]
fn certificates_are_listed_and_taken_up_from_the_files() {
    let server = Server::start();
    let (reader, api) = (server.api_as("reader"), server.api_as("administrator"));
    let before = reader.get("/api/v1/certificates").expect(200).json();
    assert_eq!(before["authorities"][0]["clients"], json!(["demo"]));
    let again = api.post("/api/v1/certificates/reload", &json!({}));
    assert_eq!(again.expect(200).json(), before, "nothing changed");
    server.cli(&["certificate", "rotate-ca"]).success();
    let after = reader.get("/api/v1/certificates").expect(200).json();
    assert_eq!(after["authorities"].as_array().map(Vec::len), Some(2));
    assert_eq!(after["server"], before["server"]);
}

/// Asks the router over the control socket, as the command line does.
fn ask(server: &Server, request: &Value) -> Value {
    let socket = UnixStream::connect(server.data().join("control.sock")).expect("the socket");
    writeln!(&socket, "{request}").expect("a request");
    let mut line = String::new();
    BufReader::new(&socket)
        .read_line(&mut line)
        .expect("an answer");
    let answer: Value = serde_json::from_str(&line).expect("JSON");
    answer["done"]["backup"].clone()
}

#[test]
fn what_is_replaced_while_a_backup_is_made_is_in_it_as_the_database_names_it() {
    let (server, elsewhere) = (Server::start(), fresh_directory());
    let text = |name: &str| elsewhere.path().join(name).display().to_string();
    let set = ["backup-key", "new", &text("backup.key")];
    server.cli(&set).success();
    let uid = server.new_key();
    let material = server.connect().ask(get(&uid)).success().key_material();
    let begin = json!({"backup": {"begin": {"withMasterKey": true, "toRecovery": false}}});
    let id = ask(&server, &begin)["begun"]["id"].clone();
    let copy = server.data().join("keyledger.db.snapshot");
    until("the copy to be made", || (!copy.exists()).then_some(()));
    // The copy knows the first master key and the first CA.
    server.cli(&["master-key", "rotate"]).success();
    server.cli(&["master-key", "rotate"]).success();
    server.cli(&["certificate", "rotate-ca"]).success();
    server.cli(&["certificate", "renew-server"]).success();
    let mut backup = Vec::new();
    loop {
        let next = json!({"backup": {"next": {"id": id}}});
        let part = ask(&server, &next)["part"].clone();
        let data = part["data"].as_str().expect("a part");
        backup.extend(BASE64.decode(data).expect("base64"));
        if !part["whole"].is_null() {
            break;
        }
    }
    fs::write(text("one.backup"), backup).expect("a file");
    let directory = fresh_directory();
    let (file, key) = (text("one.backup"), text("backup.key"));
    let restore = ["restore", &file, "--key", &key];
    run_cli(directory.path(), &restore).success();
    let demo = "certs/clients/demo.key";
    fs::copy(server.path().join(demo), directory.path().join(demo)).expect("a file");
    let restored = Server::start_plainly(directory);
    restored.cli(&["client", "issue", "new"]).success();
    for client in ["demo", "new"] {
        let mut connection = restored.connect_as(&restored.client(client));
        let again = connection.ask(get(&uid)).success().key_material();
        assert_eq!(again, material, "{client}");
    }
    whole_trail(&restored);
}
