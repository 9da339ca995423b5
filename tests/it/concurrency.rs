//! Many at once: what a host does after a reboot, and clients that want the same key at the same moment.

use std::collections::HashSet;
use std::sync::Barrier;
use std::thread;

use crate::harness::{
    Content, Server, activate, add_attribute, attribute, create, discover, get, get_attributes,
    key_template, name, revoke,
};

/// Runs `work` on as many threads at the same moment.
fn together<T: Send>(count: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let start = Barrier::new(count);
    thread::scope(|scope| {
        let run = |index| {
            let (start, work) = (&start, &work);
            scope.spawn(move || {
                start.wait();
                work(index)
            })
        };
        let threads: Vec<_> = (0..count).map(run).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("a thread"))
            .collect()
    })
}

#[test]
fn a_rebooted_host_gets_every_key_on_a_connection_of_its_own() {
    const KEYS: usize = 48;
    let server = Server::start();
    let mut connection = server.connect();
    let keys: Vec<_> = (0..KEYS)
        .map(|_| {
            let uid = connection
                .ask_in((1, 1), create(key_template()))
                .success()
                .uid();
            connection.ask_in((1, 1), activate(&uid)).success();
            uid
        })
        .collect();
    let before = server.events().len();
    let demo = server.client("demo");
    let materials = together(KEYS, |index| {
        let mut connection = server.connect_as(&demo);
        connection.ask_in((1, 1), discover(&[])).success();
        let material = connection
            .ask_in((1, 1), get(&keys[index]))
            .success()
            .key_material();
        let state = connection
            .ask_in((1, 1), get_attributes(&keys[index], &["State"]))
            .success();
        assert_eq!(state.value("State"), Some(Content::Enumeration(2)));
        material
    });
    assert_eq!(
        materials.iter().collect::<HashSet<_>>().len(),
        KEYS,
        "no key twice"
    );
    let events = server.events();
    assert_eq!(events.len() - before, 2 * KEYS);
    for uid in &keys {
        let about = events[before..]
            .iter()
            .filter(|event| event.key() == Some(uid));
        let actions: Vec<_> = about.map(|event| event.action()).collect();
        assert_eq!(
            actions,
            ["kmip-key.read", "kmip-key-attributes.retrieve"],
            "{uid}"
        );
    }
}

#[test]
fn tagging_a_key_never_conflicts_with_reads_of_it() {
    const ROUNDS: usize = 16;
    let server = Server::start();
    let uid = server.new_key();
    let demo = server.client("demo");
    together(5, |index| {
        let mut connection = server.connect_as(&demo);
        for round in 0..ROUNDS {
            if index == 0 {
                let value = Content::Text("value".to_owned());
                connection
                    .ask(add_attribute(&uid, &format!("x-Tag-{round}"), value))
                    .success();
            } else {
                connection.ask(get(&uid)).success();
            }
        }
    });
    assert_eq!(tags(&server, &uid), ROUNDS, "no tag is lost");
    let events = server.events();
    assert!(events.iter().all(|event| event.outcome() == "success"));
}

#[test]
fn tags_of_several_connections_are_all_kept() {
    const ROUNDS: usize = 8;
    let server = Server::start();
    let uid = server.new_key();
    let demo = server.client("demo");
    together(3, |index| {
        let mut connection = server.connect_as(&demo);
        for round in 0..ROUNDS {
            let value = Content::Text("value".to_owned());
            let name = format!("x-Tag-{index}-{round}");
            connection.ask(add_attribute(&uid, &name, value)).success();
        }
    });
    assert_eq!(tags(&server, &uid), 3 * ROUNDS);
    let added = format!("kmip-key-attributes.add 200 {uid}");
    let lines = server.request_lines();
    let recorded = lines.iter().filter(|line| **line == added).count();
    assert_eq!(recorded, 3 * ROUNDS, "{lines:#?}");
}

/// How many tags of these tests a key has.
fn tags(server: &Server, uid: &str) -> usize {
    let all = server
        .connect()
        .ask(get_attributes(uid, &[]))
        .success()
        .attributes();
    all.iter()
        .filter(|(name, ..)| name.starts_with("x-Tag-"))
        .count()
}

#[test]
fn of_many_activations_one_succeeds() {
    let server = Server::start();
    let uid = server.new_key();
    let demo = server.client("demo");
    let statuses = together(8, |_| server.connect_as(&demo).ask(activate(&uid)).status);
    assert_eq!(
        statuses.iter().filter(|status| **status == 0).count(),
        1,
        "{statuses:?}"
    );
    let revoked = together(8, |_| server.connect_as(&demo).ask(revoke(&uid, 1)).status);
    assert_eq!(
        revoked.iter().filter(|status| **status == 0).count(),
        1,
        "{revoked:?}"
    );
    let lines = server.request_lines();
    for (line, count) in [
        ("kmip-key.activate 200", 1),
        ("kmip-key.activate 409", 7),
        ("kmip-key.revoke 200", 1),
        ("kmip-key.revoke 409", 7),
    ] {
        let found = lines
            .iter()
            .filter(|found| **found == format!("{line} {uid}"))
            .count();
        assert_eq!(found, count, "{line}: {lines:?}");
    }
}

#[test]
fn of_many_keys_with_one_name_one_is_made() {
    let server = Server::start();
    let demo = server.client("demo");
    let statuses = together(8, |_| {
        let named = [key_template(), vec![attribute("Name", name("one of many"))]].concat();
        server.connect_as(&demo).ask(create(named)).status
    });
    assert_eq!(
        statuses.iter().filter(|status| **status == 0).count(),
        1,
        "{statuses:?}"
    );
    let lines = server.request_lines();
    let refused = lines
        .iter()
        .filter(|line| line.starts_with("kmip-key.create 409"));
    assert_eq!((lines.len(), refused.count()), (8, 7), "{lines:?}");
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let server = Server::start();
    let mut connection = server.connect();
    let request = |id: u8| {
        let item = discover(&[]).with_id(&[id]);
        crate::harness::Request::new((1, 1), &[item]).encode()
    };
    // All three are sent before the first answer is read.
    let first = connection.send(&[request(1), request(2), request(3)].concat());
    let answers = [first, connection.receive(), connection.receive()];
    let ids = answers.map(|bytes| crate::harness::Response::decode(&bytes).only().id);
    assert_eq!(ids, [Some(vec![1]), Some(vec![2]), Some(vec![3])]);
}
