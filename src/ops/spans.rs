//! Spans: what one request came to, for whoever follows requests through many systems. The trail is where they are recorded.
//!
//! A span is dropped and counted rather than waited for. Where nobody asked for them none is made.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::items::Done;
use crate::domain::measure::Count;
use crate::domain::{Identity, RequestId};
use crate::kmip::operation::Operation;
use crate::kmip::version::ProtocolVersion;
use crate::ops::error::Cause;

/// The most spans that wait to be exported.
const WAITING_MAX: usize = 4096;

/// One request that was answered. It holds no name of a key and no bytes of a message.
#[derive(Debug)]
pub struct Span {
    /// The `correlationId` of the request's events.
    pub request: RequestId,
    /// When the request was whole, in milliseconds since 1970.
    pub begun_ms: i64,
    /// From there until its answer was ready, durable events included.
    pub took: Duration,
    /// What was asked for.
    pub asked: Asked,
    /// Why it, or the first of its items that did, failed.
    pub failed: Option<Failed>,
}

/// What a request asked for, and who did.
#[derive(Debug)]
pub enum Asked {
    /// A KMIP message.
    Kmip {
        /// The client.
        identity: Arc<Identity>,
        /// The version of the message; none: it could not be read.
        version: Option<ProtocolVersion>,
        /// The operations of its items, each once; none: one that the standard does not know.
        operations: Vec<Option<Operation>>,
        /// How many items were answered; none: it was refused as a whole.
        items: usize,
    },
    /// A request of the administration.
    Administration {
        /// The initiator of its events.
        initiator: String,
        /// Its name.
        operation: String,
    },
}

/// Why a request failed.
#[derive(Debug, PartialEq, Eq)]
pub struct Failed {
    /// The code of its kind: the `reasonCode` of the event, or the code of an administrative error.
    pub code: String,
    /// The Result Reason of KMIP.
    pub result_reason: Option<&'static str>,
}

/// Where spans go: a queue, or nowhere.
#[derive(Debug, Clone, Default)]
pub struct Spans(Option<Arc<Queue>>);

#[derive(Debug)]
struct Queue {
    waiting: mpsc::Sender<Span>,
    sample_percent: u32,
    counts: SpanCounts,
}

/// What became of spans since the server started.
#[derive(Debug, Default)]
pub struct SpanCounts {
    /// Those that the collector took.
    pub exported: Count,
    /// Those that nobody will see: the queue was full, or the collector refused them.
    pub dropped: Count,
}

impl Spans {
    /// A queue, and the end that is read. Of requests that succeed so many of a hundred are kept, and all that fail.
    #[must_use]
    pub fn queue(sample_percent: u32) -> (Self, mpsc::Receiver<Span>) {
        let (waiting, read) = mpsc::channel(WAITING_MAX);
        let queue = Queue {
            waiting,
            sample_percent,
            counts: SpanCounts::default(),
        };
        (Self(Some(Arc::new(queue))), read)
    }

    /// Whether anybody asked for spans.
    #[must_use]
    pub const fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// What became of them; none: nobody asked for any.
    #[must_use]
    pub fn counts(&self) -> Option<&SpanCounts> {
        self.0.as_ref().map(|queue| &queue.counts)
    }

    /// Puts a span into the queue, if it is one to keep and there is room.
    pub fn note(&self, span: Span) {
        let Some(queue) = &self.0 else { return };
        let keeps = span.failed.is_some() || is_sampled(&span.request, queue.sample_percent);
        if keeps && queue.waiting.try_send(span).is_err() {
            queue.counts.dropped.add_one();
        }
    }
}

/// Whether a request is among so many of a hundred. The end of its identifier is random.
fn is_sampled(request: &RequestId, percent: u32) -> bool {
    let [.., a, b, c, d] = *request.as_bytes();
    u32::from_be_bytes([a, b, c, d]) % 100 < percent
}

/// A message whose items were answered.
pub(super) fn answered(
    identity: &Arc<Identity>,
    version: ProtocolVersion,
    done: &[Done<'_>],
) -> (Asked, Option<Failed>) {
    let mut operations: Vec<_> = done.iter().map(|done| done.item.operation).collect();
    operations.sort_unstable();
    operations.dedup();
    let failure = done.iter().find_map(|done| done.failure);
    let asked = Asked::Kmip {
        identity: Arc::clone(identity),
        version: Some(version),
        operations,
        items: done.len(),
    };
    (asked, failure.map(failed))
}

/// A message that was refused as a whole.
pub(super) fn refused(
    identity: &Arc<Identity>,
    version: Option<ProtocolVersion>,
    cause: Cause,
) -> (Asked, Option<Failed>) {
    let asked = Asked::Kmip {
        identity: Arc::clone(identity),
        version,
        operations: Vec::new(),
        items: 0,
    };
    (asked, Some(failed(cause)))
}

fn failed(cause: Cause) -> Failed {
    Failed {
        code: cause.failure().reason().code().to_string(),
        result_reason: Some(cause.result_reason().name()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(request: u64, failed: bool) -> Span {
        let mut random = [0; 10];
        random[2..].copy_from_slice(&request.to_be_bytes());
        let failed = failed.then(|| Failed {
            code: "404".to_owned(),
            result_reason: None,
        });
        Span {
            request: RequestId::new(0, random),
            begun_ms: 0,
            took: Duration::ZERO,
            asked: Asked::Administration {
                initiator: "x".to_owned(),
                operation: "ClientList".to_owned(),
            },
            failed,
        }
    }

    #[test]
    fn a_full_queue_drops_and_counts_and_does_not_wait() {
        let (spans, mut read) = Spans::queue(100);
        for number in 0..4098 {
            spans.note(span(number, false));
        }
        assert_eq!(spans.counts().unwrap().dropped.total(), 2);
        assert!(read.try_recv().is_ok());
        assert!(!Spans::default().is_on() && Spans::default().counts().is_none());
        Spans::default().note(span(0, true));
    }

    #[test]
    fn failures_are_kept_whatever_is_sampled() {
        let (spans, mut read) = Spans::queue(10);
        for number in 0..100 {
            spans.note(span(number, false));
            spans.note(span(number, true));
        }
        let (mut good, mut bad) = (0, 0);
        while let Ok(span) = read.try_recv() {
            *(if span.failed.is_some() {
                &mut bad
            } else {
                &mut good
            }) += 1;
        }
        assert_eq!((good, bad), (10, 100));
    }
}
