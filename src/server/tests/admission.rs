//! Which certificates are let in, with which alert the others are turned away, and which of those
//! refusals are recorded.

use rustls::pki_types::ServerName;
use rustls::{AlertDescription, HandshakeKind};

use super::peer::{Outcome, Peer, TLS12, TLS13, exchange};
use super::{Issued, Running};
use super::{NOW, Setup, enrolled, message, pinned, self_signed};
use crate::crypto::authority::{SelfSignedForm, self_signed_client_as};
use crate::crypto::{Authority, Certificate, KeyKind, self_signed_client};
use crate::domain::{ClientStatus, NotAdmitted, Trust};
use crate::ops::Decision;

const DAY: i64 = 86_400;

#[tokio::test]
async fn a_pinned_certificate_of_any_form_is_accepted_by_either_kind_of_server() {
    let mut certificates = Vec::new();
    for kind in [KeyKind::Rsa2048, KeyKind::EcdsaP256, KeyKind::EcdsaP384] {
        for form in [SelfSignedForm::Plain, SelfSignedForm::CaTrue] {
            certificates.push(self_signed_client_as(form, "vcenter", kind, NOW, 10).unwrap());
        }
    }
    for server_key in [KeyKind::Rsa2048, KeyKind::EcdsaP256] {
        let all = certificates
            .iter()
            .flat_map(|made| pinned(&made.certificate));
        let running = Setup {
            server: self_signed("server", server_key),
            ..Setup::with(all.collect())
        };
        let running = running.start().await;
        for (index, certificate) in certificates.iter().enumerate() {
            for version in [TLS12, TLS13] {
                let outcome = Peer::new(certificate, version)
                    .outcome(running.address)
                    .await;
                assert_eq!(
                    outcome,
                    Outcome::Answered,
                    "{server_key} {index} {version:?}"
                );
            }
        }
        assert_eq!(running.counts.refusals.total(), 0);
    }
}

#[tokio::test]
async fn an_unknown_certificate_is_refused_and_each_refusal_is_recorded_once() {
    let known = self_signed("known", KeyKind::EcdsaP256);
    let stranger = self_signed("stranger", KeyKind::Rsa2048);
    let running = Setup::with(pinned(&known.certificate)).start().await;
    for version in [TLS12, TLS13] {
        let outcome = Peer::new(&stranger, version).outcome(running.address).await;
        assert_eq!(
            outcome,
            Outcome::Alert(AlertDescription::CertificateUnknown)
        );
    }
    assert_eq!(running.refusals(2).await, [NotAdmitted::Unknown; 2]);
    let first = running.service.refusals.lock().unwrap()[0].clone();
    assert_eq!(
        first.certificate.fingerprint(),
        stranger.certificate.fingerprint()
    );
    assert_eq!(first.certificate.subject(), "stranger");
}

#[tokio::test]
async fn who_does_not_have_the_key_is_refused_and_leaves_no_record() {
    let known = self_signed("known", KeyKind::EcdsaP256);
    let unknown = self_signed("unknown", KeyKind::EcdsaP256);
    let thief = self_signed("thief", KeyKind::EcdsaP256);
    let other_kind = self_signed("other", KeyKind::Rsa2048);
    let running = Setup::with(pinned(&known.certificate)).start().await;
    for version in [TLS12, TLS13] {
        for certificate in [&known, &unknown] {
            for key in [&thief, &other_kind] {
                let der = certificate.certificate.der();
                let peer = Peer::presenting(der, key.key_pem.expose(), version);
                let outcome = peer.outcome(running.address).await;
                assert_eq!(outcome, Outcome::Alert(AlertDescription::DecryptError));
            }
        }
    }
    assert_eq!(running.refusals(0).await, []);
    assert_eq!(running.counts.refusals.total(), 0);
    assert_eq!(running.counts.handshakes_failed.total(), 8);
}

