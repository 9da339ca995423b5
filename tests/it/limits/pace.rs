//! Requests per client and second: over all its connections, late instead of refused, and nobody else's business.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::{PATIENCE, Witness, enrol, lines, told_rarely};
use crate::harness::{Connection, Request, Response, Server, create, discover, get, key_template};

fn question() -> Vec<u8> {
    Request::new((1, 4), &[discover(&[])]).encode()
}

/// Sends so many requests at once, and takes their answers.
fn ask_at_once(connection: &mut Connection, count: usize) {
    connection.set_patience(PATIENCE);
    connection
        .try_write(&question().repeat(count))
        .expect("sent");
    for _ in 0..count {
        Response::decode(&connection.receive()).only().success();
    }
}

#[test]
fn a_hasty_client_is_held_back_over_all_its_connections_and_answered() {
    let server = Arc::new(Server::start_set(
        "[limits]\nrequests-per-client-per-second-max = 20\nrequests-per-client-burst-max = 10\n",
    ));
    let witness = Witness::start(&server);
    let begun = Instant::now();
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| ask_at_once(&mut server.connect(), 20));
        }
    });
    let took = begun.elapsed();
    let least = Duration::from_millis((60 - 10) * 1000 / 20);
    assert!(took >= least, "60 requests took {took:?}");
    witness.works();
    assert_eq!(lines(&server, "WARN"), 0, "{}", server.log());
}

#[test]
fn without_the_setting_nobody_is_held_back() {
    let server = Server::start();
    ask_at_once(&mut server.connect(), 1000);
}

#[test]
fn a_batch_counts_as_its_items() {
    let server = Arc::new(Server::start_set(
        "[limits]\nrequests-per-client-per-second-max = 20\nrequests-per-client-burst-max = 10\n",
    ));
    let witness = Witness::start(&server);
    let hasty = enrol(&server, "hasty");
    let mut connection = server.connect_as(&hasty);
    let uid = connection.ask(create(key_template())).success().uid();
    let items: Vec<_> = (0..40_u8)
        .map(|number| get(&uid).with_id(&[number]))
        .collect();
    let begun = Instant::now();
    let response = connection.exchange(&Request::new((1, 4), &items));
    assert_eq!(response.items.len(), 40);
    ask_at_once(&mut connection, 1);
    let took = begun.elapsed();
    let least = Duration::from_millis((40 + 1 - 10) * 1000 / 20);
    assert!(took >= least, "the next request took {took:?}");
    witness.works();
}

#[test]
fn a_request_whose_turn_is_too_far_off_ends_its_connection() {
    let begun = Instant::now();
    let server = Arc::new(Server::start_set(
        "[limits]\nrequests-per-client-per-second-max = 20\nrequests-per-client-burst-max = 2\n\
         request-timeout-ms = 2000\n",
    ));
    let witness = Witness::start(&server);
    let hasty = enrol(&server, "hasty");
    let mut connections: Vec<_> = (0..60).map(|_| server.connect_as(&hasty)).collect();
    let request = question();
    for connection in &mut connections {
        connection.set_patience(PATIENCE);
        connection.try_write(&request).expect("sent");
    }
    let answered = connections
        .iter_mut()
        .filter_map(|connection| connection.try_receive().ok())
        .count();
    assert!((1..60).contains(&answered), "{answered} of 60");
    witness.works();
    told_rarely(&server, "limits.requests-per-client-per-second-max", begun);
}
