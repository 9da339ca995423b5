//! Create, Get, Activate, Revoke and Destroy in every state.

use super::{NOBODY, Scene};
use crate::harness::{
    BatchItem, Content, Node, activate, attribute, create, destroy, get, get_attributes,
    key_template, op, reason, revoke, tag,
};

/// Revocation Reason Codes.
const UNSPECIFIED: u32 = 1;
const KEY_COMPROMISE: u32 = 2;

/// States.
const PRE_ACTIVE: u32 = 1;
const ACTIVE: u32 = 2;
const DEACTIVATED: u32 = 3;
const COMPROMISED: u32 = 4;
const DESTROYED: u32 = 5;
const DESTROYED_COMPROMISED: u32 = 6;

impl Scene {
    #[track_caller]
    fn state(&mut self, uid: &str) -> u32 {
        let line = "kmip-key-attributes.retrieve 200";
        match self
            .done(get_attributes(uid, &["State"]), line, uid)
            .value("State")
        {
            Some(Content::Enumeration(state)) => state,
            other => panic!("no state: {other:?}"),
        }
    }
}

#[test]
fn a_key_goes_from_pre_active_to_destroyed() {
    let mut scene = Scene::new();
    let uid = scene.key(vec![]);
    assert_eq!(scene.state(&uid), PRE_ACTIVE);
    let material = scene
        .done(get(&uid), "kmip-key.read 200", &uid)
        .key_material();
    assert_eq!(material.len(), 32);
    assert_eq!(
        scene
            .done(activate(&uid), "kmip-key.activate 200", &uid)
            .uid(),
        uid
    );
    assert_eq!(scene.state(&uid), ACTIVE);
    let again = scene
        .done(get(&uid), "kmip-key.read 200", &uid)
        .key_material();
    assert_eq!(again, material);
    scene.done(revoke(&uid, UNSPECIFIED), "kmip-key.revoke 200", &uid);
    assert_eq!(scene.state(&uid), DEACTIVATED);
    scene.done(destroy(&uid), "kmip-key.destroy 200", &uid);
    assert_eq!(scene.state(&uid), DESTROYED);
    scene.check();
}

#[test]
fn a_compromised_key_is_destroyed_as_compromised() {
    let mut scene = Scene::new();
    let uid = scene.key(vec![]);
    scene.done(revoke(&uid, KEY_COMPROMISE), "kmip-key.revoke 200", &uid);
    assert_eq!(scene.state(&uid), COMPROMISED);
    scene.done(destroy(&uid), "kmip-key.destroy 200", &uid);
    assert_eq!(scene.state(&uid), DESTROYED_COMPROMISED);
    scene.check();
}

#[test]
fn what_the_state_does_not_allow_is_refused_as_a_conflict() {
    let mut scene = Scene::new();
    let uid = scene.key(vec![]);
    let denied = reason::PERMISSION_DENIED;
    scene.refused(
        revoke(&uid, UNSPECIFIED),
        denied,
        "kmip-key.revoke 409",
        &uid,
    );
    scene.done(activate(&uid), "kmip-key.activate 200", &uid);
    scene.refused(activate(&uid), denied, "kmip-key.activate 409", &uid);
    scene.refused(destroy(&uid), denied, "kmip-key.destroy 409", &uid);
    scene.done(revoke(&uid, UNSPECIFIED), "kmip-key.revoke 200", &uid);
    scene.refused(activate(&uid), denied, "kmip-key.activate 409", &uid);
    scene.refused(
        revoke(&uid, UNSPECIFIED),
        denied,
        "kmip-key.revoke 409",
        &uid,
    );
    assert_eq!(scene.state(&uid), DEACTIVATED, "refusals change nothing");
    scene.done(get(&uid), "kmip-key.read 200", &uid);
    scene.done(destroy(&uid), "kmip-key.destroy 200", &uid);
    let gone = reason::ITEM_NOT_FOUND;
    scene.refused(get(&uid), gone, "kmip-key.read 409", &uid);
    scene.refused(activate(&uid), denied, "kmip-key.activate 409", &uid);
    scene.refused(destroy(&uid), denied, "kmip-key.destroy 409", &uid);
    scene.check();
}

#[test]
fn a_key_that_does_not_exist_is_not_found() {
    let mut scene = Scene::new();
    for (item, action) in [
        (get(NOBODY), "kmip-key.read 404"),
        (
            get_attributes(NOBODY, &["State"]),
            "kmip-key-attributes.retrieve 404",
        ),
        (
            crate::harness::get_attribute_list(NOBODY),
            "kmip-key-attributes.retrieve 404",
        ),
        (activate(NOBODY), "kmip-key.activate 404"),
        (revoke(NOBODY, UNSPECIFIED), "kmip-key.revoke 404"),
        (destroy(NOBODY), "kmip-key.destroy 404"),
    ] {
        scene.refused(item, reason::ITEM_NOT_FOUND, action, NOBODY);
    }
    scene.refused(get("1"), reason::ITEM_NOT_FOUND, "kmip-key.read 404", "1");
    scene.check();
}

#[test]
fn no_identifier_and_no_placeholder_is_not_found() {
    let mut scene = Scene::new();
    scene.refused(get(""), reason::ITEM_NOT_FOUND, "kmip-key.read 404", "-");
    scene.check();
}

