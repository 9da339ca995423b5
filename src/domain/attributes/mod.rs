//! The attributes of an object, as a client sees and changes them (KMIP 1.4 §3).
//!
//! Most live in fields of [`Object`], some are computed, the rest are kept as they came; [`values`] is the one place that knows
//! which. Who may change what, and when, is read from the table of the standard and decided in [`attach`], [`modify`] and [`delete`]:
//! each changes the object or refuses and leaves it as it was. What decides the state or who may fetch the key moves the state version,
//! everything else the attributes version.

mod attach;
mod change;
mod dates;
mod delete;
mod modify;

pub use attach::attach;
pub use change::{holds_nul, is_too_long, name_parts};
pub use delete::delete;
pub use modify::modify;

use std::collections::HashSet;

use crate::domain::lifecycle;
use crate::domain::{Name, Object};
use crate::kmip::attribute::{Attribute, AttributeName, AttributeValue, Field, StandardAttribute};
use crate::kmip::enums::{HashingAlgorithm, KeyFormatType, RngAlgorithm};
use crate::kmip::tag::Tag;
use crate::kmip::version::ProtocolVersion;

/// Why an attribute cannot be attached, modified or deleted. The text is for the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AttributeRefused {
    /// Clients cannot do this to it in any state.
    #[error("{0} cannot be changed like this by a client")]
    ReadOnly(String),
    /// Clients could, but no more: the state or a date that was reached has frozen it.
    #[error("{0} cannot be changed in this state")]
    Frozen(String),
    /// Objects of this type do not have it.
    #[error("{0} does not apply to the object")]
    NotApplicable(String),
    /// It takes one value and has one.
    #[error("{0} has a value already")]
    SingleValued(String),
    /// No such attribute.
    #[error("{0} is not an attribute")]
    Unknown(String),
    /// The object has no instance of it.
    #[error("{0} is not set")]
    NotSet(String),
    /// The object has others, but not the instance of this index.
    #[error("{0} has no such instance")]
    NoInstance(String),
    /// Several instances, and nothing says which: KMIP 1.0 wants an index then.
    #[error("which instance of {0} is meant is not said")]
    IndexNeeded(String),
    /// The Application Data is left to a server that knows no application namespaces.
    #[error("the application namespace is not supported")]
    Namespace,
    /// The value makes no sense here.
    #[error("the value of {0} is not acceptable")]
    Invalid(String),
    /// A required attribute is missing.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// One instance too many.
    #[error("{0} has too many instances")]
    TooMany(String),
    /// Another object has this Name.
    #[error("the name is in use")]
    NameTaken,
}

/// Bounds on what clients attach.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// The most instances of one attribute.
    pub instances_max: usize,
    /// The most instances of all kept attributes together.
    pub attributes_max: usize,
    /// The most bytes of a name or value.
    pub bytes_max: usize,
    /// Whether the object is being made.
    pub at_creation: bool,
}

/// Every attribute that a peer of this version knows, in the order of the table, custom ones last.
#[must_use]
pub fn all(object: &Object, version: ProtocolVersion, now: i64) -> Vec<Attribute> {
    let standard = StandardAttribute::ALL
        .iter()
        .flat_map(|name| values(object, *name, now));
    let custom = object
        .attributes
        .iter()
        .filter(|a| !is_standard(&a.name))
        .cloned();
    standard
        .chain(custom)
        .filter(|attribute| attribute.visible_in(version))
        .collect()
}

/// The instances of the named attribute that a peer of this version knows; none if it is not set.
#[must_use]
pub fn named(
    object: &Object,
    name: &AttributeName,
    version: ProtocolVersion,
    now: i64,
) -> Vec<Attribute> {
    let mut found = match name {
        AttributeName::Standard(standard) => values(object, *standard, now),
        AttributeName::Custom(_) | AttributeName::Unknown(_) => kept(object, name),
    };
    found.retain(|attribute| attribute.visible_in(version));
    found
}

/// The names of all attributes, each once.
#[must_use]
pub fn names(object: &Object, version: ProtocolVersion, now: i64) -> Vec<AttributeName> {
    let mut seen = HashSet::new();
    let all = all(object, version, now).into_iter();
    all.map(|attribute| attribute.name)
        .filter(|name| seen.insert(name.clone()))
        .collect()
}

/// The text of a custom attribute's first instance.
#[must_use]
pub fn custom_text<'a>(object: &'a Object, name: &str) -> Option<&'a str> {
    object
        .attributes
        .iter()
        .find(|a| a.name.text() == name)
        .and_then(|a| a.value.as_text())
}

