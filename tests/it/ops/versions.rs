//! What each protocol version is answered.

use super::{NOBODY, Scene, VERSIONS};
use crate::harness::{
    BatchItem, Content, Node, Request, Response, Server, create, discover, get, get_attribute_list,
    get_attributes, key_template, op, query, reason, tag,
};

#[test]
fn every_version_is_answered_in_itself() {
    let mut scene = Scene::new();
    for version in VERSIONS {
        let connection = &mut scene.connection;
        let uid = connection
            .ask_in(version, create(key_template()))
            .success()
            .uid();
        connection
            .ask_in(version, get(&uid))
            .success()
            .key_material();
        scene.recorded("kmip-key.create 201", &uid);
        scene.recorded("kmip-key.read 200", &uid);
    }
    scene.check();
}

#[test]
fn discover_versions_lists_all_or_those_of_the_clients_list() {
    let mut scene = Scene::new();
    // In a header of 1.0 too, although 1.1 has brought it: who asks does not know yet what is spoken.
    for version in VERSIONS {
        let all = scene.connection.ask_in(version, discover(&[])).success();
        assert_eq!(all.versions(), VERSIONS, "best first");
        let some = discover(&[(9, 9), (1, 0), (1, 2)]);
        let some = scene.connection.ask_in(version, some).success();
        assert_eq!(some.versions(), [(1, 2), (1, 0)]);
        let none = scene
            .connection
            .ask_in(version, discover(&[(3, 0)]))
            .success();
        assert_eq!(none.versions(), []);
    }
    scene.check();
}

#[test]
fn query_lists_what_the_version_has() {
    let mut scene = Scene::new();
    let in_1_0 = [
        op::CREATE,
        op::LOCATE,
        op::GET,
        op::GET_ATTRIBUTES,
        op::GET_ATTRIBUTE_LIST,
        op::ADD_ATTRIBUTE,
        op::ACTIVATE,
        op::REVOKE,
        op::DESTROY,
        op::QUERY,
    ];
    for version in VERSIONS {
        let answer = scene.connection.ask_in(version, query(&[1, 2])).success();
        let operations = answer.operations();
        for operation in in_1_0 {
            assert!(
                operations.contains(&operation),
                "{operation:#x} in {version:?}"
            );
        }
        let discovers = operations.contains(&op::DISCOVER_VERSIONS);
        assert_eq!(discovers, version > (1, 0), "Discover Versions since 1.1");
        let types = answer
            .payload
            .iter()
            .filter(|node| node.tag == tag::OBJECT_TYPE);
        let types: Vec<_> = types.filter_map(Node::as_enumeration).collect();
        assert!(types.contains(&2), "symmetric keys: {types:?}");
    }
    scene.check();
}

#[test]
fn query_names_the_vendor() {
    let server = Server::start();
    let answer = server.connect().ask_in((1, 1), query(&[3])).success();
    let vendor = answer
        .payload
        .iter()
        .find(|node| node.tag == tag::VENDOR_IDENTIFICATION);
    assert_eq!(vendor.and_then(Node::as_text), Some("Keyledger"));
    assert_eq!(
        answer.operations(),
        Vec::<u32>::new(),
        "only what was asked for"
    );
}

