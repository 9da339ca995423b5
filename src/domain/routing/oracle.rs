//! The decision against one that was written another way, over many routings that were drawn.

use std::collections::BTreeSet;

use super::*;
use crate::domain::Scope;
use crate::domain::location::LOCATIONS;

/// A source of numbers that are the same in each run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        usize::try_from(self.0 >> 33).unwrap() % sides
    }

    fn some<T: Clone>(&mut self, of: &[T], most: usize) -> Vec<T> {
        let count = self.below(most + 1);
        (0..count)
            .map(|_| of[self.below(of.len())].clone())
            .collect()
    }
}

const PLACES: &[&str] = &[
    "",
    "global",
    "eu-de",
    "eu-de-1",
    "eu-central",
    "eu-central-2",
    "eu-gb",
    "uk-south",
    "us-south",
    "us-east",
    "jp-tok",
    "ap-north",
    "local",
    "rack.7",
    "eu",
    "eu-der",
];

const PATTERNS: &[&str] = &[
    "*",
    "global",
    "eu-de",
    "eu-de-1",
    "eu-central",
    "eu",
    "us",
    "us-south",
    "jp-tok",
    "ap-north",
    "local",
    "rack.7",
    "eu-gb",
];

/// The place by today's name, in parts.
fn parts(name: &str) -> Vec<String> {
    let mut today = name.to_owned();
    for location in LOCATIONS {
        let Some(alias) = location.alias else {
            continue;
        };
        if name == alias {
            location.name.clone_into(&mut today);
        } else if let Some(rest) = name.strip_prefix(&format!("{alias}-")) {
            today = format!("{}-{rest}", location.name);
        }
    }
    today.split('-').map(str::to_owned).collect()
}

fn means(pattern: &str, place: &str) -> bool {
    let is_global = place.is_empty() || place == "global";
    let begins = |whole: Vec<String>, begin: Vec<String>| whole.starts_with(&begin);
    let plain = |name: &str| name.split('-').map(str::to_owned).collect::<Vec<_>>();
    match (pattern, is_global) {
        ("*", _) | ("global", true) => true,
        ("global", false) | (_, true) => false,
        _ => begins(parts(place), parts(pattern)) || begins(plain(place), plain(pattern)),
    }
}

/// Where an event goes: each target asks for itself.
fn expected(routing: &Routing, place: &str, is_extended: bool, home: &str) -> BTreeSet<TargetId> {
    let named = if place.is_empty() || place == "global" {
        home
    } else {
        place
    };
    let is_silent = [
        "br-sao", "au-syd", "ap-south", "jp-osa", "in-che", "eu-gb", "uk-south", "eu-es",
    ]
    .contains(&named);
    if is_silent || (is_extended && !routing.settings.extended_events) {
        return BTreeSet::new();
    }
    let mut any = false;
    let mut goes = BTreeSet::new();
    'routes: for route in &routing.routes {
        for rule in &route.rules {
            for pattern in &rule.locations {
                if means(pattern, place) {
                    any = true;
                    goes.extend(rule.target_ids.iter().copied());
                    continue 'routes;
                }
            }
        }
    }
    if !any {
        goes.extend(routing.settings.default_targets.iter().copied());
    }
    goes
}

#[test]
fn every_event_goes_where_the_rules_say_whatever_they_are() {
    let mut dice = Dice(7);
    let targets: Vec<_> = (1..=6)
        .map(|byte| TargetId::from_bytes([byte; 16]))
        .collect();
    let (mut everywhere, mut nowhere) = (0, 0);
    for round in 0..3000 {
        let routes = (0..dice.below(4)).map(|number| Route {
            id: RouteId::from_bytes([u8::try_from(number).unwrap(); 16]),
            name: format!("r{number}"),
            rules: (0..=dice.below(3))
                .map(|_| Rule {
                    locations: dice
                        .some(PATTERNS, 3)
                        .iter()
                        .map(|&name| name.to_owned())
                        .collect(),
                    target_ids: dice.some(&targets, 3),
                })
                .collect(),
            created: 0,
            updated: 0,
            version: 1,
        });
        let routes = routes.collect();
        let settings = RoutingSettings {
            default_targets: dice.some(&targets, 2),
            extended_events: dice.below(2) == 0,
            ..RoutingSettings::default()
        };
        let routing = Routing {
            targets: Vec::new(),
            routes,
            settings,
        };
        for place in PLACES {
            for (is_extended, home) in [(false, "local"), (true, "eu-de"), (false, "eu-gb")] {
                let scope = Scope {
                    crn_prefix: String::new(),
                    account: String::new(),
                    location: (*place).to_owned(),
                    instance: String::new(),
                };
                let goes = routing.targets_of(&scope, is_extended, home);
                let once: BTreeSet<_> = goes.iter().copied().collect();
                assert_eq!(once.len(), goes.len(), "each once: {routing:?} {place}");
                let wanted = expected(&routing, place, is_extended, home);
                assert_eq!(
                    once, wanted,
                    "round {round}: {routing:?} {place} {is_extended} {home}"
                );
                everywhere += usize::from(goes.len() > 2);
                nowhere += usize::from(goes.is_empty());
            }
        }
    }
    assert!(
        everywhere > 1000 && nowhere > 1000,
        "what was drawn says little: {everywhere} {nowhere}"
    );
}
