//! The trail through the router.

use super::*;

#[tokio::test]
async fn founding_an_instance_is_a_global_event() {
    let world = world().await;
    let trail = world.trail(0).await;
    assert_eq!(trail.len(), 1);
    assert_eq!(trail[0]["action"], "vmware-solutions.service.create");
    assert_eq!(trail[0]["initiator"]["id"], "LocalUser-1000");
    assert_eq!(trail[0]["requestData"]["instance"], "default");
    let crn = "crn:v1:bluemix:public:vmware-solutions::a/acc:::";
    assert_eq!(trail[0]["logSourceCRN"], crn);
}

#[tokio::test]
async fn whoever_follows_the_trail_is_woken_by_the_next_event() {
    let world = world().await;
    let request = EventsFrom {
        from: 1,
        limit: 10,
        wait_ms: 10_000,
        ..EventsFrom::default()
    };
    let admin = Arc::clone(&world.admin);
    let follower = tokio::spawn(async move { admin.run(user(), Request::Events(request)).await });
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!follower.is_finished());
    let made = own_certificate("vc");
    world
        .add(addition("vc", &made.certificate_pem))
        .await
        .unwrap();
    let woken = tokio::time::timeout(Duration::from_secs(5), follower)
        .await
        .unwrap()
        .unwrap();
    let Response::Events(page) = woken.unwrap() else {
        panic!("not events")
    };
    assert_eq!((page.events.len(), page.next, page.head), (1, 2, 2));
    assert!(
        page.events[0].line.contains("kmip-client.add"),
        "{}",
        page.events[0].line
    );
}

#[tokio::test]
async fn a_follower_is_answered_with_nothing_when_its_time_is_over() {
    let world = world().await;
    let filter = EventFilter {
        client: Some("nobody".into()),
        ..EventFilter::default()
    };
    let request = EventsFrom {
        from: 0,
        limit: 10,
        wait_ms: 30,
        filter,
    };
    let answer = world.run(Request::Events(request)).await.unwrap();
    let Response::Events(page) = answer else {
        panic!("not events")
    };
    assert_eq!((page.events.len(), page.next), (0, 1));
}

#[tokio::test]
async fn hashes_are_given_of_nodes_that_there_are_and_of_a_bounded_number() {
    let world = world().await;
    let ask = |nodes: Vec<std::ops::Range<u64>>| {
        world.run(Request::TreeNodes(message::TreeNodes { nodes }))
    };
    let hashes = ask(vec![0..1, 0..1]).await.unwrap();
    let Response::TreeHashes(hashes) = hashes else {
        panic!("not hashes")
    };
    assert_eq!(hashes.hashes.len(), 2);
    let many = std::iter::repeat_n(0..1, 129).collect();
    let backwards = std::ops::Range { start: 1, end: 0 };
    for wrong in [
        vec![0..1, 0..2],
        vec![0..1, 0..0],
        vec![0..1, backwards],
        vec![0..1, 1..u64::MAX],
        many,
    ] {
        let refused = ask(wrong.clone()).await.unwrap_err();
        assert_eq!(refused.kind, ErrorKind::Invalid, "{wrong:?}");
    }
}

#[tokio::test]
async fn a_page_ends_with_its_bytes_and_goes_on_where_it_ended() {
    let world = world().await;
    let head = world.admin.store.head().0;
    for _ in 0..90 {
        let request = serde_json::json!({"action": "vcs.create", "outcome": "success", "target": {"id": "v"},
            "requestData": {"a": "x".repeat(15_000)}});
        let request = serde_json::from_value(request).unwrap();
        let request = Request::EventRecord(Box::new(request));
        world.run(request).await.unwrap();
    }
    let (mut next, mut seen) = (head, 0);
    while next < head + 90 {
        let request = EventsFrom {
            from: next,
            limit: 1000,
            ..EventsFrom::default()
        };
        let Response::Events(page) = world.run(Request::Events(request)).await.unwrap() else {
            panic!("not events");
        };
        let bytes: usize = page.events.iter().map(|event| event.json.len()).sum();
        assert!(bytes < 1024 * 1024 + Event::BYTES_MAX, "{bytes}");
        assert_eq!(page.events[0].sequence, next, "nothing is left out");
        (next, seen) = (page.next, seen + page.events.len());
    }
    assert_eq!(seen, 90);
}
