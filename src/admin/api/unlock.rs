//! A server that was started locked is given the passphrase of its master key.

use std::sync::Arc;

use axum::Json;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::gate::Call;
use super::input::Body;
use super::problem::Problem;
use crate::admin::message::{Unlock, Unlocked};
use crate::admin::{Request, Response};
use crate::crypto::SecretText;

/// What unlocks it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Unlocking {
    /// The passphrase of the master key.
    #[schema(value_type = String, format = Password)]
    passphrase: SecretText,
}

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(unlock))
}

/// Unlocks a server that was started locked. One that is not locked does not look at the passphrase.
#[utoipa::path(post, path = "/api/v1/unlock", tag = "status", request_body = Unlocking,
    responses((status = 200, description = "It is not locked: keys are served.", body = Unlocked)))]
async fn unlock(call: Call, Body(key): Body<Unlocking>) -> Result<Json<Unlocked>, Problem> {
    let request = Unlock {
        passphrase: key.passphrase,
    };
    match call.run(Request::Unlock(request)).await? {
        Response::Unlocked(unlocked) => Ok(Json(unlocked)),
        _ => Err(Problem::unexpected()),
    }
}
