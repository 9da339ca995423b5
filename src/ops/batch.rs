//! One message: its items in order, one changeset, one answer.
//!
//! Version, count and what is refused as a whole are dealt with here, the items in `items`, and nowhere else. The answer is given only
//! after the changeset is committed; a stale precondition runs the whole message again, a bounded number of times.

use std::sync::Arc;
use std::time::Instant;

use crate::audit::{Data, Event};
use crate::domain::{Identity, RequestId};
use crate::kmip::enums::ResultReason;
use crate::kmip::message::{ItemHead, RequestError, RequestMessage, ResponseWriter};
use crate::kmip::operation::Operation;
use crate::kmip::version::ProtocolVersion;
use crate::ops::allowance::{Allowance, Spent};
use crate::ops::authentication::Standing;
use crate::ops::context::Context;
use crate::ops::error::{Cause, OpError};
use crate::ops::event::{self, ItemEvent};
use crate::ops::items::{Course, Done, Halt, unname_made, write};
use crate::ops::service::{Answer, Service};
use crate::ops::spans::{self, Asked, Failed, Span};
use crate::store::changeset::Changeset;
use crate::store::{ApplyError, StoreError};

/// How often a message is run because others changed what it read. The writer shows what it committed before it answers, so a message
/// that lost finds the present state in memory and has the same chance as any other.
const TRIES: usize = 64;
/// From which try on objects are read past the cache, in case it is what lags.
const TRIES_FROM_MEMORY: usize = 8;

/// One request on its way: who sent it, when, and what its events share.
#[derive(Clone, Copy)]
struct Exchange<'a> {
    service: &'a Service,
    identity: &'a Arc<Identity>,
    now_ms: i64,
    request: RequestId,
    /// When the message was whole.
    begun: Instant,
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
        begun: Instant::now(),
    };
    match RequestMessage::decode(bytes, service.limits()) {
        Ok(message) => exchange.answer(&message).await,
        Err(error) => exchange.refuse(&error).await,
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
    let exchange = Exchange {
        service,
        identity,
        now_ms,
        request,
        begun: Instant::now(),
    };
    let cause = match error.kind {
        ttlv::ErrorKind::TooLong { .. } => Cause::RequestTooLarge,
        _ => Cause::Malformed,
    };
    tracing::debug!(%request, %error, "Bytes are no message.");
    exchange.record_refused(None, cause).await;
    plain(now_ms, ProtocolVersion::best(), cause, true)
}

/// A response of one failed item without an operation.
fn plain(now_ms: i64, version: ProtocolVersion, cause: Cause, close: bool) -> Answer {
    let mut writer = ResponseWriter::new(version, now_ms.div_euclid(1000));
    writer.failure(ItemHead::default(), cause.result_reason(), cause.sentence());
    Answer::small(writer.finish(), close)
}

impl<'a> Exchange<'a> {
    async fn answer(self, message: &RequestMessage) -> Answer {
        if let Some(cause) = self.refusal(message) {
            return self.refuse_whole(message, cause).await;
        }
        let mut lost = Vec::new();
        let mut allowance = Allowance::new(self.service, self.identity);
        let mut searched = 0;
        for attempt in 0..TRIES {
            let past_cache = attempt >= TRIES_FROM_MEMORY;
            let standing = match self.standing(message).await {
                Ok(standing) => standing,
                Err(error) => return self.refuse_whole(message, error.cause).await,
            };
            let carried_out = self
                .carry_out(message, standing, past_cache, &mut allowance, &mut searched)
                .await;
            let Ok((ctx, done, answer)) = carried_out else {
                return self.refuse_whole(message, Cause::ResponseTooLarge).await;
            };
            let changeset = match self.events(&done, message.header.version) {
                Ok(events) => ctx.into_changeset(events),
                Err(error) => return self.fail(message, done, &error).await,
            };
            match commit(self.service, changeset).await {
                Ok(()) => {
                    self.note_answered(message, &done);
                    return allowance.answer(answer.finish(), done.len());
                }
                // What was in the way shows when the message is run again on what is there now.
                Err(ApplyError::Conflict | ApplyError::NameTaken) => lost = done,
                Err(error) => return self.fail(message, done, &OpError::from(error)).await,
            }
        }
        self.fail(message, lost, &Cause::Conflict.into()).await
    }

    /// What the client may do and the credentials of a message are worth at this moment.
    async fn standing(self, message: &RequestMessage) -> Result<Standing, OpError> {
        let snapshot = self.service.store().clients();
        // Of one whose certificate was taken away nothing is committed, whatever it may do.
        let identity = snapshot.held(self.identity).unwrap_or(self.identity);
        self.service
            .checks()
            .standing(
                identity,
                identity.credential.clone(),
                &message.header.authentication,
                self.service.random(),
                self.now_ms,
            )
            .await
    }

    /// Why a message that could be read is refused as a whole.
    fn refusal(self, message: &RequestMessage) -> Option<Cause> {
        let header = &message.header;
        let discovers = |operation| operation == Some(Operation::DiscoverVersions);
        if header.batch_count > self.service.config().batch_items_max {
            Some(Cause::RequestTooLarge)
        } else if header.version_supported()
            || message.items.iter().any(|item| discovers(item.operation))
        {
            None
        } else {
            Some(Cause::VersionNotSupported)
        }
    }

