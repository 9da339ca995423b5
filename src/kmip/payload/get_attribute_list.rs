//! Get Attribute List (KMIP 1.4 §4.13): the names of the attributes an object has.
//!
//! Fields only; each name is given once, which whoever fills the answer sees to.

use ttlv::{Structure, Writer};

use super::{decode_optional_identifier, encode_optional_identifier, response_scope};
use crate::kmip::{
    attribute::AttributeName,
    error::DecodeError,
    fields::{Taken, once, required, text},
    tag::Tag,
    version::ProtocolVersion,
};

/// What a client asks.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The object; absent means the ID Placeholder.
    pub unique_identifier: Option<String>,
}

impl Request {
    /// Reads the payload.
    ///
    /// # Errors
    /// When it is not what the version defines.
    pub fn decode(payload: Structure<'_>, version: ProtocolVersion) -> Result<Self, DecodeError> {
        Ok(Self {
            unique_identifier: decode_optional_identifier(payload, version)?,
        })
    }

    /// Writes the fields of the payload.
    pub fn encode(&self, writer: &mut Writer, _version: ProtocolVersion) {
        encode_optional_identifier(writer, self.unique_identifier.as_deref());
    }
}

/// What the server answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Response {
    /// The object.
    pub unique_identifier: String,
    /// The names, each once.
    pub names: Vec<AttributeName>,
}

impl Response {
    /// Reads the payload.
    ///
    /// # Errors
    /// When it is not what the version defines.
    pub fn decode(payload: Structure<'_>, version: ProtocolVersion) -> Result<Self, DecodeError> {
        let (mut unique_identifier, mut names) = (None, Vec::new());
        response_scope(version).read(payload, |tag, item| match tag {
            Tag::UniqueIdentifier => once(&mut unique_identifier, tag, text(item)?),
            Tag::AttributeName => {
                names.push(AttributeName::from_text(item.text()?));
                Ok(Taken::Yes)
            }
            _ => Ok(Taken::No),
        })?;
        let unique_identifier = required(unique_identifier, Tag::UniqueIdentifier)?;
        Ok(Self {
            unique_identifier,
            names,
        })
    }

    /// Writes the fields of the payload, without the names the version does not define.
    pub fn encode(&self, writer: &mut Writer, version: ProtocolVersion) {
        writer.text(Tag::UniqueIdentifier, &self.unique_identifier);
        for name in self.names.iter().filter(|name| name.visible_in(version)) {
            writer.text(Tag::AttributeName, name.text());
        }
    }
}
