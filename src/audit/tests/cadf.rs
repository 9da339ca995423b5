//! The strict CADF rendering: its exact bytes, and that it says the same as what is sealed.

use serde_json::{Value, json};

use super::{CD, KEY_TEXT, decoded, event, failed, get, json as sealed};
use crate::audit::{Action, Data, Event, Failure, Field, Target};

const ORIGIN: &str = "node-1";

fn cadf(event: &Event) -> String {
    let mut out = b"before".to_vec();
    event.write_cadf_json(ORIGIN, &mut out);
    String::from_utf8(out).unwrap().split_off(6)
}

/// What the rendering adds to the sealed form, or writes otherwise.
fn strict(sealed: &str) -> Value {
    let mut value: Value = serde_json::from_str(sealed).unwrap();
    let time = value["eventTime"].as_str().unwrap();
    value["eventTime"] = time.replace("+0000", "+00:00").into();
    value["typeURI"] = "http://schemas.dmtf.org/cloud/audit/1.0/event".into();
    value["eventType"] = "activity".into();
    value["observer"]["id"] = ORIGIN.into();
    value["observer"]["typeURI"] = "service/security/edge/activity-tracker".into();
    value["reason"]["reasonCode"] = value["reason"]["reasonCode"].to_string().into();
    value
}

#[test]
fn a_refused_read_has_exactly_this_cadf() {
    let refused = Event {
        target: Target::named_key(KEY_TEXT),
        request: Data::new().text(Field::UniqueIdentifier, KEY_TEXT),
        ..failed(Action::KeyRead, Failure::ObjectNotFound)
    };
    let expected = format!(
        r#"{{"id":"01010101-0101-0101-0101-010101010101","eventTime":"2026-11-23T12:00:01.23+00:00","typeURI":"http://schemas.dmtf.org/cloud/audit/1.0/event","eventType":"activity","action":"vmware-solutions.kmip-key.read","outcome":"failure","message":"KMIP for VMware: read kmip-key {KEY_TEXT} -failure","severity":"warning","dataEvent":true,"initiator":{{"id":"CertificateID-{CD}","name":"vc-01","typeURI":"service/security/client/certificateid","credential":{{"type":"certificate"}}}},"target":{{"id":"crn:v1:bluemix:public:vmware-solutions:eu-de:a/acc:inst:kmip-key:{KEY_TEXT}","name":"{KEY_TEXT}","typeURI":"vmware-solutions/kmip-key"}},"observer":{{"name":"ActivityTracker","id":"node-1","typeURI":"service/security/edge/activity-tracker"}},"reason":{{"reasonCode":"404","reasonType":"Not Found","reasonForFailure":"the key does not exist"}},"requestData":{{"uniqueIdentifier":"{KEY_TEXT}"}},"responseData":{{}},"logSourceCRN":"crn:v1:bluemix:public:vmware-solutions:eu-de:a/acc:inst::","saveServiceCopy":true,"correlationId":"02020202-0202-0202-0202-020202020202"}}"#,
    );
    assert_eq!(cadf(&refused), expected);
}

#[test]
fn the_rendering_says_what_is_sealed_of_every_action() {
    for action in Action::ALL.iter().copied() {
        for event in [event(action), failed(action, Failure::Internal)] {
            let written: Value = serde_json::from_str(&cadf(&event)).unwrap();
            assert_eq!(written, strict(&sealed(&event)), "{action:?}");
        }
    }
}

#[test]
fn the_same_is_cut_in_both_forms() {
    let names = (0..10_000).map(|n| format!("x-attribute-{n:0200}"));
    let large = Event {
        request: Data::new().list(Field::AttributeNames, names),
        ..event(Action::AttributesRetrieve)
    };
    let written: Value = serde_json::from_str(&cadf(&large)).unwrap();
    assert_eq!(written, strict(&sealed(&large)));
    let listed = written["requestData"]["attributeNames"].as_array().unwrap();
    assert_eq!(listed.last(), Some(&json!("…")));
    // Another system's object that fills the event is never cut.
    let room = Event::BYTES_MAX - sealed(&event(Action::VcsUpdate)).len() - 20;
    let given = json!({ "text": "x".repeat(room) });
    let full = Event {
        request: Data::object(given.as_object().unwrap()),
        ..event(Action::VcsUpdate)
    };
    assert!(cadf(&full).len() > Event::BYTES_MAX);
    let written: Value = serde_json::from_str(&cadf(&decoded(&full))).unwrap();
    assert_eq!(written["requestData"], given);
}

#[test]
fn the_two_forms_are_told_apart_by_how_they_begin() {
    assert!(Event::is_cadf_json(cadf(&get()).as_bytes()));
    for other in [&*sealed(&get()), "", "{}", &cadf(&get())[..60]] {
        assert!(!Event::is_cadf_json(other.as_bytes()), "{other}");
    }
}
