//! The trail as it grows, on one answer that does not end: a line of JSON for each event.
//!
//! Who follows is looked at before each page is sent: one who was removed, or whose time is over, gets nothing more. Nothing is kept for a
//! peer that is slow: a page is read when the one before was taken, and one that takes nothing is cut as any other.

#![allow(
    unused_qualifications,
    reason = "the macro that describes parameters qualifies their type"
)]

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::{Body, Bytes};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response as Answer};
use http_body_util::channel::{Channel, Sender};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::events::{Which, page, request, whole};
use super::gate::Call;
use super::input::Asked;
use super::problem::Problem;
use crate::admin::message::EventsFrom;
use crate::domain::Login;

/// The most events that are read at once.
const PAGE: usize = 100;
/// How long to wait for an event before who follows is looked at again, in milliseconds.
const WAIT_MS: u64 = 5_000;
/// What is sent while nothing happens, so that both ends see that the other is there.
const NOTHING: Bytes = Bytes::from_static(b"\n");

/// Which events are followed.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Followed {
    /// The first sequence wanted; the next event if it is not said.
    from: Option<u64>,
    /// Only this action, such as `kmip-key.read`, or those that begin alike, such as `kmip-*`.
    action: Option<String>,
    /// Only those that ended like this: `success`, `failure` or `pending`.
    outcome: Option<String>,
    /// Only those of this initiator: a label, an initiator id, a fingerprint, or its first eight digits or more.
    client: Option<String>,
    /// Only those about this key.
    key: Option<String>,
}

/// How many follow, of each login.
#[derive(Default)]
pub(super) struct Followers(Mutex<HashMap<Login, usize>>);

impl Followers {
    fn counts(&self) -> MutexGuard<'_, HashMap<Login, usize>> {
        // Nothing panics while it holds the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a place, unless there are as many as may be.
    fn take(&self, login: Login, most: usize) -> bool {
        let mut counts = self.counts();
        let count = counts.entry(login).or_default();
        let is_free = *count < most;
        if is_free {
            *count += 1;
        }
        is_free
    }

    fn give_back(&self, login: Login) {
        let mut counts = self.counts();
        if let Some(count) = counts.get_mut(&login) {
            *count = count.saturating_sub(1);
        }
        counts.retain(|_, count| *count > 0);
    }
}

/// The place of one that follows.
struct Place(Arc<Api>, Login);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.followers.give_back(self.1);
    }
}

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(tail_events))
}

/// Follows the trail: a line for each event as it comes, an empty line while none does. It ends when the credential does.
#[utoipa::path(get, path = "/api/v1/events/tail", tag = "events", params(Followed),
    responses((status = 200, description = "Each line an event of the trail, as `GET /api/v1/events/{sequence}` gives it.", body = String, content_type = "application/x-ndjson")))]
async fn tail_events(call: Call, Asked(followed): Asked<Followed>) -> Result<Answer, Problem> {
    let head = call.api.admin.store().head().0;
    let which = Which {
        from: Some(followed.from.unwrap_or(head)),
        limit: Some(PAGE),
        action: followed.action,
        outcome: followed.outcome,
        client: followed.client,
        key: followed.key,
        wait_ms: Some(WAIT_MS),
        ..Which::default()
    };
    let first = request(&call, which)?;
    let (login, most) = (
        call.caller.login,
        call.api.config.event_tails_per_caller_max,
    );
    if !call.api.followers.take(login, most) {
        let message = format!("this credential follows the trail {most} times already");
        let status = StatusCode::TOO_MANY_REQUESTS;
        return Err(Problem::new(status, "too_many_requests", message));
    }
    let place = Place(Arc::clone(&call.api), login);
    let (sender, body) = Channel::<Bytes>::new(1);
    tokio::spawn(async move {
        follow(&call, first, sender).await;
        drop(place);
    });
    let kind = [(header::CONTENT_TYPE, "application/x-ndjson")];
    Ok((kind, Body::new(body)).into_response())
}

/// Sends events until the peer is gone, may not read them any more, or the server stops.
async fn follow(call: &Call, mut next: EventsFrom, mut sender: Sender<Bytes>) {
    let mut stop = call.api.stop.clone();
    // The head of the answer leaves with the first bytes.
    let mut lines = NOTHING;
    while call.may_still_ask() && sender.send_data(lines).await.is_ok() {
        let read = tokio::select! {
            // Whoever could stop us is gone: that is a stop too.
            () = async { drop(stop.wait_for(|stop| *stop).await) } => return,
            read = page(call, next.clone()) => read,
        };
        let Ok(read) = read else { return };
        next.from = read.next;
        lines = if read.events.is_empty() {
            NOTHING
        } else {
            let each = read
                .events
                .iter()
                .flat_map(|event| [whole(event), "\n".to_owned()]);
            Bytes::from(each.collect::<String>())
        };
    }
}

#[cfg(test)]
mod tests {
    use super::Followers;
    use crate::domain::{ApiKeyId, Login};

    #[test]
    fn each_caller_has_so_many_places_and_gives_them_back() {
        let followers = Followers::default();
        let key = |number| Login::ApiKey(ApiKeyId::new(0, [number; 10]));
        assert!(followers.take(key(1), 2) && followers.take(key(1), 2));
        assert!(!followers.take(key(1), 2));
        assert!(followers.take(key(2), 2), "another caller");
        followers.give_back(key(1));
        assert!(followers.take(key(1), 2));
        for number in [1, 1, 2] {
            followers.give_back(key(number));
        }
        assert!(followers.counts().is_empty());
    }
}
