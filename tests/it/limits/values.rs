//! How many attributes an object may have, and how long their names and texts may be.

use std::sync::Arc;

use super::{Witness, works};
use crate::harness::{
    BatchItem, Content, Node, Server, add_attribute, attribute, create, get_attributes,
    key_template, name, op, reason, tag,
};

fn text(bytes: usize) -> Content {
    Content::Text("x".repeat(bytes))
}

#[test]
fn the_instances_of_an_attribute_are_limited() {
    let server = Arc::new(Server::start_set("[kmip]\nattribute-instances-max = 2\n"));
    let witness = Witness::start(&server);
    let mut connection = server.connect();
    let uid = connection.ask(create(key_template())).success().uid();
    for number in [1, 2] {
        connection
            .ask(add_attribute(&uid, "x-Tag", text(number)))
            .success();
    }
    connection
        .ask(add_attribute(&uid, "x-Tag", text(3)))
        .failure(reason::INDEX_OUT_OF_BOUNDS);
    // On creation too.
    let tags = (1..=3).map(|number| attribute("x-Tag", text(number)));
    connection
        .ask(create(key_template().into_iter().chain(tags).collect()))
        .failure(reason::INDEX_OUT_OF_BOUNDS);
    let kept = connection.ask(get_attributes(&uid, &["x-Tag"])).success();
    assert_eq!(kept.payload.len(), 1 + 2, "the identifier and two tags");
    connection
        .ask(add_attribute(&uid, "x-Other", text(1)))
        .success();
    witness.works();
}

#[test]
fn the_attributes_of_an_object_are_limited_together() {
    let server = Arc::new(Server::start_set(
        "[kmip]\nattributes-per-object-max = 20\n",
    ));
    let witness = Witness::start(&server);
    let mut connection = server.connect();
    let uid = connection.ask(create(key_template())).success().uid();
    let added = (0..30).take_while(|number| {
        let item = add_attribute(&uid, &format!("x-{number}"), text(1));
        let answer = connection.ask(item);
        if answer.status != 0 {
            answer.failure(reason::INDEX_OUT_OF_BOUNDS);
        }
        answer.status == 0
    });
    let added = added.count();
    assert!((1..=20).contains(&added), "{added}");
    works(&mut connection);
    witness.works();
}

#[test]
fn names_and_texts_are_limited_in_length() {
    let server = Arc::new(Server::start_set(
        "[kmip]\nattribute-text-bytes-max = 128\n",
    ));
    let witness = Witness::start(&server);
    let mut connection = server.connect();
    let uid = connection.ask(create(key_template())).success().uid();
    // A value counts as it is encoded: 8 bytes around a text, 32 around a Name.
    let name_of = |bytes: usize| name(&"n".repeat(bytes));
    let custom = |bytes: usize| format!("x-{}", "n".repeat(bytes - 2));
    for item in [
        add_attribute(&uid, "x-Tag", text(120)),
        add_attribute(&uid, "Name", name_of(96)),
        add_attribute(&uid, &custom(128), text(1)),
    ] {
        connection.ask(item).success();
    }
    for item in [
        add_attribute(&uid, "x-Tag", text(121)),
        add_attribute(&uid, "Name", name_of(97)),
        add_attribute(&uid, &custom(129), text(1)),
    ] {
        connection.ask(item).failure(reason::INVALID_FIELD);
    }
    let mut template = key_template();
    template.push(attribute("Name", name_of(97)));
    connection
        .ask(create(template))
        .failure(reason::INVALID_FIELD);
    witness.works();
}

#[test]
fn a_revocation_message_is_limited_in_length() {
    let server = Arc::new(Server::start_set(
        "[kmip]\nattribute-text-bytes-max = 128\n",
    ));
    let witness = Witness::start(&server);
    let mut connection = server.connect();
    let uid = connection.ask(create(key_template())).success().uid();
    let revoke = |bytes: usize| {
        let compromise = vec![
            Node::enumeration(tag::REVOCATION_REASON_CODE, 2),
            Node::text(tag::REVOCATION_MESSAGE, &"m".repeat(bytes)),
        ];
        let payload = vec![
            Node::text(tag::UNIQUE_IDENTIFIER, &uid),
            Node::structure(tag::REVOCATION_REASON, compromise),
        ];
        BatchItem::new(op::REVOKE, payload)
    };
    connection.ask(revoke(129)).failure(reason::INVALID_FIELD);
    let state = |answer: crate::harness::Answer| answer.success().value("State");
    let before = connection.ask(get_attributes(&uid, &["State"]));
    assert_eq!(state(before), Some(Content::Enumeration(1)), "Pre-Active");
    connection.ask(revoke(128)).success();
    let after = connection.ask(get_attributes(&uid, &["State"]));
    assert_eq!(state(after), Some(Content::Enumeration(4)), "Compromised");
    witness.works();
}
