//! One message: its items in order, one changeset, one answer.
//!
//! Version, count, continuation, Undo, Unique Batch Item ID and ID Placeholder are dealt with here and nowhere else. The answer is
//! written only after the changeset is committed; a stale precondition runs the whole message again, a bounded number of times.

use std::sync::Arc;

use ttlv::Writer;

use crate::audit::{Data, Event};
use crate::domain::{Identity, RequestId};
use crate::kmip::enums::{BatchErrorContinuationOption, ResultReason};
use crate::kmip::message::{ItemHead, RequestError, RequestItem, RequestMessage, ResponseWriter};
use crate::kmip::operation::Operation;
use crate::kmip::version::ProtocolVersion;
use crate::ops::context::Context;
use crate::ops::error::{Cause, OpError};
use crate::ops::event::{self, ItemEvent};
use crate::ops::report::Report;
use crate::ops::service::{Answer, Service};
use crate::ops::{ResponsePayload, dispatch};
use crate::store::ApplyError;
use crate::store::changeset::Changeset;

/// How often a message is run because others changed what it read. The writer shows what it committed before it answers, so a message
/// that lost finds the present state in memory and has the same chance as any other.
const TRIES: usize = 64;
/// What a batch item of an answer has around its payload, at most, in bytes.
const ITEM_BYTES: usize = 128;
/// The payload of an answer to Get, at most, in bytes.
const KEY_ANSWER_BYTES: usize = 512;
/// From which try on objects are read past the cache, in case it is what lags.
const TRIES_FROM_MEMORY: usize = 8;

/// A batch item that was carried out, or failed.
struct Done<'m> {
    item: &'m RequestItem,
    report: Report,
    result: Result<ResponsePayload, OpError>,
}

/// One request on its way: who sent it, when, and what its events share.
#[derive(Clone, Copy)]
struct Exchange<'a> {
    service: &'a Service,
    identity: &'a Arc<Identity>,
    now_ms: i64,
    request: RequestId,
}

/// Answers one whole message.
pub(crate) async fn answer(service: &Service, identity: &Arc<Identity>, bytes: &[u8]) -> Answer {
    let now_ms = service.now_ms();
    let Ok(request) = service.request_id(now_ms) else {
        return plain(now_ms, ProtocolVersion::best(), Cause::Internal, false);
    };
    let exchange = Exchange {
        service,
        identity,
        now_ms,
        request,
    };
    match RequestMessage::decode(bytes, service.limits()) {
        Ok(message) => exchange.answer(&message).await,
        Err(error) => exchange.refuse(&error, false).await,
    }
}

/// Answers bytes that have no end: the standard's error response, then the connection is of no use.
pub(crate) async fn answer_unframed(
    service: &Service,
    identity: &Arc<Identity>,
    error: &ttlv::Error,
) -> Answer {
    let now_ms = service.now_ms();
    let Ok(request) = service.request_id(now_ms) else {
        return plain(now_ms, ProtocolVersion::best(), Cause::Internal, true);
    };
    let error = RequestError {
        version: ProtocolVersion::best(),
        request_version: None,
        reason: ResultReason::InvalidMessage,
        detail: error.to_string(),
    };
    Exchange {
        service,
        identity,
        now_ms,
        request,
    }
    .refuse(&error, true)
    .await
}

/// A response of one failed item without an operation.
fn plain(now_ms: i64, version: ProtocolVersion, cause: Cause, close: bool) -> Answer {
    let mut writer = ResponseWriter::new(version, now_ms.div_euclid(1000));
    writer.failure(ItemHead::default(), cause.result_reason(), cause.sentence());
    Answer {
        bytes: writer.finish(),
        close,
    }
}

