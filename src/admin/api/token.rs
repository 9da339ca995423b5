//! Tokens for scripts whose SDK asks IBM's identity service for one: the API key itself, in the form that such an SDK reads.
//!
//! The SDK wants a JSON Web Token and sends back what it got. Here the token is a head and two dates with the key where a signature would
//! be. It is worth what the key is worth and as long: nothing is kept, nothing is trusted but the key, and asking tells nothing of a key, for
//! none is looked at before the token is used.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Form, FromRequest as _, Request, State};
use axum::http::StatusCode;
use axum::{Json, response::IntoResponse, response::Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::input::bytes;
use crate::crypto::SecretText;

/// Where it is, as that service has it.
pub(super) const PATH: &str = "/identity/token";
const GRANT: &str = "urn:ibm:params:oauth:grant-type:apikey";
/// The most bytes of a request.
const BYTES_MAX: usize = 4096;
/// The most bytes of a key: ours have 46.
const KEY_BYTES_MAX: usize = 256;
/// How long the SDK is told to use a token, in seconds. The key's own end counts, whatever this says.
const LIFE_SECONDS: i64 = 3600;

/// What is asked for.
#[derive(Deserialize, ToSchema)]
struct Grant {
    /// `urn:ibm:params:oauth:grant-type:apikey`.
    grant_type: String,
    /// The API key.
    #[schema(value_type = String, format = Password)]
    apikey: SecretText,
}

/// A token.
#[derive(Serialize, ToSchema)]
struct Token {
    /// The token: a secret as the key is.
    access_token: String,
    /// None is given: the key gives another token.
    refresh_token: &'static str,
    /// `Bearer`.
    token_type: &'static str,
    /// For how many seconds it is to be used.
    expires_in: i64,
    /// Until when it is to be used, in seconds since 1970.
    expiration: i64,
}

/// Why there is no token, as that service tells it.
#[derive(Serialize, ToSchema)]
struct Refusal {
    /// For programs.
    #[serde(rename = "errorCode")]
    error_code: &'static str,
    /// For people.
    #[serde(rename = "errorMessage")]
    error_message: &'static str,
}

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(make_token))
}

/// Gives an API key back in the form of a token, for an SDK that asks for one. The key is looked at when the token is used.
#[utoipa::path(post, path = PATH, tag = "kmip adapters",
    request_body(content = Grant, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, description = "The token.", body = Token), (status = 400, description = "None is made.", body = Refusal)))]
async fn make_token(State(api): State<Arc<Api>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = bytes(body, BYTES_MAX, &api).await else {
        return refused("the request is too long or took too long to arrive");
    };
    let request = Request::from_parts(parts, Body::from(body));
    let Ok(Form(grant)) = Form::<Grant>::from_request(request, &()).await else {
        return refused("send a form with grant_type and apikey");
    };
    let key = grant.apikey.expose();
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if grant.grant_type != GRANT {
        return refused("grant_type: only urn:ibm:params:oauth:grant-type:apikey is known");
    }
    if key.is_empty() || key.len() > KEY_BYTES_MAX || !key.bytes().all(is_plain) {
        return refused("apikey: it is no API key of this server");
    }
    let now = api.admin.now();
    Json(Token {
        access_token: token(key, now),
        refresh_token: "not_supported",
        token_type: "Bearer",
        expires_in: LIFE_SECONDS,
        expiration: now + LIFE_SECONDS,
    })
    .into_response()
}

fn refused(error_message: &'static str) -> Response {
    let refusal = Refusal {
        error_code: "invalid_request",
        error_message,
    };
    (StatusCode::BAD_REQUEST, Json(refusal)).into_response()
}

/// The token of a key at a time, in seconds since 1970.
fn token(key: &str, now: i64) -> String {
    let head = URL_SAFE_NO_PAD.encode(r#"{"typ":"JWT","alg":"none"}"#);
    let exp = now + LIFE_SECONDS;
    let dates = URL_SAFE_NO_PAD.encode(format!(r#"{{"iat":{now},"exp":{exp}}}"#));
    format!("{head}.{dates}.{}", URL_SAFE_NO_PAD.encode(key))
}

/// The key of a token, or what is none as it is. No key has a dot; nobody's key is empty.
pub(super) fn key(text: &str) -> SecretText {
    let Some((_, encoded)) = text.rsplit_once('.') else {
        return SecretText::new(text.to_owned());
    };
    let key = URL_SAFE_NO_PAD.decode(encoded).ok();
    let key = key.and_then(|key| String::from_utf8(key).ok());
    SecretText::new(key.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::{key, token};

    #[test]
    fn a_token_is_worth_its_key() {
        assert_eq!(key(&token("kl_a-b_c", 1_795_435_201)).expose(), "kl_a-b_c");
        assert_eq!(key("kl_a-b_c").expose(), "kl_a-b_c");
        assert!(key("a.b.kl").is_empty() && key("a.%").is_empty());
    }
}