    /// Carries out what the answer has room for. Nothing is committed yet. `searched` counts on, whatever comes of it.
    async fn carry_out<'m>(
        self,
        message: &'m RequestMessage,
        standing: Standing,
        past_cache: bool,
        allowance: &mut Allowance<'_>,
        searched: &mut usize,
    ) -> Result<(Context<'a>, Vec<Done<'m>>, ResponseWriter), Spent> {
        let version = message.header.answer_version();
        let mut course = Course::new(message, self.service.config().response_bytes_max);
        loop {
            let mut ctx = Context::new(
                self.service,
                self.identity,
                version,
                standing.clone(),
                self.now_ms,
                past_cache,
                *searched,
            );
            let mut answer = self.begin(message);
            let ran = course.run(&mut ctx, &mut answer, allowance).await;
            *searched = ctx.searched();
            match ran {
                Ok(done) => {
                    tracing::debug!(request = %self.request, items = done.len(), "A message was carried out.");
                    return Ok((ctx, done, answer));
                }
                Err(Halt::Full(shorter)) => course = shorter,
                Err(Halt::Spent) => {
                    drop((ctx, answer));
                    allowance.wait().await?;
                }
            }
        }
    }

    /// An answer with its header.
    fn begin(self, message: &RequestMessage) -> ResponseWriter {
        let client = message.header.client_correlation_value.as_deref();
        // Only to who correlates: PyKMIP's decoder of 1.4 does not know the field.
        let server = client.map(|_| self.request.to_string());
        let version = message.header.answer_version();
        let seconds = self.now_ms.div_euclid(1000);
        ResponseWriter::with_correlation(version, seconds, client, server.as_deref())
    }

    /// Turns what was to be done into failures of one cause, answers them and records them. Nothing of the message took effect; where nobody
    /// knows that, nothing is recorded: what took effect has its events, and they must not be contradicted.
    /// The answer is of failures alone, short for each item, and is not counted with the memory of answers under way.
    async fn fail(
        self,
        message: &RequestMessage,
        mut done: Vec<Done<'_>>,
        error: &OpError,
    ) -> Answer {
        tracing::debug!(request = %self.request, cause = ?error.cause, detail = error.detail,
            "A request could not be committed.");
        if let Some(times) = self.service.warnings().uncommitted.due(Instant::now()) {
            tracing::warn!(request = %self.request, cause = ?error.cause, detail = error.detail, times,
                "Requests could not be committed.");
        }
        let mut answer = self.begin(message);
        unname_made(&mut done);
        for Done {
            item,
            report,
            failure,
        } in &mut done
        {
            report.response = Data::new();
            *failure = Some(error.cause);
            write(&mut answer, item, Err(error.cause));
        }
        if error.cause != Cause::Unsettled
            && let Ok(events) = self.events(&done, message.header.version)
        {
            self.record(events).await;
        }
        self.note_answered(message, &done);
        Allowance::new(self.service, self.identity).answer(answer.finish(), done.len())
    }

    /// Answers a message none of whose items can be, and records that.
    async fn refuse(self, error: &RequestError) -> Answer {
        let cause = match error.request_version {
            Some(version) if !version.is_major_supported() => Cause::VersionNotSupported,
            _ if error.reason == ResultReason::InvalidField => Cause::InvalidField,
            _ => Cause::Malformed,
        };
        tracing::debug!(request = %self.request, detail = error.detail, "A message was refused.");
        self.record_refused(error.request_version, cause).await;
        plain(self.now_ms, error.version, cause, false)
    }

    /// Refuses a message as a whole, although it could be read.
    async fn refuse_whole(self, message: &RequestMessage, cause: Cause) -> Answer {
        let header = &message.header;
        tracing::debug!(request = %self.request, ?cause, "A message was refused.");
        self.record_refused(Some(header.version), cause).await;
        plain(self.now_ms, header.answer_version(), cause, false)
    }

    async fn record_refused(self, version: Option<ProtocolVersion>, cause: Cause) {
        self.service.measures().refused(cause);
        self.note_span(|| spans::refused(self.identity, version, cause));
        let event = event::refused(self.service, self.identity, self.stamp(), version, cause);
        if let Ok(event) = event {
            self.record(vec![event]).await;
        }
    }

    /// Records failures. Who may act plays no part: the record is about what was refused.
    async fn record(self, events: Vec<Event>) {
        let mut events = events.into_iter();
        let Some(first) = events.next() else { return };
        let mut changeset = Changeset::new(first);
        events.for_each(|event| changeset.record(event));
        if let Err(error) = self.service.store().apply(changeset).await {
            tracing::debug!(request = %self.request, %error, "A failure could not be recorded.");
            if let Some(times) = self.service.warnings().unrecorded.due(Instant::now()) {
                tracing::error!(request = %self.request, %error, times, "Failures could not be recorded.");
            }
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
                failure: item.failure,
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

    fn note_answered(self, message: &RequestMessage, done: &[Done<'_>]) {
        self.service.measures().answered(done, self.begun);
        self.note_span(|| spans::answered(self.identity, message.header.version, done));
    }

    /// Hands on what became of the request, where somebody asked for that.
    fn note_span(self, outcome: impl FnOnce() -> (Asked, Option<Failed>)) {
        let spans = self.service.spans();
        if !spans.is_on() {
            return;
        }
        let (asked, failed) = outcome();
        spans.note(Span {
            request: self.request,
            begun_ms: self.now_ms,
            took: self.begun.elapsed(),
            asked,
            failed,
        });
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

impl From<ApplyError> for OpError {
    fn from(error: ApplyError) -> Self {
        let cause = match error {
            ApplyError::NotPermitted => Cause::NotPermitted,
            ApplyError::StorageFull => Cause::StorageFull,
            ApplyError::Conflict | ApplyError::NameTaken => Cause::Conflict,
            ApplyError::Store(StoreError::Lost(_)) => Cause::Unsettled,
            _ => Cause::StoreUnavailable,
        };
        Self::new(cause, error.to_string())
    }
}
