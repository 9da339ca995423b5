//! The rows of the table: what each operation has for fields, and what is refused of it.

use super::tree::Damage::{self, Missing, Repeated, Stranger, UnknownValue, WrongType};
use super::{DENIED, INVALID_FIELD, Item, MALFORMED, NOT_FOUND, Told};
use crate::audit::Action;
use crate::kmip::attribute::AttributeValue as Value;
use crate::kmip::enums::{ResultReason, State};
use crate::kmip::operation::Operation;
use crate::kmip::tag::Tag;

/// A single-valued attribute that is given twice.
const TWICE: Told = Told::Refused(ResultReason::IllegalOperation, 400);
const NAME_TAKEN: Told = Told::Refused(ResultReason::InvalidField, 409);

/// One operation.
pub(super) struct Row {
    /// A request about this key with every field of 1.4 that does not ask for what is not supported. It succeeds.
    pub(super) payload: fn(&str) -> Vec<Item>,
    /// The state of a key with which it succeeds.
    pub(super) state: State,
    pub(super) action: Action,
    /// The reasonCode of a success; nothing where it leaves no event.
    pub(super) success: Option<u16>,
    /// The fields whose absence makes the request malformed. Any other field may be absent.
    required: &'static [&'static str],
    /// What is told otherwise than usual.
    unusual: &'static [(Damage, &'static str, Told)],
    /// Fields that ask for what is not supported.
    pub(super) refused: Vec<(Item, Told)>,
    /// What is told in each state; nothing for operations that are not about one key.
    pub(super) states: Option<[Told; 6]>,
}

impl Row {
    /// What is told when a field is damaged.
    pub(super) fn told(&self, damage: Damage, name: &str) -> Told {
        let unusual = self.unusual.iter();
        let mut unusual = unusual.filter(|(how, what, _)| *how == damage && *what == name);
        if let Some((_, _, told)) = unusual.next() {
            return *told;
        }
        match damage {
            Missing if name == "UniqueIdentifier" => NOT_FOUND,
            Missing if !self.required.contains(&name) => Told::Done,
            // The type is that of the attribute: its value is what is wrong.
            WrongType if name.ends_with("AttributeValue") => INVALID_FIELD,
            Missing | WrongType | Repeated => MALFORMED,
            UnknownValue | Stranger => INVALID_FIELD,
        }
    }

    /// The names of fields that the row speaks of.
    pub(super) fn named(&self) -> impl Iterator<Item = &str> {
        let unusual = self.unusual.iter().map(|(_, name, _)| *name);
        self.required.iter().copied().chain(unusual)
    }

    const fn new(payload: fn(&str) -> Vec<Item>, action: Action) -> Self {
        Self {
            payload,
            state: State::PreActive,
            action,
            success: Some(200),
            required: &[],
            unusual: &[],
            refused: Vec::new(),
            states: Some([Told::Done; 6]),
        }
    }
}

/// The row of an operation.
pub(super) fn row(operation: Operation) -> Option<Row> {
    Some(match operation {
        Operation::Create => create(),
        Operation::Locate => locate(),
        Operation::Get => get(),
        Operation::GetAttributes => Row::new(get_attributes, Action::AttributesRetrieve),
        Operation::GetAttributeList => Row::new(about, Action::AttributesRetrieve),
        Operation::AddAttribute => attribute(add_attribute, Action::AttributesAdd),
        Operation::ModifyAttribute => attribute(modify_attribute, Action::AttributesModify),
        Operation::DeleteAttribute => Row {
            required: &["AttributeName"],
            ..Row::new(delete_attribute, Action::AttributesDelete)
        },
        Operation::Activate => Row {
            states: Some([Told::Done, DENIED, DENIED, DENIED, DENIED, DENIED]),
            ..Row::new(about, Action::KeyActivate)
        },
        Operation::Revoke => revoke(),
        Operation::Destroy => Row {
            states: Some([Told::Done, DENIED, Told::Done, Told::Done, DENIED, DENIED]),
            ..Row::new(about, Action::KeyDestroy)
        },
        Operation::Query => Row {
            success: None,
            states: None,
            required: &["QueryFunction"],
            unusual: &[(Repeated, "QueryFunction", Told::Done)],
            ..Row::new(query, Action::ProtocolQuery)
        },
        Operation::DiscoverVersions => Row {
            success: None,
            states: None,
            required: &[
                "ProtocolVersion/ProtocolVersionMajor",
                "ProtocolVersion/ProtocolVersionMinor",
            ],
            unusual: &[(Repeated, "ProtocolVersion", Told::Done)],
            ..Row::new(discover_versions, Action::ProtocolDiscover)
        },
        _ => return None,
    })
}

