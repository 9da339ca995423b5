use std::io::Read as _;
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use super::message::{Facility, Header};
use super::{SyslogEndpoint, SyslogTarget};
use crate::audit::Target;
use crate::routing::targets::sample::{
    TIME_MS, batch, checkpoint, event, key, origin, surroundings, test,
};
use crate::routing::{Batch, Deliver as _, Endpoint as _, Record, Undelivered};

fn header() -> Header {
    Header {
        facility: Facility::Audit,
        hostname: "node-1".to_owned(),
        app_name: "keyledger".to_owned(),
        structured_data_id: "keyledger@32473".to_owned(),
    }
}

fn framed(record: &Record) -> String {
    let mut out = Vec::new();
    header().write_framed(&mut out, &origin(), record, TIME_MS + 1000);
    String::from_utf8(out).unwrap()
}

/// What stands before the text of the message, without the frame's length, which is checked.
fn before_text(record: &Record) -> String {
    let framed = framed(record);
    let (length, message) = framed.split_once(' ').unwrap();
    assert_eq!(length.parse(), Ok(message.len()));
    let json = String::from_utf8(record.json.clone()).unwrap();
    message.strip_suffix(&json).unwrap().to_owned()
}

#[test]
fn every_kind_of_record_is_a_message() {
    let fingerprint = "cd".repeat(32);
    let expected = format!(
        "<110>1 2026-11-23T12:00:01.239Z node-1 keyledger 3 event [keyledger@32473 id=\"01010101-0101-0101-0101-010101010101\" \
         origin=\"node-1\" epoch=\"3\" sequence=\"7\" action=\"vmware-solutions.kmip-key.read\" outcome=\"success\" severity=\"normal\" \
         reasonCode=\"200\" initiator=\"CertificateID-{fingerprint}\" initiatorName=\"vcenter\" \
         target=\"abababab-abab-abab-abab-abababababab\" instance=\"i1\" location=\"eu-de\" \
         correlationId=\"02020202-0202-0202-0202-020202020202\"] "
    );
    assert_eq!(before_text(&event(7, "vcenter", key(0xab))), expected);
    let expected = "<110>1 2026-11-23T12:00:02.239Z node-1 keyledger 3 checkpoint [keyledger@32473 id=\"checkpoint-9\" origin=\"node-1\" \
                    epoch=\"3\" size=\"9\"] ";
    assert_eq!(before_text(&checkpoint(9)), expected);
    let expected = format!(
        "<110>1 2026-11-23T12:00:01.239Z node-1 keyledger 3 test [keyledger@32473 id=\"test-{TIME_MS}\" origin=\"node-1\" epoch=\"3\"] "
    );
    assert_eq!(before_text(&test()), expected);
}

#[test]
fn values_are_escaped_and_hold_no_line_breaks() {
    let name = "a\"b\\c]d[e=f\ng\u{7f}h\u{85}";
    let message = before_text(&event(0, name, Target::Instance));
    assert!(
        message.contains("initiatorName=\"a\\\"b\\\\c\\]d[e=f g h \" instance"),
        "{message}"
    );
}

#[test]
fn text_beyond_ascii_is_marked_as_utf_8_and_only_that() {
    let message = before_text(&event(0, "Köln", key(1)));
    assert!(message.ends_with("] \u{feff}"), "{message}");
    assert!(before_text(&event(0, "Koeln", key(1))).ends_with("] "));
}

#[test]
fn facility_and_severity_make_the_priority() {
    let all = [
        (Facility::User, 14),
        (Facility::Daemon, 30),
        (Facility::Auth, 38),
        (Facility::Authpriv, 86),
        (Facility::Audit, 110),
        (Facility::Alert, 118),
        (Facility::Local0, 134),
        (Facility::Local1, 142),
        (Facility::Local2, 150),
        (Facility::Local3, 158),
        (Facility::Local4, 166),
        (Facility::Local5, 174),
        (Facility::Local6, 182),
        (Facility::Local7, 190),
    ];
    for (facility, priority) in all {
        let mut out = Vec::new();
        let header = Header {
            facility,
            ..header()
        };
        header.write_framed(&mut out, &origin(), &test(), 0);
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains(&format!(" <{priority}>1 ")), "{text}");
    }
}

type Change = fn(&mut SyslogEndpoint);

#[test]
fn wrong_fields_are_named() {
    let right = SyslogEndpoint::new("logs.example.com:6514");
    right.check().unwrap();
    SyslogEndpoint::new("[2001:db8::1]:6514").check().unwrap();
    for address in [
        "",
        "logs.example.com",
        "logs.example.com:0",
        ":6514",
        "2001:db8::1:6514",
        "[2001:db8::1:6514",
        "a b:1",
        "host:99999",
    ] {
        let error = SyslogEndpoint::new(address).check().unwrap_err();
        assert_eq!(error.field, "address", "{address}");
    }
    let cases: [(Change, &str); 8] = [
        (|it| it.hostname = Some(String::new()), "hostname"),
        (|it| it.app_name = "x".repeat(49), "app_name"),
        (
            |it| it.structured_data_id = "keyledger".to_owned(),
            "structured_data_id",
        ),
        (
            |it| it.structured_data_id = "key ledger@1".to_owned(),
            "structured_data_id",
        ),
        (
            |it| it.structured_data_id = "keyledger@me".to_owned(),
            "structured_data_id",
        ),
        (
            |it| it.structured_data_id = "a]b@1".to_owned(),
            "structured_data_id",
        ),
        (
            |it| it.ca_certificate = Some("none".to_owned()),
            "ca_certificate",
        ),
        (|it| it.timeout_seconds = 301, "timeout_seconds"),
    ];
    for (change, field) in cases {
        let mut wrong = right.clone();
        change(&mut wrong);
        assert_eq!(wrong.check().unwrap_err().field, field);
    }
}

