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
    routing.targets_of(&scope, false, "local")
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
        rendering: Rendering::Sealed,
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
fn checkpoints_go_where_something_is_routed() {
    let mut routing = routing();
    let gets = |routing: &Routing, number, home| routing.gets_checkpoints(id(number), home);
    // Of rules and of the settings; a target that nothing names gets none.
    routing.targets.push(target(6));
    for number in 1..=5 {
        assert!(gets(&routing, number, "local"), "{number}");
        for home in ["eu-gb", "uk-south"] {
            assert!(!gets(&routing, number, home), "{number} in {home}");
        }
    }
    assert!(!gets(&routing, 6, "local"));
    routing.settings.default_targets.clear();
    assert!(!gets(&routing, 5, "local"));
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
    let limits = RoutingLimits::default();
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
        routing.check_new_target("t1", &limits).unwrap_err().code(),
        "name_taken"
    );
    assert_eq!(
        routing.check_new_target("a/b", &limits).unwrap_err().code(),
        "invalid_value"
    );
    let full = Routing {
        targets: (0..16).map(target).collect(),
        ..Routing::default()
    };
    assert_eq!(
        full.check_new_target("one more", &limits)
            .unwrap_err()
            .code(),
        "target_limit_reached"
    );
}

#[test]
fn rules_are_checked() {
    let routing = routing();
    let problem = |rules: &[(&[&str], &[u8])]| {
        routing
            .check_route(
                "new",
                &route("new", rules).rules,
                None,
                &RoutingLimits::default(),
            )
            .unwrap_err()
            .to_string()
    };
    assert!(problem(&[]).starts_with("rules: "));
    assert!(problem(&[(&[], &[1])]).starts_with("locations: "));
    assert!(problem(&[(&["EU"], &[1])]).starts_with("locations: "));
    assert!(problem(&[(&["*"], &[1, 2, 3, 4])]).starts_with("target_ids: "));
    assert!(problem(&[(&["*"], &[9])]).starts_with("target_ids: "));
    let limits = RoutingLimits::default();
    let fine = route("a", &[(&["*"], &[1])]);
    assert!(
        routing
            .check_route("a", &fine.rules, None, &limits)
            .is_err(),
        "the name is taken"
    );
    let own = routing.routes[0].id;
    assert_eq!(
        routing.check_route("a", &fine.rules, Some(own), &limits),
        Ok(())
    );
}

#[test]
fn what_a_rule_names_is_a_place_and_its_parts_by_all_their_names() {
    use super::decision::matches;
    for (pattern, location, expected) in [
        ("*", "eu-de", true),
        ("*", "global", true),
        ("global", "global", true),
        ("global", "eu-de", false),
        ("eu-de", "global", false),
        ("glo", "global", false),
        ("eu-de", "eu-de", true),
        ("eu-de", "eu-de-1", true),
        ("eu-de", "eu-der", false),
        ("eu-de-1", "eu-de", false),
        ("eu", "eu-de", true),
        ("eu-de", "eu-central", true),
        ("eu-central", "eu-de", true),
        ("eu-central", "eu-de-2", true),
        ("eu-de", "eu-central-2", true),
        ("ap", "ap-north", true),
        ("jp", "ap-north", true),
        ("rack.7", "rack.7", true),
        ("rack.7", "rack.70", false),
        ("local", "us-south", false),
    ] {
        assert_eq!(matches(pattern, location), expected, "{pattern} {location}");
    }
}

#[test]
fn the_extended_set_is_kept_back_where_the_settings_say_so() {
    let scope = |location: &str| Scope {
        crn_prefix: String::new(),
        account: String::new(),
        location: location.to_owned(),
        instance: String::new(),
    };
    let mut routing = routing();
    assert_eq!(
        routing.targets_of(&scope("eu-de"), true, "local"),
        [id(1), id(4)]
    );
    routing.settings.extended_events = false;
    assert_eq!(routing.targets_of(&scope("eu-de"), true, "local"), []);
    assert_eq!(
        routing.targets_of(&scope("eu-de"), false, "local"),
        [id(1), id(4)]
    );
    // Global events are generated where the server is.
    assert_eq!(routing.targets_of(&scope("global"), false, "eu-gb"), []);
    assert_eq!(
        routing.targets_of(&scope("global"), false, "eu-de"),
        [id(2)]
    );
}