#[tokio::test]
async fn dates_and_status_are_judged_each_with_its_alert() {
    let expired = self_signed_client("old", KeyKind::EcdsaP256, NOW - 30 * DAY, 10).unwrap();
    let early = self_signed_client("early", KeyKind::EcdsaP256, NOW + 30 * DAY, 10).unwrap();
    let good = self_signed("good", KeyKind::EcdsaP256);
    let all = [&expired, &early, &good].map(|made| enrolled(&made.certificate, Trust::Pinned));
    let running = Setup::with(all.to_vec()).start().await;
    let address = running.address;
    let not_current = Outcome::Alert(AlertDescription::CertificateExpired);
    assert_eq!(
        Peer::new(&expired, TLS13).outcome(address).await,
        not_current
    );
    assert_eq!(Peer::new(&early, TLS12).outcome(address).await, not_current);
    assert_eq!(
        Peer::new(&good, TLS13).outcome(address).await,
        Outcome::Answered
    );

    running.service.enrol(ClientStatus::Disabled, all.to_vec());
    let revoked = Outcome::Alert(AlertDescription::CertificateRevoked);
    assert_eq!(Peer::new(&good, TLS13).outcome(address).await, revoked);
    let reasons = [
        NotAdmitted::Expired,
        NotAdmitted::NotYetValid,
        NotAdmitted::Disabled,
    ];
    assert_eq!(running.refusals(3).await, reasons);
}

#[tokio::test]
async fn an_expired_certificate_is_let_in_for_the_time_of_grace_and_told_of() {
    let lapsed = self_signed_client("old", KeyKind::EcdsaP256, NOW - 13 * DAY, 10).unwrap();
    let early = self_signed_client("early", KeyKind::EcdsaP256, NOW + 3 * DAY, 10).unwrap();
    let all = [&lapsed, &early].map(|made| enrolled(&made.certificate, Trust::Pinned));
    let running = Setup {
        grace_days: 5,
        ..Setup::with(all.to_vec())
    };
    let running = running.start().await;
    for version in [TLS12, TLS13] {
        let outcome = Peer::new(&lapsed, version).outcome(running.address).await;
        assert_eq!(outcome, Outcome::Answered);
    }
    let sighted = |decision: Decision| {
        let sightings = running.service.refusals.lock().unwrap();
        sightings
            .iter()
            .filter(|held| held.decision == decision)
            .count()
    };
    assert_eq!(sighted(Decision::InGrace), 2);
    running.clock.advance_ms(3 * DAY * 1000);
    for version in [TLS12, TLS13] {
        let outcome = Peer::new(&lapsed, version).outcome(running.address).await;
        let expired = Outcome::Alert(AlertDescription::CertificateExpired);
        assert_eq!(outcome, expired);
    }
    assert_eq!(sighted(Decision::Refused(NotAdmitted::Expired)), 2);
}

#[tokio::test]
async fn a_version_one_certificate_is_accepted() {
    for kind in [KeyKind::EcdsaP256, KeyKind::Rsa2048] {
        let made = self_signed("old tool", kind);
        let der = version_one(made.certificate.der());
        let certificate = Certificate::from_der(&der).unwrap();
        let running = Setup::with(pinned(&certificate)).start().await;
        for version in [TLS12, TLS13] {
            let peer = Peer::presenting(&der, made.key_pem.expose(), version);
            assert_eq!(peer.outcome(running.address).await, Outcome::Answered);
        }
    }
}

#[tokio::test]
async fn an_issued_certificate_needs_the_signature_of_our_authority() {
    let ours = Authority::create("Keyledger", NOW, 30, KeyKind::EcdsaP256).unwrap();
    let theirs = Authority::create("Keyledger", NOW, 30, KeyKind::EcdsaP256).unwrap();
    let genuine = ours
        .issue_client("one", KeyKind::EcdsaP256, NOW, 10)
        .unwrap();
    let foreign = theirs
        .issue_client("two", KeyKind::EcdsaP256, NOW, 10)
        .unwrap();
    let all = [&genuine, &foreign].map(|made| enrolled(&made.certificate, Trust::Issued));
    let running = Setup {
        authorities: vec![ours.certificate().der().to_vec()],
        ..Setup::with(all.to_vec())
    };
    let running = running.start().await;
    for version in [TLS12, TLS13] {
        let outcome = Peer::new(&genuine, version).outcome(running.address).await;
        assert_eq!(outcome, Outcome::Answered);
        let outcome = Peer::new(&foreign, version).outcome(running.address).await;
        assert_eq!(outcome, Outcome::Alert(AlertDescription::UnknownCA));
    }
    assert_eq!(running.refusals(2).await, [NotAdmitted::NotIssued; 2]);
}

