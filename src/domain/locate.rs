//! Which objects match the criteria of Locate (KMIP 1.4 §4.9).
//!
//! [`lead`] picks the criterion the store has an index for; [`matches()`] decides, on the loaded object, over all of them.

use crate::domain::Object;
use crate::domain::attributes::{name_parts, named};
use crate::domain::lifecycle::{is_destroyed, state_at};
use crate::kmip::attribute::{Attribute, AttributeName, AttributeValue, StandardAttribute};
use crate::kmip::enums::State;
use crate::kmip::version::ProtocolVersion;

/// The criterion to start from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lead<'a> {
    /// Objects with this Name: at most one that is not destroyed.
    Name(&'a str),
    /// Objects with this custom attribute.
    Custom(&'a str, &'a AttributeValue),
    /// All objects of the instance.
    All,
}

/// The narrowest criterion that has an index.
#[must_use]
pub fn lead(criteria: &[Attribute]) -> Lead<'_> {
    let name = criteria.iter().find_map(|criterion| match &criterion.name {
        AttributeName::Standard(StandardAttribute::Name) => name_text(&criterion.value),
        _ => None,
    });
    if let Some(name) = name {
        return Lead::Name(name);
    }
    let custom = criteria.iter().find_map(|criterion| match &criterion.name {
        // Dates may be the ends of a range and structures partial: the index knows whole values only.
        AttributeName::Custom(name) => match criterion.value {
            AttributeValue::DateTime(_) | AttributeValue::Structure(_) => None,
            _ => Some(Lead::Custom(name, &criterion.value)),
        },
        AttributeName::Standard(_) | AttributeName::Unknown(_) => None,
    });
    custom.unwrap_or(Lead::All)
}

fn name_text(value: &AttributeValue) -> Option<&str> {
    name_parts(value).ok().map(|(text, _)| text)
}

/// The first criterion that names no attribute.
#[must_use]
pub fn unknown(criteria: &[Attribute]) -> Option<&str> {
    let is_unknown = |criterion: &&Attribute| matches!(criterion.name, AttributeName::Unknown(_));
    criteria
        .iter()
        .find(is_unknown)
        .map(|criterion| criterion.name.text())
}

/// Whether `object` meets every criterion at `now`. Destroyed objects are met only by a criterion on their State: what is gone is
/// not in on-line storage.
#[must_use]
pub fn matches(object: &Object, criteria: &[Attribute], now: i64) -> bool {
    let asks_destroyed = criteria.iter().any(is_about_destroyed);
    if is_destroyed(state_at(object, now)) && !asks_destroyed {
        return false;
    }
    criteria
        .iter()
        .all(|criterion| meets(object, criterion, criteria, now))
}

fn is_about_destroyed(criterion: &Attribute) -> bool {
    let state = criterion.value.as_enumeration().and_then(State::from_code);
    criterion.name == AttributeName::Standard(StandardAttribute::State)
        && state.is_some_and(is_destroyed)
}

fn meets(object: &Object, criterion: &Attribute, criteria: &[Attribute], now: i64) -> bool {
    let held = named(object, &criterion.name, ProtocolVersion::V2_1, now);
    let held = held.iter().map(|attribute| &attribute.value);
    if let AttributeValue::DateTime(_) = criterion.value {
        let same = criteria.iter().filter(|other| other.name == criterion.name);
        let dates = same
            .filter_map(|other| date(&other.value))
            .collect::<Vec<_>>();
        return held
            .into_iter()
            .filter_map(date)
            .any(|held| in_range(held, &dates));
    }
    let is_mask =
        criterion.name == AttributeName::Standard(StandardAttribute::CryptographicUsageMask);
    held.into_iter().any(|held| match (held, &criterion.value) {
        (AttributeValue::Integer(held), AttributeValue::Integer(asked)) if is_mask => {
            held & asked == *asked
        }
        // A structure may be partial: only the fields given are compared.
        (AttributeValue::Structure(held), AttributeValue::Structure(asked)) => {
            asked.iter().all(|field| held.contains(field))
        }
        (held, asked) => held == asked,
    })
}

const fn date(value: &AttributeValue) -> Option<i64> {
    match value {
        AttributeValue::DateTime(date) => Some(*date),
        _ => None,
    }
}

/// One date is an exact match, two are the ends of a range.
fn in_range(held: i64, dates: &[i64]) -> bool {
    match (dates.iter().min(), dates.iter().max()) {
        (Some(first), Some(last)) => (*first..=*last).contains(&held),
        _ => false,
    }
}
