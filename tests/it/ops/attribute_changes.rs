//! Modify and Delete Attribute: what changes, what stays, and what is refused for which reason in which version.

use super::{NOBODY, Scene, VERSIONS};
use crate::harness::{
    Content, Request, activate, add_attribute, attribute, create, delete_attribute, destroy, get,
    get_attributes, key_template, locate, modify_attribute, name, now, reason, revoke,
};

const ADDED: &str = "kmip-key-attributes.add 200";
const MODIFIED: &str = "kmip-key-attributes.modify 200";
const DELETED: &str = "kmip-key-attributes.delete 200";

fn text(value: &str) -> Content {
    Content::Text(value.to_owned())
}

/// The instances of an attribute: index and value.
fn instances(scene: &mut Scene, uid: &str, name: &str) -> Vec<(Option<i32>, Content)> {
    let answer = scene.connection.ask(get_attributes(uid, &[name])).success();
    let attributes = answer.attributes().into_iter();
    attributes.map(|(_, index, value)| (index, value)).collect()
}

fn state(scene: &mut Scene, uid: &str) -> Content {
    instances(scene, uid, "State").remove(0).1
}

#[test]
fn every_version_adds_modifies_and_deletes() {
    let mut scene = Scene::new();
    let uid = scene.key(vec![attribute("Name", name("first"))]);
    for version in VERSIONS {
        let mut ask = |item| scene.connection.ask_in(version, item).success();
        ask(add_attribute(&uid, "x-Owner", text("one")));
        let answer = ask(modify_attribute(&uid, "x-Owner", None, text("two")));
        assert_eq!(answer.uid(), uid);
        let changed = [("x-Owner".to_owned(), Some(0), text("two"))];
        assert_eq!(answer.attributes(), changed, "index 0 is spelled out");
        let answer = ask(modify_attribute(&uid, "Name", Some(0), name("renamed")));
        assert_eq!(answer.value("Name"), Some(name("renamed")));
        let answer = ask(delete_attribute(&uid, "x-Owner", None));
        assert_eq!(answer.attributes(), changed, "what is gone is answered");
        let answer = ask(get_attributes(&uid, &["x-Owner", "Name"]));
        let left = [("Name".to_owned(), Some(0), name("renamed"))];
        assert_eq!(answer.attributes(), left);
        for line in [ADDED, MODIFIED, MODIFIED, DELETED] {
            scene.recorded(line, &uid);
        }
        scene.recorded("kmip-key-attributes.retrieve 200", &uid);
    }
    scene.check();
}

#[test]
fn the_instances_that_stay_keep_their_indexes() {
    let mut scene = Scene::new();
    let uid = scene.key(vec![]);
    for value in ["zero", "one", "two"] {
        scene.done(add_attribute(&uid, "x-Tag", text(value)), ADDED, &uid);
    }
    scene.done(delete_attribute(&uid, "x-Tag", Some(1)), DELETED, &uid);
    let left = [(Some(0), text("zero")), (Some(2), text("two"))];
    assert_eq!(instances(&mut scene, &uid, "x-Tag"), left);
    let answer = scene.done(add_attribute(&uid, "x-Tag", text("three")), ADDED, &uid);
    assert_eq!(answer.attributes()[0].1, Some(3), "a fresh index");
    let third = modify_attribute(&uid, "x-Tag", Some(3), text("3"));
    let answer = scene.done(third, MODIFIED, &uid);
    let changed = [("x-Tag".to_owned(), Some(3), text("3"))];
    assert_eq!(answer.attributes(), changed);
    scene.done(delete_attribute(&uid, "x-Tag", None), DELETED, &uid);
    let left = [(Some(2), text("two")), (Some(3), text("3"))];
    assert_eq!(
        instances(&mut scene, &uid, "x-Tag"),
        left,
        "index 0 is gone"
    );
    for (item, reason) in [
        (
            modify_attribute(&uid, "x-Tag", None, text("x")),
            reason::ITEM_NOT_FOUND,
        ),
        (
            delete_attribute(&uid, "x-Tag", Some(1)),
            reason::ITEM_NOT_FOUND,
        ),
    ] {
        scene.connection.ask(item).failure(reason);
    }
    assert_eq!(instances(&mut scene, &uid, "x-Tag"), left);
}

