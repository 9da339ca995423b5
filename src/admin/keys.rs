//! Keys as an administrator sees them: states, dates and the names vCenter gives, never material.
//!
//! Reading here makes no event: nothing of a key leaves but what describes it. A page looks at a bounded number of keys, so that a
//! filter that matches nothing does not hold a connection.

use super::message::{self, KeyList, Keys, Response};
use super::{Admin, AdminError};
use crate::domain::clock::rfc3339;
use crate::domain::{Instance, Object, ObjectId, lifecycle};
use crate::kmip::attribute::{Attribute, AttributeValue};
use crate::kmip::enums::State;

/// The most keys one page holds.
pub const KEYS_PER_PAGE_MAX: usize = 1000;
/// The most keys one request looks at.
pub(super) const KEYS_SCANNED_MAX: usize = 20_000;
/// The least that it looks at once: a filter that few keys match must not cost a read of the store for each.
const KEYS_AT_ONCE_MIN: usize = 200;

pub(super) const NAME: &str = "x-Name";
const IDENTIFIER: &str = "x-Identifier";
pub(super) const COMPONENT: &str = "x-Component";

/// A page of keys of one instance.
pub(super) async fn list(admin: &Admin, request: KeyList) -> Result<Response, AdminError> {
    let instance = admin.instance(request.instance.as_deref())?;
    let wanted = request.state.as_deref().map(state_named).transpose()?;
    let mut after = request.after.as_deref().map(parse_id).transpose()?;
    let limit = request.limit.clamp(1, KEYS_PER_PAGE_MAX);
    let (mut keys, mut scanned) = (Vec::new(), 0);
    while keys.len() < limit && scanned < KEYS_SCANNED_MAX {
        let size = at_once(limit);
        let page = admin.store.objects_after(instance.id, after, size).await?;
        let ended = page.len() < size;
        for object in &page {
            if keys.len() == limit {
                return Ok(Response::Keys(Keys {
                    keys,
                    next: after.map(|id| id.to_string()),
                }));
            }
            after = Some(object.id);
            let state = lifecycle::state_at(object, admin.now());
            let key = view(&instance, object, state);
            if wanted.is_none_or(|wanted| wanted == state) && matches(&request, &key) {
                keys.push(key);
            }
        }
        if ended {
            return Ok(Response::Keys(Keys { keys, next: None }));
        }
        scanned += page.len();
    }
    Ok(Response::Keys(Keys {
        keys,
        next: after.map(|id| id.to_string()),
    }))
}

/// How many keys are read at once where a page is to hold so many.
pub(super) fn at_once(limit: usize) -> usize {
    limit.max(KEYS_AT_ONCE_MIN)
}

/// There is no such key.
pub(super) fn missing(id: &str) -> AdminError {
    let advice = "see `keyledger key list`";
    AdminError::not_found(format!("there is no key `{}`; {advice}", id.escape_debug()))
}

/// One key, of whatever instance.
pub(super) async fn show(admin: &Admin, id: &str) -> Result<Response, AdminError> {
    let missing = || missing(id);
    let id = id.parse::<ObjectId>().map_err(|_| missing())?;
    let object = admin.store.object(id).await?.ok_or_else(missing)?;
    let snapshot = admin.store.clients();
    let instance = snapshot.instance(object.instance).ok_or_else(missing)?;
    let state = lifecycle::state_at(&object, admin.now());
    let mut key = view(instance, &object, state);
    let readers = admin.store.last_readers(vec![object.id]).await?;
    key.last_read_by = readers.into_iter().next().flatten().map(|(_, name)| name);
    Ok(Response::Key(Box::new(key)))
}

pub(super) fn parse_id(text: &str) -> Result<ObjectId, AdminError> {
    text.parse()
        .map_err(|error| AdminError::invalid(format!("after: {error}")))
}

const STATES: [State; 6] = [
    State::PreActive,
    State::Active,
    State::Deactivated,
    State::Compromised,
    State::Destroyed,
    State::DestroyedCompromised,
];

fn state_named(text: &str) -> Result<State, AdminError> {
    let plain = |text: &str| text.to_ascii_lowercase().replace(['-', '_', ' '], "");
    let found = STATES
        .into_iter()
        .find(|state| plain(state.name()) == plain(text));
    found.ok_or_else(|| {
        let names = STATES.map(State::name).join(", ");
        AdminError::invalid(format!(
            "state: `{}` is none of {names}",
            text.escape_debug()
        ))
    })
}

fn matches(request: &KeyList, key: &message::Key) -> bool {
    let contains = |held: &Option<String>, part: &str| {
        held.as_ref()
            .is_some_and(|held| held.to_lowercase().contains(&part.to_lowercase()))
    };
    let named = |part: &String| {
        contains(&key.x_name, part) || key.names.iter().any(|name| name.contains(part))
    };
    request.name.as_ref().is_none_or(named)
        && request
            .identifier
            .as_ref()
            .is_none_or(|id| key.x_identifier.as_ref() == Some(id))
        && request
            .component
            .as_ref()
            .is_none_or(|part| contains(&key.x_component, part))
}

/// The text of a custom attribute.
pub(super) fn custom(object: &Object, name: &str) -> Option<String> {
    let mut attributes = object.attributes.iter();
    let held = attributes.find(|held| held.name.text() == name)?;
    Some(value_text(&held.value))
}

/// A key as it is shown, without who read it last.
pub(super) fn view(instance: &Instance, object: &Object, state: State) -> message::Key {
    let dates = &object.dates;
    let shown = |held: &&Attribute| ![NAME, IDENTIFIER, COMPONENT].contains(&held.name.text());
    let others = object.attributes.iter().filter(shown);
    message::Key {
        id: object.id.to_string(),
        instance: instance.name.clone(),
        state: state.name().to_owned(),
        object_type: object.object_type.name().to_owned(),
        algorithm: object
            .algorithm
            .map(|algorithm| algorithm.name().to_owned()),
        length: object.length,
        created: rfc3339(dates.initial),
        activated: dates.activation.map(rfc3339),
        deactivated: dates.deactivation.map(rfc3339),
        destroyed: dates.destroy.map(rfc3339),
        last_read: object.last_read.map(rfc3339),
        names: object.names.iter().map(|name| name.value.clone()).collect(),
        last_read_by: None,
        destruction_due: object.destroy_due.map(rfc3339),
        x_name: custom(object, NAME),
        x_identifier: custom(object, IDENTIFIER),
        x_component: custom(object, COMPONENT),
        attributes: others
            .map(|held| (held.name.text().to_owned(), value_text(&held.value)))
            .collect(),
    }
}

/// A value for people. Bytes are shown by their number only: what a client keeps in them is its own.
fn value_text(value: &AttributeValue) -> String {
    match value {
        AttributeValue::Text(text) => text.replace(char::is_control, "?"),
        AttributeValue::Integer(number) => number.to_string(),
        AttributeValue::LongInteger(number) => number.to_string(),
        AttributeValue::Enumeration(code) => format!("0x{code:08x}"),
        AttributeValue::Boolean(flag) => flag.to_string(),
        AttributeValue::DateTime(time) => rfc3339(*time),
        AttributeValue::Interval(seconds) => format!("{seconds} s"),
        AttributeValue::Bytes(bytes) => format!("({} bytes)", bytes.len()),
        AttributeValue::BigInteger(bytes) => format!("(big integer, {} bytes)", bytes.len()),
        AttributeValue::Structure(fields) => format!("(structure, {} fields)", fields.len()),
    }
}
