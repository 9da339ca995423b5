//! The numbers of names, from the registry of the standard.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use serde_json::Value;

/// Numbers by name.
type Numbers = HashMap<String, u32>;

/// Tags, enumerations and masks.
#[derive(Debug)]
pub(super) struct Names {
    tags: Numbers,
    /// The canonical name of the enumeration or mask, then the name of the value.
    values: HashMap<String, Numbers>,
    /// The canonical names of tags.
    canonical: HashMap<String, String>,
}

impl Names {
    pub(super) fn read(registry: &Path) -> Self {
        let text = fs::read_to_string(registry).expect("the registry");
        let registry: Value = serde_json::from_str(&text).expect("the registry is JSON");
        let tags = registry["tags"].as_array().expect("a list");
        let canonical = |tag: &Value| Some((text_of(tag, "xml")?, text_of(tag, "name")?));
        let lists = ["enumerations", "masks"].into_iter();
        let lists = lists.flat_map(|kind| registry[kind].as_object().expect("an object"));
        let values = lists.map(|(name, list)| (name.clone(), numbers(&list["values"])));
        Self {
            tags: numbers(&registry["tags"]),
            canonical: tags.iter().filter_map(canonical).collect(),
            values: values.collect(),
        }
    }

    /// The number of a tag.
    pub(super) fn tag(&self, name: &str) -> Option<u32> {
        self.tags.get(name).copied()
    }

    /// The number of a value of the enumeration or mask of this canonical name.
    pub(super) fn value(&self, list: &str, name: &str) -> Option<u32> {
        if let Some(digits) = name.strip_prefix("0x") {
            return u32::from_str_radix(digits, 16).ok();
        }
        self.values.get(list)?.get(name).copied()
    }

    /// The canonical name of a tag, e.g. `Key Format Type` of `KeyFormatType`.
    pub(super) fn canonical<'n>(&'n self, name: &'n str) -> &'n str {
        self.canonical.get(name).map_or(name, String::as_str)
    }
}

/// The numbers of a list; those that are reserved have no name, and one list is told in words.
fn numbers(list: &Value) -> Numbers {
    let list = list.as_array().map(Vec::as_slice).unwrap_or_default();
    let number = |entry: &Value| {
        let number = text_of(entry, "value")?;
        let digits = number.strip_prefix("0x").expect("hexadecimal");
        let number = u32::from_str_radix(digits, 16).expect("hexadecimal");
        Some((text_of(entry, "xml")?, number))
    };
    list.iter().filter_map(number).collect()
}

fn text_of(entry: &Value, field: &str) -> Option<String> {
    entry[field].as_str().map(str::to_owned)
}
