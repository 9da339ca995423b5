//! Discover Versions (KMIP 1.4 §4.26): which protocol versions both sides speak.
//!
//! The one operation that is answered under any minor version; the choice is made elsewhere.

use ttlv::{Structure, Writer};

use super::{request_scope, response_scope};
use crate::kmip::{
    error::DecodeError,
    fields::{Scope, Taken},
    tag::Tag,
    version::ProtocolVersion,
};

/// What a client asks.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Request {
    /// The versions the client speaks, best first; none means "all of yours".
    pub versions: Vec<ProtocolVersion>,
}

impl Request {
    /// Reads the payload.
    ///
    /// # Errors
    /// When it is not what the version defines.
    pub fn decode(payload: Structure<'_>, version: ProtocolVersion) -> Result<Self, DecodeError> {
        Ok(Self {
            versions: decode_versions(request_scope(version), payload)?,
        })
    }

    /// Writes the fields of the payload.
    pub fn encode(&self, writer: &mut Writer, _version: ProtocolVersion) {
        encode_versions(writer, &self.versions);
    }
}

/// What the server answers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Response {
    /// The common versions, best first; possibly none.
    pub versions: Vec<ProtocolVersion>,
}

impl Response {
    /// Reads the payload.
    ///
    /// # Errors
    /// When it is not what the version defines.
    pub fn decode(payload: Structure<'_>, version: ProtocolVersion) -> Result<Self, DecodeError> {
        Ok(Self {
            versions: decode_versions(response_scope(version), payload)?,
        })
    }

    /// Writes the fields of the payload.
    pub fn encode(&self, writer: &mut Writer, _version: ProtocolVersion) {
        encode_versions(writer, &self.versions);
    }
}

fn decode_versions(
    scope: Scope,
    payload: Structure<'_>,
) -> Result<Vec<ProtocolVersion>, DecodeError> {
    let mut versions = Vec::new();
    scope.read(payload, |tag, item| match tag {
        Tag::ProtocolVersion => {
            versions.push(ProtocolVersion::decode(item.structure()?)?);
            Ok(Taken::Yes)
        }
        _ => Ok(Taken::No),
    })?;
    Ok(versions)
}

fn encode_versions(writer: &mut Writer, versions: &[ProtocolVersion]) {
    for version in versions {
        version.encode(writer);
    }
}
