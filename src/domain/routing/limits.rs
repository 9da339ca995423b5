//! What a routing may hold, and why a change of it is refused.

use serde::{Deserialize, Serialize};

use super::decision::ALL;
use super::{Routing, RoutingSettings, Rule};
use crate::domain::location::{self, GLOBAL};
use crate::domain::{RouteId, TargetId};

/// The most characters of a name.
pub(super) const NAME_CHARS_MAX: usize = 1000;

/// `[routing]`: how many of everything there may be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct RoutingLimits {
    /// The most targets.
    pub targets_max: usize,
    /// The most default targets.
    pub default_targets_max: usize,
    /// The most routes.
    pub routes_max: usize,
    /// The most rules of a route.
    pub rules_per_route_max: usize,
    /// The most locations of a rule.
    pub locations_per_rule_max: usize,
    /// The most targets of a rule.
    pub targets_per_rule_max: usize,
}

impl Default for RoutingLimits {
    fn default() -> Self {
        Self {
            targets_max: 16,
            default_targets_max: 2,
            routes_max: 30,
            rules_per_route_max: 10,
            locations_per_rule_max: 8,
            targets_per_rule_max: 3,
        }
    }
}

/// Why a change is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RoutingError {
    /// A field cannot be used.
    #[error("{field}: {problem}")]
    Invalid {
        /// The field.
        field: &'static str,
        /// What is wrong and what to do.
        problem: String,
    },
    /// There is no such thing.
    #[error("{0}")]
    NotFound(String),
    /// Another has the name.
    #[error("name: there is a {what} `{name}` already; choose another name")]
    NameTaken {
        /// A target or a route.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// A target is used.
    #[error("target `{target}` is used by {user}: take it out there first")]
    InUse {
        /// The target's name.
        target: String,
        /// What uses it.
        user: String,
    },
    /// There are as many as there may be.
    #[error("{}: at most {most} are allowed ([routing] {})", what.field(), what.setting())]
    Limit {
        /// Of what.
        what: Limited,
        /// How many there may be.
        most: usize,
    },
}

/// Something of which there may be so many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limited {
    /// Targets.
    Targets,
    /// Default targets.
    DefaultTargets,
    /// Routes.
    Routes,
    /// Rules of a route.
    Rules,
    /// Locations of a rule.
    Locations,
    /// Targets of a rule.
    RuleTargets,
}

impl Limited {
    /// What holds them in the model.
    const fn field(self) -> &'static str {
        match self {
            Self::Targets => "targets",
            Self::DefaultTargets => "default_targets",
            Self::Routes => "routes",
            Self::Rules => "rules",
            Self::Locations => "locations",
            Self::RuleTargets => "target_ids",
        }
    }

    /// The setting that limits them.
    const fn setting(self) -> &'static str {
        match self {
            Self::Targets => "targets-max",
            Self::DefaultTargets => "default-targets-max",
            Self::Routes => "routes-max",
            Self::Rules => "rules-per-route-max",
            Self::Locations => "locations-per-rule-max",
            Self::RuleTargets => "targets-per-rule-max",
        }
    }

    const fn code(self) -> &'static str {
        match self {
            Self::Targets => "target_limit_reached",
            Self::DefaultTargets => "default_target_limit_reached",
            Self::Routes => "route_limit_reached",
            Self::Rules => "rule_limit_reached",
            Self::Locations => "location_limit_reached",
            Self::RuleTargets => "rule_target_limit_reached",
        }
    }
}

impl RoutingError {
    /// A field that cannot be used.
    #[must_use]
    pub fn invalid(field: &'static str, problem: impl Into<String>) -> Self {
        Self::Invalid {
            field,
            problem: problem.into(),
        }
    }

    /// The code of the error in the model's REST form.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Invalid { .. } => "invalid_value",
            Self::NotFound(_) => "not_found",
            Self::NameTaken { .. } => "name_taken",
            Self::InUse { .. } => "target_in_use",
            Self::Limit { what, .. } => what.code(),
        }
    }
}

/// Checks a name of a target or a route. One that looks like an identifier would be taken for one.
///
/// # Errors
/// It cannot be one.
pub fn check_name(name: &str) -> Result<(), RoutingError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, ' ' | '-' | '.' | '_' | ':');
    let is_name =
        !name.trim().is_empty() && name.len() <= NAME_CHARS_MAX && name.chars().all(allowed);
    if is_name && name.to_ascii_lowercase().parse::<TargetId>().is_err() {
        return Ok(());
    }
    let problem =
        "write 1 to 1000 letters, digits, spaces, '-', '.', '_' or ':', and no identifier";
    Err(RoutingError::invalid("name", problem))
}

/// Checks the name of a region, or of a location in a rule.
fn check_place(field: &'static str, name: &str) -> Result<(), RoutingError> {
    let resolved = location::resolve(name).map(|_| ());
    resolved.map_err(|error| RoutingError::invalid(field, format!("`{name}`: {error}")))
}

impl Routing {
    /// Checks whether there may be one more target, of this name.
    ///
    /// # Errors
    /// The name cannot be used or is taken, or there are too many.
    pub fn check_new_target(&self, name: &str, limits: &RoutingLimits) -> Result<(), RoutingError> {
        self.check_target_name(name)?;
        within(self.targets.len() + 1, limits.targets_max, Limited::Targets)
    }

