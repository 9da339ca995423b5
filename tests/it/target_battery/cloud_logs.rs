//! IBM Cloud Logs: an HTTPS server that gives out tokens, lets nobody in without one, and checks each entry.

use std::sync::atomic::{AtomicU16, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use keyledger::crypto::SecretText;
use keyledger::domain::{Clock as _, SystemClock};
use keyledger::routing::Undelivered;
use keyledger::routing::targets::cloud_logs::{CloudLogsEndpoint, LateEvents};
use serde_json::{Value, json};

use super::records::events;
use super::{Received, ReceivingEnd, Site, battery, elements};
use crate::harness::{Clients, HttpAnswer, HttpRequest, HttpsServer};

const API_KEY: &str = "hunter2 api+key/of=a&service";
/// The same as a browser would send it in a form.
const API_KEY_IN_FORM: &str = "hunter2+api%2Bkey%2Fof%3Da%26service";
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// Both services.
pub(crate) struct Logs {
    server: HttpsServer,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    taken: Mutex<Vec<Vec<u8>>>,
    /// Tokens given out; only the last is good.
    tokens: AtomicU32,
    /// What it answers to entries, if not the truth.
    refusal: AtomicU16,
}

impl Shared {
    /// Tokens look like this.
    fn token(&self) -> String {
        format!("hunter2-token-{}", self.tokens.load(Ordering::SeqCst))
    }

    fn answer(&self, request: &HttpRequest) -> HttpAnswer {
        match (request.method.as_str(), request.path.as_str()) {
            ("POST", "/iam/identity/token") => self.give_token(request),
            ("POST", "/in/logs/v1/singles") => self.take(request),
            _ => HttpAnswer::new(404, request.path.clone()),
        }
    }

    fn give_token(&self, request: &HttpRequest) -> HttpAnswer {
        let expected = format!(
            "grant_type=urn%3Aibm%3Aparams%3Aoauth%3Agrant-type%3Aapikey&apikey={API_KEY_IN_FORM}"
        );
        let form = request.header("content-type") == "application/x-www-form-urlencoded";
        if !form || request.body != expected.as_bytes() {
            // So answers the real one.
            let error = json!({"errorCode": "BXNIM0415E", "errorMessage": "Provided API key could not be found."});
            return HttpAnswer::new(400, error.to_string());
        }
        self.tokens.fetch_add(1, Ordering::SeqCst);
        let token = json!({"access_token": self.token(), "token_type": "Bearer", "expires_in": 3600, "expiration": 1});
        HttpAnswer::new(200, token.to_string())
    }

    fn take(&self, request: &HttpRequest) -> HttpAnswer {
        // The worst that a service may do to our secrets: it sends them back.
        let echo = format!("{:?}", request.headers);
        if request.header("authorization") != format!("Bearer {}", self.token()) {
            return HttpAnswer::new(401, echo);
        }
        let refusal = self.refusal.load(Ordering::SeqCst);
        if refusal != 0 {
            return HttpAnswer::new(refusal, echo);
        }
        let entries: Vec<Value> = serde_json::from_slice(&request.body).expect("JSON");
        let recent = |entry: &Value| {
            let timestamp = entry["timestamp"].as_i64().expect("milliseconds");
            SystemClock.now_ms() - timestamp < DAY_MS
        };
        let described = |entry: &Value| {
            entry["applicationName"] == "ibm-audit-event"
                && entry["subsystemName"].as_str().is_some()
                && entry["severity"]
                    .as_u64()
                    .is_some_and(|severity| (1..=6).contains(&severity))
                && entry["text"].is_object()
        };
        if request.body.len() > 2_000_000
            || !entries
                .iter()
                .all(|entry| recent(entry) && described(entry))
        {
            return HttpAnswer::new(400, "an entry is wrong");
        }
        self.taken
            .lock()
            .expect("requests")
            .push(request.body.clone());
        HttpAnswer::new(200, "{}")
    }
}

impl ReceivingEnd for Logs {
    type Endpoint = CloudLogsEndpoint;

    fn start() -> Option<Self> {
        let shared = Arc::new(Shared::default());
        let keeping = Arc::clone(&shared);
        let server = HttpsServer::start(Clients::All, move |request| keeping.answer(request));
        Some(Self { server, shared })
    }

    fn endpoint(&self) -> CloudLogsEndpoint {
        CloudLogsEndpoint {
            endpoint: format!("{}/in", self.server.url()),
            target_crn: None,
            iam_endpoint: format!("{}/iam/", self.server.url()),
            api_key: SecretText::new(API_KEY.to_owned()),
            late_events: LateEvents::default(),
            ca_certificate: Some(self.server.ca_pem()),
            insecure: false,
            timeout_seconds: 3,
        }
    }

    fn received(&mut self) -> Vec<Received> {
        let taken = self.shared.taken.lock().expect("requests");
        let entries = taken.iter().flat_map(|body| elements(body));
        let records = entries.map(|entry| {
            let entry = std::str::from_utf8(entry).expect("text");
            let (_, text) = entry.split_once(",\"text\":").expect("a record");
            let text = text.strip_suffix('}').expect("an end");
            Received::of_json(text.as_bytes())
        });
        records.collect()
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
        self.shared.refusal.store(400, Ordering::SeqCst);
        true
    }

    fn wrong(&self) -> Vec<(&'static str, CloudLogsEndpoint)> {
        let right = self.endpoint();
        let plain = CloudLogsEndpoint {
            endpoint: right.endpoint.replace("https", "http"),
            ..right.clone()
        };
        let nowhere = CloudLogsEndpoint {
            iam_endpoint: "iam".to_owned(),
            ..right.clone()
        };
        let keyless = CloudLogsEndpoint {
            api_key: SecretText::default(),
            ..right
        };
        vec![
            ("endpoint", plain),
            ("iam_endpoint", nowhere),
            ("api_key", keyless),
        ]
    }

    fn locked_out(&self) -> Option<CloudLogsEndpoint> {
        Some(CloudLogsEndpoint {
            api_key: SecretText::new("hunter3".to_owned()),
            ..self.endpoint()
        })
    }

    fn secrets(&self) -> Vec<String> {
        vec![API_KEY.to_owned()]
    }
}

battery!(Logs);

#[test]
fn a_token_serves_until_it_is_taken_back() {
    let mut site = Site::<Logs>::start().expect("it starts");
    let shared = Arc::clone(&site.end.shared);
    for _ in 0..3 {
        site.deliver(&events(1)).expect("delivered");
    }
    assert_eq!(shared.tokens.load(Ordering::SeqCst), 1);
    // Another user of the key: the token that we hold is no longer the last.
    shared.tokens.fetch_add(1, Ordering::SeqCst);
    let batch = events(1);
    let Err(Undelivered::Retry(reason)) = site.deliver(&batch) else {
        panic!("it is to come again");
    };
    assert!(reason.contains("answered 401"), "{reason}");
    assert!(!reason.contains("hunter2"), "{reason}");
    site.deliver(&batch).expect("delivered under a new token");
    assert_eq!(shared.tokens.load(Ordering::SeqCst), 3);
    assert_eq!(shared.taken.lock().expect("requests").len(), 4);
}

#[test]
fn an_event_of_yesterday_is_parked_or_filed_now_as_the_endpoint_says() {
    use keyledger::routing::Content;

    let mut site = Site::<Logs>::start().expect("it starts");
    let mut late = events(2);
    let record = &mut late.records[0];
    let Content::Event(sequence, event) = &record.content else {
        panic!("an event");
    };
    let mut old = (**event).clone();
    old.time_ms -= DAY_MS;
    record.json.clear();
    old.write_json(&mut record.json);
    record.content = Content::Event(*sequence, Arc::new(old));
    assert!(matches!(site.deliver(&late), Err(Undelivered::Park(_))));
    assert!(site.end.received().is_empty());
    let endpoint = CloudLogsEndpoint {
        late_events: LateEvents::FileNow,
        ..site.end.endpoint()
    };
    site.deliver_by(&endpoint, &late).expect("delivered");
    let received = site.end.received();
    assert_eq!(
        received[0].json, late.records[0].json,
        "its own time stands in it"
    );
    assert_eq!(received.len(), 2);
}
