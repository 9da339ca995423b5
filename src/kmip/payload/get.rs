//! Get (KMIP 1.4 §4.11): the object itself, with its key material.
//!
//! Only symmetric keys are answered. The material in a `Response` never prints; the server lends
//! it, the client owns it and overwrites it.

use std::borrow::Cow;

use ttlv::{Structure, Writer};

use super::{encode_optional_identifier, request_scope, response_scope};
use crate::kmip::{
    enums::{KeyCompressionType, KeyFormatType, KeyWrapType, ObjectType},
    error::DecodeError,
    fields::{Taken, enumeration, once, required, text},
    object::KeyBlock,
    tag::Tag,
    version::ProtocolVersion,
};

/// What a client asks.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Request {
    /// The object; absent means the ID Placeholder.
    pub unique_identifier: Option<String>,
    /// The format wanted; absent means as it is.
    pub key_format_type: Option<KeyFormatType>,
    /// Whether a key that was registered wrapped is wanted so (1.4).
    pub key_wrap_type: Option<KeyWrapType>,
    /// The form of elliptic curve points wanted.
    pub key_compression_type: Option<KeyCompressionType>,
    /// How the key shall be wrapped; absent means in the clear.
    pub key_wrapping_specification: Option<KeyWrappingSpecification>,
}

/// A Key Wrapping Specification, kept unread: its presence is what matters to a server that does
/// not wrap.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyWrappingSpecification {
    /// The fields as they came.
    pub bytes: Vec<u8>,
}

impl Request {
    /// Reads the payload.
    ///
    /// # Errors
    /// When it is not what the version defines.
    pub fn decode(payload: Structure<'_>, version: ProtocolVersion) -> Result<Self, DecodeError> {
        let mut request = Self::default();
        request_scope(version).read(payload, |tag, item| match tag {
            Tag::UniqueIdentifier => once(&mut request.unique_identifier, tag, text(item)?),
            Tag::KeyFormatType => once(&mut request.key_format_type, tag, enumeration(item)?),
            Tag::KeyWrapType => once(&mut request.key_wrap_type, tag, enumeration(item)?),
            Tag::KeyCompressionType => {
                once(&mut request.key_compression_type, tag, enumeration(item)?)
            }
            Tag::KeyWrappingSpecification => {
                let bytes = item.structure()?.bytes().to_vec();
                let value = KeyWrappingSpecification { bytes };
                once(&mut request.key_wrapping_specification, tag, value)
            }
            _ => Ok(Taken::No),
        })?;
        Ok(request)
    }

    /// Writes the fields of the payload.
    pub fn encode(&self, writer: &mut Writer, version: ProtocolVersion) {
        encode_optional_identifier(writer, self.unique_identifier.as_deref());
        if let Some(format) = self.key_format_type {
            writer.enumeration(Tag::KeyFormatType, format.code());
        }
        if let Some(wrap) = self.key_wrap_type
            && version >= ProtocolVersion::V1_4
        {
            writer.enumeration(Tag::KeyWrapType, wrap.code());
        }
        if let Some(compression) = self.key_compression_type {
            writer.enumeration(Tag::KeyCompressionType, compression.code());
        }
        if let Some(specification) = &self.key_wrapping_specification {
            writer.structure(Tag::KeyWrappingSpecification, |writer| {
                writer.raw(&specification.bytes);
            });
        }
    }
}

/// What the server answers: a symmetric key.
#[derive(Debug)]
pub struct Response<'a> {
    /// The object.
    pub unique_identifier: Cow<'a, str>,
    /// The key.
    pub key: KeyBlock<'a>,
}

impl Response<'_> {
    /// Reads the payload.
    ///
    /// # Errors
    /// When it is not what the version defines, or the object is no symmetric key in the clear.
    pub fn decode(
        payload: Structure<'_>,
        version: ProtocolVersion,
    ) -> Result<Response<'static>, DecodeError> {
        let (mut object_type, mut unique_identifier, mut key) = (None, None, None);
        response_scope(version).read(payload, |tag, item| match tag {
            Tag::ObjectType => once(&mut object_type, tag, enumeration::<ObjectType>(item)?),
            Tag::UniqueIdentifier => once(&mut unique_identifier, tag, text(item)?),
            Tag::SymmetricKey => once(
                &mut key,
                tag,
                KeyBlock::decode_symmetric_key(item.structure()?, version)?,
            ),
            _ => Ok(Taken::No),
        })?;
        if required(object_type, Tag::ObjectType)? != ObjectType::SymmetricKey {
            let rule = "is no symmetric key";
            return Err(DecodeError::InvalidValue {
                tag: Tag::ObjectType,
                rule,
            });
        }
        let unique_identifier = required(unique_identifier, Tag::UniqueIdentifier)?;
        Ok(Response {
            unique_identifier: Cow::Owned(unique_identifier),
            key: required(key, Tag::SymmetricKey)?,
        })
    }

    /// Writes the fields of the payload.
    pub fn encode(&self, writer: &mut Writer, _version: ProtocolVersion) {
        writer.enumeration(Tag::ObjectType, ObjectType::SymmetricKey.code());
        writer.text(Tag::UniqueIdentifier, &self.unique_identifier);
        self.key.encode_symmetric_key(writer);
    }
}
