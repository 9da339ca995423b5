//! What attaching, modifying and deleting have in common: when an attribute may change, which values it takes, which version moves.

use super::{AttributeRefused, Bounds};
use crate::domain::{Object, lifecycle};
use crate::kmip::attribute::{Attribute, AttributeValue, Change, Field, StandardAttribute};
use crate::kmip::enums::{LinkType, NameType, State};
use crate::kmip::tag::Tag;

/// The Object Group that the standard keeps for itself (KMIP 1.4 §3.33).
const RESERVED_GROUP: &str = "default";

/// Refuses a name or value that is longer than the bounds allow, or holds a NUL.
pub(super) fn check_size(attribute: &Attribute, bounds: Bounds) -> Result<(), AttributeRefused> {
    if is_too_long(attribute, bounds.bytes_max) || holds_nul(attribute) {
        let name = attribute.name.text();
        let shown = name.chars().filter(|c| *c != '\0').take(64);
        return Err(AttributeRefused::Invalid(shown.collect()));
    }
    Ok(())
}

/// Whether the name, or the value as it is encoded, is longer than this.
#[must_use]
pub fn is_too_long(attribute: &Attribute, bytes_max: usize) -> bool {
    attribute.name.text().len() > bytes_max || attribute.value.to_stored().len() > bytes_max
}

/// Whether a text of it holds U+0000, which not every database takes: none keeps it, so that an object can move to any.
#[must_use]
pub fn holds_nul(attribute: &Attribute) -> bool {
    let is_text_with =
        |value: &AttributeValue| matches!(value, AttributeValue::Text(text) if text.contains('\0'));
    attribute.name.text().contains('\0')
        || match &attribute.value {
            AttributeValue::Structure(fields) => {
                fields.iter().any(|field| is_text_with(&field.value))
            }
            value => is_text_with(value),
        }
}

/// Whether a rule of the table allows a change now.
pub(super) fn allows(
    change: Change,
    object: &Object,
    standard: StandardAttribute,
    now: i64,
) -> bool {
    let state = lifecycle::state_at(object, now);
    let not_deactivated = matches!(state, State::PreActive | State::Active);
    match change {
        Change::Always => true,
        Change::WhilePreActive => state == State::PreActive,
        Change::WhilePreActiveOrActive => not_deactivated,
        Change::UntilReached => {
            let date = object.dates.of(standard);
            not_deactivated && date.is_none_or(|date| date > now)
        }
        Change::UntilFirstAllocation => !is_allocated(object),
        // The other two are about what servers do unasked.
        Change::Never | Change::WhenAbsent | Change::WhenDataOmitted => false,
    }
}

/// Whether some of the object's Usage Limits are given away: the count is less than the total then.
fn is_allocated(object: &Object) -> bool {
    let limits = super::kept(object, &StandardAttribute::UsageLimits.into());
    limits.iter().any(|held| {
        held.value.field(Tag::UsageLimitsCount) != held.value.field(Tag::UsageLimitsTotal)
    })
}

/// The value as it is kept, if the object may have it as the instance of `index`: the server fills in what is its own.
pub(super) fn admit(
    object: &Object,
    standard: StandardAttribute,
    value: &AttributeValue,
    index: u32,
) -> Result<AttributeValue, AttributeRefused> {
    use StandardAttribute as A;
    let invalid = || AttributeRefused::Invalid(standard.name().to_owned());
    match standard {
        A::UsageLimits => usage_limits(value).ok_or_else(invalid),
        A::ApplicationSpecificInformation if value.field(Tag::ApplicationData).is_none() => {
            Err(AttributeRefused::Namespace)
        }
        A::ObjectGroup if value.as_text() == Some(RESERVED_GROUP) => Err(invalid()),
        A::Link if is_replacement(value) && is_replaced(object, index) => Err(
            AttributeRefused::SingleValued("the replacement object link".to_owned()),
        ),
        _ => Ok(value.clone()),
    }
}

/// Usage Limits with the count at the total: whatever a client says, nothing is given away yet (KMIP 1.4 §3.21).
fn usage_limits(value: &AttributeValue) -> Option<AttributeValue> {
    let total = value.field(Tag::UsageLimitsTotal)?.as_long_integer()?;
    let unit = value.field(Tag::UsageLimitsUnit)?.clone();
    let total = (total > 0).then_some(AttributeValue::LongInteger(total))?;
    Some(AttributeValue::Structure(vec![
        Field::new(Tag::UsageLimitsTotal, total.clone()),
        Field::new(Tag::UsageLimitsCount, total),
        Field::new(Tag::UsageLimitsUnit, unit),
    ]))
}

fn is_replacement(value: &AttributeValue) -> bool {
    let code = AttributeValue::Enumeration(LinkType::ReplacementObjectLink.code());
    value.field(Tag::LinkType) == Some(&code)
}

/// Whether another instance than `index` links to the one replacement that an object may have.
fn is_replaced(object: &Object, index: u32) -> bool {
    let links = super::kept(object, &StandardAttribute::Link.into());
    links
        .iter()
        .any(|held| held.index.unwrap_or(0) != index && is_replacement(&held.value))
}

/// The text and type of a Name attribute's value.
///
/// # Errors
/// A field is missing or empty.
pub fn name_parts(value: &AttributeValue) -> Result<(&str, NameType), AttributeRefused> {
    let invalid = || AttributeRefused::Invalid("Name".to_owned());
    let text = value
        .field(Tag::NameValue)
        .and_then(AttributeValue::as_text);
    let text = text.filter(|text| !text.is_empty()).ok_or_else(invalid)?;
    let code = value
        .field(Tag::NameType)
        .and_then(AttributeValue::as_enumeration);
    let name_type = code.and_then(NameType::from_code).ok_or_else(invalid)?;
    Ok((text, name_type))
}

/// Names or attributes have changed.
pub(super) fn attributes_changed(object: &mut Object, now: i64) {
    object.dates.last_change = now;
    object.attributes_version += 1;
}

/// What decides the state or who may fetch the key has changed.
pub(super) fn state_changed(object: &mut Object, now: i64) {
    object.dates.last_change = now;
    object.state_version += 1;
}