    /// Checks the name of a target that does not have it yet.
    ///
    /// # Errors
    /// It cannot be used or is taken.
    pub fn check_target_name(&self, name: &str) -> Result<(), RoutingError> {
        check_name(name)?;
        match self.target(name) {
            None => Ok(()),
            Some(_) => Err(RoutingError::NameTaken {
                what: "target",
                name: name.to_owned(),
            }),
        }
    }

    /// Checks the region of a target.
    ///
    /// # Errors
    /// It is no name of one, targets may not be there, or it is not said and targets may not be everywhere.
    pub fn check_region(&self, region: Option<&str>) -> Result<(), RoutingError> {
        let permitted = &self.settings.permitted_target_regions;
        let Some(region) = region else {
            let problem = || format!("is missing: the settings permit {}", permitted.join(", "));
            return match permitted.is_empty() {
                true => Ok(()),
                false => Err(RoutingError::invalid("region", problem())),
            };
        };
        check_place("region", region)?;
        let same = |held: &String| location::canonical(held) == location::canonical(region);
        if permitted.is_empty() || permitted.iter().any(same) {
            return Ok(());
        }
        let problem = format!(
            "the settings permit targets in {} only",
            permitted.join(", ")
        );
        Err(RoutingError::invalid("region", problem))
    }

    /// Checks whether a target may be removed.
    ///
    /// # Errors
    /// Routes or the settings use it.
    pub fn check_unused(&self, target: TargetId) -> Result<(), RoutingError> {
        let users: Vec<_> = self.uses(target).collect();
        if users.is_empty() {
            return Ok(());
        }
        Err(RoutingError::InUse {
            target: self.name_of(target),
            user: users.join(", "),
        })
    }

    /// What names a target, for people.
    pub(super) fn uses(&self, target: TargetId) -> impl Iterator<Item = String> {
        let uses = move |rule: &Rule| rule.target_ids.contains(&target);
        let routes = self.routes.iter();
        let routes = routes.filter(move |route| route.rules.iter().any(uses));
        let routes = routes.map(|route| format!("route `{}`", route.name));
        let is_default = self.settings.default_targets.contains(&target);
        routes.chain(is_default.then(|| "the settings (default_targets)".to_owned()))
    }

    /// Checks a route as it is to be; `replaces` is the one whose place it takes.
    ///
    /// # Errors
    /// Its name or a rule cannot be used, or there are too many.
    pub fn check_route(
        &self,
        name: &str,
        rules: &[Rule],
        replaces: Option<RouteId>,
        limits: &RoutingLimits,
    ) -> Result<(), RoutingError> {
        check_name(name)?;
        let holder = self.route(name);
        if holder.is_some_and(|held| Some(held.id) != replaces) {
            return Err(RoutingError::NameTaken {
                what: "route",
                name: name.to_owned(),
            });
        }
        if replaces.is_none() {
            within(self.routes.len() + 1, limits.routes_max, Limited::Routes)?;
        }
        if rules.is_empty() {
            let problem = "there is none: write at least one";
            return Err(RoutingError::invalid("rules", problem));
        }
        within(rules.len(), limits.rules_per_route_max, Limited::Rules)?;
        rules
            .iter()
            .try_for_each(|rule| self.check_rule(rule, limits))
    }

    fn check_rule(&self, rule: &Rule, limits: &RoutingLimits) -> Result<(), RoutingError> {
        let (locations, targets) = (&rule.locations, &rule.target_ids);
        if locations.is_empty() {
            let problem = "a rule has none: write *, global or names such as eu-de";
            return Err(RoutingError::invalid("locations", problem));
        }
        within(
            locations.len(),
            limits.locations_per_rule_max,
            Limited::Locations,
        )?;
        let names = locations.iter();
        let mut names = names.filter(|name| *name != ALL && *name != GLOBAL);
        names.try_for_each(|name| check_place("locations", name))?;
        within(
            targets.len(),
            limits.targets_per_rule_max,
            Limited::RuleTargets,
        )?;
        self.check_targets("target_ids", targets)
    }

    /// Checks that targets are there.
    fn check_targets(&self, field: &'static str, targets: &[TargetId]) -> Result<(), RoutingError> {
        let is_there = |id: TargetId| self.targets.iter().any(|held| held.id == id);
        match targets.iter().find(|id| !is_there(**id)) {
            None => Ok(()),
            Some(id) => {
                let problem = format!("there is no target {id}");
                Err(RoutingError::invalid(field, problem))
            }
        }
    }

    /// Checks settings as they are to be.
    ///
    /// # Errors
    /// There are too many default targets, one is not there, or a region is none.
    pub fn check_settings(
        &self,
        settings: &RoutingSettings,
        limits: &RoutingLimits,
    ) -> Result<(), RoutingError> {
        let targets = &settings.default_targets;
        within(
            targets.len(),
            limits.default_targets_max,
            Limited::DefaultTargets,
        )?;
        self.check_targets("default_targets", targets)?;
        let mut regions = settings.permitted_target_regions.iter();
        regions.try_for_each(|name| check_place("permitted_target_regions", name))?;
        let (primary, backup) = (
            settings.metadata_region_primary.as_deref(),
            settings.metadata_region_backup.as_deref(),
        );
        primary.map_or(Ok(()), |name| check_place("metadata_region_primary", name))?;
        backup.map_or(Ok(()), |name| check_place("metadata_region_backup", name))
    }
}

const fn within(count: usize, most: usize, what: Limited) -> Result<(), RoutingError> {
    if count > most {
        Err(RoutingError::Limit { what, most })
    } else {
        Ok(())
    }
}
