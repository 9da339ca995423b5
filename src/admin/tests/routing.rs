//! Errors about routing carry the codes of the model.

use super::*;
use crate::admin::message::routing::{Named, NewRoute, NewRule, RouteRequest, TargetRequest};
use crate::domain::routing::RoutingLimits;

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
