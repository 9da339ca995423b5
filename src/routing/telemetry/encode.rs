//! Spans as OTLP writes them in JSON: `ExportTraceServiceRequest` of opentelemetry-proto 1.x, ids as hex digits, 64-bit numbers as text.

use serde_json::{Value, json};

use crate::ops::spans::{Asked, Span};

/// `SPAN_KIND_SERVER`.
const SERVER: u8 = 2;
/// `STATUS_CODE_ERROR`; without a status it is unset.
const ERROR: u8 = 2;

/// The body of a request.
pub(super) fn batch(service: &str, spans: &[Span]) -> Vec<u8> {
    let version = env!("CARGO_PKG_VERSION");
    let resource = [
        text("service.name", service),
        text("service.version", version),
    ];
    let spans: Vec<_> = spans.iter().map(encoded).collect();
    let document = json!({
        "resourceSpans": [{
            "resource": {"attributes": resource},
            "scopeSpans": [{"scope": {"name": "keyledger", "version": version}, "spans": spans}],
        }]
    });
    document.to_string().into_bytes()
}

/// How many spans an answer says were refused (`partialSuccess`).
pub(super) fn rejected(answer: &[u8]) -> usize {
    let read: Value = serde_json::from_slice(answer).unwrap_or_default();
    let rejected = &read["partialSuccess"]["rejectedSpans"];
    let number = rejected.as_u64();
    let number = number.or_else(|| rejected.as_str()?.parse().ok());
    usize::try_from(number.unwrap_or_default()).unwrap_or(usize::MAX)
}

fn encoded(span: &Span) -> Value {
    let id = span.request.as_bytes();
    let begun = i128::from(span.begun_ms) * 1_000_000;
    let took = i128::try_from(span.took.as_nanos()).unwrap_or_default();
    let correlation = span.request.to_string();
    let mut attributes = vec![text("keyledger.correlation_id", &correlation)];
    let name = asked(&span.asked, &mut attributes);
    let outcome = if span.failed.is_some() {
        "failure"
    } else {
        "success"
    };
    attributes.push(text("keyledger.outcome", outcome));
    if let Some(failed) = &span.failed {
        attributes.push(text("keyledger.reason_code", &failed.code));
        let reason = failed.result_reason;
        attributes.extend(reason.map(|reason| text("kmip.result_reason", reason)));
    }
    let mut encoded = json!({
        "traceId": hex::encode(id),
        // The end of the identifier is random.
        "spanId": hex::encode(&id[8..]),
        "name": name,
        "kind": SERVER,
        "startTimeUnixNano": begun.to_string(),
        "endTimeUnixNano": (begun + took).to_string(),
        "attributes": attributes,
    });
    if span.failed.is_some() {
        encoded["status"] = json!({"code": ERROR});
    }
    encoded
}

/// The span's name, a word of the standard or of this program; the rest becomes attributes.
fn asked(asked: &Asked, attributes: &mut Vec<Value>) -> String {
    match asked {
        Asked::Kmip {
            identity,
            version,
            operations,
            items,
        } => {
            let names = operations
                .iter()
                .map(|operation| operation.map_or("unknown", |known| known.name()));
            let names: Vec<_> = names.collect();
            attributes.push(text("keyledger.door", "kmip"));
            attributes.push(text("keyledger.instance", &identity.instance.to_string()));
            attributes.push(text("keyledger.initiator", &identity.initiator.id));
            let version = version.map(|version| version.to_string());
            attributes.extend(version.map(|version| text("kmip.version", &version)));
            attributes.push(json!({"key": "kmip.items", "value": {"intValue": items.to_string()}}));
            let values: Vec<_> = names
                .iter()
                .map(|name| json!({"stringValue": name}))
                .collect();
            attributes.push(
                json!({"key": "kmip.operations", "value": {"arrayValue": {"values": values}}}),
            );
            match (items, &*names) {
                (0, _) => "refused".to_owned(),
                (1, [only]) => (*only).to_owned(),
                _ => "batch".to_owned(),
            }
        }
        Asked::Administration {
            initiator,
            operation,
        } => {
            attributes.push(text("keyledger.door", "administration"));
            attributes.push(text("keyledger.initiator", initiator));
            operation.clone()
        }
    }
}

fn text(key: &str, value: &str) -> Value {
    json!({"key": key, "value": {"stringValue": value}})
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::RequestId;
    use crate::ops::spans::Failed;

    #[test]
    fn a_span_is_what_the_standard_writes() {
        let request = RequestId::new(1_700_000_000_000, [0xab; 10]);
        let span = Span {
            request,
            begun_ms: 1_700_000_000_000,
            took: Duration::from_micros(1500),
            asked: Asked::Administration {
                initiator: "LocalUser-0".to_owned(),
                operation: "ClientAdd".to_owned(),
            },
            failed: Some(Failed {
                code: "conflict".to_owned(),
                result_reason: None,
            }),
        };
        let read: Value = serde_json::from_slice(&batch("kms", &[span])).unwrap();
        let resource = &read["resourceSpans"][0]["resource"]["attributes"][0];
        assert_eq!(resource["value"]["stringValue"], "kms");
        let span = &read["resourceSpans"][0]["scopeSpans"][0]["spans"][0];
        let trace = request.to_string().replace('-', "");
        assert_eq!(span["traceId"], *trace);
        assert_eq!(span["spanId"], trace[16..]);
        assert_eq!(span["name"], "ClientAdd");
        assert_eq!(span["kind"], 2);
        assert_eq!(span["startTimeUnixNano"], "1700000000000000000");
        assert_eq!(span["endTimeUnixNano"], "1700000000001500000");
        assert_eq!(span["status"]["code"], 2);
        let id = &span["attributes"][0];
        assert_eq!(id["key"], "keyledger.correlation_id");
        assert_eq!(id["value"]["stringValue"], request.to_string());
    }

    #[test]
    fn what_a_collector_rejects_is_read_as_text_or_number() {
        for (answer, count) in [
            ("", 0),
            ("{}", 0),
            ("{\"partialSuccess\":{\"rejectedSpans\":\"3\"}}", 3),
            ("{\"partialSuccess\":{\"rejectedSpans\":3}}", 3),
            ("{\"partialSuccess\":{\"rejectedSpans\":-3}}", 0),
        ] {
            assert_eq!(rejected(answer.as_bytes()), count, "{answer}");
        }
    }
}
