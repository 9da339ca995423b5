//! Requests: bytes to typed messages, and back for the client.
//!
//! Nothing a peer sends makes decoding panic or reserve more than the message is long. One bad
//! batch item spoils itself only.

use ttlv::{Item, Limits, Structure, Writer};

use super::header::{RequestHeader, version_of};
use crate::kmip::{
    enums::ResultReason,
    error::{DecodeError, ItemError},
    fields::{Scope, Taken, once, required, text},
    operation::Operation,
    payload::RequestPayload,
    tag::Tag,
    version::ProtocolVersion,
};

/// A request whose header and outline are sound.
#[derive(Debug)]
pub struct RequestMessage {
    /// The header.
    pub header: RequestHeader,
    /// As many items as the header says, at least one.
    pub items: Vec<RequestItem>,
}

/// One batch item of a request.
#[derive(Debug)]
pub struct RequestItem {
    /// The operation; nothing when it is unreadable or not of the standard.
    pub operation: Option<Operation>,
    /// The code of the operation, to be echoed; nothing when it is unreadable.
    pub operation_code: Option<u32>,
    /// To be echoed byte for byte. Clients may leave it out, although the standard wants one on
    /// every item of a batch of several.
    pub unique_batch_item_id: Option<Vec<u8>>,
    /// What is asked, or why it cannot be understood.
    pub payload: Result<RequestPayload, ItemError>,
    /// A vendor's extension; a critical one must not be ignored.
    pub message_extension: Option<MessageExtension>,
}

/// A Message Extension (KMIP 1.4 §6.16), without the vendor's own fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageExtension {
    /// Whose extension it is.
    pub vendor_identification: String,
    /// Whether the message makes no sense without it.
    pub critical: bool,
}

/// Why a request cannot be answered item by item, and how to answer it.
#[derive(Debug, thiserror::Error)]
#[error("{detail}")]
pub struct RequestError {
    /// The version to answer in.
    pub version: ProtocolVersion,
    /// The version the peer has used, if it could be read.
    pub request_version: Option<ProtocolVersion>,
    /// What the peer is told.
    pub reason: ResultReason,
    /// What the log says; never sent.
    pub detail: String,
}

impl RequestMessage {
    /// Reads one whole message.
    ///
    /// # Errors
    /// When no item can be answered on its own: the outline or the header is malformed, the major
    /// version is not spoken, or the batch count is wrong.
    pub fn decode(bytes: &[u8], limits: &Limits) -> Result<Self, RequestError> {
        let mut request_version = None;
        decode(bytes, limits, &mut request_version).map_err(|error| RequestError {
            version: request_version.map_or_else(ProtocolVersion::best, ProtocolVersion::answer),
            request_version,
            reason: error.reason(),
            detail: error.to_string(),
        })
    }
}

fn decode(
    bytes: &[u8],
    limits: &Limits,
    seen: &mut Option<ProtocolVersion>,
) -> Result<RequestMessage, DecodeError> {
    if bytes.len() > limits.message_bytes_max {
        return Err(DecodeError::Layout("message is too long"));
    }
    let message = ttlv::read(bytes)?;
    if message.tag != Tag::RequestMessage.raw() {
        return Err(DecodeError::Missing(Tag::RequestMessage));
    }
    let mut children = message.structure()?.items();
    let header_item = children
        .next()
        .ok_or(DecodeError::Missing(Tag::RequestHeader))??;
    if header_item.tag != Tag::RequestHeader.raw() {
        return Err(DecodeError::Missing(Tag::RequestHeader));
    }
    let mut budget = Budget {
        depth_max: limits.depth_max.saturating_sub(1),
        items_left: limits.items_max.saturating_sub(1),
    };
    let header = decode_header(&header_item, &mut budget, seen)?;

    let mut items = Vec::new();
    for child in children {
        let child = child?;
        if child.tag == Tag::BatchItem.raw() {
            budget.spend_item()?;
            items.push(RequestItem::decode(&child, header.version, &mut budget));
        } else {
            Scope::new(Tag::RequestMessage, header.version).refuse(child.tag)?;
        }
    }
    if u32::try_from(items.len()) != Ok(header.batch_count) {
        return Err(DecodeError::Layout(
            "batch count differs from the number of items",
        ));
    }
    Ok(RequestMessage { header, items })
}

fn decode_header(
    item: &Item<'_>,
    budget: &mut Budget,
    seen: &mut Option<ProtocolVersion>,
) -> Result<RequestHeader, DecodeError> {
    let structure = item.structure()?;
    // First the version, even of a header that is malformed further on: it decides the answer's.
    let version = version_of(structure)?;
    *seen = Some(version);
    if !version.is_major_supported() {
        return Err(DecodeError::Layout(
            "major protocol version is not supported",
        ));
    }
    budget.check(item, 0)?;
    RequestHeader::decode(structure, version)
}

/// What the items of one message may still use of its limits.
struct Budget {
    depth_max: u8,
    items_left: u32,
}

impl Budget {
    /// Walks through a part of the message that stands `levels` below the header's level.
    fn check(&mut self, item: &Item<'_>, levels: u8) -> Result<(), DecodeError> {
        Ok(item.check(self.depth_max.saturating_sub(levels), &mut self.items_left)?)
    }

