//! The stored form of an event: compact, and enough to write the very same JSON again.
//!
//! Initiators and scopes are stored once elsewhere and named here by number. What comes back from a
//! store may be damaged: decoding reports that and never panics. It does not prove that a record is
//! the one that was written; the trail's tree does.
//!
//! Layout of version 1, numbers little-endian, `v` a LEB128 number:
//! version 1, action 2, outcome 1, reason 2, failure 1 (0: none), time 8, initiator v, scope v,
//! target (0 instance; 1 key, 16; 2 resource, text; 3 unknown key, text; 4 named, id and name as texts), event id 16,
//! correlation 16, length v of the request's data, that data, the response's data.
//!
//! Version 2 holds its initiator itself: in the place of its number, the 32 bytes of a certificate's fingerprint and its name
//! as text, empty where that is the id. Refusals are stored so: strangers make as many initiators as they like, and what has a
//! number is kept for good. Version 3 does so for a party that another system named: its kind 1 (3 user, 4 service), its id and its name as
//! texts, the name empty where it is the id.

use std::sync::Arc;

use super::action::{Action, Kind};
use super::data::{Data, push_text, push_varint, take_array, take_text, take_varint};
use super::event::{Event, Outcome, Target};
use super::failure::Failure;
use super::reason::ReasonCode;
use crate::crypto::Fingerprint;
use crate::domain::{EventId, Initiator, InitiatorKind, ObjectId, RequestId, Scope};

// Stored state: changing anything below needs a migration and a new format version.
const VERSION: u8 = 1;
const VERSION_WITH_INITIATOR: u8 = 2;
const VERSION_WITH_PARTY: u8 = 3;
const USER: u8 = 3;
const SERVICE: u8 = 4;
const INSTANCE: u8 = 0;
const KEY: u8 = 1;
const RESOURCE: u8 = 2;
const UNKNOWN_KEY: u8 = 3;
const NAMED: u8 = 4;

/// Why a stored event cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// It was written by a newer release, or is no record.
    #[error("the record has the unknown format version {0}")]
    Version(u8),
    /// It ends early, goes on too long or holds a code that does not exist.
    #[error("the record is damaged")]
    Damaged,
    /// The store does not know this initiator.
    #[error("the record names the unknown initiator {0}")]
    Initiator(u32),
    /// The store does not know this scope.
    #[error("the record names the unknown scope {0}")]
    Scope(u32),
}

/// Finds the initiators and scopes that records name by number.
pub trait Resolve {
    /// The initiator stored under this number.
    fn initiator(&self, id: u32) -> Option<Arc<Initiator>>;
    /// The scope stored under this number.
    fn scope(&self, id: u32) -> Option<Arc<Scope>>;
}

/// The part of a record that filters look at first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// What was done.
    pub action: Action,
    /// How it ended.
    pub outcome: Outcome,
    /// When, milliseconds since 1970.
    pub time_ms: i64,
    /// The number of the initiator, or [`HELD`].
    pub initiator: u32,
    /// The number of the scope.
    pub scope: u32,
    /// The key it was done to, if that is one of ours.
    pub object: Option<ObjectId>,
}

/// The number of an initiator that its record holds; no stored one has it.
pub const HELD: u32 = 0;

/// Whether the record of this event holds its initiator itself: encode it with [`HELD`].
#[must_use]
pub fn holds_initiator(event: &Event) -> bool {
    (event.action == Action::ClientRefuse && event.initiator.fingerprint().is_some())
        || (event.action.kind() == Kind::Management && party_code(event.initiator.kind).is_some())
}

/// The number of a kind of party that another system names.
const fn party_code(kind: InitiatorKind) -> Option<u8> {
    match kind {
        InitiatorKind::User => Some(USER),
        InitiatorKind::ServiceId => Some(SERVICE),
        InitiatorKind::Certificate
        | InitiatorKind::LocalUser
        | InitiatorKind::Server
        | InitiatorKind::ApiKey
        | InitiatorKind::Administrator => None,
    }
}

