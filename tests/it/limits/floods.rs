//! Floods by peers that nobody knows: of connections, of garbage, of certificates.

use std::io::Write;
use std::net::TcpStream;
use std::sync::Arc;
use std::thread;

use keyledger::crypto::authority::{KeyKind, self_signed_client};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::{Witness, address, wait_for_end, works};
use crate::harness::{Credentials, Server, TlsVersion, now, query};

/// Lines a flood may add to the log: some kinds of warnings, each at most every ten seconds.
const LINES_MAX: usize = 30;

/// The lines of the log.
fn log_lines(server: &Server) -> usize {
    server.log().lines().count()
}

/// Lets this process have as many sockets as the system allows.
fn raise_own_limit() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: maximum,
        maximum,
    };
    setrlimit(Resource::Nofile, raised).expect("one's own limit");
}

#[test]
fn connections_that_come_and_go_as_fast_as_they_can_disturb_nobody() {
    let server = Arc::new(Server::start());
    let witness = Witness::start(&server);
    let before = log_lines(&server);
    thread::scope(|scope| {
        for kind in 0..4 {
            let server = &server;
            scope.spawn(move || {
                for _ in 0..500 {
                    let mut socket = TcpStream::connect(server.address()).expect("connected");
                    if kind % 2 == 0 {
                        // The server may have closed it already.
                        drop(socket.write_all(b"GET / HTTP/1.1\r\nHost: kms\r\n\r\n"));
                    }
                }
            });
        }
        witness.works();
    });
    witness.works();
    let more = log_lines(&server) - before;
    assert!(more <= LINES_MAX, "{more} lines:\n{}", server.log());
}

#[test]
fn thousands_of_idle_connections_disturb_nobody() {
    raise_own_limit();
    let server = Arc::new(Server::start_set(
        "[limits]\nconnections-per-address-max = 600\n",
    ));
    let witness = Witness::start(&server);
    let before = log_lines(&server);
    let mut idle = Vec::new();
    for last in [2, 3, 4, 5] {
        for _ in 0..650 {
            idle.push(server.socket_from(address(last), None).expect("connected"));
        }
        // Those over the limit are closed at once, the others stay until their time is over.
        idle[idle.len() - 50..].iter().for_each(wait_for_end);
    }
    witness.works();
    works(&mut server.connect());
    let more = log_lines(&server) - before;
    assert!(more <= LINES_MAX, "{more} lines:\n{}", server.log());
}

#[test]
fn certificates_that_nobody_knows_fill_neither_the_trail_nor_the_log() {
    let server = Arc::new(Server::start_set("[kmip]\nrefusals-max = 10\n"));
    let witness = Witness::start(&server);
    let before = log_lines(&server);
    for number in 0..100 {
        let name = format!("stranger-{number}");
        let made = self_signed_client(&name, KeyKind::EcdsaP256, now(), 30).expect("made");
        let stranger = Credentials::from_pem(&made.certificate_pem, made.key_pem.expose());
        let connected = server.try_connect(Some(&stranger), TlsVersion::Any);
        let request = crate::harness::Request::new((1, 1), &[query(&[3])]).encode();
        let answer = connected.and_then(|mut connection| connection.try_send(&request));
        answer.expect_err("a stranger is let in");
    }
    witness.works();
    let more = log_lines(&server) - before;
    assert!(more <= LINES_MAX, "{more} lines:\n{}", server.log());
    let events = server.events().into_iter();
    let refused = events.filter(|event| event.action() == "kmip-client.refuse");
    assert_eq!(refused.count(), 10, "as many as are remembered");
}
