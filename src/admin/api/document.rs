//! The OpenAPI document, made of the handlers and types themselves when it is asked for first.

use std::collections::HashSet;
use std::sync::{Arc, OnceLock};

use axum::extract::MatchedPath;
use axum::http::request::Parts;
use axum::http::{Method, header};
use axum::response::{IntoResponse, Response};
use axum::{Router, routing};
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::path::{Operation, Parameter, ParameterIn, PathItem};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    Components, InfoBuilder, OpenApi, OpenApiBuilder, Ref, RefOr, ResponseBuilder,
};
use utoipa_axum::router::OpenApiRouter;

use super::problem::{Errors, Problem};
use super::{Api, resources};

/// Where it is.
pub(super) const PATH: &str = "/api/openapi.json";
/// The version of the API, which the paths have too.
const VERSION: &str = "1.0.0";

/// What every operation may answer besides what it says of itself.
const REFUSALS: [(&str, &str); 9] = [
    (
        "400",
        "A member of the request is wrong; the error names it. Nothing was changed.",
    ),
    ("401", "Nobody is known by the credential."),
    ("403", "The credential may not ask for this."),
    (
        "404",
        "What is named is not there, or out of the credential's reach.",
    ),
    ("408", "The request took too long to arrive."),
    ("409", "It contradicts what is there. Nothing was changed."),
    ("413", "The request is too large."),
    (
        "429",
        "Too many credentials of this address were refused: see Retry-After.",
    ),
    (
        "503",
        "The server cannot do it now. Nothing was changed, unless the message says what was.",
    ),
];

/// The router that resources are added to, with what the document says of all of them.
pub(super) fn begun() -> OpenApiRouter<Arc<Api>> {
    let info = InfoBuilder::new()
        .title("Keyledger administration API")
        .version(VERSION)
        .description(Some(
            "Instances, clients, keys without their material, events and their routing. Every change is an event of the trail.",
        ))
        .build();
    OpenApiRouter::with_openapi(OpenApiBuilder::new().info(info).build())
}

/// The document.
pub(super) fn document() -> OpenApi {
    let (_, mut document) = resources().split_for_parts();
    let components = document.components.get_or_insert_with(Components::new);
    let key = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    components.add_security_scheme("apiKey", key);
    let certificate = SecurityScheme::MutualTls {
        description: Some("The certificate of an administrator.".to_owned()),
        deprecated: None,
        extensions: None,
    };
    components.add_security_scheme("certificate", certificate);
    components.schemas.insert(
        "Errors".to_owned(),
        <Errors as utoipa::PartialSchema>::schema(),
    );
    let mut inner = Vec::new();
    <Errors as utoipa::ToSchema>::schemas(&mut inner);
    components.schemas.extend(inner);
    for (path, item) in &mut document.paths.paths {
        if !is_open(path) {
            operations(item).into_iter().for_each(complete);
        }
    }
    document
}

/// Whether it is for everybody, and answers in its own way.
fn is_open(path: &str) -> bool {
    super::health::OPEN.contains(&path) || path == super::token::PATH
}

fn operations(item: &mut PathItem) -> Vec<&mut Operation> {
    let PathItem {
        get,
        put,
        post,
        delete,
        patch,
        ..
    } = item;
    [get, put, post, delete, patch]
        .into_iter()
        .flatten()
        .collect()
}

/// Adds to an operation what holds for all of them.
fn complete(operation: &mut Operation) {
    let none: [&str; 0] = [];
    operation.security = Some(vec![
        SecurityRequirement::new("apiKey", none),
        SecurityRequirement::new("certificate", none),
    ]);
    let takes_body = operation.request_body.is_some();
    let media = ("415", "The body is not declared as application/json.");
    let refusals = REFUSALS.into_iter().chain(takes_body.then_some(media));
    for (status, description) in refusals {
        let content = ContentBuilder::new()
            .schema(Some(Ref::from_schema_name("Errors")))
            .build();
        let response = ResponseBuilder::new()
            .description(description)
            .content("application/json", content)
            .build();
        let responses = &mut operation.responses.responses;
        responses
            .entry(status.to_owned())
            .or_insert(RefOr::T(response));
    }
}

