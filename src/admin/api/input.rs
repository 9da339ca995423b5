//! What a request over HTTP holds, read strictly: unknown members are refused, and what is wrong is said with the member's name and without
//! its value, which may be a secret in the wrong place.

use std::error::Error as _;

use axum::body::to_bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use http_body_util::LengthLimitError;
use serde::de::{DeserializeOwned, IgnoredAny};
use std::sync::Arc;

use zeroize::Zeroizing;

use super::Api;
use super::problem::Problem;
use crate::routing::targets::without_value;

/// The segments of the path.
pub(super) struct Segments<T>(pub(super) T);

/// The query.
pub(super) struct Asked<T>(pub(super) T);

/// The body: one JSON document.
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned + Send> FromRequestParts<Arc<Api>> for Segments<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Problem> {
        let read = Path::from_request_parts(parts, api).await;
        read.map(|Path(segments)| Self(segments))
            .map_err(|_| Problem::no_such_path())
    }
}

impl<T: DeserializeOwned> FromRequestParts<Arc<Api>> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Api>) -> Result<Self, Problem> {
        let read = Query::try_from_uri(&parts.uri);
        read.map(|Query(asked)| Self(asked)).map_err(|rejection| {
            let text = rejection.body_text();
            let cause = text.strip_prefix("Failed to deserialize query string: ");
            Problem::invalid(cause.unwrap_or("the query cannot be read"))
        })
    }
}

impl<T: DeserializeOwned> FromRequest<Arc<Api>> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, api: &Arc<Api>) -> Result<Self, Problem> {
        // It may hold a password.
        let bytes = Zeroizing::new(read(request, api).await?);
        let mut document = serde_json::Deserializer::from_slice(&bytes);
        let value = serde_path_to_error::deserialize(&mut document).map_err(|error| {
            let path = error.path().to_string();
            wrong(&path, error.inner(), &bytes)
        })?;
        document.end().map_err(|error| wrong(".", &error, &bytes))?;
        Ok(Self(value))
    }
}

/// The bytes of a body that is declared as JSON.
async fn read(request: Request, api: &Api) -> Result<Vec<u8>, Problem> {
    let is_json = |text: &str| {
        let kind = text.split(';').next().unwrap_or_default().trim();
        kind.eq_ignore_ascii_case("application/json")
    };
    let content_type = request.headers().get(header::CONTENT_TYPE);
    if !content_type
        .and_then(|value| value.to_str().ok())
        .is_some_and(is_json)
    {
        let message = "the body must be a JSON document; send Content-Type: application/json";
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        return Err(Problem::new(status, "unsupported_media_type", message));
    }
    bytes(request.into_body(), api.config.body_bytes_max, api).await
}

/// The bytes of a body: at most so many, within the time that one may take.
pub(super) async fn bytes(
    body: axum::body::Body,
    most: usize,
    api: &Api,
) -> Result<Vec<u8>, Problem> {
    let read = to_bytes(body, most);
    let read = tokio::time::timeout(api.config.body_timeout(), read).await;
    let read = read.map_err(|_| {
        let message = "the body took too long to arrive";
        Problem::new(StatusCode::REQUEST_TIMEOUT, "timeout", message)
    })?;
    read.map(Into::into).map_err(|error| {
        if error
            .source()
            .is_some_and(<dyn std::error::Error>::is::<LengthLimitError>)
        {
            let message = format!("the body has more than {most} bytes");
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", message)
        } else {
            Problem::invalid("the body did not arrive whole")
        }
    })
}

/// What is wrong with a document, at a place of it.
fn wrong(path: &str, error: &serde_json::Error, document: &[u8]) -> Problem {
    use serde_json::error::Category;
    if matches!(
        error.classify(),
        Category::Syntax | Category::Eof | Category::Io
    ) {
        // The reader says the same of a number where one word of several is needed.
        let is_json = serde_json::from_slice::<IgnoredAny>(document).is_ok();
        if is_json && path != "." {
            return Problem::invalid(format!("{path}: a value of another type is needed"));
        }
        let (line, column) = (error.line(), error.column());
        let message = format!("the body is no JSON document: line {line}, column {column}");
        return Problem::invalid(message);
    }
    let text = error.to_string();
    // Where it is in the text tells nothing that the path does not.
    let text = text.split(" at line ").next().unwrap_or_default();
    let problem = without_value(text);
    match named(text, path) {
        Some(field) => Problem::invalid(format!("{field}: {problem}")),
        None => Problem::invalid(problem),
    }
}

/// The member that is meant: also one that is missing, or that nobody knows.
fn named(text: &str, path: &str) -> Option<String> {
    let member = ["missing field `", "unknown field `", "duplicate field `"]
        .iter()
        .find_map(|begin| text.strip_prefix(begin)?.split('`').next());
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let member = member.filter(|member| member.len() <= 64 && member.chars().all(is_plain));
    match (path, member) {
        (".", None) => None,
        (".", Some(member)) => Some(member.to_owned()),
        (path, Some(member)) if path == member || path.ends_with(&format!(".{member}")) => {
            Some(path.to_owned())
        }
        (path, Some(member)) => Some(format!("{path}.{member}")),
        (path, None) => Some(path.to_owned()),
    }
}

/// The most that one page holds.
const PER_PAGE_MAX: usize = 1000;
/// How many it holds if nothing is said.
const PER_PAGE: usize = 100;

/// How many a page is to hold.
pub(super) fn page_limit(limit: Option<usize>) -> Result<usize, Problem> {
    match limit {
        None => Ok(PER_PAGE),
        Some(limit) if (1..=PER_PAGE_MAX).contains(&limit) => Ok(limit),
        Some(_) => Err(Problem::invalid(format!(
            "limit: write 1 to {PER_PAGE_MAX}"
        ))),
    }
}
