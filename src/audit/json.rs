//! The JSON of an event, written by hand into a buffer.
//!
//! The fields, their order and their spelling are hashed into the trail: changing anything here
//! changes leaves that were sealed long ago. Text is escaped as `serde_json` does it.

use std::io::Write as _;

use super::data::{CUT, Data, Value, cut};
use super::event::{Event, Outcome, Target, segment};
use crate::domain::{Initiator, InitiatorKind, ObjectId, Scope};

/// The most bytes written of the name of a party or resource. Ours are far shorter: this only bounds
/// what an administrator can make of an event.
const NAME_BYTES_MAX: usize = 256;

/// What follows the time in the CADF form: its offset, what the object is and what kind of event.
pub(super) const CADF_TYPE: &[u8] =
    b"+00:00\",\"typeURI\":\"http://schemas.dmtf.org/cloud/audit/1.0/event\",\"eventType\":\"activity";

/// How much of lists and texts is written.
#[derive(Clone, Copy)]
struct Limits {
    items: usize,
    text_bytes: usize,
}

/// How an event is written: the bytes that are sealed, or the same values as CADF has them.
#[derive(Clone, Copy)]
enum Form<'a> {
    Sealed,
    /// Observed by the origin of this name.
    Cadf(&'a str),
}

pub(super) fn event(out: &mut Vec<u8>, event: &Event) {
    write_sealed(out, event);
}

/// The CADF form. What is cut of an event is the same in both forms.
pub(super) fn cadf_event(out: &mut Vec<u8>, event: &Event, origin: &str) {
    let start = out.len();
    let limits = write_sealed(out, event);
    out.truncate(start);
    write_event(out, event, limits, Form::Cadf(origin));
}

/// Writes the sealed form; gives how much of lists and texts it has.
fn write_sealed(out: &mut Vec<u8>, event: &Event) -> Limits {
    let start = out.len();
    let mut limits = Limits {
        items: Data::LIST_ITEMS_MAX + 1,
        text_bytes: usize::MAX,
    };
    loop {
        write_event(out, event, limits, Form::Sealed);
        if out.len() - start <= Event::BYTES_MAX || limits.text_bytes == 0 {
            return limits;
        }
        out.truncate(start);
        if limits.items > 0 {
            limits.items /= 2;
        } else {
            limits.text_bytes = limits.text_bytes.min(Data::TEXT_BYTES_MAX) / 2;
        }
    }
}

fn write_event(out: &mut Vec<u8>, event: &Event, limits: Limits, form: Form<'_>) {
    out.extend_from_slice(b"{\"id\":\"");
    uuid(out, event.id.as_bytes());
    out.extend_from_slice(b"\",\"eventTime\":\"");
    date_and_time(out, event.time_ms);
    out.extend_from_slice(match form {
        Form::Sealed => b"+0000",
        Form::Cadf(_) => CADF_TYPE,
    });
    out.extend_from_slice(b"\",\"action\":\"");
    plain(out, event.action.name());
    out.extend_from_slice(b"\",\"outcome\":\"");
    plain(out, event.outcome.as_str());
    out.extend_from_slice(b"\",\"message\":\"");
    let message_at = out.len();
    message(out, event);
    escape_from(out, message_at);
    out.extend_from_slice(b"\",\"severity\":\"");
    plain(out, event.severity().as_str());
    out.extend_from_slice(b"\",\"dataEvent\":");
    flag(out, event.action.data_event());
    initiator(out, &event.initiator);
    target(out, event);
    observer(out, form);
    reason(out, event, form);
    out.extend_from_slice(b",\"requestData\":");
    data(out, &event.request, limits);
    out.extend_from_slice(b",\"responseData\":");
    data(out, &event.response, limits);
    out.extend_from_slice(b",\"logSourceCRN\":\"");
    crn(out, &event.scope);
    out.extend_from_slice(b":\",\"saveServiceCopy\":true,\"correlationId\":\"");
    uuid(out, event.correlation.as_bytes());
    out.extend_from_slice(b"\"}");
}

fn observer(out: &mut Vec<u8>, form: Form<'_>) {
    out.extend_from_slice(b",\"observer\":{\"name\":\"ActivityTracker\"");
    if let Form::Cadf(origin) = form {
        out.extend_from_slice(b",\"id\":\"");
        escaped(out, cut(origin, NAME_BYTES_MAX));
        out.extend_from_slice(b"\",\"typeURI\":\"service/security/edge/activity-tracker\"");
    }
    out.push(b'}');
}

