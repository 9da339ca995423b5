//! What a webhook's endpoint may say, and what its requests look like. Their way over the wire: `tests/it/target_battery`.

use serde_json::{Value, json};

use super::*;
use crate::routing::targets::sample::{changed, checkpoint, origin, test};

fn event(sequence: u64) -> Record {
    changed(sequence, |_| {})
}

fn records() -> Vec<Record> {
    vec![event(8), checkpoint(9), test()]
}

fn body(format: Format, records: &[Record]) -> Vec<u8> {
    format.body(&origin(), "https://kms.example.com", records)
}

#[test]
fn arrays_and_lines_hold_the_very_bytes_of_each_record() {
    let records = records();
    let texts: Vec<&str> = records
        .iter()
        .map(|record| std::str::from_utf8(&record.json).unwrap())
        .collect();
    let array = body(Format::JsonArray, &records);
    assert_eq!(array, format!("[{}]", texts.join(",")).into_bytes());
    let lines = body(Format::JsonLines, &records);
    assert_eq!(lines, format!("{}\n", texts.join("\n")).into_bytes());
}

#[test]
fn cloud_events_have_their_attributes() {
    let batched = body(Format::CloudEventsBatch, &records());
    let batched: Value = serde_json::from_slice(&batched).unwrap();
    let single = body(Format::CloudEvents, &[event(8)]);
    let single: Value = serde_json::from_slice(&single).unwrap();
    assert_eq!(single, batched[0]);
    let mut attributes = single.as_object().unwrap().clone();
    let data = attributes.remove("data").unwrap();
    assert_eq!(data["id"], "01010101-0101-0101-0101-010101010101");
    let expected = json!({
        "specversion": "1.0",
        "id": "01010101-0101-0101-0101-010101010101",
        "source": "https://kms.example.com/node-1/3",
        "type": "vmware-solutions.kmip-key.read",
        "subject": "abababab-abab-abab-abab-abababababab",
        "time": "2026-11-23T12:00:01.239Z",
        "datacontenttype": "application/json",
        "origin": "node-1",
        "epoch": 3,
        "sequence": "00000000000000000008",
    });
    assert_eq!(Value::Object(attributes), expected);
    let (checkpoint, test) = (&batched[1], &batched[2]);
    assert_eq!(checkpoint["type"], "keyledger.checkpoint");
    assert_eq!(checkpoint["id"], "checkpoint-9");
    assert_eq!(checkpoint.get("time"), None);
    assert_eq!(checkpoint["data"], json!({"checkpoint": {"size": 9}}));
    assert_eq!(test["type"], "keyledger.test");
    assert_eq!(test["time"], "2026-11-23T12:00:01.239Z");
}

#[test]
fn sequences_are_ranges_in_the_order_of_the_records() {
    let of = |numbers: &[u64]| {
        let records: Vec<Record> = numbers.iter().copied().map(event).collect();
        sequences(&records)
    };
    assert_eq!(of(&[5, 6, 7, 9]).as_deref(), Some("5-7,9"));
    assert_eq!(of(&[u64::MAX]).as_deref(), Some("18446744073709551615"));
    assert_eq!(of(&[]), None);
    assert_eq!(sequences(&records()).as_deref(), Some("8"));
}

#[test]
fn one_cloud_event_a_request_means_one_record_a_batch() {
    let mut endpoint = WebhookEndpoint::new("https://h/");
    for format in Format::ALL {
        endpoint.format = format;
        let most = endpoint.limits().records;
        assert_eq!(most == 1, format == Format::CloudEvents, "{format:?}");
    }
}

/// The endpoint of a JSON object.
fn read(fields: Value) -> WebhookEndpoint {
    let mut object = json!({"url": "https://hooks.example.com/x"});
    for (name, value) in fields.as_object().unwrap() {
        object[name] = value.clone();
    }
    serde_json::from_value(object).unwrap()
}

#[test]
fn the_wrong_field_is_named() {
    let cases = [
        (json!({"url": "http://h/"}), "url"),
        (json!({"source": "two words"}), "source"),
        (json!({"signing_secret": "hunter2"}), "signing_secret"),
        (json!({"bearer_token": ""}), "bearer_token"),
        (json!({"bearer_token": "hunter2\n"}), "bearer_token"),
        (
            json!({"bearer_token": "hunter2", "username": "u", "password": "p"}),
            "bearer_token",
        ),
        (json!({"username": "u"}), "password"),
        (json!({"password": "hunter2"}), "username"),
        (json!({"username": "u:", "password": "hunter2"}), "username"),
        (json!({"headers": {"Host": "x"}}), "headers"),
        (json!({"headers": {"webhook-id": "x"}}), "headers"),
        (json!({"headers": {"a b": "x"}}), "headers"),
        (json!({"headers": {"a": "x\ny"}}), "headers"),
        (json!({"headers": {"a": "x", "A": "x"}}), "headers"),
        (json!({"secret_headers": {"a": ""}}), "secret_headers"),
        (
            json!({"secret_headers": {"a": "hunter2\n"}}),
            "secret_headers",
        ),
        (
            json!({"secret_headers": {"Authorization": "hunter2"}}),
            "secret_headers",
        ),
        (
            json!({"secret_headers": {"x": "hunter2"}, "headers": {"X": "y"}}),
            "secret_headers",
        ),
        (json!({"ca_certificate": "x"}), "ca_certificate"),
        (json!({"client_certificate": "x"}), "client_key"),
        (json!({"timeout_seconds": 0}), "timeout_seconds"),
    ];
    for (fields, field) in cases {
        let error = read(fields.clone()).check().unwrap_err();
        assert_eq!(error.field, field, "{fields}: {error}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}

#[test]
fn what_is_sent_is_what_was_given() {
    let endpoint = read(json!({
        "username": "ada", "password": "lovelace", "headers": {"X-Team": "audit"},
        "secret_headers": {"X-Api-Key": "k"},
    }));
    endpoint.check().unwrap();
    let sent = headers::of(&endpoint).unwrap();
    assert_eq!(sent["authorization"], "Basic YWRhOmxvdmVsYWNl");
    assert_eq!(
        (&sent["x-team"], &sent["x-api-key"]),
        (
            &HeaderValue::from_static("audit"),
            &HeaderValue::from_static("k")
        )
    );
    assert!(!format!("{sent:?}").contains("YWRhOmxvdmVsYWNl"));
    let secrets = headers::secrets_sent(&endpoint);
    let secrets: Vec<&str> = secrets.iter().map(SecretText::expose).collect();
    assert_eq!(secrets, ["lovelace", "k", "YWRhOmxvdmVsYWNl"]);
    let sent = headers::of(&read(json!({"bearer_token": "t"}))).unwrap();
    assert_eq!(sent["authorization"], "Bearer t");
}

#[test]
fn it_is_shown_as_it_was_given_but_for_its_secrets() {
    let given = json!({
        "url": "https://h/", "format": "cloudevents_batch", "bearer_token": "hunter2", "secret_headers": {"x": "hunter3"},
        "insecure": false, "timeout_seconds": 5,
    });
    let endpoint = read(given.clone());
    let mut shown = serde_json::to_value(&endpoint).unwrap();
    assert_eq!(shown["bearer_token"], SecretText::MASK);
    assert_eq!(shown["secret_headers"]["x"], SecretText::MASK);
    shown["bearer_token"] = "hunter2".into();
    shown["secret_headers"]["x"] = "hunter3".into();
    assert_eq!(shown, given);
    let mut endpoint = endpoint;
    let secrets: Vec<_> = endpoint
        .secrets()
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(secrets, ["bearer_token", "secret_headers.x"]);
}
