//! A full disk: keys are still read with their events, nothing else is kept, and work goes on by itself once there is room.
//!
//! On a file system of a few megabytes that the test mounts for itself and fills.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::harness::{
    Answer, Connection, Content, Server, activate, add_attribute, create, destroy, fresh_directory,
    get, get_attributes, in_own_mounts, key_template, mount_tmpfs, reason, revoke, run_cli, until,
    whole_trail,
};

const DISK_BYTES: u64 = 16 << 20;
pub(crate) const RESERVE_BYTES: u64 = 2 << 20;

/// A directory on a small disk of its own.
pub(crate) fn small_disk() -> TempDir {
    let directory = fresh_directory();
    mount_tmpfs(directory.path(), DISK_BYTES);
    directory
}

/// Writes until the disk takes no more.
pub(crate) fn fill(directory: &Path) -> PathBuf {
    let path = directory.join("filler");
    let mut options = File::options();
    let mut file = options
        .create(true)
        .append(true)
        .open(&path)
        .expect("a file");
    for block in [1 << 16, 1 << 12] {
        loop {
            match file.write_all(&vec![1; block]) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => break,
                Err(error) => panic!("the disk is filled: {error}"),
            }
        }
    }
    path
}

/// Makes keys until that fails; gives those that were made, and the failure.
pub(crate) fn create_until_full(connection: &mut Connection) -> (Vec<String>, Answer) {
    let mut made = Vec::new();
    loop {
        let answer = connection.ask(create(key_template()));
        if answer.status != 0 {
            return (made, answer);
        }
        made.push(answer.uid());
        assert!(made.len() < 100_000, "the disk becomes full");
    }
}

fn is_refused(answer: &Answer) {
    answer.failure(reason::GENERAL_FAILURE);
    assert_eq!(
        answer.message.as_deref(),
        Some("the server cannot record the request")
    );
}

/// Reads keys with the disk filled up again and again, until that fails too; gives how many were read.
fn get_until_exhausted(server: &Server, connection: &mut Connection, uid: &str) -> usize {
    for read in 0..100_000 {
        if read % 100 == 0 {
            fill(server.path());
        }
        let answer = connection.ask(get(uid));
        if answer.status != 0 {
            is_refused(&answer);
            return read;
        }
    }
    panic!("the reserve has an end");
}

/// Action, reason code and key of each request; a key that was to be made is left out.
fn short_lines(server: &Server) -> Vec<String> {
    let short = |line: String| match line.split_once(' ') {
        Some(("kmip-key.create", rest)) => format!("kmip-key.create {}", &rest[..3]),
        _ => line,
    };
    server.request_lines().into_iter().map(short).collect()
}

/// How often something stands in the server's log.
fn logged(server: &Server, text: &str) -> usize {
    server.log().matches(text).count()
}

#[test]
fn on_a_full_disk_keys_are_read_and_nothing_new_is_kept() {
    if !in_own_mounts() {
        return;
    }
    let mut server = Server::start_in(small_disk(), RESERVE_BYTES);
    let mut connection = server.connect();
    let keys: Vec<_> = (0..4)
        .map(|_| connection.ask(create(key_template())).success().uid())
        .collect();
    let material = connection.ask(get(&keys[0])).success().key_material();
    connection.ask(activate(&keys[1])).success();
    fill(server.path());

    let (made, refused) = create_until_full(&mut connection);
    is_refused(&refused);
    assert_eq!(
        connection.ask(get(&keys[0])).success().key_material(),
        material
    );
    let tag = Content::Text("value".to_owned());
    is_refused(&connection.ask(add_attribute(&keys[0], "x-Tag", tag)));
    is_refused(&connection.ask(activate(&keys[0])));
    connection
        .ask(get_attributes(&keys[0], &["State"]))
        .success();
    connection.ask(revoke(&keys[1], 2)).success();
    connection.ask(destroy(&keys[2])).success();
    assert_eq!(logged(&server, "The disk is full."), 1, "{}", server.log());

    let lines = short_lines(&server);
    let mut expected = vec![
        "kmip-key.create 507".to_owned(),
        format!("kmip-key.read 200 {}", keys[0]),
        format!("kmip-key-attributes.add 507 {}", keys[0]),
        format!("kmip-key.activate 507 {}", keys[0]),
        format!("kmip-key-attributes.retrieve 200 {}", keys[0]),
        format!("kmip-key.revoke 200 {}", keys[1]),
        format!("kmip-key.destroy 200 {}", keys[2]),
    ];
    assert_eq!(lines[lines.len() - 7..], expected);
    let created = lines.iter().filter(|line| *line == "kmip-key.create 201");
    assert_eq!(created.count(), 4 + made.len());
    // A server that is killed, and one that is stopped, starts on the full disk and reads on.
    for kill in [true, false] {
        if kill {
            server.kill();
            fill(server.path());
            server.start_again();
            fill(server.path());
        } else {
            assert!(server.stop().success(), "it stops as asked");
            fill(server.path());
            server.cli(&["serve", "--check"]).success();
            server.start_again();
        }
        let again = server.connect().ask(get(&keys[0])).success().key_material();
        assert_eq!(again, material);
        is_refused(&server.connect().ask(create(key_template())));
        expected.push(format!("kmip-key.read 200 {}", keys[0]));
        expected.push("kmip-key.create 507".to_owned());
    }
    let lines = short_lines(&server);
    if lines.last() != expected.last() {
        // The parts that the starts have used may be those without which refusals are only logged.
        expected.pop();
    }
    assert_eq!(lines[lines.len() - expected.len()..], expected);
    whole_trail(&server);
}

