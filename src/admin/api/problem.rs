//! Why a request over HTTP was not carried out: its status, a code for programs, a sentence for people, the field it is about.
//!
//! The form is that of Activity Tracker Event Routing, everywhere. `trace` is the identifier of the request, which its events carry.

use axum::Json;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::key_protect;
use crate::admin::{AdminError, ErrorKind};
use crate::domain::ObjectId;

/// The most bytes of a sentence: it may hold what was sent.
const MESSAGE_BYTES_MAX: usize = 1000;

/// What is answered in place of a result.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Errors {
    /// The identifier of the request: the correlationId of its events.
    trace: String,
    /// What is wrong; one.
    errors: Vec<Error>,
    /// Of KMIP adapters: that `resources` are errors.
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<key_protect::Metadata>,
    /// Of KMIP adapters: the same in Key Protect's form; one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    resources: Vec<KeyProtectError>,
}

/// What is wrong, as Key Protect tells it.
#[derive(Debug, Serialize, ToSchema)]
struct KeyProtectError {
    /// For people.
    #[serde(rename = "errorMsg")]
    error_msg: String,
    /// Why; one.
    reasons: Vec<Reason>,
}

/// Why a request is not carried out.
#[derive(Debug, Serialize, ToSchema)]
struct Reason {
    /// For programs.
    code: String,
    /// For people.
    message: String,
    /// The status of the answer.
    status: u16,
    /// What it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<Field>,
}

/// A field of a request.
#[derive(Debug, Serialize, ToSchema)]
struct Field {
    /// `field`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// Its name.
    name: String,
}

/// In which form a problem is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// That of Activity Tracker Event Routing.
    Routing,
    /// That, and Key Protect's as well.
    KeyProtect,
}

/// What is wrong.
#[derive(Debug, Serialize, ToSchema)]
struct Error {
    /// For programs.
    code: String,
    /// For people, in one line.
    message: String,
    /// The member of the request that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
}

/// A request that is not carried out.
#[derive(Debug, Clone)]
pub(super) struct Problem {
    status: StatusCode,
    code: String,
    message: String,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    /// A problem of this status.
    pub(super) fn new(status: StatusCode, code: &str, message: impl Into<String>) -> Self {
        Self {
            status,
            code: code.to_owned(),
            message: message.into(),
            headers: Vec::new(),
        }
    }

    /// A field of the request has a wrong value.
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_value", message)
    }

    /// Nobody is known by what was presented. The sentence is the same whatever is wrong with it.
    pub(super) fn unauthorized() -> Self {
        let message = "a valid API key or administrator certificate is needed";
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", message)
            .with(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
    }

    /// Credentials are not looked at for so many seconds.
    pub(super) fn too_many(seconds: i64) -> Self {
        let message = "too many credentials were refused; try again later";
        Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", message)
            .with(header::RETRY_AFTER, HeaderValue::from(seconds))
    }

    /// There is nothing at this path.
    pub(super) fn no_such_path() -> Self {
        let message = "there is nothing at this path; /api/openapi.json says what there is";
        Self::new(StatusCode::NOT_FOUND, "not_found", message)
    }

    /// The answer of the router does not fit.
    pub(super) fn unexpected() -> Self {
        let message = "the server could not make its answer";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", message)
    }

    fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    pub(super) fn message(&self) -> &str {
        &self.message
    }

    /// The problem with another sentence.
    pub(super) fn with_message(self, message: String) -> Self {
        Self { message, ..self }
    }

    /// The problem of an answer that the HTTP library made.
    pub(super) fn of(status: StatusCode) -> Self {
        let code = match status {
            StatusCode::METHOD_NOT_ALLOWED => "method_not_allowed",
            StatusCode::NOT_FOUND => return Self::no_such_path(),
            StatusCode::PAYLOAD_TOO_LARGE => "too_large",
            _ => "invalid_request",
        };
        let message = status.canonical_reason().unwrap_or("it cannot be done");
        Self::new(status, code, message.to_lowercase())
    }

    /// The answer to the request of this identifier.
    pub(super) fn answer(self, trace: &str, form: Form) -> Response {
        let field = field(&self.message).map(str::to_owned);
        let resources = match form {
            Form::Routing => Vec::new(),
            Form::KeyProtect => vec![self.as_key_protect_tells_it(field.clone())],
        };
        let errors = Errors {
            metadata: (!resources.is_empty()).then(key_protect::Metadata::of_errors),
            resources,
            trace: trace.to_owned(),
            errors: vec![Error {
                code: self.code,
                message: shortened(self.message),
                field,
            }],
        };
        let mut answer = (self.status, Json(errors)).into_response();
        answer.headers_mut().extend(self.headers);
        answer
    }
}

