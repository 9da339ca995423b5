//! Routes and routing settings, as the API of Activity Tracker Event Routing has them (v2).

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
use crate::admin::message::routing::{
    Named, NewRoute, NewRule, Route, RouteChange, RouteRequest, RoutingResponse,
};
use crate::admin::{Request, Response};
use crate::domain::routing::RoutingSettings;

/// Every route.
#[derive(Serialize, ToSchema)]
struct Routes {
    /// By name.
    routes: Vec<Route>,
}

/// A route as it is to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RouteBody {
    /// Its name.
    name: String,
    /// Its rules, of which the first that matches decides.
    rules: Vec<NewRule>,
    /// Who manages it; taken and passed over.
    #[serde(default)]
    #[allow(
        dead_code,
        reason = "scripts send it; here everything is managed by who may"
    )]
    managed_by: Option<ManagedBy>,
}

/// Who manages a route of IBM's service.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum ManagedBy {
    /// The account.
    Account,
    /// The enterprise that the account belongs to.
    Enterprise,
}

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(list_routes, create_route))
        .routes(routes!(get_route, replace_route, delete_route))
        .routes(routes!(get_settings, put_settings))
}

/// Lists routes.
#[utoipa::path(get, path = "/api/v2/routes", tag = "routing", responses((status = 200, description = "Every route.", body = Routes)))]
async fn list_routes(call: Call) -> Result<Json<Routes>, Problem> {
    match asked(&call, RouteRequest::List).await? {
        RoutingResponse::Routes(routes) => Ok(Json(Routes { routes })),
        _ => Err(Problem::unexpected()),
    }
}

/// Makes a route.
#[utoipa::path(post, path = "/api/v2/routes", tag = "routing", request_body = RouteBody,
    responses((status = 201, description = "It was made.", body = Route)))]
async fn create_route(
    call: Call,
    Body(new): Body<RouteBody>,
) -> Result<(StatusCode, Json<Route>), Problem> {
    let new = NewRoute {
        name: new.name,
        rules: new.rules,
    };
    let made = changed(&call, RouteRequest::Create(new)).await?;
    Ok((StatusCode::CREATED, made))
}

/// Shows a route.
#[utoipa::path(get, path = "/api/v2/routes/{id}", tag = "routing", params(("id" = String, Path, description = "Its identifier or name.")),
    responses((status = 200, description = "It.", body = Route)))]
async fn get_route(call: Call, Segments(name): Segments<String>) -> Result<Json<Route>, Problem> {
    changed(&call, RouteRequest::Show(Named { name })).await
}

/// Replaces a route's name and rules.
#[utoipa::path(put, path = "/api/v2/routes/{id}", tag = "routing", params(("id" = String, Path, description = "Its identifier or name.")),
    request_body = RouteBody, responses((status = 200, description = "It as it is now.", body = Route)))]
async fn replace_route(
    call: Call,
    Segments(route): Segments<String>,
    Body(new): Body<RouteBody>,
) -> Result<Json<Route>, Problem> {
    let change = RouteChange {
        route,
        name: Some(new.name),
        rules: Some(new.rules),
    };
    changed(&call, RouteRequest::Update(change)).await
}

/// Removes a route.
#[utoipa::path(delete, path = "/api/v2/routes/{id}", tag = "routing", params(("id" = String, Path, description = "Its identifier or name.")),
    responses((status = 204, description = "It was removed.")))]
async fn delete_route(call: Call, Segments(name): Segments<String>) -> Result<StatusCode, Problem> {
    asked(&call, RouteRequest::Remove(Named { name })).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn changed(call: &Call, request: RouteRequest) -> Result<Json<Route>, Problem> {
    match asked(call, request).await? {
        RoutingResponse::Route(route) => Ok(Json(route)),
        _ => Err(Problem::unexpected()),
    }
}

async fn asked(call: &Call, request: RouteRequest) -> Result<RoutingResponse, Problem> {
    match call.run(Request::Route(request)).await? {
        Response::Routing(answer) => Ok(answer),
        _ => Err(Problem::unexpected()),
    }
}

/// The settings with the member that says what they are of.
#[derive(Serialize, ToSchema)]
struct Settings {
    /// They.
    #[serde(flatten)]
    #[schema(ignore)]
    settings: RoutingSettings,
    /// Of the model: 2.
    api_version: u8,
}

/// Shows the routing settings.
#[utoipa::path(get, path = "/api/v2/settings", tag = "routing", responses((status = 200, description = "They.", body = Settings)))]
async fn get_settings(call: Call) -> Result<Json<Settings>, Problem> {
    settings(&call, None).await
}

/// Replaces the routing settings as a whole.
#[utoipa::path(put, path = "/api/v2/settings", tag = "routing", request_body = RoutingSettings,
    responses((status = 200, description = "They as they are now.", body = Settings)))]
async fn put_settings(
    call: Call,
    Body(new): Body<RoutingSettings>,
) -> Result<Json<Settings>, Problem> {
    settings(&call, Some(new)).await
}

async fn settings(call: &Call, new: Option<RoutingSettings>) -> Result<Json<Settings>, Problem> {
    match call.run(Request::RoutingSettings(new)).await? {
        Response::Routing(RoutingResponse::Settings(settings)) => Ok(Json(Settings {
            settings,
            api_version: 2,
        })),
        _ => Err(Problem::unexpected()),
    }
}
