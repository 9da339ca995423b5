//! Which objects a batch becomes, and how they are named.
//!
//! A name says when and which event is the first in the object, and nothing of when it was written: a batch that is repeated writes the same
//! objects again. If the repeated batch has become longer or shorter meanwhile, an object is replaced by one that begins with the same event, and
//! what it lacks comes with the next.

use jiff::Timestamp;

use crate::routing::envelope::sequences;
use crate::routing::{Batch, Content, Record};

/// Metadata of an object may be 2 KiB in all.
const SEQUENCES_BYTES_MAX: usize = 1024;
/// The place of global events.
const GLOBAL: &str = "global";

/// One object to write.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Object {
    /// The segments of its name.
    pub(super) name: Vec<String>,
    /// The sequences of its events, where they fit: [`sequences`].
    pub(super) sequences: Option<String>,
    /// JSON lines.
    pub(super) lines: Vec<u8>,
}

/// The objects of a batch, in the order in which they are to be written: events, one object for each account and location; then
/// checkpoints, so that what they seal is there before them; then test records.
pub(super) fn objects(batch: &Batch) -> Vec<Object> {
    let mut objects: Vec<Object> = by_place(batch).iter().map(|group| events(group)).collect();
    let origin = &batch.origin;
    let alone = |record: &Record, name: [String; 3]| Object {
        name: name.into(),
        sequences: None,
        lines: [record.json.as_slice(), b"\n"].concat(),
    };
    for record in &batch.records {
        if let Content::Checkpoint(size) = record.content {
            let log = format!("{}_{}", origin.name, origin.epoch);
            let name = ["checkpoints".to_owned(), log, format!("{size:020}.log")];
            objects.push(alone(record, name));
        }
    }
    for record in &batch.records {
        if let Content::Test(_) = record.content {
            // One object for all tests: each writes over the one before.
            let name = ["tests", &origin.name, "latest.log"].map(str::to_owned);
            objects.push(alone(record, name));
        }
    }
    objects
}

/// The events of each account and location, in their order.
fn by_place(batch: &Batch) -> Vec<Vec<&Record>> {
    let mut places: Vec<((&str, &str), Vec<&Record>)> = Vec::new();
    for record in &batch.records {
        let Some(event) = record.event() else {
            continue;
        };
        let place = (event.scope.account.as_str(), event.scope.location.as_str());
        match places.iter_mut().find(|(known, _)| *known == place) {
            Some((_, records)) => records.push(record),
            None => places.push((place, vec![record])),
        }
    }
    places.into_iter().map(|(_, records)| records).collect()
}

/// `<account>/<location>/<YYYY-MM-DDTHH>/<YYYY-MM-DDTHH:MM>+<SS>_<uuidv7>.log`, the time and the identifier of the first event.
fn events(records: &[&Record]) -> Object {
    let first = records.first().and_then(|record| record.event());
    let name = first.map(|event| {
        let time = Timestamp::from_millisecond(event.time_ms).unwrap_or(Timestamp::UNIX_EPOCH);
        let location = match event.scope.location.as_str() {
            "" => GLOBAL,
            location => location,
        };
        vec![
            event.scope.account.clone(),
            location.to_owned(),
            time.strftime("%Y-%m-%dT%H").to_string(),
            format!("{}_{}.log", time.strftime("%Y-%m-%dT%H:%M+%S"), event.id),
        ]
    });
    let lines = records
        .iter()
        .flat_map(|record| [record.json.as_slice(), b"\n"]);
    Object {
        name: name.unwrap_or_default(),
        sequences: sequences(records.iter().copied())
            .filter(|text| text.len() <= SEQUENCES_BYTES_MAX),
        lines: lines.collect::<Vec<_>>().concat(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::objects;
    use crate::audit::{Action, Data, Event, Outcome, ReasonCode, Target};
    use crate::domain::{EventId, Initiator, RequestId, Scope};
    use crate::routing::{Batch, Content, Record};
    use crate::store::{Origin, Sequence};

    fn event(sequence: u64, location: &str) -> Record {
        let mut id = [0; 16];
        id[8..].copy_from_slice(&sequence.to_be_bytes());
        let event = Event {
            id: EventId::from_bytes(id),
            time_ms: 1_795_435_201_239,
            action: Action::KeyRead,
            outcome: Outcome::Success,
            initiator: Arc::new(Initiator::server("node-1")),
            scope: Arc::new(Scope {
                crn_prefix: Scope::DEFAULT_CRN_PREFIX.to_owned(),
                account: "abc".to_owned(),
                location: location.to_owned(),
                instance: "i".to_owned(),
            }),
            target: Target::Instance,
            reason: ReasonCode::Ok,
            failure: None,
            request: Data::new(),
            response: Data::new(),
            correlation: RequestId::from_bytes([2; 16]),
        };
        Record {
            content: Content::Event(Sequence(sequence), Arc::new(event)),
            json: sequence.to_string().into_bytes(),
        }
    }

    fn named(records: Vec<Record>) -> Vec<(String, Option<String>, String)> {
        let origin = Origin {
            name: "node-1".to_owned(),
            epoch: 2,
        };
        let made = objects(&Batch { origin, records });
        let shown = made.into_iter().map(|object| {
            let lines = String::from_utf8(object.lines).unwrap();
            (object.name.join("/"), object.sequences, lines)
        });
        shown.collect()
    }

    #[test]
    fn each_location_has_an_object_named_for_its_first_event() {
        let record = |content, json: &[u8]| Record {
            content,
            json: json.to_vec(),
        };
        let made = named(vec![
            event(5, "eu-de"),
            record(Content::Test(1), b"t"),
            event(6, ""),
            record(Content::Checkpoint(7), b"c"),
            event(7, "eu-de"),
        ]);
        let hour = "2026-11-23T12";
        let name = |location: &str, id: u32| {
            format!("abc/{location}/{hour}/{hour}:00+01_00000000-0000-0000-0000-{id:012}.log")
        };
        let expected = [
            (name("eu-de", 5), Some("5,7"), "5\n7\n"),
            (name("global", 6), Some("6"), "6\n"),
            (
                "checkpoints/node-1_2/00000000000000000007.log".to_owned(),
                None,
                "c\n",
            ),
            ("tests/node-1/latest.log".to_owned(), None, "t\n"),
        ];
        let expected = expected
            .map(|(name, sequences, lines)| (name, sequences.map(str::to_owned), lines.to_owned()));
        assert_eq!(made, expected);
    }

    #[test]
    fn a_batch_that_has_grown_replaces_what_began_it() {
        let short = named(vec![event(5, "eu-de")]);
        let long = named(vec![event(5, "eu-de"), event(6, "eu-de")]);
        assert_eq!(short[0].0, long[0].0);
        assert!(long[0].2.starts_with(&short[0].2));
    }

    #[test]
    fn sequences_that_do_not_fit_are_left_out() {
        let odd = |count: u64| (0..count).map(|n| event(2 * n + 1, "eu-de")).collect();
        assert!(named(odd(100))[0].1.is_some());
        assert!(named(odd(1000))[0].1.is_none());
    }
}
