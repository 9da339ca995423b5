//! What the server counts, as Prometheus fetches it. It needs a credential: names of clients and targets are in it.

use std::sync::Arc;

use axum::http::header;
use axum::response::{IntoResponse, Response as Answer};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::gate::Call;
use super::problem::Problem;
use crate::admin::metrics::CONTENT_TYPE;
use crate::admin::{Request, Response};

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(show_metrics))
}

/// Tells what the server counts, in the text form that Prometheus reads.
#[utoipa::path(get, path = "/metrics", tag = "status",
    responses((status = 200, description = "Every metric.", body = String, content_type = "text/plain")))]
async fn show_metrics(call: Call) -> Result<Answer, Problem> {
    match call.run(Request::Metrics).await? {
        Response::Metrics(text) => {
            Ok(([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response())
        }
        _ => Err(Problem::unexpected()),
    }
}
