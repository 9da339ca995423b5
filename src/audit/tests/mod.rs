//! The tables of the trail, and the events the other tests are about.

mod cadf;
mod catalogue;
mod descriptions;
mod filters;
mod json;
mod records;

use std::collections::HashSet;
use std::sync::Arc;

use super::record::{self, Resolve};
use super::{Action, Data, Event, Failure, Field, Kind, Outcome, ReasonCode, Target};
use crate::crypto::Fingerprint;
use crate::domain::{EventId, Initiator, ObjectId, RequestId, Scope};

/// The fingerprint of the initiator of every event here.
const CD: &str = "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd";

/// 2026-11-23T12:00:01.239 UTC.
const NOON_MS: i64 = 1_795_435_201_239;
const KEY_TEXT: &str = "aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa";

struct One {
    initiator: Arc<Initiator>,
    scope: Arc<Scope>,
}

impl Resolve for One {
    fn initiator(&self, id: u32) -> Option<Arc<Initiator>> {
        (id == 7).then(|| Arc::clone(&self.initiator))
    }
    fn scope(&self, id: u32) -> Option<Arc<Scope>> {
        (id == 300).then(|| Arc::clone(&self.scope))
    }
}

fn resolver(event: &Event) -> One {
    One {
        initiator: Arc::clone(&event.initiator),
        scope: Arc::clone(&event.scope),
    }
}

fn key() -> ObjectId {
    ObjectId::from_bytes([0xaa; 16])
}

fn event(action: Action) -> Event {
    let scope = Scope {
        crn_prefix: Scope::DEFAULT_CRN_PREFIX.to_owned(),
        account: "acc".to_owned(),
        location: "eu-de".to_owned(),
        instance: "inst".to_owned(),
    };
    Event {
        id: EventId::from_bytes([0x01; 16]),
        time_ms: NOON_MS,
        action,
        outcome: Outcome::Success,
        initiator: Arc::new(Initiator::certificate(
            Fingerprint::from_bytes([0xcd; 32]),
            "vc-01",
        )),
        scope: Arc::new(if action.global() {
            scope.global()
        } else {
            scope
        }),
        target: Target::Key(key()),
        reason: ReasonCode::Ok,
        failure: None,
        request: Data::new(),
        response: Data::new(),
        correlation: RequestId::from_bytes([0x02; 16]),
    }
}

fn failed(action: Action, failure: Failure) -> Event {
    Event {
        outcome: Outcome::Failure,
        reason: failure.reason(),
        failure: Some(failure),
        ..event(action)
    }
}

fn json(event: &Event) -> String {
    let mut out = Vec::new();
    event.write_json(&mut out);
    String::from_utf8(out).unwrap()
}

fn encoded(event: &Event) -> Vec<u8> {
    let mut out = Vec::new();
    record::encode(event, 7, 300, &mut out);
    out
}

fn decoded(event: &Event) -> Event {
    record::decode(&encoded(event), &resolver(event)).unwrap()
}

fn get() -> Event {
    let request = Data::new()
        .text(Field::Operation, "Get")
        .text(Field::ProtocolVersion, "1.2")
        .number(Field::BatchItem, 1)
        .text(Field::UniqueIdentifier, KEY_TEXT);
    let response = Data::new()
        .text(Field::ResultStatus, "Success")
        .text(Field::State, "Active")
        .number(Field::ObjectVersion, 3)
        .text(Field::UniqueIdentifier, KEY_TEXT);
    Event {
        request,
        response,
        ..event(Action::KeyRead)
    }
}

#[test]
fn names_and_codes_of_every_table_are_unique_and_lead_back() {
    let mut names = HashSet::new();
    let mut codes = HashSet::new();
    for action in Action::ALL.iter().copied() {
        assert!(
            names.insert(action.name()) && codes.insert(action.code()),
            "{action:?}"
        );
        assert_eq!(Action::from_name(action.name()), Some(action));
        assert_eq!(Action::from_code(action.code()), Some(action));
        assert!(
            action.kind() != Kind::Management || action.global(),
            "{action:?}"
        );
    }
    assert_eq!(Action::from_code(0), None);
    for field in Field::ALL.iter().copied() {
        assert!(names.insert(field.name()), "{field:?}");
        assert_eq!(Field::from_code(field.code()), Some(field));
    }
    for failure in Failure::ALL.iter().copied() {
        assert!(
            names.insert(failure.sentence()) && failure.code() != 0,
            "{failure:?}"
        );
        assert_eq!(Failure::from_code(failure.code()), Some(failure));
    }
    for reason in ReasonCode::ALL.iter().copied() {
        assert_eq!(ReasonCode::from_code(reason.code()), Some(reason));
    }
}
