//! What must still hold when a changeset is committed, also inside one batch.

use super::*;
use crate::domain::destruction::{Destruction, Party, Scheduled};
use crate::domain::{Identity, Makers, Operations, Permissions, Rules};

fn with(precondition: Precondition, writes: impl IntoIterator<Item = Write>) -> Changeset {
    let mut changeset = changeset(writes);
    changeset.require(precondition);
    changeset
}

fn identity(place: &Place, number: u8) -> Arc<Identity> {
    let fingerprint = Fingerprint::from_bytes([number; 32]);
    place
        .store()
        .clients()
        .admit(&fingerprint, NOW, 0)
        .unwrap()
        .identity
}

#[tokio::test]
async fn stale_versions_are_refused_and_are_independent() {
    let mut place = Place::new().await;
    place.insert(&object(1)).await.unwrap();
    for reopened in [false, true] {
        if reopened {
            place.reopen();
        }
        let store = place.store();
        let now = store.object_fresh(id(1)).await.unwrap().unwrap();
        let (state, attributes) = (now.state_version, now.attributes_version);
        let next = Object {
            state_version: state + 1,
            ..Object::clone(&now)
        };
        let moved = with(
            Precondition::State(id(1), state),
            [Write::State(Arc::new(next))],
        );
        store.apply(moved).await.unwrap();
        // The state moved on; the attributes did not.
        let stale = store
            .apply(with(Precondition::State(id(1), state), []))
            .await;
        assert_eq!(stale, Err(ApplyError::Conflict));
        store
            .apply(with(Precondition::Attributes(id(1), attributes), []))
            .await
            .unwrap();
        let next = Object {
            attributes_version: attributes + 1,
            ..Object::clone(&now)
        };
        store
            .apply(changeset([Write::Attributes(Arc::new(next))]))
            .await
            .unwrap();
        let stale = store
            .apply(with(Precondition::Attributes(id(1), attributes), []))
            .await;
        assert_eq!(stale, Err(ApplyError::Conflict));
        store
            .apply(with(Precondition::State(id(1), state + 1), []))
            .await
            .unwrap();
    }
    let unknown = place
        .store()
        .apply(with(Precondition::State(id(9), 0), []))
        .await;
    assert_eq!(unknown, Err(ApplyError::Conflict));
}

#[tokio::test]
async fn a_refused_precondition_writes_nothing() {
    let place = Place::new().await;
    let mut refused = with(
        Precondition::State(id(9), 0),
        [Write::Insert(Arc::new(object(1)))],
    );
    refused.record(event(Action::KeyRead, "vc-01"));
    let head = place.store().head();
    assert_eq!(
        place.store().apply(refused).await,
        Err(ApplyError::Conflict)
    );
    assert_eq!(place.store().head(), head);
    assert!(place.store().object(id(1)).await.unwrap().is_none());
}

#[tokio::test]
async fn a_disabled_client_is_refused_at_once() {
    let place = Place::new().await;
    place.apply([Write::Client(client(1))]).await.unwrap();
    let who = identity(&place, 1);
    let act = || with(Precondition::MayAct(Arc::clone(&who)), []);
    place.store().apply(act()).await.unwrap();
    place
        .apply([Write::ClientStatus(client_id(1), ClientStatus::Disabled)])
        .await
        .unwrap();
    assert_eq!(
        place.store().apply(act()).await,
        Err(ApplyError::NotPermitted)
    );
    place
        .apply([Write::ClientStatus(client_id(1), ClientStatus::Enabled)])
        .await
        .unwrap();
    place.store().apply(act()).await.unwrap();
    place
        .apply([Write::CertificateRemoved(
            client_id(1),
            Fingerprint::from_bytes([1; 32]),
        )])
        .await
        .unwrap();
    assert_eq!(
        place.store().apply(act()).await,
        Err(ApplyError::NotPermitted)
    );
}

