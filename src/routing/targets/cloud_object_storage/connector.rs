//! The HTTP client that the S3 library is given: ours, with our TLS, and answers that end.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http_body_util::{BodyExt as _, Limited};
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse,
    HttpResponseBody, HttpService,
};
use reqwest::Client;

use crate::routing::http::{ANSWER_BYTES_MAX, retry_after};

/// How long the last answer asked not to be asked again, which the library does not tell.
#[derive(Debug, Default)]
pub(super) struct Asked(Mutex<Option<Duration>>);

impl Asked {
    /// What was asked since the last look.
    pub(super) fn take(&self) -> Option<Duration> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn set(&self, asked: Option<Duration>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = asked;
    }
}

/// Gives out one client, whatever options the library would like.
#[derive(Debug)]
pub(super) struct Connector {
    pub(super) client: Client,
    pub(super) asked: Arc<Asked>,
}

impl HttpConnector for Connector {
    fn connect(&self, _options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(Bounded {
            client: self.client.clone(),
            asked: Arc::clone(&self.asked),
        }))
    }
}

/// A client whose answers are errors from some size on.
#[derive(Debug)]
struct Bounded {
    client: Client,
    asked: Arc<Asked>,
}

/// What a method of [`HttpService`] returns.
type Called<'a> = Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'a>>;

impl HttpService for Bounded {
    fn call<'service, 'called>(&'service self, request: HttpRequest) -> Called<'called>
    where
        'service: 'called,
        Self: 'called,
    {
        Box::pin(async move {
            let response = HttpService::call(&self.client, request).await;
            let headers = response.as_ref().ok().map(HttpResponse::headers);
            self.asked.set(headers.and_then(retry_after));
            Ok(response?.map(|body| {
                let limited = Limited::new(body, ANSWER_BYTES_MAX);
                let error = |error| HttpError::new_boxed(HttpErrorKind::Decode, error);
                HttpResponseBody::new(limited.map_err(error))
            }))
        })
    }
}
