//! A new instance of an attribute: at creation, or by Add Attribute (KMIP 1.4 §4.14).

use super::change::{admit, attributes_changed, check_size, name_parts};
use super::{AttributeRefused, Bounds, dates, kept, values};
use crate::domain::{Name, Object};
use crate::kmip::attribute::{Attribute, AttributeName, AttributeValue, Setter, StandardAttribute};

/// Attaches an attribute a client gives: on creation, or by Add Attribute. Its index is chosen here and returned with it. The caller
/// has made sure that a Name is free.
///
/// # Errors
/// [`AttributeRefused`] with the rule of KMIP 1.4 §3 that refuses it; the object is unchanged then.
pub fn attach(
    object: &mut Object,
    attribute: &Attribute,
    bounds: Bounds,
    now: i64,
) -> Result<Attribute, AttributeRefused> {
    check_size(attribute, bounds)?;
    let name = || attribute.name.text().to_owned();
    match &attribute.name {
        AttributeName::Unknown(_) => Err(AttributeRefused::Unknown(name())),
        AttributeName::Custom(_) if attribute.name.is_reserved_for_servers() => {
            Err(AttributeRefused::ReadOnly(name()))
        }
        AttributeName::Custom(_) => keep(object, &attribute.name, &attribute.value, bounds, now),
        AttributeName::Standard(standard) => {
            attach_standard(object, *standard, &attribute.value, bounds, now)
        }
    }
}

fn attach_standard(
    object: &mut Object,
    standard: StandardAttribute,
    value: &AttributeValue,
    bounds: Bounds,
    now: i64,
) -> Result<Attribute, AttributeRefused> {
    let spec = standard.spec();
    let name = || spec.name().to_owned();
    if spec.set_by == Setter::Server || is_told_by_the_maker(standard) {
        return Err(AttributeRefused::ReadOnly(name()));
    }
    if !spec.applies_to.includes(object.object_type) || is_about_absent_material(standard) {
        return Err(AttributeRefused::NotApplicable(name()));
    }
    if !spec.multi.many(object.object_type) && has_value(object, standard, bounds, now) {
        return Err(AttributeRefused::SingleValued(name()));
    }
    match value {
        AttributeValue::DateTime(date) if dates::is_date(standard) => {
            dates::set(object, standard, *date, now)
        }
        _ if standard == StandardAttribute::Name => attach_name(object, value, bounds, now),
        _ => {
            let index = next_index(object, &standard.into());
            let value = admit(object, standard, value, index)?;
            keep(object, &standard.into(), &value, bounds, now)
        }
    }
}

/// What only the maker of a key knows: clients tell it of keys that they register (KMIP 1.4 §3.43, §3.46), and all keys here were made here.
const fn is_told_by_the_maker(standard: StandardAttribute) -> bool {
    matches!(
        standard,
        StandardAttribute::OriginalCreationDate | StandardAttribute::RandomNumberGenerator
    )
}

/// What only objects have whose value is kept elsewhere (KMIP 1.4 §3.42); here every object came with its value.
const fn is_about_absent_material(standard: StandardAttribute) -> bool {
    matches!(standard, StandardAttribute::KeyValueLocation)
}

/// Whether a single-valued attribute has its value. What every object shows by default counts unless the client gives it in place of
/// the default: an Operation Policy Name at any time, the others at creation.
fn has_value(object: &Object, standard: StandardAttribute, bounds: Bounds, now: i64) -> bool {
    use StandardAttribute as A;
    let replaces_default = match standard {
        A::OperationPolicyName => true,
        A::Sensitive | A::Extractable => bounds.at_creation,
        _ => false,
    };
    if replaces_default {
        return !kept(object, &standard.into()).is_empty();
    }
    !values(object, standard, now).is_empty()
}

/// The index of one more instance. Those that are there keep theirs, whichever are deleted.
fn next_index(object: &Object, name: &AttributeName) -> u32 {
    let held = object.attributes.iter().filter(|held| held.name == *name);
    let last = held.map(|held| held.index.unwrap_or(0)).max();
    last.map_or(0, |last| last + 1)
}

/// A further instance, under the next index of its name.
fn keep(
    object: &mut Object,
    name: &AttributeName,
    value: &AttributeValue,
    bounds: Bounds,
    now: i64,
) -> Result<Attribute, AttributeRefused> {
    let held = object.attributes.iter().filter(|held| held.name == *name);
    let count = held.count();
    if count >= bounds.instances_max || object.attributes.len() >= bounds.attributes_max {
        return Err(AttributeRefused::TooMany(name.text().to_owned()));
    }
    let index = next_index(object, name);
    let kept = Attribute {
        name: name.clone(),
        index: (index > 0).then_some(index),
        value: value.clone(),
    };
    object.attributes.push(kept.clone());
    attributes_changed(object, now);
    Ok(kept)
}

fn attach_name(
    object: &mut Object,
    value: &AttributeValue,
    bounds: Bounds,
    now: i64,
) -> Result<Attribute, AttributeRefused> {
    let (value, name_type) = name_parts(value)?;
    if object.names.iter().any(|held| held.value == value) {
        return Err(AttributeRefused::NameTaken);
    }
    if object.names.len() >= bounds.instances_max {
        return Err(AttributeRefused::TooMany("Name".to_owned()));
    }
    let last = object.names.iter().map(|held| held.index).max();
    let name = Name {
        index: last.map_or(0, |last| last + 1),
        value: value.to_owned(),
        name_type,
    };
    let attribute = name.attribute();
    object.names.push(name);
    attributes_changed(object, now);
    Ok(attribute)
}
