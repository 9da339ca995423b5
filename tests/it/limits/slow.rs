//! Peers that are slow or silent, at every stage. Progress does not help: the time runs for the whole of it.

use std::io::Write;
use std::net::TcpStream;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rustls::{ClientConfig, ClientConnection};

use super::{PATIENCE, Witness, address, wait_for_end};
use crate::harness::{
    Connection, Content, Request, Server, attribute, create, discover, get_attributes, key_template,
};

/// What each stage may take, in milliseconds: some of the bytes below arrive in it, and not nearly all.
const SETTINGS: &str = "[limits]\nhandshake-timeout-ms = 1000\nfirst-request-timeout-ms = 1000\n\
                        idle-timeout-ms = 1000\nrequest-timeout-ms = 1000\n";
/// The time between two bytes of a slow peer.
const DRIP: Duration = Duration::from_millis(100);

/// The first message of a TLS client.
pub(super) fn client_hello(server: &Server) -> Vec<u8> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(server.roots())
        .with_no_client_auth();
    let name = server.address().ip().into();
    let mut client = ClientConnection::new(Arc::new(config), name).expect("a client");
    let mut hello = Vec::new();
    client.write_tls(&mut hello).expect("a vector takes all");
    hello
}

/// Sends byte by byte until the peer ends it; how many it took.
fn drip(bytes: &[u8], mut send: impl FnMut(u8) -> std::io::Result<()>) -> usize {
    let taken = bytes.iter().take_while(|byte| {
        thread::sleep(DRIP);
        send(**byte).is_ok()
    });
    taken.count()
}

/// Checks that so many requests that had begun and did not go on are in the trail.
#[track_caller]
fn recorded_stalled(server: &Server, count: usize) {
    let lines = server.request_lines();
    let is_refused = |line: &&String| line.starts_with("kmip-request.refuse");
    let refused: Vec<_> = lines.iter().filter(is_refused).collect();
    assert_eq!(refused, vec!["kmip-request.refuse 400 -"; count]);
}

#[test]
fn a_handshake_that_drips_is_ended_and_so_is_one_that_never_begins() {
    let server = Arc::new(Server::start_set(SETTINGS));
    let witness = Witness::start(&server);
    let hello = client_hello(&server);
    let silent = TcpStream::connect(server.address()).expect("connected");
    let mut begun = TcpStream::connect(server.address()).expect("connected");
    begun.write_all(&hello[..20]).expect("sent");
    let mut whole = TcpStream::connect(server.address()).expect("connected");
    whole.write_all(&hello).expect("sent");
    let mut dripping = TcpStream::connect(server.address()).expect("connected");
    dripping.set_nodelay(true).expect("an option");
    let taken = drip(&hello, |byte| dripping.write_all(&[byte]));
    assert!(taken < hello.len(), "all {taken} bytes were taken");
    for socket in [&silent, &begun, &whole, &dripping] {
        wait_for_end(socket);
    }
    witness.works();
}

#[test]
fn a_request_that_drips_is_ended_in_its_header_and_in_its_body() {
    let server = Arc::new(Server::start_set(SETTINGS));
    let witness = Witness::start(&server);
    let request = Request::new((1, 4), &[discover(&[])]).encode();
    thread::scope(|scope| {
        for at_once in [0, 8, request.len() - 30] {
            let (server, request) = (&server, &request);
            scope.spawn(move || {
                let mut connection = server.connect();
                connection.try_write(&request[..at_once]).expect("sent");
                let rest = &request[at_once..];
                let taken = drip(rest, |byte| connection.try_write(&[byte]));
                assert!(
                    taken < rest.len(),
                    "all of {at_once} and {taken} were taken"
                );
                connection.wait_for_close().expect("it is ended");
            });
        }
    });
    witness.works();
    recorded_stalled(&server, 3);
}

#[test]
fn silence_is_ended_before_the_first_request_between_two_and_within_one() {
    let server = Arc::new(Server::start_set(SETTINGS));
    let witness = Witness::start(&server);
    let mut silent = server.connect();
    let mut idle = server.connect();
    idle.ask(discover(&[])).success();
    let mut begun = server.connect();
    begun.try_write(&[0x42]).expect("sent");
    for connection in [&mut silent, &mut idle, &mut begun] {
        connection.wait_for_close().expect("it is ended");
    }
    witness.works();
    // Silence between messages is no failure.
    recorded_stalled(&server, 1);
}

/// Asks for 3 MB again and again and takes none of it, until the server takes no more questions.
fn ask_and_take_nothing(connection: &mut Connection, uid: &str) {
    connection.set_patience(PATIENCE);
    let items = vec![get_attributes(uid, &[]); 10];
    let request = Request::new((1, 4), &items).encode();
    let asked = (0..100_000).take_while(|_| connection.try_write(&request).is_ok());
    assert!(asked.count() < 100_000, "the server reads on and on");
}

#[test]
fn a_peer_that_does_not_take_its_answer_is_ended() {
    let server = Arc::new(Server::start_set(SETTINGS));
    let witness = Witness::start(&server);
    let tags = (0..100).map(|number| {
        let text = Content::Text("x".repeat(3000));
        attribute(&format!("x-{number}"), text)
    });
    let template = key_template().into_iter().chain(tags).collect();
    let uid = server.connect().ask(create(template)).success().uid();
    let socket = server
        .socket_from(address(2), Some(4096))
        .expect("connected");
    let mut connection = server
        .shake_hands_on(socket, &server.client("demo"))
        .expect("let in");
    ask_and_take_nothing(&mut connection, &uid);
    witness.works();
}
