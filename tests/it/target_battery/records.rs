//! Batches to deliver: real events, and checkpoints and test records in their JSON form.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use keyledger::audit::{Action, Data, Event, Field, Outcome, ReasonCode, Target};
use keyledger::crypto::Fingerprint;
use keyledger::domain::{Clock as _, EventId, Initiator, ObjectId, RequestId, Scope, SystemClock};
use keyledger::routing::{Batch, Content, Record};
use keyledger::store::{Origin, Sequence};

/// Events made by this run.
static MADE: AtomicU64 = AtomicU64::new(0);

pub(crate) fn origin() -> Origin {
    Origin {
        name: "node-1".to_owned(),
        epoch: 1,
    }
}

/// A batch of these records.
pub(crate) fn batch(records: Vec<Record>) -> Batch {
    Batch {
        origin: origin(),
        records,
    }
}

/// A batch of so many events that nobody has delivered before.
pub(crate) fn events(count: usize) -> Batch {
    batch((0..count).map(|_| event(Data::new())).collect())
}

/// An event of a new id, as recent as any.
pub(crate) fn event(request: Data) -> Record {
    let number = MADE.fetch_add(1, Ordering::Relaxed);
    let mut random = [0; 10];
    random[2..].copy_from_slice(&number.to_be_bytes());
    let time_ms = SystemClock.now_ms();
    let scope = Scope {
        crn_prefix: Scope::DEFAULT_CRN_PREFIX.to_owned(),
        account: Scope::DEFAULT_ACCOUNT.to_owned(),
        location: "eu-de".to_owned(),
        instance: "5ab2e0a4-0f4e-4b5c-8d1f-0b7c0e6f3c11".to_owned(),
    };
    let client = Fingerprint::from_bytes([0xcd; 32]);
    let event = Event {
        id: EventId::new(time_ms, random),
        time_ms,
        action: Action::KeyRead,
        outcome: Outcome::Success,
        // What a form must not lose: letters beyond ASCII, quotation marks.
        initiator: Arc::new(Initiator::certificate(client, "vCenter \"Köln\" 1")),
        scope: Arc::new(scope),
        target: Target::Key(ObjectId::new(time_ms, random)),
        reason: ReasonCode::Ok,
        failure: None,
        request,
        response: Data::new().text(Field::State, "Active"),
        correlation: RequestId::new(time_ms, random),
    };
    let mut json = Vec::new();
    event.write_json(&mut json);
    Record {
        content: Content::Event(Sequence(number), Arc::new(event)),
        json,
    }
}

/// An event as large as any.
pub(crate) fn largest() -> Record {
    let mut object = serde_json::Map::new();
    object.insert("text".to_owned(), "x".repeat(14_400).into());
    let record = event(Data::object(&object));
    let most = Event::BYTES_MAX;
    let bytes = record.json.len();
    assert!((most - 1024..=most).contains(&bytes), "{bytes} bytes");
    record
}

/// A checkpoint of so many events.
pub(crate) fn checkpoint(size: u64) -> Record {
    let json = format!(
        "{{\"checkpoint\":{{\"origin\":\"node-1\",\"epoch\":1,\"size\":{size},\"note\":\"keyledger/node-1/1\\n{size}\\nxyz=\\n\\n\
         — keyledger/node-1/1 abc=\\n\"}}}}"
    );
    Record {
        content: Content::Checkpoint(size),
        json: json.into_bytes(),
    }
}

/// A test record.
pub(crate) fn test(time_ms: i64) -> Record {
    let json = format!("{{\"test\":{{\"origin\":\"node-1\",\"time\":{time_ms}}}}}");
    Record {
        content: Content::Test(time_ms),
        json: json.into_bytes(),
    }
}
