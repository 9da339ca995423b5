//! Where events go: targets, routes and settings in the model of Activity Tracker Event Routing, and the decision which targets an event goes to.
//!
//! Values and rules only. What an endpoint says is text here, its secrets masked: what it means is for the target's own file.

mod decision;
mod limits;
#[cfg(test)]
mod oracle;
#[cfg(test)]
mod tests;

pub use limits::{Limited, RoutingError, RoutingLimits, check_name};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{RouteId, TargetId};

/// A place events are delivered to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Its identifier.
    pub id: TargetId,
    /// Its name, unique among targets.
    pub name: String,
    /// What kind of place it is: `target_type`. It never changes.
    pub target_type: String,
    /// The region it is in, if that was said.
    pub region: Option<String>,
    /// How events are written for it.
    pub rendering: Rendering,
    /// Its endpoint as a JSON object, secrets masked.
    pub endpoint: String,
    /// When it was made, seconds since 1970.
    pub created: i64,
    /// When it was changed, seconds since 1970.
    pub updated: i64,
    /// Moves with each change.
    pub version: u64,
}

/// How events are written for a target.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Rendering {
    /// The very bytes that are sealed in the trail: what can be verified.
    #[default]
    Sealed,
    /// As strict CADF has them.
    Cadf,
}

impl Rendering {
    /// Every rendering.
    pub const ALL: &'static [Self] = &[Self::Sealed, Self::Cadf];

    /// The word for it, in documents and in the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sealed => "sealed",
            Self::Cadf => "cadf",
        }
    }

    /// The rendering of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let mut all = Self::ALL.iter().copied();
        all.find(|rendering| rendering.as_str() == name)
    }
}

/// Rules, of which the first that matches decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Its identifier.
    pub id: RouteId,
    /// Its name, unique among routes.
    pub name: String,
    /// The rules in their order.
    pub rules: Vec<Rule>,
    /// When it was made, seconds since 1970.
    pub created: i64,
    /// When it was changed, seconds since 1970.
    pub updated: i64,
    /// Moves with each change.
    pub version: u64,
}

/// What is done with the events of some locations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Names of locations; `*` is every one, `global` the events without one, `eu-de` also `eu-de-1`.
    pub locations: Vec<String>,
    /// The targets they go to; none: they are discarded on purpose.
    #[schema(value_type = Vec<String>)]
    pub target_ids: Vec<TargetId>,
}

/// What holds for all routes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RoutingSettings {
    /// Targets of the events that no rule matches.
    #[schema(value_type = Vec<String>)]
    pub default_targets: Vec<TargetId>,
    /// Regions that targets may be in; none: every one.
    pub permitted_target_regions: Vec<String>,
    /// Where the service keeps its data; kept and shown, without effect here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata_region_primary: Option<String>,
    /// Where it keeps a copy; kept and shown, without effect here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata_region_backup: Option<String>,
    /// Whether it is administered privately only; kept and shown, without effect here.
    pub private_api_endpoint_only: bool,
    /// Whether events of the extended set are delivered. The trail has them all the same.
    pub extended_events: bool,
}

impl Default for RoutingSettings {
    fn default() -> Self {
        Self {
            default_targets: Vec::new(),
            permitted_target_regions: Vec::new(),
            metadata_region_primary: None,
            metadata_region_backup: None,
            private_api_endpoint_only: false,
            extended_events: true,
        }
    }
}

/// All of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Routing {
    /// Every target, by name.
    pub targets: Vec<Target>,
    /// Every route, by name.
    pub routes: Vec<Route>,
    /// The settings.
    pub settings: RoutingSettings,
}

impl Routing {
    /// The target of this name or identifier.
    #[must_use]
    pub fn target(&self, name: &str) -> Option<&Target> {
        let is_it = |target: &&Target| target.name == name || target.id.to_string() == name;
        self.targets.iter().find(is_it)
    }

    /// The route of this name or identifier.
    #[must_use]
    pub fn route(&self, name: &str) -> Option<&Route> {
        let is_it = |route: &&Route| route.name == name || route.id.to_string() == name;
        self.routes.iter().find(is_it)
    }

    /// The name of a target, for people.
    #[must_use]
    pub fn name_of(&self, target: TargetId) -> String {
        let found = self.targets.iter().find(|held| held.id == target);
        found.map_or_else(|| target.to_string(), |held| held.name.clone())
    }
}
