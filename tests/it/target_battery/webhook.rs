//! Webhooks: an HTTPS server that lets nobody in without the right certificate, token and signature.

use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use keyledger::crypto::{Issued, SecretText};
use keyledger::routing::targets::webhook::{Format, WebhookEndpoint};
use keyledger::routing::{Endpoint as _, Undelivered};
use serde_json::Value;

use super::records::{batch, checkpoint, events, test};
use super::{Received, ReceivingEnd, Site, battery, elements};
use crate::harness::{Clients, HttpAnswer, HttpRequest, HttpsServer, now};

const TOKEN: &str = "hunter2-bearer-token";
const API_KEY: &str = "hunter2-api-key";
const SIGNING_KEY: [u8; 32] = *b"a signing key of thirty-two byte";

/// A server that checks what it is sent, and keeps it.
pub(crate) struct Hooks {
    server: HttpsServer,
    client: Issued,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    taken: Mutex<Vec<HttpRequest>>,
    /// What it answers, if not the truth.
    refusal: AtomicU16,
}

impl Shared {
    fn answer(&self, request: &HttpRequest) -> HttpAnswer {
        // The worst that a receiver may do to our secrets: it sends them back.
        let echo = format!("{:?}", request.headers);
        let refusal = self.refusal.load(Ordering::SeqCst);
        if refusal != 0 {
            return HttpAnswer::new(refusal, echo);
        }
        let authentic = request.header("authorization") == format!("Bearer {TOKEN}")
            && request.header("x-api-key") == API_KEY
            && request.header("webhook-signature") == signature(request);
        if !authentic {
            return HttpAnswer::new(401, echo);
        }
        self.taken.lock().expect("requests").push(request.clone());
        HttpAnswer::new(204, "")
    }
}

/// What Standard Webhooks says that the signature has to be.
fn signature(request: &HttpRequest) -> String {
    let head = format!(
        "{}.{}.",
        request.header("webhook-id"),
        request.header("webhook-timestamp")
    );
    let key = hmac::Key::new(hmac::HMAC_SHA256, &SIGNING_KEY);
    let code = hmac::sign(&key, &[head.as_bytes(), &request.body].concat());
    format!("v1,{}", BASE64.encode(code))
}

impl ReceivingEnd for Hooks {
    type Endpoint = WebhookEndpoint;

    fn start() -> Option<Self> {
        let shared = Arc::new(Shared::default());
        let keeping = Arc::clone(&shared);
        let server = HttpsServer::start(Clients::Certified, move |request| keeping.answer(request));
        Some(Self {
            client: server.client(),
            server,
            shared,
        })
    }

    fn endpoint(&self) -> WebhookEndpoint {
        let key = String::from_utf8(self.client.key_pem.expose().to_vec()).expect("PEM");
        let secret = |text: &str| Some(SecretText::new(text.to_owned()));
        WebhookEndpoint {
            signing_secret: secret(&format!("whsec_{}", BASE64.encode(SIGNING_KEY))),
            bearer_token: secret(TOKEN),
            secret_headers: [("X-Api-Key".to_owned(), SecretText::new(API_KEY.to_owned()))].into(),
            ca_certificate: Some(self.server.ca_pem()),
            client_certificate: Some(self.client.certificate_pem.clone()),
            client_key: secret(&key),
            timeout_seconds: 3,
            ..WebhookEndpoint::new(&format!("{}/hooks?of=keyledger", self.server.url()))
        }
    }

    fn received(&mut self) -> Vec<Received> {
        let taken = self.shared.taken.lock().expect("requests");
        let records = taken.iter().flat_map(|request| elements(&request.body));
        records.map(Received::of_json).collect()
    }

    fn stop(&mut self) {
        self.server.stop();
    }

    fn start_again(&mut self) {
        self.shared.refusal.store(0, Ordering::SeqCst);
        self.server.start_again();
    }

    fn fall_silent(&mut self) -> bool {
        self.server.fall_silent();
        true
    }

    fn refuse(&mut self) -> bool {
        self.shared.refusal.store(422, Ordering::SeqCst);
        true
    }

    fn wrong(&self) -> Vec<(&'static str, WebhookEndpoint)> {
        let right = self.endpoint();
        let wrong = |change: fn(&mut WebhookEndpoint)| {
            let mut endpoint = right.clone();
            change(&mut endpoint);
            endpoint
        };
        vec![
            (
                "url",
                wrong(|endpoint| endpoint.url = endpoint.url.replace("https", "http")),
            ),
            (
                "signing_secret",
                wrong(|endpoint| endpoint.signing_secret = endpoint.bearer_token.clone()),
            ),
            (
                "client_key",
                wrong(|endpoint| endpoint.client_key = endpoint.bearer_token.clone()),
            ),
            (
                "username",
                wrong(|endpoint| endpoint.password = endpoint.bearer_token.take()),
            ),
        ]
    }

