//! The bytes of an event, exactly, and their bounds.

use std::sync::Arc;

use super::{CD, KEY_TEXT, decoded, event, failed, get, json};
use crate::audit::{Action, Data, Event, Failure, Field, ReasonCode, Target};
use crate::domain::{Initiator, InitiatorKind};

const EVENT_ID: &str = "01010101-0101-0101-0101-010101010101";
const CORRELATION: &str = "02020202-0202-0202-0202-020202020202";

fn initiator_json() -> String {
    format!(
        r#""initiator":{{"id":"CertificateID-{CD}","name":"vc-01","typeURI":"service/security/client/certificateid","credential":{{"type":"certificate"}}}}"#
    )
}

#[test]
fn a_created_key_has_exactly_this_json() {
    let created = Event {
        reason: ReasonCode::Created,
        request: Data::new()
            .text(Field::Operation, "Create")
            .number(Field::CryptographicLength, 256)
            .list(Field::AttributeNames, ["x-\"1\"", "Name"])
            .flag(Field::Trust, true),
        response: Data::new().text(Field::UniqueIdentifier, KEY_TEXT),
        ..event(Action::KeyCreate)
    };
    let expected = format!(
        r#"{{"id":"{EVENT_ID}","eventTime":"2026-11-23T12:00:01.23+0000","action":"vmware-solutions.kmip-key.create","outcome":"success","message":"KMIP for VMware: create kmip-key {KEY_TEXT}","severity":"normal","dataEvent":false,{},"target":{{"id":"crn:v1:bluemix:public:vmware-solutions:eu-de:a/acc:inst:kmip-key:{KEY_TEXT}","name":"{KEY_TEXT}","typeURI":"vmware-solutions/kmip-key"}},"observer":{{"name":"ActivityTracker"}},"reason":{{"reasonCode":201,"reasonType":"Created"}},"requestData":{{"operation":"Create","cryptographicLength":256,"attributeNames":["x-\"1\"","Name"],"trust":true}},"responseData":{{"uniqueIdentifier":"{KEY_TEXT}"}},"logSourceCRN":"crn:v1:bluemix:public:vmware-solutions:eu-de:a/acc:inst::","saveServiceCopy":true,"correlationId":"{CORRELATION}"}}"#,
        initiator_json()
    )
    .replace("x-\"1\"", "x-\\\"1\\\"");
    assert_eq!(json(&created), expected);
}

#[test]
fn a_read_of_an_unknown_key_has_exactly_this_json() {
    let refused = Event {
        target: Target::named_key("no such:key"),
        request: Data::new().text(Field::UniqueIdentifier, "no such:key"),
        ..failed(Action::KeyRead, Failure::ObjectNotFound)
    };
    let expected = format!(
        r#"{{"id":"{EVENT_ID}","eventTime":"2026-11-23T12:00:01.23+0000","action":"vmware-solutions.kmip-key.read","outcome":"failure","message":"KMIP for VMware: read kmip-key no_such_key -failure","severity":"warning","dataEvent":true,{},"target":{{"id":"crn:v1:bluemix:public:vmware-solutions:eu-de:a/acc:inst:kmip-key:no_such_key","name":"no_such_key","typeURI":"vmware-solutions/kmip-key"}},"observer":{{"name":"ActivityTracker"}},"reason":{{"reasonCode":404,"reasonType":"Not Found","reasonForFailure":"the key does not exist"}},"requestData":{{"uniqueIdentifier":"no such:key"}},"responseData":{{}},"logSourceCRN":"crn:v1:bluemix:public:vmware-solutions:eu-de:a/acc:inst::","saveServiceCopy":true,"correlationId":"{CORRELATION}"}}"#,
        initiator_json()
    );
    assert_eq!(json(&refused), expected);
}

#[test]
fn a_refused_client_is_a_global_event_with_exactly_this_json() {
    let refused = Event {
        target: Target::Instance,
        ..failed(Action::ClientRefuse, Failure::CertificateUnknown)
    };
    let expected = format!(
        r#"{{"id":"{EVENT_ID}","eventTime":"2026-11-23T12:00:01.23+0000","action":"vmware-solutions.kmip-client.refuse","outcome":"failure","message":"KMIP for VMware: refuse kmip-client -failure","severity":"critical","dataEvent":false,{},"target":{{"id":"crn:v1:bluemix:public:vmware-solutions::a/acc:::","typeURI":"vmware-solutions/kmip-client"}},"observer":{{"name":"ActivityTracker"}},"reason":{{"reasonCode":401,"reasonType":"Unauthorized","reasonForFailure":"the certificate belongs to no client"}},"requestData":{{}},"responseData":{{}},"logSourceCRN":"crn:v1:bluemix:public:vmware-solutions::a/acc:::","saveServiceCopy":true,"correlationId":"{CORRELATION}"}}"#,
        initiator_json()
    );
    assert_eq!(json(&refused), expected);
}

#[test]
fn every_kind_of_initiator_has_its_type_and_none_has_a_host() {
    for (kind, type_uri, credential) in [
        (
            InitiatorKind::Certificate,
            "service/security/client/certificateid",
            Some("certificate"),
        ),
        (
            InitiatorKind::LocalUser,
            "service/security/account/user",
            Some("local"),
        ),
        (
            InitiatorKind::User,
            "service/security/account/user",
            Some("apikey"),
        ),
        (
            InitiatorKind::ServiceId,
            "service/security/account/serviceid",
            Some("apikey"),
        ),
        (InitiatorKind::Server, "service/security/server", None),
    ] {
        let initiator = Initiator {
            id: "i\n".to_owned(),
            name: "n".to_owned(),
            kind,
        };
        let event = Event {
            initiator: Arc::new(initiator),
            ..event(Action::ClientAdd)
        };
        let parsed: serde_json::Value = serde_json::from_str(&json(&event)).unwrap();
        let written = &parsed["initiator"];
        assert_eq!(written["id"], "i\n");
        assert_eq!(written["typeURI"], type_uri);
        assert_eq!(written["credential"]["type"].as_str(), credential);
        assert!(written.get("host").is_none());
        assert_eq!(written.get("credential").is_none(), credential.is_none());
    }
}

