//! What an endpoint may say, how records are filed, and what is too old. Their way over the wire: `tests/it/target_battery`.

use serde_json::{Value, json};

use super::*;
use crate::audit::Action;
use crate::routing::Record;
use crate::routing::targets::sample::{TIME_MS, batch, changed, checkpoint, surroundings};

/// What the clock shows.
const NOW_MS: i64 = TIME_MS + 1000;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

fn event(action: Action, instance: &str, time_ms: i64) -> Record {
    changed(1, |event| {
        event.action = action;
        instance.clone_into(&mut Arc::make_mut(&mut event.scope).instance);
        event.time_ms = time_ms;
    })
}

/// The endpoint of a JSON object.
fn read(fields: &Value) -> CloudLogsEndpoint {
    let mut object =
        json!({"endpoint": "https://i.ingress.eu-de.logs.cloud.ibm.com", "api_key": "hunter2"});
    for (name, value) in fields.as_object().unwrap() {
        object[name] = value.clone();
    }
    serde_json::from_value(object).unwrap()
}

#[test]
fn records_are_filed_by_service_instance_severity_and_time() {
    let records = vec![
        event(Action::KeyRead, "i", NOW_MS - 5),
        event(Action::KeyRevoke, "i", NOW_MS),
        event(Action::KeyDestroy, "", NOW_MS),
        checkpoint(9),
    ];
    let body = entries(&batch(records.clone()), NOW_MS, |time_ms| time_ms + 1);
    let body: Vec<Value> = serde_json::from_slice(&body).unwrap();
    let of = |subsystem: &str, severity: u8, timestamp: i64, record: &Record| {
        let text: Value = serde_json::from_slice(&record.json).unwrap();
        let mut entry = json!({
            "applicationName": "ibm-audit-event", "subsystemName": subsystem, "severity": severity, "timestamp": timestamp,
            "computerName": "node-1", "text": text,
        });
        if record.event().is_some() {
            entry["threadId"] = "3/1".into();
        }
        entry
    };
    let expected = [
        of("vmware-solutions:i", 3, NOW_MS - 4, &records[0]),
        of("vmware-solutions:i", 4, NOW_MS + 1, &records[1]),
        of("vmware-solutions", 6, NOW_MS + 1, &records[2]),
        of("keyledger:node-1", 3, NOW_MS, &records[3]),
    ];
    assert_eq!(body, expected);
}

#[test]
fn a_request_has_at_most_two_megabytes() {
    let instance = "5ab2e0a4-0f4e-4b5c-8d1f-0b7c0e6f3c11";
    let record = event(Action::KeyRead, instance, NOW_MS);
    let around = entries(&batch(vec![record.clone()]), NOW_MS, |time_ms| time_ms).len();
    let around = around - record.json.len();
    assert!(
        LIMITS.bytes + LIMITS.records * around < 2_000_000,
        "{around}"
    );
}

#[tokio::test]
async fn what_is_a_day_old_is_parked_before_anything_is_sent() {
    // Nobody listens there: what is sent comes again.
    let endpoint = read(
        &json!({"endpoint": "http://127.0.0.1:1", "iam_endpoint": "http://127.0.0.1:1", "insecure": true}),
    );
    let surroundings = surroundings();
    let mut target = endpoint.open(&surroundings).unwrap();
    let new = event(Action::KeyRead, "i", NOW_MS - DAY_MS + 600_000);
    let old = event(Action::KeyRead, "i", NOW_MS - DAY_MS);
    let outcome = target.deliver(&batch(vec![new.clone()])).await;
    assert!(matches!(outcome, Err(Undelivered::Retry(_))), "{outcome:?}");
    let outcome = target.deliver(&batch(vec![new, old.clone()])).await;
    assert!(matches!(outcome, Err(Undelivered::Park(_))), "{outcome:?}");
    let late_events = LateEvents::FileNow;
    let filing = CloudLogsEndpoint {
        late_events,
        ..endpoint
    };
    let mut target = filing.open(&surroundings).unwrap();
    let outcome = target.deliver(&batch(vec![old])).await;
    assert!(matches!(outcome, Err(Undelivered::Retry(_))), "{outcome:?}");
}

#[test]
fn the_wrong_field_is_named() {
    read(&json!({})).check().unwrap();
    for (fields, field) in [
        (json!({"endpoint": "http://h"}), "endpoint"),
        (json!({"endpoint": "https://h?x"}), "endpoint"),
        (json!({"iam_endpoint": "iam"}), "iam_endpoint"),
        (json!({"api_key": ""}), "api_key"),
        (json!({"ca_certificate": "x"}), "ca_certificate"),
        (json!({"timeout_seconds": 0}), "timeout_seconds"),
    ] {
        let error = read(&fields).check().unwrap_err();
        assert_eq!(error.field, field, "{fields}: {error}");
    }
}