impl Exchange<'_> {
    async fn answer(self, message: &RequestMessage) -> Answer {
        let header = &message.header;
        if header.batch_count > self.service.config().batch_items_max {
            return self.refuse_whole(message, Cause::Malformed).await;
        }
        let mut lost = Vec::new();
        for attempt in 0..TRIES {
            let version = header.answer_version();
            let past_cache = attempt >= TRIES_FROM_MEMORY;
            let mut ctx = Context::new(
                self.service,
                self.identity,
                version,
                self.now_ms,
                past_cache,
            );
            let done = execute(&mut ctx, message).await;
            let changeset = match self.events(&done, header.version) {
                Ok(events) => ctx.into_changeset(events),
                Err(error) => return self.fail(message, done, &error).await,
            };
            match commit(self.service, changeset).await {
                Ok(()) => return self.write(message, &done),
                // What was in the way shows when the message is run again on what is there now.
                Err(ApplyError::Conflict | ApplyError::NameTaken) => lost = done,
                Err(error) => return self.fail(message, done, &OpError::from(error)).await,
            }
        }
        self.fail(message, lost, &Cause::Conflict.into()).await
    }

    /// Writes the answer to what was committed.
    fn write(self, message: &RequestMessage, done: &[Done<'_>]) -> Answer {
        let version = message.header.answer_version();
        let client = message.header.client_correlation_value.as_deref();
        // Only to who correlates: PyKMIP's decoder of 1.4 does not know the field.
        let server = client.map(|_| self.request.to_string());
        let seconds = self.now_ms.div_euclid(1000);
        let mut writer =
            ResponseWriter::with_correlation(version, seconds, client, server.as_deref());
        for item in done {
            let head = ItemHead::from(item.item);
            match &item.result {
                Ok(payload) => writer.success(head, |writer| payload.encode(writer, version)),
                Err(error) if error.cause == Cause::Undone => writer.undone(head),
                Err(error) => {
                    writer.failure(head, error.cause.result_reason(), error.cause.sentence());
                }
            }
        }
        Answer {
            bytes: writer.finish(),
            close: false,
        }
    }

    /// Turns what was to be done into failures of one cause, answers them and records them. Nothing of the message took effect.
    async fn fail(
        self,
        message: &RequestMessage,
        mut done: Vec<Done<'_>>,
        error: &OpError,
    ) -> Answer {
        tracing::warn!(request = %self.request, cause = ?error.cause, detail = error.detail,
            "A request could not be committed.");
        for item in &mut done {
            item.report.response = Data::new();
            item.result = Err(error.cause.into());
        }
        if let Ok(events) = self.events(&done, message.header.version) {
            self.record(events).await;
        }
        self.write(message, &done)
    }

    /// Answers a message none of whose items can be, and records that.
    async fn refuse(self, error: &RequestError, close: bool) -> Answer {
        let cause = match error.request_version {
            Some(version) if !version.is_major_supported() => Cause::VersionNotSupported,
            _ if error.reason == ResultReason::InvalidField => Cause::InvalidField,
            _ => Cause::Malformed,
        };
        tracing::debug!(request = %self.request, detail = error.detail, "A message was refused.");
        if let Ok(event) = event::refused(self.service, self.identity, self.stamp(), cause) {
            self.record(vec![event]).await;
        }
        plain(self.now_ms, error.version, cause, close)
    }

    /// Refuses a message as a whole, although it could be read.
    async fn refuse_whole(self, message: &RequestMessage, cause: Cause) -> Answer {
        if let Ok(event) = event::refused(self.service, self.identity, self.stamp(), cause) {
            self.record(vec![event]).await;
        }
        plain(self.now_ms, message.header.answer_version(), cause, false)
    }

    /// Records failures. Who may act plays no part: the record is about what was refused.
    async fn record(self, events: Vec<Event>) {
        let mut events = events.into_iter();
        let Some(first) = events.next() else { return };
        let mut changeset = Changeset::new(first);
        events.for_each(|event| changeset.record(event));
        if let Err(error) = self.service.store().apply(changeset).await {
            tracing::error!(request = %self.request, %error, "A failure could not be recorded.");
        }
    }

    fn events(self, done: &[Done<'_>], version: ProtocolVersion) -> Result<Vec<Event>, OpError> {
        let mut events = Vec::with_capacity(done.len());
        for (index, item) in done.iter().enumerate() {
            let about = ItemEvent {
                index,
                version,
                operation: item.item.operation,
                report: &item.report,
                failure: item.result.as_ref().err().map(|error| error.cause),
            };
            events.extend(event::of_item(
                self.service,
                self.identity,
                self.stamp(),
                &about,
            )?);
        }
        Ok(events)
    }

    const fn stamp(self) -> event::Stamp {
        event::Stamp {
            now_ms: self.now_ms,
            request: self.request,
        }
    }
}

async fn commit(service: &Service, changeset: Option<Changeset>) -> Result<(), ApplyError> {
    match changeset {
        Some(changeset) => service.store().apply(changeset).await.map(|_| ()),
        // Nothing to record and so nothing changed: Discover Versions and Query.
        None => Ok(()),
    }
}

/// Carries out the items in order, to the end or to where the continuation option stops.
async fn execute<'m>(ctx: &mut Context<'_>, message: &'m RequestMessage) -> Vec<Done<'m>> {
    use BatchErrorContinuationOption as Option;
    let continuation = message.header.continuation.unwrap_or(Option::Stop);
    let mut done = Vec::with_capacity(message.items.len());
    let mut room = Room {
        bytes: ctx.service.config().response_bytes_max,
        scratch: Writer::default(),
    };
    for item in &message.items {
        let mut report = Report::new();
        let result = run(ctx, item, message.header.version_supported(), &mut report).await;
        let result = result.and_then(|payload| room.take(payload, ctx.version));
        let failed = result.is_err();
        done.push(Done {
            item,
            report,
            result,
        });
        match continuation {
            Option::Continue => {}
            Option::Stop if failed => break,
            Option::Undo if failed => {
                ctx.discard();
                undo(&mut done);
                break;
            }
            Option::Stop | Option::Undo => {}
        }
    }
    done
}

/// What is left of the bytes an answer may have.
struct Room {
    bytes: usize,
    scratch: Writer,
}

impl Room {
    /// Counts a payload; one that only reads is refused where it does not fit. What changes something is small, and done.
    fn take(
        &mut self,
        payload: ResponsePayload,
        version: ProtocolVersion,
    ) -> Result<ResponsePayload, OpError> {
        self.scratch.clear();
        let bytes = match payload {
            // No key is written where it is not wiped.
            ResponsePayload::Get(_) => KEY_ANSWER_BYTES,
            _ => {
                payload.encode(&mut self.scratch, version);
                self.scratch.len()
            }
        };
        match self.bytes.checked_sub(bytes + ITEM_BYTES) {
            Some(left) => self.bytes = left,
            None if payload.only_reads() => return Err(Cause::ResponseTooLarge.into()),
            None => self.bytes = 0,
        }
        Ok(payload)
    }
}

/// Turns what was carried out into Operation Undone; the last item is the failure itself.
fn undo(done: &mut [Done<'_>]) {
    for item in done.iter_mut().filter(|item| item.result.is_ok()) {
        item.result = Err(Cause::Undone.into());
        // What the answer would have said is not so.
        item.report.response = Data::new();
    }
}

async fn run(
    ctx: &mut Context<'_>,
    item: &RequestItem,
    version_supported: bool,
    report: &mut Report,
) -> Result<ResponsePayload, OpError> {
    if !version_supported && item.operation != Some(Operation::DiscoverVersions) {
        return Err(Cause::VersionNotSupported.into());
    }
    if item
        .message_extension
        .as_ref()
        .is_some_and(|extension| extension.critical)
    {
        return Err(OpError::new(
            Cause::FeatureNotSupported,
            "critical message extension",
        ));
    }
    let payload = item.payload.as_ref().map_err(OpError::from)?;
    let since = payload.operation().since();
    if since > ctx.version {
        return Err(OpError::new(
            Cause::OperationNotSupported,
            "newer than the request's version",
        ));
    }
    let result = dispatch(ctx, payload, report).await;
    if let Err(error) = &result {
        if matches!(payload.operation(), Operation::Create | Operation::Locate) {
            // The key that later items mean is not there: better none than an earlier one.
            ctx.place(None);
        }
        tracing::debug!(operation = payload.operation().name(), cause = ?error.cause,
            detail = error.detail, "An operation failed.");
    }
    result
}

impl From<ApplyError> for OpError {
    fn from(error: ApplyError) -> Self {
        let cause = match error {
            ApplyError::NotPermitted => Cause::NotPermitted,
            ApplyError::StorageFull => Cause::StorageFull,
            ApplyError::Conflict | ApplyError::NameTaken => Cause::Conflict,
            _ => Cause::StoreUnavailable,
        };
        Self::new(cause, error.to_string())
    }
}