#[test]
fn what_cannot_be_modified_or_deleted_has_its_reason() {
    let mut scene = Scene::new();
    let uid = scene.key(vec![attribute("x-Set", text("s"))]);
    scene.key(vec![attribute("Name", name("taken"))]);
    let modify = |name: &str, index, value| modify_attribute(&uid, name, index, value);
    let delete = |name: &str, index| delete_attribute(&uid, name, index);
    let (not_found, invalid) = (reason::ITEM_NOT_FOUND, reason::INVALID_FIELD);
    let denied = reason::PERMISSION_DENIED;
    let cases = [
        (modify("x-Absent", None, text("v")), invalid, 400),
        (modify("Name", None, name("n")), invalid, 400),
        (modify("Nonsense", None, text("v")), invalid, 400),
        (modify("x-Set", Some(1), text("v")), not_found, 400),
        (modify("State", None, Content::Enumeration(2)), denied, 400),
        (modify("y-Server", None, text("v")), denied, 400),
        (modify("Digest", None, text("v")), invalid, 400),
        (delete("x-Absent", None), not_found, 400),
        (delete("Nonsense", None), not_found, 400),
        (delete("x-Set", Some(1)), not_found, 400),
        (delete("State", None), denied, 400),
        (delete("Cryptographic Length", None), denied, 400),
        (delete("Activation Date", None), denied, 400),
        (delete("y-Server", None), denied, 400),
    ];
    for version in VERSIONS {
        for (item, reason, code) in &cases {
            let answer = scene.connection.ask_in(version, item.clone());
            answer.failure(*reason);
            let event = scene.server.events().pop().expect("an event");
            assert_eq!(event.code(), *code, "{version:?} {item:?}");
        }
        let unknown = modify_attribute(NOBODY, "x-Set", None, text("v"));
        scene.connection.ask_in(version, unknown).failure(not_found);
        let unknown = delete_attribute(NOBODY, "x-Set", None);
        scene.connection.ask_in(version, unknown).failure(not_found);
    }
    assert_eq!(instances(&mut scene, &uid, "x-Set"), [(Some(0), text("s"))]);
}

#[test]
fn an_index_is_needed_or_too_much_only_in_1_0() {
    let mut scene = Scene::new();
    let more = vec![
        attribute("Contact Information", text("ops")),
        attribute("x-Two", text("a")),
        attribute("x-Two", text("b")),
    ];
    let uid = scene.key(more);
    let single = || delete_attribute(&uid, "Contact Information", Some(0));
    let several = || delete_attribute(&uid, "x-Two", None);
    let mut refused = |item, reason| scene.connection.ask_in((1, 0), item).failure(reason);
    refused(single(), reason::ITEM_NOT_FOUND);
    refused(several(), reason::INVALID_FIELD);
    scene.connection.ask_in((1, 1), single()).success();
    scene.connection.ask_in((1, 1), several()).success();
    assert_eq!(instances(&mut scene, &uid, "x-Two"), [(Some(1), text("b"))]);
}

#[test]
fn a_name_is_given_up_and_taken_in_one_message() {
    let mut scene = Scene::new();
    let first = scene.key(vec![attribute("Name", name("vm-1"))]);
    let second = scene.key(vec![attribute("Name", name("vm-2"))]);
    let taken = modify_attribute(&second, "Name", None, name("vm-1"));
    let line = "kmip-key-attributes.modify 409";
    scene.refused(taken, reason::ILLEGAL_OPERATION, line, &second);
    let same = modify_attribute(&second, "Name", None, name("vm-2"));
    scene.done(same, MODIFIED, &second);
    // They trade names: the one that takes a name is met before the one that gives it up is done.
    let trade = [
        modify_attribute(&first, "Name", None, name("between")),
        modify_attribute(&second, "Name", None, name("vm-1")),
        modify_attribute(&first, "Name", None, name("vm-2")),
    ];
    let ids = trade.map(|item| item.with_id(b"x"));
    let response = scene.connection.exchange(&Request::new((1, 4), &ids));
    for answer in response.items {
        answer.success();
    }
    for (name_text, uid) in [("vm-2", &first), ("vm-1", &second)] {
        let found = locate(vec![attribute("Name", name(name_text))]);
        assert_eq!(
            scene.connection.ask(found).success().uids(),
            std::slice::from_ref(uid)
        );
    }
    let gone = locate(vec![attribute("Name", name("between"))]);
    assert!(scene.connection.ask(gone).success().uids().is_empty());
}

