//! What a connection may do once it is let in, and what ends it.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::peer::{Outcome, Peer, TLS12, TLS13, exchange, rest};
use super::{NOW, Running, Setup, UNFRAMED, message, pinned, self_signed, wait_until};
use crate::crypto::KeyKind;
use crate::domain::ClientStatus;
use crate::server::{Config, Listener};

/// A listener with these limits, and a client it knows.
async fn start(limits: Config) -> (Running, Peer) {
    let known = self_signed("known", KeyKind::EcdsaP256);
    let running = Setup::limited(limits, pinned(&known.certificate));
    (running.start().await, Peer::new(&known, TLS13))
}

#[tokio::test]
async fn a_probe_is_counted_and_nothing_else() {
    let (running, peer) = start(Config::default()).await;
    let mut polite = peer.connect(running.address).await.unwrap();
    polite.shutdown().await.unwrap();
    // This one goes without close_notify.
    let abrupt = peer.connect(running.address).await.unwrap();
    abrupt.into_inner().0.shutdown().await.unwrap();
    wait_until(|| running.counts.probes.total() == 2).await;
    assert_eq!(running.counts.answers.total(), 0);
    assert_eq!(running.counts.handshakes_failed.total(), 0);
}

#[tokio::test]
async fn requests_sent_together_are_answered_in_order() {
    let (running, peer) = start(Config::default()).await;
    let mut stream = peer.connect(running.address).await.unwrap();
    let large = {
        let mut large = b"\x42\x00\x78\x01\x00\x08\x00\x00".to_vec();
        large.resize(8 + 0x8_0000, 7);
        large
    };
    let all = [message(1), large, message(2), message(3)].concat();
    let (mut reader, mut writer) = tokio::io::split(&mut stream);
    let write = async {
        writer.write_all(&all).await.unwrap();
        writer.flush().await.unwrap();
    };
    let mut answers = vec![0; all.len()];
    let (read, ()) = tokio::join!(reader.read_exact(&mut answers), write);
    assert_eq!(read.unwrap(), all.len());
    assert!(answers == all);
    assert_eq!(running.counts.answers.total(), 4);
}

#[tokio::test]
async fn a_header_of_2_gib_is_answered_and_the_connection_closed() {
    let (running, _) = start(Config::default()).await;
    let known = self_signed("known", KeyKind::EcdsaP256);
    running
        .service
        .enrol(ClientStatus::Enabled, pinned(&known.certificate));
    for version in [TLS12, TLS13] {
        let peer = Peer::new(&known, version);
        let mut stream = peer.connect(running.address).await.unwrap();
        let header = b"\x42\x00\x78\x01\x80\x00\x00\x00";
        // More than the header: what is unread must not turn the answer into a reset.
        stream
            .write_all(&[&header[..], &[0; 20_000]].concat())
            .await
            .unwrap();
        stream.flush().await.unwrap();
        assert_eq!(rest(&mut stream).await, UNFRAMED);
    }
}

#[tokio::test]
async fn each_silence_has_its_timeout() {
    let limits = Config {
        first_request_timeout_ms: 200,
        idle_timeout_ms: 200,
        request_timeout_ms: 200,
        ..Config::default()
    };
    let (running, peer) = start(limits).await;
    let mut silent = peer.connect(running.address).await.unwrap();
    let mut idle = peer.connect(running.address).await.unwrap();
    exchange(&mut idle, &message(1)).await.unwrap();
    let mut slow = peer.connect(running.address).await.unwrap();
    slow.write_all(&message(2)[..5]).await.unwrap();
    slow.flush().await.unwrap();
    for stream in [&mut silent, &mut idle, &mut slow] {
        assert_eq!(rest(stream).await, b"");
    }
    assert_eq!(running.counts.answers.total(), 1);
    // Silence is no probe: a probe goes.
    assert_eq!(running.counts.probes.total(), 0);
}

