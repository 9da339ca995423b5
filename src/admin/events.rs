//! The trail as an administrator reads it: pages by sequence, filtered, waiting for what comes next.
//!
//! Reading the trail makes no event. A page looks at a bounded number of records; `next` always moves on, so that who follows it
//! reaches the end.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::management::first_since;
use super::message::{self, EventShow, EventsFrom, Response};
use super::{Admin, AdminError};
use crate::audit::{EventFilter, render};
use crate::domain::EventId;
use crate::store::query::{EventPage, Sequence, StoredEvent};

/// The most events one page holds.
pub const EVENTS_PER_PAGE_MAX: usize = 1000;
/// The bytes of events after which a page ends; its last one may go beyond.
const PAGE_BYTES: usize = 1024 * 1024;
/// The longest a request waits for an event.
pub const WAIT_MS_MAX: u64 = 20_000;
/// How far apart two events of the trail may be in time in the wrong order: what is decided is committed within that.
const COMMIT_SLACK_MS: i64 = 60_000;

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

/// The event of an id. There is no index over ids: an id begins with its time, and the trail is nearly in that order.
pub(super) async fn show(admin: &Admin, request: EventShow) -> Result<Response, AdminError> {
    let EventShow { id, instance } = request;
    let missing = || {
        let id = id.escape_debug();
        AdminError::not_found(format!("there is no event `{id}` in the trail"))
    };
    let wanted: EventId = id.parse().map_err(|_| missing())?;
    let [a, b, c, d, e, f, ..] = *wanted.as_bytes();
    let time_ms = i64::from_be_bytes([0, 0, a, b, c, d, e, f]);
    let from = time_ms.saturating_sub(COMMIT_SLACK_MS);
    let mut from = first_since(admin, from).await?;
    let everything = EventFilter {
        instance,
        ..EventFilter::default()
    };
    loop {
        let page = admin
            .store
            .events(from, EVENTS_PER_PAGE_MAX, &everything)
            .await?;
        if let Some(found) = page.events.iter().find(|held| held.event.id == wanted) {
            return Ok(Response::Event(Box::new(event(found))));
        }
        let last = page.events.last().map(|held| held.event.time_ms);
        let is_past = last.is_some_and(|last| last.saturating_sub(COMMIT_SLACK_MS) > time_ms);
        if is_past || page.next >= page.head {
            return Err(missing());
        }
        from = page.next;
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
