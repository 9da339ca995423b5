//! The items of one message, carried out in order: continuation, Undo, and what the answer has room for.
//!
//! The answer to an item is written as soon as the item is carried out, so that the length of the whole answer is known before anything
//! is committed. It leaves only afterwards. An answer that holds a success never exceeds what the client and the server take: an item
//! whose answer does not fit fails with Response Too Large, and nothing of it is committed (KMIP 1.4 §6.3, §6.13).

use std::collections::BTreeSet;

use crate::audit::{Data, Target};
use crate::domain::Denied;
use crate::kmip::enums::BatchErrorContinuationOption as Continuation;
use crate::kmip::message::{Checkpoint, ItemHead, RequestItem, RequestMessage, ResponseWriter};
use crate::kmip::operation::Operation;
use crate::kmip::payload::RequestPayload;
use crate::ops::allowance::Allowance;
use crate::ops::context::Context;
use crate::ops::error::{Cause, OpError};
use crate::ops::report::Report;
use crate::ops::{ResponsePayload, dispatch};

/// The answer to a Get beside the client's name for the item, at most, in bytes.
const KEY_ANSWER_BYTES: usize = 512;

/// A batch item that is answered: carried out, or failed.
pub(super) struct Done<'m> {
    pub(super) item: &'m RequestItem,
    pub(super) report: Report,
    /// Why it failed; nothing when it was carried out.
    pub(super) failure: Option<Cause>,
}

/// How the items of one message are carried out.
#[derive(Clone, Copy)]
pub(super) struct Course<'m> {
    message: &'m RequestMessage,
    continuation: Continuation,
    /// The most bytes of an answer that holds a success.
    bytes_max: usize,
    /// How many items, from the first, are carried out. The answer has no room for more.
    carried_out: usize,
    /// An item has a critical extension, which nobody here understands: no item is carried out.
    rejected: bool,
}

/// Why the items are begun again.
pub(super) enum Halt<'m> {
    /// The answer is too long: the course to take instead.
    Full(Course<'m>),
    /// The answers of all connections leave too little for this one now.
    Spent,
}

impl<'m> Course<'m> {
    pub(super) fn new(message: &'m RequestMessage, response_bytes_max: usize) -> Self {
        let header = &message.header;
        let asked = header.maximum_response_size.map(usize::try_from);
        let asked = asked.and_then(Result::ok).unwrap_or(usize::MAX);
        Self {
            message,
            continuation: header.continuation.unwrap_or(Continuation::Stop),
            bytes_max: response_bytes_max.min(asked),
            carried_out: message.items.len(),
            rejected: message.items.iter().any(RequestItem::is_critical),
        }
    }

    /// Carries out the items to the end, or to where the continuation option stops, and writes their answers.
    ///
    /// # Errors
    /// [`Halt`] when the answer is longer than it may be and holds a success, or others leave too little for it now.
    pub(super) async fn run(
        self,
        ctx: &mut Context<'_>,
        answer: &mut ResponseWriter,
        allowance: &mut Allowance<'_>,
    ) -> Result<Vec<Done<'m>>, Halt<'m>> {
        let first = answer.checkpoint();
        let mut done = Vec::with_capacity(self.message.items.len());
        let mut starts = Vec::with_capacity(self.message.items.len());
        for (index, item) in self.message.items.iter().enumerate() {
            starts.push(answer.len());
            let mut report = Report::new();
            let result = self.item(index, item, ctx, &mut report).await;
            if result.is_err() && item.operation.is_none_or(Operation::sets_placeholder) {
                // The key that later items mean is not there: better none than an earlier one.
                ctx.place(None);
            }
            let failure = result.as_ref().err().map(|error| error.cause);
            write(answer, item, result.as_ref().map_err(|error| error.cause));
            done.push(Done {
                item,
                report,
                failure,
            });
            if failure.is_some() && self.continuation == Continuation::Undo {
                ctx.discard();
                undo(&mut done, answer, first);
            }
            let succeeded = |item: &Done<'_>| item.failure.is_none();
            if answer.len() > self.bytes_max && done.iter().any(succeeded) {
                return Err(Halt::Full(self.shorter(answer, &starts)));
            }
            if !allowance.suffices(answer.len()) {
                return Err(Halt::Spent);
            }
            if failure.is_some() && self.continuation != Continuation::Continue {
                break;
            }
        }
        Ok(done)
    }

    async fn item(
        self,
        index: usize,
        item: &RequestItem,
        ctx: &mut Context<'_>,
        report: &mut Report,
    ) -> Result<ResponsePayload, OpError> {
        let barred = ctx.standing.bars(item);
        if let Some(cause) = barred.or_else(|| self.refusal(index, item, ctx)) {
            if let Some(uid) = item.payload.as_ref().ok().and_then(RequestPayload::subject) {
                report.about(ctx, uid);
            }
            return Err(cause.into());
        }
        let payload = item.payload.as_ref().map_err(OpError::from)?;
        let result = dispatch(ctx, payload, report).await;
        if let Err(error) = &result {
            tracing::debug!(operation = payload.operation().name(), cause = ?error.cause,
                detail = error.detail, "An operation failed.");
        }
        result
    }

