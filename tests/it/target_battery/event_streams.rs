//! Event Streams: the mock brokers of librdkafka behind TLS and SASL, read by librdkafka's own consumer. What they are: `tests/interop/kafka.py`.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use keyledger::audit::{Data, Event};
use keyledger::crypto::{Authority, KeyKind, SecretText};
use keyledger::routing::targets::event_streams::EventStreamsEndpoint;
use keyledger::routing::{Batch, Content, Record, Undelivered};
use serde::Deserialize;
use serde_json::Value;
use tempfile::TempDir;

use super::checks::deliver_at_last;
use super::records::{batch, checkpoint, event, events};
use super::{Received, ReceivingEnd, Site, battery};
use crate::harness::{fresh_directory, kept_port, now, skipped};

const BROKERS: usize = 3;
const TOPIC: &str = "audit-events";
const API_KEY: &str = "hunter2-api-key";
/// What brokers answer (Apache Kafka's error codes).
const NOT_LEADER: u32 = 6;
const MESSAGE_TOO_LARGE: u32 = 10;
const NOT_ENOUGH_REPLICAS: u32 = 19;

/// Three brokers, and a topic.
pub(crate) struct Brokers {
    authority: Authority,
    addresses: Vec<String>,
    process: Child,
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
    _directory: TempDir,
}

/// A record as the consumer read it.
#[derive(Debug, Deserialize)]
struct Consumed {
    partition: i32,
    time: i64,
    key: String,
    headers: BTreeMap<String, String>,
    value: String,
}

impl Consumed {
    fn json(&self) -> Vec<u8> {
        BASE64.decode(&self.value).expect("Base64")
    }
}

impl Brokers {
    fn start_with(partitions: u32) -> Option<Self> {
        let Some(python) = std::env::var_os("KEYLEDGER_TEST_KAFKA") else {
            skipped("KEYLEDGER_TEST_KAFKA names no Python with confluent-kafka");
            return None;
        };
        let directory = fresh_directory();
        let kind = KeyKind::EcdsaP256;
        let authority = Authority::create("CA of a test", now(), 10, kind).expect("a CA");
        let names = ["127.0.0.1".to_owned()];
        let issued = authority
            .issue_server(&names, kind, now(), 10)
            .expect("a certificate");
        let file = |name: &str, content: &[u8]| {
            let path = directory.path().join(name);
            fs::write(&path, content).expect("a file");
            path
        };
        let mut command = Command::new(python);
        command.arg(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/interop/kafka.py"
        ));
        command.arg(file("server.pem", issued.certificate_pem.as_bytes()));
        command.arg(file("server.key", issued.key_pem.expose()));
        command.arg(file("ca.pem", authority.certificate_pem().as_bytes()));
        command.args([API_KEY, TOPIC, &partitions.to_string()]);
        command.args([(); BROKERS].map(|()| kept_port().to_string()));
        let log = fs::File::create(directory.path().join("log")).expect("a file");
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log);
        let mut process = command.spawn().expect("Python runs");
        let mut end = Self {
            authority,
            addresses: Vec::new(),
            commands: process.stdin.take().expect("piped"),
            answers: BufReader::new(process.stdout.take().expect("piped")),
            process,
            _directory: directory,
        };
        end.addresses = serde_json::from_value(end.answer()).expect("addresses");
        Some(end)
    }

    fn answer(&mut self) -> Value {
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("a line");
        serde_json::from_str(&line).expect("the brokers answer")
    }

    fn ask(&mut self, command: &str) -> Value {
        writeln!(self.commands, "{command}").expect("they listen");
        self.answer()
    }

    fn consumed(&mut self) -> Vec<Consumed> {
        serde_json::from_value(self.ask("received")).expect("records")
    }
}

impl Drop for Brokers {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

impl ReceivingEnd for Brokers {
    type Endpoint = EventStreamsEndpoint;

    /// With one partition, since only there all records have one order.
    fn start() -> Option<Self> {
        Self::start_with(1)
    }

