//! The tables against the registry of the standard, in both directions.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    attribute::StandardAttribute,
    enums::{ENUMERATIONS, EnumerationTable},
    mask::MASKS,
    operation::Operation,
    payload::RequestPayload,
    reference::reference,
    tag::Tag,
    version::ProtocolVersion,
};

/// Where the registry's generated table is wrong, in our reading of the standard: the type of this
/// date was taken from the line of Credential Value.
const TYPE_DIFFERS: &[Tag] = &[Tag::CompromiseOccurrenceDate];

/// Enumerations of the registry that have no table: without standard values, or tables of their
/// own.
const NO_TABLE: &[&str] = &[
    "Opaque Data Type",
    "PKCS#11 Function",
    "PKCS#11 Return Code",
    "Operation",
    "Tag",
];

fn registry() -> Option<Value> {
    let text = reference("kmip/kmip-registry.json")?;
    Some(serde_json::from_str(&text).expect("the registry is JSON"))
}

fn code(entry: &Value) -> u32 {
    let text = entry["value"].as_str().expect("a value");
    u32::from_str_radix(text.trim_start_matches("0x"), 16).expect("hexadecimal")
}

/// Code, name, first and last version of each named entry.
type Rows = BTreeMap<u32, (String, String, Option<String>)>;

fn registry_rows(entries: &Value) -> Rows {
    let named = entries
        .as_array()
        .expect("a list")
        .iter()
        .filter(|entry| entry["name"].is_string());
    named
        .map(|entry| {
            let text = |key: &str| entry[key].as_str().map(str::to_owned);
            let name = text("name").expect("filtered");
            (
                code(entry),
                (name, text("since").expect("since"), text("removed_in")),
            )
        })
        .collect()
}

fn table_rows(table: &EnumerationTable) -> Rows {
    let rows = table.values.iter().map(|value| {
        let removed = value.removed.map(|version| version.to_string());
        (
            value.code,
            (value.name.to_owned(), value.since.to_string(), removed),
        )
    });
    rows.collect()
}

#[test]
fn tags_are_those_of_the_registry() {
    let Some(registry) = registry() else { return };
    let entries = registry["tags"].as_array().expect("a list");
    let named: Vec<_> = entries
        .iter()
        .filter(|entry| entry["name"].is_string())
        .collect();
    assert_eq!(named.len(), Tag::ALL.len());
    for entry in named {
        let tag = Tag::from_code(code(entry)).expect("in the table");
        assert_eq!(entry["name"], tag.name());
        assert_eq!(entry["since"], tag.since().to_string(), "{tag}");
        let types: Vec<_> = tag
            .types()
            .iter()
            .map(|item_type| item_type.name())
            .collect();
        let expected: Vec<_> = entry["types"].as_array().expect("types").iter().collect();
        if expected == ["Varies"] {
            assert!(types.is_empty(), "{tag}");
        } else if !TYPE_DIFFERS.contains(&tag) {
            assert_eq!(expected, types, "{tag}");
        }
    }
}

#[test]
fn enumerations_are_those_of_the_registry() {
    let Some(registry) = registry() else { return };
    let entries = registry["enumerations"].as_object().expect("an object");
    for table in ENUMERATIONS {
        let entry = entries.get(table.name).expect(table.name);
        assert_eq!(entry["since"], table.since.to_string(), "{}", table.name);
        assert_eq!(
            registry_rows(&entry["values"]),
            table_rows(table),
            "{}",
            table.name
        );
    }
    for name in entries.keys() {
        let has_table = ENUMERATIONS.iter().any(|table| table.name == name);
        assert_ne!(has_table, NO_TABLE.contains(&name.as_str()), "{name}");
    }
}

#[test]
fn masks_are_those_of_the_registry() {
    let Some(registry) = registry() else { return };
    let entries = registry["masks"].as_object().expect("an object");
    assert_eq!(entries.len(), MASKS.len());
    for table in MASKS {
        let entry = entries.get(table.name).expect(table.name);
        assert_eq!(
            registry_rows(&entry["values"]),
            table_rows(table),
            "{}",
            table.name
        );
    }
}

#[test]
fn operations_are_those_of_the_registry() {
    let Some(registry) = registry() else { return };
    let rows = registry_rows(&registry["enumerations"]["Operation"]["values"]);
    assert_eq!(rows.len(), Operation::ALL.len());
    for operation in Operation::ALL {
        let (name, since, _) = &rows[&operation.code()];
        assert_eq!(name, operation.name());
        assert_eq!(*since, operation.since().to_string(), "{operation}");
    }
}

#[test]
fn an_operation_has_a_module_exactly_when_it_has_a_payload() {
    let empty = ttlv::Writer::default();
    for operation in Operation::ALL {
        let mut writer = empty.clone();
        writer.structure(Tag::RequestPayload, |_| {});
        let item = ttlv::read(writer.as_bytes()).expect("just written");
        let payload = item.structure().expect("a structure");
        let decoded = RequestPayload::decode(*operation, payload, ProtocolVersion::V1_4);
        let unsupported = decoded == Ok(RequestPayload::Unsupported(*operation, None));
        assert_eq!(operation.is_implemented(), !unsupported, "{operation}");
    }
}

#[test]
fn an_attribute_has_a_type_that_its_tag_allows() {
    for attribute in StandardAttribute::ALL {
        let spec = attribute.spec();
        assert!(
            spec.tag.types().contains(&spec.item_type),
            "{}",
            spec.name()
        );
        assert!(spec.tag.since() <= spec.since, "{}", spec.name());
        assert_eq!(StandardAttribute::from_name(spec.name()), Some(*attribute));
        assert_eq!(StandardAttribute::from_tag(spec.tag), Some(*attribute));
    }
}
