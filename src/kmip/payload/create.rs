//! Create (KMIP 1.4 §4.1): the server generates a symmetric key.
//!
//! Fields only; which object types and attributes are acceptable is decided elsewhere.

use ttlv::{Structure, Writer};

use super::{TemplateAttribute, request_scope, response_scope};
use crate::kmip::{
    attribute::Completeness,
    enums::ObjectType,
    error::DecodeError,
    fields::{Taken, enumeration, once, required, text},
    tag::Tag,
    version::ProtocolVersion,
};

/// What a client asks.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The type of the new object.
    pub object_type: ObjectType,
    /// Its attributes.
    pub template: TemplateAttribute,
}

impl Request {
    /// Reads the payload.
    ///
    /// # Errors
    /// When it is not what the version defines.
    pub fn decode(payload: Structure<'_>, version: ProtocolVersion) -> Result<Self, DecodeError> {
        let (mut object_type, mut template) = (None, None);
        request_scope(version).read(payload, |tag, item| match tag {
            Tag::ObjectType => once(&mut object_type, tag, enumeration(item)?),
            Tag::TemplateAttribute => {
                let structure = item.structure()?;
                let value = TemplateAttribute::decode(structure, version, Completeness::Whole)?;
                once(&mut template, tag, value)
            }
            _ => Ok(Taken::No),
        })?;
        Ok(Self {
            object_type: required(object_type, Tag::ObjectType)?,
            template: required(template, Tag::TemplateAttribute)?,
        })
    }

    /// Writes the fields of the payload.
    pub fn encode(&self, writer: &mut Writer, version: ProtocolVersion) {
        writer.enumeration(Tag::ObjectType, self.object_type.code());
        self.template.encode(writer, version);
    }
}

/// What the server answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Response {
    /// The type of the new object.
    pub object_type: ObjectType,
    /// Its identifier.
    pub unique_identifier: String,
    /// The attributes the server has chosen; most clients ask for them instead.
    pub template: Option<TemplateAttribute>,
}

impl Response {
    /// Reads the payload.
    ///
    /// # Errors
    /// When it is not what the version defines.
    pub fn decode(payload: Structure<'_>, version: ProtocolVersion) -> Result<Self, DecodeError> {
        let (mut object_type, mut unique_identifier, mut template) = (None, None, None);
        response_scope(version).read(payload, |tag, item| match tag {
            Tag::ObjectType => once(&mut object_type, tag, enumeration(item)?),
            Tag::UniqueIdentifier => once(&mut unique_identifier, tag, text(item)?),
            Tag::TemplateAttribute => {
                let structure = item.structure()?;
                let value = TemplateAttribute::decode(structure, version, Completeness::Whole)?;
                once(&mut template, tag, value)
            }
            _ => Ok(Taken::No),
        })?;
        Ok(Self {
            object_type: required(object_type, Tag::ObjectType)?,
            unique_identifier: required(unique_identifier, Tag::UniqueIdentifier)?,
            template,
        })
    }

    /// Writes the fields of the payload.
    pub fn encode(&self, writer: &mut Writer, version: ProtocolVersion) {
        writer.enumeration(Tag::ObjectType, self.object_type.code());
        writer.text(Tag::UniqueIdentifier, &self.unique_identifier);
        if let Some(template) = &self.template {
            template.encode_answer(writer, version);
        }
    }
}
