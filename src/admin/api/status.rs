//! What runs here.

use std::sync::Arc;

use axum::Json;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::gate::Call;
use super::problem::Problem;
use crate::admin::message::Status;
use crate::admin::{Request, Response};

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(status))
}

/// What runs here.
#[utoipa::path(get, path = "/api/v1/status", tag = "status", responses((status = 200, description = "It.", body = Status)))]
async fn status(call: Call) -> Result<Json<Status>, Problem> {
    match call.run(Request::Status).await? {
        Response::Status(status) => Ok(Json(status)),
        _ => Err(Problem::unexpected()),
    }
}
