//! What some targets put around each record, as JSON.

use serde::Serialize;

use super::batch::{Content, Record};

/// The records as one JSON array, each as `write` writes it.
pub(super) fn array(records: &[Record], write: impl Fn(&Record, &mut Vec<u8>)) -> Vec<u8> {
    let bytes = records.iter().map(|record| record.json.len() + 1).sum();
    let mut out = Vec::with_capacity(bytes);
    out.push(b'[');
    for (index, record) in records.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write(record, &mut out);
    }
    out.push(b']');
    out
}

/// Appends the members of `envelope`, at least one, and the very bytes of the record as a last member of this name.
pub(super) fn enclose(
    envelope: &impl Serialize,
    member: &'static str,
    record: &Record,
    out: &mut Vec<u8>,
) {
    let written = serde_json::to_vec(envelope);
    let written = written.expect("texts and numbers always have a JSON form");
    // The record stands in the place of the closing brace.
    out.extend_from_slice(written.strip_suffix(b"}").unwrap_or(&written));
    out.extend_from_slice(format!(",\"{member}\":").as_bytes());
    out.extend_from_slice(&record.json);
    out.push(b'}');
}

/// The sequences of the events among these records, in their order, as `5-7,9`. None if there are none.
pub(super) fn sequences<'a>(records: impl IntoIterator<Item = &'a Record>) -> Option<String> {
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    for record in records {
        let Content::Event(sequence, _) = record.content else {
            continue;
        };
        match ranges.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(sequence.0) => *last = sequence.0,
            _ => ranges.push((sequence.0, sequence.0)),
        }
    }
    let range = |(first, last): &(u64, u64)| match first == last {
        true => first.to_string(),
        false => format!("{first}-{last}"),
    };
    let ranges: Vec<String> = ranges.iter().map(range).collect();
    (!ranges.is_empty()).then(|| ranges.join(","))
}
