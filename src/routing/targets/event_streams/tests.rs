use std::net::TcpListener;
use std::time::Duration;

use rskafka::BackoffError;
use rskafka::client::error::{Error, ProtocolError};

use super::{EventStreamsEndpoint, EventStreamsTarget, record};
use crate::audit::Target;
use crate::crypto::SecretText;
use crate::routing::targets::sample::{
    TIME_MS, batch, checkpoint, event, key, origin, surroundings, test,
};
use crate::routing::{Deliver as _, Endpoint as _, Record, Undelivered};

fn endpoint() -> EventStreamsEndpoint {
    let brokers = ["broker-0.example.com:9093", "192.0.2.7:9093"];
    EventStreamsEndpoint::new(brokers.map(str::to_owned).to_vec(), "audit")
}

/// Key and headers of a record's form in a topic.
fn key_and_headers(of: &Record) -> (String, Vec<String>) {
    let made = record::of(&origin(), of, TIME_MS + 1000);
    assert_eq!(made.value.as_ref(), Some(&of.json));
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let headers = made
        .headers
        .iter()
        .map(|(name, value)| format!("{name}={}", text(value)));
    (text(&made.key.unwrap()), headers.collect())
}

#[test]
fn keys_and_headers_are_those_consumers_filter_by() {
    let (key_of_event, headers) = key_and_headers(&event(7, "vcenter", key(0xab)));
    assert_eq!(
        key_of_event,
        "crn:v1:bluemix:public:vmware-solutions:eu-de:a/a1:i1:kmip-key:abababab-abab-abab-abab-abababababab"
    );
    let expected = [
        "account=a1",
        "epoch=3",
        "id=01010101-0101-0101-0101-010101010101",
        "location=eu-de",
        "origin=node-1",
        "region=eu-de",
        "sequence=7",
        "type=audit",
    ];
    assert_eq!(headers, expected);
    let (key_of_instance, _) = key_and_headers(&event(7, "vcenter", Target::Instance));
    assert_eq!(
        key_of_instance,
        "crn:v1:bluemix:public:vmware-solutions:eu-de:a/a1:i1::"
    );
    let (key_of_other, headers) = key_and_headers(&checkpoint(9));
    assert_eq!(key_of_other, "node-1");
    assert_eq!(
        headers,
        [
            "epoch=3",
            "id=checkpoint-9",
            "origin=node-1",
            "size=9",
            "type=checkpoint"
        ]
    );
    let (_, headers) = key_and_headers(&test());
    assert_eq!(
        headers,
        [
            "epoch=3",
            &format!("id=test-{TIME_MS}"),
            "origin=node-1",
            "type=test"
        ]
    );
}

#[test]
fn times_are_those_of_events() {
    let time = |of: &Record| {
        record::of(&origin(), of, TIME_MS + 1000)
            .timestamp
            .timestamp_millis()
    };
    assert_eq!(time(&event(1, "vcenter", key(1))), TIME_MS);
    assert_eq!(time(&test()), TIME_MS);
    assert_eq!(time(&checkpoint(1)), TIME_MS + 1000);
}

type Change = fn(&mut EventStreamsEndpoint);

