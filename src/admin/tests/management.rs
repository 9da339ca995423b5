//! Management events of other systems: what is recorded, and what is refused with nothing recorded.

use serde_json::{Value, json};

use super::*;
use crate::admin::message::{EventRecord, Recorded};

/// A document as other systems write it, and the request it becomes.
fn request(document: Value) -> EventRecord {
    serde_json::from_value(document).unwrap()
}

fn creation(outcome: &str) -> Value {
    json!({"action": "vcs.create", "outcome": outcome, "target": {"id": "vcs-1"}})
}

/// The document with fields replaced or added.
fn with(mut document: Value, fields: &[(&str, Value)]) -> Value {
    for (name, value) in fields {
        document[*name] = value.clone();
    }
    document
}

impl World {
    async fn record(&self, document: Value) -> Result<Recorded, AdminError> {
        let request = Request::EventRecord(Box::new(request(document)));
        self.run(request).await.map(|response| match response {
            Response::Recorded(recorded) => recorded,
            other => panic!("not recorded: {other:?}"),
        })
    }

    /// What is wrong with a document; nothing was recorded for it.
    async fn refused(&self, document: Value) -> AdminError {
        let before = self.admin.store.head();
        let error = self.record(document).await.unwrap_err();
        assert_eq!(self.admin.store.head(), before, "{error}");
        assert!(!error.message.contains('\n'), "{error}");
        error
    }
}

#[tokio::test]
async fn an_event_of_another_system_is_recorded_as_it_was_given() {
    let world = world().await;
    let document = json!({
        "action": "vmware-solutions.vcs-nsx-license.update",
        "outcome": "failure",
        "reasonCode": 403,
        "target": {"id": "vcs-1", "name": "Frankfurt \"A\""},
        "initiator": {"kind": "service-id", "id": "ServiceId-7", "name": "deployer"},
        "requestData": {"edition": "advanced", "hosts": [1, 2, {"cpu": null}], "ü": "\u{1}"},
        "responseData": {"licensed": false},
    });
    let recorded = world.record(document).await.unwrap();
    let event = world.trail(recorded.sequence).await.remove(0);
    assert_eq!(event["id"], recorded.id.as_str());
    assert_eq!(event["correlationId"], recorded.correlation_id.as_str());
    for (field, value) in [
        ("/action", json!("vmware-solutions.vcs-nsx-license.update")),
        ("/outcome", json!("failure")),
        ("/severity", json!("critical")),
        (
            "/message",
            json!("VMware Solutions: update vcs-nsx-license Frankfurt \"A\" -failure"),
        ),
        (
            "/initiator",
            json!({"id": "ServiceId-7", "name": "deployer", "typeURI": "service/security/account/serviceid",
                "credential": {"type": "apikey"}}),
        ),
        (
            "/target",
            json!({"id": "crn:v1:bluemix:public:vmware-solutions::a/acc::vcs-nsx-license:vcs-1",
                "name": "Frankfurt \"A\"", "typeURI": "vmware-solutions/vcs-nsx-license"}),
        ),
        (
            "/reason",
            json!({"reasonCode": 403, "reasonType": "Forbidden",
                "reasonForFailure": "the system that performed it reported a failure"}),
        ),
        (
            "/requestData",
            json!({"edition": "advanced", "hosts": [1, 2, {"cpu": null}], "recordedBy": "LocalUser-1000", "ü": "\u{1}"}),
        ),
        ("/responseData", json!({"licensed": false})),
        (
            "/logSourceCRN",
            json!("crn:v1:bluemix:public:vmware-solutions::a/acc:::"),
        ),
    ] {
        assert_eq!(event.pointer(field), Some(&value), "{field}");
    }
}

