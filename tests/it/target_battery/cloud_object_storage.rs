//! Buckets: an S3 server of another make, which checks signatures, behind TLS of our own.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use keyledger::crypto::SecretText;
use keyledger::routing::targets::cloud_object_storage::CloudObjectStorageEndpoint;
use keyledger::routing::{Batch, Endpoint as _, Undelivered};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::records::{batch, checkpoint, events, test};
use super::{Received, ReceivingEnd, Site, battery};
use crate::harness::{Clients, HttpAnswer, HttpRequest, HttpsServer, skipped};

/// The server that all tests of a run share, each with a bucket of its own. It ends with the run, when its input does.
struct S3 {
    _child: Child,
    pipes: Mutex<(ChildStdin, BufReader<ChildStdout>)>,
    ready: Ready,
}

/// What it says when it is ready.
#[derive(Deserialize)]
struct Ready {
    port: u16,
    id: String,
    secret: String,
}

#[derive(Debug, Deserialize)]
struct Object {
    key: String,
    r#type: String,
    metadata: BTreeMap<String, String>,
    text: String,
}

impl S3 {
    fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<Option<S3>> = OnceLock::new();
        SHARED.get_or_init(Self::start).as_ref()
    }

    fn start() -> Option<Self> {
        let python = std::env::var_os("KEYLEDGER_TEST_S3_PYTHON")?;
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop/s3_server.py");
        let mut child = Command::new(python)
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("Python runs");
        let stdin = child.stdin.take().expect("a pipe");
        let mut stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("a line");
        Some(Self {
            _child: child,
            pipes: Mutex::new((stdin, stdout)),
            ready: serde_json::from_str(&line).expect("it is ready"),
        })
    }

    /// All objects of a bucket, in the order of their names.
    fn objects(&self, bucket: &str) -> Vec<Object> {
        let mut pipes = self.pipes.lock().expect("no test failed in here");
        let (stdin, stdout) = &mut *pipes;
        writeln!(stdin, "{bucket}").expect("it listens");
        let mut line = String::new();
        stdout.read_line(&mut line).expect("a line");
        serde_json::from_str(&line).expect("objects")
    }
}

/// Passes a request on to the server, as it came.
fn pass_on(port: u16, request: &HttpRequest) -> HttpAnswer {
    let HttpRequest {
        method,
        path,
        headers,
        body,
    } = request;
    let mut bytes = format!("{method} {path} HTTP/1.1\r\nconnection: close\r\n").into_bytes();
    for (name, value) in headers {
        bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(body);
    let mut socket = TcpStream::connect(("127.0.0.1", port)).expect("the server");
    socket.write_all(&bytes).expect("it reads");
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).expect("it answers");
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
    let (head, body) = answer.split_at(end.expect("a head") + 4);
    let head = String::from_utf8_lossy(head);
    let status = head.get(9..12).and_then(|status| status.parse().ok());
    let headers = head
        .lines()
        .skip(1)
        .filter_map(|line| line.split_once(": "));
    let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()));
    // What is said of the body is ours to say, unless there is none.
    let kept = headers.filter(|(name, _)| match name.as_str() {
        "content-length" => method == "HEAD",
        name => name != "connection",
    });
    HttpAnswer {
        status: status.expect("a status"),
        headers: kept.collect(),
        body: body.to_vec(),
    }
}

/// A bucket of one test.
pub(crate) struct Bucket {
    s3: &'static S3,
    door: HttpsServer,
    name: String,
}

impl Bucket {
    fn objects(&self) -> Vec<Object> {
        self.s3.objects(&self.name)
    }
}

impl ReceivingEnd for Bucket {
    type Endpoint = CloudObjectStorageEndpoint;
    const KINDS_APART: bool = true;

