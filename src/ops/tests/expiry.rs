//! Certificates that lapse: the warnings before, and what is recorded when they are let in all the same.

use tokio::sync::watch;

use super::*;
use crate::crypto::{Certificate, KeyKind, self_signed_client};
use crate::domain::NotAdmitted;
use crate::ops::{Decision, Sighting, warn_of_expiry};

const NOW: i64 = NOW_MS / 1000;
const DAY_MS: i64 = 86_400_000;

/// Gives our client a certificate that is valid for so many days more.
async fn enrol_until(fixture: &Fixture, days: u32) -> Certificate {
    let made = self_signed_client("vcenter", KeyKind::EcdsaP256, NOW, days).unwrap();
    let certificate = made.certificate;
    let enrolled = EnrolledCertificate {
        fingerprint: certificate.fingerprint(),
        trust: Trust::Pinned,
        not_before: certificate.not_before(),
        not_after: certificate.not_after(),
        subject: certificate.subject().to_owned(),
        added: NOW,
        warned: None,
        digests: None,
        issuer: None,
        serial: None,
    };
    let mut changeset = Changeset::new(Event {
        action: Action::ClientAdd,
        ..fixture
            .service
            .store()
            .events(Sequence(0), 1, &EventFilter::default())
            .await
            .unwrap()
            .events[0]
            .event
            .as_ref()
            .clone()
    });
    changeset.write(Write::Certificate(fixture.ours.client, enrolled));
    fixture.service.store().apply(changeset).await.unwrap();
    certificate
}

/// One look at the dates.
async fn look(fixture: &Fixture) {
    let (_stop, stopping) = watch::channel(true);
    warn_of_expiry(Arc::clone(&fixture.service), stopping).await;
}

/// The days left in each warning of the trail.
async fn warnings(fixture: &Fixture) -> Vec<String> {
    let events = fixture.events().await;
    let warnings = events
        .iter()
        .filter(|event| event.action == Action::ClientExpire);
    warnings
        .map(|event| {
            assert_eq!(event.severity().as_str(), "warning");
            assert_eq!(event.scope, fixture.ours.scope);
            let mut json = Vec::new();
            event.write_json(&mut json);
            let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
            json["requestData"]["daysLeft"].to_string()
        })
        .collect()
}

#[tokio::test]
async fn each_warning_is_given_once_however_often_one_looks() {
    let fixture = Fixture::new().await;
    enrol_until(&fixture, 40).await;
    for _ in 0..45 * 2 {
        look(&fixture).await;
        fixture.clock.advance_ms(DAY_MS / 2);
    }
    assert_eq!(warnings(&fixture).await, ["30", "7", "1", "-1"]);
}

#[tokio::test]
async fn a_disabled_client_is_not_warned_of() {
    let fixture = Fixture::new().await;
    enrol_until(&fixture, 5).await;
    let status = |status| Write::ClientStatus(fixture.ours.client, status);
    let store = fixture.service.store();
    let event = store
        .events(Sequence(0), 1, &EventFilter::default())
        .await
        .unwrap();
    let mut changeset = Changeset::new(event.events[0].event.as_ref().clone());
    changeset.write(status(ClientStatus::Disabled));
    store.apply(changeset).await.unwrap();
    look(&fixture).await;
    assert_eq!(warnings(&fixture).await, Vec::<String>::new());
    let mut changeset = Changeset::new(event.events[0].event.as_ref().clone());
    changeset.write(status(ClientStatus::Enabled));
    store.apply(changeset).await.unwrap();
    look(&fixture).await;
    assert_eq!(warnings(&fixture).await, ["5"]);
}

#[tokio::test]
async fn who_is_let_in_for_grace_and_who_is_not_are_both_recorded() {
    let fixture = Fixture::new().await;
    let certificate = enrol_until(&fixture, 5).await;
    let fingerprint = certificate.fingerprint().initiator_id();
    for decision in [Decision::InGrace, Decision::Refused(NotAdmitted::Expired)] {
        for _ in 0..3 {
            fixture.service.sighted(Sighting {
                certificate: certificate.clone(),
                decision,
                address: "192.0.2.1".parse().unwrap(),
            });
        }
    }
    fixture.service.record_sightings(async {}).await;
    let mut seen = Vec::new();
    for event in fixture.events().await {
        if event.initiator.id == fingerprint {
            assert_eq!(event.initiator.name, "client-1");
            seen.push((event.action, event.outcome, event.reason));
        }
    }
    let admitted = (Action::ClientAdmit, Outcome::Success, ReasonCode::Ok);
    let refused = (
        Action::ClientRefuse,
        Outcome::Failure,
        ReasonCode::Unauthorized,
    );
    assert_eq!(seen.iter().filter(|one| **one == admitted).count(), 2);
    assert_eq!(seen.iter().filter(|one| **one == refused).count(), 2);
    assert_eq!(seen.len(), 4);
}
