//! What the events of operations say of what was asked and of what was answered, whole.

use serde_json::{Map, Value, json};

use super::{NOBODY, Scene};
use crate::harness::{
    BatchItem, Content, Event, Node, Server, activate, add_attribute, attribute, create,
    delete_attribute, destroy, discover, get, get_attribute_list, get_attributes, key_template,
    locate, modify_attribute, name, op, query, revoke, tag,
};

impl Scene {
    /// The last event of a request.
    #[track_caller]
    fn last(&self) -> Event {
        let mut events = self.server.events().into_iter();
        events.rfind(Event::is_of_kmip).expect("an event")
    }

    /// Sends an item and compares the whole of what its event says of it: `asked` beside operation, version and place in the message, and
    /// `answered` beside the Result Status, or the Result Reason of a failure.
    #[track_caller]
    fn says(&mut self, item: BatchItem, operation: &str, mut asked: Value, mut answered: Value) {
        let answer = self.connection.ask(item);
        let event = self.last();
        let mut request = json!({"operation": operation, "protocolVersion": "1.4", "batchItem": 0});
        members(&mut request).append(members(&mut asked));
        assert_eq!(event.data("/requestData"), Some(&request), "{operation}");
        let status = match answer.status {
            0 => "Success",
            _ => "Operation Failed",
        };
        let mut response = json!({ "resultStatus": status });
        members(&mut response).append(members(&mut answered));
        assert_eq!(event.data("/responseData"), Some(&response), "{operation}");
    }
}

fn members(object: &mut Value) -> &mut Map<String, Value> {
    object.as_object_mut().expect("an object")
}

/// State and version of the object after the operation.
fn now(state: &str, version: u64) -> Value {
    json!({"state": state, "objectVersion": version})
}

fn about(uid: &str) -> Value {
    json!({ "uniqueIdentifier": uid })
}

/// Adds, modifies and deletes an attribute of a key that is Pre-Active.
fn change_attributes(scene: &mut Scene, uid: &str) {
    let pre_active = || now("Pre-Active", 1);
    // Attributes do not move the version: it is that of state and material.
    let changed = |index: Option<u32>| {
        let mut asked = json!({"uniqueIdentifier": uid, "attributeName": "x-Tag"});
        members(&mut asked).extend(index.map(|index| ("attributeIndex".to_owned(), index.into())));
        asked
    };
    let value = |text: &str| Content::Text(text.to_owned());
    let added = add_attribute(uid, "x-Tag", value("secret-a"));
    scene.says(added, "Add Attribute", changed(None), pre_active());
    let modified = modify_attribute(uid, "x-Tag", Some(0), value("secret-b"));
    scene.says(modified, "Modify Attribute", changed(Some(0)), pre_active());
    let deleted = delete_attribute(uid, "x-Tag", Some(0));
    scene.says(deleted, "Delete Attribute", changed(Some(0)), pre_active());
}

