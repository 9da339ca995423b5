//! Spans of requests, exported to a collector of OpenTelemetry: OTLP over HTTP with JSON (OTLP 1.0, section OTLP/HTTP).
//!
//! Nothing waits for the collector: where it is slow or gone the queue fills up, and what does not fit is dropped and counted. A batch is given
//! again until it is taken or refused for good; the server's stop waits a second or two for what is left.

mod encode;
mod settings;

use std::pin::{Pin, pin};
use std::time::Duration;

use reqwest::Url;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::http::{Http, base};
use super::retry::wait_after;
use super::target::{EndpointError, Undelivered};
use super::tls::TlsOptions;
use crate::crypto::{SecretText, SystemRandom};
use crate::ops::spans::{Span, Spans};
pub use settings::Config;

/// The most spans of one request.
const BATCH_MAX: usize = 512;
/// How long the first span of a batch waits for more.
const LINGER: Duration = Duration::from_secs(1);
/// How long one request may take, in seconds.
const TIMEOUT_SECONDS: u16 = 10;
/// The longest wait that a collector is granted before it is tried again.
const WAIT_MAX: Duration = Duration::from_secs(30);
/// How long a stop waits for what is left.
const FAREWELL: Duration = Duration::from_secs(2);

/// What carries spans to the collector.
#[derive(Debug)]
pub struct Exporter {
    spans: Spans,
    waiting: mpsc::Receiver<Span>,
    http: Http,
    url: Url,
    headers: HeaderMap,
    secrets: Vec<SecretText>,
    service: String,
    failures: u32,
}

impl Exporter {
    /// What the settings ask for; none: they ask for nothing. `headers` is the text of the headers' file, `ca` that of the CA's.
    ///
    /// # Errors
    /// The setting that cannot be used.
    pub fn new(
        config: &Config,
        headers: &SecretText,
        ca: Option<&str>,
    ) -> Result<Option<(Self, Spans)>, EndpointError> {
        if config.otlp_endpoint.is_empty() {
            return Ok(None);
        }
        let url = config.traces()?;
        let tls = TlsOptions {
            ca_certificate: ca,
            ..TlsOptions::default()
        };
        // What is wrong with TLS is what the CA's file holds, or that there is none.
        let key = |error: EndpointError| match &*error.field {
            "otlp-endpoint" => error,
            _ => EndpointError::new("ca-file", error.problem),
        };
        let http = Http::new("otlp-endpoint", &[&url], &tls, TIMEOUT_SECONDS).map_err(key)?;
        let (headers, secrets) = read_headers(headers)?;
        let (spans, waiting) = Spans::queue(config.sample_percent);
        let exporter = Self {
            spans: spans.clone(),
            waiting,
            http,
            url,
            headers,
            secrets,
            service: config.service_name.clone(),
            failures: 0,
        };
        Ok(Some((exporter, spans)))
    }

    /// Exports until `finish`, and then what is left.
    pub async fn run(mut self, finish: impl Future<Output = ()>) {
        let mut batch = Vec::new();
        {
            let mut finish = pin!(finish);
            while self.round(&mut batch, finish.as_mut()).await {
                batch.clear();
            }
        }
        self.waiting.close();
        let left = timeout(FAREWELL, self.export_left(&mut batch)).await;
        if left.is_err() {
            self.drop_spans(batch.len() + self.waiting.len());
        }
        let dropped = self
            .spans
            .counts()
            .map_or(0, |counts| counts.dropped.total());
        if dropped > 0 {
            tracing::warn!(dropped, "Spans were not exported.");
        }
    }

