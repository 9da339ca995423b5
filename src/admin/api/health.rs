//! Whether the server answers, and whether it is ready to serve keys: for who watches it, without a credential. Nothing else is told.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;

/// Where it is.
pub(super) const PATH: &str = "/healthz";
/// Where it is told whether keys are served.
pub(super) const READY_PATH: &str = "/readyz";
/// Both are open to everybody.
pub(super) const OPEN: [&str; 2] = [PATH, READY_PATH];

/// That the server answers.
#[derive(Serialize, ToSchema)]
struct Health {
    /// `ok`.
    status: &'static str,
}

/// Whether keys are served.
#[derive(Serialize, ToSchema)]
struct Readiness {
    /// `ready` or `not ready`.
    status: &'static str,
    /// Why not, in one line.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
}

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(health))
        .routes(routes!(readiness))
}

/// Whether the server answers.
#[utoipa::path(get, path = PATH, tag = "status", responses((status = 200, description = "It does.", body = Health)))]
async fn health() -> Json<Health> {
    Json(Health { status: "ok" })
}

/// Whether keys are served: KMIP is, and what is asked can be recorded.
#[utoipa::path(get, path = READY_PATH, tag = "status", responses(
    (status = 200, description = "They are.", body = Readiness),
    (status = 503, description = "They are not now; `reason` says why.", body = Readiness)))]
async fn readiness(State(api): State<Arc<Api>>) -> (StatusCode, Json<Readiness>) {
    let (status, readiness) = match api.admin.not_ready() {
        None => (
            StatusCode::OK,
            Readiness {
                status: "ready",
                reason: None,
            },
        ),
        reason => (
            StatusCode::SERVICE_UNAVAILABLE,
            Readiness {
                status: "not ready",
                reason,
            },
        ),
    };
    (status, Json(readiness))
}
