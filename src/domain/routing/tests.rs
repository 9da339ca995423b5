//! Which targets events go to, and what a routing may hold.

use super::*;
use crate::domain::Scope;

/// The targets of the events of a location.
fn targets_of(routing: &Routing, location: &str) -> Vec<TargetId> {
    let scope = Scope {
        crn_prefix: Scope::DEFAULT_CRN_PREFIX.to_owned(),
        account: Scope::DEFAULT_ACCOUNT.to_owned(),
        location: location.to_owned(),
        instance: String::new(),
    };
    routing.targets_of(&scope, "local")
}

fn id(number: u8) -> TargetId {
    TargetId::from_bytes([number; 16])
}

fn target(number: u8) -> Target {
    Target {
        id: id(number),
        name: format!("t{number}"),
        target_type: "file".to_owned(),
        region: None,
        endpoint: "{}".to_owned(),
        created: 0,
        updated: 0,
        version: 1,
    }
}

fn route(name: &str, rules: &[(&[&str], &[u8])]) -> Route {
    let rule = |(locations, targets): &(&[&str], &[u8])| Rule {
        locations: locations.iter().map(|&name| name.to_owned()).collect(),
        target_ids: targets.iter().map(|number| id(*number)).collect(),
    };
    Route {
        id: RouteId::from_bytes([name.as_bytes()[0]; 16]),
        name: name.to_owned(),
        rules: rules.iter().map(rule).collect(),
        created: 0,
        updated: 0,
        version: 1,
    }
}

fn routing() -> Routing {
    Routing {
        targets: (1..=5).map(target).collect(),
        routes: vec![
            route(
                "a",
                &[
                    (&["eu-de"], &[1]),
                    (&["global"], &[2]),
                    (&["us-south"], &[]),
                    (&["jp-tok", "*"], &[3]),
                ],
            ),
            route("bb", &[(&["eu-de-1", "eu-de"], &[1, 4])]),
        ],
        settings: RoutingSettings {
            default_targets: vec![id(5)],
            ..RoutingSettings::default()
        },
    }
}

#[test]
fn the_first_rule_of_each_route_decides() {
    let routing = routing();
    let goes = |location, targets: &[u8]| {
        let targets: Vec<_> = targets.iter().map(|number| id(*number)).collect();
        assert_eq!(targets_of(&routing, location), targets, "{location}");
    };
    goes("eu-de", &[1, 4]);
    goes("eu-de-1", &[1, 4]);
    goes("eu-der", &[3]);
    // By its old name.
    goes("eu-central", &[1, 4]);
    goes("", &[2]);
    goes("us-south", &[]);
    goes("local", &[3]);
    // No events are generated there.
    goes("eu-gb", &[]);
}

#[test]
fn what_no_rule_matches_goes_to_the_default_targets() {
    let mut routing = routing();
    routing.routes.remove(0);
    assert_eq!(targets_of(&routing, "local"), [id(5)]);
    assert_eq!(targets_of(&routing, "eu-de"), [id(1), id(4)]);
    routing.settings.default_targets.clear();
    assert_eq!(targets_of(&routing, "local"), []);
}

#[test]
fn a_target_in_use_cannot_be_removed_and_names_are_unique() {
    let routing = routing();
    let used = routing.check_unused(id(4)).unwrap_err();
    assert!(used.to_string().contains("route `bb`"), "{used}");
    assert!(
        routing
            .check_unused(id(5))
            .unwrap_err()
            .to_string()
            .contains("the settings")
    );
    assert_eq!(routing.check_unused(id(9)), Ok(()));
    assert_eq!(
        routing.check_new_target("t1").unwrap_err().code(),
        "conflict"
    );
    assert_eq!(
        routing.check_new_target("a/b").unwrap_err().code(),
        "invalid_value"
    );
    let full = Routing {
        targets: (0..16).map(target).collect(),
        ..Routing::default()
    };
    assert_eq!(
        full.check_new_target("one more").unwrap_err().code(),
        "target_limit_reached"
    );
}

#[test]
fn rules_are_checked() {
    let routing = routing();
    let problem = |rules: &[(&[&str], &[u8])]| {
        routing
            .check_route("new", &route("new", rules).rules, None)
            .unwrap_err()
            .to_string()
    };
    assert!(problem(&[]).starts_with("rules: "));
    assert!(problem(&[(&[], &[1])]).starts_with("locations: "));
    assert!(problem(&[(&["EU"], &[1])]).starts_with("locations: "));
    assert!(problem(&[(&["*"], &[1, 2, 3, 4])]).starts_with("target_ids: "));
    assert!(problem(&[(&["*"], &[9])]).starts_with("target_ids: "));
    let fine = route("a", &[(&["*"], &[1])]);
    assert!(
        routing.check_route("a", &fine.rules, None).is_err(),
        "the name is taken"
    );
    let own = routing.routes[0].id;
    assert_eq!(routing.check_route("a", &fine.rules, Some(own)), Ok(()));
    assert!(
        routing
            .check_default_targets(&[id(1), id(2), id(3)])
            .is_err()
    );
}