#[test]
fn a_life_of_a_key_is_told_whole() {
    let mut scene = Scene::new();
    let mut template = key_template();
    template.push(attribute("Name", name("vm-1")));
    let uid = scene.connection.ask(create(template)).success().uid();
    let created = scene.last();
    let expected = json!({
        "operation": "Create", "protocolVersion": "1.4", "batchItem": 0, "objectType": "Symmetric Key",
        "cryptographicAlgorithm": "AES", "cryptographicLength": 256, "cryptographicUsageMask": 12, "names": ["vm-1"],
    });
    assert_eq!(created.data("/requestData"), Some(&expected));
    let expected = json!({
        "resultStatus": "Success", "uniqueIdentifier": uid, "state": "Pre-Active", "objectVersion": 1,
    });
    assert_eq!(created.data("/responseData"), Some(&expected));

    let names = |names: &[&str]| json!({"uniqueIdentifier": uid, "attributeNames": names});
    let pre_active = || now("Pre-Active", 1);
    let asked = get_attributes(&uid, &["State", "Name"]);
    scene.says(
        asked,
        "Get Attributes",
        names(&["State", "Name"]),
        pre_active(),
    );
    scene.says(
        get_attributes(&uid, &[]),
        "Get Attributes",
        about(&uid),
        pre_active(),
    );
    scene.says(
        get_attribute_list(&uid),
        "Get Attribute List",
        about(&uid),
        pre_active(),
    );
    let found = locate(vec![attribute("Name", name("vm-1"))]);
    scene.says(
        found,
        "Locate",
        json!({"attributeNames": ["Name"]}),
        json!({"locatedItems": 1}),
    );

    change_attributes(&mut scene, &uid);
    scene.says(activate(&uid), "Activate", about(&uid), now("Active", 2));
    scene.says(get(&uid), "Get", about(&uid), now("Active", 2));
    let compromised = json!({"uniqueIdentifier": uid, "revocationReason": "Key Compromise"});
    scene.says(
        revoke(&uid, 2),
        "Revoke",
        compromised,
        now("Compromised", 3),
    );
    let destroyed = now("Destroyed Compromised", 4);
    scene.says(destroy(&uid), "Destroy", about(&uid), destroyed);
    let events = scene.server.events();
    let text = format!("{events:?}");
    assert!(
        !text.contains("secret-"),
        "no event has a value of an attribute"
    );
}

#[test]
fn a_failure_tells_what_was_asked_and_what_the_key_is_like() {
    let mut scene = Scene::new();
    let uid = scene.key(vec![]);
    let answered = |reason: &str, state: Option<&str>| {
        let mut answered = json!({ "resultReason": reason });
        if let Some(state) = state {
            members(&mut answered).append(members(&mut now(state, 1)));
        }
        answered
    };
    let as_pem = vec![
        Node::text(tag::UNIQUE_IDENTIFIER, &uid),
        Node::enumeration(tag::KEY_FORMAT_TYPE, 3),
    ];
    scene.says(
        BatchItem::new(op::GET, as_pem),
        "Get",
        json!({"uniqueIdentifier": uid, "keyFormatType": "PKCS#1"}),
        answered("Key Format Type Not Supported", Some("Pre-Active")),
    );
    let unspecified = json!({"uniqueIdentifier": uid, "revocationReason": "Unspecified"});
    let denied = answered("Permission Denied", Some("Pre-Active"));
    scene.says(revoke(&uid, 1), "Revoke", unspecified, denied);
    let missing = || answered("Item Not Found", None);
    scene.says(get(NOBODY), "Get", about(NOBODY), missing());
    scene.says(get("no such"), "Get", about("no such"), missing());
    let named = vec![Node::text(tag::UNIQUE_IDENTIFIER, &uid)];
    let archive = BatchItem::new(0x15, named);
    let unsupported = answered("Operation Not Supported", None);
    scene.says(archive, "Archive", about(&uid), unsupported);
}

#[test]
fn what_touches_no_key_is_recorded_only_where_that_is_switched_on() {
    let ask = |server: &Server| {
        let mut connection = server.connect();
        connection.ask(discover(&[])).success();
        connection.ask(query(&[1, 2])).success();
    };
    let off = Server::start();
    ask(&off);
    assert!(off.request_lines().is_empty());
    let on = Server::start_set("[kmip]\nprotocol-events = true\n");
    ask(&on);
    let expected = ["kmip-protocol.discover 200 -", "kmip-protocol.query 200 -"];
    assert_eq!(on.request_lines(), expected);
    let events = on.events().into_iter().filter(Event::is_of_kmip);
    for (event, operation) in events.zip(["Discover Versions", "Query"]) {
        let request = json!({"operation": operation, "protocolVersion": "1.4", "batchItem": 0});
        assert_eq!(event.data("/requestData"), Some(&request));
        let response = json!({"resultStatus": "Success"});
        assert_eq!(event.data("/responseData"), Some(&response));
        assert_eq!(event.data("/target/id"), event.data("/logSourceCRN"));
        assert_eq!(event.data("/severity"), Some(&json!("normal")));
    }
}
