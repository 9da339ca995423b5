//! `[trail]`: the settings of the seal and of retention that cannot be used, each with what to write.

use std::time::Duration;

use super::settings::{SettingsError, refused};
use crate::domain::retention::Policy;
use crate::ops;

/// The time from one checkpoint to the next.
pub(super) fn check_interval(trail: &ops::TrailConfig) -> Result<Duration, SettingsError> {
    let seconds = trail.checkpoint_seconds;
    if (1..=86_400).contains(&seconds) {
        return Ok(Duration::from_secs(seconds));
    }
    let key = "trail.checkpoint-seconds";
    Err(refused(key, seconds.to_string(), "write 1 to 86400"))
}

/// The longest time that events are kept, in days.
const KEEP_DAYS_MAX: u32 = 36_500;
/// The fewest events that a trail may be cut to.
const EVENTS_MIN: u64 = 1000;

/// What is kept.
pub(super) fn check_retention(trail: &ops::TrailConfig) -> Result<Policy, SettingsError> {
    let policy = Policy {
        keep_days: trail.keep_days,
        keep_days_max: trail.keep_days_max,
        events_max: trail.events_max,
    };
    let days = [
        ("trail.keep-days", policy.keep_days),
        ("trail.keep-days-max", policy.keep_days_max),
    ];
    if let Some((key, days)) = days.into_iter().find(|(_, days)| *days > KEEP_DAYS_MAX) {
        let problem = "write at most 36500, or 0 to keep all events";
        return Err(refused(key, days.to_string(), problem));
    }
    let most = policy.keep_days_max.to_string();
    match policy {
        Policy {
            keep_days: 0,
            keep_days_max: 1..,
            ..
        } => Err(refused(
            "trail.keep-days-max",
            most,
            "it is the end of waiting for delivery: set trail.keep-days, too",
        )),
        Policy {
            keep_days,
            keep_days_max: days @ 1..,
            ..
        } if days < keep_days => Err(refused(
            "trail.keep-days-max",
            most,
            "write at least the number of trail.keep-days, or 0 to wait for delivery",
        )),
        Policy {
            events_max: 1..EVENTS_MIN,
            ..
        } => Err(refused(
            "trail.events-max",
            policy.events_max.to_string(),
            "write at least 1000, or 0 to keep all events",
        )),
        policy => Ok(policy),
    }
}
