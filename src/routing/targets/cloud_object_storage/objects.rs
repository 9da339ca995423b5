//! Which objects a batch becomes, and how they are named.
//!
//! A name says when and which event is the first in the object, and nothing of when it was written: a batch that is repeated writes the same
//! objects again. If the repeated batch has become longer meanwhile, what is there already counts, and the rest begins an object of its own.

use jiff::Timestamp;

use crate::audit::Event;
use crate::crypto::digest::sha256;
use crate::routing::envelope::sequences;
use crate::routing::{Batch, Content, Record};
use crate::store::Origin;

/// Metadata of an object may be 2 KiB in all.
const SEQUENCES_BYTES_MAX: usize = 1024;
/// The place of global events.
const GLOBAL: &str = "global";

/// One object to write: at least one record, and no other than the first decides its name.
#[derive(Debug)]
pub(super) struct Object<'a> {
    origin: &'a Origin,
    records: Vec<&'a Record>,
}

/// What an object in the bucket says that it holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Held {
    /// How many records.
    pub(super) records: usize,
    /// SHA-256 of its content, in hex.
    pub(super) digest: String,
}

/// The objects of a batch, in the order in which they are to be written: events, one object for each account and location; then
/// checkpoints, so that what they seal is there before them; then test records.
pub(super) fn objects(batch: &Batch) -> Vec<Object<'_>> {
    let mut groups = by_place(batch);
    let kinds: [fn(&Content) -> bool; 2] = [
        |content| matches!(content, Content::Checkpoint(_)),
        |content| matches!(content, Content::Test(_)),
    ];
    for kind in kinds {
        let alone = batch.records.iter().filter(|record| kind(&record.content));
        groups.extend(alone.map(|record| vec![record]));
    }
    let origin = &batch.origin;
    let objects = groups.into_iter();
    objects.map(|records| Object { origin, records }).collect()
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

impl Object<'_> {
    /// The segments of its name.
    pub(super) fn name(&self) -> Vec<String> {
        let Origin { name, epoch } = self.origin;
        match self.records.first().map(|record| &record.content) {
            Some(Content::Event(_, event)) => event_name(event),
            Some(Content::Checkpoint(size)) => vec![
                "checkpoints".to_owned(),
                format!("{name}_{epoch}"),
                format!("{size:020}.log"),
            ],
            Some(Content::Test(time_ms)) => {
                vec!["tests".to_owned(), name.clone(), format!("{time_ms}.log")]
            }
            None => Vec::new(),
        }
    }

    /// The segments of its name where that has to be nobody else's: with a digest of its content.
    pub(super) fn own_name(&self) -> Vec<String> {
        let mut name = self.name();
        if let Some(last) = name.last_mut() {
            let digest = self.held().digest;
            let begun = last.strip_suffix(".log").unwrap_or(last);
            *last = format!("{begun}_{digest}.log");
        }
        name
    }

    /// Its content: JSON lines.
    pub(super) fn lines(&self) -> Vec<u8> {
        lines(&self.records)
    }

    /// The sequences of its events, where they fit: [`sequences`].
    pub(super) fn sequences(&self) -> Option<String> {
        sequences(self.records.iter().copied()).filter(|text| text.len() <= SEQUENCES_BYTES_MAX)
    }

    /// What it says that it holds.
    pub(super) fn held(&self) -> Held {
        held(&self.records)
    }

    /// What is left to write where an object of the same name holds the first records already: nothing, or an object of its own.
    ///
    /// # Errors
    /// This object, where that one holds something else.
    pub(super) fn after(mut self, there: &Held) -> Result<Option<Self>, Self> {
        let begun = self.records.get(..there.records).unwrap_or_default();
        if begun.is_empty() || held(begun) != *there {
            return Err(self);
        }
        self.records.drain(..there.records);
        Ok((!self.records.is_empty()).then_some(self))
    }
}

fn lines(records: &[&Record]) -> Vec<u8> {
    let lines = records
        .iter()
        .flat_map(|record| [record.json.as_slice(), b"\n"]);
    lines.collect::<Vec<_>>().concat()
}

fn held(records: &[&Record]) -> Held {
    Held {
        records: records.len(),
        digest: hex::encode(sha256(&[&lines(records)])),
    }
}

