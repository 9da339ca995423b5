//! Keys through the router.

use super::*;

#[tokio::test]
async fn keys_are_listed_by_vcenters_names() {
    let world = world().await;
    let first = world.insert_key(1, State::Active, "web-01").await;
    let second = world.insert_key(2, State::PreActive, "db-01").await;
    let all = world
        .keys(KeyList {
            limit: 10,
            ..KeyList::default()
        })
        .await;
    assert_eq!(
        identifiers(&all.keys),
        [first.to_string(), second.to_string()]
    );
    assert_eq!(all.next, None);
    let only = |request: KeyList| {
        world.keys(KeyList {
            limit: 10,
            ..request
        })
    };
    let named = only(KeyList {
        name: Some("DB".into()),
        ..KeyList::default()
    })
    .await;
    assert_eq!(identifiers(&named.keys), [second.to_string()]);
    let active = only(KeyList {
        state: Some("active".into()),
        ..KeyList::default()
    })
    .await;
    assert_eq!(identifiers(&active.keys), [first.to_string()]);
    let exact = only(KeyList {
        identifier: Some("uuid-2".into()),
        ..KeyList::default()
    })
    .await;
    assert_eq!(identifiers(&exact.keys), [second.to_string()]);
}

#[tokio::test]
async fn keys_are_listed_in_pages() {
    let world = world().await;
    let first = world.insert_key(1, State::Active, "web-01").await;
    let second = world.insert_key(2, State::PreActive, "db-01").await;
    let page = world
        .keys(KeyList {
            limit: 1,
            ..KeyList::default()
        })
        .await;
    assert_eq!(identifiers(&page.keys), [first.to_string()]);
    let page = world
        .keys(KeyList {
            limit: 1,
            after: page.next,
            ..KeyList::default()
        })
        .await;
    assert_eq!(identifiers(&page.keys), [second.to_string()]);
}

#[tokio::test]
async fn a_page_of_few_is_found_in_few_reads_and_goes_on_after_its_last() {
    assert!(super::super::keys::at_once(1) >= 100);
    assert_eq!(super::super::keys::at_once(1000), 1000);
    let world = world().await;
    for number in 1..=5 {
        let name = if number % 2 == 0 { "web" } else { "db" };
        world.insert_key(number, State::Active, name).await;
    }
    let (mut after, mut found) = (None, 0);
    loop {
        let request = KeyList {
            limit: 1,
            name: Some("db".into()),
            after,
            ..KeyList::default()
        };
        let page = world.keys(request).await;
        found += page.keys.len();
        assert!(page.keys.len() <= 1);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(found, 3);
}

#[tokio::test]
async fn a_key_is_shown_with_vcenters_names_and_an_unknown_one_is_not_found() {
    let world = world().await;
    let first = world.insert_key(1, State::Active, "web-01").await;
    let shown = world
        .run(Request::KeyShow {
            id: first.to_string(),
        })
        .await
        .unwrap();
    let Response::Key(key) = shown else {
        panic!("not a key")
    };
    assert_eq!(key.x_name.as_deref(), Some("web-01"));
    assert_eq!(key.x_component.as_deref(), Some("Virtual Machine"));
    assert_eq!(key.attributes, [("x-Vendor".to_owned(), "V".to_owned())]);
    for id in ["44", "01a20899-fde2-7b8a-9708-824b087aff04"] {
        let error = world
            .run(Request::KeyShow { id: id.into() })
            .await
            .unwrap_err();
        assert_eq!(error.kind, ErrorKind::NotFound);
    }
    let wrong = KeyList {
        state: Some("actve".into()),
        ..KeyList::default()
    };
    let error = world.run(Request::KeyList(wrong)).await.unwrap_err();
    assert!(error.message.contains("`actve` is none of"), "{error}");
}
