//! Administrators: certificates that may administer the server.

use std::sync::Arc;

use axum::Json;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::gate::Call;
use super::input::{Body, Segments};
use super::problem::Problem;
use crate::admin::message::{Administrator, AdministratorAdd};
use crate::admin::{Request, Response};
use crate::domain::Role;

/// Every administrator.
#[derive(Serialize, ToSchema)]
struct Administrators {
    /// By label.
    administrators: Vec<Administrator>,
}

/// A new administrator.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewAdministrator {
    /// Their label: 1 to 64 letters, digits, `.`, `_` or `-`, the first a letter or digit.
    label: String,
    /// What they may do.
    role: Role,
    /// The name of the one instance they may reach; none: everything.
    #[serde(default)]
    instance: Option<String>,
    /// One certificate in PEM form, without its chain.
    certificate: String,
}

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(list_administrators, add_administrator))
        .routes(routes!(remove_administrator))
}

/// Lists administrators.
#[utoipa::path(get, path = "/api/v1/administrators", tag = "administrators",
    responses((status = 200, description = "Every administrator.", body = Administrators)))]
async fn list_administrators(call: Call) -> Result<Json<Administrators>, Problem> {
    match call.run(Request::AdministratorList).await? {
        Response::Administrators(administrators) => Ok(Json(Administrators { administrators })),
        _ => Err(Problem::unexpected()),
    }
}

/// Allows a certificate to administer the server.
#[utoipa::path(post, path = "/api/v1/administrators", tag = "administrators", request_body = NewAdministrator,
    responses((status = 201, description = "It may from now on.", body = Administrator)))]
async fn add_administrator(
    call: Call,
    Body(new): Body<NewAdministrator>,
) -> Result<(StatusCode, Json<Administrator>), Problem> {
    let request = Request::AdministratorAdd(AdministratorAdd {
        label: new.label,
        role: new.role,
        instance: new.instance,
        certificate: new.certificate,
    });
    Ok((StatusCode::CREATED, changed(&call, request).await?))
}

/// Removes an administrator: their certificate is refused from now on.
#[utoipa::path(delete, path = "/api/v1/administrators/{label}", tag = "administrators", params(("label" = String, Path, description = "Their label.")),
    responses((status = 200, description = "They as they were.", body = Administrator)))]
async fn remove_administrator(
    call: Call,
    Segments(label): Segments<String>,
) -> Result<Json<Administrator>, Problem> {
    changed(&call, Request::AdministratorRemove { label }).await
}

async fn changed(call: &Call, request: Request) -> Result<Json<Administrator>, Problem> {
    match call.run(request).await? {
        Response::Administrator(held) => Ok(Json(held)),
        _ => Err(Problem::unexpected()),
    }
}
