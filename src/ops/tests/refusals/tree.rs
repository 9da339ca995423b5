//! Items as a tree that can be damaged in one place.

use super::Item;
use crate::kmip::attribute::AttributeValue as Value;
use crate::kmip::tag::Tag;

/// What is done to one item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Damage {
    /// It is left out.
    Missing,
    /// It has another type.
    WrongType,
    /// It is there twice.
    Repeated,
    /// It has a value that the standard does not define; of enumerations only.
    UnknownValue,
    /// It has a field that the standard does not define; of structures only.
    Stranger,
}

impl Damage {
    pub(super) const ALL: [Self; 5] = [
        Self::Missing,
        Self::WrongType,
        Self::Repeated,
        Self::UnknownValue,
        Self::Stranger,
    ];
}

/// Every item: the way to it, and its name, e.g. `TemplateAttribute/Attribute#1/AttributeValue`.
pub(super) fn all(items: &[Item]) -> Vec<(Vec<usize>, String)> {
    let mut found = Vec::new();
    collect(items, &[], "", &mut found);
    found
}

fn collect(items: &[Item], path: &[usize], above: &str, found: &mut Vec<(Vec<usize>, String)>) {
    for (index, item) in items.iter().enumerate() {
        let same = items.iter().take(index).filter(|one| one.tag == item.tag);
        let tag = Tag::from_code(item.tag.code()).expect("a tag of the standard");
        let name = match same.count() {
            0 => format!("{above}{tag:?}"),
            number => format!("{above}{tag:?}#{number}"),
        };
        let path = [path, &[index]].concat();
        found.push((path.clone(), name.clone()));
        if let Value::Structure(children) = &item.value {
            collect(children, &path, &format!("{name}/"), found);
        }
    }
}

/// A copy with one item damaged; nothing where the damage makes no sense.
pub(super) fn damaged(items: &[Item], path: &[usize], damage: Damage) -> Option<Vec<Item>> {
    let mut items = items.to_vec();
    let (last, way) = path.split_last()?;
    let mut level = &mut items;
    for index in way {
        let Value::Structure(children) = &mut level.get_mut(*index)?.value else {
            return None;
        };
        level = children;
    }
    let item = level.get_mut(*last)?;
    match (damage, &mut item.value) {
        (Damage::Missing, _) => drop(level.remove(*last)),
        (Damage::Repeated, _) => {
            let again = item.clone();
            level.insert(*last, again);
        }
        (Damage::WrongType, value) => {
            *value = match value {
                Value::Integer(_) => Value::Boolean(true),
                _ => Value::Integer(1),
            };
        }
        (Damage::UnknownValue, Value::Enumeration(code)) => *code = 0x7fff_fff0,
        (Damage::Stranger, Value::Structure(fields)) => fields.push(Item {
            tag: ttlv::Tag::new(0x42_0fff),
            value: Value::Integer(1),
        }),
        (Damage::UnknownValue | Damage::Stranger, _) => return None,
    }
    Some(items)
}
