//! Which events of the trail somebody wants to see.
//!
//! Texts become typed filters at the boundary ([`ActionPattern`], [`time_ms`]); a filter then only
//! compares. It decides what is shown, never what is recorded.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::action::{Action, SERVICE};
use super::event::{Event, Outcome, Target};
use super::record::Head;
use crate::domain::Initiator;

/// A text that is no filter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// No action has this name or begins like this.
    #[error(
        "no action matches {0:?}; use a name such as kmip-key.read, or a prefix such as kmip-*"
    )]
    Action(String),
    /// Not an outcome.
    #[error("{0:?} is no outcome; use success, failure or pending")]
    Outcome(String),
    /// Not a time.
    #[error("{0:?} is no time; use 2026-11-23T12:00:00Z, 2026-11-23, or 15m, 2h, 7d before now")]
    Time(String),
}

/// An action by name, or all whose name begins alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum ActionPattern {
    /// This action.
    Exact(Action),
    /// Every action whose full name begins with this.
    Prefix(String),
}

impl ActionPattern {
    /// Whether `action` is meant.
    #[must_use]
    pub fn matches(&self, action: Action) -> bool {
        match self {
            Self::Exact(exact) => *exact == action,
            Self::Prefix(prefix) => action.name().starts_with(prefix),
        }
    }
}

impl std::str::FromStr for ActionPattern {
    type Err = FilterError;

    /// Reads a full name, the part after `vmware-solutions.`, or a prefix of either that ends in
    /// `*`. A prefix that no action has is refused: it would hide a slip of the finger.
    fn from_str(text: &str) -> Result<Self, FilterError> {
        let unknown = || FilterError::Action(text.to_owned());
        let full = |text: &str| {
            if text.starts_with(SERVICE) {
                text.to_owned()
            } else {
                format!("{SERVICE}{text}")
            }
        };
        let Some(prefix) = text.strip_suffix('*') else {
            return Action::from_name(&full(text))
                .map(Self::Exact)
                .ok_or_else(unknown);
        };
        // A prefix may end within the service's own name: it then means every action.
        let prefix = if SERVICE.starts_with(prefix) {
            SERVICE.to_owned()
        } else {
            full(prefix)
        };
        let any = Action::ALL
            .iter()
            .any(|action| action.name().starts_with(&prefix));
        if any {
            Ok(Self::Prefix(prefix))
        } else {
            Err(unknown())
        }
    }
}

impl TryFrom<String> for ActionPattern {
    type Error = FilterError;

    fn try_from(text: String) -> Result<Self, FilterError> {
        text.parse()
    }
}

impl From<ActionPattern> for String {
    fn from(pattern: ActionPattern) -> Self {
        match pattern {
            ActionPattern::Exact(action) => action.name().to_owned(),
            ActionPattern::Prefix(prefix) => prefix + "*",
        }
    }
}

impl std::str::FromStr for Outcome {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        let named = Self::ALL
            .iter()
            .copied()
            .find(|outcome| outcome.as_str() == text);
        named.ok_or_else(|| FilterError::Outcome(text.to_owned()))
    }
}

/// What an event must be to be shown; an absent condition is met by every event.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EventFilter {
    /// What was done.
    pub action: Option<ActionPattern>,
    /// How it ended.
    pub outcome: Option<Outcome>,
    /// Who did it: a label, an initiator id, a fingerprint, or its first eight digits or more.
    pub client: Option<String>,
    /// The key it was done to, by its Unique Identifier.
    pub key: Option<String>,
    /// The instance it belongs to, by its identifier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// Not before this time, milliseconds since 1970.
    pub since_ms: Option<i64>,
    /// Before this time, milliseconds since 1970.
    pub until_ms: Option<i64>,
}

impl EventFilter {
    /// Whether `event` is wanted.
    #[must_use]
    pub fn matches(&self, event: &Event) -> bool {
        self.matches_basics(event.action, event.outcome, event.time_ms)
            && self.matches_initiator(&event.initiator)
            && self
                .instance
                .as_ref()
                .is_none_or(|instance| event.scope.instance == *instance)
            && self
                .key
                .as_ref()
                .is_none_or(|key| is_key(&event.target, key))
    }

    /// Whether a record with this head can be wanted; who did it is not looked at.
    #[must_use]
    pub fn may_match(&self, head: &Head) -> bool {
        let key = match (&self.key, head.object) {
            (Some(key), Some(object)) => is_key(&Target::Key(object), key),
            (None, _) | (Some(_), None) => true,
        };
        key && self.matches_basics(head.action, head.outcome, head.time_ms)
    }

    /// Whether this initiator is wanted.
    #[must_use]
    pub fn matches_initiator(&self, initiator: &Initiator) -> bool {
        const PREFIX_MIN: usize = 8;
        self.client.as_ref().is_none_or(|client| {
            let fingerprint = initiator.id.strip_prefix("CertificateID-");
            *client == initiator.name
                || *client == initiator.id
                || (client.len() >= PREFIX_MIN
                    && fingerprint.is_some_and(|text| text.starts_with(client.as_str())))
        })
    }

    fn matches_basics(&self, action: Action, outcome: Outcome, time_ms: i64) -> bool {
        self.action
            .as_ref()
            .is_none_or(|pattern| pattern.matches(action))
            && self.outcome.is_none_or(|wanted| wanted == outcome)
            && self.since_ms.is_none_or(|since| time_ms >= since)
            && self.until_ms.is_none_or(|until| time_ms < until)
    }
}

fn is_key(target: &Target, text: &str) -> bool {
    match target {
        // Both sides as a target: what cannot stand in a CRN was replaced when it was recorded.
        Target::Key(_) | Target::UnknownKey(_) => *target == Target::named_key(text),
        Target::Instance | Target::Resource(_) | Target::Named { .. } => false,
    }
}

/// The time `text` names, in milliseconds since 1970: RFC 3339, a date (its first moment in UTC),
/// or a span before `now_ms` such as `15m`, `2h`, `7d`.
///
/// # Errors
/// [`FilterError::Time`] if it is none of these.
pub fn time_ms(text: &str, now_ms: i64) -> Result<i64, FilterError> {
    if let Some(span_ms) = span_ms(text) {
        return Ok(now_ms.saturating_sub(span_ms));
    }
    if let Ok(timestamp) = text.parse::<Timestamp>() {
        return Ok(timestamp.as_millisecond());
    }
    let is_date = text.len() == "2026-11-23".len();
    let date = text.parse::<Date>().ok().filter(|_| is_date);
    let midnight = date.and_then(|date| date.to_zoned(TimeZone::UTC).ok());
    midnight
        .map(|midnight| midnight.timestamp().as_millisecond())
        .ok_or_else(|| FilterError::Time(text.to_owned()))
}

fn span_ms(text: &str) -> Option<i64> {
    const UNITS: [(char, i64); 4] = [
        ('s', 1000),
        ('m', 60_000),
        ('h', 3_600_000),
        ('d', 86_400_000),
    ];
    UNITS.iter().find_map(|(unit, unit_ms)| {
        let count = text.strip_suffix(*unit)?;
        let digits = !count.is_empty() && count.bytes().all(|byte| byte.is_ascii_digit());
        if digits {
            count.parse::<i64>().ok()?.checked_mul(*unit_ms)
        } else {
            None
        }
    })
}