#[test]
fn what_cannot_be_recorded_is_not_answered_and_room_brings_everything_back() {
    if !in_own_mounts() {
        return;
    }
    let server = Server::start_in(small_disk(), RESERVE_BYTES);
    let mut connection = server.connect();
    let api = server.api();
    let uid = connection.ask(create(key_template())).success().uid();
    api.get("/readyz").expect(200);
    let filler = fill(server.path());
    let (made, _) = create_until_full(&mut connection);
    let read = get_until_exhausted(&server, &mut connection, &uid);
    assert!(
        read >= 100,
        "{read}: also where others take what is given back"
    );
    is_refused(&connection.ask(revoke(&uid, 1)));
    is_refused(&connection.ask(destroy(&uid)));
    let ready = api.get("/readyz").expect(503).json();
    assert_eq!(ready["reason"], "nothing can be recorded: the disk is full");
    assert_eq!(logged(&server, "The disk is full."), 1, "{}", server.log());
    assert_eq!(
        logged(&server, "The disk is full and"),
        1,
        "{}",
        server.log()
    );
    let count = |server: &Server, line: &str| {
        let lines = server.request_lines();
        lines.iter().filter(|found| found.starts_with(line)).count()
    };
    assert_eq!(
        count(&server, "kmip-key.read 200"),
        read,
        "one event for each answer"
    );

    fs::remove_file(filler).expect("the filler");
    let now = until("keys to be made again", || {
        let answer = connection.ask(create(key_template()));
        (answer.status == 0).then(|| answer.uid())
    });
    connection.ask(get(&now)).success();
    api.get("/readyz").expect(200);
    let reserve = fs::metadata(server.data().join("reserve")).expect("a reserve");
    assert_eq!(
        (reserve.len(), reserve.blocks() * 512),
        (RESERVE_BYTES, RESERVE_BYTES)
    );
    assert_eq!(count(&server, "kmip-key.create 201"), 2 + made.len());
    assert_eq!(count(&server, "kmip-key.read 200"), read + 1);
    let storage: Vec<_> = whole_trail(&server)
        .iter()
        .filter(|event| event.action().starts_with("kmip-storage."))
        .map(|event| {
            format!(
                "{} {}",
                event.action(),
                event.initiator_name().starts_with("node-")
            )
        })
        .collect();
    assert_eq!(
        storage,
        ["kmip-storage.exhaust true", "kmip-storage.recover true"]
    );
}

#[test]
fn a_reserve_that_the_disk_has_no_room_for_is_no_full_disk() {
    if !in_own_mounts() {
        return;
    }
    let server = Server::start_in(small_disk(), 4 * DISK_BYTES);
    server.connect().ask(create(key_template())).success().uid();
    assert_eq!(logged(&server, "no room for the whole reserve"), 1);
    assert_eq!(logged(&server, "The disk is full."), 0, "{}", server.log());
}

#[test]
fn a_directory_is_made_whole_or_without_a_database() {
    if !in_own_mounts() {
        return;
    }
    // The reserve is larger than the disk.
    let directory = small_disk();
    let filler = fill(directory.path());
    let file = File::options().write(true).open(&filler).expect("a file");
    let filled = file.metadata().expect("its length").len();
    // Enough for keys and certificates, and not for a database.
    file.set_len(filled - (256 << 10)).expect("a shorter file");
    drop(file);
    run_cli(directory.path(), &["init"]).refused(&["is full: make room"]);
    for name in ["keyledger.db", "keyledger.db.new", "reserve"] {
        assert!(!directory.path().join("data").join(name).exists(), "{name}");
    }
    fs::remove_file(&filler).expect("the filler");
    run_cli(directory.path(), &["init"]).success();
    let instances = run_cli(directory.path(), &["instance", "list"]).success();
    assert!(instances.stdout.contains("default"), "{instances:?}");
}