    fn start() -> Option<Self> {
        static GIVEN: AtomicU32 = AtomicU32::new(0);
        let Some(s3) = S3::shared() else {
            skipped("KEYLEDGER_TEST_S3_PYTHON names no Python with moto");
            return None;
        };
        let port = s3.ready.port;
        Some(Self {
            s3,
            door: HttpsServer::start(Clients::All, move |request| {
                let digest = BASE64.encode(Sha256::digest(&request.body));
                if request.method == "PUT" && request.header("x-amz-checksum-sha256") != digest {
                    // So do buckets with locks.
                    return HttpAnswer::new(400, "<Error><Code>InvalidRequest</Code></Error>");
                }
                pass_on(port, request)
            }),
            name: format!("bucket-{}", GIVEN.fetch_add(1, Ordering::SeqCst)),
        })
    }

    fn endpoint(&self) -> CloudObjectStorageEndpoint {
        CloudObjectStorageEndpoint {
            endpoint: self.door.url(),
            target_crn: None,
            bucket: self.name.clone(),
            region: None,
            checksum: true,
            conditional: true,
            linger_seconds: 0,
            access_key_id: self.s3.ready.id.clone(),
            secret_access_key: SecretText::new(self.s3.ready.secret.clone()),
            ca_certificate: Some(self.door.ca_pem()),
            insecure: false,
            timeout_seconds: 5,
        }
    }

    fn received(&mut self) -> Vec<Received> {
        let objects = self.objects();
        let lines = objects.iter().flat_map(|object| object.text.lines());
        lines
            .map(|line| Received::of_json(line.as_bytes()))
            .collect()
    }

    fn stop(&mut self) {
        self.door.stop();
    }

    fn start_again(&mut self) {
        self.door.start_again();
    }

    fn fall_silent(&mut self) -> bool {
        self.door.fall_silent();
        true
    }

    fn wrong(&self) -> Vec<(&'static str, CloudObjectStorageEndpoint)> {
        let right = self.endpoint();
        let plain = CloudObjectStorageEndpoint {
            endpoint: right.endpoint.replace("https", "http"),
            ..right.clone()
        };
        let bucket = CloudObjectStorageEndpoint {
            bucket: "Audit/Bucket".to_owned(),
            ..right.clone()
        };
        let keyless = CloudObjectStorageEndpoint {
            secret_access_key: SecretText::default(),
            ..right
        };
        vec![
            ("endpoint", plain),
            ("bucket", bucket),
            ("secret_access_key", keyless),
        ]
    }

    fn locked_out(&self) -> Option<CloudObjectStorageEndpoint> {
        let other = self.s3.ready.secret.chars().rev().collect();
        Some(CloudObjectStorageEndpoint {
            secret_access_key: SecretText::new(other),
            ..self.endpoint()
        })
    }

    fn secrets(&self) -> Vec<String> {
        vec![self.s3.ready.secret.clone()]
    }
}

battery!(Bucket);

