//! Get Attributes (KMIP 1.4 §4.12): some or all attributes of an object.
//!
//! Fields only. Names that nobody knows are kept, because they are ignored and not refused.

use std::collections::HashSet;

use ttlv::{Structure, Writer};

use super::{encode_optional_identifier, request_scope, response_scope};
use crate::kmip::{
    attribute::{Attribute, AttributeName, Completeness},
    error::DecodeError,
    fields::{Taken, once, required, text},
    tag::Tag,
    version::ProtocolVersion,
};

/// What a client asks.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Request {
    /// The object; absent means the ID Placeholder.
    pub unique_identifier: Option<String>,
    /// The attributes wanted; none means all.
    pub names: Vec<AttributeName>,
}

impl Request {
    /// Reads the payload.
    ///
    /// # Errors
    /// When it is not what the version defines; since 1.1 also when a name is given twice.
    pub fn decode(payload: Structure<'_>, version: ProtocolVersion) -> Result<Self, DecodeError> {
        let mut request = Self::default();
        let mut seen = HashSet::new();
        request_scope(version).read(payload, |tag, item| match tag {
            Tag::UniqueIdentifier => once(&mut request.unique_identifier, tag, text(item)?),
            Tag::AttributeName => {
                let name = AttributeName::from_text(item.text()?);
                if version > ProtocolVersion::V1_0 && !seen.insert(name.clone()) {
                    return Err(DecodeError::Layout("an attribute name is given twice"));
                }
                request.names.push(name);
                Ok(Taken::Yes)
            }
            _ => Ok(Taken::No),
        })?;
        Ok(request)
    }

    /// Writes the fields of the payload.
    pub fn encode(&self, writer: &mut Writer, _version: ProtocolVersion) {
        encode_optional_identifier(writer, self.unique_identifier.as_deref());
        for name in &self.names {
            writer.text(Tag::AttributeName, name.text());
        }
    }
}

/// What the server answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Response {
    /// The object.
    pub unique_identifier: String,
    /// The attributes it has of those asked for, every instance.
    pub attributes: Vec<Attribute>,
}

impl Response {
    /// Reads the payload.
    ///
    /// # Errors
    /// When it is not what the version defines.
    pub fn decode(payload: Structure<'_>, version: ProtocolVersion) -> Result<Self, DecodeError> {
        let (mut unique_identifier, mut attributes) = (None, Vec::new());
        response_scope(version).read(payload, |tag, item| match tag {
            Tag::UniqueIdentifier => once(&mut unique_identifier, tag, text(item)?),
            Tag::Attribute => {
                let structure = item.structure()?;
                attributes.push(Attribute::decode(structure, version, Completeness::Whole)?);
                Ok(Taken::Yes)
            }
            _ => Ok(Taken::No),
        })?;
        let unique_identifier = required(unique_identifier, Tag::UniqueIdentifier)?;
        Ok(Self {
            unique_identifier,
            attributes,
        })
    }

    /// Writes the fields of the payload, without the attributes the version does not define.
    pub fn encode(&self, writer: &mut Writer, version: ProtocolVersion) {
        writer.text(Tag::UniqueIdentifier, &self.unique_identifier);
        for attribute in self
            .attributes
            .iter()
            .filter(|found| found.visible_in(version))
        {
            attribute.encode(writer, version);
        }
    }
}
