//! One record as a message of RFC 5424, and how messages follow one another on a stream.

use std::io::Write as _;

use serde::{Deserialize, Serialize};

use crate::audit::Severity;
use crate::routing::{Content, Record};
use crate::store::Origin;

/// Marks a message whose text is UTF-8 (RFC 5424 §6.4).
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// What kind of program speaks (RFC 5424 §6.2.1).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Facility {
    /// Messages of programs: 1.
    User,
    /// Background services: 3.
    Daemon,
    /// Security and authorization: 4.
    Auth,
    /// The same, kept private: 10.
    Authpriv,
    /// Log audit: 13.
    #[default]
    Audit,
    /// Log alert: 14.
    Alert,
    /// For local use: 16.
    Local0,
    /// For local use: 17.
    Local1,
    /// For local use: 18.
    Local2,
    /// For local use: 19.
    Local3,
    /// For local use: 20.
    Local4,
    /// For local use: 21.
    Local5,
    /// For local use: 22.
    Local6,
    /// For local use: 23.
    Local7,
}

impl Facility {
    const fn code(self) -> u8 {
        match self {
            Self::User => 1,
            Self::Daemon => 3,
            Self::Auth => 4,
            Self::Authpriv => 10,
            Self::Audit => 13,
            Self::Alert => 14,
            Self::Local0 => 16,
            Self::Local1 => 17,
            Self::Local2 => 18,
            Self::Local3 => 19,
            Self::Local4 => 20,
            Self::Local5 => 21,
            Self::Local6 => 22,
            Self::Local7 => 23,
        }
    }
}

/// What all messages of a target have in common.
#[derive(Debug, Clone)]
pub(super) struct Header {
    pub(super) facility: Facility,
    pub(super) hostname: String,
    pub(super) app_name: String,
    /// The identifier of our structured data, `name@number`.
    pub(super) structured_data_id: String,
}

impl Header {
    /// Appends the record as one message, its length before it (RFC 6587 §3.4.1, RFC 5425 §4.3). Records that hold no time are given `now_ms`.
    pub(super) fn write_framed(
        &self,
        out: &mut Vec<u8>,
        origin: &Origin,
        record: &Record,
        now_ms: i64,
    ) {
        let mut message = Vec::with_capacity(record.json.len() + 1024);
        self.write(&mut message, origin, record, now_ms);
        written(write!(out, "{} ", message.len()));
        out.extend_from_slice(&message);
    }

    /// `PRI VERSION TIMESTAMP HOSTNAME APP-NAME PROCID MSGID STRUCTURED-DATA MSG`.
    ///
    /// PROCID is the epoch: a change of it tells the receiver of a discontinuity, which a restart of the server is not. MSGID is what kind of
    /// record it is.
    fn write(&self, out: &mut Vec<u8>, origin: &Origin, record: &Record, now_ms: i64) {
        let priority = self.facility.code() * 8 + severity(record);
        let time = timestamp(match &record.content {
            Content::Event(_, event) => event.time_ms,
            Content::Test(time_ms) => *time_ms,
            Content::Checkpoint(_) => now_ms,
        });
        let (hostname, app_name) = (&self.hostname, &self.app_name);
        let (epoch, kind) = (origin.epoch, record.kind());
        written(write!(
            out,
            "<{priority}>1 {time} {hostname} {app_name} {epoch} {kind} "
        ));
        self.write_structured_data(out, origin, record);
        out.push(b' ');
        // Of a text that is ASCII it would say nothing, and programs that take the text for JSON stumble over it.
        if !record.json.is_ascii() {
            out.extend_from_slice(BYTE_ORDER_MARK);
        }
        out.extend_from_slice(&record.json);
    }

    fn write_structured_data(&self, out: &mut Vec<u8>, origin: &Origin, record: &Record) {
        written(write!(out, "[{}", self.structured_data_id));
        parameter(out, "id", &record.id());
        parameter(out, "origin", &origin.name);
        parameter(out, "epoch", &origin.epoch.to_string());
        match &record.content {
            Content::Event(sequence, event) => {
                parameter(out, "sequence", &sequence.to_string());
                parameter(out, "action", event.action.name());
                parameter(out, "outcome", event.outcome.as_str());
                parameter(out, "severity", event.severity().as_str());
                parameter(out, "reasonCode", &event.reason.code().to_string());
                parameter(out, "initiator", &event.initiator.id);
                parameter(out, "initiatorName", &event.initiator.name);
                if let Some(name) = event.target_name() {
                    parameter(out, "target", &name);
                }
                parameter(out, "instance", &event.scope.instance);
                parameter(out, "location", &event.scope.location);
                parameter(out, "correlationId", &event.correlation.to_string());
            }
            Content::Checkpoint(size) => parameter(out, "size", &size.to_string()),
            Content::Test(_) => {}
        }
        out.push(b']');
    }
}

/// Events by how grave they are, all else as information (RFC 5424 §6.2.1).
fn severity(record: &Record) -> u8 {
    match record.event().map(crate::audit::Event::severity) {
        Some(Severity::Critical) => 2,
        Some(Severity::Warning) => 4,
        Some(Severity::Normal) | None => 6,
    }
}

/// To the millisecond, in UTC; `-` where a year has no four digits.
fn timestamp(time_ms: i64) -> String {
    let time = jiff::Timestamp::from_millisecond(time_ms).ok();
    let time = time.filter(|time| *time >= jiff::Timestamp::UNIX_EPOCH);
    time.map_or_else(|| "-".to_owned(), |time| format!("{time:.3}"))
}

/// A parameter, its value escaped (RFC 5424 §6.3.3); none where the value is empty.
///
/// Control characters become spaces: a value is what filters and screens show, and receivers that write lines must not be given one that
/// holds two. As they are they stand in the JSON.
fn parameter(out: &mut Vec<u8>, name: &str, value: &str) {
    if value.is_empty() {
        return;
    }
    written(write!(out, " {name}=\""));
    for c in value.chars() {
        if matches!(c, '"' | '\\' | ']') {
            out.push(b'\\');
        }
        let shown = if c.is_control() { ' ' } else { c };
        out.extend_from_slice(shown.encode_utf8(&mut [0; 4]).as_bytes());
    }
    out.push(b'"');
}

fn written(outcome: std::io::Result<()>) {
    outcome.expect("a Vec takes every byte");
}
