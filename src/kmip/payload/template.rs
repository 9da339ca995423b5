//! The Template-Attribute structure of KMIP 1.x (KMIP 1.4 §2.1.8): names of templates and
//! attributes.
//!
//! Templates themselves are not known here; whoever supports none refuses the names.

use ttlv::{Structure, Writer};

use crate::kmip::{
    attribute::{Attribute, Completeness},
    enums::NameType,
    error::DecodeError,
    fields::{Scope, Taken, enumeration, once, required, text},
    tag::Tag,
    version::ProtocolVersion,
};

/// Attributes for a new object, given or by reference to templates.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TemplateAttribute {
    /// The names of templates.
    pub names: Vec<TemplateName>,
    /// The attributes, in the order given.
    pub attributes: Vec<Attribute>,
}

/// The Name of a template.
#[derive(Clone, Debug, PartialEq)]
pub struct TemplateName {
    /// The name.
    pub value: String,
    /// What kind of text it is.
    pub name_type: NameType,
}

impl TemplateAttribute {
    /// A Template-Attribute of attributes alone.
    #[must_use]
    pub const fn of(attributes: Vec<Attribute>) -> Self {
        Self {
            names: Vec::new(),
            attributes,
        }
    }

    /// Reads the structure.
    ///
    /// # Errors
    /// When a name or an attribute is not what the version defines.
    pub fn decode(
        structure: Structure<'_>,
        version: ProtocolVersion,
        completeness: Completeness,
    ) -> Result<Self, DecodeError> {
        let mut template = Self::default();
        Scope::new(Tag::TemplateAttribute, version).read(structure, |tag, item| {
            match tag {
                Tag::Name => {
                    template
                        .names
                        .push(TemplateName::decode(item.structure()?, version)?);
                }
                Tag::Attribute => {
                    let attribute = Attribute::decode(item.structure()?, version, completeness)?;
                    template.attributes.push(attribute);
                }
                _ => return Ok(Taken::No),
            }
            Ok(Taken::Yes)
        })?;
        Ok(template)
    }

    /// Writes the structure.
    pub fn encode(&self, writer: &mut Writer, version: ProtocolVersion) {
        writer.structure(Tag::TemplateAttribute, |writer| {
            for name in &self.names {
                name.encode(writer);
            }
            for attribute in &self.attributes {
                attribute.encode(writer, version);
            }
        });
    }

    /// Writes the structure into an answer: attributes the version does not define are left out.
    pub fn encode_answer(&self, writer: &mut Writer, version: ProtocolVersion) {
        writer.structure(Tag::TemplateAttribute, |writer| {
            for attribute in self
                .attributes
                .iter()
                .filter(|found| found.visible_in(version))
            {
                attribute.encode(writer, version);
            }
        });
    }
}

impl TemplateName {
    fn decode(structure: Structure<'_>, version: ProtocolVersion) -> Result<Self, DecodeError> {
        let (mut value, mut name_type) = (None, None);
        Scope::new(Tag::Name, version).read(structure, |tag, item| match tag {
            Tag::NameValue => once(&mut value, tag, text(item)?),
            Tag::NameType => once(&mut name_type, tag, enumeration(item)?),
            _ => Ok(Taken::No),
        })?;
        Ok(Self {
            value: required(value, Tag::NameValue)?,
            name_type: required(name_type, Tag::NameType)?,
        })
    }

    fn encode(&self, writer: &mut Writer) {
        writer.structure(Tag::Name, |writer| {
            writer.text(Tag::NameValue, &self.value);
            writer.enumeration(Tag::NameType, self.name_type.code());
        });
    }
}
