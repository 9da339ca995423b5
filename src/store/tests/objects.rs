//! Objects: written, changed, read and found.

use super::locating::{by_name, found};
use super::*;

#[tokio::test]
async fn an_object_reads_back_as_written() {
    let mut place = Place::new().await;
    let bare = Object {
        digest: None,
        algorithm: None,
        length: None,
        ..object(2)
    };
    for object in [full(1), bare] {
        place.insert(&object).await.unwrap();
        assert_same(&place.store().cached(object.id).unwrap(), &object);
        assert_same(
            &place
                .store()
                .object_fresh(object.id)
                .await
                .unwrap()
                .unwrap(),
            &object,
        );
    }
    let reopened = place.reopen();
    assert!(reopened.cached(id(1)).is_none());
    assert_same(&reopened.object(id(1)).await.unwrap().unwrap(), &full(1));
    assert_same(&reopened.cached(id(1)).unwrap(), &full(1));
    assert!(reopened.object(id(9)).await.unwrap().is_none());
}

#[tokio::test]
async fn state_and_attributes_are_written_apart() {
    let place = Place::new().await;
    let before = named(1, "before");
    place.insert(&before).await.unwrap();
    let activated = Object {
        state: State::Active,
        state_version: 2,
        dates: Dates {
            activation: Some(NOW),
            ..before.dates.clone()
        },
        ..before.clone()
    };
    let renamed = Object {
        names: vec![name(1, "after")],
        attributes: vec![custom("x-a", Some(0), AttributeValue::Integer(1))],
        attributes_version: 2,
        dates: Dates {
            last_change: NOW + 5,
            ..before.dates.clone()
        },
        ..before.clone()
    };
    // Both were decided from the same object: neither undoes the other.
    place
        .apply([Write::Attributes(Arc::new(renamed.clone()))])
        .await
        .unwrap();
    place
        .apply([Write::State(Arc::new(activated.clone()))])
        .await
        .unwrap();
    let expected = Object {
        state: State::Active,
        state_version: 2,
        dates: Dates {
            last_change: NOW + 5,
            ..activated.dates
        },
        ..renamed
    };
    assert_same(&place.store().cached(id(1)).unwrap(), &expected);
    assert_same(
        &place.store().object_fresh(id(1)).await.unwrap().unwrap(),
        &expected,
    );
}

#[tokio::test]
async fn a_change_of_what_is_not_cached_is_cached_whole() {
    let mut place = Place::new().await;
    place.insert(&full(1)).await.unwrap();
    place.reopen();
    let changed = Object {
        state: State::Deactivated,
        ..full(1)
    };
    place
        .apply([Write::State(Arc::new(changed.clone()))])
        .await
        .unwrap();
    // Over a server it is not read again for that.
    if place.url.is_none() {
        assert_same(&place.store().cached(id(1)).unwrap(), &changed);
    }
    assert_same(
        &place.store().object(id(1)).await.unwrap().unwrap(),
        &changed,
    );
}

#[tokio::test]
async fn reading_clears_fresh_and_moves_no_version() {
    let place = Place::new().await;
    place.insert(&object(1)).await.unwrap();
    place.apply([Write::Read(id(1), NOW + 7)]).await.unwrap();
    let expected = Object {
        fresh: false,
        last_read: Some(NOW + 7),
        ..object(1)
    };
    assert_same(&place.store().cached(id(1)).unwrap(), &expected);
    assert_same(
        &place.store().object_fresh(id(1)).await.unwrap().unwrap(),
        &expected,
    );
}

#[tokio::test]
async fn a_destroyed_object_loses_its_material_and_frees_its_name() {
    let place = Place::new().await;
    let first = named(1, "disk");
    place.insert(&first).await.unwrap();
    assert_eq!(
        place.insert(&named(2, "disk")).await,
        Err(ApplyError::NameTaken)
    );
    // Even if the material was left in the object.
    let gone = Object {
        material: first.material.clone(),
        ..destroyed(&first)
    };
    place.apply([Write::State(Arc::new(gone))]).await.unwrap();
    assert!(
        place
            .store()
            .object_fresh(id(1))
            .await
            .unwrap()
            .unwrap()
            .material
            .is_none()
    );
    assert!(place.store().cached(id(1)).unwrap().material.is_none());
    assert_eq!(
        place.store().name_holder(instance_id(1), "disk").await,
        Ok(None)
    );
    place.insert(&named(2, "disk")).await.unwrap();
    assert_eq!(
        place.store().name_holder(instance_id(1), "disk").await,
        Ok(Some(id(2)))
    );
    assert_eq!(found(&place, by_name("disk", false)).await, [id(1), id(2)]);
    assert_eq!(found(&place, by_name("disk", true)).await, [id(2)]);
    // Tagging a destroyed object does not bring its name back to life.
    let tagged = Object {
        names: vec![name(0, "disk"), name(1, "more")],
        attributes_version: 2,
        ..destroyed(&first)
    };
    place
        .apply([Write::Attributes(Arc::new(tagged))])
        .await
        .unwrap();
    assert_eq!(
        place.store().name_holder(instance_id(1), "disk").await,
        Ok(Some(id(2)))
    );
}

#[tokio::test]
async fn names_are_unique_per_instance() {
    let place = Place::new().await;
    place.apply([Write::Instance(instance(2))]).await.unwrap();
    place.insert(&named(1, "disk")).await.unwrap();
    let elsewhere = Object {
        instance: instance_id(2),
        ..named(2, "disk")
    };
    place.insert(&elsewhere).await.unwrap();
    place.insert(&named(3, "other")).await.unwrap();
    let renamed = Object {
        names: vec![name(0, "disk")],
        ..object(3)
    };
    let refused = place.apply([Write::Attributes(Arc::new(renamed))]).await;
    assert_eq!(refused, Err(ApplyError::NameTaken));
    assert_eq!(
        place.store().name_holder(instance_id(1), "other").await,
        Ok(Some(id(3)))
    );
}

