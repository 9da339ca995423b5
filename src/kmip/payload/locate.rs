//! Locate (KMIP 1.4 §4.9): the identifiers of the objects that match every criterion.
//!
//! Fields only; matching is decided elsewhere. Criteria stand in the payload or, as some clients
//! send them, inside a Template-Attribute; both end up in one list. Their Attribute Index means
//! nothing.

use ttlv::{Structure, Writer};

use super::{TemplateAttribute, TemplateName, request_scope, response_scope};
use crate::kmip::{
    attribute::{Attribute, Completeness},
    enums::ObjectGroupMember,
    error::DecodeError,
    fields::{Taken, count, enumeration, once, text},
    mask::StorageStatusMask,
    tag::Tag,
    version::ProtocolVersion,
};

/// What a client asks.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Request {
    /// The most identifiers wanted; absent means all.
    pub maximum_items: Option<u32>,
    /// How many matches to skip (1.3).
    pub offset_items: Option<u32>,
    /// Which storage to look in; absent means on-line.
    pub storage_status_mask: Option<StorageStatusMask>,
    /// Which members of a group (1.1).
    pub object_group_member: Option<ObjectGroupMember>,
    /// The criteria, without an index; structures may be partial.
    pub attributes: Vec<Attribute>,
    /// Names of templates inside a Template-Attribute, for whoever knows templates.
    pub template_names: Vec<TemplateName>,
}

impl Request {
    /// Reads the payload.
    ///
    /// # Errors
    /// When it is not what the version defines.
    pub fn decode(payload: Structure<'_>, version: ProtocolVersion) -> Result<Self, DecodeError> {
        let mut request = Self::default();
        request_scope(version).read(payload, |tag, item| match tag {
            Tag::MaximumItems => once(&mut request.maximum_items, tag, count(tag, item)?),
            Tag::OffsetItems => once(&mut request.offset_items, tag, count(tag, item)?),
            Tag::StorageStatusMask => {
                let mask = StorageStatusMask::from_integer(item.integer()?);
                once(&mut request.storage_status_mask, tag, mask)
            }
            Tag::ObjectGroupMember => {
                once(&mut request.object_group_member, tag, enumeration(item)?)
            }
            Tag::Attribute => {
                let structure = item.structure()?;
                let criterion = Attribute::decode(structure, version, Completeness::Partial)?;
                request.attributes.push(Attribute {
                    index: None,
                    ..criterion
                });
                Ok(Taken::Yes)
            }
            Tag::TemplateAttribute => {
                let structure = item.structure()?;
                let template =
                    TemplateAttribute::decode(structure, version, Completeness::Partial)?;
                request.take_template(template);
                Ok(Taken::Yes)
            }
            _ => Ok(Taken::No),
        })?;
        Ok(request)
    }

    /// Writes the fields of the payload; criteria stand in the payload itself.
    pub fn encode(&self, writer: &mut Writer, version: ProtocolVersion) {
        if let Some(items) = self.maximum_items {
            writer.integer(Tag::MaximumItems, clamp(items));
        }
        if let Some(items) = self.offset_items
            && version >= ProtocolVersion::V1_3
        {
            writer.integer(Tag::OffsetItems, clamp(items));
        }
        if let Some(mask) = self.storage_status_mask {
            writer.integer(Tag::StorageStatusMask, mask.integer());
        }
        if let Some(member) = self.object_group_member
            && version >= ProtocolVersion::V1_1
        {
            writer.enumeration(Tag::ObjectGroupMember, member.code());
        }
        for attribute in &self.attributes {
            attribute.encode(writer, version);
        }
    }

    fn take_template(&mut self, template: TemplateAttribute) {
        let criteria = template.attributes.into_iter();
        self.attributes.extend(criteria.map(|criterion| Attribute {
            index: None,
            ..criterion
        }));
        self.template_names.extend(template.names);
    }
}

/// What the server answers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Response {
    /// How many objects match in all, however many are listed (1.3).
    pub located_items: Option<u32>,
    /// The objects.
    pub unique_identifiers: Vec<String>,
}

impl Response {
    /// Reads the payload.
    ///
    /// # Errors
    /// When it is not what the version defines.
    pub fn decode(payload: Structure<'_>, version: ProtocolVersion) -> Result<Self, DecodeError> {
        let mut response = Self::default();
        response_scope(version).read(payload, |tag, item| match tag {
            Tag::LocatedItems => once(&mut response.located_items, tag, count(tag, item)?),
            Tag::UniqueIdentifier => {
                response.unique_identifiers.push(text(item)?);
                Ok(Taken::Yes)
            }
            _ => Ok(Taken::No),
        })?;
        Ok(response)
    }

    /// Writes the fields of the payload.
    pub fn encode(&self, writer: &mut Writer, version: ProtocolVersion) {
        if let Some(items) = self.located_items
            && version >= ProtocolVersion::V1_3
        {
            writer.integer(Tag::LocatedItems, clamp(items));
        }
        for unique_identifier in &self.unique_identifiers {
            writer.text(Tag::UniqueIdentifier, unique_identifier);
        }
    }
}

/// The wire has signed numbers; no answer holds more items than that.
fn clamp(items: u32) -> i32 {
    i32::try_from(items).unwrap_or(i32::MAX)
}