const fn is_standard(name: &AttributeName) -> bool {
    matches!(name, AttributeName::Standard(_))
}

fn kept(object: &Object, name: &AttributeName) -> Vec<Attribute> {
    object
        .attributes
        .iter()
        .filter(|attribute| attribute.name == *name)
        .cloned()
        .collect()
}

/// The instances of a standard attribute at `now`, whatever the version.
#[must_use]
pub fn values(object: &Object, attribute: StandardAttribute, now: i64) -> Vec<Attribute> {
    use AttributeValue as Value;
    use StandardAttribute as A;
    let dates = &object.dates;
    let date = |date: Option<i64>| date.map(Value::DateTime);
    let kept_or = |default: Value| {
        let stored = object
            .attributes
            .iter()
            .find(|a| a.name == AttributeName::Standard(attribute));
        Some(stored.map_or(default, |stored| stored.value.clone()))
    };
    let one = match attribute {
        A::Name => return object.names.iter().map(Name::attribute).collect(),
        A::UniqueIdentifier => Some(Value::Text(object.id.to_string())),
        A::ObjectType => Some(Value::Enumeration(object.object_type.code())),
        A::CryptographicAlgorithm => object.algorithm.map(|code| Value::Enumeration(code.code())),
        A::CryptographicLength => object.length.map(Value::Integer),
        A::CryptographicUsageMask => Some(Value::Integer(object.usage_mask)),
        A::State => Some(Value::Enumeration(lifecycle::state_at(object, now).code())),
        A::InitialDate | A::OriginalCreationDate => date(Some(dates.initial)),
        A::ActivationDate => date(dates.activation),
        A::ProcessStartDate => date(dates.process_start),
        A::ProtectStopDate => date(dates.protect_stop),
        A::DeactivationDate => date(dates.deactivation),
        A::DestroyDate => date(dates.destroy),
        A::CompromiseDate => date(dates.compromise),
        A::CompromiseOccurrenceDate => date(dates.compromise_occurrence),
        A::ArchiveDate => date(dates.archive),
        A::LastChangeDate => date(Some(dates.last_change)),
        A::Fresh => Some(Value::Boolean(object.fresh)),
        A::Digest => digest(object),
        A::RevocationReason => revocation_reason(object),
        A::RandomNumberGenerator => Some(random_number_generator()),
        A::OperationPolicyName => kept_or(Value::Text("default".to_owned())),
        A::Sensitive | A::AlwaysSensitive | A::NeverExtractable => kept_or(Value::Boolean(false)),
        A::Extractable => kept_or(Value::Boolean(true)),
        // Every other attribute has the values clients gave it, if any.
        _ => return kept(object, &AttributeName::Standard(attribute)),
    };
    one.map(|value| Attribute::standard(attribute, value))
        .into_iter()
        .collect()
}

impl Name {
    /// The Name as an attribute.
    fn attribute(&self) -> Attribute {
        let fields = vec![
            Field::new(Tag::NameValue, AttributeValue::Text(self.value.clone())),
            Field::new(
                Tag::NameType,
                AttributeValue::Enumeration(self.name_type.code()),
            ),
        ];
        Attribute {
            name: AttributeName::Standard(StandardAttribute::Name),
            index: (self.index > 0).then_some(self.index),
            value: AttributeValue::Structure(fields),
        }
    }
}

fn digest(object: &Object) -> Option<AttributeValue> {
    let digest = object.digest?;
    Some(AttributeValue::Structure(vec![
        Field::new(
            Tag::HashingAlgorithm,
            AttributeValue::Enumeration(HashingAlgorithm::Sha256.code()),
        ),
        Field::new(Tag::DigestValue, AttributeValue::Bytes(digest.to_vec())),
        Field::new(
            Tag::KeyFormatType,
            AttributeValue::Enumeration(KeyFormatType::Raw.code()),
        ),
    ]))
}

fn revocation_reason(object: &Object) -> Option<AttributeValue> {
    let reason = object.revocation.as_ref()?;
    let code = AttributeValue::Enumeration(reason.code.code());
    let mut fields = vec![Field::new(Tag::RevocationReasonCode, code)];
    if let Some(message) = &reason.message {
        fields.push(Field::new(
            Tag::RevocationMessage,
            AttributeValue::Text(message.clone()),
        ));
    }
    Some(AttributeValue::Structure(fields))
}

fn random_number_generator() -> AttributeValue {
    let unspecified = AttributeValue::Enumeration(RngAlgorithm::Unspecified.code());
    AttributeValue::Structure(vec![Field::new(Tag::RngAlgorithm, unspecified)])
}

#[cfg(test)]
mod tests;