#[tokio::test]
async fn a_changeset_refused_halfway_leaves_nothing() {
    let place = Place::new().await;
    place.insert(&named(1, "disk")).await.unwrap();
    let (head, commits) = (place.store().head(), place.store().commits());
    let writes = [
        object(2),
        Object {
            names: vec![name(0, "x"), name(1, "disk")],
            ..object(3)
        },
    ];
    let refused = place
        .apply(writes.map(|object| Write::Insert(Arc::new(object))))
        .await;
    assert_eq!(refused, Err(ApplyError::NameTaken));
    for number in [2, 3] {
        assert!(place.store().object(id(number)).await.unwrap().is_none());
    }
    assert_eq!(
        place.store().name_holder(instance_id(1), "x").await,
        Ok(None)
    );
    assert_eq!(
        (place.store().head(), place.store().commits()),
        (head, commits)
    );
    // One changeset that takes a name twice.
    let writes = [named(4, "y"), named(5, "y")].map(|object| Write::Insert(Arc::new(object)));
    assert_eq!(place.apply(writes).await, Err(ApplyError::NameTaken));
    place.insert(&named(4, "y")).await.unwrap();
}

#[tokio::test]
async fn what_is_there_or_missing_is_said() {
    let place = Place::new().await;
    place.insert(&object(1)).await.unwrap();
    assert_eq!(
        place.insert(&object(1)).await,
        Err(ApplyError::Exists(Thing::Object))
    );
    let nowhere = Object {
        instance: instance_id(8),
        ..object(2)
    };
    assert_eq!(
        place.insert(&nowhere).await,
        Err(ApplyError::Missing(Thing::Instance))
    );
    for write in [
        Write::State(Arc::new(object(3))),
        Write::Attributes(Arc::new(object(3))),
    ] {
        assert_eq!(
            place.apply([write]).await,
            Err(ApplyError::Missing(Thing::Object))
        );
    }
}

#[tokio::test]
async fn names_are_traded_within_a_changeset_in_any_order() {
    let place = Place::new().await;
    place.insert(&named(1, "one")).await.unwrap();
    place.insert(&named(2, "two")).await.unwrap();
    let renamed = |number, text: &str| Object {
        names: vec![name(0, text)],
        attributes_version: 2,
        ..object(number)
    };
    let trade = [renamed(1, "two"), renamed(2, "one")];
    place
        .apply(trade.map(|object| Write::Attributes(Arc::new(object))))
        .await
        .unwrap();
    let holder = async |text| place.store().name_holder(instance_id(1), text).await;
    assert_eq!(holder("one").await, Ok(Some(id(2))));
    assert_eq!(holder("two").await, Ok(Some(id(1))));
    // The one that takes the name comes before the one that is destroyed.
    let taken = Write::Attributes(Arc::new(Object {
        attributes_version: 3,
        ..renamed(2, "two")
    }));
    let gone = Write::State(Arc::new(destroyed(&renamed(1, "two"))));
    place.apply([taken, gone]).await.unwrap();
    assert_eq!(holder("two").await, Ok(Some(id(2))));
    assert_eq!(holder("one").await, Ok(None));
}

/// An object with a custom attribute of so many bytes.
fn large(number: u8, bytes: usize) -> Object {
    let value = AttributeValue::Bytes(vec![number; bytes]);
    Object {
        attributes: vec![custom("x-Large", None, value)],
        ..object(number)
    }
}

#[tokio::test]
async fn large_objects_take_the_place_of_several_in_memory() {
    let config = StoreConfig {
        cache_objects: 30,
        ..StoreConfig::default()
    };
    let place = Place::with(&config).await;
    let cached = |numbers: std::ops::Range<u8>| {
        let store = place.store();
        numbers
            .filter(|number| store.cached(id(*number)).is_some())
            .count()
    };
    let attributes: Vec<_> = (0..8)
        .map(|number| {
            let value = AttributeValue::Text("v".repeat(40));
            custom(&format!("x-Attribute-{number}"), None, value)
        })
        .collect();
    for number in 1..21 {
        let attributes = attributes.clone();
        let usual = Object {
            attributes,
            ..object(number)
        };
        place.insert(&usual).await.unwrap();
    }
    assert_eq!(cached(1..21), 20, "as many as there are");
    for number in 21..61 {
        place.insert(&large(number, 8 * 1024)).await.unwrap();
    }
    let kept = cached(21..61);
    assert!((1..=6).contains(&kept), "{kept} objects that count as five");
    // What is too large for all of it is read each time.
    let huge = large(61, 100 * 1024);
    place.insert(&huge).await.unwrap();
    assert!(place.store().cached(huge.id).is_none());
    assert_same(
        &place.store().object(huge.id).await.unwrap().unwrap(),
        &huge,
    );
}

#[tokio::test]
async fn a_look_ends_early_over_large_objects() {
    let place = Place::new().await;
    for object in [object(1), object(2), large(3, 2 << 20), object(4)] {
        place.insert(&object).await.unwrap();
    }
    let look = |numbers: Vec<u8>| {
        let ids = numbers.into_iter().map(id).collect();
        place.store().look_through(ids, |object| object.id != id(1))
    };
    let first = look(vec![1, 9, 2, 3, 4]).await.unwrap();
    assert_eq!((first.matching, first.passed), (vec![id(2), id(3)], 4));
    let rest = look(vec![4]).await.unwrap();
    assert_eq!((rest.matching, rest.passed), (vec![id(4)], 1));
}
