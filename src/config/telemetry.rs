//! `[telemetry]`, checked: where spans of requests go.

use super::settings::{SettingsError, refused};
use crate::routing::telemetry::Config;

/// Checks the section.
///
/// # Errors
/// The first value that cannot be used.
pub(super) fn check(config: Config) -> Result<Config, SettingsError> {
    let Err(error) = config.check() else {
        return Ok(config);
    };
    let name = match &*error.field {
        "service-name" => "telemetry.service-name",
        "sample-percent" => "telemetry.sample-percent",
        _ => "telemetry.otlp-endpoint",
    };
    Err(refused(name, config.shown(&error.field), error.problem))
}
