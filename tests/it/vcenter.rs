//! A real vCenter's requests, sent again byte for byte, apart from the identifiers of keys.
//!
//! The capture is reference data that is kept beside the project; without it there is nothing to check.

use std::collections::HashMap;
use std::fs;

use serde_json::Value;

use crate::harness::{Content, Node, Response, Server, op, shared, tag};

/// The capture: requests in hex by connection, and the identifiers of the capturing server.
struct Capture {
    connections: Vec<Vec<Vec<u8>>>,
    created: Vec<String>,
}

impl Capture {
    fn read(text: &str) -> Self {
        let capture: Value = serde_json::from_str(text).expect("JSON");
        let list = |value: &Value| value.as_array().expect("a list").clone();
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let request = |hex: &Value| hex::decode(text(hex)).expect("hex");
        let connection = |connection: &Value| {
            list(&connection["requests"])
                .iter()
                .map(request)
                .collect::<Vec<_>>()
        };
        Self {
            connections: list(&capture["connections"])
                .iter()
                .map(connection)
                .collect(),
            created: list(&capture["created"]).iter().map(text).collect(),
        }
    }
}

/// Puts our identifiers in the place of the capturing server's, wherever a Unique Identifier stands.
fn substitute(node: &mut Node, ours: &HashMap<String, String>) {
    match &mut node.content {
        Content::Structure(children) => {
            children
                .iter_mut()
                .for_each(|child| substitute(child, ours));
        }
        Content::Text(text) if node.tag == tag::UNIQUE_IDENTIFIER => {
            *text = ours
                .get(text)
                .unwrap_or_else(|| panic!("{text} was created"))
                .clone();
        }
        _ => {}
    }
}

/// The events a request must leave: action and key, none for what touches no key.
fn expected(request: &Node, created: Option<&str>) -> Vec<(&'static str, String)> {
    let items = request
        .children()
        .iter()
        .filter(|node| node.tag == tag::BATCH_ITEM);
    let event = |item: &Node| {
        let operation = item.child(tag::OPERATION).and_then(Node::as_enumeration);
        let action = match operation.expect("an operation") {
            op::DISCOVER_VERSIONS | op::QUERY => return None,
            op::CREATE => "kmip-key.create",
            op::GET => "kmip-key.read",
            op::GET_ATTRIBUTES => "kmip-key-attributes.retrieve",
            op::ADD_ATTRIBUTE => "kmip-key-attributes.add",
            op::ACTIVATE => "kmip-key.activate",
            other => panic!("operation {other} is not in the capture"),
        };
        let payload = item.child(tag::REQUEST_PAYLOAD).expect("a payload");
        let named = payload
            .child(tag::UNIQUE_IDENTIFIER)
            .and_then(Node::as_text);
        Some((action, named.or(created).expect("a key").to_owned()))
    };
    items.filter_map(event).collect()
}

#[test]
fn every_request_of_vcenter_7_succeeds_and_is_recorded_once() {
    let Some(path) = shared("vcenter/vcenter-7.0.3.json") else {
        crate::harness::skipped("the capture of vCenter 7.0.3 is not beside the project");
        return;
    };
    let capture = Capture::read(&fs::read_to_string(path).expect("the capture"));
    let server = Server::start();
    let before = server.events().len();
    let mut theirs = capture.created.iter();
    let mut ours = HashMap::new();
    let mut events = Vec::new();
    let mut answered = 0;
    for requests in &capture.connections {
        let mut connection = server.connect();
        for bytes in requests {
            let mut request = Node::decode(bytes);
            assert_eq!(&request.encode(), bytes, "decoded and encoded again");
            substitute(&mut request, &ours);
            let response = Response::decode(&connection.send(&request.encode()));
            assert_eq!(response.version, (1, 1), "vCenter speaks 1.1");
            let sent = request
                .children()
                .iter()
                .filter(|node| node.tag == tag::BATCH_ITEM);
            assert_eq!(
                response.items.len(),
                sent.clone().count(),
                "every item is answered"
            );
            let mut created = None;
            for (answer, sent) in response.items.into_iter().zip(sent) {
                let answer = answer.success();
                let id = sent
                    .child(tag::UNIQUE_BATCH_ITEM_ID)
                    .and_then(Node::as_bytes);
                assert_eq!(answer.id.as_deref(), id, "the batch item's id is echoed");
                if answer.operation == Some(op::CREATE) {
                    created = Some(answer.uid());
                    ours.insert(
                        theirs.next().expect("as many as created").clone(),
                        answer.uid(),
                    );
                }
            }
            events.extend(expected(&request, created.as_deref()));
            answered += 1;
        }
    }
    println!(
        "{answered} of 58 requests on {} connections",
        capture.connections.len()
    );
    assert_eq!((answered, capture.connections.len()), (58, 40));
    check_events(&server, before, &events);
}

/// Exactly these events, in this order, by `demo`, without an address.
fn check_events(server: &Server, before: usize, expected: &[(&str, String)]) {
    let initiator = server.client("demo").initiator();
    let recorded = &server.events()[before..];
    let lines = recorded
        .iter()
        .map(|event| (event.action(), event.key().unwrap_or_default()));
    let expected = expected.iter().map(|(action, key)| (*action, key.as_str()));
    assert_eq!(lines.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
    for event in recorded {
        assert_eq!(event.initiator(), initiator);
        assert_eq!(event.initiator_name(), "demo");
        assert_eq!(
            event.data("/initiator/host"),
            None,
            "no address in an event"
        );
        assert_eq!(event.outcome(), "success");
    }
}
