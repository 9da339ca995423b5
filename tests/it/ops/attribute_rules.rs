//! Which attribute is known in which version, what may be given to which, and for which reason the rest is refused.

use super::{Scene, VERSIONS};
use crate::harness::{
    Content, Node, activate, add_attribute, attribute, create, delete_attribute, get,
    get_attributes, key_template, locate, modify_attribute, name, reason, tag,
};

const ADDED: &str = "kmip-key-attributes.add 200";

fn text(value: &str) -> Content {
    Content::Text(value.to_owned())
}

fn link(link_type: u32) -> Content {
    Content::Structure(vec![
        Node::enumeration(tag::LINK_TYPE, link_type),
        Node::text(tag::LINKED_OBJECT_IDENTIFIER, "another"),
    ])
}

#[test]
fn an_attribute_is_taken_and_answered_from_its_version_on() {
    let mut scene = Scene::new();
    let alternative = Content::Structure(vec![
        Node::text(tag::ALTERNATIVE_NAME_VALUE, "alias"),
        Node::enumeration(tag::ALTERNATIVE_NAME_TYPE, 1),
    ]);
    let cases = [
        ("Contact Information", text("ops"), (1, 0)),
        ("Alternative Name", alternative, (1, 2)),
        ("Comment", text("c"), (1, 4)),
        ("Description", text("d"), (1, 4)),
        ("PKCS#12 Friendly Name", text("p"), (1, 4)),
    ];
    for (name, value, since) in cases {
        for version in VERSIONS {
            let bare = scene.connection.ask(create(key_template())).success().uid();
            let mut template = key_template();
            template.push(attribute(name, value.clone()));
            let set = scene.connection.ask(create(template.clone())).success();
            let set = set.uid();
            let mut ask = |item| scene.connection.ask_in(version, item);
            let shown = ask(get_attributes(&set, &[name])).success().value(name);
            let taking = [
                ask(create(template)),
                ask(add_attribute(&bare, name, value.clone())),
                ask(modify_attribute(&set, name, None, value.clone())),
            ];
            let deleted = ask(delete_attribute(&set, name, None));
            if version >= since {
                assert_eq!(shown.as_ref(), Some(&value), "{name} {version:?}");
                for answer in taking {
                    answer.success();
                }
                deleted.success();
            } else {
                assert_eq!(shown, None, "{name} {version:?}");
                for answer in taking {
                    answer.failure(reason::INVALID_FIELD);
                }
                deleted.failure(reason::ITEM_NOT_FOUND);
            }
        }
    }
}

#[test]
fn a_value_newer_than_the_version_is_neither_taken_nor_answered() {
    let mut scene = Scene::new();
    let parent = 0x0108;
    let uid = scene.key(vec![]);
    let both = [
        add_attribute(&uid, "Link", link(0x0107)),
        add_attribute(&uid, "Link", link(parent)),
    ];
    for item in both {
        scene.done(item, ADDED, &uid);
    }
    for version in VERSIONS {
        let mut ask = |item| scene.connection.ask_in(version, item);
        let known = version >= (1, 2);
        let shown = ask(get_attributes(&uid, &["Link"])).success();
        assert_eq!(shown.attributes().len(), if known { 2 } else { 1 });
        let again = ask(modify_attribute(&uid, "Link", Some(1), link(parent)));
        if known {
            again.success();
        } else {
            again.failure(reason::INVALID_FIELD);
        }
    }
}

#[test]
fn what_cannot_be_added_has_its_reason() {
    let mut scene = Scene::new();
    let uid = scene.key(vec![attribute("Contact Information", text("ops"))]);
    let namespace = Content::Structure(vec![Node::text(tag::APPLICATION_NAMESPACE, "ssl")]);
    let information = "Application Specific Information";
    let domain = Content::Structure(vec![]);
    let denied = reason::PERMISSION_DENIED;
    let add = |name: &str, value| add_attribute(&uid, name, value);
    let mut indexed = add("x-A", text("a"));
    if let Content::Structure(fields) = &mut indexed.payload[1].content {
        fields.insert(1, Node::integer(tag::ATTRIBUTE_INDEX, 0));
    }
    let cases = [
        (add("Lease Time", Content::Interval(60)), denied, 400),
        (add("Destroy Date", Content::DateTime(1)), denied, 400),
        (
            add("Cryptographic Length", Content::Integer(128)),
            denied,
            400,
        ),
        (add("Cryptographic Domain Parameters", domain), denied, 400),
        (add("y-Mine", text("y")), denied, 400),
        (
            add("Contact Information", text("again")),
            reason::ILLEGAL_OPERATION,
            400,
        ),
        (
            add("Cryptographic Usage Mask", Content::Integer(4)),
            reason::ILLEGAL_OPERATION,
            400,
        ),
        (add("Nonsense", text("n")), reason::INVALID_FIELD, 400),
        (
            add("Object Group", text("default")),
            reason::INVALID_FIELD,
            400,
        ),
        (add("Name", name("")), reason::INVALID_FIELD, 400),
        (
            add("Contact Information", Content::Integer(1)),
            reason::INVALID_FIELD,
            400,
        ),
        (indexed, reason::INVALID_FIELD, 400),
        (
            add(information, namespace.clone()),
            reason::APPLICATION_NAMESPACE_NOT_SUPPORTED,
            501,
        ),
    ];
    for version in VERSIONS {
        for (item, reason, code) in &cases {
            scene
                .connection
                .ask_in(version, item.clone())
                .failure(*reason);
            let event = scene.server.events().pop().expect("an event");
            assert_eq!(event.code(), *code, "{version:?} {item:?}");
        }
        let mut template = key_template();
        template.push(attribute(information, namespace.clone()));
        let answer = scene.connection.ask_in(version, create(template));
        answer.failure(reason::APPLICATION_NAMESPACE_NOT_SUPPORTED);
    }
}

