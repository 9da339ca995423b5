//! Certificates that lapse: the warnings before, and what is recorded when they are let in all the same.

use tokio::sync::watch;

use super::*;
use crate::crypto::certificate::revocation::RevocationList;
use crate::crypto::certificate::subject::Subject;
use crate::crypto::{Authority, Certificate, KeyKind, self_signed_client};
use crate::domain::{
    Administrator, Anchor, Makers, NotAdmitted, OwnCertificates, Revocation, Role,
};
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
    apply(fixture, Write::Certificate(fixture.ours.client, enrolled)).await;
    certificate
}

/// Writes something, with an event of no matter what.
async fn apply(fixture: &Fixture, write: Write) {
    let store = fixture.service.store();
    let filter = EventFilter::default();
    let events = store.events(Sequence(0), 1, &filter).await.unwrap().events;
    let mut changeset = Changeset::new(Event {
        action: Action::ClientAdd,
        ..Event::clone(&events[0].event)
    });
    changeset.write(write);
    store.apply(changeset).await.unwrap();
}

/// One look at the dates.
async fn look(fixture: &Fixture) {
    look_at(fixture, &OwnCertificates::default()).await;
}

/// One look at the dates of a server that has these certificates of its own.
async fn look_at(fixture: &Fixture, own: &OwnCertificates) {
    let (_stop, stopping) = watch::channel(true);
    let own = Arc::new(own.clone());
    let held = Box::new(move || Arc::clone(&own));
    warn_of_expiry(Arc::clone(&fixture.service), held, stopping).await;
}

/// The days left in each warning of a client's certificate.
async fn warnings(fixture: &Fixture) -> Vec<String> {
    warnings_of(fixture, Action::ClientExpire).await
}

/// The days left in each warning of a kind.
async fn warnings_of(fixture: &Fixture, action: Action) -> Vec<String> {
    let events = fixture.events().await;
    let warnings = events.iter().filter(|event| event.action == action);
    warnings
        .map(|event| {
            assert_eq!(event.severity().as_str(), "warning");
            assert_eq!(event.initiator.name, "test");
            if action.global() {
                assert_eq!(&event.scope, fixture.service.global_scope());
            } else {
                assert_eq!(event.scope, fixture.ours.scope);
            }
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
    trust(&fixture, 5).await;
    let status = |status| Write::ClientStatus(fixture.ours.client, status);
    let of_ca = Action::TrustedAuthorityExpire;
    apply(&fixture, status(ClientStatus::Disabled)).await;
    look(&fixture).await;
    assert_eq!(warnings(&fixture).await, [""; 0]);
    assert_eq!(warnings_of(&fixture, of_ca).await, [""; 0]);
    apply(&fixture, status(ClientStatus::Enabled)).await;
    look(&fixture).await;
    assert_eq!(warnings(&fixture).await, ["5"]);
    assert_eq!(warnings_of(&fixture, of_ca).await, ["5"]);
}

/// Trusts a CA that lasts so many days for our client.
async fn trust(fixture: &Fixture, days: u32) -> Authority {
    let ca = Authority::create("VMCA", NOW, days, KeyKind::EcdsaP256).unwrap();
    let anchor = Anchor {
        client: fixture.ours.client,
        certificate: ca.certificate().clone(),
        subject: Subject::from_text("CN=vc").unwrap(),
        added: NOW,
        warned: None,
        leaves: Vec::new(),
    };
    apply(fixture, Write::Anchor(anchor)).await;
    ca
}

#[tokio::test]
async fn a_trusted_ca_and_its_list_are_warned_of_as_certificates_are() {
    let fixture = Fixture::new().await;
    let ca = trust(&fixture, 40).await;
    let dates = (NOW, NOW + 40 * DAY_MS / 1000);
    let print = Fingerprint::of(b"list");
    let list = Revocation {
        ca_key: ca.certificate().digests().key,
        list: RevocationList::from_stored(print, None, dates, &[]),
        warned: None,
    };
    apply(&fixture, Write::Revocation(list)).await;
    for _ in 0..45 * 2 {
        look(&fixture).await;
        fixture.clock.advance_ms(DAY_MS / 2);
    }
    let authority = warnings_of(&fixture, Action::TrustedAuthorityExpire).await;
    assert_eq!(authority, ["30", "7", "1", "-1"]);
    // Half of the list's life is more than thirty days neither before nor after.
    let list = warnings_of(&fixture, Action::RevocationListExpire).await;
    assert_eq!(list, ["7", "1", "-1"]);
}

#[tokio::test]
async fn an_administrator_is_warned_of_once_each_time_and_no_more_when_removed() {
    let fixture = Fixture::new().await;
    let made = self_signed_client("anna", KeyKind::EcdsaP256, NOW, 40).unwrap();
    let held = Administrator {
        label: "anna".to_owned(),
        role: Role::Reader,
        instance: None,
        fingerprint: made.certificate.fingerprint(),
        subject: made.certificate.subject().to_owned(),
        not_before: made.certificate.not_before(),
        not_after: made.certificate.not_after(),
        added: NOW,
        makers: Makers::default(),
        warned: None,
    };
    apply(&fixture, Write::Administrator(held.clone())).await;
    let of_it = Action::AdministratorExpire;
    for _ in 0..39 * 2 {
        look(&fixture).await;
        fixture.clock.advance_ms(DAY_MS / 2);
    }
    assert_eq!(warnings_of(&fixture, of_it).await, ["30", "7"]);
    look(&fixture).await;
    assert_eq!(warnings_of(&fixture, of_it).await, ["30", "7", "1"]);
    let kept = fixture.service.store().administrators();
    let kept = kept.certificate(&held.fingerprint).map(|held| held.warned);
    assert_eq!(kept, Some(Some(1)));
    apply(&fixture, Write::AdministratorRemoved(held.fingerprint)).await;
    fixture.clock.advance_ms(DAY_MS * 2);
    look(&fixture).await;
    assert_eq!(warnings_of(&fixture, of_it).await.len(), 3);
}

#[tokio::test]
async fn what_is_the_servers_own_is_warned_of_once_and_its_successor_anew() {
    let fixture = Fixture::new().await;
    let ca = |days| Authority::create("CA", NOW, days, KeyKind::EcdsaP256).unwrap();
    let (former, current) = (ca(20), ca(400));
    let server = |days| {
        let names = ["127.0.0.1".to_owned()];
        let issued = current.issue_server(&names, KeyKind::EcdsaP256, NOW, days);
        issued.unwrap().certificate
    };
    let mut own = OwnCertificates {
        server: Some(server(40)),
        authorities: vec![current.certificate().clone(), former.certificate().clone()],
    };
    for day in 0..45 {
        if day == 38 {
            own.server = Some(server(45));
        }
        look_at(&fixture, &own).await;
        look_at(&fixture, &own).await;
        fixture.clock.advance_ms(DAY_MS);
    }
    let of_server = warnings_of(&fixture, Action::ServerCertificateExpire).await;
    assert_eq!(of_server, ["30", "7", "7", "1"]);
    let of_ca = warnings_of(&fixture, Action::AuthorityExpire).await;
    assert_eq!(of_ca, ["20", "7", "1", "-1"]);
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
