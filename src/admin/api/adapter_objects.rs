//! Keys in the form of the KMIP objects of Key Protect's adapters: states, dates and certificates, never their material.

#![allow(
    unused_qualifications,
    reason = "the macro that describes parameters qualifies their type"
)]

use std::sync::Arc;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response as Answer};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::gate::Call;
use super::input::{Asked, Segments};
use super::key_protect::{Account, Listing, Paging, one};
use super::problem::{Problem, renamed};
use crate::admin::message::KeyDestroy;
use crate::admin::message::adapter::{
    AdapterObject, AdapterObjects, AdapterRequest, AdapterResponse,
};
use crate::admin::{Request, Response};
use crate::kmip::enums::State;

/// The most keys that one page holds.
const PER_PAGE_MAX: usize = 5000;
/// The states of the keys that are listed if nothing is said: those that are not destroyed.
const STATES: [State; 4] = [
    State::PreActive,
    State::Active,
    State::Deactivated,
    State::Compromised,
];
/// What our field is called where a key is named by the path.
const OF_OBJECTS: [(&str, &str); 1] = [("instance", "adapter_id")];
/// Why a key is destroyed, where the form has no place to say why.
const REASON: &str = "asked for in the form of a KMIP adapter, which has no place for a reason";

/// Which keys.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Which {
    /// At most so many; 100 if it is not said.
    #[param(minimum = 1, maximum = 5000)]
    limit: Option<usize>,
    /// Without the first so many of them.
    offset: Option<usize>,
    /// Whether `totalCount` says how many there are.
    #[serde(rename = "totalCount")]
    total_count: Option<bool>,
    /// Only keys in these states, as KMIP numbers them, with commas between; 1 to 4 if it is not said.
    state: Option<String>,
}

/// How a key is destroyed.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Destroying {
    /// Whether it may be Active.
    force: Option<bool>,
}

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(list_kmip_objects))
        .routes(routes!(get_kmip_object, delete_kmip_object))
}

/// Lists the keys of an adapter, in the order in which they were made.
#[utoipa::path(get, path = "/api/v2/kmip_adapters/{adapter_id}/kmip_objects", tag = "kmip adapters",
    params(("adapter_id" = String, Path, description = "The adapter's name or identifier."), Account, Which),
    responses((status = 200, description = "A page of them.", body = Listing<AdapterObject>)))]
async fn list_kmip_objects(
    call: Call,
    account: Account,
    Segments(adapter): Segments<String>,
    Asked(which): Asked<Which>,
) -> Result<Json<Listing<AdapterObject>>, Problem> {
    let paging = Paging::read(which.limit, None, which.total_count, PER_PAGE_MAX)?;
    let objects = AdapterObjects {
        instance: account.instance(&call, &adapter),
        states: states(which.state.as_deref().unwrap_or_default())?,
        offset: u64::try_from(which.offset.unwrap_or(0)).unwrap_or(u64::MAX),
        limit: paging.limit,
        count: paging.count,
    };
    let (page, total) = objects_of(&call, AdapterRequest::Objects(objects)).await?;
    Ok(Json(Listing::new(AdapterObject::COLLECTION, page, total)))
}

/// The states that a list of numbers names; none: those of keys that are not destroyed.
fn states(text: &str) -> Result<Vec<u32>, Problem> {
    if text.is_empty() {
        return Ok(STATES.map(State::code).to_vec());
    }
    let known = |part: &str| State::from_code(part.parse().ok()?).map(State::code);
    let states: Option<Vec<_>> = text.split(',').map(known).collect();
    states.ok_or_else(|| {
        Problem::invalid("state: write numbers from 1 to 6 with commas between, such as 2,3")
    })
}

async fn objects_of(
    call: &Call,
    request: AdapterRequest,
) -> Result<(Vec<AdapterObject>, Option<u64>), Problem> {
    let answer = call.run(Request::Adapter(request)).await;
    match answer.map_err(|problem| renamed(problem, &OF_OBJECTS))? {
        Response::Adapter(AdapterResponse::Objects(page, total)) => Ok((page, total)),
        _ => Err(Problem::unexpected()),
    }
}

/// Shows a key of an adapter.
#[utoipa::path(get, path = "/api/v2/kmip_adapters/{adapter_id}/kmip_objects/{id}", tag = "kmip adapters",
    params(("adapter_id" = String, Path, description = "The adapter's name or identifier."), ("id" = String, Path, description = "Its Unique Identifier."), Account),
    responses((status = 200, description = "It, without its material.", body = Listing<AdapterObject>)))]
async fn get_kmip_object(
    call: Call,
    account: Account,
    Segments((adapter, id)): Segments<(String, String)>,
) -> Result<Json<Listing<AdapterObject>>, Problem> {
    let instance = account.instance(&call, &adapter);
    shown(&call, instance, id).await.map(Json)
}

async fn shown(
    call: &Call,
    instance: String,
    id: String,
) -> Result<Listing<AdapterObject>, Problem> {
    let (found, _) = objects_of(call, AdapterRequest::Object { instance, id }).await?;
    let found = found.into_iter().next().ok_or_else(Problem::unexpected)?;
    Ok(one(AdapterObject::COLLECTION, found))
}

/// Destroys a key, as the server's settings have it: at once, after a window, or once another administrator approves.
#[utoipa::path(delete, path = "/api/v2/kmip_adapters/{adapter_id}/kmip_objects/{id}", tag = "kmip adapters",
    params(("adapter_id" = String, Path, description = "The adapter's name or identifier."), ("id" = String, Path, description = "Its Unique Identifier."), Account, Destroying),
    responses((status = 204, description = "It is destroyed."),
        (status = 202, description = "It will be: its destruction is scheduled or waits for approval.", body = Listing<AdapterObject>)))]
async fn delete_kmip_object(
    call: Call,
    account: Account,
    Segments((adapter, id)): Segments<(String, String)>,
    Asked(destroying): Asked<Destroying>,
) -> Result<Answer, Problem> {
    let instance = account.instance(&call, &adapter);
    let request = Request::KeyDestroy(KeyDestroy {
        id: id.clone(),
        reason: REASON.to_owned(),
        force: destroying.force.unwrap_or(false),
        instance: Some(instance.clone()),
    });
    let destroyed = call.run(request).await;
    let destroyed = destroyed.map_err(|problem| renamed(problem, &OF_OBJECTS))?;
    let Response::Destruction(destruction) = destroyed else {
        return Err(Problem::unexpected());
    };
    if destruction.is_carried_out() {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let held = shown(&call, instance, id).await?;
    Ok((StatusCode::ACCEPTED, Json(held)).into_response())
}

#[cfg(test)]
mod tests {
    use super::states;

    #[test]
    fn states_are_numbers_with_commas_and_what_is_alive_by_default() {
        assert_eq!(states("").unwrap(), [1, 2, 3, 4]);
        assert_eq!(states("5,6").unwrap(), [5, 6]);
        for wrong in ["0", "7", "2,", "Active", "1, 2", "-1"] {
            assert!(states(wrong).is_err(), "{wrong}");
        }
    }
}
