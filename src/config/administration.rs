//! `[admin]`, checked: where the administration API is served, with which certificate, within which limits.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::settings::{SettingsError, refused};
use crate::admin::api::Config;

/// Settings of the administration API that were checked.
#[derive(Debug, Clone)]
pub struct Administration {
    /// Where it is served; none: nowhere.
    pub listen: Option<SocketAddr>,
    /// The files of its certificate and key; none: the server's own.
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// The limits.
    pub config: Config,
}

/// The most of anything that is counted: more is a slip.
const COUNT_MAX: u64 = 100_000;
/// The most bytes of a body.
const BODY_BYTES_LIMIT: usize = 64 * 1024 * 1024;
/// The least bytes of a head that the HTTP library takes, and the most.
const HEADER_BYTES: std::ops::RangeInclusive<usize> = 8192..=1024 * 1024;

/// Checks the section.
///
/// # Errors
/// The first value that cannot be used.
pub(super) fn check(config: Config) -> Result<Administration, SettingsError> {
    let listen = if config.listen.is_empty() {
        None
    } else {
        let problem =
            "not an address with a port; write one like 127.0.0.1:5697, or nothing to serve no API";
        let parsed = config.listen.parse();
        Some(parsed.map_err(|_| refused("admin.listen", &*config.listen, problem))?)
    };
    check_counts(&config)?;
    check_sizes(&config)?;
    let certificate = match (&*config.certificate, &*config.key) {
        ("", "") => None,
        ("", key) => {
            let problem = "write admin.certificate too: a key and its certificate belong together";
            return Err(refused("admin.key", key, problem));
        }
        (certificate, "") => {
            let problem = "write admin.key too: a certificate and its key belong together";
            return Err(refused("admin.certificate", certificate, problem));
        }
        (certificate, key) => Some((certificate.into(), key.into())),
    };
    Ok(Administration {
        listen,
        certificate,
        config,
    })
}

fn check_counts(config: &Config) -> Result<(), SettingsError> {
    let wide = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    let counts = [
        ("admin.instances-max", wide(config.instances_max)),
        ("admin.clients-max", wide(config.clients_max)),
        (
            "admin.certificates-per-client-max",
            wide(config.certificates_per_client_max),
        ),
        ("admin.api-keys-max", wide(config.api_keys_max)),
        ("admin.administrators-max", wide(config.administrators_max)),
        ("admin.connections-max", wide(config.connections_max)),
        (
            "admin.connections-per-address-max",
            wide(config.connections_per_address_max),
        ),
        (
            "admin.failed-logins-per-address-per-minute",
            config.failed_logins_per_address_per_minute.into(),
        ),
        (
            "admin.failed-logins-per-minute",
            config.failed_logins_per_minute.into(),
        ),
        (
            "admin.event-tails-per-caller-max",
            wide(config.event_tails_per_caller_max),
        ),
    ];
    let wrong = |(_, count): &(&str, u64)| !(1..=COUNT_MAX).contains(count);
    match counts.into_iter().find(wrong) {
        Some((key, count)) => Err(refused(key, count.to_string(), "write 1 to 100000")),
        None => Ok(()),
    }
}

fn check_sizes(config: &Config) -> Result<(), SettingsError> {
    if !HEADER_BYTES.contains(&config.header_bytes_max) {
        let value = config.header_bytes_max.to_string();
        let problem = "write 8192 to 1048576 bytes";
        return Err(refused("admin.header-bytes-max", value, problem));
    }
    if !(1024..=BODY_BYTES_LIMIT).contains(&config.body_bytes_max) {
        let value = config.body_bytes_max.to_string();
        let problem = "write 1024 to 67108864 bytes";
        return Err(refused("admin.body-bytes-max", value, problem));
    }
    let times = [
        ("admin.handshake-timeout-ms", config.handshake_timeout_ms),
        ("admin.header-timeout-ms", config.header_timeout_ms),
        ("admin.body-timeout-ms", config.body_timeout_ms),
    ];
    let wrong = |(_, time): &(&str, u64)| !(100..=3_600_000).contains(time);
    match times.into_iter().find(wrong) {
        Some((key, time)) => {
            let problem = "write 100 to 3600000 milliseconds";
            Err(refused(key, time.to_string(), problem))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::admin::api::Config;

    fn said(text: &str) -> Option<String> {
        let config: Config = toml::from_str(text).unwrap();
        let said = check(config).err().map(|error| error.to_string());
        assert!(said.as_ref().is_none_or(|said| !said.contains('\n')));
        said
    }

    #[test]
    fn it_is_on_loopback_unless_it_is_said_otherwise_and_can_be_off() {
        let checked = check(Config::default()).unwrap();
        assert_eq!(checked.listen.unwrap().to_string(), "127.0.0.1:5697");
        assert!(checked.certificate.is_none());
        let off: Config = toml::from_str("listen = \"\"").unwrap();
        assert!(check(off).unwrap().listen.is_none());
    }

    #[test]
    fn values_that_cannot_be_used_are_named_with_their_key() {
        for (text, key) in [
            ("listen = \"5697\"", "admin.listen"),
            ("key = \"k\"", "admin.key"),
            ("certificate = \"c\"", "admin.certificate"),
            ("connections-max = 0", "admin.connections-max"),
            ("clients-max = 0", "admin.clients-max"),
            (
                "certificates-per-client-max = 0",
                "admin.certificates-per-client-max",
            ),
            (
                "failed-logins-per-minute = 0",
                "admin.failed-logins-per-minute",
            ),
            (
                "event-tails-per-caller-max = 0",
                "admin.event-tails-per-caller-max",
            ),
            ("header-bytes-max = 100", "admin.header-bytes-max"),
            ("body-bytes-max = 100", "admin.body-bytes-max"),
            ("body-timeout-ms = 1", "admin.body-timeout-ms"),
        ] {
            let said = said(text).expect(text);
            assert!(said.starts_with(&format!("{key} = ")), "{said}");
        }
    }
}