    /// Counts a batch item itself: their number, too, costs memory.
    fn spend_item(&mut self) -> Result<(), DecodeError> {
        let left = self.items_left.checked_sub(1);
        self.items_left = left.ok_or(DecodeError::Layout("message has too many items"))?;
        Ok(())
    }
}

impl RequestItem {
    /// Whether it makes no sense to whoever does not understand its extension: then the whole message does not
    /// (KMIP 1.4 §6.16).
    #[must_use]
    pub fn is_critical(&self) -> bool {
        let extension = self.message_extension.as_ref();
        extension.is_some_and(|extension| extension.critical)
    }

    fn decode(item: &Item<'_>, version: ProtocolVersion, budget: &mut Budget) -> Self {
        let mut outline = Outline::default();
        let complete = outline.read(item, version).map_err(ItemError::from);
        Self {
            operation: outline.operation_code.and_then(Operation::from_code),
            operation_code: outline.operation_code,
            unique_batch_item_id: outline.unique_batch_item_id.map(<[u8]>::to_vec),
            payload: complete.and_then(|()| outline.payload(version, budget)),
            message_extension: outline.message_extension,
        }
    }
}

/// The fields of a batch item before its payload is read.
#[derive(Default)]
struct Outline<'a> {
    operation_code: Option<u32>,
    unique_batch_item_id: Option<&'a [u8]>,
    payload: Option<Item<'a>>,
    message_extension: Option<MessageExtension>,
}

impl<'a> Outline<'a> {
    /// Reads up to the first fault: what came before it is echoed.
    fn read(&mut self, item: &Item<'a>, version: ProtocolVersion) -> Result<(), DecodeError> {
        let structure = item.structure()?;
        Scope::new(Tag::BatchItem, version).read(structure, |tag, item| match tag {
            Tag::Operation => once(&mut self.operation_code, tag, item.enumeration()?),
            Tag::UniqueBatchItemId => {
                once(&mut self.unique_batch_item_id, tag, item.byte_string()?)
            }
            Tag::RequestPayload => once(&mut self.payload, tag, item),
            Tag::MessageExtension => {
                let extension = MessageExtension::decode(item.structure()?, version)?;
                once(&mut self.message_extension, tag, extension)
            }
            _ => Ok(Taken::No),
        })
    }

    /// Walks through the payload, then reads it. What a vendor puts into an extension is not looked
    /// at: official test cases have tags of nobody's there.
    fn payload(
        &self,
        version: ProtocolVersion,
        budget: &mut Budget,
    ) -> Result<RequestPayload, ItemError> {
        let code = required(self.operation_code, Tag::Operation)?;
        let payload = required(self.payload, Tag::RequestPayload)?;
        budget.check(&payload, 1)?;
        let payload = payload.structure().map_err(DecodeError::from)?;
        let Some(operation) = Operation::from_code(code) else {
            let detail = format!("{code:#x} is no operation");
            return Err(ItemError {
                reason: ResultReason::OperationNotSupported,
                detail,
            });
        };
        Ok(RequestPayload::decode(operation, payload, version)?)
    }
}

impl MessageExtension {
    fn decode(structure: Structure<'_>, version: ProtocolVersion) -> Result<Self, DecodeError> {
        let (mut vendor, mut critical, mut extension) = (None, None, None);
        Scope::new(Tag::MessageExtension, version).read(structure, |tag, item| match tag {
            Tag::VendorIdentification => once(&mut vendor, tag, text(item)?),
            Tag::CriticalityIndicator => once(&mut critical, tag, item.boolean()?),
            Tag::VendorExtension => once(&mut extension, tag, item.structure()?),
            _ => Ok(Taken::No),
        })?;
        Ok(Self {
            vendor_identification: required(vendor, Tag::VendorIdentification)?,
            critical: required(critical, Tag::CriticalityIndicator)?,
        })
    }
}

/// One batch item a client sends.
#[derive(Clone, Debug, PartialEq)]
pub struct OutgoingItem {
    /// The client's name for the item; wanted when there are several.
    pub unique_batch_item_id: Option<Vec<u8>>,
    /// What is asked.
    pub payload: RequestPayload,
}

/// Writes a request. The batch count is the number of items, whatever the header says.
#[must_use]
pub fn encode_request(header: &RequestHeader, items: &[OutgoingItem]) -> Vec<u8> {
    let mut writer = Writer::default();
    let count = i32::try_from(items.len()).unwrap_or(i32::MAX);
    writer.structure(Tag::RequestMessage, |writer| {
        header.encode(writer, count);
        for item in items {
            writer.structure(Tag::BatchItem, |writer| {
                writer.enumeration(Tag::Operation, item.payload.operation().code());
                if let Some(id) = &item.unique_batch_item_id {
                    writer.byte_string(Tag::UniqueBatchItemId, id);
                }
                writer.structure(Tag::RequestPayload, |writer| {
                    item.payload.encode(writer, header.version);
                });
            });
        }
    });
    writer.into_bytes()
}