/// A receiver without TLS, and what delivers to it.
fn receiver() -> (TcpListener, SyslogTarget) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut endpoint = SyslogEndpoint::new(&listener.local_addr().unwrap().to_string());
    endpoint.insecure = true;
    let target = endpoint.open(&surroundings()).unwrap();
    (listener, target)
}

fn bytes(batch: &Batch) -> Vec<u8> {
    let texts = batch.records.iter().map(framed);
    texts.collect::<String>().into_bytes()
}

fn read(socket: &mut TcpStream, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    socket.read_exact(&mut bytes).unwrap();
    bytes
}

fn one(sequence: u64) -> Batch {
    batch(vec![event(sequence, "vcenter", key(1))])
}

/// Waits until the other side's end has arrived. Says whether what was sent is in doubt.
async fn is_in_doubt_after_the_end(target: &mut SyslogTarget) -> bool {
    for _ in 0..3000 {
        target.connection = target.kept().await;
        if target.connection.is_none() {
            return target.is_in_doubt;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("waited in vain for the end of the connection");
}

#[tokio::test]
async fn what_may_be_lost_with_a_broken_connection_goes_first_on_the_next() {
    let (listener, mut target) = receiver();
    // All of them are on their way when the receiver ends.
    for sequence in 1..=3 {
        target.deliver(&one(sequence)).await.unwrap();
    }
    // Closed with unread bytes: the system answers with a reset.
    drop(listener.accept().unwrap());
    assert!(is_in_doubt_after_the_end(&mut target).await);
    target.deliver(&one(4)).await.unwrap();
    let (mut socket, _) = listener.accept().unwrap();
    let expected: Vec<_> = (1..=4).flat_map(|sequence| bytes(&one(sequence))).collect();
    assert_eq!(read(&mut socket, expected.len()), expected);
    // The connection is kept, and nothing comes twice on it.
    target.deliver(&one(5)).await.unwrap();
    assert_eq!(read(&mut socket, bytes(&one(5)).len()), bytes(&one(5)));
}

#[tokio::test]
async fn after_an_orderly_end_nothing_is_repeated() {
    let (listener, mut target) = receiver();
    target.deliver(&one(1)).await.unwrap();
    let (mut socket, _) = listener.accept().unwrap();
    assert_eq!(read(&mut socket, bytes(&one(1)).len()), bytes(&one(1)));
    drop(socket);
    assert!(!is_in_doubt_after_the_end(&mut target).await);
    target.deliver(&one(2)).await.unwrap();
    let (mut socket, _) = listener.accept().unwrap();
    assert_eq!(read(&mut socket, bytes(&one(2)).len()), bytes(&one(2)));
}

#[tokio::test]
async fn a_receiver_that_closes_at_once_has_taken_nothing() {
    let (listener, mut target) = receiver();
    let closing = thread::spawn(move || drop(listener.accept().unwrap()));
    let outcome = target.deliver(&one(1)).await;
    assert!(matches!(outcome, Err(Undelivered::Retry(_))), "{outcome:?}");
    closing.join().unwrap();
    let refused = target.deliver(&one(1)).await;
    assert!(
        matches!(&refused, Err(Undelivered::Retry(reason)) if reason.contains("cannot be connected to")),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_receiver_that_answers_is_none() {
    let (listener, mut target) = receiver();
    let answering = thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        std::io::Write::write_all(&mut socket, &[b'x'; 8192]).unwrap();
        // It stays until the other side has gone.
        drop(std::io::copy(&mut socket, &mut std::io::sink()));
    });
    let outcome = target.deliver(&one(1)).await;
    assert!(
        matches!(&outcome, Err(Undelivered::Retry(reason)) if reason.contains("it answers")),
        "{outcome:?}"
    );
    answering.join().unwrap();
}

#[tokio::test]
async fn a_receiver_that_does_not_read_is_given_up() {
    let (listener, mut target) = receiver();
    target.time_limit = Duration::from_secs(1);
    let large = Record {
        json: vec![b'x'; 64 << 20],
        ..checkpoint(1)
    };
    let outcome = target.deliver(&batch(vec![large])).await;
    assert!(
        matches!(&outcome, Err(Undelivered::Retry(reason)) if reason.contains("within 1 s")),
        "{outcome:?}"
    );
    drop(listener);
}
