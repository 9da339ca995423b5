//! Add Attribute (KMIP 1.4 §4.14): a new instance of an attribute.
//!
//! Fields only. An Attribute Index in the request is kept: refusing one is a decision. Modify Attribute has the same fields, and Delete
//! Attribute the same answer.

use ttlv::{Structure, Writer};

use super::{encode_optional_identifier, request_scope, response_scope};
use crate::kmip::{
    attribute::{Attribute, Completeness},
    error::DecodeError,
    fields::{Scope, Taken, once, required, text},
    tag::Tag,
    version::ProtocolVersion,
};

/// What a client asks.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The object; absent means the ID Placeholder.
    pub unique_identifier: Option<String>,
    /// The attribute to add, or the instance to modify with the value it is to have.
    pub attribute: Attribute,
}

impl Request {
    /// Reads the payload.
    ///
    /// # Errors
    /// When it is not what the version defines.
    pub fn decode(payload: Structure<'_>, version: ProtocolVersion) -> Result<Self, DecodeError> {
        let (unique_identifier, attribute) = decode(request_scope(version), payload)?;
        Ok(Self {
            unique_identifier,
            attribute,
        })
    }

    /// Writes the fields of the payload.
    pub fn encode(&self, writer: &mut Writer, version: ProtocolVersion) {
        encode_optional_identifier(writer, self.unique_identifier.as_deref());
        self.attribute.encode(writer, version);
    }
}

/// What the server answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Response {
    /// The object.
    pub unique_identifier: String,
    /// The attribute as it is now, or as it was where it is deleted; with its index where that is not 0.
    pub attribute: Attribute,
}

impl Response {
    /// Reads the payload.
    ///
    /// # Errors
    /// When it is not what the version defines.
    pub fn decode(payload: Structure<'_>, version: ProtocolVersion) -> Result<Self, DecodeError> {
        let (unique_identifier, attribute) = decode(response_scope(version), payload)?;
        let unique_identifier = required(unique_identifier, Tag::UniqueIdentifier)?;
        Ok(Self {
            unique_identifier,
            attribute,
        })
    }

    /// Writes the fields of the payload.
    pub fn encode(&self, writer: &mut Writer, version: ProtocolVersion) {
        writer.text(Tag::UniqueIdentifier, &self.unique_identifier);
        self.attribute.encode(writer, version);
    }
}

fn decode(
    scope: Scope,
    payload: Structure<'_>,
) -> Result<(Option<String>, Attribute), DecodeError> {
    let (mut unique_identifier, mut attribute) = (None, None);
    scope.read(payload, |tag, item| match tag {
        Tag::UniqueIdentifier => once(&mut unique_identifier, tag, text(item)?),
        Tag::Attribute => {
            let structure = item.structure()?;
            let value = Attribute::decode(structure, scope.version, Completeness::Whole)?;
            once(&mut attribute, tag, value)
        }
        _ => Ok(Taken::No),
    })?;
    Ok((unique_identifier, required(attribute, Tag::Attribute)?))
}
