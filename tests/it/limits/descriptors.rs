//! File descriptors used up: those connected are served, the store and the control socket work, and it ends by itself.

use std::fs;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Instant;

use rustix::process::{Resource, Rlimit, getrlimit, prlimit};

use super::{Witness, address, enrol, lines, told_rarely, works};
use crate::harness::{Connection, Request, Server, create, key_template, until};

/// Makes keys until the database file grows: its log was written back into it, which needs the store's files.
fn write_back(server: &Server, connection: &mut Connection) {
    let database = server.data().join("keyledger.db");
    let length = || fs::metadata(&database).expect("the database").len();
    let before = length();
    let keys: Vec<_> = (0..512_u32)
        .map(|number| create(key_template()).with_id(&number.to_be_bytes()))
        .collect();
    let batch = Request::new((1, 4), &keys);
    until("the log to be written back", || {
        for answer in connection.exchange(&batch).items {
            answer.success();
        }
        (length() > before).then_some(())
    });
}

/// Waits until the log says so: it is read beside what the server prints when it is ready.
fn does_not_fit(server: &Server) {
    until("the warning", || {
        (lines(server, "limits.connections-max does not fit") == 1).then_some(())
    });
}

#[test]
fn connections_leave_the_store_and_the_control_socket_their_descriptors() {
    let begun = Instant::now();
    let server = Arc::new(Server::start_under("ulimit -n 64", ""));
    does_not_fit(&server);
    let witness = Witness::start_settled(&server);
    let other = enrol(&server, "other");
    let connect = |last| server.try_connect_from(address(last), &other);
    let mut held: Vec<_> = (2..80).map_while(|last| connect(last).ok()).collect();
    assert!(held.len() >= 8, "{} connections", held.len());
    for _ in 0..20 {
        connect(90).expect_err("all places are taken");
    }
    held.iter_mut().for_each(works);
    write_back(&server, &mut held[0]);
    server.cli(&["client", "list"]).success();
    assert!(server.events().len() > 512);
    enrol(&server, "new");
    witness.works();
    assert_eq!(lines(&server, "Accepting a connection failed"), 0);
    told_rarely(&server, "Connections were closed at once", begun);
    drop(held);
    works(&mut until("places to be free again", || connect(90).ok()));
}

#[test]
fn connections_leave_the_targets_their_descriptors() {
    let server = Arc::new(Server::start_under("ulimit -n 400", ""));
    does_not_fit(&server);
    let other = enrol(&server, "other");
    let connect = |last| server.try_connect_from(address(last), &other);
    let held: Vec<_> = (2..250).map_while(|last| connect(last).ok()).collect();
    let open = format!("/proc/{}/fd", server.pid().as_raw_nonzero());
    let open = fs::read_dir(open).expect("a child of ours").count();
    assert!(held.len() > 100, "{} connections", held.len());
    // Sixteen targets, with up to eight each, besides 32 control connections.
    let left = 400 - open;
    assert!(left >= 16 * 8 + 32, "{left} descriptors are left");
}

#[test]
fn a_system_without_descriptors_is_waited_for() {
    let begun = Instant::now();
    let server = Arc::new(Server::start());
    let witness = Witness::start_settled(&server);
    let demo = server.client("demo");
    let mut settled = server.connect();
    let limit = |limits| {
        prlimit(Some(server.pid()), Resource::Nofile, limits).expect("the limit of a child of ours")
    };
    let before = limit(Rlimit {
        current: Some(3),
        maximum: getrlimit(Resource::Nofile).maximum,
    });
    // The kernel takes the connection; the server cannot yet.
    let hanging = server.socket_from(address(2), None).expect("connected");
    until("the warning", || {
        (lines(&server, "Accepting a connection failed") > 0).then_some(())
    });
    let control = UnixStream::connect(server.data().join("control.sock")).expect("connected");
    until("the warning", || {
        (lines(&server, "Control socket could not accept") > 0).then_some(())
    });
    works(&mut settled);
    write_back(&server, &mut settled);
    told_rarely(&server, "Control socket could not accept", begun);
    drop(control);
    witness.works();
    told_rarely(&server, "Accepting a connection failed", begun);
    limit(before);
    let mut connection = server.shake_hands_on(hanging, &demo).expect("let in");
    works(&mut connection);
    server.cli(&["client", "list"]).success();
}

#[test]
fn the_limit_is_raised_as_far_as_it_may_be() {
    let server = Server::start_under("ulimit -S -n 128", "");
    let path = format!("/proc/{}/limits", server.pid().as_raw_nonzero());
    let limits = fs::read_to_string(path).expect("the limits of a child of ours");
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open files"));
    let words: Vec<_> = line.expect("a line").split_whitespace().collect();
    assert_eq!(words[3], words[4], "soft and hard");
    assert_ne!(words[3], "128");
}
