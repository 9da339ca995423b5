//! Why bytes are not the typed message they should be.
//!
//! A `DecodeError` names the field and the rule of the standard it breaks, never the value. Its
//! `reason` is what KMIP 1.x tells the peer about unreadable input; reasons for refusals of
//! readable input are not decided in this layer.

use ttlv::ItemType;

use super::{enums::ResultReason, tag::Tag, version::ProtocolVersion};

/// A part of a message that cannot be decoded.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum DecodeError {
    /// The bytes are no TTLV, or an item has another type than its field.
    #[error(transparent)]
    Ttlv(#[from] ttlv::Error),
    /// A required field is absent.
    #[error("{0} is missing")]
    Missing(Tag),
    /// A field that may occur once occurs again.
    #[error("{0} is repeated")]
    Repeated(Tag),
    /// The structure has no such field in the version of the message.
    #[error("tag {:06x} is no field of {parent} in version {version}", tag.code())]
    UnknownField {
        /// The tag found.
        tag: ttlv::Tag,
        /// The structure it was found in.
        parent: Tag,
        /// The version of the message.
        version: ProtocolVersion,
    },
    /// The enumeration has no such value.
    #[error("{code:#x} is no value of {tag}")]
    UnknownEnumeration {
        /// The field.
        tag: ttlv::Tag,
        /// The value found.
        code: u32,
    },
    /// A field is readable and its value makes no sense.
    #[error("{tag}: {rule}")]
    InvalidValue {
        /// The field.
        tag: Tag,
        /// The rule it breaks.
        rule: &'static str,
    },
    /// The value of an attribute has another type than the attribute.
    #[error("attribute {attribute} is {}, not {}", expected.name(), found.name())]
    AttributeType {
        /// The attribute.
        attribute: Tag,
        /// The type of the table.
        expected: ItemType,
        /// The type found.
        found: ItemType,
    },
    /// A field of a structured attribute has another type than the standard says.
    #[error("{field} is {}, not {}", expected.name(), found.name())]
    FieldType {
        /// The field.
        field: Tag,
        /// The type of the table.
        expected: ItemType,
        /// The type found.
        found: ItemType,
    },
    /// The attribute is not defined in the version of the message.
    #[error("attribute {attribute} is not defined in version {version}")]
    AttributeVersion {
        /// The attribute.
        attribute: Tag,
        /// The version of the message.
        version: ProtocolVersion,
    },
    /// The message as a whole breaks a rule of its layout.
    #[error("{0}")]
    Layout(&'static str),
}

impl DecodeError {
    /// The reason KMIP 1.x gives for it: unreadable or incomplete is Invalid Message, readable but
    /// unknown is Invalid Field.
    #[must_use]
    pub fn reason(&self) -> ResultReason {
        match self {
            Self::Ttlv(_)
            | Self::Missing(_)
            | Self::Repeated(_)
            | Self::FieldType { .. }
            | Self::Layout(_) => ResultReason::InvalidMessage,
            Self::UnknownField { .. }
            | Self::UnknownEnumeration { .. }
            | Self::InvalidValue { .. }
            | Self::AttributeType { .. }
            | Self::AttributeVersion { .. } => ResultReason::InvalidField,
        }
    }
}

/// Why one batch item cannot be carried out, while the others can.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{detail}")]
pub struct ItemError {
    /// What the peer is told.
    pub reason: ResultReason,
    /// What the log says; never sent.
    pub detail: String,
}

impl From<DecodeError> for ItemError {
    fn from(error: DecodeError) -> Self {
        Self {
            reason: error.reason(),
            detail: error.to_string(),
        }
    }
}