    fn locked_out(&self) -> Option<WebhookEndpoint> {
        let other = SecretText::new(TOKEN.to_uppercase());
        Some(WebhookEndpoint {
            bearer_token: Some(other),
            ..self.endpoint()
        })
    }

    fn secrets(&self) -> Vec<String> {
        let mut endpoint = self.endpoint();
        let secrets = endpoint.secrets().into_iter();
        secrets
            .map(|(_, secret)| secret.expose().to_owned())
            .collect()
    }
}

battery!(Hooks);

/// What was refused, in the operator's words.
#[track_caller]
fn retried(outcome: Result<(), Undelivered>) -> String {
    match outcome {
        Err(Undelivered::Retry(reason)) => reason,
        other => panic!("it is to come again: {other:?}"),
    }
}

#[test]
fn a_request_says_whose_records_it_holds() {
    let mut site = Site::<Hooks>::start().expect("it starts");
    let mut mixed = events(3);
    mixed.records.push(checkpoint(7));
    site.deliver(&mixed).expect("delivered");
    site.deliver(&mixed).expect("delivered");
    let taken = site.end.shared.taken.lock().expect("requests");
    let (first, again) = (&taken[0], &taken[1]);
    assert_eq!(
        (first.method.as_str(), first.path.as_str()),
        ("POST", "/hooks?of=keyledger")
    );
    assert_eq!(first.header("keyledger-origin"), "node-1");
    assert_eq!(first.header("keyledger-epoch"), "1");
    let sequences = mixed
        .records
        .iter()
        .filter_map(|record| match record.content {
            keyledger::routing::Content::Event(sequence, _) => Some(sequence.0),
            _ => None,
        });
    let mut said = Vec::new();
    for range in first.header("keyledger-sequences").split(',') {
        let (from, to) = range.split_once('-').unwrap_or((range, range));
        let number = |text: &str| text.parse::<u64>().expect("a number");
        said.extend(number(from)..=number(to));
    }
    assert_eq!(said, sequences.collect::<Vec<_>>());
    assert_eq!(first.header("webhook-id"), again.header("webhook-id"));
    let sent: i64 = first.header("webhook-timestamp").parse().expect("seconds");
    assert!((now() - 600..=now()).contains(&sent), "{sent}");
}

#[test]
fn every_format_arrives_as_what_it_says_it_is() {
    let site = Site::<Hooks>::start().expect("it starts");
    let mut mixed = events(2);
    mixed.records.extend([checkpoint(7), test(1)]);
    for (format, content_type, requests) in [
        (Format::JsonArray, "application/json", 1),
        (Format::JsonLines, "application/x-ndjson", 1),
        (
            Format::CloudEvents,
            "application/cloudevents+json; charset=utf-8",
            4,
        ),
        (
            Format::CloudEventsBatch,
            "application/cloudevents-batch+json; charset=utf-8",
            1,
        ),
    ] {
        let endpoint = WebhookEndpoint {
            format,
            ..site.end.endpoint()
        };
        site.deliver_by(&endpoint, &mixed).expect("delivered");
        let taken = std::mem::take(&mut *site.end.shared.taken.lock().expect("requests"));
        assert_eq!(taken.len(), requests, "{format:?}");
        let mut records = Vec::new();
        for request in &taken {
            assert_eq!(request.header("content-type"), content_type);
            match format {
                Format::JsonArray | Format::CloudEventsBatch => {
                    records.extend(elements(&request.body))
                }
                Format::JsonLines => {
                    records.extend(request.body.split_inclusive(|byte| *byte == b'\n'))
                }
                Format::CloudEvents => records.push(&request.body),
            }
        }
        assert_eq!(records.len(), mixed.records.len(), "{format:?}");
        for (received, record) in records.iter().zip(&mixed.records) {
            let received: Value = serde_json::from_slice(received).expect("JSON");
            let sent: Value = serde_json::from_slice(&record.json).expect("JSON");
            let enveloped = matches!(format, Format::CloudEvents | Format::CloudEventsBatch);
            let (id, data) = if enveloped {
                (&received["id"], &received["data"])
            } else {
                (&Value::Null, &received)
            };
            assert_eq!(data, &sent);
            assert!(!enveloped || *id == record.id());
        }
    }
}

