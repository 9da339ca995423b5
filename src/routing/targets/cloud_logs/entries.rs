//! Records as entries of IBM Cloud Logs.

use serde::Serialize;

use crate::audit::Severity;
use crate::audit::action::SERVICE;
use crate::routing::envelope::{array, enclose};
use crate::routing::{Batch, Content, Record};

/// The application of all entries, as IBM's own event routing has it.
const APPLICATION: &str = "ibm-audit-event";

/// How an entry is filed: what stands beside the record itself.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry<'a> {
    application_name: &'static str,
    /// `<service>:<instance id>`; the service alone where an event is of no instance.
    subsystem_name: String,
    /// 1 debug, 2 verbose, 3 info, 4 warning, 5 error, 6 critical.
    severity: u8,
    /// Milliseconds since 1970.
    timestamp: i64,
    /// The origin.
    computer_name: &'a str,
    /// Of an event, `<epoch>/<sequence>`. There is no member that means it; those of a source program are to spare.
    #[serde(skip_serializing_if = "Option::is_none")]
    thread_id: Option<String>,
}

/// The body of a request with a batch. `filed` says at what time an event of some time is filed.
pub(super) fn entries(batch: &Batch, now_ms: i64, filed: impl Fn(i64) -> i64) -> Vec<u8> {
    array(&batch.records, |record, out| {
        let entry = entry(batch, record, now_ms, &filed);
        enclose(&entry, "text", record, out);
    })
}

fn entry<'a>(
    batch: &'a Batch,
    record: &Record,
    now_ms: i64,
    filed: impl Fn(i64) -> i64,
) -> Entry<'a> {
    let origin = &batch.origin;
    let (subsystem_name, severity, timestamp) = match &record.content {
        Content::Event(_, event) => {
            let service = SERVICE.trim_end_matches('.');
            let subsystem = match event.scope.instance.as_str() {
                "" => service.to_owned(),
                instance => format!("{service}:{instance}"),
            };
            (subsystem, level(event.severity()), filed(event.time_ms))
        }
        Content::Checkpoint(_) | Content::Test(_) => {
            let subsystem = format!("keyledger:{}", origin.name);
            (subsystem, level(Severity::Normal), now_ms)
        }
    };
    let thread_id = match record.content {
        Content::Event(sequence, _) => Some(format!("{}/{sequence}", origin.epoch)),
        Content::Checkpoint(_) | Content::Test(_) => None,
    };
    Entry {
        application_name: APPLICATION,
        subsystem_name,
        severity,
        timestamp,
        computer_name: &origin.name,
        thread_id,
    }
}

const fn level(severity: Severity) -> u8 {
    match severity {
        Severity::Normal => 3,
        Severity::Warning => 4,
        Severity::Critical => 6,
    }
}