/// vCenter 8 sets attributes that its administrators name, of any type and number.
#[test]
fn free_custom_attributes_are_kept_whole() {
    let mut scene = Scene::new();
    let uid = scene.key(vec![]);
    let long = |prefix: &str, length: usize| format!("{prefix}{}", "é1 ".repeat(length / 4));
    let structure = Content::Structure(vec![
        Node::text(0x54_0001, "an extension"),
        Node::integer(0x54_0002, 7),
    ]);
    let values = [
        text(&long("v", 64)),
        text(&long("v", 1024)),
        text(""),
        Content::Integer(-1),
        Content::LongInteger(i64::MIN),
        Content::BigInteger(vec![0x80, 0, 0, 0, 0, 0, 0, 1]),
        Content::Enumeration(0x8000_0001),
        Content::Boolean(false),
        Content::Bytes((0..=255).collect()),
        Content::DateTime(-1),
        Content::Interval(u32::MAX),
        structure,
    ];
    let named: Vec<_> = values
        .iter()
        .enumerate()
        .map(|(number, value)| (long(&format!("x-{number}-"), 64 + 64 * number), value))
        .collect();
    let batch: Vec<_> = named
        .iter()
        .map(|(name, value)| add_attribute(&uid, name, (*value).clone()).with_id(b"q"))
        .collect();
    let request = crate::harness::Request::new((1, 1), &batch);
    for answer in scene.connection.exchange(&request).items {
        answer.success();
    }
    for version in VERSIONS {
        for (name, value) in &named {
            assert!(name.len() >= 64);
            let answer = scene
                .connection
                .ask_in(version, get_attributes(&uid, &[name]));
            assert_eq!(
                answer.success().value(name).as_ref(),
                Some(*value),
                "{name}"
            );
        }
    }
    for (name, value) in &named[..4] {
        let found = locate(vec![attribute(name, (*value).clone())]);
        let found = scene.connection.ask(found).success().uids();
        assert_eq!(found, std::slice::from_ref(&uid));
        let other = modify_attribute(&uid, name, None, Content::Boolean(true));
        scene.connection.ask(other).success();
        let gone = locate(vec![attribute(name, (*value).clone())]);
        assert!(scene.connection.ask(gone).success().uids().is_empty());
    }
}

#[test]
fn a_sensitive_key_leaves_once_it_is_declared_not_to_be() {
    let mut scene = Scene::new();
    for (name, guarded, memory, refusal) in [
        ("Sensitive", true, "Always Sensitive", reason::SENSITIVE),
        (
            "Extractable",
            false,
            "Never Extractable",
            reason::NOT_EXTRACTABLE,
        ),
    ] {
        let flag = Content::Boolean;
        let mut template = key_template();
        template.push(attribute(name, flag(guarded)));
        let mut ask = |item| scene.connection.ask_in((1, 4), item);
        let uid = ask(create(template)).success().uid();
        ask(get(&uid)).failure(refusal);
        let memory_of = |answer: crate::harness::Answer| answer.success().value(memory);
        let kept = memory_of(ask(get_attributes(&uid, &[memory])));
        assert_eq!(kept, Some(flag(true)));
        ask(modify_attribute(&uid, name, None, flag(!guarded))).success();
        ask(get(&uid)).success();
        ask(modify_attribute(&uid, name, None, flag(guarded))).success();
        ask(get(&uid)).failure(refusal);
        let lost = memory_of(ask(get_attributes(&uid, &[memory])));
        assert_eq!(lost, Some(flag(false)), "{memory}");
        ask(delete_attribute(&uid, name, None)).failure(reason::PERMISSION_DENIED);
        ask(add_attribute(&uid, name, flag(true))).failure(reason::ILLEGAL_OPERATION);
    }
}

/// Storage clients name a key, put it into a group and give it a policy after they made it.
#[test]
fn what_other_clients_add_is_taken() {
    let mut scene = Scene::new();
    let uid = scene.key(vec![]);
    for (name, value) in [
        ("Name", name("volume-7")),
        ("Object Group", text("storage")),
        ("Operation Policy Name", text("default")),
    ] {
        scene.done(add_attribute(&uid, name, value), ADDED, &uid);
    }
    let again = add_attribute(&uid, "Operation Policy Name", text("default"));
    let line = "kmip-key-attributes.add 400";
    scene.refused(again, reason::ILLEGAL_OPERATION, line, &uid);
    let found = locate(vec![attribute("Object Group", text("storage"))]);
    let answer = scene.connection.ask(found).success();
    assert_eq!(answer.uids(), std::slice::from_ref(&uid));
    scene.connection.ask(activate(&uid)).success();
    let other = modify_attribute(&uid, "Object Group", Some(0), text("retired"));
    scene.connection.ask(other).success();
    let found = locate(vec![attribute("Object Group", text("storage"))]);
    assert!(scene.connection.ask(found).success().uids().is_empty());
}