fn create() -> Row {
    Row {
        success: Some(201),
        states: None,
        required: &[
            "ObjectType",
            "TemplateAttribute",
            "TemplateAttribute/Attribute",
            "TemplateAttribute/Attribute/AttributeName",
            "TemplateAttribute/Attribute/AttributeValue",
            "TemplateAttribute/Attribute#1",
            "TemplateAttribute/Attribute#1/AttributeName",
            "TemplateAttribute/Attribute#1/AttributeValue",
            "TemplateAttribute/Attribute#2/AttributeName",
            "TemplateAttribute/Attribute#2/AttributeValue",
            "TemplateAttribute/Attribute#2/AttributeValue/NameValue",
            "TemplateAttribute/Attribute#2/AttributeValue/NameType",
            "TemplateAttribute/Attribute#3/AttributeName",
            "TemplateAttribute/Attribute#3/AttributeValue",
        ],
        unusual: &[
            (Repeated, "TemplateAttribute/Attribute", TWICE),
            (Repeated, "TemplateAttribute/Attribute#1", TWICE),
            (Repeated, "TemplateAttribute/Attribute#2", NAME_TAKEN),
            (Repeated, "TemplateAttribute/Attribute#3", TWICE),
        ],
        ..Row::new(key, Action::KeyCreate)
    }
}

fn locate() -> Row {
    Row {
        states: None,
        required: &[
            "Attribute/AttributeName",
            "Attribute/AttributeValue",
            "Attribute#1/AttributeName",
            "Attribute#1/AttributeValue",
        ],
        unusual: &[
            // Any number of criteria, and custom attributes have values of any type.
            (Repeated, "Attribute", Told::Done),
            (Repeated, "Attribute#1", Told::Done),
            (WrongType, "Attribute/AttributeValue", Told::Done),
        ],
        ..Row::new(criteria, Action::KeyLocate)
    }
}

fn get() -> Row {
    let gone = Told::Refused(ResultReason::ItemNotFound, 409);
    let done = Told::Done;
    let not = |reason| Told::Refused(reason, 501);
    let compression = not(ResultReason::KeyCompressionTypeNotSupported);
    Row {
        states: Some([done, done, done, done, gone, gone]),
        refused: vec![
            (enumeration(Tag::KeyCompressionType, 1), compression),
            (
                structure(
                    Tag::KeyWrappingSpecification,
                    vec![enumeration(Tag::WrappingMethod, 1)],
                ),
                not(ResultReason::FeatureNotSupported),
            ),
        ],
        ..Row::new(get_raw, Action::KeyRead)
    }
}

/// Add and Modify Attribute of a custom attribute, whose value has any type.
fn attribute(payload: fn(&str) -> Vec<Item>, action: Action) -> Row {
    Row {
        required: &[
            "Attribute",
            "Attribute/AttributeName",
            "Attribute/AttributeValue",
        ],
        unusual: &[(WrongType, "Attribute/AttributeValue", Told::Done)],
        ..Row::new(payload, action)
    }
}

fn revoke() -> Row {
    let done = Told::Done;
    Row {
        required: &["RevocationReason", "RevocationReason/RevocationReasonCode"],
        states: Some([done, done, done, DENIED, done, DENIED]),
        ..Row::new(compromise, Action::KeyRevoke)
    }
}