#[tokio::test]
async fn a_peer_without_a_certificate_is_refused_and_leaves_no_record() {
    let running = Setup::with(Vec::new()).start().await;
    let outcome = Peer::anonymous(TLS13).outcome(running.address).await;
    assert_eq!(
        outcome,
        Outcome::Alert(AlertDescription::CertificateRequired)
    );
    let outcome = Peer::anonymous(TLS12).outcome(running.address).await;
    assert!(matches!(outcome, Outcome::Alert(_)), "{outcome:?}");
    assert_eq!(running.refusals(0).await, []);
}

#[tokio::test]
async fn the_server_may_be_named_in_any_way_or_not_at_all() {
    let known = self_signed("known", KeyKind::EcdsaP256);
    let running = Setup::with(pinned(&known.certificate)).start().await;
    for name in ["127.0.0.1", "::1", "kms.example.com", "localhost"] {
        let peer = Peer::new(&known, TLS12);
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let mut stream = peer.connect_naming(running.address, name).await.unwrap();
        assert_eq!(
            exchange(&mut stream, &message(1)).await.unwrap(),
            message(1)
        );
    }
}

#[tokio::test]
async fn no_session_is_ever_resumed() {
    let known = self_signed("known", KeyKind::EcdsaP256);
    let running = Setup::with(pinned(&known.certificate)).start().await;
    for version in [TLS12, TLS13] {
        // Both connections share the peer's memory of sessions.
        let peer = Peer::new(&known, version);
        for _ in 0..2 {
            let mut stream = peer.connect(running.address).await.unwrap();
            exchange(&mut stream, &message(1)).await.unwrap();
            let kind = stream.get_ref().1.handshake_kind();
            assert_eq!(kind, Some(HandshakeKind::Full));
        }
    }
}

/// The certificate without version and extensions, and so of version 1. Its own signature does not
/// fit any more, which matters to nobody: the certificate is pinned.
fn version_one(der: &[u8]) -> Vec<u8> {
    let outer = elements(content(der));
    // 0xa0 is the explicit version, 0xa3 the extensions.
    let tbs = elements(content(outer[0])).into_iter();
    let kept: Vec<&[u8]> = tbs.filter(|part| !matches!(part[0], 0xa0 | 0xa3)).collect();
    sequence(&[&sequence(&kept), outer[1], outer[2]])
}

fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let [high, low] = u16::try_from(content.len()).unwrap().to_be_bytes();
    [&[0x30, 0x82, high, low][..], &content].concat()
}

fn elements(mut content: &[u8]) -> Vec<&[u8]> {
    let mut elements = Vec::new();
    while !content.is_empty() {
        let (header, length) = lengths(content);
        let (element, rest) = content.split_at(header + length);
        elements.push(element);
        content = rest;
    }
    elements
}

fn content(element: &[u8]) -> &[u8] {
    let (header, length) = lengths(element);
    &element[header..header + length]
}

/// Bytes of an element's header and of its content.
fn lengths(element: &[u8]) -> (usize, usize) {
    match element[1] {
        short @ 0..=0x7f => (2, usize::from(short)),
        0x81 => (3, usize::from(element[2])),
        0x82 => (4, usize::from(u16::from_be_bytes([element[2], element[3]]))),
        _ => panic!("longer than a certificate"),
    }
}

#[tokio::test]
async fn a_refusal_after_the_door_is_recorded() {
    let ca = Authority::create("VMCA", NOW, 30, KeyKind::EcdsaP256).unwrap();
    let leaf = ca.issue_client("vc", KeyKind::EcdsaP256, NOW, 10).unwrap();
    let known = self_signed("known", KeyKind::EcdsaP256);
    let running = Setup::with(pinned(&known.certificate)).start().await;
    running.service.trust(&ca);
    // The canned answerer enrols nobody.
    for version in [TLS12, TLS13] {
        let outcome = Peer::new(&leaf, version).outcome(running.address).await;
        assert_ne!(outcome, Outcome::Answered);
    }
    assert_eq!(running.refusals(2).await, [NotAdmitted::Unstored; 2]);
    assert_eq!(running.counts.refusals.total(), 2);
    let first = running.service.refusals.lock().unwrap()[0].clone();
    assert!(first.address.is_loopback());
}

