//! Targets, routes and routing settings, as they are asked for and shown. Names of members are those of Activity Tracker Event Routing.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::domain::Role;
use crate::domain::routing::{Rendering, RoutingSettings, Rule};
use crate::routing::targets::AnyEndpoint;

/// What is asked of targets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TargetRequest {
    /// Makes one and sends it a test record.
    Add(NewTarget),
    /// Changes one.
    Update(TargetChange),
    /// Every target, how far it is and how it stands.
    List,
    /// Removes one that nothing uses.
    Remove(Named),
    /// Sends a test record.
    Validate(Named),
    /// What one refused for good.
    Parked(ParkedFrom),
    /// Gives what is parked to the target again.
    Retry(ParkedSome),
    /// Gives up what is parked.
    Drop(ParkedSome),
    /// Has one go on at another event.
    Follow(Follow),
}

/// What is asked of routes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RouteRequest {
    /// Makes a route.
    Create(NewRoute),
    /// Makes the route of this name, or puts it in the place of the one there is.
    Set(NewRoute),
    /// Changes one.
    Update(RouteChange),
    /// Every route.
    List,
    /// One route.
    Show(Named),
    /// Removes one.
    Remove(Named),
}

/// The name or identifier of a target or route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    /// It.
    pub name: String,
}

/// The fields of an endpoint, which may hold secrets: nothing of them is shown.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EndpointFields(pub Value);

impl fmt::Debug for EndpointFields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EndpointFields(..)")
    }
}

/// A new target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewTarget {
    /// Its name.
    pub name: String,
    /// Its type.
    pub target_type: String,
    /// The region it is in.
    #[serde(default)]
    pub region: Option<String>,
    /// How events are written for it.
    #[serde(default)]
    pub rendering: Rendering,
    /// Its endpoint: a JSON object.
    pub endpoint: EndpointFields,
    /// The first event it is to get; none: the one of its creation.
    #[serde(default)]
    pub from: Option<u64>,
}

/// Members of a target that a document may have because it was shown: they are not taken from there.
const READ_ONLY: [&str; 10] = [
    "id",
    "crn",
    "write_status",
    "lag",
    "parked",
    "created_at",
    "updated_at",
    "api_version",
    "managed_by",
    "message",
];

/// A target as a document of the model: name, type, region, rendering and the endpoint under the member of the type.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct TargetDocument {
    /// Its name.
    pub name: Option<String>,
    /// Its type.
    pub target_type: Option<String>,
    /// The region it is in.
    pub region: Option<String>,
    /// How events are written for it.
    pub rendering: Option<Rendering>,
    /// Its endpoint.
    pub endpoint: Option<Map<String, Value>>,
}

impl TargetDocument {
    /// Reads a document; what is said of the state of a target is passed over. `known_type` is the type where the document need not say it.
    ///
    /// # Errors
    /// A member is unknown or of another type, in one line without its value.
    pub fn read(document: Map<String, Value>, known_type: Option<&str>) -> Result<Self, String> {
        let mut read = Self::default();
        let mut rest = Vec::new();
        for (member, value) in document {
            match (&*member, value) {
                ("name", Value::String(text)) => read.name = Some(text),
                ("target_type", Value::String(text)) => read.target_type = Some(text),
                ("region", Value::String(text)) => read.region = Some(text),
                ("rendering", Value::String(text)) => {
                    let rendering = Rendering::from_name(&text);
                    let rendering = rendering.ok_or("rendering: write sealed or cadf")?;
                    read.rendering = Some(rendering);
                }
                ("name" | "target_type" | "region" | "rendering", _) => {
                    return Err(format!("{member}: write a text"));
                }
                (other, _) if READ_ONLY.contains(&other) => {}
                (_, value) => rest.push((member, value)),
            }
        }
        let of_type = read.target_type.as_deref().or(known_type);
        let known = AnyEndpoint::TYPES.iter();
        let known = known.filter(|(name, _)| of_type.is_none_or(|of_type| *name == of_type));
        let members: Vec<_> = known.map(|(_, member)| *member).collect();
        for (member, value) in rest {
            match value {
                _ if !members.contains(&&*member) => {
                    return Err(format!(
                        "{member}: there is no such member of this type of target"
                    ));
                }
                Value::Object(fields) => read.endpoint = Some(fields),
                _ => return Err(format!("{member}: write an object")),
            }
        }
        Ok(read)
    }
}

/// A change of a target; what is left out stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetChange {
    /// Its name or identifier.
    pub target: String,
    /// Its new name.
    #[serde(default)]
    pub name: Option<String>,
    /// Its new region.
    #[serde(default)]
    pub region: Option<String>,
    /// How events are written for it from now on.
    #[serde(default)]
    pub rendering: Option<Rendering>,
    /// Its new endpoint: a whole JSON object. A secret that is given as the mask stays what it is.
    #[serde(default)]
    pub endpoint: Option<EndpointFields>,
}

/// A page of what is parked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParkedFrom {
    /// The target.
    pub target: String,
    /// The first sequence.
    pub from: u64,
}

/// Some of what is parked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParkedSome {
    /// The target.
    pub target: String,
    /// The sequence of one event; none: all of them.
    pub sequence: Option<u64>,
}

/// Where a target goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Follow {
    /// The target.
    pub target: String,
    /// The next event it is to get; none: the one of this change.
    pub from: Option<u64>,
}

