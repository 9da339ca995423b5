//! Attributes of managed objects: names, values, and their form on the wire in KMIP 1.x.
//!
//! An `Attribute` that was decoded agrees with the table: its value has the attribute's type, its
//! fields are the attribute's fields, its enumeration values exist. Who may set it is a decision
//! and is taken elsewhere. Attributes with unknown names are kept as they came, because Get
//! Attributes ignores them and Locate refuses them.

mod structure;
mod table;
mod value;

#[cfg(test)]
mod tests;

pub use structure::{Completeness, FieldSpec, fields_of};
pub use table::{
    AppliesTo, AttributeSpec, Change, Deletable, Instances, Presence, Setter, StandardAttribute,
};
pub use value::{AttributeValue, Field};

use std::fmt;

use ttlv::{Structure, Writer};

use super::{
    enums::ObjectType,
    error::DecodeError,
    fields::{Scope, Taken, count, once, required},
    tag::Tag,
    version::ProtocolVersion,
};

/// The name of an attribute in KMIP 1.x.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum AttributeName {
    /// One of the standard's.
    Standard(StandardAttribute),
    /// Made by a client ("x-...") or a server ("y-...").
    Custom(String),
    /// Neither: perhaps of a later version.
    Unknown(String),
}

impl AttributeName {
    /// The name of this text; every text is a name of some kind.
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        if let Some(standard) = StandardAttribute::from_name(text) {
            return Self::Standard(standard);
        }
        if text.starts_with("x-") || text.starts_with("y-") {
            return Self::Custom(text.to_owned());
        }
        Self::Unknown(text.to_owned())
    }

    /// The text on the wire.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::Standard(standard) => standard.name(),
            Self::Custom(text) | Self::Unknown(text) => text,
        }
    }

    /// The line of the table, for a standard attribute.
    #[must_use]
    pub fn spec(&self) -> Option<&'static AttributeSpec> {
        if let Self::Standard(standard) = self {
            Some(standard.spec())
        } else {
            None
        }
    }

    /// Whether a peer of this version knows the name: custom names are as old as KMIP.
    #[must_use]
    pub fn visible_in(&self, version: ProtocolVersion) -> bool {
        match self {
            Self::Standard(standard) => standard.spec().defined_in(version),
            Self::Custom(_) => true,
            Self::Unknown(_) => false,
        }
    }

    /// Whether it is a custom name reserved for servers.
    #[must_use]
    pub fn is_reserved_for_servers(&self) -> bool {
        matches!(self, Self::Custom(text) if text.starts_with("y-"))
    }
}

impl From<StandardAttribute> for AttributeName {
    fn from(standard: StandardAttribute) -> Self {
        Self::Standard(standard)
    }
}

impl fmt::Display for AttributeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

/// One instance of an attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// What it is.
    pub name: AttributeName,
    /// Which instance; absent means 0 or, in a request, that the peer sent none.
    pub index: Option<u32>,
    /// Its value.
    pub value: AttributeValue,
}

impl Attribute {
    /// A first instance of a standard attribute.
    #[must_use]
    pub const fn standard(attribute: StandardAttribute, value: AttributeValue) -> Self {
        Self {
            name: AttributeName::Standard(attribute),
            index: None,
            value,
        }
    }

    /// This instance as answers tell it: with its index, 0 included, where an object of this type may have several instances, and
    /// without one where it may not (KMIP 1.4 §2.1.1). Some clients read the index of what can have one without asking whether it is there.
    #[must_use]
    pub fn told(self, object_type: ObjectType) -> Self {
        let many = match self.name {
            AttributeName::Standard(standard) => standard.spec().multi.many(object_type),
            AttributeName::Custom(_) | AttributeName::Unknown(_) => true,
        };
        let index = many.then(|| self.index.unwrap_or(0));
        Self { index, ..self }
    }

    /// Reads an Attribute structure (KMIP 1.4 §2.1.1). The index may stand anywhere.
    ///
    /// # Errors
    /// When a field is missing or the value does not fit the attribute.
    pub fn decode(
        structure: Structure<'_>,
        version: ProtocolVersion,
        completeness: Completeness,
    ) -> Result<Self, DecodeError> {
        let (mut name, mut index, mut value) = (None, None, None);
        Scope::new(Tag::Attribute, version).read(structure, |tag, item| match tag {
            Tag::AttributeName => once(&mut name, tag, AttributeName::from_text(item.text()?)),
            Tag::AttributeIndex => once(&mut index, tag, count(tag, item)?),
            Tag::AttributeValue => once(&mut value, tag, AttributeValue::from_item(&item)?),
            _ => Ok(Taken::No),
        })?;
        let name = required(name, Tag::AttributeName)?;
        let value = required(value, Tag::AttributeValue)?;
        if let AttributeName::Standard(standard) = name {
            check_standard(standard, &value, version, completeness)?;
        }
        Ok(Self { name, index, value })
    }

    /// Writes the Attribute structure. Fields that are newer than the version, or have a value that
    /// is, are left out; whether the attribute itself may be shown is asked with `visible_in`.
    pub fn encode(&self, writer: &mut Writer, version: ProtocolVersion) {
        let keep = |field: &Field| match &self.name {
            AttributeName::Standard(standard) => {
                structure::is_field_known(*standard, field, version)
            }
            AttributeName::Custom(_) | AttributeName::Unknown(_) => true,
        };
        writer.structure(Tag::Attribute, |writer| {
            writer.text(Tag::AttributeName, self.name.text());
            if let Some(index) = self.index {
                writer.integer(
                    Tag::AttributeIndex,
                    i32::try_from(index).unwrap_or(i32::MAX),
                );
            }
            self.value
                .encode_where(writer, Tag::AttributeValue.raw(), &keep);
        });
    }

    /// Whether a peer of this version knows the attribute and as much of its value as must be there.
    #[must_use]
    pub fn visible_in(&self, version: ProtocolVersion) -> bool {
        let readable = |standard: StandardAttribute| {
            structure::is_value_known(standard.tag(), &self.value, version)
                && structure::is_readable(standard, self.value.fields(), version)
        };
        self.name.visible_in(version)
            && match &self.name {
                AttributeName::Standard(standard) => readable(*standard),
                AttributeName::Custom(_) | AttributeName::Unknown(_) => true,
            }
    }
}

fn check_standard(
    attribute: StandardAttribute,
    value: &AttributeValue,
    version: ProtocolVersion,
    completeness: Completeness,
) -> Result<(), DecodeError> {
    let spec = attribute.spec();
    if !spec.defined_in(version) {
        return Err(DecodeError::AttributeVersion {
            attribute: spec.tag,
            version,
        });
    }
    if value.item_type() != spec.item_type {
        return Err(DecodeError::AttributeType {
            attribute: spec.tag,
            expected: spec.item_type,
            found: value.item_type(),
        });
    }
    structure::check_enumeration(spec.tag, value, version)?;
    structure::check(attribute, value.fields(), completeness, version)
}