#[test]
fn objects_are_named_and_described_as_documented() {
    let Some(mut site) = Site::<Bucket>::start() else {
        return;
    };
    let mut mixed = events(3);
    mixed.records.push(checkpoint(7));
    mixed.records.extend(batch(vec![test(1), test(2)]).records);
    for _ in 0..2 {
        site.deliver(&mixed).expect("delivered");
    }
    let objects = site.end.objects();
    let keys: Vec<&str> = objects.iter().map(|object| object.key.as_str()).collect();
    let id = mixed.records[0].id();
    let (first, rest) = keys.split_first().expect("objects");
    let account = "0".repeat(32);
    let place = first.strip_prefix(&format!("{account}/eu-de/"));
    let (hour, name) = place
        .and_then(|place| place.split_once('/'))
        .expect("a place");
    assert_eq!(hour.len(), "2026-11-23T12".len(), "{first}");
    assert!(name.starts_with(&format!("{hour}:")), "{first}");
    assert_eq!(&name[16..17], "+", "{first}");
    assert_eq!(&name[19..], format!("_{id}.log"), "{first}");
    assert_eq!(
        rest,
        [
            "checkpoints/node-1_1/00000000000000000007.log",
            "tests/node-1/1.log",
            "tests/node-1/2.log"
        ]
    );
    let object = &objects[0];
    assert_eq!(object.r#type, "application/x-ndjson");
    assert_eq!(object.metadata["keyledger-origin"], "node-1");
    assert_eq!(object.metadata["keyledger-epoch"], "1");
    assert!(!object.metadata["keyledger-sequences"].is_empty());
    assert_eq!(object.metadata["keyledger-records"], "3");
    let digest = hex::encode(Sha256::digest(&object.text));
    assert_eq!(object.metadata["keyledger-sha256"], digest);
}

#[test]
fn what_the_service_says_is_told_and_comes_again() {
    let Some(site) = Site::<Bucket>::start() else {
        return;
    };
    let endpoint = CloudObjectStorageEndpoint {
        bucket: "no-such-bucket".to_owned(),
        ..site.end.endpoint()
    };
    let Err(Undelivered::Retry(reason)) = site.deliver_by(&endpoint, &events(1)) else {
        panic!("it is to come again");
    };
    let start = "bucket no-such-bucket of 127.0.0.1: NoSuchBucket: ";
    assert!(reason.starts_with(start), "{reason}");
    let stranger = HttpsServer::start(Clients::All, |_| HttpAnswer::new(200, ""));
    let endpoint = CloudObjectStorageEndpoint {
        ca_certificate: Some(stranger.ca_pem()),
        ..site.end.endpoint()
    };
    let Err(Undelivered::Retry(reason)) = site.deliver_by(&endpoint, &events(1)) else {
        panic!("it is to come again");
    };
    assert!(reason.contains("invalid peer certificate"), "{reason}");
    assert!(site.end.objects().is_empty());
}

#[test]
fn answers_are_not_read_to_their_end() {
    let Some(site) = Site::<Bucket>::start() else {
        return;
    };
    let endless = HttpsServer::start(Clients::All, |_| HttpAnswer::endless(500));
    let endpoint = CloudObjectStorageEndpoint {
        endpoint: endless.url(),
        ca_certificate: Some(endless.ca_pem()),
        ..site.end.endpoint()
    };
    let Err(Undelivered::Retry(reason)) = site.deliver_by(&endpoint, &events(1)) else {
        panic!("it is to come again");
    };
    assert!(reason.contains("length limit exceeded"), "{reason}");
}

#[test]
fn a_service_without_tls_and_checksums_works_where_it_is_asked_for() {
    let Some(site) = Site::<Bucket>::start() else {
        return;
    };
    let port = site.end.s3.ready.port;
    let simple = HttpsServer::start(Clients::Plain, move |request| {
        // So do services that do not know the header.
        match request.header("x-amz-checksum-sha256") {
            "" => pass_on(port, request),
            _ => HttpAnswer::new(400, "<Error><Code>InvalidRequest</Code></Error>"),
        }
    });
    let mut endpoint = site.end.endpoint();
    (endpoint.endpoint, endpoint.checksum) = (simple.url(), false);
    assert_eq!(endpoint.check().expect_err("no TLS").field, "endpoint");
    endpoint.insecure = true;
    endpoint.check().expect("it is asked for");
    site.deliver_by(&endpoint, &events(2)).expect("delivered");
    assert_eq!(site.end.objects().len(), 1);
}

#[test]
fn a_bucket_that_keeps_its_objects_for_good_gets_what_it_lacks() {
    let Some(site) = Site::<Bucket>::start() else {
        return;
    };
    let port = site.end.s3.ready.port;
    let written = Mutex::new(BTreeSet::new());
    let lost = Arc::new(AtomicBool::new(true));
    let losing = Arc::clone(&lost);
    let keeping = HttpsServer::start(Clients::All, move |request| {
        let new = |path: &String| written.lock().expect("paths").insert(path.clone());
        if request.method == "PUT" && !new(&request.path) {
            let refusal =
                "<Error><Code>AccessDenied</Code><Message>It is kept for good.</Message></Error>";
            return HttpAnswer::new(403, refusal);
        }
        let answer = pass_on(port, request);
        if losing.load(Ordering::SeqCst) {
            return HttpAnswer::new(500, "lost");
        }
        answer
    });
    let endpoint = CloudObjectStorageEndpoint {
        endpoint: keeping.url(),
        ca_certificate: Some(keeping.ca_pem()),
        ..site.end.endpoint()
    };
    let mut grown = events(2);
    let outcome = site.deliver_by(&endpoint, &grown);
    assert!(matches!(outcome, Err(Undelivered::Retry(_))), "{outcome:?}");
    lost.store(false, Ordering::SeqCst);
    let begun = grown.clone();
    grown.records.extend(events(3).records);
    for batch in [&grown, &begun, &grown] {
        site.deliver_by(&endpoint, batch)
            .expect("what is there counts, what is not is written");
    }
    let objects = site.end.objects();
    let lines = objects.iter().flat_map(|object| object.text.lines());
    let lines: Vec<_> = lines.map(str::as_bytes).collect();
    let sent = grown.records.iter().map(|record| record.json.as_slice());
    assert_eq!(lines, sent.collect::<Vec<_>>());
    assert_eq!(objects.len(), 2);
    // What is there under this name is something else.
    let other = put_back(&begun);
    for _ in 0..2 {
        site.deliver_by(&endpoint, &other).expect("delivered");
    }
    assert_eq!(site.end.objects().len(), 3);
}

/// A batch that begins with the first event of another, as after its database was put back, and goes on with others.
fn put_back(batch: &Batch) -> Batch {
    let mut other = events(3);
    other.records[0] = batch.records[0].clone();
    other
}

/// The contents of all objects of a bucket, sorted.
fn contents(site: &Site<Bucket>) -> Vec<String> {
    let objects = site.end.objects();
    let mut contents: Vec<_> = objects.into_iter().map(|object| object.text).collect();
    contents.sort();
    contents
}

fn lines(batch: &Batch) -> String {
    let records = batch.records.iter();
    let lines = records.flat_map(|record| [&record.json[..], b"\n"].concat());
    String::from_utf8(lines.collect()).expect("JSON")
}

#[test]
fn nothing_in_a_bucket_is_replaced_by_what_a_database_that_was_put_back_gives() {
    let Some(site) = Site::<Bucket>::start() else {
        return;
    };
    let port = site.end.s3.ready.port;
    // A service that does not know the header, and one of which we may only write.
    let simple = HttpsServer::start(Clients::All, move |request| {
        match request.header("if-none-match") {
            "" => pass_on(port, request),
            _ => HttpAnswer::new(501, "<Error><Code>NotImplemented</Code></Error>"),
        }
    });
    let hiding = HttpsServer::start(Clients::All, move |request| match &*request.method {
        "HEAD" => HttpAnswer::new(403, ""),
        _ => pass_on(port, request),
    });
    let by = |door: &HttpsServer, conditional| CloudObjectStorageEndpoint {
        endpoint: door.url(),
        ca_certificate: Some(door.ca_pem()),
        conditional,
        ..site.end.endpoint()
    };
    let mut expected = Vec::new();
    for endpoint in [site.end.endpoint(), by(&simple, false), by(&hiding, true)] {
        let first = events(3);
        let other = put_back(&first);
        for batch in [&first, &other, &other] {
            site.deliver_by(&endpoint, batch).expect("delivered");
        }
        expected.extend([lines(&first), lines(&other)]);
        expected.sort();
        assert_eq!(contents(&site), expected);
    }
    let outcome = site.deliver_by(&by(&simple, true), &events(1));
    assert!(
        matches!(&outcome, Err(Undelivered::Retry(reason)) if reason.ends_with("NotImplemented")),
        "{outcome:?}"
    );
}

#[test]
fn a_service_that_asks_for_time_says_how_long() {
    let Some(site) = Site::<Bucket>::start() else {
        return;
    };
    let busy = HttpsServer::start(Clients::All, |_| HttpAnswer {
        headers: vec![("retry-after".to_owned(), "7".to_owned())],
        ..HttpAnswer::new(503, "<Error><Code>SlowDown</Code></Error>")
    });
    let endpoint = CloudObjectStorageEndpoint {
        endpoint: busy.url(),
        ca_certificate: Some(busy.ca_pem()),
        ..site.end.endpoint()
    };
    let Err(Undelivered::RetryAfter(reason, wait)) = site.deliver_by(&endpoint, &events(1)) else {
        panic!("it is to come again");
    };
    assert_eq!(wait, Duration::from_secs(7));
    assert!(reason.ends_with("SlowDown"), "{reason}");
}