    /// Why an item is not even tried.
    fn refusal(self, index: usize, item: &RequestItem, ctx: &Context<'_>) -> Option<Cause> {
        // Who does not know yet what is spoken asks so in any minor version (KMIP 1.4 §4.26).
        let discovers = item.operation == Some(Operation::DiscoverVersions);
        let unknown = |known: Operation| known.since() > ctx.version;
        if !discovers && !self.message.header.version_supported() {
            Some(Cause::VersionNotSupported)
        } else if self.rejected {
            Some(Cause::FeatureNotSupported)
        } else if !discovers && item.operation.is_some_and(unknown) {
            Some(Cause::OperationNotSupported)
        } else if let Some(cause) = item.operation.and_then(|asked| denied(asked, ctx)) {
            Some(cause)
        } else if ctx.service.keyring().is_locked() {
            // Discover Versions too: each of vCenter's checks begins with it, and one that succeeds would have a server that gives no key
            // looked upon as well.
            Some(Cause::Locked)
        } else if index >= self.carried_out {
            Some(Cause::ResponseTooLarge)
        } else {
            None
        }
    }

    /// The course that carries out as many items as leave room for the failure of the others that are answered.
    fn shorter(self, answer: &mut ResponseWriter, starts: &[usize]) -> Self {
        let mut refused = |item: &RequestItem| {
            let (before, place) = (answer.len(), answer.checkpoint());
            write(answer, item, Err(Cause::ResponseTooLarge));
            let bytes = answer.len().saturating_sub(before);
            answer.rollback(place);
            bytes
        };
        let continues = self.continuation == Continuation::Continue;
        let later = self.message.items.iter().skip(starts.len());
        let mut rest: usize = if continues {
            later.map(&mut refused).sum()
        } else {
            0
        };
        let mut carried_out = 0;
        let answered = starts.iter().zip(&self.message.items).enumerate();
        for (index, (start, item)) in answered.rev() {
            rest = refused(item) + if continues { rest } else { 0 };
            if start + rest <= self.bytes_max {
                carried_out = index;
                break;
            }
        }
        // Fewer than now whatever was measured, so that this ends.
        carried_out = carried_out.min(self.carried_out.saturating_sub(1));
        Self {
            carried_out,
            ..self
        }
    }
}

/// Why the client may not perform an operation, whatever it is about: nothing of a key is looked at before. What nobody may perform here
/// is answered as that.
fn denied(operation: Operation, ctx: &Context<'_>) -> Option<Cause> {
    let denied = ctx.standing.identity.access.permits(operation, ctx.now());
    match denied.err().filter(|_| operation.is_implemented())? {
        Denied::Operation => Some(Cause::NotPermitted),
        Denied::Time => Some(Cause::NotPermittedNow),
    }
}

/// Turns what was carried out into Operation Undone; the last item is the failure itself.
fn undo(done: &mut [Done<'_>], answer: &mut ResponseWriter, first: Checkpoint) {
    answer.rollback(first);
    unname_made(done);
    for Done {
        item,
        report,
        failure,
    } in done
    {
        if failure.is_none() {
            // What the answer would have said is not so.
            report.response = Data::new();
        }
        let cause = *failure.get_or_insert(Cause::Undone);
        write(answer, item, Err(cause));
    }
}

/// Has no event name a key that was to be made and never was, whichever items meant it: their target is the instance, as for a Create
/// that failed by itself.
pub(super) fn unname_made(done: &mut [Done<'_>]) {
    let made = |item: &Done<'_>| match item.report.target {
        Target::Key(id) if item.item.operation == Some(Operation::Create) => Some(id),
        _ => None,
    };
    let made: BTreeSet<_> = done.iter().filter_map(made).collect();
    for item in done {
        if matches!(&item.report.target, Target::Key(id) if made.contains(id)) {
            item.report.target = Target::Instance;
        }
    }
}

/// Writes the answer to one item.
pub(super) fn write(
    answer: &mut ResponseWriter,
    item: &RequestItem,
    result: Result<&ResponsePayload, Cause>,
) {
    let head = ItemHead::from(item);
    let version = answer.version();
    if matches!(result, Ok(ResponsePayload::Get(_))) {
        answer.reserve(KEY_ANSWER_BYTES + head.unique_batch_item_id.map_or(0, <[u8]>::len));
    }
    match result {
        Ok(payload) => answer.success(head, |writer| payload.encode(writer, version)),
        Err(Cause::Undone) => answer.undone(head),
        Err(cause) => answer.failure(head, cause.result_reason(), cause.sentence()),
    }
}
