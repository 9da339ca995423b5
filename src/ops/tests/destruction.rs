//! Scheduled destructions: what clients may do with such a key, and the end of the window.

use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::*;
use crate::audit::Failure;
use crate::domain::believed::Believed;
use crate::domain::destruction::{Party, schedule};
use crate::domain::{Destruction, Makers, Object, ObjectId};
use crate::kmip::enums::State;
use crate::ops::{carry_out_destructions, destruction};

const NOW: i64 = NOW_MS / 1000;
const HOUR: i64 = 3600;

/// Schedules the destruction of a key in an hour.
async fn scheduled(fixture: &Fixture, id: ObjectId) -> RequestId {
    let store = fixture.service.store();
    let stored = store.object_fresh(id).await.unwrap().unwrap();
    let mut object = Object::clone(&stored);
    let window = schedule(&mut object, NOW + HOUR, true, NOW).unwrap();
    let correlation = RequestId::new(NOW_MS, [77; 10]);
    let filter = EventFilter::default();
    let first = store.events(Sequence(0), 1, &filter).await.unwrap();
    let mut changeset = Changeset::new(Event {
        action: Action::KeyDestroy,
        ..Event::clone(&first.events[0].event)
    });
    changeset.write(Write::State(Arc::new(object)));
    let admin = Party {
        id: "LocalUser-0".into(),
        name: "root".into(),
    };
    changeset.write(Write::Destruction(Box::new(Destruction {
        object: id,
        instance: fixture.ours.instance,
        reason: "r".into(),
        forced: true,
        requested: NOW,
        requested_by: admin,
        requested_by_makers: Makers::default(),
        approved_by: None,
        correlation,
        scheduled: Some(window),
    })));
    store.apply(changeset).await.unwrap();
    correlation
}

/// One look at what is due.
async fn look(fixture: &Fixture) {
    let (_stop, stopping) = watch::channel(true);
    carry_out_destructions(Arc::clone(&fixture.service), stopping).await;
}

#[tokio::test]
async fn a_scheduled_key_is_not_served_and_no_client_ends_it_earlier() {
    let fixture = Fixture::new().await;
    let uid = fixture.create(Vec::new()).await;
    let about = || Some(uid.clone());
    // In memory as it was: what is decided from that is decided again.
    fixture
        .send(ProtocolVersion::V1_2, None, vec![get(about())])
        .await;
    scheduled(&fixture, uid.parse().unwrap()).await;
    let refused = [
        get(about()),
        destroy(about()),
        activate(about()),
        revoke(about(), RevocationReasonCode::Superseded),
    ];
    for payload in refused {
        let answered = fixture
            .send(ProtocolVersion::V1_2, None, vec![payload])
            .await;
        assert_eq!(answered[0].reason, Some(ResultReason::PermissionDenied));
    }
    let events = fixture.events().await;
    let causes: Vec<_> = events.iter().filter_map(|event| event.failure).collect();
    let (waits, state) = (Failure::DestructionScheduled, Failure::WrongState);
    assert_eq!(causes, [waits, waits, state, state]);
    // That it is compromised is told all the same.
    let compromised = revoke(about(), RevocationReasonCode::KeyCompromise);
    let answered = fixture
        .send(ProtocolVersion::V1_2, None, vec![compromised])
        .await;
    assert!(answered[0].is_success());
    let answered = fixture
        .send(ProtocolVersion::V1_2, None, vec![get(about())])
        .await;
    assert_eq!(answered[0].reason, Some(ResultReason::PermissionDenied));
}

#[tokio::test]
async fn the_key_is_destroyed_when_its_window_ends_and_not_before() {
    let fixture = Fixture::new().await;
    let uid = fixture.create(Vec::new()).await;
    let id: ObjectId = uid.parse().unwrap();
    let correlation = scheduled(&fixture, id).await;
    let head = fixture.service.store().head();
    fixture.clock.advance_ms(HOUR * 1000 - 1000);
    look(&fixture).await;
    assert_eq!(fixture.service.store().head(), head);
    fixture.clock.advance_ms(1000);
    look(&fixture).await;
    look(&fixture).await;
    let events = fixture.events().await;
    let ended: Vec<_> = events.iter().skip(2).collect();
    assert_eq!(ended.len(), 1, "once");
    assert_eq!(ended[0].action, Action::KeyDestroy);
    assert_eq!(ended[0].outcome, Outcome::Success);
    assert_eq!(ended[0].correlation, correlation);
    assert_eq!(ended[0].target, Target::Key(id));
    assert_eq!(ended[0].initiator.id, "Server-test");
    let store = fixture.service.store();
    let object = store.object_fresh(id).await.unwrap().unwrap();
    assert_eq!((object.state, object.destroy_due), (State::Destroyed, None));
    assert!(object.material.is_none());
    assert_eq!(store.destruction(id).await.unwrap(), None);
}

#[tokio::test]
async fn a_clock_that_jumps_ahead_destroys_nothing_before_its_time_has_passed() {
    let fixture = Fixture::new().await;
    let uid = fixture.create(Vec::new()).await;
    let id: ObjectId = uid.parse().unwrap();
    scheduled(&fixture, id).await;
    let (_stop, stopping) = watch::channel(false);
    let begun = Instant::now();
    let mut believed = Believed::new(fixture.service.now_ms(), begun);
    fixture.clock.advance_ms(365 * 24 * HOUR * 1000);
    let state = async || {
        let stored = fixture.service.store().object_fresh(id).await;
        stored.unwrap().unwrap().state
    };
    for (minutes, expected) in [
        (0, State::Deactivated),
        (30, State::Deactivated),
        (60, State::Destroyed),
    ] {
        let at = begun + Duration::from_secs(minutes * 60);
        destruction::look(&fixture.service, &mut believed, at, &stopping).await;
        assert_eq!(state().await, expected, "{minutes} minutes later");
    }
}

#[tokio::test]
async fn a_key_that_cannot_be_destroyed_keeps_no_other_from_it() {
    let fixture = Fixture::new().await;
    let mut ids = Vec::new();
    for _ in 0..2 {
        let uid = fixture.create(Vec::new()).await;
        ids.push(uid.parse::<ObjectId>().unwrap());
    }
    ids.sort();
    for id in &ids {
        scheduled(&fixture, *id).await;
    }
    // Its instance is one that nobody knows.
    let store = fixture.service.store();
    let held = store.destruction(ids[0]).await.unwrap().unwrap();
    let filter = EventFilter::default();
    let first = store.events(Sequence(0), 1, &filter).await.unwrap();
    let mut changeset = Changeset::new(Event::clone(&first.events[0].event));
    changeset.write(Write::Destruction(Box::new(Destruction {
        instance: InstanceId::from_bytes([9; 16]),
        ..held
    })));
    store.apply(changeset).await.unwrap();
    fixture.clock.advance_ms(HOUR * 1000);
    let (_stop, stopping) = watch::channel(false);
    let mut believed = Believed::new(fixture.service.now_ms(), Instant::now());
    destruction::look(&fixture.service, &mut believed, Instant::now(), &stopping).await;
    let state = async |id| store.object_fresh(id).await.unwrap().unwrap().state;
    assert_eq!(state(ids[0]).await, State::Deactivated);
    assert_eq!(state(ids[1]).await, State::Destroyed);
}