fn item(tag: Tag, value: Value) -> Item {
    Item::new(tag, value)
}

fn structure(tag: Tag, fields: Vec<Item>) -> Item {
    item(tag, Value::Structure(fields))
}

fn enumeration(tag: Tag, code: u32) -> Item {
    item(tag, Value::Enumeration(code))
}

fn text(tag: Tag, text: &str) -> Item {
    item(tag, Value::Text(text.to_owned()))
}

fn attribute_of(name: &str, value: Value) -> Item {
    let fields = vec![
        text(Tag::AttributeName, name),
        item(Tag::AttributeValue, value),
    ];
    structure(Tag::Attribute, fields)
}

fn custom(name: &str) -> Item {
    attribute_of(name, Value::Text("value".to_owned()))
}

fn about(uid: &str) -> Vec<Item> {
    vec![text(Tag::UniqueIdentifier, uid)]
}

fn key(uid: &str) -> Vec<Item> {
    let name = vec![
        // One that no other message of the table takes.
        text(Tag::NameValue, &format!("beside {uid}")),
        enumeration(Tag::NameType, 1),
    ];
    let attributes = vec![
        attribute_of("Cryptographic Algorithm", Value::Enumeration(3)),
        attribute_of("Cryptographic Usage Mask", Value::Integer(12)),
        attribute_of("Name", Value::Structure(name)),
        attribute_of("Cryptographic Length", Value::Integer(256)),
    ];
    vec![
        enumeration(Tag::ObjectType, 2),
        structure(Tag::TemplateAttribute, attributes),
    ]
}

fn criteria(_: &str) -> Vec<Item> {
    vec![
        item(Tag::MaximumItems, Value::Integer(1)),
        item(Tag::OffsetItems, Value::Integer(0)),
        item(Tag::StorageStatusMask, Value::Integer(1)),
        enumeration(Tag::ObjectGroupMember, 1),
        custom("x-kept"),
        attribute_of("State", Value::Enumeration(1)),
    ]
}

fn get_raw(uid: &str) -> Vec<Item> {
    vec![
        text(Tag::UniqueIdentifier, uid),
        enumeration(Tag::KeyFormatType, 1),
        enumeration(Tag::KeyWrapType, 1),
    ]
}

fn get_attributes(uid: &str) -> Vec<Item> {
    vec![
        text(Tag::UniqueIdentifier, uid),
        text(Tag::AttributeName, "State"),
        text(Tag::AttributeName, "x-kept"),
    ]
}

fn add_attribute(uid: &str) -> Vec<Item> {
    vec![text(Tag::UniqueIdentifier, uid), custom("x-added")]
}

fn modify_attribute(uid: &str) -> Vec<Item> {
    vec![text(Tag::UniqueIdentifier, uid), custom("x-kept")]
}

fn delete_attribute(uid: &str) -> Vec<Item> {
    vec![
        text(Tag::UniqueIdentifier, uid),
        text(Tag::AttributeName, "x-kept"),
        item(Tag::AttributeIndex, Value::Integer(0)),
    ]
}

fn compromise(uid: &str) -> Vec<Item> {
    let reason = vec![
        enumeration(Tag::RevocationReasonCode, 2),
        text(Tag::RevocationMessage, "lost"),
    ];
    vec![
        text(Tag::UniqueIdentifier, uid),
        structure(Tag::RevocationReason, reason),
        item(
            Tag::CompromiseOccurrenceDate,
            Value::DateTime(1_700_000_000),
        ),
    ]
}

fn query(_: &str) -> Vec<Item> {
    vec![enumeration(Tag::QueryFunction, 1)]
}

fn discover_versions(_: &str) -> Vec<Item> {
    let numbers = vec![
        item(Tag::ProtocolVersionMajor, Value::Integer(1)),
        item(Tag::ProtocolVersionMinor, Value::Integer(4)),
    ];
    vec![structure(Tag::ProtocolVersion, numbers)]
}
