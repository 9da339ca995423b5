//! The end of keys: those that nobody reads any more, and those that administrators revoke and destroy, alone or by two.

#![allow(
    unused_qualifications,
    reason = "the macro that describes parameters qualifies their type"
)]

use std::sync::Arc;

use axum::Json;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::gate::Call;
use super::input::{Asked, Body, Segments, page_limit};
use super::problem::Problem;
use crate::admin::message::{
    Destruction, DestructionList, Destructions, Key, KeyDestroy, KeyRevoke, KeyStale, Keys,
};
use crate::admin::{Request, Response};

/// How many days a key must not have been read for if nothing is said.
const STALE_DAYS: u32 = 90;
/// The most days that can be asked for: a hundred years.
const STALE_DAYS_MAX: u32 = 36_500;

/// Which keys that nobody reads.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Stale {
    /// The instance's name; none: the only one, or `default`.
    instance: Option<String>,
    /// Not read for so many days, or made so long ago where nobody ever read it; 90 if it is not said.
    #[param(maximum = 36500)]
    older_than_days: Option<u32>,
    /// Only keys after this one: the `next` of the page before.
    after: Option<String>,
    /// At most so many; 100 if it is not said.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

/// Which destructions.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Which {
    /// Only those of this instance's keys.
    instance: Option<String>,
    /// Only those after this key: the `next` of the page before.
    after: Option<String>,
    /// At most so many; 100 if it is not said.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

/// Why a key is revoked.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Revocation {
    /// The Revocation Reason Code by its name: `unspecified`, `key-compromise`, `ca-compromise`, `affiliation-changed`, `superseded`,
    /// `cessation-of-operation` or `privilege-withdrawn`.
    reason: String,
    /// A message to go with it.
    #[serde(default)]
    message: Option<String>,
}

/// Why a key is destroyed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewDestruction {
    /// Why: it is recorded.
    reason: String,
    /// Whether the key may be Active.
    #[serde(default)]
    force: bool,
}

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(list_stale_objects))
        .routes(routes!(list_destructions))
        .routes(routes!(revoke_object))
        .routes(routes!(destroy_object))
        .routes(routes!(approve_destruction))
        .routes(routes!(refuse_destruction))
        .routes(routes!(restore_object))
}

/// Lists keys that nobody has read for long, page by page. A page may be empty and still have a next one.
#[utoipa::path(get, path = "/api/v1/stale-objects", tag = "objects", params(Stale),
    responses((status = 200, description = "A page of them, in the order of their identifiers.", body = Keys)))]
async fn list_stale_objects(call: Call, Asked(which): Asked<Stale>) -> Result<Json<Keys>, Problem> {
    let older_than_days = which.older_than_days.unwrap_or(STALE_DAYS);
    if older_than_days > STALE_DAYS_MAX {
        let message = format!("older_than_days: write at most {STALE_DAYS_MAX}");
        return Err(Problem::invalid(message));
    }
    let request = Request::KeyStale(KeyStale {
        instance: which.instance,
        older_than_days,
        after: which.after,
        limit: page_limit(which.limit)?,
    });
    match call.run(request).await? {
        Response::Keys(keys) => Ok(Json(keys)),
        _ => Err(Problem::unexpected()),
    }
}

/// Lists the destructions that wait for approval or for the end of their window.
#[utoipa::path(get, path = "/api/v1/destructions", tag = "objects", params(Which),
    responses((status = 200, description = "A page of them.", body = Destructions)))]
async fn list_destructions(
    call: Call,
    Asked(which): Asked<Which>,
) -> Result<Json<Destructions>, Problem> {
    let request = Request::KeyScheduled(DestructionList {
        instance: which.instance,
        after: which.after,
        limit: page_limit(which.limit)?,
    });
    match call.run(request).await? {
        Response::Destructions(destructions) => Ok(Json(destructions)),
        _ => Err(Problem::unexpected()),
    }
}

/// Revokes a key.
#[utoipa::path(post, path = "/api/v1/objects/{id}/revoke", tag = "objects", params(("id" = String, Path, description = "Its Unique Identifier.")),
    request_body = Revocation, responses((status = 200, description = "It was revoked.", body = Key)))]
async fn revoke_object(
    call: Call,
    Segments(id): Segments<String>,
    Body(revocation): Body<Revocation>,
) -> Result<Json<Key>, Problem> {
    let request = Request::KeyRevoke(KeyRevoke {
        id,
        reason: revocation.reason,
        message: revocation.message,
    });
    match call.run(request).await? {
        Response::Key(key) => Ok(Json(*key)),
        _ => Err(Problem::unexpected()),
    }
}

/// Destroys a key, schedules that, or asks for another administrator's approval, as the settings have it: `step` says which.
#[utoipa::path(post, path = "/api/v1/objects/{id}/destroy", tag = "objects", params(("id" = String, Path, description = "Its Unique Identifier.")),
    request_body = NewDestruction, responses((status = 200, description = "What became of it.", body = Destruction)))]
async fn destroy_object(
    call: Call,
    Segments(id): Segments<String>,
    Body(new): Body<NewDestruction>,
) -> Result<Json<Destruction>, Problem> {
    let request = Request::KeyDestroy(KeyDestroy {
        id,
        reason: new.reason,
        force: new.force,
        instance: None,
    });
    step(&call, request).await
}

/// Approves a destruction that another administrator asked for.
#[utoipa::path(post, path = "/api/v1/destructions/{id}/approve", tag = "objects", params(("id" = String, Path, description = "The key's Unique Identifier.")),
    responses((status = 200, description = "What became of it.", body = Destruction)))]
async fn approve_destruction(
    call: Call,
    Segments(id): Segments<String>,
) -> Result<Json<Destruction>, Problem> {
    step(&call, Request::KeyApprove { id }).await
}

/// Refuses a destruction that waits for approval; who asked for it takes it back so.
#[utoipa::path(post, path = "/api/v1/destructions/{id}/refuse", tag = "objects", params(("id" = String, Path, description = "The key's Unique Identifier.")),
    responses((status = 200, description = "It is off.", body = Destruction)))]
async fn refuse_destruction(
    call: Call,
    Segments(id): Segments<String>,
) -> Result<Json<Destruction>, Problem> {
    step(&call, Request::KeyRefuse { id }).await
}

/// Undoes a scheduled destruction: the key is as it was before.
#[utoipa::path(post, path = "/api/v1/destructions/{id}/restore", tag = "objects", params(("id" = String, Path, description = "The key's Unique Identifier.")),
    responses((status = 200, description = "It is undone.", body = Destruction)))]
async fn restore_object(
    call: Call,
    Segments(id): Segments<String>,
) -> Result<Json<Destruction>, Problem> {
    step(&call, Request::KeyRestore { id }).await
}

async fn step(call: &Call, request: Request) -> Result<Json<Destruction>, Problem> {
    match call.run(request).await? {
        Response::Destruction(destruction) => Ok(Json(*destruction)),
        _ => Err(Problem::unexpected()),
    }
}
