//! The trail: pages of it, filtered; one event; what comes next; and events of other systems, recorded.
//!
//! An event is given in the very bytes that are sealed, and with the hash of its leaf.

#![allow(
    unused_qualifications,
    reason = "the macro that describes parameters qualifies their type"
)]

use std::sync::Arc;

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response as Answer};
use serde::Deserialize;
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::gate::Call;
use super::input::{Asked, Body, Segments, page_limit};
use super::problem::Problem;
use crate::admin::events::WAIT_MS_MAX;
use crate::admin::message::{self, EventRecord, EventShow, EventsFrom, Recorded};
use crate::admin::{Request, Response};
use crate::audit::filter::time_ms;
use crate::audit::{EventFilter, Outcome};
use crate::domain::EventId;

/// Which events.
#[derive(Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// The first sequence wanted; 0 if it is not said. The `next` of the page before.
    pub(super) from: Option<u64>,
    /// At most so many; 100 if it is not said.
    #[param(minimum = 1, maximum = 1000)]
    pub(super) limit: Option<usize>,
    /// Only this action, such as `kmip-key.read`, or those that begin alike, such as `kmip-*`.
    pub(super) action: Option<String>,
    /// Only those that ended like this: `success`, `failure` or `pending`.
    pub(super) outcome: Option<String>,
    /// Only those of this initiator: a label, an initiator id, a fingerprint, or its first eight digits or more.
    pub(super) client: Option<String>,
    /// Only those about this key.
    pub(super) key: Option<String>,
    /// Not before this time: RFC 3339, a date, or `15m`, `2h`, `7d` ago.
    pub(super) since: Option<String>,
    /// Before this time.
    pub(super) until: Option<String>,
    /// How long to wait for an event where there is none, in milliseconds: who asks again from `next` follows the trail as it grows.
    #[param(minimum = 0, maximum = 20000)]
    pub(super) wait_ms: Option<u64>,
}

/// A page of the trail.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[allow(
    dead_code,
    reason = "it is written by hand, with the bytes of the events as they are"
)]
struct EventsPage {
    /// Those that match, the oldest first.
    events: Vec<EventOfTrail>,
    /// Where to go on.
    next: u64,
    /// The first event there is.
    first: u64,
    /// The first sequence that is not given yet; `next` reaches it at the end.
    head: u64,
}

/// An event in its place.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[allow(
    dead_code,
    reason = "it is written by hand, with the bytes of the event as they are"
)]
struct EventOfTrail {
    /// Its place in the trail.
    sequence: u64,
    /// The hash of its leaf in the trail's tree, in hexadecimal.
    leaf_hash: String,
    /// The event, in the bytes that are sealed and delivered.
    #[schema(value_type = Object)]
    event: Value,
}

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(list_events, record_event))
        .routes(routes!(show_event))
}

/// Lists events, page by page.
#[utoipa::path(get, path = "/api/v1/events", tag = "events", params(Which),
    responses((status = 200, description = "A page of them.", body = EventsPage)))]
async fn list_events(call: Call, Asked(which): Asked<Which>) -> Result<Answer, Problem> {
    let page = page(&call, request(&call, which)?).await?;
    let events: Vec<_> = page.events.iter().map(whole).collect();
    let message::Events {
        next, first, head, ..
    } = page;
    let events = events.join(",");
    Ok(json(format!(
        r#"{{"events":[{events}],"next":{next},"first":{first},"head":{head}}}"#
    )))
}

pub(super) fn request(call: &Call, which: Which) -> Result<EventsFrom, Problem> {
    let now_ms = call.api.admin.now().saturating_mul(1000);
    let time = |field: &str, text: Option<String>| {
        let parsed = text.map(|text| time_ms(&text, now_ms)).transpose();
        parsed.map_err(|error| Problem::invalid(format!("{field}: {error}")))
    };
    let wait_ms = which.wait_ms.unwrap_or(0);
    if wait_ms > WAIT_MS_MAX {
        return Err(Problem::invalid(format!(
            "wait_ms: write 0 to {WAIT_MS_MAX}"
        )));
    }
    let from = which.from.unwrap_or(0);
    if i64::try_from(from).is_err() {
        return Err(Problem::invalid("from: no trail gets that far"));
    }
    let action = which.action.map(|text| text.parse()).transpose();
    let outcome = which
        .outcome
        .map(|text| text.parse::<Outcome>())
        .transpose();
    Ok(EventsFrom {
        from,
        limit: page_limit(which.limit)?,
        filter: EventFilter {
            action: action.map_err(|error| Problem::invalid(format!("action: {error}")))?,
            outcome: outcome.map_err(|error| Problem::invalid(format!("outcome: {error}")))?,
            client: which.client,
            key: which.key,
            since_ms: time("since", which.since)?,
            until_ms: time("until", which.until)?,
            instance: None,
        },
        wait_ms,
    })
}

pub(super) async fn page(call: &Call, request: EventsFrom) -> Result<message::Events, Problem> {
    match call.run(Request::Events(request)).await? {
        Response::Events(page) => Ok(page),
        _ => Err(Problem::unexpected()),
    }
}

/// Shows one event.
#[utoipa::path(get, path = "/api/v1/events/{sequence}", tag = "events",
    params(("sequence" = String, Path, description = "Its place in the trail, or its `id`.")),
    responses((status = 200, description = "It.", body = EventOfTrail)))]
async fn show_event(call: Call, Segments(text): Segments<String>) -> Result<Answer, Problem> {
    if let Ok(id) = text.parse::<EventId>() {
        let id = id.to_string();
        let request = Request::EventShow(EventShow { id, instance: None });
        return match call.run(request).await? {
            Response::Event(event) => Ok(json(whole(&event))),
            _ => Err(Problem::unexpected()),
        };
    }
    let sequence: u64 = text.parse().map_err(|_| {
        Problem::invalid(
            "sequence: it is a number, the event's place in the trail, or the event's id",
        )
    })?;
    let request = EventsFrom {
        from: sequence,
        limit: 1,
        ..EventsFrom::default()
    };
    let page = page(&call, request).await?;
    let found = page.events.iter().find(|event| event.sequence == sequence);
    found.map(|event| json(whole(event))).ok_or_else(|| {
        let message = if sequence < page.first {
            format!("sequence: event {sequence} was removed by retention")
        } else {
            format!("sequence: there is no event {sequence}")
        };
        Problem::new(StatusCode::NOT_FOUND, "not_found", message)
    })
}

/// Records a management event that another system performed.
#[utoipa::path(post, path = "/api/v1/events", tag = "events", request_body = EventRecord,
    responses((status = 201, description = "It is recorded.", body = Recorded)))]
async fn record_event(
    call: Call,
    Body(record): Body<EventRecord>,
) -> Result<(StatusCode, Json<Recorded>), Problem> {
    match call.run(Request::EventRecord(Box::new(record))).await? {
        Response::Recorded(recorded) => Ok((StatusCode::CREATED, Json(recorded))),
        _ => Err(Problem::unexpected()),
    }
}

/// An event in its place, as JSON.
pub(super) fn whole(event: &message::Event) -> String {
    let message::Event {
        sequence,
        leaf_hash,
        json,
        ..
    } = event;
    format!(r#"{{"sequence":{sequence},"leafHash":"{leaf_hash}","event":{json}}}"#)
}

fn json(text: String) -> Answer {
    ([(header::CONTENT_TYPE, "application/json")], text).into_response()
}
