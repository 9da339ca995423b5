//! Floods of strangers: what they leave in the trail, on the list of those that wait, and in the log.

use std::thread;

use keyledger::crypto::authority::{KeyKind, self_signed_client};

use crate::harness::{Credentials, Request, Server, TlsVersion, now, query, until};

fn stranger(number: usize) -> Credentials {
    let name = format!("stranger {number}");
    let made = self_signed_client(&name, KeyKind::EcdsaP256, now(), 30).expect("a certificate");
    Credentials::from_pem(&made.certificate_pem, made.key_pem.expose())
}

#[track_caller]
fn knock(server: &Server, credentials: &Credentials, version: TlsVersion) {
    let request = Request::new((1, 1), &[query(&[3])]).encode();
    let connected = server.try_connect(Some(credentials), version);
    let answered = connected.and_then(|mut connection| connection.try_send(&request));
    assert!(answered.is_err(), "{version:?}");
}

/// The counts of the recorded refusals: of certificates one by one, and of the summaries.
fn counts(server: &Server) -> (Vec<u64>, Vec<u64>) {
    let (mut one_by_one, mut others) = (Vec::new(), Vec::new());
    let events = server.events();
    for event in events
        .iter()
        .filter(|event| event.action() == "kmip-client.refuse")
    {
        let count = event.0["requestData"]["count"].as_u64().expect("a count");
        if event.0["requestData"]["fingerprint"].is_string() {
            one_by_one.push(count);
        } else {
            assert!(event.initiator().starts_with("Server-"), "{event:?}");
            others.push(count);
        }
    }
    (one_by_one, others)
}

#[test]
fn a_flood_of_strangers_is_counted_whole_and_recorded_in_bounds() {
    const STRANGERS: usize = 60;
    let server =
        Server::start_set("[kmip]\nrefusal-window-seconds = 2\nrefusal-events-per-day-max = 80");
    let vcenter = stranger(STRANGERS);
    for version in [TlsVersion::V1_2, TlsVersion::V1_3, TlsVersion::Any] {
        knock(&server, &vcenter, version);
    }
    let strangers: Vec<_> = (0..STRANGERS).map(stranger).collect();
    thread::scope(|scope| {
        for some in strangers.chunks(STRANGERS / 4) {
            let server = &server;
            scope.spawn(move || {
                for credentials in some {
                    for version in [TlsVersion::V1_2, TlsVersion::V1_3] {
                        knock(server, credentials, version);
                    }
                }
            });
        }
    });
    let sent = 3 + 2 * u64::try_from(STRANGERS).expect("it fits");
    let (one_by_one, others) = until("every refusal counted", || {
        let (one_by_one, others) = counts(&server);
        let all = one_by_one.iter().chain(&others).sum::<u64>();
        (all >= sent).then_some((one_by_one, others))
    });
    assert_eq!(one_by_one.iter().chain(&others).sum::<u64>(), sent);
    // A day's budget of 80 allows 10 at once; one more may have been earned meanwhile.
    assert!(one_by_one.len() <= 11, "{one_by_one:?}");
    assert!(!others.is_empty());
    // One address has eight places at most, and who came most often keeps its own.
    let pending = server.cli(&["client", "pending", "--format", "jsonl"]);
    let pending = pending.success().stdout;
    assert!(pending.lines().count() <= 8, "{pending}");
    assert!(pending.contains(&vcenter.fingerprint()), "{pending}");
    let warnings = server.log().matches("WARN").count();
    assert_eq!(
        warnings,
        one_by_one.len() + others.len(),
        "{}",
        server.log()
    );
}

#[test]
fn what_was_counted_last_is_recorded_when_the_server_stops() {
    let mut server = Server::start();
    let stranger = stranger(0);
    for _ in 0..5 {
        knock(&server, &stranger, TlsVersion::Any);
    }
    assert!(server.stop().success());
    let (mut one_by_one, others) = counts(&server);
    one_by_one.sort_unstable();
    assert_eq!((one_by_one, others), (vec![1, 4], Vec::new()));
}

#[test]
fn the_end_of_a_window_is_recorded_though_nobody_comes_again() {
    let server = Server::start_set("[kmip]\nrefusal-window-seconds = 1");
    let stranger = stranger(0);
    for _ in 0..3 {
        knock(&server, &stranger, TlsVersion::Any);
    }
    until("the rest of the window", || {
        (counts(&server).0.iter().sum::<u64>() == 3).then_some(())
    });
}