#[test]
fn wrong_fields_are_named() {
    endpoint().check().unwrap();
    let cases: [(Change, &str); 14] = [
        (|it| it.brokers.clear(), "brokers"),
        (
            |it| it.brokers = vec!["broker:9093".to_owned(); 17],
            "brokers",
        ),
        (|it| it.brokers.push("broker".to_owned()), "brokers"),
        (|it| it.brokers.push("broker:0".to_owned()), "brokers"),
        (
            |it| it.brokers.push("[2001:db8::1]:9093".to_owned()),
            "brokers",
        ),
        (|it| it.topic = String::new(), "topic"),
        (|it| it.topic = "a b".to_owned(), "topic"),
        (|it| it.topic = "..".to_owned(), "topic"),
        (|it| it.username = String::new(), "username"),
        (|it| it.api_key = Some(SecretText::default()), "api_key"),
        (
            |it| it.ca_certificate = Some("none".to_owned()),
            "ca_certificate",
        ),
        (
            |it| it.client_certificate = Some("none".to_owned()),
            "client_key",
        ),
        (|it| it.timeout_seconds = 0, "timeout_seconds"),
        (
            |it| {
                it.insecure = true;
                it.api_key = Some(SecretText::new("hunter2".to_owned()));
            },
            "insecure",
        ),
    ];
    for (change, field) in cases {
        let mut wrong = endpoint();
        change(&mut wrong);
        let error = wrong.check().unwrap_err();
        assert_eq!(error.field, field, "{error}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}

fn target(endpoint: &EventStreamsEndpoint) -> EventStreamsTarget {
    endpoint.open(&surroundings()).unwrap()
}

fn plain(address: String) -> EventStreamsEndpoint {
    EventStreamsEndpoint {
        insecure: true,
        ..EventStreamsEndpoint::new(vec![address], "audit")
    }
}

#[test]
fn what_brokers_refuse_for_good_is_parked_and_all_else_comes_again() {
    let target = target(&plain("127.0.0.1:9092".to_owned()));
    let wrapped = |inner: Error| {
        Error::RetryFailed(BackoffError::DeadlineExceded {
            deadline: Duration::ZERO,
            source: Box::new(inner),
        })
    };
    let parked = [
        ProtocolError::MessageTooLarge,
        ProtocolError::RecordListTooLarge,
        ProtocolError::InvalidRecord,
        ProtocolError::InvalidTimestamp,
    ];
    for code in parked {
        let Undelivered::Park(_) = target.refused(code) else {
            panic!("{code:?} is to be parked")
        };
    }
    let again = [
        ProtocolError::UnknownTopicOrPartition,
        ProtocolError::NotLeaderOrFollower,
        ProtocolError::LeaderNotAvailable,
        ProtocolError::NotEnoughReplicas,
        ProtocolError::CorruptMessage,
        ProtocolError::PolicyViolation,
        ProtocolError::TopicAuthorizationFailed,
        ProtocolError::SaslAuthenticationFailed,
        ProtocolError::Unknown(999),
    ];
    for code in again {
        let Undelivered::Retry(_) = target.refused(code) else {
            panic!("{code:?} is to come again")
        };
    }
    let of_connection = Error::InvalidResponse("nothing\nof use".to_owned());
    let Undelivered::Retry(reason) = target.undelivered(&wrapped(of_connection)) else {
        panic!()
    };
    assert_eq!(
        reason,
        "the brokers cannot be used: Invalid response: nothing of use"
    );
}

#[tokio::test]
async fn brokers_that_are_away_or_never_answer_are_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let silent = EventStreamsEndpoint {
        timeout_seconds: 1,
        ..plain(address.clone())
    };
    let outcome = target(&silent).deliver(&batch(vec![test()])).await;
    assert_eq!(
        outcome,
        Err(Undelivered::Retry(
            "the brokers did not take the records within 1 s".to_owned()
        ))
    );
    drop(listener);
    let outcome = target(&plain(address.clone()))
        .deliver(&batch(vec![test()]))
        .await;
    let Err(Undelivered::Retry(reason)) = outcome else {
        panic!("{outcome:?}")
    };
    assert!(
        reason.starts_with(&format!(
            "the brokers cannot be used: error connecting to broker \"{address}\""
        )),
        "{reason}"
    );
}

#[test]
fn secrets_are_masked_and_named() {
    let mut endpoint = endpoint();
    endpoint.api_key = Some(SecretText::new("hunter2".to_owned()));
    let json = serde_json::to_string(&endpoint).unwrap();
    assert!(
        !json.contains("hunter2") && json.contains("\"api_key\":\"********\""),
        "{json}"
    );
    let names: Vec<_> = endpoint
        .secrets()
        .into_iter()
        .map(|(name, _)| name.into_owned())
        .collect();
    assert_eq!(names, ["api_key"]);
}
