//! What every request over HTTP passes: it gets its identifier, and who asks is found out before anything else is looked at.
//!
//! An answer to who is nobody does not tell whether the credential was wrong, expired or missing, nor does the time it takes: each is
//! compared with every key there is, and is recorded after the answer. What a caller may do is for [`crate::admin::access`].

use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;

use super::problem::{Form, Problem};
use super::{Api, adapters, document, health, token as tokens};
use crate::admin::access::refusals::Refused;
use crate::admin::{self, AdminError};
use crate::audit::Failure;
use crate::crypto::{Fingerprint, SecretText, api_key};
use crate::domain::{Caller, Initiator, Login, LoginRefused, RequestId};
use crate::server::https::Peer;

/// The identifier of the request: the correlationId of its events.
const TRACE: HeaderName = HeaderName::from_static("x-correlation-id");
/// What the peer named its request, given back to it; else the same.
const CORRELATION: HeaderName = HeaderName::from_static("correlation-id");
/// The most bytes of that.
const CORRELATION_BYTES_MAX: usize = 128;
/// What is open to everybody: it says nothing of this server but that it is there, and whether it serves keys.
const OPEN: [&str; 4] = [
    health::PATH,
    health::READY_PATH,
    document::PATH,
    tokens::PATH,
];

/// A request that passed the gate, for handlers.
pub(super) struct Call {
    pub(super) api: Arc<Api>,
    pub(super) caller: Arc<Caller>,
    pub(super) id: RequestId,
}

impl Call {
    /// Has the router carry out a request of this caller.
    pub(super) async fn run(&self, request: admin::Request) -> Result<admin::Response, Problem> {
        let run = self.api.admin.run_as(&self.caller, Some(self.id), request);
        Ok(run.await?)
    }

    /// Finds out whether this caller may ask for something, before work is put into it. A refusal is recorded.
    pub(super) async fn check(&self, request: admin::Request) -> Result<(), Problem> {
        let admit = self.api.admin.admit(&self.caller, Some(self.id), request);
        Ok(admit.await.map(drop)?)
    }

    /// Whether the caller is still there and within their dates: for an answer that takes long.
    pub(super) fn may_still_ask(&self) -> bool {
        let admin = &self.api.admin;
        let administrators = admin.store().administrators();
        administrators.is_good(self.caller.login, admin.now())
    }
}

impl FromRequestParts<Arc<Api>> for Call {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Problem> {
        let caller = parts.extensions.get::<Arc<Caller>>();
        let caller = caller.ok_or_else(Problem::unauthorized)?;
        document::check_query(parts)?;
        let id = parts.extensions.get::<RequestId>();
        Ok(Self {
            api: Arc::clone(api),
            caller: Arc::clone(caller),
            id: *id.ok_or_else(Problem::unexpected)?,
        })
    }
}

/// Lets a request through to its handler, or answers it.
pub(super) async fn pass(
    State(api): State<Arc<Api>>,
    mut request: Request,
    next: Next,
) -> Response {
    let id = match api.admin.request_id() {
        Ok(id) => id,
        Err(error) => return Problem::from(error).answer("", Form::Routing),
    };
    let form = match request.uri().path().starts_with(adapters::PATH) {
        true => Form::KeyProtect,
        false => Form::Routing,
    };
    let named = named_by_peer(request.headers());
    request.extensions_mut().insert(id);
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let peer = request.extensions().get::<Arc<Peer>>();
    let address = peer.map(|peer| peer.address);
    let answer = if OPEN.contains(&request.uri().path()) {
        next.run(request).await
    } else {
        match login(&api, &request, id) {
            Ok(caller) => {
                request.extensions_mut().insert(Arc::new(caller));
                next.run(request).await
            }
            Err(problem) => problem.answer(&id.to_string(), form),
        }
    };
    let answer = finished(answer, id, named, form);
    let status = answer.status().as_u16();
    tracing::debug!(request = %id, address = ?address, %method, path, status, "A request of the administration API was answered.");
    answer
}

