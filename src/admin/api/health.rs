//! Whether the server answers: for who watches it, without a credential.

use std::sync::Arc;

use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;

/// Where it is.
pub(super) const PATH: &str = "/healthz";

/// That the server answers.
#[derive(Serialize, ToSchema)]
struct Health {
    /// `ok`.
    status: &'static str,
}

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(health))
}

/// Whether the server answers.
#[utoipa::path(get, path = PATH, tag = "status", responses((status = 200, description = "It does.", body = Health)))]
async fn health() -> Json<Health> {
    Json(Health { status: "ok" })
}
