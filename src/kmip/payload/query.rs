//! Query (KMIP 1.4 §4.25): what the server can do.
//!
//! Fields only. Answers that are structures without meaning to this program (random number
//! generators, profiles, capabilities, ...) are lists of plain fields; a field whose tag is newer
//! than the version of the answer is left out, like everything else that is newer.

use ttlv::{Item, Structure, Writer};

use super::{request_scope, response_scope};
use crate::kmip::{
    attribute::{AttributeValue, Field},
    enums::{AttestationType, ClientRegistrationMethod, Enumerated, ObjectType, QueryFunction},
    error::DecodeError,
    fields::{Taken, enumeration, once, text},
    operation::Operation,
    tag::Tag,
    version::ProtocolVersion,
};

/// What a client asks.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Request {
    /// The questions. One that is newer than the version of the message has no answer in it.
    pub functions: Vec<QueryFunction>,
}

impl Request {
    /// Reads the payload.
    ///
    /// # Errors
    /// When it is not what the version defines.
    pub fn decode(payload: Structure<'_>, version: ProtocolVersion) -> Result<Self, DecodeError> {
        let mut functions = Vec::new();
        request_scope(version).read(payload, |tag, item| match tag {
            Tag::QueryFunction => {
                functions.push(enumeration(item)?);
                Ok(Taken::Yes)
            }
            _ => Ok(Taken::No),
        })?;
        if functions.is_empty() {
            return Err(DecodeError::Missing(Tag::QueryFunction));
        }
        Ok(Self { functions })
    }

    /// Writes the fields of the payload.
    pub fn encode(&self, writer: &mut Writer, _version: ProtocolVersion) {
        for function in &self.functions {
            writer.enumeration(Tag::QueryFunction, function.code());
        }
    }
}

/// What the server answers; what was not asked for stays empty.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Response {
    /// The operations carried out.
    pub operations: Vec<Operation>,
    /// The object types kept.
    pub object_types: Vec<ObjectType>,
    /// Who made the server.
    pub vendor_identification: Option<String>,
    /// What the vendor has to say; vendors choose the fields.
    pub server_information: Option<Vec<Field>>,
    /// The namespaces the server makes application data for.
    pub application_namespaces: Vec<String>,
    /// Vendor extensions (1.1): Extension Name, Tag and Type.
    pub extension_information: Vec<Vec<Field>>,
    /// Attestation types accepted (1.2).
    pub attestation_types: Vec<AttestationType>,
    /// Random number generators (1.3).
    pub rng_parameters: Vec<Vec<Field>>,
    /// Conformance profiles (1.3).
    pub profile_information: Vec<Vec<Field>>,
    /// Validations (1.3).
    pub validation_information: Vec<Vec<Field>>,
    /// Capabilities (1.3).
    pub capability_information: Vec<Vec<Field>>,
    /// Ways to register a client (1.3).
    pub client_registration_methods: Vec<ClientRegistrationMethod>,
}

impl Response {
    /// Reads the payload. Values that nobody knows, such as a vendor's operations, are skipped.
    ///
    /// # Errors
    /// When it is not what the version defines.
    pub fn decode(payload: Structure<'_>, version: ProtocolVersion) -> Result<Self, DecodeError> {
        let mut response = Self::default();
        response_scope(version).read(payload, |tag, item| response.take(tag, item))?;
        Ok(response)
    }

    fn take(&mut self, tag: Tag, item: Item<'_>) -> Result<Taken, DecodeError> {
        match tag {
            Tag::Operation => self
                .operations
                .extend(Operation::from_code(item.enumeration()?)),
            Tag::ObjectType => push_known(&mut self.object_types, item)?,
            Tag::VendorIdentification => {
                return once(&mut self.vendor_identification, tag, text(item)?);
            }
            Tag::ServerInformation => {
                return once(&mut self.server_information, tag, vendor_fields(item)?);
            }
            Tag::ApplicationNamespace => self.application_namespaces.push(text(item)?),
            Tag::ExtensionInformation => self.extension_information.push(fields(item)?),
            Tag::AttestationType => push_known(&mut self.attestation_types, item)?,
            Tag::RngParameters => self.rng_parameters.push(fields(item)?),
            Tag::ProfileInformation => self.profile_information.push(fields(item)?),
            Tag::ValidationInformation => self.validation_information.push(fields(item)?),
            Tag::CapabilityInformation => self.capability_information.push(fields(item)?),
            Tag::ClientRegistrationMethod => {
                push_known(&mut self.client_registration_methods, item)?;
            }
            _ => return Ok(Taken::No),
        }
        Ok(Taken::Yes)
    }

