//! The trail as an administrator reads it: pages by sequence, filtered, waiting for what comes next.
//!
//! Reading the trail makes no event. A page looks at a bounded number of records; `next` always moves on, so that who follows it
//! reaches the end.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::message::{self, EventsFrom, Response};
use super::{Admin, AdminError};
use crate::audit::render;
use crate::store::query::{EventPage, Sequence, StoredEvent};

/// The most events one page holds.
pub const EVENTS_PER_PAGE_MAX: usize = 1000;
/// The bytes of events after which a page ends; its last one may go beyond.
const PAGE_BYTES: usize = 1024 * 1024;
/// The longest a request waits for an event.
pub const WAIT_MS_MAX: u64 = 20_000;

/// A page of the trail. With `wait_ms`, an empty page at the end is held back until there is an event or the time is over.
pub(super) async fn page(admin: &Admin, request: EventsFrom) -> Result<Response, AdminError> {
    let EventsFrom {
        from,
        limit,
        filter,
        wait_ms,
    } = request;
    let limit = limit.clamp(1, EVENTS_PER_PAGE_MAX);
    let deadline = Instant::now() + Duration::from_millis(wait_ms.min(WAIT_MS_MAX));
    let mut head = admin.store.head_changed();
    // A database counts with a sign; no trail gets that far.
    let mut from = Sequence(from.min(i64::MAX.unsigned_abs()));
    loop {
        // Marked before the page is read: what is committed from here on ends the wait.
        head.borrow_and_update();
        let page = admin.store.events(from, limit, &filter).await?;
        let more = page.next < page.head;
        if !page.events.is_empty() || more || Instant::now() >= deadline {
            return Ok(Response::Events(view(&page)));
        }
        from = page.next;
        // Late or closed, the page is looked at once more: an end is an answer too.
        drop(timeout_at(deadline, head.changed()).await);
    }
}

fn view(page: &EventPage) -> message::Events {
    let (mut events, mut bytes, mut next) = (Vec::new(), 0, page.next);
    for stored in &page.events {
        if bytes >= PAGE_BYTES {
            // The page after this one begins with it.
            next = stored.sequence;
            break;
        }
        let event = event(stored);
        bytes += event.json.len() + event.line.len();
        events.push(event);
    }
    message::Events {
        events,
        next: next.0,
        first: page.first.0,
        head: page.head.0,
    }
}

pub(super) fn event(stored: &StoredEvent) -> message::Event {
    let mut json = Vec::with_capacity(1024);
    stored.event.write_json(&mut json);
    message::Event {
        sequence: stored.sequence.0,
        line: render::line(stored.sequence.0, &stored.event),
        json: String::from_utf8_lossy(&json).into_owned(),
        leaf_hash: hex::encode(stored.leaf_hash),
    }
}
