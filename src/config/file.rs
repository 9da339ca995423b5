//! `keyledger.toml` as it is written: sections, keys, defaults.
//!
//! Unknown keys are refused, so that a misspelt limit is never silently the default. Nothing is checked here beyond its type:
//! [`super::Settings`] does that. Each module's own settings are its own type; this file only gathers them.

use serde::{Deserialize, Serialize};

use crate::admin::api;
use crate::domain::routing::RoutingLimits;
use crate::domain::{DestructionPolicy, Scope};
use crate::routing::telemetry;
use crate::store::StoreConfig;
use crate::{ops, providers, server};

/// The port IANA assigned to KMIP.
pub const DEFAULT_PORT: u16 = 5696;

/// The whole file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Config {
    /// The version of this format; there is one.
    pub version: Version,
    /// Where the server listens.
    #[serde(default)]
    pub server: Server,
    /// The server's certificate.
    #[serde(default)]
    pub tls: Tls,
    /// Where the master key comes from.
    #[serde(default)]
    pub master_key: MasterKey,
    /// Whose events these are.
    #[serde(default)]
    pub service: Service,
    /// KMIP behaviour.
    #[serde(default)]
    pub kmip: ops::Config,
    /// What a peer may use.
    #[serde(default)]
    pub limits: server::Config,
    /// The database.
    #[serde(default)]
    pub store: StoreConfig,
    /// The seal of the trail.
    #[serde(default)]
    pub trail: ops::TrailConfig,
    /// How many targets, routes and rules there may be.
    #[serde(default)]
    pub routing: RoutingLimits,
    /// How administrators destroy keys.
    #[serde(default)]
    pub destruction: DestructionPolicy,
    /// The administration API.
    #[serde(default)]
    pub admin: api::Config,
    /// The export of spans.
    #[serde(default)]
    pub telemetry: telemetry::Config,
}

/// The version of the file's format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Version {
    /// The first.
    #[serde(rename = "v1")]
    V1,
}

/// `[server]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Server {
    /// Address and port KMIP is served on.
    pub listen: String,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: format!("0.0.0.0:{DEFAULT_PORT}"),
        }
    }
}

/// `[tls]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Tls {
    /// Which TLS is spoken.
    pub policy: server::TlsPolicy,
    /// DNS names and addresses of the server's certificate; empty: those of this machine.
    pub names: Vec<String>,
    /// The kind of key of certificates made here.
    pub key_kind: String,
    /// Days the server's certificate is valid for when it is made.
    pub server_days: u32,
    /// Days a client's certificate is valid for when it is issued.
    pub client_days: u32,
    /// Days an expired client certificate is still let in, with a warning.
    pub expired_client_grace_days: u32,
    /// Whether clients are refused whose CA's revocation list has lapsed.
    pub refuse_lapsed_revocation_lists: bool,
}

impl Default for Tls {
    fn default() -> Self {
        let key_kind = "rsa-3072".to_owned();
        Self {
            policy: server::TlsPolicy::default(),
            names: Vec::new(),
            key_kind,
            server_days: 825,
            client_days: 825,
            expired_client_grace_days: 0,
            refuse_lapsed_revocation_lists: false,
        }
    }
}

/// `[master-key]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct MasterKey {
    /// The provider's name.
    pub provider: String,
    /// The file the passphrase is read from; empty: it is given at start.
    pub passphrase_file: String,
    /// The server starts without its passphrase and serves keys once it is given: `keyledger unlock`.
    pub start_locked: bool,
    /// Provider `pkcs11`.
    pub pkcs11: providers::pkcs11::Config,
    /// Provider `command`.
    pub command: providers::command::Config,
}

impl Default for MasterKey {
    fn default() -> Self {
        Self {
            provider: providers::file::NAME.to_owned(),
            passphrase_file: String::new(),
            start_locked: false,
            pkcs11: providers::pkcs11::Config::default(),
            command: providers::command::Config::default(),
        }
    }
}

/// `[service]`: the segments of CRNs in events. Read when an instance is made; what is made keeps its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Service {
    /// Where this server is; drives the routing of events. An alias stands for the name of its location.
    pub location: String,
    /// The account events belong to.
    pub account: String,
    /// What CRNs begin with.
    pub crn_prefix: String,
}

impl Default for Service {
    fn default() -> Self {
        Self {
            location: Scope::DEFAULT_LOCATION.to_owned(),
            account: Scope::DEFAULT_ACCOUNT.to_owned(),
            crn_prefix: Scope::DEFAULT_CRN_PREFIX.to_owned(),
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            version: Version::V1,
            server: Server::default(),
            tls: Tls::default(),
            master_key: MasterKey::default(),
            service: Service::default(),
            kmip: ops::Config::default(),
            limits: server::Config::default(),
            store: StoreConfig::default(),
            trail: ops::TrailConfig::default(),
            routing: RoutingLimits::default(),
            destruction: DestructionPolicy::default(),
            admin: api::Config::default(),
            telemetry: telemetry::Config::default(),
        }
    }
}