#[test]
fn every_function_of_query_is_answered_in_its_version() {
    let server = Server::start();
    let mut connection = server.connect();
    let answers: [(u32, (i32, i32), &[u32]); 12] = [
        (1, (1, 0), &[tag::OPERATION]),
        (2, (1, 0), &[tag::OBJECT_TYPE]),
        (3, (1, 0), &[tag::VENDOR_IDENTIFICATION]),
        (4, (1, 0), &[]),
        (5, (1, 1), &[]),
        (6, (1, 1), &[]),
        (7, (1, 2), &[]),
        (8, (1, 3), &[tag::RNG_PARAMETERS]),
        (9, (1, 3), &[]),
        (10, (1, 3), &[]),
        (11, (1, 3), &[tag::CAPABILITY_INFORMATION]),
        (12, (1, 3), &[]),
    ];
    let tags = |answer: crate::harness::Answer| {
        let mut tags: Vec<u32> = answer.payload.iter().map(|node| node.tag).collect();
        tags.dedup();
        tags
    };
    for version in VERSIONS {
        for (function, since, expected) in answers {
            let expected = if version >= since { expected } else { &[] };
            // Twice: there is one answer.
            let asked = query(&[function, function]);
            let answer = connection.ask_in(version, asked).success();
            let once = answer.payload.len();
            assert_eq!(tags(answer), expected, "{function} in {version:?}");
            let alone = connection.ask_in(version, query(&[function])).success();
            assert_eq!(alone.payload.len(), once, "{function} in {version:?}");
        }
        // Functions of KMIP 2.
        let later = connection.ask_in(version, query(&[13, 14])).success();
        assert_eq!(tags(later), [0_u32; 0]);
        let all = query(&(1..=12).collect::<Vec<_>>());
        let all = connection.ask_in(version, all).success();
        let flags = |version| if version >= (1, 4) { 6 } else { 4 };
        let capability = all.payload.iter();
        for node in capability.filter(|node| node.tag == tag::CAPABILITY_INFORMATION) {
            assert_eq!(node.children().len(), flags(version), "{version:?}");
        }
    }
}

#[test]
fn query_without_a_function_or_with_an_unknown_one_is_refused() {
    let server = Server::start();
    let mut connection = server.connect();
    for version in VERSIONS {
        let nothing = connection.ask_in(version, query(&[]));
        nothing.failure(reason::INVALID_MESSAGE);
        let unknown = connection.ask_in(version, query(&[1, 0xff]));
        unknown.failure(reason::INVALID_FIELD);
    }
}

#[test]
fn every_operation_that_query_lists_is_carried_out() {
    let server = Server::start();
    let mut connection = server.connect();
    let listed = connection.ask(query(&[1])).success().operations();
    for operation in listed {
        let answer = connection.ask(BatchItem::new(operation, vec![]));
        assert_ne!(
            answer.reason,
            Some(reason::OPERATION_NOT_SUPPORTED),
            "{operation:#x}"
        );
    }
}

#[test]
fn an_operation_that_is_not_carried_out_is_refused_and_recorded() {
    let mut scene = Scene::new();
    let uid = scene.key(vec![]);
    let named = |uid: &str| vec![Node::text(tag::UNIQUE_IDENTIFIER, uid)];
    // Register, Archive and Encrypt are known, Poll is about no key, and two numbers no standard defines.
    for (operation, payload, action, about) in [
        (0x03, vec![], "kmip-key.register", "-"),
        (0x15, named(&uid), "kmip-key.archive", &*uid),
        (0x15, named(NOBODY), "kmip-key.archive", NOBODY),
        (0x1f, named(&uid), "kmip-key.encrypt", &uid),
        (0x1a, named(&uid), "kmip-request.refuse", "-"),
        (0x3b, vec![], "kmip-protocol.ping", "-"),
        (0xff, named(&uid), "kmip-request.refuse", "-"),
        (0x8000_0001, vec![], "kmip-request.refuse", "-"),
    ] {
        let item = BatchItem::new(operation, payload);
        let line = format!("{action} 501");
        scene.refused(item, reason::OPERATION_NOT_SUPPORTED, &line, about);
    }
    scene.check();
}

