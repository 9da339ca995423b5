//! Delete Attribute (KMIP 1.4 §4.16): one instance of an attribute less.
//!
//! Fields only; the answer is that of Add Attribute. Without an Attribute Index the instance of index 0 is meant.

use ttlv::{Structure, Writer};

pub use super::add_attribute::Response;
use super::{encode_optional_identifier, request_scope};
use crate::kmip::{
    attribute::AttributeName,
    error::DecodeError,
    fields::{Taken, count, once, required, text},
    tag::Tag,
    version::ProtocolVersion,
};

/// What a client asks.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The object; absent means the ID Placeholder.
    pub unique_identifier: Option<String>,
    /// The attribute.
    pub name: AttributeName,
    /// Which instance of it.
    pub index: Option<u32>,
}

impl Request {
    /// Reads the payload.
    ///
    /// # Errors
    /// When it is not what the version defines.
    pub fn decode(payload: Structure<'_>, version: ProtocolVersion) -> Result<Self, DecodeError> {
        let (mut unique_identifier, mut name, mut index) = (None, None, None);
        request_scope(version).read(payload, |tag, item| match tag {
            Tag::UniqueIdentifier => once(&mut unique_identifier, tag, text(item)?),
            Tag::AttributeName => once(&mut name, tag, AttributeName::from_text(item.text()?)),
            Tag::AttributeIndex => once(&mut index, tag, count(tag, item)?),
            _ => Ok(Taken::No),
        })?;
        Ok(Self {
            unique_identifier,
            name: required(name, Tag::AttributeName)?,
            index,
        })
    }

    /// Writes the fields of the payload.
    pub fn encode(&self, writer: &mut Writer, _: ProtocolVersion) {
        encode_optional_identifier(writer, self.unique_identifier.as_deref());
        writer.text(Tag::AttributeName, self.name.text());
        if let Some(index) = self.index {
            writer.integer(
                Tag::AttributeIndex,
                i32::try_from(index).unwrap_or(i32::MAX),
            );
        }
    }
}
