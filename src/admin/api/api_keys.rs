//! API keys. The key itself is made here and answered once; the router gets its digest.

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
use crate::admin::message::{ApiKey, ApiKeyAdd};
use crate::admin::{Request, Response};
use crate::crypto::{SystemRandom, api_key};
use crate::domain::Role;
use crate::domain::clock::from_rfc3339;

/// Every API key.
#[derive(Serialize, ToSchema)]
struct ApiKeys {
    /// By name.
    #[serde(rename = "apiKeys")]
    api_keys: Vec<ApiKey>,
}

/// A new API key.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewApiKey {
    /// Its name: 1 to 64 letters, digits, `.`, `_` or `-`, the first a letter or digit.
    name: String,
    /// What it may do.
    role: Role,
    /// The name of the one instance it may reach; none: everything.
    #[serde(default)]
    instance: Option<String>,
    /// The last second it is good, in RFC 3339; none: until it is removed.
    #[serde(default)]
    expires: Option<String>,
}

/// An API key with the key, which nothing shows again.
#[derive(Serialize, ToSchema)]
struct MadeApiKey {
    #[serde(flatten)]
    about: ApiKey,
    /// The key: what stands after `Authorization: Bearer`.
    secret: String,
}

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(list_api_keys, add_api_key))
        .routes(routes!(remove_api_key))
}

/// Lists API keys, without the keys.
#[utoipa::path(get, path = "/api/v1/api-keys", tag = "administrators", responses((status = 200, description = "Every API key.", body = ApiKeys)))]
async fn list_api_keys(call: Call) -> Result<Json<ApiKeys>, Problem> {
    match call.run(Request::ApiKeyList).await? {
        Response::ApiKeys(api_keys) => Ok(Json(ApiKeys { api_keys })),
        _ => Err(Problem::unexpected()),
    }
}

/// Makes an API key. Its secret is in this answer and nowhere else.
#[utoipa::path(post, path = "/api/v1/api-keys", tag = "administrators", request_body = NewApiKey,
    responses((status = 201, description = "It was made.", body = MadeApiKey)))]
async fn add_api_key(
    call: Call,
    Body(new): Body<NewApiKey>,
) -> Result<(StatusCode, Json<MadeApiKey>), Problem> {
    let expires = new.expires.as_deref().map(|text| {
        let wrong = || Problem::invalid("expires: write a time such as 2027-01-31T12:00:00Z");
        from_rfc3339(text).ok_or_else(wrong)
    });
    let secret = api_key::new(&SystemRandom)?;
    let request = Request::ApiKeyAdd(ApiKeyAdd {
        name: new.name,
        role: new.role,
        instance: new.instance,
        expires: expires.transpose()?,
        digest: hex::encode(api_key::digest(secret.expose())),
    });
    let made = MadeApiKey {
        about: changed(&call, request).await?,
        secret: secret.expose().to_owned(),
    };
    Ok((StatusCode::CREATED, Json(made)))
}

/// Removes an API key: it is refused from now on.
#[utoipa::path(delete, path = "/api/v1/api-keys/{name}", tag = "administrators", params(("name" = String, Path, description = "Its name or identifier.")),
    responses((status = 200, description = "It as it was.", body = ApiKey)))]
async fn remove_api_key(
    call: Call,
    Segments(name): Segments<String>,
) -> Result<Json<ApiKey>, Problem> {
    Ok(Json(changed(&call, Request::ApiKeyRemove { name }).await?))
}

async fn changed(call: &Call, request: Request) -> Result<ApiKey, Problem> {
    match call.run(request).await? {
        Response::ApiKey(key) => Ok(key),
        _ => Err(Problem::unexpected()),
    }
}
