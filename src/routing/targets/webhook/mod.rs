//! Webhooks: batches as POST requests to an address over HTTPS, signed by the rules of Standard Webhooks.
//!
//! What each answer means is said in `routing::http`. One request is one batch, so that the receiver takes it whole or not at all.

mod form;
mod headers;
mod signature;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};

use crate::crypto::SecretText;
use crate::domain::Clock;
use crate::routing::envelope::sequences;
use crate::routing::http::{self, Http};
use crate::routing::{
    Batch, BatchLimits, Deliver, Endpoint, EndpointError, Record, Surroundings, TlsOptions,
    Undelivered,
};
pub use form::Format;
use signature::SigningSecret;

const ORIGIN: HeaderName = HeaderName::from_static("keyledger-origin");
const EPOCH: HeaderName = HeaderName::from_static("keyledger-epoch");
const SEQUENCES: HeaderName = HeaderName::from_static("keyledger-sequences");
/// What a CloudEvent's source begins with unless the endpoint says otherwise.
const SOURCE: &str = "keyledger";

/// A service that takes POST requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookEndpoint {
    /// Where requests are sent. It is shown to whoever may see the target: secrets have fields of their own.
    pub url: String,
    /// How records are written.
    #[serde(default)]
    pub format: Format,
    /// What the source of CloudEvents begins with, a URI reference; origin and epoch follow it. None: `keyledger`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The secret that signs requests: `whsec_` and Base64. None: they are not signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signing_secret: Option<SecretText>,
    /// Sent as `Authorization: Bearer`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bearer_token: Option<SecretText>,
    /// The user of basic authentication, with [`Self::password`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The password of basic authentication.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<SecretText>,
    /// More headers, which are no secrets.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// More headers, which are: keys that have a header of their own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub secret_headers: BTreeMap<String, SecretText>,
    /// The CA certificates that are trusted, PEM. None: those of the system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_certificate: Option<String>,
    /// The client certificate that is presented, PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_certificate: Option<String>,
    /// Its private key, PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_key: Option<SecretText>,
    /// Whether an address without TLS is accepted.
    #[serde(default)]
    pub insecure: bool,
    /// How long a request may take, in seconds.
    #[serde(default = "http::timeout_seconds")]
    pub timeout_seconds: u16,
}

impl WebhookEndpoint {
    /// An endpoint of which nothing is known but its address.
    #[must_use]
    pub fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            format: Format::default(),
            source: None,
            signing_secret: None,
            bearer_token: None,
            username: None,
            password: None,
            headers: BTreeMap::new(),
            secret_headers: BTreeMap::new(),
            ca_certificate: None,
            client_certificate: None,
            client_key: None,
            insecure: false,
            timeout_seconds: http::TIMEOUT_SECONDS,
        }
    }

    fn address(&self) -> Result<Url, EndpointError> {
        http::address("url", &self.url, self.insecure)
    }

    fn tls(&self) -> TlsOptions<'_> {
        TlsOptions {
            ca_certificate: self.ca_certificate.as_deref(),
            client_certificate: self.client_certificate.as_deref(),
            client_key: self.client_key.as_ref(),
        }
    }

    fn signing(&self) -> Result<Option<SigningSecret>, EndpointError> {
        let secret = self.signing_secret.as_ref();
        secret.map(SigningSecret::read).transpose()
    }

    fn check_source(&self) -> Result<(), EndpointError> {
        let Some(source) = &self.source else {
            return Ok(());
        };
        if source.is_empty() || !source.bytes().all(|byte| byte.is_ascii_graphic()) {
            let problem = "is not a URI reference: write one such as https://kms.example.com";
            return Err(EndpointError::new("source", problem));
        }
        Ok(())
    }
}

impl Endpoint for WebhookEndpoint {
    const TYPE: &'static str = "webhook";
    const MEMBER: &'static str = "webhook_endpoint";
    type Target = WebhookTarget;

    fn check(&self) -> Result<(), EndpointError> {
        self.address()?;
        self.check_source()?;
        self.signing()?;
        headers::of(self)?;
        self.tls().check()?;
        http::check_timeout(self.timeout_seconds)
    }

    fn secrets(&mut self) -> Vec<(Cow<'static, str>, &mut SecretText)> {
        let fields = [
            ("signing_secret", &mut self.signing_secret),
            ("bearer_token", &mut self.bearer_token),
            ("password", &mut self.password),
            ("client_key", &mut self.client_key),
        ];
        let given = fields
            .into_iter()
            .filter_map(|(field, secret)| Some((Cow::Borrowed(field), secret.as_mut()?)));
        let headers = self.secret_headers.iter_mut();
        let headers =
            headers.map(|(name, secret)| (format!("secret_headers.{name}").into(), secret));
        given.chain(headers).collect()
    }

    fn limits(&self) -> BatchLimits {
        let limits = BatchLimits::default();
        BatchLimits {
            records: limits.records.min(self.format.records_max()),
            ..limits
        }
    }

    fn open(&self, surroundings: &Surroundings) -> Result<WebhookTarget, EndpointError> {
        let url = self.address()?;
        Ok(WebhookTarget {
            http: Http::new("url", &[&url], &self.tls(), self.timeout_seconds)?,
            url,
            format: self.format,
            source: self.source.clone().unwrap_or_else(|| SOURCE.to_owned()),
            headers: headers::of(self)?,
            signing: self.signing()?,
            secrets: headers::secrets_sent(self),
            clock: Arc::clone(&surroundings.clock),
        })
    }
}

/// Delivers to a webhook.
pub struct WebhookTarget {
    http: Http,
    url: Url,
    format: Format,
    source: String,
    headers: HeaderMap,
    signing: Option<SigningSecret>,
    /// What must not come back in an error.
    secrets: Vec<SecretText>,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for WebhookTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookTarget").finish_non_exhaustive()
    }
}

impl WebhookTarget {
    async fn post(&self, batch: &Batch, records: &[Record]) -> Result<(), Undelivered> {
        let body = self.format.body(&batch.origin, &self.source, records);
        let mut headers = self.headers.clone();
        let texts = [
            (ORIGIN, Some(batch.origin.name.clone())),
            (EPOCH, Some(batch.origin.epoch.to_string())),
            (SEQUENCES, sequences(records)),
        ];
        for (name, text) in texts {
            // A name that cannot stand in a header is still in the records.
            if let Some(value) = text.and_then(|text| HeaderValue::try_from(text).ok()) {
                headers.insert(name, value);
            }
        }
        signature::add(&mut headers, &body, self.clock.now(), self.signing.as_ref());
        let secrets: Vec<&SecretText> = self.secrets.iter().collect();
        let posted = self.http.post(&self.url, headers, body, &secrets).await;
        posted.map(drop).map_err(http::Refused::undelivered)
    }
}

impl Deliver for WebhookTarget {
    async fn deliver(&mut self, batch: &Batch) -> Result<(), Undelivered> {
        for records in batch.records.chunks(self.format.records_max()) {
            self.post(batch, records).await?;
        }
        Ok(())
    }
}
