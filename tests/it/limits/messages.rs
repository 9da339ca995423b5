//! How long, deep and numerous a message and its answer may be.

use std::sync::Arc;

use super::{Witness, works};
use crate::harness::{
    BatchItem, Node, Request, Response, Server, create, discover, get, key_template, op, reason,
    tag,
};

/// A message with a Get of nothing that exists, of exactly so many bytes.
pub(super) fn message_of(bytes: usize) -> Vec<u8> {
    let empty = Request::new((1, 4), &[get("x")]).encode().len();
    let message = Request::new((1, 4), &[get(&"x".repeat(bytes - empty + 8))]).encode();
    assert_eq!(message.len(), bytes);
    message
}

#[test]
fn a_message_too_long_is_answered_and_its_connection_closed() {
    let server = Arc::new(Server::start_set("[limits]\nmessage-bytes-max = 4096\n"));
    let witness = Witness::start(&server);
    let mut connection = server.connect();
    let answer = Response::decode(&connection.send(&message_of(4096))).only();
    answer.failure(reason::ITEM_NOT_FOUND);
    let answer = Response::decode(&connection.send(&message_of(4104))).only();
    answer.failure(reason::INVALID_MESSAGE);
    assert_eq!(answer.operation, None, "nothing of it was read");
    connection.wait_for_close().expect("the end is unknown");
    witness.works();
}

#[test]
fn a_header_that_announces_2_gib_is_answered_at_once() {
    let server = Arc::new(Server::start());
    let witness = Witness::start(&server);
    for length in [0x7fff_fff8_u32, 0x8000_0000, 0xffff_fff8] {
        let mut connection = server.connect();
        let header = [&[0x42, 0x00, 0x78, 0x01][..], &length.to_be_bytes()].concat();
        let answer = Response::decode(&connection.send(&header)).only();
        answer.failure(reason::INVALID_MESSAGE);
        connection.wait_for_close().expect("the end is unknown");
    }
    witness.works();
}

/// A Discover Versions with so many structures in its payload, each within the one before.
fn message_with_nested(levels: u32) -> Vec<u8> {
    let mut message = request_of(&[discover(&[])]);
    let end = message.len();
    // The last three headers that are not full are those of the message, its item and its payload.
    for header in [0, end - 32, end - 8] {
        let length = &mut message[header + 4..header + 8];
        let grown = u32::from_be_bytes(length.try_into().expect("four bytes")) + 8 * levels;
        length.copy_from_slice(&grown.to_be_bytes());
    }
    for below in (0..levels).rev() {
        message.extend([0x54, 0x00, 0x01, 0x01]);
        message.extend((8 * below).to_be_bytes());
    }
    message
}

#[test]
fn a_message_too_deep_is_refused() {
    let server = Arc::new(Server::start());
    let witness = Witness::start(&server);
    let mut connection = server.connect();
    // 30 are one level more than the default allows, and the last are as many as fit into a message.
    for levels in [30, 1000, 131_000] {
        let message = message_with_nested(levels);
        let answer = Response::decode(&connection.send(&message)).only();
        answer.failure(reason::INVALID_MESSAGE);
        works(&mut connection);
    }
    witness.works();
}

#[test]
fn a_message_of_too_many_items_is_refused() {
    let server = Arc::new(Server::start_set("[limits]\nmessage-items-max = 64\n"));
    let witness = Witness::start(&server);
    let mut connection = server.connect();
    // Each version offered is three items; the message is eight more.
    let offered = |count| request_of(&[discover(&vec![(1, 4); count])]);
    Response::decode(&connection.send(&offered(18)))
        .only()
        .success();
    let answer = Response::decode(&connection.send(&offered(19))).only();
    answer.failure(reason::INVALID_MESSAGE);
    works(&mut connection);
    witness.works();
}

fn request_of(items: &[BatchItem]) -> Vec<u8> {
    Request::new((1, 4), items).encode()
}

#[test]
fn a_batch_of_1024_gets_is_answered_and_one_of_1025_refused() {
    let server = Arc::new(Server::start());
    let witness = Witness::start_settled(&server);
    let mut connection = server.connect();
    let uid = connection.ask(create(key_template())).success().uid();
    let gets: Vec<_> = (0..1025_u32)
        .map(|number| get(&uid).with_id(&number.to_be_bytes()))
        .collect();
    let response = connection.exchange(&Request::new((1, 4), &gets[..1024]));
    assert_eq!(response.items.len(), 1024);
    for (answer, number) in response.items.into_iter().zip(0_u32..) {
        assert_eq!(answer.id.as_deref(), Some(&number.to_be_bytes()[..]));
        answer.success().key_material();
    }
    let refused = connection.exchange(&Request::new((1, 4), &gets)).only();
    refused.failure(reason::INVALID_MESSAGE);
    works(&mut connection);
    witness.works();
    drop(witness);
    let events = server.events();
    let reads = events.iter().filter(|event| event.key() == Some(&uid));
    assert_eq!(reads.count(), 1 + 1024, "the creation, and each read once");
}

#[test]
fn an_answer_too_long_is_refused_item_by_item() {
    let settings = "[kmip]\nresponse-bytes-max = 4096\nlocate-results-max = 60\n";
    let server = Arc::new(Server::start_set(settings));
    let witness = Witness::start(&server);
    let mut connection = server.connect();
    let uid = connection.ask(create(key_template())).success().uid();
    let gets: Vec<_> = (0..30_u8)
        .map(|number| get(&uid).with_id(&[number]))
        .collect();
    let request = Request::new((1, 4), &gets).with_continuation(1);
    let bytes = connection.send(&request.encode());
    assert!(bytes.len() <= 4096, "{}", bytes.len());
    let answers = Response::decode(&bytes).items;
    let given = answers.iter().filter(|answer| answer.status == 0).count();
    assert!((3..30).contains(&given), "{given} keys in 4 KiB");
    for refused in &answers[given..] {
        refused.failure(reason::RESPONSE_TOO_LARGE);
    }
    works(&mut connection);
    witness.works();
    let reads = server.events().into_iter();
    let reads = reads.filter(|event| event.key() == Some(&uid) && event.code() == 200);
    assert_eq!(reads.count(), given, "what was refused was not read");
}

#[test]
fn a_locate_gives_so_many_identifiers_and_the_rest_on_the_next_pages() {
    let server = Arc::new(Server::start_set("[kmip]\nlocate-results-max = 3\n"));
    let witness = Witness::start(&server);
    let mut connection = server.connect();
    let mut made: Vec<String> = (0..8)
        .map(|_| connection.ask(create(key_template())).success().uid())
        .collect();
    made.sort();
    // The witness has one of its own in the same instance.
    let mut found = Vec::new();
    for offset in (0..).step_by(3) {
        let item = BatchItem::new(op::LOCATE, vec![Node::integer(tag::OFFSET_ITEMS, offset)]);
        let page = connection.ask(item).success().uids();
        assert!(page.len() <= 3, "{}", page.len());
        if page.is_empty() {
            break;
        }
        found.extend(page);
    }
    found.sort();
    assert_eq!(found.len(), 9);
    assert!(made.iter().all(|uid| found.contains(uid)));
    witness.works();
}