#[test]
fn a_resource_is_named_by_the_actions_object_type() {
    let event = Event {
        target: Target::Resource("c1\"".to_owned()),
        ..event(Action::ClientDisable)
    };
    let parsed: serde_json::Value = serde_json::from_str(&json(&event)).unwrap();
    let crn = "crn:v1:bluemix:public:vmware-solutions:eu-de:a/acc:inst:kmip-client:c1\"";
    assert_eq!(parsed["target"]["id"], crn);
    assert_eq!(
        parsed["message"],
        "KMIP for VMware: disable kmip-client c1\""
    );
    assert_eq!(event.message(), "KMIP for VMware: disable kmip-client c1\"");
}

#[test]
fn an_object_of_another_system_is_written_as_it_is_and_stored_so() {
    let given =
        serde_json::json!({"b": [1, {"c": null}], "a": "\u{1}\"", "large": "x".repeat(2000)});
    let empty = serde_json::Map::new();
    let event = Event {
        target: Target::Named {
            id: "vcs-1".to_owned(),
            name: "Frankfurt".to_owned(),
        },
        request: Data::object(given.as_object().unwrap()),
        response: Data::object(&empty),
        ..event(Action::VcsCreate)
    };
    let parsed: serde_json::Value = serde_json::from_str(&json(&event)).unwrap();
    assert_eq!(parsed["requestData"], given);
    assert_eq!(parsed["responseData"], serde_json::json!({}));
    let crn = "crn:v1:bluemix:public:vmware-solutions::a/acc::vcs:vcs-1";
    assert_eq!(parsed["target"]["id"], crn);
    assert_eq!(parsed["target"]["name"], "Frankfurt");
    assert_eq!(parsed["message"], "VMware Solutions: create vcs Frankfurt");
    assert_eq!(decoded(&event), event);
    assert_eq!(json(&decoded(&event)), json(&event));
}

#[test]
fn times_are_those_of_the_calendar() {
    for (time_ms, text) in [
        (0, "1970-01-01T00:00:00.00+0000"),
        (-1, "1969-12-31T23:59:59.99+0000"),
        (951_782_400_000, "2000-02-29T00:00:00.00+0000"),
        (4_107_542_399_999, "2100-02-28T23:59:59.99+0000"),
        (i64::MAX, "9999-12-31T23:59:59.99+0000"),
        (i64::MIN, "0001-01-01T00:00:00.00+0000"),
    ] {
        let event = Event {
            time_ms,
            ..event(Action::KeyRead)
        };
        assert!(json(&event).contains(text), "{text}: {}", json(&event));
    }
}

#[test]
fn an_event_stays_small_whatever_it_is_made_of() {
    let names = || (0..10_000).map(|n| format!("x-attribute-\u{1}-{n:0200}"));
    let data = || {
        Data::new()
            .number(Field::Count, 10_000)
            .list(Field::AttributeNames, names())
            .text(Field::Label, "\u{1}".repeat(100_000))
    };
    let large = Event {
        request: data(),
        response: data(),
        ..event(Action::AttributesRetrieve)
    };
    assert!(
        json(&large).len() <= Event::BYTES_MAX,
        "{}",
        json(&large).len()
    );
    let parsed: serde_json::Value = serde_json::from_str(&json(&large)).unwrap();
    assert_eq!(parsed["requestData"]["count"], 10_000);
    let listed = parsed["requestData"]["attributeNames"].as_array().unwrap();
    assert_eq!(listed.last().unwrap(), "…");
    assert_eq!(json(&decoded(&large)), json(&large));

    let mut full = Data::new();
    for _ in 0..1000 {
        full = full.text(Field::Label, "\u{1}".repeat(2000));
    }
    let full = Event {
        request: full.clone(),
        response: full,
        ..event(Action::KeyRead)
    };
    assert!(
        json(&full).len() <= Event::BYTES_MAX,
        "{}",
        json(&full).len()
    );
}

#[test]
fn a_list_that_fits_is_whole() {
    let names: Vec<String> = (0..200).map(|n| format!("x-{n}")).collect();
    let request = Data::new().list(Field::AttributeNames, &names);
    let event = Event {
        request,
        ..event(Action::AttributesRetrieve)
    };
    let parsed: serde_json::Value = serde_json::from_str(&json(&event)).unwrap();
    assert_eq!(
        parsed["requestData"]["attributeNames"]
            .as_array()
            .unwrap()
            .len(),
        200
    );
}

#[test]
fn the_leaf_is_the_hash_of_the_json() {
    let mut scratch = b"left over".to_vec();
    let leaf = get().leaf_hash_into(&mut scratch);
    assert_eq!(scratch, json(&get()).into_bytes());
    assert_eq!(leaf, crate::crypto::digest::leaf_hash(&scratch));
}

#[test]
fn long_names_are_cut() {
    let long = "\u{1}".repeat(20_000);
    let initiator = Initiator {
        id: long.clone(),
        name: long.clone(),
        kind: InitiatorKind::User,
    };
    let event = Event {
        initiator: Arc::new(initiator),
        target: Target::Resource(long),
        ..event(Action::ServiceCreate)
    };
    assert!(json(&event).len() <= Event::BYTES_MAX);
    assert_eq!(json(&decoded(&event)), json(&event));
}
