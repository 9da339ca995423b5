//! Targets, as the API of Activity Tracker Event Routing has them (v2).

use std::sync::Arc;

use axum::Json;
use axum::http::StatusCode;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::gate::Call;
use super::input::{Body, Segments};
use super::problem::Problem;
use crate::admin::message::routing::{
    EndpointFields, Named, NewTarget, RoutingResponse, Target, TargetChange, TargetDocument,
    TargetRequest,
};
use crate::admin::{AdminError, Request, Response};

/// Every target.
#[derive(Serialize, ToSchema)]
struct Targets {
    /// By name.
    targets: Vec<Target>,
}

/// What was removed.
#[derive(Serialize, ToSchema)]
struct WarningReport {
    /// 200.
    status_code: u16,
    /// The identifier of the request.
    trace: String,
    /// None.
    #[schema(value_type = Vec<Object>)]
    warnings: Vec<Value>,
}

/// A target as it is to be. Its endpoint is the member of its type, such as `webhook_endpoint`.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it is read by TargetDocument, and described here")]
struct TargetBody {
    /// Its name.
    name: String,
    /// Its type; it never changes.
    target_type: String,
    /// The region it is in.
    region: Option<String>,
    /// How events are written for it: `sealed` or `cadf`.
    rendering: Option<String>,
}

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(list_targets, create_target))
        .routes(routes!(get_target, replace_target, delete_target))
        .routes(routes!(validate_target))
}

/// Lists targets; secrets of their endpoints are masked.
#[utoipa::path(get, path = "/api/v2/targets", tag = "routing", responses((status = 200, description = "Every target.", body = Targets)))]
async fn list_targets(call: Call) -> Result<Json<Targets>, Problem> {
    let targets = all(&call).await?;
    Ok(Json(Targets { targets }))
}

async fn all(call: &Call) -> Result<Vec<Target>, Problem> {
    match asked(call, TargetRequest::List).await? {
        RoutingResponse::Targets(targets) => Ok(targets),
        _ => Err(Problem::unexpected()),
    }
}

/// Makes a target and sends it a test record; what became of that is its `write_status`.
#[utoipa::path(post, path = "/api/v2/targets", tag = "routing", request_body = TargetBody,
    responses((status = 201, description = "It was made.", body = Target)))]
async fn create_target(
    call: Call,
    Body(document): Body<Map<String, Value>>,
) -> Result<(StatusCode, Json<Target>), Problem> {
    let document = TargetDocument::read(document, None).map_err(Problem::invalid)?;
    let missing = |member: &str| Problem::invalid(format!("{member}: it is missing"));
    let new = NewTarget {
        name: document.name.ok_or_else(|| missing("name"))?,
        target_type: document.target_type.ok_or_else(|| missing("target_type"))?,
        region: document.region,
        rendering: document.rendering.unwrap_or_default(),
        endpoint: EndpointFields(document.endpoint.unwrap_or_default().into()),
        from: None,
    };
    let made = changed(&call, TargetRequest::Add(new)).await?;
    Ok((StatusCode::CREATED, made))
}

/// Shows a target.
#[utoipa::path(get, path = "/api/v2/targets/{id}", tag = "routing", params(("id" = String, Path, description = "Its identifier or name.")),
    responses((status = 200, description = "It.", body = Target)))]
async fn get_target(call: Call, Segments(id): Segments<String>) -> Result<Json<Target>, Problem> {
    found(&call, &id).await.map(Json)
}

async fn found(call: &Call, id: &str) -> Result<Target, Problem> {
    let targets = all(call).await?;
    let is_it = |target: &Target| target.id == id || target.name == id;
    targets.into_iter().find(is_it).ok_or_else(|| {
        let message = format!("target: there is no target `{}`", id.escape_debug());
        AdminError::not_found(message).into()
    })
}

/// Replaces a target's name, region and endpoint. A secret that is given as it was shown stays what it is.
#[utoipa::path(put, path = "/api/v2/targets/{id}", tag = "routing", params(("id" = String, Path, description = "Its identifier or name.")),
    request_body = TargetBody, responses((status = 200, description = "It as it is now.", body = Target)))]
async fn replace_target(
    call: Call,
    Segments(id): Segments<String>,
    Body(document): Body<Map<String, Value>>,
) -> Result<Json<Target>, Problem> {
    let held = found(&call, &id).await?;
    let document = TargetDocument::read(document, Some(&held.target_type));
    let document = document.map_err(Problem::invalid)?;
    let is_same = |given: &String| *given == held.target_type;
    if !document.target_type.as_ref().is_none_or(is_same) {
        let held = held.target_type;
        let message = format!("target_type: it is {held} for good; make another target");
        return Err(Problem::invalid(message));
    }
    let endpoint = document
        .endpoint
        .map(|fields| EndpointFields(fields.into()));
    let change = TargetChange {
        target: held.id,
        name: document.name,
        region: document.region,
        rendering: document.rendering,
        endpoint,
    };
    changed(&call, TargetRequest::Update(change)).await
}

/// Removes a target that nothing uses.
#[utoipa::path(delete, path = "/api/v2/targets/{id}", tag = "routing", params(("id" = String, Path, description = "Its identifier or name.")),
    responses((status = 200, description = "It was removed.", body = WarningReport)))]
async fn delete_target(
    call: Call,
    Segments(name): Segments<String>,
) -> Result<Json<WarningReport>, Problem> {
    asked(&call, TargetRequest::Remove(Named { name })).await?;
    Ok(Json(WarningReport {
        status_code: 200,
        trace: call.id.to_string(),
        warnings: Vec::new(),
    }))
}

/// Sends a target a test record; what became of it is its `write_status`.
#[utoipa::path(post, path = "/api/v2/targets/{id}/validate", tag = "routing", params(("id" = String, Path, description = "Its identifier or name.")),
    responses((status = 200, description = "It, with what became of the test.", body = Target)))]
async fn validate_target(
    call: Call,
    Segments(name): Segments<String>,
) -> Result<Json<Target>, Problem> {
    changed(&call, TargetRequest::Validate(Named { name })).await
}

async fn changed(call: &Call, request: TargetRequest) -> Result<Json<Target>, Problem> {
    match asked(call, request).await? {
        RoutingResponse::Target(target) => Ok(Json(*target)),
        RoutingResponse::Tested(tested) => Ok(Json(tested.target)),
        _ => Err(Problem::unexpected()),
    }
}

async fn asked(call: &Call, request: TargetRequest) -> Result<RoutingResponse, Problem> {
    match call.run(Request::Target(Box::new(request))).await? {
        Response::Routing(answer) => Ok(answer),
        _ => Err(Problem::unexpected()),
    }
}