/// Appends the stored form of `event` to `out`; its initiator and scope are stored under the
/// numbers given, or the initiator is in the record where its number is [`HELD`].
pub fn encode(event: &Event, initiator: u32, scope: u32, out: &mut Vec<u8>) {
    let is_held = initiator == HELD;
    let fingerprint = event.initiator.fingerprint().filter(|_| is_held);
    let party = party_code(event.initiator.kind).filter(|_| is_held);
    out.push(match (fingerprint, party) {
        (Some(_), _) => VERSION_WITH_INITIATOR,
        (None, Some(_)) => VERSION_WITH_PARTY,
        (None, None) => VERSION,
    });
    out.extend_from_slice(&event.action.code().to_le_bytes());
    out.push(event.outcome.code());
    out.extend_from_slice(&event.reason.code().to_le_bytes());
    out.push(event.failure.map_or(0, Failure::code));
    out.extend_from_slice(&event.time_ms.to_le_bytes());
    match (fingerprint, party) {
        (Some(fingerprint), _) => {
            out.extend_from_slice(fingerprint.as_bytes());
            encode_name(&event.initiator, out);
        }
        (None, Some(kind)) => {
            out.push(kind);
            push_text(out, &event.initiator.id);
            encode_name(&event.initiator, out);
        }
        (None, None) => push_varint(out, u64::from(initiator)),
    }
    push_varint(out, u64::from(scope));
    let key = encode_target(&event.target, out);
    out.extend_from_slice(event.id.as_bytes());
    out.extend_from_slice(event.correlation.as_bytes());
    let mut request = Vec::with_capacity(64);
    event.request.encode(key, &mut request);
    push_varint(out, u64::try_from(request.len()).unwrap_or(u64::MAX));
    out.extend_from_slice(&request);
    event.response.encode(key, out);
}

fn encode_name(initiator: &Initiator, out: &mut Vec<u8>) {
    let has_name = initiator.name != initiator.id;
    push_text(out, if has_name { &initiator.name } else { "" });
}

fn encode_target<'a>(target: &'a Target, out: &mut Vec<u8>) -> Option<&'a ObjectId> {
    match target {
        Target::Instance => out.push(INSTANCE),
        Target::Key(id) => {
            out.push(KEY);
            out.extend_from_slice(id.as_bytes());
            return Some(id);
        }
        Target::Resource(name) => {
            out.push(RESOURCE);
            push_text(out, name);
        }
        Target::UnknownKey(text) => {
            out.push(UNKNOWN_KEY);
            push_text(out, text);
        }
        Target::Named { id, name } => {
            out.push(NAMED);
            push_text(out, id);
            push_text(out, name);
        }
    }
    None
}

/// The event stored as `bytes`.
///
/// # Errors
/// [`RecordError`] if the record is damaged, of another version, or names what `resolve` lacks.
pub fn decode(bytes: &[u8], resolve: &dyn Resolve) -> Result<Event, RecordError> {
    let (start, mut rest) = take_start(bytes)?;
    let id = EventId::from_bytes(take_array(&mut rest).ok_or(RecordError::Damaged)?);
    let correlation = RequestId::from_bytes(take_array(&mut rest).ok_or(RecordError::Damaged)?);
    let (request, response) = take_data(rest, start.head.object).ok_or(RecordError::Damaged)?;
    let head = start.head;
    let initiator = match start.initiator {
        StoredInitiator::Number(number) => resolve
            .initiator(number)
            .ok_or(RecordError::Initiator(number))?,
        StoredInitiator::Held { fingerprint, name } => {
            Arc::new(Initiator::certificate(fingerprint, name))
        }
        StoredInitiator::Party { kind, id, name } => Arc::new(Initiator {
            id: id.to_owned(),
            name: if name.is_empty() { id } else { name }.to_owned(),
            kind,
        }),
    };
    let scope = resolve.scope(head.scope);
    Ok(Event {
        id,
        time_ms: head.time_ms,
        action: head.action,
        outcome: head.outcome,
        initiator,
        scope: scope.ok_or(RecordError::Scope(head.scope))?,
        target: start.target.owned(),
        reason: start.reason,
        failure: start.failure,
        request,
        response,
        correlation,
    })
}

/// The head of the record `bytes`, without reading the rest; nothing is allocated.
///
/// # Errors
/// [`RecordError`] if the head is damaged or the record is of another version.
pub fn peek(bytes: &[u8]) -> Result<Head, RecordError> {
    take_start(bytes).map(|(start, _)| start.head)
}

struct Start<'a> {
    head: Head,
    initiator: StoredInitiator<'a>,
    reason: ReasonCode,
    failure: Option<Failure>,
    target: StoredTarget<'a>,
}