#[test]
fn attributes_newer_than_the_version_are_absent() {
    let mut scene = Scene::new();
    let uid = scene.key(vec![]);
    let since = [
        ("State", (1, 0)),
        ("Digest", (1, 0)),
        ("Fresh", (1, 1)),
        ("Original Creation Date", (1, 2)),
        ("Random Number Generator", (1, 3)),
        ("Sensitive", (1, 4)),
        ("Always Sensitive", (1, 4)),
        ("Extractable", (1, 4)),
        ("Never Extractable", (1, 4)),
    ];
    for version in VERSIONS {
        let listed = scene
            .connection
            .ask_in(version, get_attribute_list(&uid))
            .success()
            .names();
        let all = scene
            .connection
            .ask_in(version, get_attributes(&uid, &[]))
            .success();
        let all: Vec<_> = all
            .attributes()
            .into_iter()
            .map(|(name, ..)| name)
            .collect();
        for (name, first) in since {
            let expected = version >= first;
            assert_eq!(
                listed.iter().any(|found| found == name),
                expected,
                "{name} {version:?}"
            );
            assert_eq!(
                all.iter().any(|found| found == name),
                expected,
                "{name} {version:?}"
            );
            let named = scene
                .connection
                .ask_in(version, get_attributes(&uid, &[name]))
                .success();
            assert_eq!(named.value(name).is_some(), expected, "{name} {version:?}");
        }
    }
}

#[test]
fn a_major_version_that_is_not_spoken_is_refused_as_a_whole() {
    let mut scene = Scene::new();
    let request = Request::new((3, 0), &[get("x")]);
    let response = scene.connection.exchange(&request);
    assert_eq!(response.version, (1, 4), "the best that is spoken");
    let answer = response.only();
    answer.failure(reason::INVALID_MESSAGE);
    assert_eq!(answer.operation, None);
    let line = scene.server.request_lines().pop().expect("an event");
    assert!(line.starts_with("kmip-request.refuse "), "{line}");
    // The connection is still of use.
    scene.connection.ask(query(&[3])).success();
}

#[test]
fn under_a_newer_minor_version_only_discover_versions_is_answered() {
    let mut scene = Scene::new();
    for version in [(1, 5), (1, 99)] {
        let request = Request::new(version, &[discover(&[])]);
        let response = scene.connection.exchange(&request);
        assert_eq!(response.version, (1, 4));
        assert_eq!(response.only().success().versions(), VERSIONS);
        let request = Request::new(version, &[get("x"), get("x")]);
        let response = scene.connection.exchange(&request);
        assert_eq!(response.version, (1, 4));
        let answer = response.only();
        answer.failure(reason::INVALID_MESSAGE);
        assert_eq!(answer.operation, None);
        scene.recorded("kmip-request.refuse 501", "-");
    }
    scene.check();
}

#[test]
fn a_message_that_cannot_be_read_is_answered_and_recorded() {
    let mut scene = Scene::new();
    let bytes = Request::new((1, 4), &[get("x")]).encode();
    let mut in_header = bytes.clone();
    // The message begins with its own header, that of the Request Header and that of the Protocol Version: the latter gets another tag.
    in_header[18] = 0xff;
    let mut in_payload = bytes.clone();
    // The length of the last item now reaches beyond the message.
    in_payload[bytes.len() - 12] = 0xff;
    for (damaged, line) in [
        (in_header, "kmip-request.refuse 400"),
        (in_payload, "kmip-key.read 400"),
    ] {
        let response = Response::decode(&scene.connection.send(&damaged));
        response.only().failure(reason::INVALID_MESSAGE);
        scene.recorded(line, "-");
    }
    scene.check();
}

#[test]
fn a_duplicate_name_in_get_attributes_is_refused_since_1_1() {
    let mut scene = Scene::new();
    let uid = scene.key(vec![]);
    let twice = || get_attributes(&uid, &["State", "State"]);
    let old = scene.connection.ask_in((1, 0), twice()).success();
    let states = old
        .attributes()
        .into_iter()
        .filter(|(name, ..)| name == "State");
    let states: Vec<_> = states.map(|(_, _, value)| value).collect();
    assert!(!states.is_empty() && states.iter().all(|state| *state == Content::Enumeration(1)));
    let answer = scene.connection.ask_in((1, 1), twice());
    assert_eq!(answer.status, 1, "{answer:?}");
}
