//! What a routing may hold, and why a change of it is refused.

use super::{Routing, Rule};
use crate::domain::location::{self, GLOBAL};
use crate::domain::{RouteId, TargetId};

/// The most targets.
pub(super) const TARGETS_MAX: usize = 16;
/// The most default targets.
pub(super) const DEFAULT_TARGETS_MAX: usize = 2;
/// The most routes.
pub(super) const ROUTES_MAX: usize = 30;
/// The most rules of a route.
pub(super) const RULES_MAX: usize = 10;
/// The most locations of a rule.
pub(super) const LOCATIONS_MAX: usize = 8;
/// The most targets of a rule.
pub(super) const RULE_TARGETS_MAX: usize = 3;
/// The most characters of a name.
pub(super) const NAME_CHARS_MAX: usize = 1000;

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
    /// Another has the name, or something uses it.
    #[error("{0}")]
    Conflict(String),
    /// There are as many as there may be.
    #[error("there are {most} {what} already, which is the limit: remove one first")]
    Limit {
        /// Of what.
        what: &'static str,
        /// How many there may be.
        most: usize,
    },
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
    pub fn code(&self) -> &'static str {
        match self {
            Self::Invalid { .. } => "invalid_value",
            Self::NotFound(_) => "not_found",
            Self::Conflict(_) => "conflict",
            Self::Limit {
                what: "targets", ..
            } => "target_limit_reached",
            Self::Limit { .. } => "route_limit_reached",
        }
    }
}

/// Checks a name of a target or a route.
///
/// # Errors
/// It cannot be one.
pub fn check_name(name: &str) -> Result<(), RoutingError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, ' ' | '-' | '.' | '_' | ':');
    if name.trim().is_empty() || name.chars().count() > NAME_CHARS_MAX || !name.chars().all(allowed)
    {
        let problem = "write 1 to 1000 letters, digits, spaces, '-', '.', '_' or ':'";
        return Err(RoutingError::invalid("name", problem));
    }
    Ok(())
}

impl Routing {
    /// Checks whether there may be one more target, of this name.
    ///
    /// # Errors
    /// The name cannot be used or is taken, or there are too many.
    pub fn check_new_target(&self, name: &str) -> Result<(), RoutingError> {
        check_name(name)?;
        if self.target(name).is_some() {
            return Err(RoutingError::Conflict(format!(
                "name: there is a target `{name}` already"
            )));
        }
        within(self.targets.len() + 1, TARGETS_MAX, "targets")
    }

    /// Checks the region of a target.
    ///
    /// # Errors
    /// Targets may not be there.
    pub fn check_region(&self, region: Option<&str>) -> Result<(), RoutingError> {
        let permitted = &self.settings.permitted_target_regions;
        let is_permitted = region.is_none_or(|region| permitted.iter().any(|held| held == region));
        if permitted.is_empty() || is_permitted {
            return Ok(());
        }
        let problem = format!("targets may be in {} only", permitted.join(", "));
        Err(RoutingError::invalid("region", problem))
    }

    /// Checks whether a target may be removed.
    ///
    /// # Errors
    /// A route or the settings use it.
    pub fn check_unused(&self, target: TargetId) -> Result<(), RoutingError> {
        let uses = |rule: &Rule| rule.target_ids.contains(&target);
        let route = self
            .routes
            .iter()
            .find(|route| route.rules.iter().any(uses));
        let user = match route {
            Some(route) => format!("route `{}`", route.name),
            None if self.settings.default_targets.contains(&target) => "the settings".to_owned(),
            None => return Ok(()),
        };
        let name = self.name_of(target);
        Err(RoutingError::Conflict(format!(
            "target `{name}` is used by {user}: take it out there first"
        )))
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
    ) -> Result<(), RoutingError> {
        check_name(name)?;
        if self
            .route(name)
            .is_some_and(|held| Some(held.id) != replaces)
        {
            return Err(RoutingError::Conflict(format!(
                "name: there is a route `{name}` already"
            )));
        }
        if replaces.is_none() {
            within(self.routes.len() + 1, ROUTES_MAX, "routes")?;
        }
        if rules.is_empty() || rules.len() > RULES_MAX {
            return Err(RoutingError::invalid(
                "rules",
                format!("write 1 to {RULES_MAX}"),
            ));
        }
        rules.iter().try_for_each(|rule| self.check_rule(rule))
    }

    fn check_rule(&self, rule: &Rule) -> Result<(), RoutingError> {
        if rule.locations.is_empty() || rule.locations.len() > LOCATIONS_MAX {
            return Err(RoutingError::invalid(
                "locations",
                format!("write 1 to {LOCATIONS_MAX} for each rule"),
            ));
        }
        for name in &rule.locations {
            if name != "*" && name != GLOBAL {
                location::resolve(name).map_err(|error| {
                    RoutingError::invalid("locations", format!("`{name}`: {error}"))
                })?;
            }
        }
        if rule.target_ids.len() > RULE_TARGETS_MAX {
            return Err(RoutingError::invalid(
                "target_ids",
                format!("write at most {RULE_TARGETS_MAX} for each rule"),
            ));
        }
        self.check_targets("target_ids", &rule.target_ids)
    }

    /// Checks that targets are there.
    ///
    /// # Errors
    /// One is not.
    pub fn check_targets(
        &self,
        field: &'static str,
        targets: &[TargetId],
    ) -> Result<(), RoutingError> {
        let missing = targets
            .iter()
            .find(|id| !self.targets.iter().any(|held| held.id == **id));
        missing.map_or(Ok(()), |id| {
            Err(RoutingError::invalid(
                field,
                format!("there is no target {id}"),
            ))
        })
    }

    /// Checks default targets.
    ///
    /// # Errors
    /// There are too many, or one is not there.
    pub fn check_default_targets(&self, targets: &[TargetId]) -> Result<(), RoutingError> {
        if targets.len() > DEFAULT_TARGETS_MAX {
            return Err(RoutingError::invalid(
                "default_targets",
                format!("write at most {DEFAULT_TARGETS_MAX}"),
            ));
        }
        self.check_targets("default_targets", targets)
    }
}

fn within(count: usize, most: usize, what: &'static str) -> Result<(), RoutingError> {
    if count > most {
        Err(RoutingError::Limit { what, most })
    } else {
        Ok(())
    }
}
