//! The HTTP client that the S3 library is given: ours, with our TLS, and answers that end.

use std::pin::Pin;

use http_body_util::{BodyExt as _, Limited};
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse,
    HttpResponseBody, HttpService,
};
use reqwest::Client;

use crate::routing::http::ANSWER_BYTES_MAX;

/// Gives out one client, whatever options the library would like.
#[derive(Debug)]
pub(super) struct Connector(pub(super) Client);

impl HttpConnector for Connector {
    fn connect(&self, _options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(Bounded(self.0.clone())))
    }
}

/// A client whose answers are errors from some size on.
#[derive(Debug)]
struct Bounded(Client);

/// What a method of [`HttpService`] returns.
type Called<'a> = Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'a>>;

impl HttpService for Bounded {
    fn call<'service, 'called>(&'service self, request: HttpRequest) -> Called<'called>
    where
        'service: 'called,
        Self: 'called,
    {
        Box::pin(async move {
            let response = HttpService::call(&self.0, request).await?;
            Ok(response.map(|body| {
                let limited = Limited::new(body, ANSWER_BYTES_MAX);
                let error = |error| HttpError::new_boxed(HttpErrorKind::Decode, error);
                HttpResponseBody::new(limited.map_err(error))
            }))
        })
    }
}
