//! Which targets an event goes to.

use super::{Route, Routing};
use crate::domain::location::{GLOBAL, resolve};
use crate::domain::{Scope, TargetId};

impl Routing {
    /// The targets that the events of a scope go to, each once. `home` is the location of the server itself.
    ///
    /// In each route the first rule that matches decides, and the routes are independent of each other. Where no rule of any route matches, it is
    /// the default targets. Where no events are generated, none.
    #[must_use]
    pub fn targets_of(&self, scope: &Scope, home: &str) -> Vec<TargetId> {
        if !scope.generates_events(home) {
            return Vec::new();
        }
        // Rules hold the names of today.
        let location = resolve(&scope.location).unwrap_or(&scope.location);
        let matching: Vec<_> = self
            .routes
            .iter()
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
}

impl Route {
    fn first_match(&self, location: &str) -> Option<&Vec<TargetId>> {
        let rule = self.rules.iter().find(|rule| {
            rule.locations
                .iter()
                .any(|pattern| matches(pattern, location))
        });
        rule.map(|rule| &rule.target_ids)
    }
}

/// Whether the pattern of a rule means a location.
fn matches(pattern: &str, location: &str) -> bool {
    match pattern {
        "*" => true,
        GLOBAL => location.is_empty(),
        name => location
            .strip_prefix(name)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('-')),
    }
}
