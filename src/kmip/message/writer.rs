//! Writing an answer into one buffer, item by item.
//!
//! The header goes out first and the number of items is filled in at the end, because a batch that
//! stops at a failure answers fewer items than were asked. A reason that the version of the answer
//! does not define is written as General Failure.

use ttlv::{Mark, Writer};
use zeroize::Zeroize;

use super::RequestItem;
use crate::kmip::{
    enums::{ResultReason, ResultStatus},
    operation::Operation,
    tag::Tag,
    version::ProtocolVersion,
};

/// What an answered item repeats of the asked one.
#[derive(Clone, Copy, Debug, Default)]
pub struct ItemHead<'a> {
    /// The code of the operation, if the request had a readable one.
    pub operation_code: Option<u32>,
    /// The identifier, byte for byte.
    pub unique_batch_item_id: Option<&'a [u8]>,
}

impl<'a> ItemHead<'a> {
    /// The head of an operation without an identifier.
    #[must_use]
    pub const fn of(operation: Operation) -> Self {
        Self {
            operation_code: Some(operation.code()),
            unique_batch_item_id: None,
        }
    }
}

impl<'a> From<&'a RequestItem> for ItemHead<'a> {
    fn from(item: &'a RequestItem) -> Self {
        Self {
            operation_code: item.operation_code,
            unique_batch_item_id: item.unique_batch_item_id.as_deref(),
        }
    }
}

/// An answer being written. It may hold a key, so one that is not finished is wiped.
#[derive(Debug)]
pub struct ResponseWriter {
    writer: Writer,
    message: Option<Mark>,
    version: ProtocolVersion,
    /// Where the four bytes of the batch count are.
    count_at: usize,
    count: i32,
}

/// A place in an answer to go back to.
#[derive(Clone, Copy, Debug)]
pub struct Checkpoint {
    len: usize,
    count: i32,
}

impl ResponseWriter {
    /// Starts an answer with its header. The time stamp is the server's, in seconds since 1970.
    #[must_use]
    pub fn new(version: ProtocolVersion, time_stamp: i64) -> Self {
        Self::with_correlation(version, time_stamp, None, None)
    }

    /// Starts an answer whose header names the exchange as the client and the server do; before 1.4
    /// there is no place for it.
    #[must_use]
    pub fn with_correlation(
        version: ProtocolVersion,
        time_stamp: i64,
        client: Option<&str>,
        server: Option<&str>,
    ) -> Self {
        let mut writer = Writer::with_capacity(FIRST_BYTES);
        let message = writer.begin(Tag::ResponseMessage);
        let header = writer.begin(Tag::ResponseHeader);
        version.encode(&mut writer);
        writer.date_time(Tag::TimeStamp, time_stamp);
        let correlations = [
            (Tag::ClientCorrelationValue, client),
            (Tag::ServerCorrelationValue, server),
        ];
        for (tag, value) in correlations {
            if let Some(value) = value
                && version >= tag.since()
            {
                writer.text(tag, value);
            }
        }
        writer.integer(Tag::BatchCount, 0);
        let count_at = writer.len().saturating_sub(INTEGER_VALUE_BYTES);
        writer.end(header);
        Self {
            writer,
            message: Some(message),
            version,
            count_at,
            count: 0,
        }
    }

    /// Makes room for so many bytes more, so that a key is written without growing the buffer; memory that is outgrown here is wiped.
    pub fn reserve(&mut self, bytes: usize) {
        let needed = self.writer.len().saturating_add(bytes);
        if self.writer.capacity() < needed {
            let mut wider = Writer::with_capacity(needed.saturating_mul(2));
            wider.raw(self.writer.as_bytes());
            let outgrown = std::mem::replace(&mut self.writer, wider);
            outgrown.into_bytes().zeroize();
        }
    }

    /// Adds the answer to an item that was carried out; `payload` writes the fields.
    pub fn success(&mut self, head: ItemHead<'_>, payload: impl FnOnce(&mut Writer)) {
        self.item(head, ResultStatus::Success, |writer| {
            writer.structure(Tag::ResponsePayload, payload);
        });
    }

    /// Adds the answer to an item that was refused. The message is a fixed sentence.
    pub fn failure(&mut self, head: ItemHead<'_>, reason: ResultReason, message: &'static str) {
        let known = reason.since() <= self.version;
        let reason = if known {
            reason
        } else {
            ResultReason::GeneralFailure
        };
        self.item(head, ResultStatus::OperationFailed, |writer| {
            writer.enumeration(Tag::ResultReason, reason.code());
            if !message.is_empty() {
                writer.text(Tag::ResultMessage, message);
            }
        });
    }

    /// Adds the answer to an item that was carried out and then taken back.
    pub fn undone(&mut self, head: ItemHead<'_>) {
        self.item(head, ResultStatus::OperationUndone, |_| {});
    }

    /// The version of the answer, for the encoders of payloads.
    #[must_use]
    pub const fn version(&self) -> ProtocolVersion {
        self.version
    }

    /// How many bytes the answer has so far: its whole length, header included.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.writer.len()
    }

    /// Whether nothing has been answered yet.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The place to go back to if what follows turns out too large.
    #[must_use]
    pub const fn checkpoint(&self) -> Checkpoint {
        Checkpoint {
            len: self.writer.len(),
            count: self.count,
        }
    }

    /// Forgets every item since the checkpoint.
    pub fn rollback(&mut self, checkpoint: Checkpoint) {
        self.writer.truncate(checkpoint.len);
        self.count = checkpoint.count;
    }

    /// Ends the answer.
    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        if let Some(message) = self.message.take() {
            self.writer.end(message);
        }
        let mut bytes = std::mem::take(&mut self.writer).into_bytes();
        let value = self.count.to_be_bytes();
        if let Some(place) = bytes.get_mut(self.count_at..self.count_at.saturating_add(value.len()))
        {
            place.copy_from_slice(&value);
        }
        bytes
    }

    fn item(&mut self, head: ItemHead<'_>, status: ResultStatus, rest: impl FnOnce(&mut Writer)) {
        self.writer.structure(Tag::BatchItem, |writer| {
            if let Some(code) = head.operation_code {
                writer.enumeration(Tag::Operation, code);
            }
            if let Some(id) = head.unique_batch_item_id {
                writer.byte_string(Tag::UniqueBatchItemId, id);
            }
            writer.enumeration(Tag::ResultStatus, status.code());
            rest(writer);
        });
        self.count = self.count.saturating_add(1);
    }
}

impl Drop for ResponseWriter {
    fn drop(&mut self) {
        std::mem::take(&mut self.writer).into_bytes().zeroize();
    }
}

/// Room for the answer to a Get of one key, so that it is written without growing the buffer.
const FIRST_BYTES: usize = 512;

/// An Integer's value with its padding.
const INTEGER_VALUE_BYTES: usize = 8;
