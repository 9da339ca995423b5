//! Records for the unit tests of targets.

use std::sync::Arc;

use crate::audit::{Action, Data, Event, Outcome, ReasonCode, Target};
use crate::crypto::{Fingerprint, SystemRandom};
use crate::domain::{EventId, Initiator, ManualClock, ObjectId, RequestId, Scope};
use crate::routing::{Batch, Content, Record, Surroundings};
use crate::store::{Origin, Sequence};

/// 2026-11-23T12:00:01.239Z.
pub(super) const TIME_MS: i64 = 1_795_435_201_239;

pub(super) fn origin() -> Origin {
    Origin {
        name: "node-1".to_owned(),
        epoch: 3,
    }
}

pub(super) fn surroundings() -> Surroundings {
    Surroundings {
        origin: origin(),
        clock: Arc::new(ManualClock::new(TIME_MS + 1000)),
        random: Arc::new(SystemRandom),
        reserved: Arc::new([]),
    }
}

pub(super) fn batch(records: Vec<Record>) -> Batch {
    Batch {
        origin: origin(),
        records,
    }
}

/// The reading of a key, by a client of this name.
pub(super) fn event(sequence: u64, client: &str, target: Target) -> Record {
    let client = Initiator::certificate(Fingerprint::from_bytes([0xcd; 32]), client);
    changed(sequence, |event| {
        event.initiator = Arc::new(client);
        event.target = target;
    })
}

/// The reading of a key, changed.
pub(super) fn changed(sequence: u64, change: impl FnOnce(&mut Event)) -> Record {
    let mut event = Event {
        id: EventId::from_bytes([1; 16]),
        time_ms: TIME_MS,
        action: Action::KeyRead,
        outcome: Outcome::Success,
        initiator: Arc::new(Initiator::server("node-1")),
        scope: Arc::new(Scope {
            crn_prefix: Scope::DEFAULT_CRN_PREFIX.to_owned(),
            account: "a1".to_owned(),
            location: "eu-de".to_owned(),
            instance: "i1".to_owned(),
        }),
        target: key(0xab),
        reason: ReasonCode::Ok,
        failure: None,
        request: Data::new(),
        response: Data::new(),
        correlation: RequestId::from_bytes([2; 16]),
    };
    change(&mut event);
    let mut json = Vec::new();
    event.write_json(&mut json);
    Record {
        content: Content::Event(Sequence(sequence), Arc::new(event)),
        json,
    }
}

/// The key of which all bytes are this one.
pub(super) fn key(byte: u8) -> Target {
    Target::Key(ObjectId::from_bytes([byte; 16]))
}

pub(super) fn checkpoint(size: u64) -> Record {
    Record {
        content: Content::Checkpoint(size),
        json: format!("{{\"checkpoint\":{{\"size\":{size}}}}}").into_bytes(),
    }
}

pub(super) fn test() -> Record {
    Record {
        content: Content::Test(TIME_MS),
        json: b"{\"test\":{}}".to_vec(),
    }
}
