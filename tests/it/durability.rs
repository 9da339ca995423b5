//! What was answered is there after the power is cut.

use std::thread;

use crate::harness::{
    Content, Server, activate, add_attribute, create, get, get_attributes, key_template, revoke,
};

/// The State attribute as an enumeration.
fn state(server: &Server, uid: &str) -> Option<Content> {
    server
        .connect()
        .ask(get_attributes(uid, &["State"]))
        .success()
        .value("State")
}

#[test]
fn a_key_is_there_in_its_state_after_the_server_is_killed() {
    let mut server = Server::start();
    let mut connection = server.connect();
    let uid = connection.ask(create(key_template())).success().uid();
    let material = connection.ask(get(&uid)).success().key_material();
    connection.ask(activate(&uid)).success();
    server.kill();

    server.start_again();
    assert_eq!(
        state(&server, &uid),
        Some(Content::Enumeration(2)),
        "Active"
    );
    let again = server.connect().ask(get(&uid)).success().key_material();
    assert_eq!(again, material);
    let lines = server.request_lines();
    let expected = [
        format!("kmip-key.create 201 {uid}"),
        format!("kmip-key.read 200 {uid}"),
        format!("kmip-key.activate 200 {uid}"),
        format!("kmip-key-attributes.retrieve 200 {uid}"),
        format!("kmip-key.read 200 {uid}"),
    ];
    assert_eq!(lines, expected);
}

#[test]
fn every_answer_of_every_round_outlives_a_kill_right_after_it() {
    let mut server = Server::start();
    let before = server.request_lines();
    let mut expected = before;
    for round in 0..4 {
        let mut connection = server.connect();
        let uid = connection.ask(create(key_template())).success().uid();
        expected.push(format!("kmip-key.create 201 {uid}"));
        let tag = Content::Text(format!("round {round}"));
        if round % 2 == 0 {
            connection
                .ask(add_attribute(&uid, "x-Round", tag.clone()))
                .success();
            expected.push(format!("kmip-key-attributes.add 200 {uid}"));
        }
        if round == 3 {
            connection.ask(activate(&uid)).success();
            connection.ask(revoke(&uid, 1)).success();
            expected.push(format!("kmip-key.activate 200 {uid}"));
            expected.push(format!("kmip-key.revoke 200 {uid}"));
        }
        server.kill();
        server.start_again();
        let answer = server
            .connect()
            .ask(get_attributes(&uid, &["State", "x-Round"]))
            .success();
        expected.push(format!("kmip-key-attributes.retrieve 200 {uid}"));
        assert_eq!(answer.value("x-Round"), (round % 2 == 0).then_some(tag));
        let state = if round == 3 { 3 } else { 1 };
        assert_eq!(answer.value("State"), Some(Content::Enumeration(state)));
    }
    assert_eq!(server.request_lines(), expected);
}

#[test]
fn sequences_have_no_gap_and_ids_no_repeat_after_a_kill_under_load() {
    let mut server = Server::start();
    let credentials = server.client("demo");
    let (address, ca) = (server.address(), server.path().join("certs/ca.pem"));
    let work = move || {
        use crate::harness::{Connection, Request, Response, TlsVersion};
        let mut made = Vec::new();
        let open = Connection::open(address, &ca, Some(&credentials), TlsVersion::Any);
        let Ok(mut connection) = open else {
            return made;
        };
        let request = Request::new((1, 4), &[create(key_template())]).encode();
        while let Ok(answer) = connection.try_send(&request) {
            made.push(Response::decode(&answer).only().success().uid());
        }
        made
    };
    let workers: Vec<_> = (0..4).map(|_| thread::spawn(work.clone())).collect();
    crate::harness::until("some keys", || {
        (server.request_lines().len() > 40).then_some(())
    });
    server.kill();
    let made: Vec<String> = workers
        .into_iter()
        .flat_map(|worker| worker.join().expect("a worker"))
        .collect();
    server.start_again();
    let events = server.events();
    let created: Vec<_> = events.iter().filter_map(|event| event.key()).collect();
    for uid in &made {
        assert_eq!(
            created.iter().filter(|key| *key == uid).count(),
            1,
            "{uid} is recorded once"
        );
        server.connect().ask(get(uid)).success().key_material();
    }
    let mut ids: Vec<_> = events.iter().map(|event| event.id().to_owned()).collect();
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count, "every event has an id of its own");
    check_sequences(&server);
}

/// In the database itself: numbered from 0, without gaps.
fn check_sequences(server: &Server) {
    let database = rusqlite::Connection::open_with_flags(
        server.data().join("keyledger.db"),
        rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY,
    )
    .expect("the database");
    let numbers = "select min(sequence), max(sequence), count(*) from event";
    let (first, last, count): (i64, i64, i64) = database
        .query_row(numbers, [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .expect("events");
    assert_eq!((first, last), (0, count - 1), "no gap");
}
