//! Reading answers, for the client.
//!
//! The payloads stay bytes until the client says which operation it expects of them: the decoder
//! does not trust the answer to name its own type.

use ttlv::{Item, Limits, Structure};

use crate::kmip::{
    enums::{ResultReason, ResultStatus},
    error::DecodeError,
    fields::{Scope, Taken, count, enumeration, once, required, text},
    operation::Operation,
    tag::Tag,
    version::ProtocolVersion,
};

/// An answer.
#[derive(Debug)]
pub struct ResponseMessage<'a> {
    /// The header.
    pub header: ResponseHeader,
    /// The answered items, in order.
    pub items: Vec<ResponseItem<'a>>,
}

/// What stands before the items of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResponseHeader {
    /// The version of the answer.
    pub version: ProtocolVersion,
    /// The server's time, in seconds since 1970.
    pub time_stamp: i64,
    /// The client's name for the exchange (1.4).
    pub client_correlation_value: Option<String>,
    /// The server's name for it (1.4).
    pub server_correlation_value: Option<String>,
    /// How many items follow.
    pub batch_count: u32,
}

/// One answered item.
#[derive(Debug)]
pub struct ResponseItem<'a> {
    /// The operation, if the item names one of the standard.
    pub operation: Option<Operation>,
    /// The identifier the client gave.
    pub unique_batch_item_id: Option<&'a [u8]>,
    /// Whether it was carried out.
    pub status: ResultStatus,
    /// Why not; nothing when the server uses a code of its own.
    pub reason: Option<ResultReason>,
    /// The server's words.
    pub message: Option<&'a str>,
    /// The fields of the operation; give them to its `Response::decode`.
    pub payload: Option<Structure<'a>>,
}

impl<'a> ResponseMessage<'a> {
    /// Reads one whole answer.
    ///
    /// # Errors
    /// When it is malformed, or of a version that is not spoken.
    pub fn decode(bytes: &'a [u8], limits: &Limits) -> Result<Self, DecodeError> {
        if bytes.len() > limits.message_bytes_max {
            return Err(DecodeError::Layout("message is too long"));
        }
        let message = ttlv::read(bytes)?;
        if message.tag != Tag::ResponseMessage.raw() {
            return Err(DecodeError::Missing(Tag::ResponseMessage));
        }
        let mut items_left = limits.items_max;
        let vendors = [Tag::VendorExtension.raw(), Tag::ServerInformation.raw()];
        message.check_with(limits.depth_max, &mut items_left, &vendors)?;
        let mut children = message.structure()?.items();
        let header = children
            .next()
            .ok_or(DecodeError::Missing(Tag::ResponseHeader))??;
        if header.tag != Tag::ResponseHeader.raw() {
            return Err(DecodeError::Missing(Tag::ResponseHeader));
        }
        let header = ResponseHeader::decode(header.structure()?)?;
        let mut items = Vec::new();
        for child in children {
            let child = child?;
            if child.tag == Tag::BatchItem.raw() {
                items.push(ResponseItem::decode(&child, header.version)?);
            } else {
                Scope::new(Tag::ResponseMessage, header.version).refuse(child.tag)?;
            }
        }
        if u32::try_from(items.len()) != Ok(header.batch_count) {
            return Err(DecodeError::Layout(
                "batch count differs from the number of items",
            ));
        }
        Ok(Self { header, items })
    }
}

impl ResponseHeader {
    fn decode(structure: Structure<'_>) -> Result<Self, DecodeError> {
        let version = super::header::version_of(structure)?;
        if !version.is_major_supported() {
            return Err(DecodeError::Layout(
                "major protocol version is not supported",
            ));
        }
        let (mut seen_version, mut time_stamp, mut batch_count) = (None, None, None);
        let (mut client, mut server) = (None, None);
        Scope::new(Tag::ResponseHeader, version).read(structure, |tag, item| match tag {
            Tag::ProtocolVersion => once(&mut seen_version, tag, ()),
            Tag::TimeStamp => once(&mut time_stamp, tag, item.date_time()?),
            Tag::ClientCorrelationValue => once(&mut client, tag, text(item)?),
            Tag::ServerCorrelationValue => once(&mut server, tag, text(item)?),
            Tag::BatchCount => once(&mut batch_count, tag, count(tag, item)?),
            // Attestation is not spoken.
            Tag::Nonce | Tag::AttestationType => Ok(Taken::Yes),
            _ => Ok(Taken::No),
        })?;
        Ok(Self {
            version,
            time_stamp: required(time_stamp, Tag::TimeStamp)?,
            client_correlation_value: client,
            server_correlation_value: server,
            batch_count: required(batch_count, Tag::BatchCount)?,
        })
    }
}

impl<'a> ResponseItem<'a> {
    fn decode(item: &Item<'a>, version: ProtocolVersion) -> Result<Self, DecodeError> {
        let (mut operation, mut unique_batch_item_id, mut status) = (None, None, None);
        let (mut reason, mut message, mut payload) = (None, None, None);
        let structure = item.structure()?;
        Scope::new(Tag::BatchItem, version).read(structure, |tag, item| match tag {
            Tag::Operation => once(&mut operation, tag, item.enumeration()?),
            Tag::UniqueBatchItemId => once(&mut unique_batch_item_id, tag, item.byte_string()?),
            Tag::ResultStatus => once(&mut status, tag, enumeration(item)?),
            Tag::ResultReason => once(&mut reason, tag, item.enumeration()?),
            Tag::ResultMessage => once(&mut message, tag, item.text()?),
            Tag::ResponsePayload => once(&mut payload, tag, item.structure()?),
            Tag::AsynchronousCorrelationValue | Tag::MessageExtension => Ok(Taken::Yes),
            _ => Ok(Taken::No),
        })?;
        Ok(Self {
            operation: operation.and_then(Operation::from_code),
            unique_batch_item_id,
            status: required(status, Tag::ResultStatus)?,
            reason: reason.and_then(ResultReason::from_code),
            message,
            payload,
        })
    }
}