    fn endpoint(&self) -> EventStreamsEndpoint {
        let mut endpoint = EventStreamsEndpoint::new(self.addresses.clone(), TOPIC);
        endpoint.api_key = Some(SecretText::new(API_KEY.to_owned()));
        endpoint.ca_certificate = Some(self.authority.certificate_pem());
        endpoint.timeout_seconds = 10;
        endpoint
    }

    fn received(&mut self) -> Vec<Received> {
        let record = |consumed: Consumed| {
            let kind = match consumed.headers["type"].as_str() {
                "audit" => "event",
                other => other,
            };
            Received {
                kind: kind.to_owned(),
                id: consumed.headers["id"].clone(),
                json: consumed.json(),
            }
        };
        self.consumed().into_iter().map(record).collect()
    }

    fn stop(&mut self) {
        self.ask("stop");
    }

    fn start_again(&mut self) {
        self.ask("start");
    }

    fn fall_silent(&mut self) -> bool {
        self.ask("silence");
        true
    }

    fn refuse(&mut self) -> bool {
        self.ask(&format!("refuse {MESSAGE_TOO_LARGE} 100"));
        true
    }

    fn wrong(&self) -> Vec<(&'static str, EventStreamsEndpoint)> {
        let right = self.endpoint();
        let none = EventStreamsEndpoint {
            brokers: Vec::new(),
            ..right.clone()
        };
        let spaced = EventStreamsEndpoint {
            topic: "audit events".to_owned(),
            ..right.clone()
        };
        let insecure = EventStreamsEndpoint {
            insecure: true,
            ..right.clone()
        };
        let endless = EventStreamsEndpoint {
            timeout_seconds: 3600,
            ..right
        };
        vec![
            ("brokers", none),
            ("topic", spaced),
            ("insecure", insecure),
            ("timeout_seconds", endless),
        ]
    }

    fn locked_out(&self) -> Option<EventStreamsEndpoint> {
        let mut endpoint = self.endpoint();
        endpoint.api_key = Some(SecretText::new("wrong".to_owned()));
        Some(endpoint)
    }

