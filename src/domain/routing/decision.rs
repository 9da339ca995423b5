//! Which targets an event goes to.

use super::{Route, Routing};
use crate::domain::location::{self, GLOBAL};
use crate::domain::{Scope, TargetId};

/// Every location, and the events that belong to none, where a rule names locations.
pub(super) const ALL: &str = "*";

impl Routing {
    /// The targets that an event of a scope goes to, each once. `is_extended` says that its action is of the extended set, and `home` is the
    /// location of the server itself.
    ///
    /// In each route the first rule that matches decides, and the routes are independent of each other. Where no rule of any route matches, it is
    /// the default targets. Where no events are generated, none; nor is any where the settings keep the extended set back.
    #[must_use]
    pub fn targets_of(&self, scope: &Scope, is_extended: bool, home: &str) -> Vec<TargetId> {
        if !scope.generates_events(home) || is_extended && !self.settings.extended_events {
            return Vec::new();
        }
        let location = if scope.is_global() {
            GLOBAL
        } else {
            &*scope.location
        };
        let routes = self.routes.iter();
        let matching: Vec<_> = routes
            .filter_map(|route| route.first_match(location))
            .collect();
        let named: Vec<TargetId> = if matching.is_empty() {
            self.settings.default_targets.clone()
        } else {
            matching.into_iter().flatten().copied().collect()
        };
        let mut once = Vec::new();
        for target in named {
            if !once.contains(&target) {
                once.push(target);
            }
        }
        once
    }

    /// Whether a target gets checkpoints. They are of the server: where that generates no events, nobody does; elsewhere whatever a rule or the
    /// settings name.
    #[must_use]
    pub fn gets_checkpoints(&self, target: TargetId, home: &str) -> bool {
        location::generates_events(home) && self.uses(target).next().is_some()
    }
}

impl Route {
    fn first_match(&self, location: &str) -> Option<&Vec<TargetId>> {
        let means = |pattern: &String| matches(pattern, location);
        let rule = self
            .rules
            .iter()
            .find(|rule| rule.locations.iter().any(means));
        rule.map(|rule| &rule.target_ids)
    }
}

/// Whether what a rule names means a location, or [`GLOBAL`]. Old names of locations mean the same places, in both and also in parts of them.
pub(super) fn matches(pattern: &str, location: &str) -> bool {
    match pattern {
        ALL => true,
        GLOBAL => location == GLOBAL,
        _ if location == GLOBAL => false,
        _ => {
            is_below(pattern, location)
                || is_below(
                    &location::canonical_below(pattern),
                    &location::canonical_below(location),
                )
        }
    }
}

/// Whether a location is the one of this name or a part of it, such as `eu-de-1` of `eu-de`.
fn is_below(name: &str, location: &str) -> bool {
    let rest = location.strip_prefix(name);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}