#[derive(Clone, Copy)]
enum StoredInitiator<'a> {
    Number(u32),
    Held {
        fingerprint: Fingerprint,
        name: &'a str,
    },
    Party {
        kind: InitiatorKind,
        id: &'a str,
        name: &'a str,
    },
}

#[derive(Clone, Copy)]
enum StoredTarget<'a> {
    Instance,
    Key(ObjectId),
    Resource(&'a str),
    UnknownKey(&'a str),
    Named { id: &'a str, name: &'a str },
}

impl StoredTarget<'_> {
    fn owned(self) -> Target {
        match self {
            Self::Instance => Target::Instance,
            Self::Key(id) => Target::Key(id),
            Self::Resource(name) => Target::Resource(name.to_owned()),
            Self::UnknownKey(text) => Target::UnknownKey(text.to_owned()),
            Self::Named { id, name } => Target::Named {
                id: id.to_owned(),
                name: name.to_owned(),
            },
        }
    }
}

fn take_start(bytes: &[u8]) -> Result<(Start<'_>, &[u8]), RecordError> {
    let (&version, mut rest) = bytes.split_first().ok_or(RecordError::Damaged)?;
    if !(VERSION..=VERSION_WITH_PARTY).contains(&version) {
        return Err(RecordError::Version(version));
    }
    let start = take_fields(&mut rest, version).ok_or(RecordError::Damaged)?;
    Ok((start, rest))
}

fn take_initiator<'a>(rest: &mut &'a [u8], version: u8) -> Option<StoredInitiator<'a>> {
    Some(match version {
        VERSION_WITH_INITIATOR => StoredInitiator::Held {
            fingerprint: Fingerprint::from_bytes(take_array(rest)?),
            name: take_text(rest)?,
        },
        VERSION_WITH_PARTY => StoredInitiator::Party {
            kind: match take_array(rest)? {
                [USER] => InitiatorKind::User,
                [SERVICE] => InitiatorKind::ServiceId,
                _ => return None,
            },
            id: take_text(rest)?,
            name: take_text(rest)?,
        },
        _ => StoredInitiator::Number(u32::try_from(take_varint(rest)?).ok()?),
    })
}

fn take_fields<'a>(rest: &mut &'a [u8], version: u8) -> Option<Start<'a>> {
    let action = Action::from_code(u16::from_le_bytes(take_array(rest)?))?;
    let [outcome] = take_array(rest)?;
    let outcome = Outcome::from_code(outcome)?;
    let reason = ReasonCode::from_code(u16::from_le_bytes(take_array(rest)?))?;
    let failure = match take_array(rest)? {
        [0] => None,
        [code] => Some(Failure::from_code(code)?),
    };
    let time_ms = i64::from_le_bytes(take_array(rest)?);
    let initiator = take_initiator(rest, version)?;
    let scope = u32::try_from(take_varint(rest)?).ok()?;
    let target = match take_array(rest)? {
        [INSTANCE] => StoredTarget::Instance,
        [KEY] => StoredTarget::Key(ObjectId::from_bytes(take_array(rest)?)),
        [RESOURCE] => StoredTarget::Resource(take_text(rest)?),
        [UNKNOWN_KEY] => StoredTarget::UnknownKey(take_text(rest)?),
        [NAMED] => StoredTarget::Named {
            id: take_text(rest)?,
            name: take_text(rest)?,
        },
        _ => return None,
    };
    let object = match target {
        StoredTarget::Key(id) => Some(id),
        StoredTarget::Instance
        | StoredTarget::Resource(_)
        | StoredTarget::UnknownKey(_)
        | StoredTarget::Named { .. } => None,
    };
    let head = Head {
        action,
        outcome,
        time_ms,
        initiator: match initiator {
            StoredInitiator::Number(number) => number,
            StoredInitiator::Held { .. } | StoredInitiator::Party { .. } => HELD,
        },
        scope,
        object,
    };
    Some(Start {
        head,
        initiator,
        reason,
        failure,
        target,
    })
}

fn take_data(mut rest: &[u8], key: Option<ObjectId>) -> Option<(Data, Data)> {
    let length = usize::try_from(take_varint(&mut rest)?).ok()?;
    let (request, response) = rest.split_at_checked(length)?;
    Some((
        Data::decode(request, key.as_ref())?,
        Data::decode(response, key.as_ref())?,
    ))
}
