//! Names and custom attributes.

use super::Scene;
use super::batches::numbered;
use crate::harness::{
    Content, Request, add_attribute, attribute, create, destroy, get, get_attribute_list,
    get_attributes, key_template, name, reason,
};

const RETRIEVED: &str = "kmip-key-attributes.retrieve 200";
const ADDED: &str = "kmip-key-attributes.add 200";

fn text(value: &str) -> Content {
    Content::Text(value.to_owned())
}

#[test]
fn an_attribute_that_is_not_set_leaves_the_identifier_alone() {
    let mut scene = Scene::new();
    let uid = scene.key(vec![]);
    for name in ["x-Vendor", "Activation Date", "Nonsense"] {
        let answer = scene.done(get_attributes(&uid, &[name]), RETRIEVED, &uid);
        assert_eq!(answer.uid(), uid);
        assert_eq!(answer.payload.len(), 1, "{answer:?}");
    }
    scene.check();
}

#[test]
fn a_custom_attribute_is_kept_with_its_type_and_its_instances() {
    let mut scene = Scene::new();
    let uid = scene.key(vec![attribute("x-Made", text("with the key"))]);
    let values = [
        ("x-Text", text("VMware, Inc.")),
        ("x-Number", Content::Integer(7)),
        ("x-Long", Content::LongInteger(1 << 40)),
        ("x-Flag", Content::Boolean(true)),
        ("x-Date", Content::DateTime(1_700_000_000)),
    ];
    for (name, value) in &values {
        let answer = scene.done(add_attribute(&uid, name, value.clone()), ADDED, &uid);
        assert_eq!(answer.value(name).as_ref(), Some(value));
    }
    scene.done(add_attribute(&uid, "x-Text", text("again")), ADDED, &uid);
    let answer = scene.done(get_attributes(&uid, &["x-Text", "x-Made"]), RETRIEVED, &uid);
    let expected = [
        ("x-Text".to_owned(), Some(0), text("VMware, Inc.")),
        ("x-Text".to_owned(), Some(1), text("again")),
        ("x-Made".to_owned(), Some(0), text("with the key")),
    ];
    assert_eq!(answer.attributes(), expected);
    for (name, value) in &values[1..] {
        let answer = scene.done(get_attributes(&uid, &[name]), RETRIEVED, &uid);
        assert_eq!(answer.value(name).as_ref(), Some(value));
    }
    let names = scene
        .done(get_attribute_list(&uid), RETRIEVED, &uid)
        .names();
    assert_eq!(
        names.iter().filter(|name| *name == "x-Text").count(),
        1,
        "each name once"
    );
    scene.check();
}

#[test]
fn a_client_cannot_set_what_the_server_sets() {
    let mut scene = Scene::new();
    let uid = scene.key(vec![]);
    for (name, value) in [
        ("State", Content::Enumeration(2)),
        ("Unique Identifier", text("mine")),
        ("Initial Date", Content::DateTime(0)),
        ("y-Reserved", text("for servers")),
    ] {
        let answer = scene.connection.ask(add_attribute(&uid, name, value));
        answer.failure(reason::PERMISSION_DENIED);
        assert_eq!(
            scene.server.events().last().expect("an event").outcome(),
            "failure"
        );
    }
    let state = scene
        .connection
        .ask(get_attributes(&uid, &["State"]))
        .success()
        .value("State");
    assert_eq!(state, Some(Content::Enumeration(1)));
}

#[test]
fn a_name_belongs_to_one_key() {
    let mut scene = Scene::new();
    let first = scene.key(vec![attribute("Name", name("vm-17"))]);
    let mut template = key_template();
    template.push(attribute("Name", name("vm-17")));
    let again = create(template);
    scene.refused(again, reason::INVALID_FIELD, "kmip-key.create 409", "-");
    let second = scene.key(vec![]);
    let taken = add_attribute(&second, "Name", name("vm-17"));
    let line = "kmip-key-attributes.add 409";
    scene.refused(taken, reason::ILLEGAL_OPERATION, line, &second);
    scene.done(
        add_attribute(&second, "Name", name("vm-18")),
        ADDED,
        &second,
    );
    let names = scene.done(get_attributes(&first, &["Name"]), RETRIEVED, &first);
    assert_eq!(names.value("Name"), Some(name("vm-17")));
    scene.check();
}

#[test]
fn a_name_is_free_again_when_its_key_is_destroyed() {
    let mut scene = Scene::new();
    let first = scene.key(vec![attribute("Name", name("vm-17"))]);
    scene.done(destroy(&first), "kmip-key.destroy 200", &first);
    let second = scene.key(vec![attribute("Name", name("vm-17"))]);
    assert_ne!(first, second);
    scene.check();
}

#[test]
fn a_key_is_fresh_until_it_is_served_also_within_a_message() {
    let mut scene = Scene::new();
    let fresh = || get_attributes("", &["Fresh"]);
    let items = vec![create(key_template()), fresh(), get(""), fresh(), get("")];
    let answers = scene
        .connection
        .exchange(&Request::new((1, 4), &numbered(items)));
    let value = |index: usize| answers.items[index].clone().success().value("Fresh");
    assert_eq!(value(1), Some(Content::Boolean(true)));
    assert_eq!(value(3), Some(Content::Boolean(false)));
    let uid = answers.items[0].clone().success().uid();
    let later = scene.connection.ask(get_attributes(&uid, &["Fresh"]));
    assert_eq!(
        later.success().value("Fresh"),
        Some(Content::Boolean(false))
    );
    // One that another message has made.
    let uid = scene.key(vec![]);
    let items = vec![get(&uid), get_attributes(&uid, &["Fresh"])];
    let answers = scene
        .connection
        .exchange(&Request::new((1, 4), &numbered(items)));
    let read = answers.items[1].clone().success();
    assert_eq!(read.value("Fresh"), Some(Content::Boolean(false)));
    let later = scene.connection.ask(get_attributes(&uid, &["Fresh"]));
    assert_eq!(
        later.success().value("Fresh"),
        Some(Content::Boolean(false))
    );
}
