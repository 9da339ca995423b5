//! One instance of an attribute less: Delete Attribute (KMIP 1.4 §4.16). The other instances keep their indexes.

use super::change::{allows, attributes_changed};
use super::{AttributeRefused, named};
use crate::domain::Object;
use crate::kmip::attribute::{Attribute, AttributeName, Change, Deletable, StandardAttribute};
use crate::kmip::version::ProtocolVersion;

/// Deletes the instance of this index, the one of index 0 without one, and returns it.
///
/// KMIP 1.0 differs: an attribute of one value has no index there, and one of several instances needs it.
///
/// # Errors
/// [`AttributeRefused`] with the rule of KMIP 1.4 §3 that refuses it; the object is unchanged then.
pub fn delete(
    object: &mut Object,
    name: &AttributeName,
    index: Option<u32>,
    version: ProtocolVersion,
    now: i64,
) -> Result<Attribute, AttributeRefused> {
    let text = || name.text().to_owned();
    if name.is_reserved_for_servers() {
        return Err(AttributeRefused::ReadOnly(text()));
    }
    if let AttributeName::Standard(standard) = name
        && name.visible_in(version)
    {
        check_deletable(object, *standard, now)?;
    }
    let held = named(object, name, version, now);
    let many = |standard: StandardAttribute| standard.spec().multi.many(object.object_type);
    let single = matches!(name, AttributeName::Standard(standard) if !many(*standard));
    let oldest = version == ProtocolVersion::V1_0;
    let wanted = index.unwrap_or(0);
    let has = |held: &&Attribute| held.index.unwrap_or(0) == wanted;
    match held.iter().find(has) {
        _ if held.is_empty() => Err(AttributeRefused::NotSet(text())),
        _ if oldest && single && index.is_some() => Err(AttributeRefused::NoInstance(text())),
        _ if oldest && index.is_none() && held.len() > 1 => {
            Err(AttributeRefused::IndexNeeded(text()))
        }
        None => Err(AttributeRefused::NoInstance(text())),
        Some(deleted) => {
            remove(object, name, wanted);
            attributes_changed(object, now);
            Ok(deleted.clone())
        }
    }
}

fn check_deletable(
    object: &Object,
    standard: StandardAttribute,
    now: i64,
) -> Result<(), AttributeRefused> {
    let text = || standard.name().to_owned();
    match standard.spec().deletable {
        Deletable::Yes => Ok(()),
        Deletable::No => Err(AttributeRefused::ReadOnly(text())),
        Deletable::UntilFirstAllocation => {
            let free = allows(Change::UntilFirstAllocation, object, standard, now);
            free.then_some(())
                .ok_or_else(|| AttributeRefused::Frozen(text()))
        }
    }
}

fn remove(object: &mut Object, name: &AttributeName, index: u32) {
    if *name == AttributeName::Standard(StandardAttribute::Name) {
        object.names.retain(|held| held.index != index);
    } else {
        let is_it = |held: &Attribute| held.name == *name && held.index.unwrap_or(0) == index;
        object.attributes.retain(|held| !is_it(held));
    }
}