    /// Fills a batch and has it taken; false: it is time to finish, and the batch may not have been taken.
    async fn round(
        &mut self,
        batch: &mut Vec<Span>,
        mut finish: Pin<&mut impl Future<Output = ()>>,
    ) -> bool {
        tokio::select! {
            () = &mut finish => return false,
            count = self.waiting.recv_many(batch, BATCH_MAX) => if count == 0 { return false },
        }
        tokio::select! {
            () = &mut finish => return false,
            () = self.fill(batch) => {}
        }
        loop {
            let wait = tokio::select! {
                () = &mut finish => return false,
                tried = self.export(batch) => match tried {
                    Ok(()) => return true,
                    Err(wait) => wait,
                },
            };
            tokio::select! {
                () = &mut finish => return false,
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Waits for more spans, for a while.
    async fn fill(&mut self, batch: &mut Vec<Span>) {
        let full = async {
            while batch.len() < BATCH_MAX
                && self.waiting.recv_many(batch, BATCH_MAX - batch.len()).await > 0
            {}
        };
        // Late or full, it is what there is.
        drop(timeout(LINGER, full).await);
    }

    /// Tries everything that is left once.
    async fn export_left(&mut self, batch: &mut Vec<Span>) {
        loop {
            while batch.len() < BATCH_MAX
                && let Ok(span) = self.waiting.try_recv()
            {
                batch.push(span);
            }
            if batch.is_empty() {
                return;
            }
            if self.export(batch).await.is_err() {
                self.drop_spans(batch.len() + self.waiting.len());
                return;
            }
            batch.clear();
        }
    }

    /// Gives the collector a batch. It is done with where that is Ok; else it is tried again after the wait.
    async fn export(&mut self, batch: &[Span]) -> Result<(), Duration> {
        let body = encode::batch(&self.service, batch);
        let secrets: Vec<_> = self.secrets.iter().collect();
        let posted = self
            .http
            .post(&self.url, self.headers.clone(), body, &secrets);
        let undelivered = match posted.await {
            Ok(answer) => {
                let rejected = encode::rejected(&answer).min(batch.len());
                self.taken(batch.len() - rejected, rejected);
                return Ok(());
            }
            Err(refused) => refused.undelivered(),
        };
        self.failures = self.failures.saturating_add(1);
        if self.failures == 1 {
            tracing::warn!(reason = %undelivered, "The OpenTelemetry collector does not take spans.");
        }
        let own = wait_after(self.failures, &SystemRandom);
        match undelivered {
            Undelivered::Park(_) => {
                self.drop_spans(batch.len());
                Ok(())
            }
            Undelivered::Retry(_) => Err(own),
            Undelivered::RetryAfter(_, asked) => Err(asked.clamp(own, WAIT_MAX.max(own))),
        }
    }

    fn taken(&mut self, exported: usize, rejected: usize) {
        if std::mem::take(&mut self.failures) > 0 {
            let dropped = self
                .spans
                .counts()
                .map_or(0, |counts| counts.dropped.total());
            tracing::info!(dropped, "The OpenTelemetry collector takes spans again.");
        }
        if let Some(counts) = self.spans.counts() {
            counts.exported.add(wide(exported));
        }
        self.drop_spans(rejected);
    }

    fn drop_spans(&self, count: usize) {
        if let Some(counts) = self.spans.counts() {
            counts.dropped.add(wide(count));
        }
    }
}

fn wide(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// The headers of each request, one `Name: value` a line, and those values that no log may show.
fn read_headers(text: &SecretText) -> Result<(HeaderMap, Vec<SecretText>), EndpointError> {
    let (mut headers, mut secrets) = (HeaderMap::new(), Vec::new());
    for (index, line) in text.expose().lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        // The line itself is not shown: it may be a token.
        let wrong = || {
            let number = index + 1;
            EndpointError::new(
                "headers-file",
                format!("line {number} is not a header such as `Authorization: Bearer TOKEN`"),
            )
        };
        let (name, value) = line.split_once(':').ok_or_else(wrong)?;
        let value = value.trim();
        let name = HeaderName::try_from(name.trim()).map_err(|_| wrong())?;
        let mut held = HeaderValue::from_str(value).map_err(|_| wrong())?;
        held.set_sensitive(true);
        headers.insert(name, held);
        // Of a scheme and a token, the token too by itself.
        let words = value.split(' ').filter(|word| word.len() >= 8);
        secrets.extend(words.map(|word| SecretText::new(word.to_owned())));
        secrets.push(SecretText::new(value.to_owned()));
    }
    let json = HeaderValue::from_static("application/json");
    headers.insert(CONTENT_TYPE, json);
    Ok((headers, secrets))
}

/// The address that traces are sent to.
fn traces(endpoint: &str) -> Result<Url, EndpointError> {
    let base = base("otlp-endpoint", endpoint, true)?;
    let joined = base.join("v1/traces");
    joined.map_err(|error| EndpointError::new("otlp-endpoint", error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_by_line_and_a_wrong_one_is_not_shown() {
        let text = "# the collector's\nAuthorization: Bearer hunter2hunter2\n\nx-scope: a\n";
        let (headers, secrets) = read_headers(&SecretText::new(text.to_owned())).unwrap();
        assert_eq!(headers["authorization"], "Bearer hunter2hunter2");
        assert!(headers["authorization"].is_sensitive());
        assert_eq!(headers["content-type"], "application/json");
        assert!(secrets.iter().any(|held| held.expose() == "hunter2hunter2"));
        for wrong in ["hunter2hunter2", "a b: c", "x: \u{1}"] {
            let text = SecretText::new(format!("x: y\n{wrong}"));
            let said = read_headers(&text).unwrap_err().to_string();
            assert!(
                said.contains("line 2") && !said.contains("hunter2"),
                "{said}"
            );
        }
    }

    #[test]
    fn traces_go_below_the_endpoint() {
        for (given, url) in [
            ("http://127.0.0.1:4318", "http://127.0.0.1:4318/v1/traces"),
            ("https://h/otlp/", "https://h/otlp/v1/traces"),
        ] {
            assert_eq!(traces(given).unwrap().as_str(), url);
        }
    }
}
