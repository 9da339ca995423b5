//! Values of attributes: owned, typed, and their bytes.
//!
//! A value knows its type and nothing of its attribute; the checks against the tables are in the
//! parent module. Structures hold plain fields and never another structure.

use ttlv::{Item, ItemType, Tag as RawTag, Value, Writer};

use super::structure::may_nest;
use crate::kmip::{error::DecodeError, tag::Tag};

/// The value of an attribute.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum AttributeValue {
    /// A number, a length or a mask.
    Integer(i32),
    /// A counter.
    LongInteger(i64),
    /// Two's complement, big-endian, a multiple of eight bytes.
    BigInteger(Vec<u8>),
    /// The code of an enumeration's value.
    Enumeration(u32),
    /// Yes or no.
    Boolean(bool),
    /// Text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// Seconds since 1970.
    DateTime(i64),
    /// Seconds.
    Interval(u32),
    /// Fields in the order given.
    Structure(Vec<Field>),
}

/// A field of a structured value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Field {
    /// Any tag: custom attributes may use extension tags.
    pub tag: RawTag,
    /// Never a structure.
    pub value: AttributeValue,
}

impl Field {
    /// A field of a standard tag.
    #[must_use]
    pub const fn new(tag: Tag, value: AttributeValue) -> Self {
        Self {
            tag: tag.raw(),
            value,
        }
    }
}

impl AttributeValue {
    /// Takes the value of an item, whatever its tag.
    ///
    /// # Errors
    /// When the bytes are malformed, a structure nests, or the type is newer than KMIP 1.x.
    pub fn from_item(item: &Item<'_>) -> Result<Self, DecodeError> {
        let Value::Structure(structure) = item.value else {
            return scalar(item);
        };
        let mut fields = Vec::new();
        for child in structure.items() {
            let child = child?;
            if !may_nest(child.value.item_type()) {
                return Err(DecodeError::InvalidValue {
                    tag: Tag::AttributeValue,
                    rule: "structures must not nest",
                });
            }
            fields.push(Field {
                tag: child.tag,
                value: scalar(&child)?,
            });
        }
        Ok(Self::Structure(fields))
    }

    /// Writes the value as an item of this tag.
    pub fn encode(&self, writer: &mut Writer, tag: impl Into<RawTag>) {
        self.encode_where(writer, tag.into(), &|_| true);
    }

    /// Writes the value, leaving out the fields that `keep` refuses.
    pub(super) fn encode_where(
        &self,
        writer: &mut Writer,
        tag: RawTag,
        keep: &dyn Fn(&Field) -> bool,
    ) {
        match self {
            Self::Integer(value) => writer.integer(tag, *value),
            Self::LongInteger(value) => writer.long_integer(tag, *value),
            Self::BigInteger(value) => writer.big_integer(tag, value),
            Self::Enumeration(value) => writer.enumeration(tag, *value),
            Self::Boolean(value) => writer.boolean(tag, *value),
            Self::Text(value) => writer.text(tag, value),
            Self::Bytes(value) => writer.byte_string(tag, value),
            Self::DateTime(value) => writer.date_time(tag, *value),
            Self::Interval(value) => writer.interval(tag, *value),
            Self::Structure(fields) => writer.structure(tag, |writer| {
                for field in fields.iter().filter(|field| keep(field)) {
                    field.value.encode(writer, field.tag);
                }
            }),
        }
    }

    /// The value as one item of tag Attribute Value, complete in every version.
    ///
    /// Stored state: changing this needs a migration and a new format version.
    #[must_use]
    pub fn to_stored(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        self.encode(&mut writer, Tag::AttributeValue);
        writer.into_bytes()
    }

    /// Reads what `to_stored` wrote.
    ///
    /// # Errors
    /// When the bytes are not such an item: the store is damaged.
    pub fn from_stored(bytes: &[u8]) -> Result<Self, DecodeError> {
        let item = ttlv::read(bytes)?;
        if item.tag != Tag::AttributeValue.raw() {
            return Err(DecodeError::Missing(Tag::AttributeValue));
        }
        Self::from_item(&item)
    }

    /// The type of the value's item.
    #[must_use]
    pub const fn item_type(&self) -> ItemType {
        match self {
            Self::Integer(_) => ItemType::Integer,
            Self::LongInteger(_) => ItemType::LongInteger,
            Self::BigInteger(_) => ItemType::BigInteger,
            Self::Enumeration(_) => ItemType::Enumeration,
            Self::Boolean(_) => ItemType::Boolean,
            Self::Text(_) => ItemType::TextString,
            Self::Bytes(_) => ItemType::ByteString,
            Self::DateTime(_) => ItemType::DateTime,
            Self::Interval(_) => ItemType::Interval,
            Self::Structure(_) => ItemType::Structure,
        }
    }

    /// The text of a Text String.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        if let Self::Text(text) = self {
            Some(text)
        } else {
            None
        }
    }

    /// The number of an Integer.
    #[must_use]
    pub const fn as_integer(&self) -> Option<i32> {
        if let Self::Integer(value) = self {
            Some(*value)
        } else {
            None
        }
    }

    /// The number of a Long Integer.
    #[must_use]
    pub const fn as_long_integer(&self) -> Option<i64> {
        if let Self::LongInteger(value) = self {
            Some(*value)
        } else {
            None
        }
    }

    /// The code of an Enumeration.
    #[must_use]
    pub const fn as_enumeration(&self) -> Option<u32> {
        if let Self::Enumeration(code) = self {
            Some(*code)
        } else {
            None
        }
    }

    /// The value of a Boolean.
    #[must_use]
    pub const fn as_boolean(&self) -> Option<bool> {
        if let Self::Boolean(value) = self {
            Some(*value)
        } else {
            None
        }
    }

    /// The seconds of a Date-Time.
    #[must_use]
    pub const fn as_date_time(&self) -> Option<i64> {
        if let Self::DateTime(seconds) = self {
            Some(*seconds)
        } else {
            None
        }
    }

    /// The fields of a Structure; none for other types.
    #[must_use]
    pub fn fields(&self) -> &[Field] {
        if let Self::Structure(fields) = self {
            fields
        } else {
            &[]
        }
    }

    /// The first field of this tag.
    #[must_use]
    pub fn field(&self, tag: Tag) -> Option<&Self> {
        let field = self.fields().iter().find(|field| field.tag == tag.raw())?;
        Some(&field.value)
    }
}

fn scalar(item: &Item<'_>) -> Result<AttributeValue, DecodeError> {
    Ok(match item.value {
        Value::Integer(value) => AttributeValue::Integer(value),
        Value::LongInteger(value) => AttributeValue::LongInteger(value),
        Value::BigInteger(value) => AttributeValue::BigInteger(value.to_vec()),
        Value::Enumeration(value) => AttributeValue::Enumeration(value),
        Value::Boolean(value) => AttributeValue::Boolean(value),
        Value::TextString(value) => AttributeValue::Text(value.to_owned()),
        Value::ByteString(value) => AttributeValue::Bytes(value.to_vec()),
        Value::DateTime(value) => AttributeValue::DateTime(value),
        Value::Interval(value) => AttributeValue::Interval(value),
        Value::Structure(_) | Value::DateTimeExtended(_) => {
            return Err(DecodeError::InvalidValue {
                tag: Tag::AttributeValue,
                rule: "type is not allowed here",
            });
        }
    })
}