    fn secrets(&self) -> Vec<String> {
        vec![API_KEY.to_owned()]
    }
}

battery!(Brokers);

/// A new event about the key of another.
fn about_the_key_of(other: &Record) -> Record {
    let record = event(Data::new());
    let (Content::Event(sequence, event), Some(other)) = (&record.content, other.event()) else {
        panic!("events")
    };
    let mut event = Event::clone(event);
    event.target = other.target.clone();
    let mut json = Vec::new();
    event.write_json(&mut json);
    Record {
        content: Content::Event(*sequence, Arc::new(event)),
        json,
    }
}

/// A batch of so many rounds of events, each of one event of each key.
fn events_of_keys(keys: &Batch, rounds: usize) -> Batch {
    let all = keys
        .records
        .iter()
        .cycle()
        .take(rounds * keys.records.len());
    batch(all.map(about_the_key_of).collect())
}

#[test]
fn each_key_stays_in_order_in_the_partition_that_other_clients_choose() {
    let Some(end) = Brokers::start_with(4) else {
        return;
    };
    let mut site = Site::of(end);
    let keys = events(12);
    let batches = [events_of_keys(&keys, 3), events_of_keys(&keys, 2)];
    for batch in &batches {
        site.deliver(batch).expect("delivered");
    }
    let consumed = site.end.consumed();
    let sent = batches.iter().flat_map(|batch| &batch.records);
    let sent: HashMap<String, _> = sent.map(|record| (record.id(), record)).collect();
    assert_eq!(consumed.len(), sent.len());
    let mut last: HashMap<&str, (i32, u64)> = HashMap::new();
    for record in &consumed {
        let (sent, headers) = (sent[&record.headers["id"]], &record.headers);
        assert_eq!(record.json(), sent.json);
        let json: Value = serde_json::from_slice(&sent.json).expect("JSON");
        assert_eq!(record.key, json["target"]["id"].as_str().expect("a CRN"));
        assert_eq!(record.time, sent.event().expect("an event").time_ms);
        let expected = [
            ("type", "audit"),
            ("account", "00000000000000000000000000000000"),
            ("region", "eu-de"),
            ("location", "eu-de"),
            ("origin", "node-1"),
            ("epoch", "1"),
        ];
        for (name, value) in expected {
            assert_eq!(headers[name], value, "{name}");
        }
        let sequence = headers["sequence"].parse().expect("a number");
        if let Some((partition, before)) = last.insert(&record.key, (record.partition, sequence)) {
            assert_eq!(partition, record.partition, "a key has one partition");
            assert!(before < sequence, "{} is in order", record.key);
        }
    }
    let used: HashSet<_> = consumed.iter().map(|record| record.partition).collect();
    assert!(used.len() > 1, "keys are spread");
    let theirs = site.end.ask(&format!(
        "partitions {}",
        last.keys().copied().collect::<Vec<_>>().join(" ")
    ));
    let theirs: HashMap<String, i32> = serde_json::from_value(theirs).expect("partitions");
    for (key, (partition, _)) in last {
        assert_eq!(theirs[key], partition, "librdkafka puts {key} there too");
    }
}

#[test]
fn records_follow_the_leader() {
    let Some(end) = Brokers::start_with(2) else {
        return;
    };
    let mut site = Site::of(end);
    let batches = [events(6), events(6), events(6)];
    for (batch, broker) in batches.iter().zip([1, 2, 3]) {
        for partition in [0, 1] {
            site.end.ask(&format!("lead {partition} {broker}"));
        }
        deliver_at_last(&mut site, batch);
    }
    let mut consumed: Vec<_> = site
        .end
        .received()
        .into_iter()
        .map(|record| record.id)
        .collect();
    // A batch of which a part was taken before the leader was missed is repeated.
    let mut sent: Vec<_> = batches
        .iter()
        .flat_map(|batch| &batch.records)
        .map(Record::id)
        .collect();
    consumed.sort();
    consumed.dedup();
    sent.sort();
    assert_eq!(consumed, sent);
}

#[test]
fn what_a_broker_cannot_take_now_comes_again() {
    let Some(mut site) = Site::<Brokers>::start() else {
        return;
    };
    let next = events(1);
    for code in [NOT_LEADER, NOT_ENOUGH_REPLICAS] {
        site.end.ask(&format!("refuse {code} 1"));
        let outcome = site.deliver(&next);
        assert!(matches!(outcome, Err(Undelivered::Retry(_))), "{outcome:?}");
    }
    site.deliver(&next).expect("delivered");
    let mut elsewhere = site.end.endpoint();
    elsewhere.topic = "no-such-topic".to_owned();
    let outcome = site.deliver_by(&elsewhere, &next);
    assert!(
        matches!(&outcome, Err(Undelivered::Retry(reason)) if reason.contains("no-such-topic")),
        "{outcome:?}"
    );
    let mut distrusting = site.end.endpoint();
    distrusting.ca_certificate = Some(
        Authority::create("another CA", now(), 10, KeyKind::EcdsaP256)
            .expect("a CA")
            .certificate_pem(),
    );
    let outcome = site.deliver_by(&distrusting, &next);
    assert!(
        matches!(&outcome, Err(Undelivered::Retry(reason)) if reason.contains("certificate")),
        "{outcome:?}"
    );
    assert_eq!(site.end.consumed().len(), 1);
}

#[test]
fn a_checkpoint_is_written_after_all_that_it_seals() {
    let Some(end) = Brokers::start_with(4) else {
        return;
    };
    let mut site = Site::of(end);
    let mut mixed = events(8);
    mixed.records.push(checkpoint(8));
    // The events go to several partitions and the checkpoint's broker takes nothing before all of them have.
    site.end.ask(&format!("refuse {NOT_ENOUGH_REPLICAS} 1"));
    assert!(matches!(site.deliver(&mixed), Err(Undelivered::Retry(_))));
    let kinds: Vec<_> = site
        .end
        .received()
        .into_iter()
        .map(|record| record.kind)
        .collect();
    assert!(!kinds.contains(&"checkpoint".to_owned()), "{kinds:?}");
    site.deliver(&mixed).expect("delivered");
    let kinds = site
        .end
        .received()
        .into_iter()
        .filter(|record| record.kind == "checkpoint");
    assert_eq!(kinds.count(), 1);
}
