//! Revoke (KMIP 1.4 §4.20): an object is Deactivated or Compromised, depending on the reason.
//!
//! Fields only; which state follows is decided elsewhere.

use ttlv::{Structure, Writer};

use super::{decode_identifier, encode_optional_identifier, request_scope};
use crate::kmip::{
    enums::RevocationReasonCode,
    error::DecodeError,
    fields::{Scope, Taken, enumeration, once, required, text},
    tag::Tag,
    version::ProtocolVersion,
};

/// Why an object is revoked.
#[derive(Clone, Debug, PartialEq)]
pub struct RevocationReason {
    /// The code, which decides the next state.
    pub code: RevocationReasonCode,
    /// Free text of the client.
    pub message: Option<String>,
}

/// What a client asks.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The object; absent means the ID Placeholder.
    pub unique_identifier: Option<String>,
    /// Why.
    pub reason: RevocationReason,
    /// Seconds since 1970; only beside a reason of compromise, which is checked elsewhere.
    pub compromise_occurrence_date: Option<i64>,
}

impl Request {
    /// Reads the payload.
    ///
    /// # Errors
    /// When it is not what the version defines.
    pub fn decode(payload: Structure<'_>, version: ProtocolVersion) -> Result<Self, DecodeError> {
        let (mut unique_identifier, mut reason, mut date) = (None, None, None);
        request_scope(version).read(payload, |tag, item| match tag {
            Tag::UniqueIdentifier => once(&mut unique_identifier, tag, text(item)?),
            Tag::RevocationReason => once(
                &mut reason,
                tag,
                RevocationReason::decode(item.structure()?, version)?,
            ),
            Tag::CompromiseOccurrenceDate => once(&mut date, tag, item.date_time()?),
            _ => Ok(Taken::No),
        })?;
        Ok(Self {
            unique_identifier,
            reason: required(reason, Tag::RevocationReason)?,
            compromise_occurrence_date: date,
        })
    }

    /// Writes the fields of the payload.
    pub fn encode(&self, writer: &mut Writer, _version: ProtocolVersion) {
        encode_optional_identifier(writer, self.unique_identifier.as_deref());
        writer.structure(Tag::RevocationReason, |writer| {
            writer.enumeration(Tag::RevocationReasonCode, self.reason.code.code());
            if let Some(message) = &self.reason.message {
                writer.text(Tag::RevocationMessage, message);
            }
        });
        if let Some(date) = self.compromise_occurrence_date {
            writer.date_time(Tag::CompromiseOccurrenceDate, date);
        }
    }
}

impl RevocationReason {
    fn decode(structure: Structure<'_>, version: ProtocolVersion) -> Result<Self, DecodeError> {
        let (mut code, mut message) = (None, None);
        Scope::new(Tag::RevocationReason, version).read(structure, |tag, item| match tag {
            Tag::RevocationReasonCode => once(&mut code, tag, enumeration(item)?),
            Tag::RevocationMessage => once(&mut message, tag, text(item)?),
            _ => Ok(Taken::No),
        })?;
        Ok(Self {
            code: required(code, Tag::RevocationReasonCode)?,
            message,
        })
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
