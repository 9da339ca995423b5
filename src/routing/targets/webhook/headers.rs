//! The headers that an endpoint asks for: credentials, and those of its own.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};

use super::WebhookEndpoint;
use crate::crypto::SecretText;
use crate::routing::EndpointError;

/// Headers that are ours or the protocol's; those that begin with one of [`RESERVED_STARTS`] are ours too.
const RESERVED: &[&str] = &[
    "authorization",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];
const RESERVED_STARTS: &[&str] = &["keyledger-", "webhook-"];

/// The headers that are the same in every request.
pub(super) fn of(endpoint: &WebhookEndpoint) -> Result<HeaderMap, EndpointError> {
    let mut headers = HeaderMap::new();
    let content_type = HeaderValue::from_static(endpoint.format.content_type());
    headers.insert(CONTENT_TYPE, content_type);
    if let Some((field, credentials)) = authorization(endpoint)? {
        headers.insert(AUTHORIZATION, secret_value(field, &credentials)?);
    }
    for (name, value) in &endpoint.headers {
        let value = HeaderValue::from_str(value).map_err(|_| {
            let problem = format!("the value of {name} holds a character that no header may hold");
            EndpointError::new("headers", problem)
        })?;
        add(&mut headers, "headers", name, value)?;
    }
    for (name, secret) in &endpoint.secret_headers {
        let value = secret_value("secret_headers", secret)?;
        add(&mut headers, "secret_headers", name, value)?;
    }
    Ok(headers)
}

/// Adds a header that the operator named, if the name is his to give and is given once.
fn add(
    headers: &mut HeaderMap,
    field: &'static str,
    name: &str,
    value: HeaderValue,
) -> Result<(), EndpointError> {
    let problem = |problem: String| Err(EndpointError::new(field, problem));
    let Ok(header) = HeaderName::try_from(name) else {
        return problem(format!("{name:?} is no name of a header"));
    };
    let text = header.as_str();
    let ours = RESERVED_STARTS.iter().any(|start| text.starts_with(start));
    if ours || RESERVED.contains(&text) {
        return problem(format!(
            "{name} is set by this program, or by a field of its own"
        ));
    }
    match headers.insert(header, value) {
        None => Ok(()),
        Some(_) => problem(format!("{name} is given twice")),
    }
}

/// What is sent and must not come back in an error.
pub(super) fn secrets_sent(endpoint: &WebhookEndpoint) -> Vec<SecretText> {
    let own = [&endpoint.bearer_token, &endpoint.password];
    let own = own.into_iter().flatten();
    let mut secrets: Vec<SecretText> = own
        .chain(endpoint.secret_headers.values())
        .cloned()
        .collect();
    if let (Some(user), Some(password)) = (&endpoint.username, &endpoint.password) {
        secrets.push(SecretText::new(basic(user, password)));
    }
    secrets
}

/// The value of the header Authorization, with the field it comes from.
fn authorization(
    endpoint: &WebhookEndpoint,
) -> Result<Option<(&'static str, SecretText)>, EndpointError> {
    let WebhookEndpoint {
        bearer_token,
        username,
        password,
        ..
    } = endpoint;
    match (bearer_token, username, password) {
        (None, None, None) => Ok(None),
        (Some(token), None, None) => {
            let given = given("bearer_token", token)?;
            let value = SecretText::new(format!("Bearer {given}"));
            Ok(Some(("bearer_token", value)))
        }
        (None, Some(user), Some(password)) => {
            if user.contains(':') || user.chars().any(char::is_control) {
                let problem = "holds a colon or a control character, which no user name may hold";
                return Err(EndpointError::new("username", problem));
            }
            given("password", password)?;
            let value = SecretText::new(format!("Basic {}", basic(user, password)));
            Ok(Some(("password", value)))
        }
        (None, Some(_), None) => Err(missing("password", "username")),
        (None, None, Some(_)) => Err(missing("username", "password")),
        (Some(_), ..) => Err(EndpointError::new(
            "bearer_token",
            "cannot be sent beside username and password: give one of the two",
        )),
    }
}

fn basic(user: &str, password: &SecretText) -> String {
    BASE64.encode(format!("{user}:{}", password.expose()))
}

fn missing(field: &'static str, other: &str) -> EndpointError {
    EndpointError::new(field, format!("is missing: it belongs to {other}"))
}

fn given<'a>(field: &'static str, secret: &'a SecretText) -> Result<&'a str, EndpointError> {
    match secret.expose() {
        "" => Err(EndpointError::new(field, "is empty")),
        text => Ok(text),
    }
}

/// A value that the libraries do not print either.
fn secret_value(field: &'static str, secret: &SecretText) -> Result<HeaderValue, EndpointError> {
    let problem = |_| EndpointError::new(field, "holds a character that no header may hold");
    let mut value = HeaderValue::from_str(given(field, secret)?).map_err(problem)?;
    value.set_sensitive(true);
    Ok(value)
}
