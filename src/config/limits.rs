//! The limits as settings: none that stops everything, and none that contradicts another.
//!
//! A limit that another makes without effect is no contradiction: who lowers `connections-max` need not touch the limit of one address.

use super::settings::{SettingsError, refused};
use crate::{ops, server};

/// An identifier in the answer to Locate, in bytes.
const LOCATED_BYTES: usize = 48;
/// What else may be in such an answer, in bytes.
const ANSWER_FRAME_BYTES: usize = 1024;
/// The longest message: lengths on the wire have 32 bits, and twice this must fit into them.
const MESSAGE_BYTES_LIMIT: usize = 1024 * 1024 * 1024;

/// A setting: section and key, value, the least and the most it may be.
type Bounds = (&'static str, usize, usize, usize);

/// Checks the section `[limits]`, and with it the sizes of `[kmip]`.
///
/// # Errors
/// The first value that cannot be used.
pub(super) fn check(
    limits: server::Config,
    kmip: &ops::Config,
) -> Result<server::Config, SettingsError> {
    let all = counts(&limits).into_iter().chain(sizes(&limits, kmip));
    for (key, value, least, most) in all {
        let problem = match value {
            _ if value < least => format!("write at least {least}"),
            _ if value > most => format!("write at most {most}"),
            _ => continue,
        };
        return Err(refused(key, value.to_string(), problem));
    }
    check_times(&limits)?;
    Ok(limits)
}

fn counts(limits: &server::Config) -> [Bounds; 8] {
    let wide = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
    let most = wide(u32::MAX);
    let depth = usize::from(limits.message_depth_max);
    [
        ("limits.message-depth-max", depth, 8, 255),
        (
            "limits.message-items-max",
            wide(limits.message_items_max),
            64,
            most,
        ),
        ("limits.connections-max", limits.connections_max, 1, most),
        (
            "limits.connections-per-address-max",
            limits.connections_per_address_max,
            1,
            most,
        ),
        ("limits.handshakes-max", limits.handshakes_max, 1, most),
        (
            "limits.handshakes-per-address-max",
            limits.handshakes_per_address_max,
            1,
            most,
        ),
        (
            "limits.requests-per-client-per-second-max",
            wide(limits.requests_per_client_per_second_max),
            0,
            most,
        ),
        (
            "limits.requests-per-client-burst-max",
            wide(limits.requests_per_client_burst_max),
            1,
            most,
        ),
    ]
}

/// Each size must hold what another allows: a message or an answer that fits nowhere would wait for ever.
fn sizes(limits: &server::Config, kmip: &ops::Config) -> [Bounds; 5] {
    let largest = limits.message_bytes_max.max(kmip.response_bytes_max);
    let located = kmip.response_bytes_max.saturating_sub(ANSWER_FRAME_BYTES) / LOCATED_BYTES;
    [
        (
            "limits.message-bytes-max",
            limits.message_bytes_max,
            1024,
            MESSAGE_BYTES_LIMIT,
        ),
        (
            "kmip.response-bytes-max",
            kmip.response_bytes_max,
            4096,
            MESSAGE_BYTES_LIMIT,
        ),
        (
            "kmip.locate-results-max",
            kmip.locate_results_max,
            1,
            located,
        ),
        (
            "limits.bytes-in-flight-max",
            limits.bytes_in_flight_max,
            largest,
            usize::MAX,
        ),
        (
            "limits.bytes-in-flight-per-client-max",
            limits.bytes_in_flight_per_client_max,
            largest,
            usize::MAX,
        ),
    ]
}

fn check_times(limits: &server::Config) -> Result<(), SettingsError> {
    let times = [
        ("limits.handshake-timeout-ms", limits.handshake_timeout_ms),
        (
            "limits.first-request-timeout-ms",
            limits.first_request_timeout_ms,
        ),
        ("limits.idle-timeout-ms", limits.idle_timeout_ms),
        ("limits.request-timeout-ms", limits.request_timeout_ms),
    ];
    let usable = 100..=86_400_000;
    match times.into_iter().find(|(_, time)| !usable.contains(time)) {
        Some((key, time)) => Err(refused(
            key,
            time.to_string(),
            "write 100 to 86400000 milliseconds",
        )),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::{ops, server};

    /// What is said to these two sections.
    fn said(limits: &str, kmip: &str) -> Option<String> {
        let limits: server::Config = toml::from_str(limits).unwrap();
        let kmip: ops::Config = toml::from_str(kmip).unwrap();
        let said = check(limits, &kmip).err().map(|error| error.to_string());
        assert!(said.as_ref().is_none_or(|said| !said.contains('\n')));
        said
    }

    #[test]
    fn the_defaults_are_usable_and_so_are_small_limits() {
        assert_eq!(said("", ""), None);
        // Without effect is not wrong.
        assert_eq!(said("connections-max = 1\nhandshakes-max = 1", ""), None);
    }

    #[test]
    fn a_limit_of_zero_is_refused() {
        for key in [
            "message-bytes-max",
            "message-depth-max",
            "message-items-max",
            "connections-max",
            "connections-per-address-max",
            "handshakes-max",
            "handshakes-per-address-max",
            "handshake-timeout-ms",
            "first-request-timeout-ms",
            "idle-timeout-ms",
            "request-timeout-ms",
            "bytes-in-flight-max",
            "bytes-in-flight-per-client-max",
            "requests-per-client-burst-max",
        ] {
            let said = said(&format!("{key} = 0"), "").expect(key);
            assert!(
                said.starts_with(&format!("limits.{key} = \"0\": write ")),
                "{said}"
            );
        }
        assert_eq!(
            said("requests-per-client-per-second-max = 0", ""),
            None,
            "off"
        );
    }

    #[test]
    fn limits_that_contradict_each_other_are_refused() {
        for (limits, kmip, expected) in [
            (
                "bytes-in-flight-max = 1048576",
                "",
                "limits.bytes-in-flight-max = \"1048576\": write at least 8388608",
            ),
            (
                "bytes-in-flight-per-client-max = 1048576",
                "response-bytes-max = 1048577",
                "limits.bytes-in-flight-per-client-max = \"1048576\": write at least 1048577",
            ),
            (
                "message-bytes-max = 536870912",
                "",
                "limits.bytes-in-flight-max = \"268435456\": write at least 536870912",
            ),
            (
                "",
                "response-bytes-max = 100000",
                "kmip.locate-results-max = \"10000\": write at most 2062",
            ),
            (
                "message-bytes-max = 2147483648",
                "",
                "limits.message-bytes-max = \"2147483648\": write at most 1073741824",
            ),
        ] {
            assert_eq!(said(limits, kmip).as_deref(), Some(expected));
        }
    }
}