#[test]
fn nobody_is_trusted_but_the_given_ca_and_for_its_own_name() {
    let site = Site::<Hooks>::start().expect("it starts");
    let stranger = HttpsServer::start(Clients::All, |_| HttpAnswer::new(200, ""));
    let mut endpoint = site.end.endpoint();
    endpoint.ca_certificate = Some(stranger.ca_pem());
    let reason = retried(site.deliver_by(&endpoint, &events(1)));
    assert!(reason.contains("invalid peer certificate"), "{reason}");
    let mut endpoint = site.end.endpoint();
    endpoint.url = endpoint.url.replace("127.0.0.1", "localhost");
    let reason = retried(site.deliver_by(&endpoint, &events(1)));
    assert!(
        reason.contains("certificate not valid for name"),
        "{reason}"
    );
    let mut endpoint = site.end.endpoint();
    (endpoint.client_certificate, endpoint.client_key) = (None, None);
    let reason = retried(site.deliver_by(&endpoint, &events(1)));
    assert!(reason.to_lowercase().contains("certificate"), "{reason}");
    assert!(site.end.shared.taken.lock().expect("requests").is_empty());
}

#[test]
fn redirects_are_not_followed_and_answers_not_read_to_their_end() {
    let led = Arc::new(Mutex::new(Vec::new()));
    let paths = Arc::clone(&led);
    let server = HttpsServer::start(Clients::All, move |request| {
        paths.lock().expect("paths").push(request.path.clone());
        if request.path == "/endless" {
            return HttpAnswer::endless(500);
        }
        let mut answer = HttpAnswer::new(307, "");
        answer
            .headers
            .push(("location".to_owned(), "/elsewhere?token=hunter2".to_owned()));
        answer
    });
    let site = Site::<Hooks>::start().expect("it starts");
    let endpoint = |path: &str| WebhookEndpoint {
        ca_certificate: Some(server.ca_pem()),
        ..WebhookEndpoint::new(&format!("{}{path}", server.url()))
    };
    let reason = retried(site.deliver_by(&endpoint("/moved"), &events(1)));
    assert!(
        reason.contains("redirects are not followed") && !reason.contains("hunter2"),
        "{reason}"
    );
    let reason = retried(site.deliver_by(&endpoint("/endless"), &events(1)));
    assert!(reason.contains("answered 500"), "{reason}");
    assert!(reason.len() < 300, "{reason}");
    assert_eq!(*led.lock().expect("paths"), ["/moved", "/endless"]);
}

#[test]
fn an_address_without_tls_works_where_it_is_asked_for() {
    let site = Site::<Hooks>::start().expect("it starts");
    let bodies = Arc::new(Mutex::new(Vec::new()));
    let keeping = Arc::clone(&bodies);
    let server = HttpsServer::start(Clients::Plain, move |request| {
        keeping.lock().expect("bodies").push(request.body.clone());
        HttpAnswer::new(200, "thank you")
    });
    let mut endpoint = WebhookEndpoint::new(&server.url());
    assert_eq!(endpoint.check().expect_err("no TLS").field, "url");
    endpoint.insecure = true;
    let one = batch(vec![test(5)]);
    site.deliver_by(&endpoint, &one).expect("delivered");
    assert_eq!(
        elements(&bodies.lock().expect("bodies")[0]),
        [one.records[0].json.as_slice()]
    );
}

#[test]
fn a_receiver_that_asks_for_time_says_how_long() {
    let site = Site::<Hooks>::start().expect("it starts");
    let busy = HttpsServer::start(Clients::All, |request| HttpAnswer {
        headers: vec![("retry-after".to_owned(), "7".to_owned())],
        ..HttpAnswer::new(if request.path == "/busy" { 429 } else { 422 }, "")
    });
    let endpoint = |path: &str| WebhookEndpoint {
        ca_certificate: Some(busy.ca_pem()),
        ..WebhookEndpoint::new(&format!("{}{path}", busy.url()))
    };
    let outcome = site.deliver_by(&endpoint("/busy"), &events(1));
    let seven = Duration::from_secs(7);
    assert!(
        matches!(&outcome, Err(Undelivered::RetryAfter(_, wait)) if *wait == seven),
        "{outcome:?}"
    );
    // What is refused for good is not asked for again at all.
    let outcome = site.deliver_by(&endpoint("/refused"), &events(1));
    assert!(matches!(outcome, Err(Undelivered::Park(_))), "{outcome:?}");
}
