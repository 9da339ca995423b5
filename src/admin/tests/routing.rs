//! Errors about routing carry the codes of the model.

use super::*;
use crate::admin::message::routing::{
    Named, NewRoute, NewRule, ParkedSome, RouteRequest, RoutingResponse, TargetRequest,
};
use crate::audit::{Action, Data, EventFilter};
use crate::domain::TargetId;
use crate::domain::routing::{Rendering, RoutingLimits, Target};
use crate::store::changeset::Write;
use crate::store::{Cursor, Delivered, Parked, Sequence};

fn route(name: &str, targets: &[&str]) -> Request {
    let rule = NewRule {
        locations: vec!["*".to_owned()],
        targets: targets.iter().map(|&name| name.to_owned()).collect(),
    };
    Request::Route(RouteRequest::Create(NewRoute {
        name: name.to_owned(),
        rules: vec![rule],
    }))
}

#[tokio::test]
async fn errors_have_the_codes_of_the_model() {
    let world = world().await;
    let limits = RoutingLimits {
        routes_max: 1,
        ..RoutingLimits::default()
    };
    let admin = Arc::into_inner(world.admin).unwrap();
    let admin = admin.with_routing_limits(limits);
    let code = async |request| {
        let refused = admin.run(user(), request).await.unwrap_err();
        refused.code().to_owned()
    };
    let named = || Named {
        name: "none".to_owned(),
    };
    assert_eq!(code(route("a", &["none"])).await, "invalid_value");
    admin.run(user(), route("a", &[])).await.unwrap();
    assert_eq!(code(route("a", &[])).await, "name_taken");
    assert_eq!(code(route("b", &[])).await, "route_limit_reached");
    let show = Request::Route(RouteRequest::Show(named()));
    assert_eq!(code(show).await, "not_found");
    let remove = Request::Target(Box::new(TargetRequest::Remove(named())));
    assert_eq!(code(remove).await, "not_found");
}

/// A target `log` that has refused so many events, every other one from the first.
async fn target_with_parked(world: &World, count: u64) -> TargetId {
    let id = TargetId::from_bytes([7; 16]);
    let target = Target {
        id,
        name: "log".to_owned(),
        target_type: "file".to_owned(),
        region: None,
        rendering: Rendering::Sealed,
        endpoint: "{}".to_owned(),
        created: NOW,
        updated: NOW,
        version: 1,
    };
    let deed = Deed {
        action: Action::TargetCreate,
        initiator: user(),
        target: id.to_string(),
        scope: world.admin.global_scope().unwrap(),
        request: Data::new(),
    };
    let write = Write::Target(Box::new(target), Vec::new());
    world.admin.commit(deed, vec![write]).await.unwrap();
    let parked = |number| Parked {
        sequence: Sequence(2 * number),
        reason: "no".to_owned(),
        parked_ms: 1,
        is_due: false,
    };
    let advanced = Delivered::Advanced {
        from: None,
        to: Cursor {
            epoch: 1,
            next: Sequence(2 * count),
            checkpoint: 0,
        },
        parked: (0..count).map(parked).collect(),
    };
    world
        .admin
        .store
        .keep_delivered(id, advanced)
        .await
        .unwrap();
    id
}

#[tokio::test]
async fn every_event_that_is_given_up_is_named_in_the_trail() {
    let world = world().await;
    let id = target_with_parked(&world, 1201).await;
    let before = world.admin.store.head();
    let drop_all = TargetRequest::Drop(ParkedSome {
        target: "log".to_owned(),
        sequence: None,
    });
    let answer = world.run(Request::Target(Box::new(drop_all))).await;
    let Ok(Response::Routing(RoutingResponse::Dropped(dropped))) = answer else {
        panic!("it is carried out: {answer:?}");
    };
    assert_eq!((dropped.dropped, dropped.target.parked), (1201, 0));
    assert_eq!(world.admin.store.parked_count(id).await.unwrap(), 0);
    let all = EventFilter::default();
    let events = world.admin.store.events(before, 10, &all).await.unwrap();
    let mut named = Vec::new();
    for stored in events.events {
        let mut json = Vec::new();
        stored.event.write_json(&mut json);
        let event: serde_json::Value = serde_json::from_slice(&json).unwrap();
        assert_eq!(event["action"], "vmware-solutions.routing-target.drop");
        let sequences = event["requestData"]["sequences"].as_array().unwrap();
        assert_eq!(event["requestData"]["count"], sequences.len());
        named.extend(sequences.iter().map(|number| number.as_u64().unwrap()));
    }
    assert!(named.into_iter().eq((0..1201).map(|number| 2 * number)));
}

#[tokio::test]
async fn a_test_record_and_another_try_are_events() {
    let world = world().await;
    target_with_parked(&world, 3).await;
    let retry = |sequence| {
        TargetRequest::Retry(ParkedSome {
            target: "log".to_owned(),
            sequence,
        })
    };
    let validate = TargetRequest::Validate(Named {
        name: "log".to_owned(),
    });
    for (request, told) in [
        (retry(None), ("count", 3)),
        (retry(Some(2)), ("sequence", 2)),
    ] {
        world.run(Request::Target(Box::new(request))).await.unwrap();
        let event = world.last().await;
        assert_eq!(event["action"], "vmware-solutions.routing-target.retry");
        assert_eq!(event["requestData"][told.0], told.1);
    }
    // It is recorded that it is sent, whatever becomes of it.
    world
        .run(Request::Target(Box::new(validate)))
        .await
        .unwrap();
    let event = world.last().await;
    assert_eq!(event["action"], "vmware-solutions.routing-target.validate");
    assert_eq!(event["requestData"]["name"], "log");
}