/// A change of a route; what is left out stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteChange {
    /// Its name or identifier.
    pub route: String,
    /// Its new name.
    #[serde(default)]
    pub name: Option<String>,
    /// Its new rules, all of them.
    #[serde(default)]
    pub rules: Option<Vec<NewRule>>,
}

/// A route as it is to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRoute {
    /// Its name.
    pub name: String,
    /// Its rules; targets by name or identifier.
    pub rules: Vec<NewRule>,
}

/// A rule as it is to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRule {
    /// Names of locations.
    pub locations: Vec<String>,
    /// Targets by name or identifier; none: the events are discarded on purpose.
    #[serde(rename = "target_ids")]
    pub targets: Vec<String>,
}

/// A target as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Target {
    /// Its identifier.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its CRN.
    pub crn: String,
    /// Its type.
    pub target_type: String,
    /// The region it is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// How events are written for it.
    #[serde(default)]
    pub rendering: Rendering,
    /// Its endpoint under the member of its type, secrets masked.
    #[serde(flatten)]
    #[schema(ignore)]
    pub endpoint: Map<String, Value>,
    /// How the last delivery went.
    pub write_status: WriteStatus,
    /// How much it has still to get.
    pub lag: Lag,
    /// Events it refused for good.
    pub parked: u64,
    /// Events that retention removed before it had them, the newest first; the last of many.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<Gap>,
    /// When it was made, in RFC 3339.
    pub created_at: String,
    /// When it was changed, in RFC 3339.
    pub updated_at: String,
    /// Of the model.
    pub api_version: u8,
}

/// Events that a target never gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Gap {
    /// The first of them.
    pub first: u64,
    /// The last of them.
    pub last: u64,
}

/// How the last delivery to a target went, or its last test record where that was later.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WriteStatus {
    /// `success`, `failed`, or `unknown` where nothing was delivered and no test record sent since the server was started, or none runs.
    pub status: String,
    /// When something was last not delivered, in RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_failure: Option<String>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason_for_last_failure: Option<String>,
}

/// How much a target has still to get.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Lag {
    /// The next event it is to get.
    pub next: u64,
    /// Events of the trail from there.
    pub events: u64,
    /// Seconds since the first of them happened; none where no server runs.
    pub seconds: Option<u64>,
}

/// What became of a test record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tested {
    /// The target.
    pub target: Target,
    /// Why the test record was not taken, if it was not.
    pub problem: Option<String>,
}

/// What was given up of what a target refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dropped {
    /// The target.
    #[serde(flatten)]
    pub target: Target,
    /// How many events.
    pub dropped: usize,
}

/// An event that a target refused for good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parked {
    /// Its sequence.
    pub sequence: u64,
    /// Why.
    pub reason: String,
    /// When, in RFC 3339.
    pub parked_at: String,
    /// Whether it is about to be given to the target again.
    pub retried: bool,
}

/// A route as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Route {
    /// Its identifier.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its CRN.
    pub crn: String,
    /// Moves with each change.
    pub version: u64,
    /// Its rules.
    pub rules: Vec<Rule>,
    /// When it was made, in RFC 3339.
    pub created_at: String,
    /// When it was changed, in RFC 3339.
    pub updated_at: String,
    /// Of the model.
    pub api_version: u8,
    /// What the operator should know: where it names locations that generate no events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// What came of a request about routing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RoutingResponse {
    /// A target after a change.
    Target(Box<Target>),
    /// A target and its test.
    Tested(Box<Tested>),
    /// A target and what was given up of what it refused.
    Dropped(Box<Dropped>),
    /// Every target.
    Targets(Vec<Target>),
    /// What is parked.
    Parked(Vec<Parked>),
    /// A route after a change.
    Route(Route),
    /// Every route.
    Routes(Vec<Route>),
    /// The settings.
    Settings(RoutingSettings),
}

impl TargetRequest {
    /// The least role that may ask for it.
    #[must_use]
    pub const fn required_role(&self) -> Role {
        match self {
            Self::List | Self::Parked(_) => Role::Reader,
            Self::Add(_)
            | Self::Update(_)
            | Self::Remove(_)
            | Self::Validate(_)
            | Self::Retry(_)
            | Self::Follow(_)
            | Self::Drop(_) => Role::Operator,
        }
    }

    /// Whether it changes and records nothing.
    #[must_use]
    pub const fn only_reads(&self) -> bool {
        match self {
            Self::List | Self::Parked(_) => true,
            Self::Add(_)
            | Self::Update(_)
            | Self::Validate(_)
            | Self::Remove(_)
            | Self::Retry(_)
            | Self::Drop(_)
            | Self::Follow(_) => false,
        }
    }
}

impl RouteRequest {
    /// The least role that may ask for it.
    #[must_use]
    pub const fn required_role(&self) -> Role {
        match self {
            Self::List | Self::Show(_) => Role::Reader,
            Self::Create(_) | Self::Set(_) | Self::Update(_) | Self::Remove(_) => Role::Operator,
        }
    }

    /// Whether it changes and records nothing.
    #[must_use]
    pub const fn only_reads(&self) -> bool {
        match self {
            Self::List | Self::Show(_) => true,
            Self::Create(_) | Self::Set(_) | Self::Update(_) | Self::Remove(_) => false,
        }
    }
}
