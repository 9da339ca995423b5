//! Keys as an administrator sees them: states, dates and names. Their material never passes here.

#![allow(
    unused_qualifications,
    reason = "the macro that describes parameters qualifies their type"
)]

use std::sync::Arc;

use axum::Json;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::gate::Call;
use super::input::{Asked, Segments, page_limit};
use super::problem::Problem;
use crate::admin::message::{Key, KeyList, Keys};
use crate::admin::{Request, Response};

/// Which keys.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Which {
    /// The instance's name; none: the only one, or `default`.
    instance: Option<String>,
    /// Only keys whose Name or `x-Name` contains this.
    name: Option<String>,
    /// Only keys whose `x-Identifier` is this.
    identifier: Option<String>,
    /// Only keys whose `x-Component` contains this.
    component: Option<String>,
    /// Only keys in this state, such as `Active`.
    state: Option<String>,
    /// Only keys after this one: the `next` of the page before.
    after: Option<String>,
    /// At most so many; 100 if it is not said.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(list_objects))
        .routes(routes!(show_object))
}

/// Lists keys, page by page. A page may be empty and still have a next one.
#[utoipa::path(get, path = "/api/v1/objects", tag = "objects", params(Which),
    responses((status = 200, description = "A page of them.", body = Keys)))]
async fn list_objects(call: Call, Asked(which): Asked<Which>) -> Result<Json<Keys>, Problem> {
    let request = Request::KeyList(KeyList {
        instance: which.instance,
        name: which.name,
        identifier: which.identifier,
        component: which.component,
        state: which.state,
        after: which.after,
        limit: page_limit(which.limit)?,
    });
    match call.run(request).await? {
        Response::Keys(keys) => Ok(Json(keys)),
        _ => Err(Problem::unexpected()),
    }
}

/// Shows a key.
#[utoipa::path(get, path = "/api/v1/objects/{id}", tag = "objects", params(("id" = String, Path, description = "Its Unique Identifier.")),
    responses((status = 200, description = "It, without its material.", body = Key)))]
async fn show_object(call: Call, Segments(id): Segments<String>) -> Result<Json<Key>, Problem> {
    match call.run(Request::KeyShow { id }).await? {
        Response::Key(key) => Ok(Json(*key)),
        _ => Err(Problem::unexpected()),
    }
}