#[tokio::test]
async fn what_a_client_may_do_must_be_what_was_looked_at() {
    let place = Place::new().await;
    place.apply([Write::Client(client(1))]).await.unwrap();
    let who = identity(&place, 1);
    let act = |who: &Arc<Identity>| with(Precondition::MayAct(Arc::clone(who)), []);
    let operations = Some(Operations::from_names(["get"]).unwrap());
    let fewer = Permissions {
        operations,
        windows: Vec::new(),
    };
    let write = Write::ClientPermissions(client_id(1), fewer);
    place.apply([write]).await.unwrap();
    let refused = place.store().apply(act(&who)).await;
    assert_eq!(refused, Err(ApplyError::Conflict), "it is looked at again");
    let anew = identity(&place, 1);
    place.store().apply(act(&anew)).await.unwrap();
    let rules = Rules {
        denied: Operations::from_names(["get"]).unwrap(),
    };
    let write = Write::InstanceRules(instance_id(1), rules);
    place.apply([write]).await.unwrap();
    let refused = place.store().apply(act(&anew)).await;
    assert_eq!(refused, Err(ApplyError::Conflict));
    place
        .store()
        .apply(act(&identity(&place, 1)))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_destruction_must_be_at_the_step_that_was_read_and_reads_back_as_written() {
    let mut place = Place::new().await;
    place
        .apply([Write::Insert(Arc::new(object(1)))])
        .await
        .unwrap();
    let party = |name: &str| Party {
        id: format!("LocalUser-{name}"),
        name: name.to_owned(),
    };
    let asked = Destruction {
        object: id(1),
        instance: instance_id(1),
        reason: "r".to_owned(),
        forced: true,
        requested: NOW,
        requested_by: party("ada"),
        requested_by_makers: Makers::from_text("CertificateID-a ApiKey-1"),
        approved_by: None,
        correlation: RequestId::from_bytes([3; 16]),
        scheduled: None,
    };
    let approved = Destruction {
        approved_by: Some(party("bob")),
        scheduled: Some(Scheduled {
            due: NOW + 5,
            state: State::Active,
            deactivation: Some(NOW - 5),
        }),
        ..asked.clone()
    };
    let step = |before: Option<&Destruction>, after: &Destruction| {
        let read = before.cloned().map(Box::new);
        let write = Write::Destruction(Box::new(after.clone()));
        with(Precondition::Destruction(id(1), read), [write])
    };
    let store = place.store();
    store.apply(step(None, &asked)).await.unwrap();
    let twice = store.apply(step(None, &asked)).await;
    assert_eq!(twice, Err(ApplyError::Conflict));
    store.apply(step(Some(&asked), &approved)).await.unwrap();
    let late = store.apply(step(Some(&asked), &approved)).await;
    assert_eq!(late, Err(ApplyError::Conflict));
    let store = place.reopen();
    assert_eq!(
        store.destruction(id(1)).await.unwrap().as_ref(),
        Some(&approved)
    );
    assert_eq!(
        store.destructions(None, None, 9).await.unwrap(),
        std::slice::from_ref(&approved)
    );
    assert!(
        store
            .destructions(None, Some(id(1)), 9)
            .await
            .unwrap()
            .is_empty()
    );
    assert!(
        store
            .destructions_due(NOW + 4, None, 9)
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        store.destructions_due(NOW + 5, None, 9).await.unwrap(),
        [approved]
    );
    place.apply([Write::DestructionEnded(id(1))]).await.unwrap();
    assert_eq!(place.store().destruction(id(1)).await.unwrap(), None);
}

#[tokio::test]
async fn who_reads_a_key_is_kept_with_the_read() {
    let mut place = Place::new().await;
    place
        .apply([Write::Insert(Arc::new(object(1)))])
        .await
        .unwrap();
    let nobody = place.store().last_readers(vec![id(1), id(9)]).await;
    assert_eq!(nobody.unwrap(), [None, None]);
    for reader in ["vc-01", "vc-02"] {
        // An initiator that the store meets here for the first time.
        let mut read = Changeset::new(event(Action::KeyRead, reader));
        read.write(Write::Read(id(1), NOW));
        place.store().apply(read).await.unwrap();
        let readers = place.reopen().last_readers(vec![id(1)]).await.unwrap();
        let name = readers[0].as_ref().map(|(_, name)| name.as_str());
        assert_eq!(name, Some(reader));
    }
}

/// Queues changesets so that the writer finds them together, and gives their outcomes in order.
async fn together(store: &Store, changesets: Vec<Changeset>) -> Vec<Result<Applied, ApplyError>> {
    let applying = changesets.into_iter().map(|changeset| {
        let store = store.clone();
        tokio::spawn(async move { store.apply(changeset).await })
    });
    let applying: Vec<_> = applying.collect();
    let mut outcomes = Vec::new();
    for apply in applying {
        outcomes.push(apply.await.unwrap());
    }
    outcomes
}

#[tokio::test]
async fn of_many_that_read_the_same_version_one_wins() {
    let place = Place::new().await;
    place.insert(&object(1)).await.unwrap();
    let next = Arc::new(Object {
        state_version: 2,
        ..object(1)
    });
    let one = || {
        with(
            Precondition::State(id(1), 1),
            [Write::State(Arc::clone(&next))],
        )
    };
    let outcomes = together(place.store(), (0..50).map(|_| one()).collect()).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    assert!(
        outcomes
            .iter()
            .all(|o| o.is_ok() || *o == Err(ApplyError::Conflict))
    );
}

#[tokio::test]
async fn a_refused_neighbour_changes_nothing_for_the_others() {
    let place = Place::new().await;
    let writes = (1..=60_u8).map(|number| {
        // Every third wants the same name.
        let text = if number % 3 == 0 {
            "same".to_owned()
        } else {
            number.to_string()
        };
        changeset([Write::Insert(Arc::new(named(number, &text)))])
    });
    let outcomes = together(place.store(), writes.collect()).await;
    let refused = outcomes
        .iter()
        .filter(|o| **o == Err(ApplyError::NameTaken))
        .count();
    assert_eq!(refused, 19);
    assert_eq!(outcomes.iter().filter(|o| o.is_ok()).count(), 41);
    assert_eq!(place.store().head().0, 1 + 41);
}

#[tokio::test]
async fn what_is_too_long_to_store_fails_alone() {
    let place = Place::new().await;
    place.insert(&named(1, "kept")).await.unwrap();
    let endless = || {
        vec![custom(
            &"x".repeat(65_536),
            None,
            AttributeValue::Integer(1),
        )]
    };
    let made = |number: u8| {
        let attributes = if number.is_multiple_of(3) {
            endless()
        } else {
            vec![]
        };
        let object = Object {
            attributes,
            ..object(number)
        };
        changeset([Write::Insert(Arc::new(object))])
    };
    // Its Name is given up first; that is taken back.
    let renamed = Object {
        names: Vec::new(),
        attributes: endless(),
        attributes_version: 2,
        ..object(1)
    };
    let renamed = changeset([
        Write::Attributes(Arc::new(renamed)),
        Write::Read(id(1), NOW),
    ]);
    let changesets = std::iter::once(renamed).chain((2..=60).map(made));
    let outcomes = together(place.store(), changesets.collect()).await;
    let refused = outcomes
        .iter()
        .filter(|outcome| **outcome == Err(ApplyError::TooLong));
    assert_eq!(refused.count(), 1 + 20);
    let done = outcomes.iter().filter(|outcome| outcome.is_ok());
    assert_eq!(done.count(), 39);
    let kept = place.store().object_fresh(id(1)).await.unwrap().unwrap();
    assert_same(&kept, &named(1, "kept"));
}

#[tokio::test]
async fn many_changesets_share_one_sync() {
    let place = Place::new().await;
    let before = place.store().commits();
    let changesets = (0..500).map(|_| changeset([])).collect();
    let outcomes = together(place.store(), changesets).await;
    let mut sequences: Vec<u64> = outcomes
        .into_iter()
        .map(|outcome| outcome.unwrap().first_sequence.0)
        .collect();
    sequences.sort_unstable();
    assert_eq!(sequences, (1..=500).collect::<Vec<_>>());
    let commits = place.store().commits() - before;
    assert!(commits < 100, "{commits}");
}

#[tokio::test]
async fn a_batch_is_bounded() {
    let config = StoreConfig {
        commit_batch_max: 10,
        ..StoreConfig::default()
    };
    let place = Place::with(&config).await;
    let before = place.store().commits();
    let changesets = (0..100).map(|_| changeset([])).collect();
    together(place.store(), changesets).await;
    assert!(place.store().commits() - before >= 10);
}
