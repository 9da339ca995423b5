//! Bytes in flight: who uses up its share waits for itself, with requests and with answers.

use std::sync::Arc;
use std::time::Duration;

use super::messages::message_of;
use super::{PATIENCE, Witness, address, enrol, works};
use crate::harness::{
    Connection, Content, Credentials, Request, Response, Server, attribute, create, get_attributes,
    key_template, reason, until,
};

/// Two clients' shares are all there is.
const SETTINGS: &str = "[limits]\nbytes-in-flight-max = 2097152\n\
                        bytes-in-flight-per-client-max = 1048576\n\
                        [kmip]\nresponse-bytes-max = 1048576\n";
const MIB: usize = 1024 * 1024;
/// Long enough for an answer, mostly; what has not come by then is taken to be waiting.
const SOON: Duration = Duration::from_millis(1000);

fn start() -> (Arc<Server>, Witness) {
    let server = Arc::new(Server::start_set(SETTINGS));
    let witness = Witness::start(&server);
    (server, witness)
}

fn connect(server: &Server, credentials: &Credentials) -> Connection {
    let connected = server.try_connect_from(address(2), credentials);
    connected.expect("let in")
}

fn is_not_found(bytes: &[u8]) {
    Response::decode(bytes)
        .only()
        .failure(reason::ITEM_NOT_FOUND);
}

#[test]
fn a_client_that_holds_its_share_with_half_a_message_waits_for_itself() {
    let (server, witness) = start();
    let (demo, other) = (server.client("demo"), enrol(&server, "other"));
    let (large, larger) = (message_of(100 * 1024), message_of(MIB));
    let mut holder = connect(&server, &demo);
    let (half, rest) = larger.split_at(MIB / 2);
    holder.try_write(half).expect("sent");
    // Its share is paid for as soon as the server has read a little of it.
    let mut waiting = until("its next large message to wait", || {
        let mut next = connect(&server, &demo);
        next.set_patience(SOON);
        next.try_send(&large).is_err().then_some(next)
    });
    works(&mut connect(&server, &demo));
    is_not_found(&connect(&server, &other).send(&large));
    witness.works();
    holder.set_patience(PATIENCE);
    is_not_found(&holder.send(rest));
    waiting.set_patience(PATIENCE);
    is_not_found(&waiting.receive());
}

#[test]
fn messages_that_wait_for_each_other_are_all_answered() {
    // Each has half of a message when the next comes: whoever kept what it had and waited for the rest would wait for ever.
    let (server, witness) = start();
    let demo = server.client("demo");
    let message = message_of(MIB * 3 / 4);
    let (half, rest) = message.split_at(message.len() / 2);
    let mut connections: Vec<_> = (0..6).map(|_| connect(&server, &demo)).collect();
    for connection in &mut connections {
        connection.set_patience(PATIENCE);
        connection.try_write(half).expect("sent");
    }
    witness.works();
    std::thread::scope(|scope| {
        for connection in &mut connections {
            scope.spawn(|| is_not_found(&connection.send(rest)));
        }
    });
    witness.works();
}

/// A question whose answer has 800 KiB.
fn large_question(connection: &mut Connection) -> Vec<u8> {
    let tags = (0..30).map(|number| {
        let text = Content::Text("x".repeat(3000));
        attribute(&format!("x-{number}"), text)
    });
    let template = key_template().into_iter().chain(tags).collect();
    let uid = connection.ask(create(template)).success().uid();
    Request::new((1, 4), &vec![get_attributes(&uid, &[]); 9]).encode()
}

fn is_large(bytes: &[u8]) {
    assert!(bytes.len() > 800_000, "{}", bytes.len());
    for answer in Response::decode(bytes).items {
        answer.success();
    }
}

/// The most memory the server has had so far, in bytes.
fn peak_memory(server: &Server) -> usize {
    let path = format!("/proc/{}/status", server.pid().as_raw_nonzero());
    let status = std::fs::read_to_string(path).expect("the status of a child of ours");
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1));
    kib.expect("a peak").parse::<usize>().expect("KiB") * 1024
}

#[test]
fn answers_that_nobody_takes_hold_no_more_than_the_share() {
    let (server, witness) = start();
    let demo = server.client("demo");
    let question = large_question(&mut connect(&server, &demo));
    is_large(&connect(&server, &demo).send(&question));
    let before = peak_memory(&server);
    let mut deaf: Vec<_> = (0..120)
        .map(|_| {
            let socket = server.socket_from(address(2), Some(4096));
            let socket = socket.expect("connected");
            server.shake_hands_on(socket, &demo).expect("let in")
        })
        .collect();
    for connection in &mut deaf {
        connection.try_write(&question.repeat(30)).expect("sent");
    }
    // Answers of 800 KiB each, if all of them could be begun.
    until("a large answer to wait", || {
        let mut next = connect(&server, &demo);
        next.set_patience(SOON);
        next.try_send(&question).err()
    });
    witness.works();
    let grown = peak_memory(&server) - before;
    assert!(grown < 48 * MIB, "{grown} bytes for answers of 1 MiB");
}

#[test]
fn a_client_that_takes_no_answers_waits_for_itself() {
    let (server, witness) = start();
    let (demo, other) = (server.client("demo"), enrol(&server, "other"));
    let question = large_question(&mut connect(&server, &demo));
    let socket = server
        .socket_from(address(2), Some(4096))
        .expect("connected");
    let mut deaf = server.shake_hands_on(socket, &demo).expect("let in");
    // More than all buffers between here and there hold.
    deaf.try_write(&question.repeat(30)).expect("sent");
    let mut waiting = until("its next large answer to wait", || {
        let mut next = connect(&server, &demo);
        next.set_patience(SOON);
        next.try_send(&question).is_err().then_some(next)
    });
    works(&mut connect(&server, &demo));
    is_large(&connect(&server, &other).send(&question));
    witness.works();
    drop(deaf);
    waiting.set_patience(PATIENCE);
    is_large(&waiting.receive());
}