#[test]
fn each_limit_has_its_code_and_names_its_setting() {
    let limits = RoutingLimits {
        targets_max: 5,
        default_targets_max: 1,
        routes_max: 2,
        rules_per_route_max: 2,
        locations_per_rule_max: 2,
        targets_per_rule_max: 2,
    };
    let routing = routing();
    let settings = |targets: &[u8]| RoutingSettings {
        default_targets: targets.iter().map(|number| id(*number)).collect(),
        ..RoutingSettings::default()
    };
    let of_route = |rules: &[(&[&str], &[u8])], replaces| {
        let rules = route("new", rules).rules;
        routing.check_route("new", &rules, replaces, &limits)
    };
    let own = Some(routing.routes[0].id);
    let one: (&[&str], &[u8]) = (&["*"], &[1]);
    for (outcome, code, setting) in [
        (
            routing.check_new_target("new", &limits),
            "target_limit_reached",
            "targets-max",
        ),
        (
            routing.check_settings(&settings(&[1, 2]), &limits),
            "default_target_limit_reached",
            "default-targets-max",
        ),
        (of_route(&[one], None), "route_limit_reached", "routes-max"),
        (
            of_route(&[one, one, one], own),
            "rule_limit_reached",
            "rules-per-route-max",
        ),
        (
            of_route(&[(&["a", "b", "c"], &[1])], own),
            "location_limit_reached",
            "locations-per-rule-max",
        ),
        (
            of_route(&[(&["*"], &[1, 2, 3])], own),
            "rule_target_limit_reached",
            "targets-per-rule-max",
        ),
    ] {
        let error = outcome.unwrap_err();
        assert_eq!(error.code(), code);
        assert!(error.to_string().contains(setting), "{error}");
    }
    assert_eq!(of_route(&[one, one], own), Ok(()));
    assert_eq!(routing.check_settings(&settings(&[1]), &limits), Ok(()));
    let defaults = RoutingLimits::default();
    assert_eq!(
        (
            defaults.targets_max,
            defaults.default_targets_max,
            defaults.routes_max
        ),
        (16, 2, 30)
    );
    assert_eq!(
        (
            defaults.rules_per_route_max,
            defaults.locations_per_rule_max,
            defaults.targets_per_rule_max
        ),
        (10, 8, 3)
    );
}

#[test]
fn settings_and_names_are_checked() {
    let mut routing = routing();
    let limits = RoutingLimits::default();
    let problem = |settings: &RoutingSettings| {
        let error = routing.check_settings(settings, &limits).unwrap_err();
        assert_eq!(error.code(), "invalid_value");
        error.to_string()
    };
    let defaults = RoutingSettings::default;
    assert!(
        problem(&RoutingSettings {
            default_targets: vec![id(9)],
            ..defaults()
        })
        .starts_with("default_targets: ")
    );
    let wrong = Some("EU".to_owned());
    assert!(
        problem(&RoutingSettings {
            metadata_region_primary: wrong.clone(),
            ..defaults()
        })
        .starts_with("metadata_region_primary: ")
    );
    assert!(
        problem(&RoutingSettings {
            metadata_region_backup: wrong,
            ..defaults()
        })
        .starts_with("metadata_region_backup: ")
    );
    let wrong = vec!["eu de".to_owned()];
    assert!(
        problem(&RoutingSettings {
            permitted_target_regions: wrong,
            ..defaults()
        })
        .starts_with("permitted_target_regions: ")
    );

    let longest = "a".repeat(1000);
    for name in ["a", "A b-c._:1", &longest] {
        assert_eq!(check_name(name), Ok(()), "{name}");
    }
    let long = "a".repeat(1001);
    let identifier = id(1).to_string();
    for name in [
        "",
        " ",
        "a/b",
        "a\n",
        "münchen",
        &long,
        &identifier,
        &identifier.to_uppercase(),
    ] {
        assert!(check_name(name).is_err(), "{name:?}");
    }

    assert_eq!(routing.check_region(None), Ok(()));
    routing.settings.permitted_target_regions = vec!["eu-de".to_owned()];
    let missing = routing.check_region(None).unwrap_err().to_string();
    assert_eq!(missing, "region: is missing: the settings permit eu-de");
    assert_eq!(routing.check_region(Some("eu-central")), Ok(()));
    let error = routing
        .check_region(Some("us-south"))
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("region: ") && error.contains("eu-de"),
        "{error}"
    );
}