/// `<account>/<location>/<YYYY-MM-DDTHH>/<YYYY-MM-DDTHH:MM>+<SS>_<uuidv7>.log`, the time and the identifier of the event.
fn event_name(event: &Event) -> Vec<String> {
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
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{Held, Object, objects};
    use crate::domain::EventId;
    use crate::routing::Record;
    use crate::routing::targets::sample::{TIME_MS, batch, changed, checkpoint, test};

    /// An event whose JSON is its sequence.
    fn event(sequence: u64, location: &str) -> Record {
        let mut id = [0; 16];
        id[8..].copy_from_slice(&sequence.to_be_bytes());
        let record = changed(sequence, |event| {
            event.id = EventId::from_bytes(id);
            location.clone_into(&mut Arc::make_mut(&mut event.scope).location);
        });
        Record {
            json: sequence.to_string().into_bytes(),
            ..record
        }
    }

    fn named(records: Vec<Record>) -> Vec<(String, Option<String>, String)> {
        let batch = batch(records);
        let made = objects(&batch);
        made.iter().map(shown).collect()
    }

    fn shown(object: &Object<'_>) -> (String, Option<String>, String) {
        let lines = String::from_utf8(object.lines()).unwrap();
        (object.name().join("/"), object.sequences(), lines)
    }

    #[test]
    fn each_location_has_an_object_named_for_its_first_event() {
        let made = named(vec![
            event(5, "eu-de"),
            test(),
            event(6, ""),
            checkpoint(7),
            event(7, "eu-de"),
        ]);
        let hour = "2026-11-23T12";
        let name = |location: &str, id: u32| {
            format!("a1/{location}/{hour}/{hour}:00+01_00000000-0000-0000-0000-{id:012}.log")
        };
        let expected = [
            (name("eu-de", 5), Some("5,7"), "5\n7\n"),
            (name("global", 6), Some("6"), "6\n"),
            (
                "checkpoints/node-1_3/00000000000000000007.log".to_owned(),
                None,
                "{\"checkpoint\":{\"size\":7}}\n",
            ),
            (
                format!("tests/node-1/{TIME_MS}.log"),
                None,
                "{\"test\":{}}\n",
            ),
        ];
        let expected = expected
            .map(|(name, sequences, lines)| (name, sequences.map(str::to_owned), lines.to_owned()));
        assert_eq!(made, expected);
    }

    #[test]
    fn other_content_has_another_name_of_its_own() {
        let own = |records| {
            let batch = batch(records);
            let made = objects(&batch);
            (made[0].name(), made[0].own_name())
        };
        let (name, of_one) = own(vec![event(5, "eu-de")]);
        let (same, of_two) = own(vec![event(5, "eu-de"), event(6, "eu-de")]);
        assert_eq!(name, same, "the first event makes it");
        assert_ne!(of_one, of_two);
        assert_eq!(own(vec![event(5, "eu-de")]).1, of_one);
        let digest = "f0b5c2c2211c8d67ed15e75e656c7862d086e9245420892a7de62cd9ec582a06";
        let begun = name[3].strip_suffix(".log").unwrap();
        assert_eq!(of_one[3], format!("{begun}_{digest}.log"));
    }

    #[test]
    fn what_is_there_is_not_written_again() {
        let of = |count: u64| batch((5..5 + count).map(|n| event(n, "eu-de")).collect());
        let (one, short, whole) = (of(1), of(2), of(3));
        let there = objects(&short).remove(0).held();
        let after = |batch, there: &Held| {
            let object: Object<'_> = objects(batch).remove(0);
            let left = object.after(there).ok()?;
            Some(left.as_ref().map(shown))
        };
        assert_eq!(after(&short, &there), Some(None));
        let (name, sequences, lines) = after(&whole, &there).unwrap().unwrap();
        assert!(name.ends_with("000007.log"), "{name}");
        assert_eq!((sequences.as_deref(), lines.as_str()), (Some("7"), "7\n"));
        // It holds more than we have, something else, or nothing.
        assert_eq!(after(&one, &there), None);
        for records in [0, 2] {
            let digest = String::new();
            assert_eq!(after(&whole, &Held { records, digest }), None);
        }
    }

    #[test]
    fn sequences_that_do_not_fit_are_left_out() {
        let odd = |count: u64| (0..count).map(|n| event(2 * n + 1, "eu-de")).collect();
        assert!(named(odd(100))[0].1.is_some());
        assert!(named(odd(1000))[0].1.is_none());
    }
}