#[tokio::test]
async fn the_connections_of_one_address_are_limited() {
    let limits = Config {
        connections_per_address_max: 2,
        ..Config::default()
    };
    let (running, peer) = start(limits).await;
    let mut first = peer.connect(running.address).await.unwrap();
    let mut second = peer.connect(running.address).await.unwrap();
    assert!(peer.connect(running.address).await.is_err());
    assert_eq!(running.counts.over_limit.total(), 1);
    exchange(&mut second, &message(1)).await.unwrap();
    first.shutdown().await.unwrap();
    rest(&mut first).await;
    drop(first);
    let mut outcome = Outcome::Closed;
    for _ in 0..100 {
        outcome = peer.outcome(running.address).await;
        if outcome == Outcome::Answered {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(outcome, Outcome::Answered);
}

#[tokio::test]
async fn a_peer_that_never_shakes_hands_gives_its_turn_to_the_next() {
    let limits = Config {
        handshakes_per_address_max: 1,
        handshake_timeout_ms: 300,
        ..Config::default()
    };
    let (running, peer) = start(limits).await;
    let mut silent = TcpStream::connect(running.address).await.unwrap();
    wait_until(|| running.counts.connections.total() == 1).await;
    assert_eq!(peer.outcome(running.address).await, Outcome::Answered);
    assert_eq!(silent.read(&mut [0; 16]).await.unwrap_or(0), 0);
    assert_eq!(running.counts.handshakes_failed.total(), 1);
}

#[tokio::test]
async fn a_client_that_is_disabled_is_cut_off_while_idle_and_while_sending() {
    let known = self_signed("known", KeyKind::EcdsaP256);
    let running = Setup::with(pinned(&known.certificate)).start().await;
    let peer = Peer::new(&known, TLS13);
    let mut idle = peer.connect(running.address).await.unwrap();
    exchange(&mut idle, &message(1)).await.unwrap();
    let mut sending = peer.connect(running.address).await.unwrap();
    exchange(&mut sending, &message(1)).await.unwrap();
    sending.write_all(&message(2)[..12]).await.unwrap();
    sending.flush().await.unwrap();
    // A change that does not concern it leaves it alone.
    let mut two = pinned(&known.certificate);
    two.extend(pinned(
        &self_signed("other", KeyKind::EcdsaP256).certificate,
    ));
    running.service.enrol(ClientStatus::Enabled, two);
    exchange(&mut idle, &message(3)).await.unwrap();

    running
        .service
        .enrol(ClientStatus::Disabled, pinned(&known.certificate));
    let started = Instant::now();
    assert_eq!(rest(&mut idle).await, b"");
    assert_eq!(rest(&mut sending).await, b"");
    assert!(started.elapsed() < Duration::from_secs(5));
    wait_until(|| running.counts.cut.total() == 2).await;
}

#[tokio::test]
async fn a_stopping_server_finishes_the_request_in_hand_and_ends_the_idle() {
    let (running, peer) = start(Config::default()).await;
    let mut idle = peer.connect(running.address).await.unwrap();
    exchange(&mut idle, &message(1)).await.unwrap();
    let mut busy = peer.connect(running.address).await.unwrap();
    exchange(&mut busy, &message(1)).await.unwrap();
    let all = running.service.allowed.acquire_many(100).await.unwrap();
    busy.write_all(&message(2)).await.unwrap();
    busy.flush().await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    running.stop.send(true).unwrap();
    assert_eq!(rest(&mut idle).await, b"");
    assert!(!running.task.is_finished());
    drop(all);
    assert_eq!(rest(&mut busy).await, message(2));
    running.task.await.unwrap();
    assert!(peer.connect(running.address).await.is_err());
}

#[tokio::test]
async fn an_address_in_use_is_said_in_one_line_with_advice() {
    let first = Listener::bind("127.0.0.1:0").await.unwrap();
    let address = first.address().to_string();
    let error = Listener::bind(&address).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "cannot listen on {address}: address in use; stop the other program or choose \
             another --listen"
        )
    );
}

#[tokio::test]
async fn a_certificate_that_expires_ends_its_connections_at_the_next_request() {
    let known = self_signed("known", KeyKind::EcdsaP256);
    let running = Setup {
        grace_days: 2,
        ..Setup::with(pinned(&known.certificate))
    };
    let running = running.start().await;
    let peer = Peer::new(&known, TLS13);
    let mut stream = peer.connect(running.address).await.unwrap();
    let day = 24 * 3600 * 1000;
    // Valid for ten days, and two more of grace.
    for passed in [11, 1] {
        exchange(&mut stream, &message(1)).await.unwrap();
        running.clock.advance_ms(passed * day);
    }
    running.clock.advance_ms(1000);
    stream.write_all(&message(2)).await.unwrap();
    stream.flush().await.unwrap();
    assert_eq!(rest(&mut stream).await, Vec::<u8>::new(), "no answer");
    wait_until(|| running.counts.cut.total() == 1).await;
    assert_eq!(running.counts.answers.total(), 2);
}

#[tokio::test]
async fn a_certificate_that_is_cut_short_ends_its_connections_too() {
    let known = self_signed("known", KeyKind::EcdsaP256);
    let running = Setup::with(pinned(&known.certificate)).start().await;
    let mut stream = Peer::new(&known, TLS13)
        .connect(running.address)
        .await
        .unwrap();
    exchange(&mut stream, &message(1)).await.unwrap();
    // It was renewed, and counts for a day beside its successor.
    let mut shortened = pinned(&known.certificate);
    shortened[0].not_after = NOW + 86_400;
    running.service.enrol(ClientStatus::Enabled, shortened);
    running.clock.advance_ms(86_400 * 1000);
    exchange(&mut stream, &message(2)).await.unwrap();
    running.clock.advance_ms(1000);
    assert!(exchange(&mut stream, &message(3)).await.is_err());
    wait_until(|| running.counts.cut.total() == 1).await;
}
