//! Scheduled destructions: what clients may do with such a key, and the end of the window.

use tokio::sync::watch;

use super::*;
use crate::audit::Failure;
use crate::domain::destruction::{Party, schedule};
use crate::domain::{Destruction, Object, ObjectId};
use crate::kmip::enums::State;
use crate::ops::carry_out_destructions;

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