impl Problem {
    fn as_key_protect_tells_it(&self, field: Option<String>) -> KeyProtectError {
        let code = match self.code.as_str() {
            "invalid_value" => "INVALID_FIELD".to_owned(),
            code => code.to_ascii_uppercase(),
        };
        let message = shortened(self.message.clone());
        let phrase = self.status.canonical_reason().unwrap_or("Error");
        KeyProtectError {
            error_msg: format!("{phrase}: {message}"),
            reasons: vec![Reason {
                code: format!("{code}_ERR"),
                message,
                status: self.status.as_u16(),
                target: field.map(|name| Field {
                    kind: "field",
                    name,
                }),
            }],
        }
    }
}

/// A problem whose field is told as it is called in the request: pairs of our name and that one.
pub(super) fn renamed(problem: Problem, fields: &[(&str, &str)]) -> Problem {
    let told = |(ours, theirs): &(&str, &str)| {
        let rest = problem.message().strip_prefix(ours)?.strip_prefix(": ")?;
        Some(format!("{theirs}: {rest}"))
    };
    match fields.iter().find_map(told) {
        Some(message) => problem.with_message(message),
        None => problem,
    }
}

/// The field that a sentence begins with, as the router's do: `label: it is taken`.
fn field(message: &str) -> Option<&str> {
    let (field, _) = message.split_once(": ")?;
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '[' | ']');
    let is_field = !field.is_empty() && field.chars().all(is_name);
    // What begins with the identifier of a key is about that key.
    (is_field && field.parse::<ObjectId>().is_err()).then_some(field)
}

fn shortened(mut message: String) -> String {
    if message.len() > MESSAGE_BYTES_MAX {
        let mut end = MESSAGE_BYTES_MAX;
        while !message.is_char_boundary(end) {
            end -= 1;
        }
        message.truncate(end);
        message.push('…');
    }
    message
}

impl From<AdminError> for Problem {
    fn from(error: AdminError) -> Self {
        let status = match error.kind {
            ErrorKind::Invalid => StatusCode::BAD_REQUEST,
            ErrorKind::NotFound => StatusCode::NOT_FOUND,
            ErrorKind::Conflict => StatusCode::CONFLICT,
            ErrorKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            ErrorKind::Forbidden => StatusCode::FORBIDDEN,
            ErrorKind::TooMany => StatusCode::TOO_MANY_REQUESTS,
        };
        let problem = Self::new(status, error.code(), error.message.clone());
        match error.again_in {
            Some(seconds) => problem.with(header::RETRY_AFTER, HeaderValue::from(seconds)),
            None => problem,
        }
    }
}

impl IntoResponse for Problem {
    /// The gate in front of all handlers makes the answer of it: it knows the request's identifier.
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::{Problem, field, renamed, shortened};

    #[test]
    fn the_field_is_what_stands_before_the_colon_if_it_is_a_name() {
        assert_eq!(field("label: it is taken"), Some("label"));
        assert_eq!(
            field("rules[0].locations: none"),
            Some("rules[0].locations")
        );
        assert_eq!(field("an instance cannot be made: no key"), None);
        assert_eq!(field("there are none"), None);
        let of_a_key = "01a217c1-886e-72aa-89d9-e8b5507ff235: it is Active";
        assert_eq!(field(of_a_key), None);
    }

    #[test]
    fn a_long_sentence_is_cut_between_letters() {
        let long = shortened("ä".repeat(2000));
        assert!(long.ends_with('…') && long.len() < 1010);
    }

    #[test]
    fn a_field_is_told_by_the_name_that_it_has_in_the_request() {
        let told = |text: &str| {
            renamed(Problem::invalid(text), &[("label", "resources[0].name")])
                .message()
                .to_owned()
        };
        assert_eq!(
            told("label: `a` is taken"),
            "resources[0].name: `a` is taken"
        );
        assert_eq!(told("labels are taken"), "labels are taken");
    }
}
