//! What the body of a request looks like.

use serde::{Deserialize, Serialize};

use crate::domain::clock::rfc3339_ms;
use crate::routing::envelope::{array, enclose};
use crate::routing::{Content, Record};
use crate::store::Origin;

/// How records are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// A JSON array of the records.
    #[default]
    JsonArray,
    /// One record a line.
    JsonLines,
    /// One CloudEvent a request, in structured mode. Slower than the others by far.
    #[serde(rename = "cloudevents")]
    CloudEvents,
    /// CloudEvents in batched mode: a JSON array of them.
    #[serde(rename = "cloudevents_batch")]
    CloudEventsBatch,
}

impl Format {
    /// Every format.
    #[cfg(test)]
    pub(super) const ALL: [Self; 4] = [
        Self::JsonArray,
        Self::JsonLines,
        Self::CloudEvents,
        Self::CloudEventsBatch,
    ];

    /// The most records of one request.
    pub(super) const fn records_max(self) -> usize {
        match self {
            Self::CloudEvents => 1,
            Self::JsonArray | Self::JsonLines | Self::CloudEventsBatch => usize::MAX,
        }
    }

    pub(super) const fn content_type(self) -> &'static str {
        match self {
            Self::JsonArray => "application/json",
            Self::JsonLines => "application/x-ndjson",
            Self::CloudEvents => "application/cloudevents+json; charset=utf-8",
            Self::CloudEventsBatch => "application/cloudevents-batch+json; charset=utf-8",
        }
    }

    /// The body with these records of an origin, at most [`Self::records_max`] of them.
    pub(super) fn body(self, origin: &Origin, source: &str, records: &[Record]) -> Vec<u8> {
        let json = |record: &Record, out: &mut Vec<u8>| out.extend_from_slice(&record.json);
        let cloud_event =
            |record: &Record, out: &mut Vec<u8>| cloud_event(origin, source, record, out);
        match self {
            Self::JsonArray => array(records, json),
            Self::CloudEventsBatch => array(records, cloud_event),
            Self::JsonLines => records
                .iter()
                .flat_map(|record| [record.json.as_slice(), b"\n"])
                .collect::<Vec<_>>()
                .concat(),
            Self::CloudEvents => {
                let mut body = Vec::new();
                records
                    .iter()
                    .for_each(|record| cloud_event(record, &mut body));
                body
            }
        }
    }
}

/// The context attributes of CloudEvents 1.0, and the extensions `origin`, `epoch` and `sequence`.
#[derive(Serialize)]
struct Attributes<'a> {
    specversion: &'static str,
    id: String,
    /// Source and id together are unique: checkpoints are numbered anew in each epoch.
    source: String,
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<String>,
    datacontenttype: &'static str,
    origin: &'a str,
    epoch: u32,
    /// The Sequence extension: texts that sort as the numbers do. A CloudEvents Integer has 32 bits, which is too few.
    #[serde(skip_serializing_if = "Option::is_none")]
    sequence: Option<String>,
}

fn cloud_event(origin: &Origin, source: &str, record: &Record, out: &mut Vec<u8>) {
    let Origin { name, epoch } = origin;
    let (r#type, subject, time_ms, sequence) = match &record.content {
        Content::Event(sequence, event) => (
            event.action.name(),
            event.target_name(),
            Some(event.time_ms),
            Some(format!("{:020}", sequence.0)),
        ),
        Content::Checkpoint(_) => ("keyledger.checkpoint", None, None, None),
        Content::Test(time_ms) => ("keyledger.test", None, Some(*time_ms), None),
    };
    let attributes = Attributes {
        specversion: "1.0",
        id: record.id(),
        source: format!("{source}/{name}/{epoch}"),
        r#type,
        subject,
        time: time_ms.map(rfc3339_ms),
        datacontenttype: "application/json",
        origin: name,
        epoch: *epoch,
        sequence,
    };
    enclose(&attributes, "data", record, out);
}
