//! One record of a topic: what consumers filter and order by, around the very bytes of the JSON.

use std::borrow::Cow;
use std::collections::BTreeMap;

use rskafka::chrono::DateTime;
use rskafka::record::Record as KafkaRecord;
use serde::Deserialize;

use crate::routing::{Content, Record};
use crate::store::Origin;

/// What stands for no location in events and in rules.
const GLOBAL: &str = "global";

/// The part of an event's JSON that has its target.
#[derive(Deserialize)]
struct Targeted<'a> {
    #[serde(borrow)]
    target: Identified<'a>,
}

#[derive(Deserialize)]
struct Identified<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
}

/// The record for the topic. The key is the `target.id` of an event, and the origin of what is no event.
pub(super) fn of(origin: &Origin, record: &Record, now_ms: i64) -> KafkaRecord {
    let mut headers = BTreeMap::new();
    let mut header = |name: &str, value: &str| {
        headers.insert(name.to_owned(), value.as_bytes().to_vec());
    };
    header("id", &record.id());
    header("origin", &origin.name);
    header("epoch", &origin.epoch.to_string());
    let time_ms = match &record.content {
        Content::Event(sequence, event) => {
            let location = Some(event.scope.location.as_str()).filter(|name| !name.is_empty());
            // Events know no region that would differ from their location.
            let location = location.unwrap_or(GLOBAL);
            header("type", "audit");
            header("account", &event.scope.account);
            header("region", location);
            header("location", location);
            header("sequence", &sequence.to_string());
            event.time_ms
        }
        Content::Checkpoint(size) => {
            header("type", record.kind());
            header("size", &size.to_string());
            now_ms
        }
        Content::Test(time_ms) => {
            header("type", record.kind());
            *time_ms
        }
    };
    let targeted = record
        .event()
        .and_then(|_| serde_json::from_slice::<Targeted<'_>>(&record.json).ok());
    let key = targeted.map_or_else(|| Cow::from(&origin.name), |targeted| targeted.target.id);
    KafkaRecord {
        key: Some(key.as_bytes().to_vec()),
        value: Some(record.json.clone()),
        headers,
        timestamp: DateTime::from_timestamp_millis(time_ms).unwrap_or_default(),
    }
}
