//! Activate (KMIP 1.4 §4.19): a Pre-Active object becomes Active.
//!
//! Fields only; whether it may is decided elsewhere.

use ttlv::{Structure, Writer};

use super::{decode_identifier, decode_optional_identifier, encode_optional_identifier};
use crate::kmip::{error::DecodeError, tag::Tag, version::ProtocolVersion};

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
}

impl Response {
    /// Reads the payload.
    ///
    /// # Errors
    /// When it is not what the version defines.
    pub fn decode(payload: Structure<'_>, version: ProtocolVersion) -> Result<Self, DecodeError> {
        Ok(Self {
            unique_identifier: decode_identifier(payload, version)?,
        })
    }

    /// Writes the fields of the payload.
    pub fn encode(&self, writer: &mut Writer, _version: ProtocolVersion) {
        writer.text(Tag::UniqueIdentifier, &self.unique_identifier);
    }
}
