//! Messages that are wrong, over TLS: what is answered, what is recorded, what becomes of the connection, and that nobody else notices.
//!
//! Which field is answered how is a table of its own among the unit tests; here it is about connections.

use crate::harness::{
    BatchItem, Connection, Node, Request, Response, Server, create, get, key_template, query,
    reason, tag,
};

/// A server with a key, and a second connection that must never notice anything.
struct Scene {
    server: Server,
    uid: String,
    bystander: Connection,
    expected: Vec<String>,
}

impl Scene {
    fn new() -> Self {
        let server = Server::start();
        let mut bystander = server.connect();
        let uid = bystander.ask(create(key_template())).success().uid();
        let expected = vec![format!("kmip-key.create 201 {uid}")];
        Self {
            server,
            uid,
            bystander,
            expected,
        }
    }

    /// The other connection reads its key.
    #[track_caller]
    fn nobody_noticed(&mut self) {
        self.bystander.ask(get(&self.uid)).success().key_material();
        self.expected
            .push(format!("kmip-key.read 200 {}", self.uid));
    }

    fn recorded(&mut self, line: &str) {
        self.expected.push(line.to_owned());
    }

    #[track_caller]
    fn check(self) {
        assert_eq!(self.server.request_lines(), self.expected);
    }
}

/// Checks the answer to what cannot be answered item by item.
#[track_caller]
fn refused(answer: &[u8], reason: u32) {
    let response = Response::decode(answer);
    let answer = response.only();
    answer.failure(reason);
    assert_eq!(answer.operation, None);
    assert_eq!(answer.id, None);
}

/// A request for the vendor's name.
fn whole() -> Vec<u8> {
    Request::new((1, 4), &[query(&[3])]).encode()
}

#[test]
fn bytes_that_are_no_message_are_answered_and_the_connection_closed() {
    let mut scene = Scene::new();
    let altered = |place: usize, byte: u8| {
        let mut bytes = whole();
        bytes[place] = byte;
        bytes
    };
    let malformed = "kmip-request.refuse 400 -";
    for (what, bytes, line) in [
        (
            "no KMIP at all",
            b"GET / HTTP/1.1\r\n\r\n".to_vec(),
            malformed,
        ),
        ("a response", altered(2, 0x7b), malformed),
        ("a tag that is nobody's", altered(0, 0x00), malformed),
        ("no structure", altered(3, 0x02), malformed),
        (
            "a length that is no multiple of eight",
            altered(7, 0x81),
            malformed,
        ),
        (
            "a length of 2 GiB",
            altered(4, 0x80),
            "kmip-request.refuse 413 -",
        ),
    ] {
        let mut connection = scene.server.connect();
        // Behind a good message in the same write: that one is answered as ever.
        let answer = connection.send(&[whole(), bytes].concat());
        Response::decode(&answer).only().success();
        refused(&connection.receive(), reason::INVALID_MESSAGE);
        let closed = connection.wait_for_close();
        assert_eq!(closed, Ok(()), "{what}");
        scene.recorded(line);
        scene.nobody_noticed();
    }
    scene.check();
}

#[test]
fn a_message_that_ends_too_early_is_answered_and_recorded() {
    let mut scene = Scene::new();
    let whole = whole();
    for end in [1, 7, 8, 60, whole.len() - 1] {
        let mut connection = scene.server.connect();
        connection.write(&whole[..end]);
        scene.nobody_noticed();
        connection.end();
        refused(&connection.receive(), reason::INVALID_MESSAGE);
        assert_eq!(connection.wait_for_close(), Ok(()), "cut at {end}");
        scene.recorded("kmip-request.refuse 400 -");
    }
    scene.check();
}

#[test]
fn a_message_that_comes_in_pieces_is_answered_when_it_is_whole() {
    let mut scene = Scene::new();
    let mut slow = scene.server.connect();
    for piece in whole().chunks(24) {
        slow.write(piece);
        scene.nobody_noticed();
    }
    Response::decode(&slow.receive()).only().success();
    scene.check();
}

