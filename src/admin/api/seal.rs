//! The seal of the trail: its newest checkpoint, for who keeps one elsewhere.

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
use super::input::Asked;
use super::problem::Problem;
use crate::admin::message::Seal;
use crate::admin::{Request, Response};

/// How new it must be.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Which {
    /// Whether a checkpoint of every event there is must be made, where the newest one seals fewer.
    #[serde(default)]
    #[param(required = false)]
    fresh: bool,
}

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(show_seal))
}

/// Shows the trail's seal.
#[utoipa::path(get, path = "/api/v1/seal", tag = "events", params(Which),
    responses((status = 200, description = "It.", body = Seal)))]
async fn show_seal(call: Call, Asked(which): Asked<Which>) -> Result<Json<Seal>, Problem> {
    let request = if which.fresh {
        Request::Checkpoint
    } else {
        Request::Seal
    };
    match call.run(request).await? {
        Response::Seal(seal) => Ok(Json(seal)),
        _ => Err(Problem::unexpected()),
    }
}
