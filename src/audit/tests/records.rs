//! What is stored gives the same event again, and what is damaged is noticed.

use std::sync::Arc;

use proptest::prelude::*;

use super::{KEY_TEXT, NOON_MS, decoded, encoded, event, failed, get, json, key, resolver};
use crate::audit::record::{self, RecordError};
use crate::audit::{Action, Data, Event, Failure, Field, Outcome, ReasonCode, Target};
use crate::crypto::Fingerprint;
use crate::domain::{Initiator, InitiatorKind, ObjectId};

#[test]
fn the_record_of_a_read_is_small() {
    let record = encoded(&get());
    assert!(record.len() <= 200, "{} bytes", record.len());
    assert_eq!(decoded(&get()), get());
}

#[test]
fn the_head_of_a_record_is_that_of_the_event() {
    let head = record::peek(&encoded(&get())).unwrap();
    assert_eq!(
        (head.action, head.outcome),
        (Action::KeyRead, Outcome::Success)
    );
    assert_eq!(
        (head.time_ms, head.initiator, head.scope),
        (NOON_MS, 7, 300)
    );
    assert_eq!(head.object, Some(key()));
}

#[test]
fn a_record_from_elsewhere_is_refused() {
    let resolve = resolver(&get());
    let mut record = encoded(&get());
    assert_eq!(record::decode(&[], &resolve), Err(RecordError::Damaged));
    for length in 0..60 {
        assert!(
            record::decode(&record[..length], &resolve).is_err(),
            "{length}"
        );
    }
    record[0] = 9;
    assert_eq!(
        record::decode(&record, &resolve),
        Err(RecordError::Version(9))
    );
    let mut other = Vec::new();
    record::encode(&get(), 8, 300, &mut other);
    assert_eq!(
        record::decode(&other, &resolve),
        Err(RecordError::Initiator(8))
    );
    other.clear();
    record::encode(&get(), 7, 301, &mut other);
    assert_eq!(
        record::decode(&other, &resolve),
        Err(RecordError::Scope(301))
    );
}

/// The stored form is pinned: a change breaks every trail that exists.
#[test]
fn the_stored_form_does_not_change_between_releases() {
    let small = Event {
        request: Data::new()
            .text(Field::Operation, "Get")
            .id(Field::UniqueIdentifier, key()),
        response: Data::new().number(Field::ObjectVersion, -2),
        ..failed(Action::KeyRead, Failure::WrongState)
    };
    let time = hex::encode(NOON_MS.to_le_bytes());
    let (aa, one, two) = ("aa".repeat(16), "01".repeat(16), "02".repeat(16));
    let expected = format!("01020001990102{time}07ac0201{aa}{one}{two}080100034765740406120103");
    assert_eq!(hex::encode(encoded(&small)), expected);
}

/// Pinned too: refusals name their initiator themselves.
#[test]
fn a_refusal_holds_its_initiator_and_needs_no_number() {
    let named = failed(Action::ClientRefuse, Failure::ClientDisabled);
    let fingerprint = Fingerprint::from_bytes([0xcd; 32]);
    let nameless = Event {
        initiator: Arc::new(Initiator::certificate(fingerprint, "")),
        ..named.clone()
    };
    let nobody = resolver(&get());
    for refusal in [&named, &nameless] {
        assert!(record::holds_initiator(refusal));
        let mut out = Vec::new();
        record::encode(refusal, record::HELD, 300, &mut out);
        let resolve = resolver(refusal);
        assert_eq!(record::decode(&out, &resolve).unwrap(), *refusal);
        assert_eq!(record::peek(&out).unwrap().initiator, record::HELD);
        for length in 0..out.len() - 1 {
            assert!(record::decode(&out[..length], &nobody).is_err());
        }
    }
    let mut out = Vec::new();
    record::encode(&named, record::HELD, 300, &mut out);
    let time = hex::encode(NOON_MS.to_le_bytes());
    let (aa, cd) = ("aa".repeat(16), "cd".repeat(32));
    let start = "029101019301";
    let text = hex::encode(&out);
    assert!(text.starts_with(start), "{text}");
    assert!(
        text.contains(&format!("{time}{cd}0576632d3031ac0201{aa}")),
        "{text}"
    );
    assert!(!record::holds_initiator(&get()));
    let by_the_server = Event {
        initiator: Arc::new(Initiator::server("n")),
        ..named
    };
    assert!(!record::holds_initiator(&by_the_server));
}

