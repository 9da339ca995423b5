//! One address, or a few, against all others.

use std::io::Write;
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Instant;

use super::slow::client_hello;
use super::{Witness, address, lines, told_rarely, wait_for_end, works};
use crate::harness::{Server, until};

const TOO_MANY: &str = "Connections were closed at once";

#[test]
fn one_address_has_so_many_connections_and_others_have_theirs() {
    let begun = Instant::now();
    let server = Arc::new(Server::start_set(
        "[limits]\nconnections-per-address-max = 4\n",
    ));
    let witness = Witness::start(&server);
    let demo = server.client("demo");
    let connect = || server.try_connect_from(address(2), &demo);
    let mut held: Vec<_> = (0..4).map(|_| connect().expect("let in")).collect();
    for _ in 0..20 {
        connect().expect_err("one too many");
    }
    held.iter_mut().for_each(works);
    witness.works();
    works(&mut server.try_connect_from(address(3), &demo).expect("let in"));
    told_rarely(&server, TOO_MANY, begun);
    told_rarely(&server, "limits.connections-per-address-max", begun);
    held.pop();
    let mut again = until("a place to be free again", || connect().ok());
    works(&mut again);
}

#[test]
fn with_all_places_taken_those_connected_are_served_and_the_next_gets_the_next_place() {
    let begun = Instant::now();
    let server = Arc::new(Server::start_set("[limits]\nconnections-max = 8\n"));
    let witness = Witness::start_settled(&server);
    let demo = server.client("demo");
    let mut held: Vec<_> = (2..9)
        .map(|last| {
            server
                .try_connect_from(address(last), &demo)
                .expect("let in")
        })
        .collect();
    let connect = || server.try_connect_from(address(20), &demo);
    connect().expect_err("one too many");
    held.iter_mut().for_each(works);
    witness.works();
    told_rarely(&server, TOO_MANY, begun);
    held.pop();
    let mut next = until("a place to be free again", || connect().ok());
    works(&mut next);
}

#[test]
fn strangers_that_take_all_places_keep_nobody_out() {
    let begun = Instant::now();
    let server = Arc::new(Server::start_set("[limits]\nconnections-max = 8\n"));
    let mut settled = server.connect();
    let strangers: Vec<_> = (2..30)
        .map(|last| server.socket_from(address(last), None).expect("connected"))
        .collect();
    let mut others: Vec<_> = (40..44)
        .map(|last| {
            let demo = server.client("demo");
            until("a place", || {
                server.try_connect_from(address(last), &demo).ok()
            })
        })
        .collect();
    let witness = Witness::start(&server);
    witness.works();
    works(&mut settled);
    others.iter_mut().for_each(works);
    told_rarely(&server, "Connections without a client were cut", begun);
    drop(strangers);
}

#[test]
fn a_few_addresses_that_begin_handshakes_and_do_not_go_on_keep_nobody_out() {
    let begun = Instant::now();
    let server = Arc::new(Server::start_set(
        "[limits]\nhandshakes-max = 6\nhandshakes-per-address-max = 3\n",
    ));
    let hello = client_hello(&server);
    // Three addresses take all turns, and more wait for theirs.
    let mut half_open = Vec::new();
    for last in [2, 3, 4].repeat(10) {
        let mut socket = server.socket_from(address(last), None).expect("connected");
        socket.write_all(&hello).expect("sent");
        half_open.push(socket);
    }
    let witness = Witness::start(&server);
    witness.works();
    told_rarely(&server, "Slow TLS handshakes were cut", begun);
}

#[test]
fn peers_that_say_nothing_take_no_turn() {
    let server = Arc::new(Server::start_set(
        "[limits]\nhandshakes-max = 2\nhandshakes-per-address-max = 2\n\
         handshake-timeout-ms = 3000\n",
    ));
    let silent: Vec<_> = (0..100)
        .map(|_| TcpStream::connect(server.address()).expect("connected"))
        .collect();
    let witness = Witness::start(&server);
    works(&mut server.connect());
    silent.iter().for_each(wait_for_end);
    witness.works();
    assert_eq!(lines(&server, "WARN"), 0, "{}", server.log());
}