fn reason(out: &mut Vec<u8>, event: &Event, form: Form<'_>) {
    let (before, after): (&[u8], &[u8]) = match form {
        Form::Sealed => (b"", b""),
        Form::Cadf(_) => (b"\"", b"\""),
    };
    out.extend_from_slice(b",\"reason\":{\"reasonCode\":");
    out.extend_from_slice(before);
    number(out, i64::from(event.reason.code()));
    out.extend_from_slice(after);
    out.extend_from_slice(b",\"reasonType\":\"");
    plain(out, event.reason.phrase());
    if let (Outcome::Failure, Some(failure)) = (event.outcome, event.failure) {
        out.extend_from_slice(b"\",\"reasonForFailure\":\"");
        plain(out, failure.sentence());
    }
    out.extend_from_slice(b"\"}");
}

/// What follows `service/security/` in the `typeURI` of an initiator, and the type of its credential, if it has one.
pub(super) const fn kind_of_party(kind: InitiatorKind) -> (&'static str, Option<&'static str>) {
    match kind {
        InitiatorKind::Certificate => ("client/certificateid", Some("certificate")),
        InitiatorKind::LocalUser => ("account/user", Some("local")),
        InitiatorKind::User => ("account/user", Some("apikey")),
        InitiatorKind::ServiceId => ("account/serviceid", Some("apikey")),
        InitiatorKind::Server => ("server", None),
        InitiatorKind::ApiKey => ("account/serviceid", Some("apikey")),
        InitiatorKind::Administrator => ("account/user", Some("certificate")),
    }
}

fn initiator(out: &mut Vec<u8>, initiator: &Initiator) {
    let (type_uri, credential) = kind_of_party(initiator.kind);
    out.extend_from_slice(b",\"initiator\":{\"id\":\"");
    escaped(out, cut(&initiator.id, NAME_BYTES_MAX));
    out.extend_from_slice(b"\",\"name\":\"");
    escaped(out, cut(&initiator.name, NAME_BYTES_MAX));
    out.extend_from_slice(b"\",\"typeURI\":\"service/security/");
    plain(out, type_uri);
    if let Some(credential) = credential {
        out.extend_from_slice(b"\",\"credential\":{\"type\":\"");
        plain(out, credential);
        out.extend_from_slice(b"\"}}");
    } else {
        out.extend_from_slice(b"\"}");
    }
}

fn target(out: &mut Vec<u8>, event: &Event) {
    out.extend_from_slice(b",\"target\":{\"id\":\"");
    crn(out, &event.scope);
    match &event.target {
        Target::Instance => {}
        Target::Key(_) | Target::UnknownKey(_) => plain(out, "kmip-key"),
        Target::Resource(_) | Target::Named { .. } => plain(out, event.action.object_type()),
    }
    out.push(b':');
    let name_at = out.len();
    let named = match &event.target {
        Target::Named { id, .. } => {
            plain(out, cut(id, NAME_BYTES_MAX));
            true
        }
        other => target_name(out, other),
    };
    escape_from(out, name_at);
    if named {
        out.extend_from_slice(b"\",\"name\":\"");
        let name_at = out.len();
        target_name(out, &event.target);
        escape_from(out, name_at);
    }
    out.extend_from_slice(b"\",\"typeURI\":\"");
    plain(out, event.action.type_uri());
    out.extend_from_slice(b"\"}");
}

/// The CRN of the scope up to the colon before the resource type's end: `…:<instance>:`.
fn crn(out: &mut Vec<u8>, scope: &Scope) {
    escaped(out, &scope.crn_prefix);
    out.extend_from_slice(b":vmware-solutions:");
    escaped(out, &scope.location);
    out.extend_from_slice(b":a/");
    escaped(out, &scope.account);
    out.push(b':');
    escaped(out, &scope.instance);
    out.push(b':');
}

fn data(out: &mut Vec<u8>, data: &Data, limits: Limits) {
    if let Some(object) = data.as_object() {
        return plain(out, object);
    }
    out.push(b'{');
    for (index, (field, value)) in data.values().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        out.push(b'"');
        plain(out, field.name());
        out.extend_from_slice(b"\":");
        match value {
            Value::Text(text) => quoted(out, text, limits.text_bytes),
            Value::Number(value) => number(out, value),
            Value::Flag(value) => flag(out, value),
            Value::Id(id) => {
                out.push(b'"');
                uuid(out, id.as_bytes());
                out.push(b'"');
            }
            Value::List(list) => {
                let cut_mark = (list.count > limits.items).then_some(CUT);
                out.push(b'[');
                for (index, item) in list.items().take(limits.items).chain(cut_mark).enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    quoted(out, item, usize::MAX);
                }
                out.push(b']');
            }
            // Only a stored record holds it, and decoding replaces it.
            Value::Target => out.extend_from_slice(b"null"),
        }
    }
    out.push(b'}');
}