/// Pinned too: so do events of other systems, which name whom they like.
#[test]
fn a_recorded_event_holds_the_party_that_another_system_named() {
    let party = |name: &str| Event {
        initiator: Arc::new(Initiator {
            id: "IBMid-1".to_owned(),
            name: name.to_owned(),
            kind: InitiatorKind::User,
        }),
        ..event(Action::VcsCreate)
    };
    for recorded in [party("ada"), party("IBMid-1")] {
        assert!(record::holds_initiator(&recorded));
        let mut out = Vec::new();
        record::encode(&recorded, record::HELD, 300, &mut out);
        let resolve = resolver(&recorded);
        assert_eq!(record::decode(&out, &resolve).unwrap(), recorded);
        assert_eq!(record::peek(&out).unwrap().initiator, record::HELD);
    }
    let mut out = Vec::new();
    record::encode(&party("ada"), record::HELD, 300, &mut out);
    let text = hex::encode(&out);
    assert!(text.starts_with("036900"), "{text}");
    assert!(text.contains("030749424d69642d3103616461ac02"), "{text}");
    let own = Event {
        initiator: Arc::new(Initiator::local_user(0, "")),
        ..event(Action::VcsCreate)
    };
    assert!(!record::holds_initiator(&own), "they are few");
}

fn any_data() -> impl Strategy<Value = Data> {
    let text = prop_oneof![
        ".{0,40}",
        Just(KEY_TEXT.to_owned()),
        Just("a\"\\\n".to_owned())
    ];
    let value = (
        prop::sample::select(Field::ALL),
        0..4,
        text,
        any::<i64>(),
        prop::collection::vec(".{0,8}", 0..300),
    );
    prop::collection::vec(value, 0..6).prop_map(|values| {
        values.into_iter().fold(
            Data::new(),
            |data, (field, kind, text, number, list)| match kind {
                0 => data.text(field, text),
                1 => data.number(field, number),
                2 => data.flag(field, number > 0),
                _ => data.list(field, list),
            },
        )
    })
}

fn any_target() -> impl Strategy<Value = Target> {
    prop_oneof![
        Just(Target::Instance),
        Just(Target::Key(key())),
        any::<[u8; 16]>().prop_map(|bytes| Target::Key(ObjectId::from_bytes(bytes))),
        ".{0,80}".prop_map(Target::Resource),
        ".{0,80}".prop_map(Target::UnknownKey),
        ".{0,80}".prop_map(|text| Target::named_key(&text)),
    ]
}

fn any_event() -> impl Strategy<Value = Event> {
    (
        prop::sample::select(Action::ALL),
        prop::sample::select(Outcome::ALL),
        prop::sample::select(ReasonCode::ALL),
        prop::option::of(prop::sample::select(Failure::ALL)),
        any_target(),
        any_data(),
        any_data(),
        any::<i64>(),
    )
        .prop_map(
            |(action, outcome, reason, failure, target, request, response, time_ms)| Event {
                outcome,
                reason,
                failure,
                target,
                request,
                response,
                time_ms,
                ..event(action)
            },
        )
}

proptest! {
    #[test]
    fn what_is_stored_gives_the_same_json_again(event in any_event()) {
        let again = decoded(&event);
        prop_assert_eq!(json(&again), json(&event));
        prop_assert!(json(&event).len() <= Event::BYTES_MAX);
        prop_assert!(serde_json::from_str::<serde_json::Value>(&json(&event)).is_ok());
        prop_assert_eq!(again, event);
    }

    #[test]
    fn a_damaged_record_never_panics(event in any_event(), at in any::<usize>(), to in any::<u8>()) {
        let mut record = encoded(&event);
        let at = at % record.len();
        record[at] = to;
        for bytes in [&record[..], &record[..at]] {
            if let Ok(event) = record::decode(bytes, &resolver(&event)) {
                json(&event);
            }
        }
    }

    #[test]
    fn random_bytes_never_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Some(first) = bytes.first_mut() {
            *first = 1;
        }
        let resolve = resolver(&get());
        if let Ok(event) = record::decode(&bytes, &resolve) {
            json(&event);
            prop_assert!(record::peek(&bytes).is_ok());
        }
    }
}
