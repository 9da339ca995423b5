//! The header of a request (KMIP 1.4 §7.2).
//!
//! Every field is read and kept; which options are honoured is decided elsewhere.

use ttlv::{Item, Structure, Writer};

use super::Credential;
use crate::kmip::{
    enums::{AttestationType, BatchErrorContinuationOption},
    error::DecodeError,
    fields::{Scope, Taken, count, enumeration, once, required, text},
    tag::Tag,
    version::ProtocolVersion,
};

/// What stands before the batch items of a request.
#[derive(Debug)]
pub struct RequestHeader {
    /// The version of the message. Perhaps a newer minor than any we speak: see
    /// `version_supported`.
    pub version: ProtocolVersion,
    /// The most bytes the client takes as an answer.
    pub maximum_response_size: Option<u32>,
    /// The client's name for the exchange, for the log (1.4).
    pub client_correlation_value: Option<String>,
    /// Whether the client can poll; absent means not.
    pub asynchronous_indicator: Option<bool>,
    /// Whether the client could attest (1.2).
    pub attestation_capable: Option<bool>,
    /// Who the client says it is.
    pub authentication: Vec<Credential>,
    /// What happens after a failed item; absent means Stop.
    pub continuation: Option<BatchErrorContinuationOption>,
    /// Whether items are carried out in order; absent means not demanded.
    pub batch_order: Option<bool>,
    /// The client's time, in seconds since 1970.
    pub time_stamp: Option<i64>,
    /// How many batch items follow; a decoded message has exactly that many.
    pub batch_count: u32,
}

impl RequestHeader {
    /// The header of a plain request; the number of items is filled in when it is written.
    #[must_use]
    pub const fn new(version: ProtocolVersion) -> Self {
        Self {
            version,
            maximum_response_size: None,
            client_correlation_value: None,
            asynchronous_indicator: None,
            attestation_capable: None,
            authentication: Vec::new(),
            continuation: None,
            batch_order: None,
            time_stamp: None,
            batch_count: 0,
        }
    }

    /// Whether we speak the version. If not, only Discover Versions may be carried out.
    #[must_use]
    pub fn version_supported(&self) -> bool {
        self.version.is_supported()
    }

    /// The version to answer in.
    #[must_use]
    pub fn answer_version(&self) -> ProtocolVersion {
        self.version.answer()
    }

    /// Reads the header; the version has been read before, since it decides how to read the rest.
    pub(super) fn decode(
        structure: Structure<'_>,
        version: ProtocolVersion,
    ) -> Result<Self, DecodeError> {
        let mut header = Self::new(version);
        let (mut batch_count, mut seen_version, mut authentication) = (None, None, None);
        Scope::new(Tag::RequestHeader, version).read(structure, |tag, item| match tag {
            Tag::ProtocolVersion => once(&mut seen_version, tag, ()),
            Tag::Authentication => once(
                &mut authentication,
                tag,
                credentials(item.structure()?, version)?,
            ),
            Tag::BatchCount => once(&mut batch_count, tag, batch_items(item)?),
            _ => header.take(tag, item),
        })?;
        header.authentication = authentication.unwrap_or_default();
        header.batch_count = required(batch_count, Tag::BatchCount)?;
        Ok(header)
    }

    /// Writes the header for this many items, without what its version does not define.
    pub(super) fn encode(&self, writer: &mut Writer, batch_count: i32) {
        writer.structure(Tag::RequestHeader, |writer| {
            self.version.encode(writer);
            self.encode_client(writer);
            if !self.authentication.is_empty() {
                writer.structure(Tag::Authentication, |writer| {
                    for credential in &self.authentication {
                        credential.encode(writer);
                    }
                });
            }
            self.encode_batch(writer);
            writer.integer(Tag::BatchCount, batch_count);
        });
    }

    fn take(&mut self, tag: Tag, item: Item<'_>) -> Result<Taken, DecodeError> {
        match tag {
            Tag::MaximumResponseSize => {
                once(&mut self.maximum_response_size, tag, count(tag, item)?)
            }
            Tag::ClientCorrelationValue => {
                once(&mut self.client_correlation_value, tag, text(item)?)
            }
            Tag::AsynchronousIndicator => {
                once(&mut self.asynchronous_indicator, tag, item.boolean()?)
            }
            Tag::AttestationCapableIndicator => {
                once(&mut self.attestation_capable, tag, item.boolean()?)
            }
            // Repeatable, and of no use before anything attests.
            Tag::AttestationType => enumeration::<AttestationType>(item).map(|_| Taken::Yes),
            Tag::BatchErrorContinuationOption => {
                once(&mut self.continuation, tag, enumeration(item)?)
            }
            Tag::BatchOrderOption => once(&mut self.batch_order, tag, item.boolean()?),
            Tag::TimeStamp => once(&mut self.time_stamp, tag, item.date_time()?),
            _ => Ok(Taken::No),
        }
    }

    fn encode_client(&self, writer: &mut Writer) {
        if let Some(bytes) = self.maximum_response_size {
            let bytes = i32::try_from(bytes).unwrap_or(i32::MAX);
            writer.integer(Tag::MaximumResponseSize, bytes);
        }
        if let Some(value) = &self.client_correlation_value
            && self.version >= Tag::ClientCorrelationValue.since()
        {
            writer.text(Tag::ClientCorrelationValue, value);
        }
        if let Some(asynchronous) = self.asynchronous_indicator {
            writer.boolean(Tag::AsynchronousIndicator, asynchronous);
        }
        if let Some(capable) = self.attestation_capable
            && self.version >= Tag::AttestationCapableIndicator.since()
        {
            writer.boolean(Tag::AttestationCapableIndicator, capable);
        }
    }

    fn encode_batch(&self, writer: &mut Writer) {
        if let Some(continuation) = self.continuation {
            writer.enumeration(Tag::BatchErrorContinuationOption, continuation.code());
        }
        if let Some(order) = self.batch_order {
            writer.boolean(Tag::BatchOrderOption, order);
        }
        if let Some(seconds) = self.time_stamp {
            writer.date_time(Tag::TimeStamp, seconds);
        }
    }
}

/// The version in a header: read before all else, because it decides how to answer.
pub(super) fn version_of(header: Structure<'_>) -> Result<ProtocolVersion, DecodeError> {
    for item in header.items() {
        let item = item?;
        if item.tag == Tag::ProtocolVersion.raw() {
            return ProtocolVersion::decode(item.structure()?);
        }
    }
    Err(DecodeError::Missing(Tag::ProtocolVersion))
}

fn credentials(
    structure: Structure<'_>,
    version: ProtocolVersion,
) -> Result<Vec<Credential>, DecodeError> {
    let mut credentials = Vec::new();
    Scope::new(Tag::Authentication, version).read(structure, |tag, item| match tag {
        // Several credentials came with 1.2.
        Tag::Credential if !credentials.is_empty() && version < ProtocolVersion::V1_2 => {
            Err(DecodeError::Repeated(tag))
        }
        Tag::Credential => {
            credentials.push(Credential::decode(item.structure()?, version)?);
            Ok(Taken::Yes)
        }
        _ => Ok(Taken::No),
    })?;
    if credentials.is_empty() {
        return Err(DecodeError::Missing(Tag::Credential));
    }
    Ok(credentials)
}

fn batch_items(item: Item<'_>) -> Result<u32, DecodeError> {
    let rule = "batch count is not positive";
    let count = u32::try_from(item.integer()?).map_err(|_| DecodeError::Layout(rule))?;
    if count == 0 {
        Err(DecodeError::Layout(rule))
    } else {
        Ok(count)
    }
}