/// Refuses a query where the document names no parameter for one: a misspelled one must not be passed over.
///
/// # Errors
/// There is one; the error names its first parameter.
pub(super) fn check_query(parts: &Parts) -> Result<(), Problem> {
    let Some(query) = parts.uri.query().filter(|query| !query.is_empty()) else {
        return Ok(());
    };
    let path = parts.extensions.get::<MatchedPath>();
    let path = path.ok_or_else(Problem::unexpected)?.as_str();
    if takes_query(&parts.method, path) {
        return Ok(());
    }
    let name = query.split(['=', '&']).next().unwrap_or_default();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let is_name = !name.is_empty() && name.len() <= 64 && name.chars().all(is_plain);
    Err(Problem::invalid(match is_name {
        true => format!("{name}: unknown field; no parameters are asked for here"),
        false => "no parameters are asked for here".to_owned(),
    }))
}

/// Whether an operation of the document has parameters in its query. The document is looked through when the first query comes.
fn takes_query(method: &Method, path: &str) -> bool {
    static THEY: OnceLock<HashSet<String>> = OnceLock::new();
    let they = THEY.get_or_init(|| {
        let paths = document().paths.paths;
        paths.iter().flat_map(with_query).collect()
    });
    let method = match *method {
        Method::HEAD => &Method::GET,
        _ => method,
    };
    they.contains(&format!("{method} {path}"))
}

fn with_query((path, item): (&String, &PathItem)) -> Vec<String> {
    let methods = [
        (Method::GET, &item.get),
        (Method::PUT, &item.put),
        (Method::POST, &item.post),
        (Method::DELETE, &item.delete),
        (Method::PATCH, &item.patch),
    ];
    let is_in_query = |one: &RefOr<Parameter>| matches!(one, RefOr::T(one) if one.parameter_in == ParameterIn::Query);
    let has = methods.into_iter().filter(|(_, operation)| {
        let parameters = operation.as_ref().and_then(|held| held.parameters.as_ref());
        parameters.is_some_and(|all| all.iter().any(is_in_query))
    });
    has.map(|(method, _)| format!("{method} {path}")).collect()
}

/// Where the document is served.
pub(super) fn route() -> Router<Arc<Api>> {
    Router::new().route(PATH, routing::get(serve))
}

async fn serve() -> Response {
    let json = [(header::CONTENT_TYPE, "application/json")];
    (json, bytes()).into_response()
}

/// The document as it is served, made once: everybody may ask for it, again and again.
fn bytes() -> &'static [u8] {
    static MADE: OnceLock<Vec<u8>> = OnceLock::new();
    MADE.get_or_init(|| document().to_json().unwrap_or_default().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::{bytes, document};

    #[test]
    fn it_is_made_once_and_is_what_is_served() {
        let made = bytes();
        assert_eq!(made.as_ptr(), bytes().as_ptr());
        assert_eq!(made, document().to_json().unwrap().as_bytes());
    }

    #[test]
    fn every_operation_says_what_it_answers_and_has_a_name_of_its_own() {
        let document = serde_json::to_value(document()).unwrap();
        assert_eq!(document["openapi"], "3.1.0");
        let mut names = Vec::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let responses = operation["responses"].as_object().unwrap();
                assert!(
                    responses.keys().any(|status| status.starts_with('2')),
                    "{method} {path}"
                );
                let open = super::is_open(path);
                assert_eq!(responses.contains_key("401"), !open, "{method} {path}");
                names.push(operation["operationId"].as_str().unwrap().to_owned());
            }
        }
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count, "{names:?}");
    }
}
