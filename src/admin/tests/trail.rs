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