/// The answer with its headers; a problem gets its body.
fn finished(
    mut answer: Response,
    id: RequestId,
    named: Option<HeaderValue>,
    form: Form,
) -> Response {
    let trace = id.to_string();
    let is_problem = answer.status().is_client_error() || answer.status().is_server_error();
    if let Some(problem) = answer.extensions_mut().remove::<Problem>() {
        answer = problem.answer(&trace, form);
    } else if is_problem
        && answer
            .headers()
            .get(header::CONTENT_TYPE)
            .is_none_or(is_not_json)
    {
        let allow = answer.headers_mut().remove(header::ALLOW);
        answer = Problem::of(answer.status()).answer(&trace, form);
        if let Some(allow) = allow {
            answer.headers_mut().insert(header::ALLOW, allow);
        }
    }
    let headers = answer.headers_mut();
    let trace = HeaderValue::from_str(&trace).ok();
    if let Some(trace) = trace {
        headers.insert(CORRELATION, named.unwrap_or_else(|| trace.clone()));
        headers.insert(TRACE, trace);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let nosniff = HeaderValue::from_static("nosniff");
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
    answer
}

fn is_not_json(value: &HeaderValue) -> bool {
    !value.as_bytes().starts_with(b"application/json")
}

fn named_by_peer(headers: &HeaderMap) -> Option<HeaderValue> {
    let given = headers.get(CORRELATION)?;
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let fits = given.len() <= CORRELATION_BYTES_MAX && given.as_bytes().iter().all(is_plain);
    fits.then(|| given.clone())
}

/// Who asks.
fn login(api: &Api, request: &Request, id: RequestId) -> Result<Caller, Problem> {
    let peer = request.extensions().get::<Arc<Peer>>();
    let peer = peer.ok_or_else(Problem::unexpected)?;
    let now = api.admin.now();
    match known(api, request.headers(), peer, now) {
        Ok(caller) => {
            // One that has shown who it is makes way for nobody.
            if !peer.settle() {
                let message = "the connection had to make way for another";
                let status = StatusCode::SERVICE_UNAVAILABLE;
                return Err(Problem::new(status, "unavailable", message));
            }
            if let Login::ApiKey(key) = caller.login {
                api.used.note(&api.admin, key, now);
            }
            Ok(caller)
        }
        Err((why, whose)) => {
            refuse(api, whose, failure(why), peer, id);
            let wait = match why {
                // Nothing was tried.
                LoginRefused::Missing => None,
                LoginRefused::Unknown | LoginRefused::NotNow => {
                    api.attempts.refused(peer.address, now)
                }
            };
            Err(wait.map_or_else(Problem::unauthorized, Problem::too_many))
        }
    }
}

/// Who is known by what was presented: an API key, or else the certificate of the connection.
fn known(
    api: &Api,
    headers: &HeaderMap,
    peer: &Peer,
    now: i64,
) -> Result<Caller, (LoginRefused, Option<Initiator>)> {
    let administrators = api.admin.store().administrators();
    let mut given = headers.get_all(header::AUTHORIZATION).iter();
    let (first, more) = (given.next(), given.next().is_some());
    let token = first.and_then(|value| token(value.to_str().ok()?));
    // Also where there is none: it takes as long.
    let text = token.as_ref().map(SecretText::expose);
    let digest = api_key::digest(text.unwrap_or_default());
    let by_key = administrators.by_key(&digest, now);
    match (first, &peer.certificate) {
        (Some(_), _) if more || token.is_none() => Err((LoginRefused::Unknown, None)),
        (Some(_), _) => by_key,
        (None, Some(der)) => administrators.by_certificate(&Fingerprint::of(der), now),
        (None, None) => Err((LoginRefused::Missing, None)),
    }
}

/// The key of `Bearer KEY` or `ApiKey KEY`, also in the form of a token.
fn token(text: &str) -> Option<SecretText> {
    let (scheme, token) = text.split_once(' ')?;
    let is_ours = ["Bearer", "ApiKey"]
        .iter()
        .any(|ours| scheme.eq_ignore_ascii_case(ours));
    is_ours.then(|| tokens::key(token.trim()))
}

const fn failure(why: LoginRefused) -> Failure {
    match why {
        LoginRefused::Missing => Failure::LoginMissing,
        LoginRefused::Unknown => Failure::LoginUnknown,
        LoginRefused::NotNow => Failure::LoginExpired,
    }
}

fn refuse(api: &Api, whose: Option<Initiator>, failure: Failure, peer: &Peer, id: RequestId) {
    tracing::debug!(address = %peer.address, request = %id, reason = failure.sentence(), "A login was refused.");
    let refused = Refused {
        initiator: whose,
        failure,
        operation: None,
    };
    api.admin.note_refused(refused, id);
}

impl From<crate::crypto::RandomError> for Problem {
    fn from(error: crate::crypto::RandomError) -> Self {
        AdminError::unavailable(error.to_string()).into()
    }
}

#[cfg(test)]
mod tests {
    use super::token;

    #[test]
    fn a_key_comes_after_bearer_or_apikey() {
        let key = |text: &str| token(text).map(|key| key.expose().to_owned());
        assert_eq!(key("Bearer kl_x").as_deref(), Some("kl_x"));
        assert_eq!(key("apikey  kl_x").as_deref(), Some("kl_x"));
        assert_eq!(key("Basic kl_x"), None);
        assert_eq!(key("kl_x"), None);
    }
}