/// A listener whose one client has a certificate of a CA elsewhere, and a certificate of that CA which is not enrolled.
async fn vouched(refuses_lapsed_lists: bool) -> (Running, Issued, Issued) {
    let ca = Authority::create("VMCA", NOW, 30, KeyKind::EcdsaP256).unwrap();
    let leaf = || ca.issue_client("vc", KeyKind::EcdsaP256, NOW, 10).unwrap();
    let (known, stranger) = (leaf(), leaf());
    let held = enrolled(&known.certificate, Trust::Anchored);
    let setup = Setup {
        refuses_lapsed_lists,
        ..Setup::with(vec![held])
    };
    let running = setup.start().await;
    let leaves = vec![known.certificate.fingerprint()];
    running
        .service
        .trust_with(&ca, leaves, Some((NOW + DAY, &[])));
    (running, known, stranger)
}

#[tokio::test]
async fn a_list_that_has_lapsed_refuses_nobody_unless_that_is_set() {
    let (running, known, _) = vouched(false).await;
    let peer = Peer::new(&known, TLS13);
    let mut open = peer.connect(running.address).await.unwrap();
    running.clock.advance_ms((DAY + 1) * 1000);
    assert_eq!(exchange(&mut open, &message(1)).await.unwrap(), message(1));
    for version in [TLS12, TLS13] {
        let outcome = Peer::new(&known, version).outcome(running.address).await;
        assert_eq!(outcome, Outcome::Answered);
    }
}

#[tokio::test]
async fn a_list_that_has_lapsed_refuses_and_cuts_whom_its_ca_vouches_for_where_that_is_set() {
    let (running, known, stranger) = vouched(true).await;
    let mut open = Peer::new(&known, TLS13)
        .connect(running.address)
        .await
        .unwrap();
    running.clock.advance_ms(DAY * 1000);
    assert_eq!(exchange(&mut open, &message(1)).await.unwrap(), message(1));
    running.clock.advance_ms(1000);
    assert!(exchange(&mut open, &message(2)).await.is_err(), "cut");
    let denied = Outcome::Alert(AlertDescription::AccessDenied);
    for peer in [&known, &stranger] {
        for version in [TLS12, TLS13] {
            let outcome = Peer::new(peer, version).outcome(running.address).await;
            assert_eq!(outcome, denied);
        }
    }
    let lapsed = [NotAdmitted::ListLapsed; 4];
    assert_eq!(running.refusals(4).await, lapsed);
}

#[tokio::test]
async fn what_was_enrolled_before_serial_numbers_were_kept_is_revoked_all_the_same() {
    let ca = Authority::create("VMCA", NOW, 30, KeyKind::EcdsaP256).unwrap();
    let leaf = || ca.issue_client("vc", KeyKind::EcdsaP256, NOW, 10).unwrap();
    let (revoked, other) = (leaf(), leaf());
    let both = [&revoked, &other].map(|made| enrolled(&made.certificate, Trust::Anchored));
    assert!(both.iter().all(|held| held.serial.is_none()));
    let leaves = both.iter().map(|held| held.fingerprint).collect();
    let running = Setup::with(both.to_vec()).start().await;
    let serial = revoked.certificate.serial_number().unwrap();
    let list = Some((NOW + DAY, &serial.as_bytes()[..]));
    running.service.trust_with(&ca, leaves, list);
    for version in [TLS12, TLS13] {
        let outcome = Peer::new(&revoked, version).outcome(running.address).await;
        assert_eq!(
            outcome,
            Outcome::Alert(AlertDescription::CertificateRevoked)
        );
        let outcome = Peer::new(&other, version).outcome(running.address).await;
        assert_eq!(outcome, Outcome::Answered);
    }
    assert_eq!(running.refusals(2).await, [NotAdmitted::Revoked; 2]);
}