#[test]
fn keys_of_128_and_192_bits_are_made_too() {
    let mut scene = Scene::new();
    for bits in [128, 192] {
        let mut template = key_template();
        template[2] = attribute("Cryptographic Length", Content::Integer(bits));
        let uid = scene.connection.ask(create(template)).success().uid();
        scene.recorded("kmip-key.create 201", &uid);
        let key = scene
            .done(get(&uid), "kmip-key.read 200", &uid)
            .key_material();
        assert_eq!(i32::try_from(key.len() * 8).unwrap(), bits);
    }
    scene.check();
}

#[test]
fn a_key_that_cannot_be_made_is_refused() {
    let mut scene = Scene::new();
    let with = |index: usize, node: Node| {
        let mut template = key_template();
        template[index] = node;
        create(template)
    };
    let des = with(
        0,
        attribute("Cryptographic Algorithm", Content::Enumeration(2)),
    );
    let short = with(2, attribute("Cryptographic Length", Content::Integer(8)));
    let unknown = with(2, attribute("Kryptographic Length", Content::Integer(256)));
    let read_only = with(2, attribute("State", Content::Enumeration(2)));
    for item in [des, short] {
        scene.refused(item, reason::INVALID_FIELD, "kmip-key.create 400", "-");
    }
    for item in [unknown, read_only] {
        let answer = scene.connection.ask(item);
        assert_eq!(answer.status, 1, "{answer:?}");
        assert_eq!(
            scene.server.events().last().expect("an event").outcome(),
            "failure"
        );
        let line = scene.server.request_lines().pop().expect("an event");
        assert!(line.starts_with("kmip-key.create 4"), "{line}");
        scene.expected.push(line);
    }
    let mut no_mask = key_template();
    no_mask.remove(1);
    scene.refused(
        create(no_mask),
        reason::INVALID_MESSAGE,
        "kmip-key.create 400",
        "-",
    );
    scene.check();
}

#[test]
fn only_the_raw_key_is_given() {
    let mut scene = Scene::new();
    let uid = scene.key(vec![]);
    let get_as = |format: u32| {
        let payload = vec![
            Node::text(tag::UNIQUE_IDENTIFIER, &uid),
            Node::enumeration(tag::KEY_FORMAT_TYPE, format),
        ];
        BatchItem::new(op::GET, payload)
    };
    scene
        .done(get_as(1), "kmip-key.read 200", &uid)
        .key_material();
    let unsupported = reason::KEY_FORMAT_TYPE_NOT_SUPPORTED;
    scene.refused(get_as(3), unsupported, "kmip-key.read 501", &uid);
    let wrapping_key = vec![Node::text(tag::UNIQUE_IDENTIFIER, &uid)];
    let specification = vec![
        Node::enumeration(tag::WRAPPING_METHOD, 1),
        Node::structure(tag::ENCRYPTION_KEY_INFORMATION, wrapping_key),
    ];
    let payload = vec![
        Node::text(tag::UNIQUE_IDENTIFIER, &uid),
        Node::structure(tag::KEY_WRAPPING_SPECIFICATION, specification),
    ];
    let wrapped = BatchItem::new(op::GET, payload);
    scene.refused(
        wrapped,
        reason::FEATURE_NOT_SUPPORTED,
        "kmip-key.read 501",
        &uid,
    );
    scene.check();
}

#[test]
fn an_event_says_what_happened_to_which_key_and_in_which_state_it_is() {
    let mut scene = Scene::new();
    let uid = scene.key(vec![]);
    scene.done(activate(&uid), "kmip-key.activate 200", &uid);
    scene.refused(
        activate(&uid),
        reason::PERMISSION_DENIED,
        "kmip-key.activate 409",
        &uid,
    );
    let events: Vec<_> = scene
        .server
        .events()
        .into_iter()
        .filter(|e| e.is_of_kmip())
        .collect();
    let text = |index: usize, pointer: &str| {
        let field = events[index].data(pointer).and_then(|value| value.as_str());
        field
            .unwrap_or_else(|| panic!("{pointer} in {:?}", events[index]))
            .to_owned()
    };
    assert_eq!(
        text(0, "/message"),
        format!("KMIP for VMware: create kmip-key {uid}")
    );
    assert_eq!(
        text(2, "/message"),
        format!("KMIP for VMware: activate kmip-key {uid} -failure")
    );
    assert_eq!(text(0, "/responseData/state"), "Pre-Active");
    assert_eq!(text(1, "/responseData/state"), "Active");
    assert_eq!(text(2, "/responseData/state"), "Active");
    assert_eq!(text(2, "/responseData/resultReason"), "Permission Denied");
    assert!(!text(2, "/reason/reasonForFailure").is_empty());
    assert_eq!(text(1, "/requestData/operation"), "Activate");
    assert_eq!(text(1, "/requestData/protocolVersion"), "1.4");
    assert_eq!(text(1, "/target/name"), uid);
    assert_eq!(text(1, "/target/typeURI"), "vmware-solutions/kmip-key");
    assert_eq!(text(1, "/observer/name"), "ActivityTracker");
    assert_eq!(text(0, "/severity"), "normal");
    assert_eq!(text(1, "/severity"), "warning");
    assert_eq!(
        events[1].initiator(),
        scene.server.client("demo").initiator()
    );
    scene.check();
}