/// Appends the message, not escaped.
pub(super) fn message(out: &mut Vec<u8>, event: &Event) {
    plain(out, event.action.display_name());
    out.extend_from_slice(b": ");
    plain(out, event.action.verb());
    out.push(b' ');
    plain(out, event.action.object_type());
    let space_at = out.len();
    out.push(b' ');
    if !target_name(out, &event.target) {
        out.truncate(space_at);
    }
    match event.outcome {
        Outcome::Success => {}
        Outcome::Failure => out.extend_from_slice(b" -failure"),
        Outcome::Pending => out.extend_from_slice(b" -pending"),
    }
}

/// Appends the target's name, not escaped; says whether it has one.
pub(super) fn target_name(out: &mut Vec<u8>, target: &Target) -> bool {
    match target {
        Target::Instance => false,
        Target::Key(id) => {
            uuid(out, id.as_bytes());
            true
        }
        Target::Resource(name) | Target::Named { name, .. } => {
            plain(out, cut(name, NAME_BYTES_MAX));
            !name.is_empty()
        }
        Target::UnknownKey(text) => {
            plain(out, &segment(text));
            !text.is_empty()
        }
    }
}

/// Appends an identifier's text.
pub(super) fn uuid(out: &mut Vec<u8>, bytes: &[u8; 16]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    /// Where the digits of each byte stand.
    const PLACES: [usize; 16] = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];
    let mut text = [b'-'; 36];
    for (byte, place) in bytes.iter().zip(PLACES) {
        text[place] = DIGITS[usize::from(byte >> 4)];
        text[place + 1] = DIGITS[usize::from(byte & 0x0f)];
    }
    out.extend_from_slice(&text);
}

/// Appends a time as `2026-11-23T12:00:01.23+0000`; hundredths are cut, not rounded.
pub(super) fn time(out: &mut Vec<u8>, time_ms: i64) {
    date_and_time(out, time_ms);
    out.extend_from_slice(b"+0000");
}

/// Appends a time without its offset.
fn date_and_time(out: &mut Vec<u8>, time_ms: i64) {
    // The years 0001 to 9999: what has four digits.
    let time_ms = time_ms.clamp(-62_135_596_800_000, 253_402_300_799_999);
    let (year, month, day) = civil(time_ms.div_euclid(86_400_000));
    let of_day = time_ms.rem_euclid(86_400_000);
    two_digits(out, year / 100);
    two_digits(out, year % 100);
    for (mark, value) in [
        (b'-', month),
        (b'-', day),
        (b'T', of_day / 3_600_000),
        (b':', of_day / 60_000 % 60),
        (b':', of_day / 1000 % 60),
        (b'.', of_day / 10 % 100),
    ] {
        out.push(mark);
        two_digits(out, value);
    }
}

/// Year, month and day of a day counted from 1970, in the Gregorian calendar.
///
/// Counts from 1 March of year 0, so that the leap day is the last of its year.
const fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year_of_era + era * 400;
    (if month <= 2 { year + 1 } else { year }, month, day)
}

fn two_digits(out: &mut Vec<u8>, value: i64) {
    let digit = |value: i64| b'0' + u8::try_from(value).unwrap_or(0);
    out.push(digit(value / 10 % 10));
    out.push(digit(value % 10));
}

fn plain(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
}

fn flag(out: &mut Vec<u8>, flag: bool) {
    plain(out, if flag { "true" } else { "false" });
}

fn number(out: &mut Vec<u8>, number: i64) {
    write!(out, "{number}").expect("a Vec takes every byte");
}

fn quoted(out: &mut Vec<u8>, text: &str, bytes_max: usize) {
    out.push(b'"');
    if text.len() > bytes_max {
        escaped(out, cut(text, bytes_max));
        plain(out, CUT);
    } else {
        escaped(out, text);
    }
    out.push(b'"');
}

fn escaped(out: &mut Vec<u8>, text: &str) {
    let start = out.len();
    plain(out, text);
    escape_from(out, start);
}

/// Escapes what was appended since `start`. Most text needs none, and then nothing is copied.
fn escape_from(out: &mut Vec<u8>, start: usize) {
    let written = out.get(start..).unwrap_or_default();
    // Without an early end, which the compiler could not turn into a comparison of many bytes at once.
    let escapes = written.iter().fold(false, |found, &byte| {
        found | (byte < 0x20) | (byte == b'"') | (byte == b'\\')
    });
    if !escapes {
        return;
    }
    let text = String::from_utf8_lossy(written).into_owned();
    out.truncate(start);
    serde_json::to_writer(&mut *out, &text).expect("a Vec takes every byte");
    // The writer adds quotes; the caller has its own.
    out.pop();
    out.remove(start);
}

/// The text of a key's identifier without `fmt`.
pub(super) fn id_text(id: &ObjectId) -> String {
    let mut text = Vec::with_capacity(36);
    uuid(&mut text, id.as_bytes());
    String::from_utf8(text).unwrap_or_default()
}