#[tokio::test]
async fn what_is_left_out_has_a_default() {
    let world = world().await;
    for (outcome, code) in [("success", 201), ("pending", 202)] {
        let recorded = world.record(creation(outcome)).await.unwrap();
        let event = world.trail(recorded.sequence).await.remove(0);
        assert_eq!(event["reason"]["reasonCode"], code);
        assert_eq!(event["initiator"]["id"], "LocalUser-1000");
        assert_eq!(event["target"]["name"], "vcs-1");
        assert_eq!(
            (&event["requestData"], &event["responseData"]),
            (&json!({"recordedBy": "LocalUser-1000"}), &json!({}))
        );
    }
    let plan = json!({"action": "vcs-plan.update", "outcome": "success", "target": {"id": "p"}});
    let recorded = world.record(plan).await.unwrap();
    let event = world.trail(recorded.sequence).await.remove(0);
    assert_eq!(event["reason"]["reasonCode"], 200);
}

#[tokio::test]
async fn every_management_action_can_be_recorded_and_no_other() {
    let world = world().await;
    for action in Action::ALL.iter().copied() {
        let document = with(
            creation("success"),
            &[("action", action.short_name().into())],
        );
        if action.kind() == crate::audit::Kind::Management {
            world.record(document).await.unwrap();
        } else {
            let error = world.refused(document).await;
            assert!(error.message.starts_with("action: "), "{error}");
        }
    }
}

#[tokio::test]
async fn what_is_wrong_is_named_and_nothing_is_recorded() {
    let world = world().await;
    let long = "x".repeat(257);
    let mut deep = json!({});
    for _ in 0..17 {
        deep = json!({"in": deep});
    }
    let user = |id: &str| json!({"kind": "user", "id": id});
    for (field, value, words) in [
        ("action", json!("vcs.explode"), "action: there is no action"),
        ("action", json!("kmip-key.create"), "by nobody else"),
        ("outcome", json!("done"), "outcome: "),
        ("outcome", json!("failure"), "reasonCode: a failure needs"),
        ("reasonCode", json!(299), "reasonCode: 299"),
        (
            "reasonCode",
            json!(403),
            "reasonCode: 403 does not fit the outcome success",
        ),
        (
            "target",
            json!({"id": ""}),
            "target.id: the text is missing",
        ),
        ("target", json!({"id": "a:b"}), "target.id: only letters"),
        (
            "target",
            json!({"id": long}),
            "target.id: the text has more than",
        ),
        (
            "target",
            json!({"id": "a", "name": " "}),
            "target.name: the text is missing",
        ),
        (
            "target",
            json!({"id": "a", "name": "b\u{202e}"}),
            "target.name: the text has a letter",
        ),
        (
            "initiator",
            json!({"kind": "robot", "id": "r"}),
            "initiator.kind: ",
        ),
        ("initiator", user("CertificateID-00"), "initiator.id: "),
        ("initiator", user("LocalUser-0"), "initiator.id: "),
        (
            "requestData",
            json!(["a"]),
            "requestData: it must be a JSON object",
        ),
        (
            "responseData",
            json!("text"),
            "responseData: it must be a JSON object",
        ),
        ("requestData", deep, "requestData: objects"),
        (
            "requestData",
            json!({"recordedBy": "User-1"}),
            "requestData.recordedBy: ",
        ),
        (
            "requestData",
            json!({"a": "x".repeat(16 * 1024)}),
            "at most 16384",
        ),
        ("correlationId", json!("ABC"), "correlationId: "),
    ] {
        let error = world
            .refused(with(creation("success"), &[(field, value)]))
            .await;
        assert!(error.message.contains(words), "{error} has not {words:?}");
        assert_eq!(error.kind, ErrorKind::Invalid, "{error}");
    }
}

#[test]
fn a_document_with_a_field_missing_unknown_or_of_another_type_is_no_request() {
    for document in [
        json!({"action": "vcs.create", "outcome": "success"}),
        json!({"outcome": "success", "target": {"id": "a"}}),
        with(creation("success"), &[("reasonCode", json!("200"))]),
        with(creation("success"), &[("target", json!("vcs-1"))]),
        with(creation("success"), &[("severity", json!("normal"))]),
    ] {
        assert!(serde_json::from_value::<EventRecord>(document).is_err());
    }
}