#[test]
fn a_message_that_is_refused_leaves_the_connection_of_use() {
    let mut scene = Scene::new();
    let mut connection = scene.server.connect();
    // The message begins with its own header, that of the Request Header and that of the Protocol Version.
    let altered = |place: usize, byte: u8| {
        let mut bytes = whole();
        bytes[place] = byte;
        bytes
    };
    let batch_count = whole()
        .windows(3)
        .position(|bytes| bytes == [0x42, 0x00, 0x0d])
        .expect("a batch count");
    for (bytes, reason, code) in [
        (altered(10, 0x79), reason::INVALID_MESSAGE, 400),
        (altered(15, 0xff), reason::INVALID_MESSAGE, 400),
        (altered(18, 0xff), reason::INVALID_MESSAGE, 400),
        (altered(batch_count + 11, 2), reason::INVALID_MESSAGE, 400),
        (altered(batch_count + 2, 0x0c), reason::INVALID_MESSAGE, 400),
        (
            Request::new((2, 1), &[query(&[3])]).encode(),
            reason::INVALID_MESSAGE,
            501,
        ),
        (
            Request::new((1, 4), &[]).encode(),
            reason::INVALID_MESSAGE,
            400,
        ),
    ] {
        refused(&connection.send(&bytes), reason);
        scene.recorded(&format!("kmip-request.refuse {code} -"));
        scene.nobody_noticed();
    }
    // Nor does an item that is wrong keep the others of its message from being carried out.
    let stranger = vec![Node::integer(tag::BATCH_COUNT, 1)];
    let broken = BatchItem::new(get("").operation, stranger);
    let request = Request::new((1, 4), &[broken, get(&scene.uid)]).with_continuation(1);
    let response = connection.exchange(&request);
    response.items[0].failure(reason::INVALID_FIELD);
    response.items[1].clone().success().key_material();
    scene.recorded("kmip-key.read 400 -");
    let read = format!("kmip-key.read 200 {}", scene.uid);
    scene.recorded(&read);
    scene.nobody_noticed();
    scene.check();
}

/// A structure that holds as many empty structures as fit into a message, each with a header of eight bytes.
fn wide(bytes: usize) -> Node {
    let empty = Node::structure(tag::BATCH_ITEM, vec![]);
    Node::structure(tag::REQUEST_MESSAGE, vec![empty; (bytes - 8) / 8])
}

/// A structure in a structure, and so on.
fn deep(levels: usize) -> Node {
    let inmost = Node::structure(tag::ATTRIBUTE, vec![]);
    (0..levels).fold(inmost, |inner, _| {
        Node::structure(tag::ATTRIBUTE, vec![inner])
    })
}

#[test]
fn what_a_bad_message_costs_is_bounded() {
    const MIB: usize = 1024 * 1024;
    let mut scene = Scene::new();
    let with_header = |items: Vec<Node>| {
        let message = Request::new((1, 4), &[]).encode();
        let mut message = Node::decode(&message);
        let fields = message.children_mut();
        fields.extend(items);
        message.encode()
    };
    let payload = Node::structure(tag::REQUEST_PAYLOAD, vec![deep(4000)]);
    let deep = with_header(vec![Node::structure(tag::BATCH_ITEM, vec![payload])]);
    let empty = Node::structure(tag::BATCH_ITEM, vec![]);
    let many = with_header(vec![empty; MIB / 8 - 20]);
    let before = scene.server.peak_memory();
    let mut connections: Vec<_> = (0..16).map(|_| scene.server.connect()).collect();
    for connection in &mut connections {
        for bytes in [&wide(MIB).encode(), &many, &deep] {
            refused(&connection.send(bytes), reason::INVALID_MESSAGE);
        }
        // A length that is only announced: nothing is kept ready for it.
        let announced = u32::try_from(MIB - 8).unwrap().to_be_bytes();
        connection.write(&[[0x42, 0x00, 0x78, 0x01], announced].concat());
    }
    scene.nobody_noticed();
    let grown = scene.server.peak_memory() - before;
    assert!(grown < 64 * MIB, "{grown} bytes for 16 connections");
    drop(connections);
}
