//! A new value for one instance of an attribute that is set: Modify Attribute (KMIP 1.4 §4.15).

use super::change::{admit, allows, attributes_changed, check_size, name_parts, state_changed};
use super::{AttributeRefused, Bounds, dates, kept, values};
use crate::domain::Object;
use crate::kmip::attribute::{Attribute, AttributeName, AttributeValue, Change, StandardAttribute};

/// Changes the instance that the attribute's index names, the one of index 0 without one, and returns it. The caller has made sure
/// that a Name is free.
///
/// # Errors
/// [`AttributeRefused`] with the rule of KMIP 1.4 §3 that refuses it; the object is unchanged then.
pub fn modify(
    object: &mut Object,
    attribute: &Attribute,
    bounds: Bounds,
    now: i64,
) -> Result<Attribute, AttributeRefused> {
    check_size(attribute, bounds)?;
    let name = || attribute.name.text().to_owned();
    let held = match &attribute.name {
        AttributeName::Unknown(_) => return Err(AttributeRefused::NotSet(name())),
        AttributeName::Custom(_) if attribute.name.is_reserved_for_servers() => {
            return Err(AttributeRefused::ReadOnly(name()));
        }
        AttributeName::Standard(standard) if standard.spec().client_modify == Change::Never => {
            return Err(AttributeRefused::ReadOnly(name()));
        }
        AttributeName::Custom(_) => kept(object, &attribute.name),
        AttributeName::Standard(standard) => values(object, *standard, now),
    };
    let index = attribute.index.unwrap_or(0);
    if held.is_empty() {
        return Err(AttributeRefused::NotSet(name()));
    }
    if !held.iter().any(|held| held.index.unwrap_or(0) == index) {
        return Err(AttributeRefused::NoInstance(name()));
    }
    match &attribute.name {
        AttributeName::Standard(standard) => {
            modify_standard(object, *standard, &attribute.value, index, now)
        }
        _ => replace(object, &attribute.name, index, attribute.value.clone(), now),
    }
}

fn modify_standard(
    object: &mut Object,
    standard: StandardAttribute,
    value: &AttributeValue,
    index: u32,
    now: i64,
) -> Result<Attribute, AttributeRefused> {
    use StandardAttribute as A;
    if !allows(standard.spec().client_modify, object, standard, now) {
        return Err(AttributeRefused::Frozen(standard.name().to_owned()));
    }
    match (standard, value) {
        (A::Name, _) => rename(object, value, index, now),
        (A::Sensitive | A::Extractable, AttributeValue::Boolean(flag)) => {
            Ok(set_protection(object, standard, *flag, now))
        }
        (_, AttributeValue::DateTime(date)) if dates::is_date(standard) => {
            dates::set(object, standard, *date, now)
        }
        _ => {
            let value = admit(object, standard, value, index)?;
            replace(object, &standard.into(), index, value, now)
        }
    }
}

fn replace(
    object: &mut Object,
    name: &AttributeName,
    index: u32,
    value: AttributeValue,
    now: i64,
) -> Result<Attribute, AttributeRefused> {
    let mut instances = object.attributes.iter_mut();
    let held = instances.find(|held| held.name == *name && held.index.unwrap_or(0) == index);
    let held = held.ok_or_else(|| AttributeRefused::NoInstance(name.text().to_owned()))?;
    held.value = value;
    let changed = held.clone();
    attributes_changed(object, now);
    Ok(changed)
}

fn rename(
    object: &mut Object,
    value: &AttributeValue,
    index: u32,
    now: i64,
) -> Result<Attribute, AttributeRefused> {
    let (text, name_type) = name_parts(value)?;
    let taken = |held: &&crate::domain::Name| held.index != index && held.value == text;
    if object.names.iter().any(|held| taken(&held)) {
        return Err(AttributeRefused::NameTaken);
    }
    let held = object.names.iter_mut().find(|held| held.index == index);
    let held = held.ok_or_else(|| AttributeRefused::NoInstance("Name".to_owned()))?;
    text.clone_into(&mut held.value);
    held.name_type = name_type;
    let changed = held.attribute();
    attributes_changed(object, now);
    Ok(changed)
}

/// Sets Sensitive or Extractable. Once a key could leave in the clear, Always Sensitive or Never Extractable is lost for good (KMIP 1.4
/// §3.49, §3.51). A fetch that is under way was decided on the old value, so the state version moves too.
fn set_protection(
    object: &mut Object,
    standard: StandardAttribute,
    flag: bool,
    now: i64,
) -> Attribute {
    use StandardAttribute as A;
    let lost = match (standard, flag) {
        (A::Sensitive, false) => Some(A::AlwaysSensitive),
        (A::Extractable, true) => Some(A::NeverExtractable),
        _ => None,
    };
    let gone = |held: &Attribute| {
        held.name == standard.into() || lost.is_some_and(|lost| held.name == lost.into())
    };
    object.attributes.retain(|held| !gone(held));
    let changed = Attribute::standard(standard, AttributeValue::Boolean(flag));
    object.attributes.push(changed.clone());
    attributes_changed(object, now);
    state_changed(object, now);
    changed
}