    /// Writes the fields of the payload, without whatever is newer than the version.
    pub fn encode(&self, writer: &mut Writer, version: ProtocolVersion) {
        for operation in self
            .operations
            .iter()
            .filter(|found| found.since() <= version)
        {
            writer.enumeration(Tag::Operation, operation.code());
        }
        for object_type in self
            .object_types
            .iter()
            .filter(|found| found.since() <= version)
        {
            writer.enumeration(Tag::ObjectType, object_type.code());
        }
        if let Some(vendor) = &self.vendor_identification {
            writer.text(Tag::VendorIdentification, vendor);
        }
        if let Some(information) = &self.server_information {
            encode_fields(writer, Tag::ServerInformation, information, version);
        }
        for namespace in &self.application_namespaces {
            writer.text(Tag::ApplicationNamespace, namespace);
        }
        self.encode_newer(writer, version);
    }

    /// The fields that came after 1.0.
    fn encode_newer(&self, writer: &mut Writer, version: ProtocolVersion) {
        let structures = |writer: &mut Writer, tag: Tag, list: &[Vec<Field>]| {
            for fields in list.iter().filter(|_| tag.since() <= version) {
                encode_fields(writer, tag, fields, version);
            }
        };
        structures(
            writer,
            Tag::ExtensionInformation,
            &self.extension_information,
        );
        for attestation in self
            .attestation_types
            .iter()
            .filter(|found| found.since() <= version)
        {
            writer.enumeration(Tag::AttestationType, attestation.code());
        }
        structures(writer, Tag::RngParameters, &self.rng_parameters);
        structures(writer, Tag::ProfileInformation, &self.profile_information);
        structures(
            writer,
            Tag::ValidationInformation,
            &self.validation_information,
        );
        structures(
            writer,
            Tag::CapabilityInformation,
            &self.capability_information,
        );
        let methods = self.client_registration_methods.iter();
        for method in methods.filter(|found| found.since() <= version) {
            writer.enumeration(Tag::ClientRegistrationMethod, method.code());
        }
    }
}

fn push_known<E: Enumerated>(list: &mut Vec<E>, item: Item<'_>) -> Result<(), DecodeError> {
    list.extend(E::from_code(item.enumeration()?));
    Ok(())
}

fn fields(item: Item<'_>) -> Result<Vec<Field>, DecodeError> {
    item.structure()?;
    match AttributeValue::from_item(&item)? {
        AttributeValue::Structure(fields) => Ok(fields),
        // `structure()` has just said that it is one.
        _ => Ok(Vec::new()),
    }
}

/// Vendors put anything into Server Information, nested structures too: those are skipped.
fn vendor_fields(item: Item<'_>) -> Result<Vec<Field>, DecodeError> {
    let mut fields = Vec::new();
    for child in item.structure()?.with_any_tags().items() {
        let child = child?;
        if let Ok(value) = AttributeValue::from_item(&child)
            && !matches!(value, AttributeValue::Structure(_))
        {
            fields.push(Field {
                tag: child.tag,
                value,
            });
        }
    }
    Ok(fields)
}

fn encode_fields(writer: &mut Writer, tag: Tag, fields: &[Field], version: ProtocolVersion) {
    let known =
        |field: &&Field| Tag::from_code(field.tag.code()).is_none_or(|tag| tag.since() <= version);
    writer.structure(tag, |writer| {
        for field in fields.iter().filter(known) {
            field.value.encode(writer, field.tag);
        }
    });
}