#[tokio::test]
async fn an_event_of_just_the_size_allowed_is_whole() {
    let world = world().await;
    let sized = |bytes: usize| {
        with(
            creation("success"),
            &[("requestData", json!({"a": "x".repeat(bytes)}))],
        )
    };
    let first = world.record(sized(1)).await.unwrap();
    let size = world.trail(first.sequence).await[0].to_string().len();
    let room = Event::BYTES_MAX - size;
    world.refused(sized(room + 2)).await;
    let recorded = world.record(sized(room + 1)).await.unwrap();
    let event = world.trail(recorded.sequence).await.remove(0);
    assert_eq!(event["requestData"]["a"], "x".repeat(room + 1));
}

#[tokio::test]
async fn work_begins_once_and_ends_once_under_one_correlation() {
    let world = world().await;
    let error = world
        .refused(with(
            creation("pending"),
            &[(
                "correlationId",
                json!("00000000-0000-4000-8000-000000000000"),
            )],
        ))
        .await;
    assert!(error.message.contains("leave it out"), "{error}");
    let begun = world.record(creation("pending")).await.unwrap();
    let another = world.record(creation("pending")).await.unwrap();
    assert_ne!(begun.correlation_id, another.correlation_id);
    let end = |outcome| {
        with(
            creation(outcome),
            &[("correlationId", json!(begun.correlation_id))],
        )
    };
    let elsewhere = with(end("success"), &[("target", json!({"id": "vcs-2"}))]);
    let error = world.refused(elsewhere).await;
    assert!(
        error.message.starts_with("target: ") && error.message.contains("vcs-1"),
        "{error}"
    );
    let other = with(end("success"), &[("action", json!("vcs.delete"))]);
    assert_eq!(world.refused(other).await.kind, ErrorKind::NotFound);
    // The clock was set back meanwhile.
    world.clock.advance_ms(-30 * 60_000);
    let ended = with(end("failure"), &[("reasonCode", json!(500))]);
    let ended = world.record(ended).await.unwrap();
    assert_eq!(ended.correlation_id, begun.correlation_id);
    assert_ne!(ended.id, begun.id);
    let error = world.refused(end("success")).await;
    assert_eq!(error.kind, ErrorKind::Conflict);
    assert!(
        error.message.contains("has ended already, with failure"),
        "{error}"
    );
    let unknown = json!("00000000-0000-4000-8000-000000000000");
    let error = world
        .refused(with(end("success"), &[("correlationId", unknown)]))
        .await;
    assert_eq!(error.kind, ErrorKind::NotFound);
}

#[tokio::test]
async fn a_correlation_that_was_made_up_keeps_nobody_waiting() {
    let world = world().await;
    world.record(creation("pending")).await.unwrap();
    let _another_s_turn = world.admin.changes.lock().await;
    let made_up = json!("00000000-0000-4000-8000-000000000000");
    let end = with(creation("success"), &[("correlationId", made_up)]);
    assert_eq!(world.refused(end).await.kind, ErrorKind::NotFound);
}

#[tokio::test]
async fn the_search_for_a_pending_event_finds_it_among_many() {
    let world = world().await;
    for _ in 0..40 {
        let begun = world.record(creation("pending")).await.unwrap();
        world.clock.advance_ms(2 * 3_600_000);
        world.record(creation("success")).await.unwrap();
        let end = with(
            creation("success"),
            &[("correlationId", json!(begun.correlation_id))],
        );
        world.record(end.clone()).await.unwrap();
        assert_eq!(world.refused(end).await.kind, ErrorKind::Conflict);
    }
}

#[tokio::test]
async fn an_instance_that_is_made_is_a_management_event() {
    let world = world().await;
    let event = world.trail(0).await.remove(0);
    let id = world.instance.to_string();
    assert_eq!(event["action"], "vmware-solutions.service.create");
    assert_eq!(event["outcome"], "success");
    assert_eq!(event["reason"]["reasonCode"], 201);
    assert_eq!(event["initiator"]["id"], "LocalUser-1000");
    assert_eq!(event["requestData"]["instance"], foundation::INSTANCE);
    let crn = format!("crn:v1:bluemix:public:vmware-solutions::a/acc::service:{id}");
    assert_eq!(event["target"]["id"], crn);
    assert_eq!(
        event["message"],
        format!("VMware Solutions: create service {id}")
    );
    assert_eq!(
        event["logSourceCRN"],
        "crn:v1:bluemix:public:vmware-solutions::a/acc:::"
    );
}