/// The example that is shipped, and the text `init` starts from.
pub const EXAMPLE: &str = include_str!("../../etc/keyledger.example.toml");

/// The example with these keys set: each `(key, value)` replaces the first commented default, or example, of that key. Values are TOML.
///
/// A key the example does not have is left out; a test keeps the two together.
#[must_use]
pub fn example_with(settings: &[(&str, String)]) -> String {
    let mut text = String::with_capacity(EXAMPLE.len() + 256);
    let mut left = settings.to_vec();
    for line in EXAMPLE.lines() {
        let line_without = line.strip_prefix("# ").or_else(|| line.strip_prefix('#'));
        let commented = |key: &str| {
            let rest = line_without.and_then(|rest| rest.strip_prefix(key));
            rest.is_some_and(|rest| rest.starts_with(" = "))
        };
        match left.iter().position(|(key, _)| commented(key)) {
            Some(at) => {
                let (key, value) = left.remove(at);
                text.push_str(&format!("{key} = {value}"));
            }
            None => text.push_str(line),
        }
        text.push('\n');
    }
    text
}

/// A text as a TOML value.
#[must_use]
pub fn quoted(text: &str) -> String {
    format!("\"{}\"", text.escape_default())
}

/// Texts as a TOML list.
#[must_use]
pub fn quoted_list(texts: &[String]) -> String {
    let quoted: Vec<_> = texts.iter().map(|text| quoted(text)).collect();
    format!("[{}]", quoted.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example with every commented setting put in force.
    fn uncommented() -> String {
        let is_setting = |line: &str| {
            line.strip_prefix('#')
                .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase()))
        };
        let lines = EXAMPLE.lines();
        let lines = lines.map(|line| if is_setting(line) { &line[1..] } else { line });
        lines.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn the_example_parses_and_equals_the_defaults() {
        let as_shipped: Config = toml::from_str(EXAMPLE).unwrap();
        assert_eq!(as_shipped, Config::default());
        let all: Config = toml::from_str(&uncommented()).unwrap();
        assert_eq!(all, Config::default());
    }

    #[test]
    fn the_example_shows_every_key() {
        let shown: toml::Table = toml::from_str(&uncommented()).unwrap();
        let held = toml::Table::try_from(Config::default()).unwrap();
        assert_eq!(shown, held);
    }

    #[test]
    fn keys_without_a_default_are_shown_by_an_example() {
        for key in ["url", "node", "password-file", "ca-file"] {
            let line = format!("\n# {key} = ");
            assert_eq!(EXAMPLE.matches(&line).count(), 1, "{key}");
        }
        let text = example_with(&[
            ("url", quoted("postgres://k@db/k")),
            ("node", "2".to_owned()),
            ("password-file", quoted("/p")),
            ("ca-file", quoted("/c")),
        ]);
        let store = toml::from_str::<Config>(&text).unwrap().store;
        assert_eq!(store.url.as_deref(), Some("postgres://k@db/k"));
        assert_eq!(store.node, Some(2));
        assert_eq!(store.password_file, Some("/p".into()));
        assert_eq!(store.ca_file, Some("/c".into()));
    }

    #[test]
    fn an_unknown_key_is_refused_and_named() {
        for (text, key) in [
            (
                "version = \"v1\"\n[kmip]\nbatch-item-max = 3\n",
                "batch-item-max",
            ),
            ("version = \"v1\"\n[tls]\nname = []\n", "name"),
            ("version = \"v1\"\n[web]\n", "web"),
        ] {
            let error = toml::from_str::<Config>(text).unwrap_err().to_string();
            assert!(error.contains(&format!("unknown field `{key}`")), "{error}");
        }
    }

    #[test]
    fn a_file_without_its_version_or_of_another_one_is_refused() {
        let error = toml::from_str::<Config>("").unwrap_err().to_string();
        assert!(error.contains("missing field `version`"), "{error}");
        let error = toml::from_str::<Config>("version = \"v2\"")
            .unwrap_err()
            .to_string();
        assert!(error.contains("`v2`"), "{error}");
    }

    #[test]
    fn settings_replace_the_commented_defaults() {
        let names = vec!["kms.example.org".to_owned(), "192.0.2.7".to_owned()];
        let text = example_with(&[
            ("listen", quoted("127.0.0.1:1")),
            ("names", quoted_list(&names)),
            ("location", quoted("eu-de")),
            ("account", quoted("abc")),
        ]);
        let config: Config = toml::from_str(&text).unwrap();
        assert_eq!(config.server.listen, "127.0.0.1:1");
        assert_eq!(config.tls.names, names);
        assert_eq!(config.service.location, "eu-de");
        assert_eq!(config.service.account, "abc");
    }
}
