//! IBM Cloud Logs: entries in batches, under a token that an API key is exchanged for.
//!
//! The service refuses what is older than a day. Such events are parked before they are sent, or filed under the time at which they are
//! delivered, as the endpoint says: their own time stands in them either way.

mod entries;
#[cfg(test)]
mod tests;
mod token;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{StatusCode, Url};
use serde::{Deserialize, Serialize};

use crate::crypto::SecretText;
use crate::domain::Clock;
use crate::routing::http::{self, Http};
use crate::routing::{
    Batch, BatchLimits, Deliver, Endpoint, EndpointError, RECORDS_MAX, Surroundings, TlsOptions,
    Undelivered,
};
use entries::entries;
use token::Token;

/// Where tokens are from unless the endpoint says otherwise.
const IAM: &str = "https://iam.cloud.ibm.com";
/// Requests to the service may be 2 MB; this leaves room for what stands around each record.
const LIMITS: BatchLimits = BatchLimits {
    records: RECORDS_MAX,
    bytes: 1_400_000,
};
/// How old an event may be, in milliseconds: a day, but for the time on the way and clocks that differ.
const AGE_MS_MAX: i64 = (24 * 60 - 5) * 60 * 1000;

/// An instance of IBM Cloud Logs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CloudLogsEndpoint {
    /// The instance's address for ingestion, without a path: `https://<instance>.ingress.<region>.logs.cloud.ibm.com`.
    pub endpoint: String,
    /// The CRN of the instance. It is kept for whoever reads it and used for nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_crn: Option<String>,
    /// The address of the service that gives out tokens, without a path.
    #[serde(default = "iam")]
    pub iam_endpoint: String,
    /// The API key of a service id that may send to the instance.
    pub api_key: SecretText,
    /// What becomes of events that are older than the service takes.
    #[serde(default)]
    pub late_events: LateEvents,
    /// The CA certificates that are trusted, PEM. None: those of the system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_certificate: Option<String>,
    /// Whether addresses without TLS are accepted.
    #[serde(default)]
    pub insecure: bool,
    /// How long a request may take, in seconds.
    #[serde(default = "http::timeout_seconds")]
    pub timeout_seconds: u16,
}

/// What becomes of events that are older than a day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LateEvents {
    /// They are parked: somebody decides.
    #[default]
    Park,
    /// They are filed under the time of their delivery.
    FileNow,
}

fn iam() -> String {
    IAM.to_owned()
}

impl CloudLogsEndpoint {
    /// Where entries are sent, and where tokens are from.
    fn addresses(&self) -> Result<(Url, Url), EndpointError> {
        let joined = |field, base: &str, path| {
            let base = http::base(field, base, self.insecure)?;
            let joined = base.join(path);
            joined.map_err(|error| EndpointError::new(field, error.to_string()))
        };
        Ok((
            joined("endpoint", &self.endpoint, "logs/v1/singles")?,
            joined("iam_endpoint", &self.iam_endpoint, "identity/token")?,
        ))
    }

    fn tls(&self) -> TlsOptions<'_> {
        TlsOptions {
            ca_certificate: self.ca_certificate.as_deref(),
            ..TlsOptions::default()
        }
    }
}

impl Endpoint for CloudLogsEndpoint {
    const TYPE: &'static str = "cloud_logs";
    const MEMBER: &'static str = "cloudlogs_endpoint";
    type Target = CloudLogsTarget;

    fn check(&self) -> Result<(), EndpointError> {
        self.addresses()?;
        if self.api_key.is_empty() {
            return Err(EndpointError::new("api_key", "is empty"));
        }
        self.tls().check()?;
        http::check_timeout(self.timeout_seconds)
    }

    fn secrets(&mut self) -> Vec<(Cow<'static, str>, &mut SecretText)> {
        vec![("api_key".into(), &mut self.api_key)]
    }

    fn limits(&self) -> BatchLimits {
        LIMITS
    }

    fn open(&self, surroundings: &Surroundings) -> Result<CloudLogsTarget, EndpointError> {
        let (logs, iam) = self.addresses()?;
        let addresses = [&logs, &iam];
        Ok(CloudLogsTarget {
            http: Http::new("endpoint", &addresses, &self.tls(), self.timeout_seconds)?,
            logs,
            iam,
            api_key: self.api_key.clone(),
            late_events: self.late_events,
            token: None,
            clock: Arc::clone(&surroundings.clock),
        })
    }
}

/// Delivers to IBM Cloud Logs.
pub struct CloudLogsTarget {
    http: Http,
    logs: Url,
    iam: Url,
    api_key: SecretText,
    late_events: LateEvents,
    token: Option<Token>,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for CloudLogsTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CloudLogsTarget").finish_non_exhaustive()
    }
}

impl CloudLogsTarget {
    /// The token that is held, or a new one.
    async fn access(&mut self) -> Result<SecretText, Undelivered> {
        let now = self.clock.now();
        let token = match self.token.take() {
            Some(token) if token.is_good(now) => token,
            Some(_) | None => Token::ask(&self.http, &self.iam, &self.api_key, now).await?,
        };
        Ok(self.token.insert(token).access.clone())
    }

    /// Parks a batch with an event that the service would refuse for its age.
    fn check_ages(&self, batch: &Batch, now_ms: i64) -> Result<(), Undelivered> {
        let late = |time_ms: i64| now_ms.saturating_sub(time_ms) > AGE_MS_MAX;
        let events = batch.records.iter().filter_map(|record| record.event());
        match self.late_events {
            LateEvents::Park if events.map(|event| event.time_ms).any(late) => {
                Err(Undelivered::Park(
                    "IBM Cloud Logs takes no event that is a day old: drop it, or set late_events to file_now and retry it"
                        .to_owned(),
                ))
            }
            LateEvents::Park | LateEvents::FileNow => Ok(()),
        }
    }
}

impl Deliver for CloudLogsTarget {
    async fn deliver(&mut self, batch: &Batch) -> Result<(), Undelivered> {
        let now_ms = self.clock.now_ms();
        self.check_ages(batch, now_ms)?;
        let oldest = now_ms.saturating_sub(AGE_MS_MAX);
        let filed = |time_ms| if time_ms < oldest { now_ms } else { time_ms };
        let body = entries(batch, now_ms, filed);
        let access = self.access().await?;
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let unusable = |_| {
            let reason =
                "the token that was given out cannot stand in a header (check iam_endpoint)";
            Undelivered::Retry(reason.to_owned())
        };
        let mut bearer =
            HeaderValue::try_from(format!("Bearer {}", access.expose())).map_err(unusable)?;
        bearer.set_sensitive(true);
        headers.insert(AUTHORIZATION, bearer);
        let secrets = [&access, &self.api_key];
        let posted = self.http.post(&self.logs, headers, body, &secrets).await;
        posted.map(drop).map_err(|refused| {
            if refused.status == Some(StatusCode::UNAUTHORIZED) {
                // It was taken back: the next try asks for another.
                self.token = None;
            }
            refused.undelivered()
        })
    }
}