#[test]
fn dates_that_are_reached_move_the_state() {
    let mut scene = Scene::new();
    let far = now() + 1_000_000;
    let date = Content::DateTime;
    let uid = scene.key(vec![
        attribute("Activation Date", date(far)),
        attribute("Deactivation Date", date(far + 10)),
    ]);
    assert_eq!(state(&mut scene, &uid), Content::Enumeration(1));
    let past = now() - 1000;
    let after = modify_attribute(&uid, "Activation Date", None, date(far + 20));
    scene.refused(
        after,
        reason::INVALID_FIELD,
        "kmip-key-attributes.modify 400",
        &uid,
    );
    let activated = modify_attribute(&uid, "Activation Date", None, date(past));
    scene.done(activated, MODIFIED, &uid);
    let event = scene.server.events().pop().expect("an event");
    let told = event.data("/responseData/state").and_then(|s| s.as_str());
    assert_eq!(told, Some("Active"));
    assert_eq!(state(&mut scene, &uid), Content::Enumeration(2));
    let frozen = modify_attribute(&uid, "Activation Date", None, date(now()));
    let line = "kmip-key-attributes.modify 409";
    scene.refused(frozen, reason::PERMISSION_DENIED, line, &uid);
    let before = modify_attribute(&uid, "Deactivation Date", None, date(past - 1));
    scene.refused(
        before,
        reason::INVALID_FIELD,
        "kmip-key-attributes.modify 400",
        &uid,
    );
    let ended = modify_attribute(&uid, "Deactivation Date", None, date(past + 1));
    scene.done(ended, MODIFIED, &uid);
    assert_eq!(state(&mut scene, &uid), Content::Enumeration(3));
    let again = modify_attribute(&uid, "Deactivation Date", None, date(far));
    scene.refused(again, reason::PERMISSION_DENIED, line, &uid);
    scene.done(destroy(&uid), "kmip-key.destroy 200", &uid);
}

#[test]
fn events_tell_the_name_and_never_the_value() {
    let mut scene = Scene::new();
    let uid = scene.key(vec![]);
    let secret = "hunter2 was here";
    let connection = &mut scene.connection;
    connection
        .ask(add_attribute(&uid, "x-Note", text(secret)))
        .success();
    connection
        .ask(add_attribute(&uid, "x-Note", text("b")))
        .success();
    let changed = modify_attribute(&uid, "x-Note", Some(1), text(secret));
    connection.ask(changed).success();
    connection
        .ask(delete_attribute(&uid, "x-Note", Some(1)))
        .success();
    let events = scene.server.events();
    for event in &events[events.len() - 2..] {
        let field = |path| event.data(path).cloned();
        assert_eq!(field("/requestData/attributeName"), Some("x-Note".into()));
        assert_eq!(field("/requestData/attributeIndex"), Some(1.into()));
        assert_eq!(event.key(), Some(uid.as_str()));
    }
    let severities = events[events.len() - 2..].iter();
    let severities: Vec<_> = severities.filter_map(|e| e.data("/severity")).collect();
    assert_eq!(severities, ["warning", "critical"]);
    let all = format!("{events:?}");
    assert!(!all.contains(secret), "{all}");
    assert!(!scene.server.log().contains(secret));
}

#[test]
fn undo_takes_changes_of_attributes_back() {
    let mut scene = Scene::new();
    let uid = scene.key(vec![
        attribute("x-A", text("a")),
        attribute("x-B", text("b")),
    ]);
    let items = [
        modify_attribute(&uid, "x-A", None, text("changed")).with_id(b"1"),
        delete_attribute(&uid, "x-B", None).with_id(b"2"),
        modify_attribute(&uid, "x-C", None, text("absent")).with_id(b"3"),
    ];
    let request = Request::new((1, 2), &items).with_continuation(3);
    let answers = scene.connection.exchange(&request).items;
    let statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, [3, 3, 1]);
    assert_eq!(instances(&mut scene, &uid, "x-A"), [(Some(0), text("a"))]);
    assert_eq!(instances(&mut scene, &uid, "x-B"), [(Some(0), text("b"))]);
}

#[test]
fn a_key_made_and_changed_in_one_message_is_changed() {
    let mut scene = Scene::new();
    let mut template = key_template();
    template.push(attribute("x-A", text("a")));
    let items = [
        create(template).with_id(b"1"),
        modify_attribute("", "x-A", None, text("changed")).with_id(b"2"),
        add_attribute("", "x-B", text("b")).with_id(b"3"),
        delete_attribute("", "x-B", None).with_id(b"4"),
        activate("").with_id(b"5"),
    ];
    let response = scene.connection.exchange(&Request::new((1, 1), &items));
    let answers: Vec<_> = response
        .items
        .into_iter()
        .map(|item| item.success())
        .collect();
    let uid = answers[0].uid();
    assert_eq!(
        instances(&mut scene, &uid, "x-A"),
        [(Some(0), text("changed"))]
    );
    assert!(instances(&mut scene, &uid, "x-B").is_empty());
    // Attributes stay changeable when the key is gone.
    scene.connection.ask(get(&uid)).success();
    scene.connection.ask(revoke(&uid, 1)).success();
    scene.connection.ask(destroy(&uid)).success();
    let note = modify_attribute(&uid, "x-A", None, text("destroyed on request"));
    scene.connection.ask(note).success();
}
