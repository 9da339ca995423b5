//! The settings in force: read, overridden, checked once.
//!
//! Whoever holds [`Settings`] checks nothing again. Environment and flags arrive as [`Overrides`]: this module reads the file and
//! nothing else of its surroundings. Errors name the file, the key and what to write.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::administration::{Administration, check as check_admin};
use super::file::Config;
use super::layout::{Layout, LayoutError};
use super::limits::check as check_limits;
use super::names;
use super::store::check_store;
use super::trail::{check_interval, check_retention};
use crate::crypto::{AuthorityError, KeyKind};
use crate::domain::destruction::RECOVERY_DAYS_MAX;
use crate::domain::retention::Policy;
use crate::domain::routing::RoutingLimits;
use crate::domain::{DestructionPolicy, Scope, location};
use crate::providers::{Provider, ProviderSettings};
use crate::store::StoreConfig;
use crate::{ops, server};

/// The settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file is missing or cannot be read.
    #[error(transparent)]
    Read(#[from] LayoutError),
    /// The file is not what a configuration must be.
    #[error("{}: {problem}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong, with its line.
        problem: String,
    },
    /// A setting has a value it cannot have.
    #[error("{key} = {value:?}: {problem}")]
    Value {
        /// Section and key.
        key: &'static str,
        /// What was given.
        value: String,
        /// What is wrong and what to write.
        problem: String,
    },
}

/// What environment and flags say.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// `--listen`, `KEYLEDGER_LISTEN`.
    pub listen: Option<String>,
}

/// Where the master key comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MasterKeySettings {
    /// How a new one is made. The file of the one in use says whose that is.
    pub provider: Provider,
    /// The file the passphrase is read from; none: it is given at start.
    pub passphrase_file: Option<PathBuf>,
    /// The server starts without its passphrase.
    pub start_locked: bool,
    /// What the providers need that have settings.
    pub providers: ProviderSettings,
}

/// Settings that were checked.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where things lie on disk.
    pub layout: Layout,
    /// Where KMIP is served.
    pub listen: SocketAddr,
    /// Which TLS is spoken.
    pub tls_policy: server::TlsPolicy,
    /// Names of the server's certificate, never empty.
    pub names: Vec<String>,
    /// The kind of key of certificates made here.
    pub key_kind: KeyKind,
    /// Days the server's certificate is valid for.
    pub server_days: u32,
    /// Days a client's certificate is valid for.
    pub client_days: u32,
    /// Days an expired client certificate is still let in.
    pub expired_client_grace_days: u32,
    /// Whether clients are refused whose CA's revocation list has lapsed.
    pub refuse_lapsed_revocation_lists: bool,
    /// Where the master key comes from.
    pub master_key: MasterKeySettings,
    /// The scope of what is made here, without an instance.
    pub scope: Scope,
    /// KMIP behaviour.
    pub kmip: ops::Config,
    /// What a peer may use.
    pub limits: server::Config,
    /// The database.
    pub store: StoreConfig,
    /// From one checkpoint of the trail to the next.
    pub checkpoint_interval: Duration,
    /// What is kept of the trail.
    pub retention: Policy,
    /// How many targets, routes and rules there may be.
    pub routing: RoutingLimits,
    /// How administrators destroy keys.
    pub destruction: DestructionPolicy,
    /// The administration API.
    pub administration: Administration,
    /// The export of spans.
    pub telemetry: crate::routing::telemetry::Config,
}

impl Settings {
    /// Reads `keyledger.toml` below the layout's root, applies the overrides and checks all of it.
    ///
    /// # Errors
    /// The file is missing or malformed, or a value cannot be used.
    pub fn load(layout: &Layout, overrides: &Overrides) -> Result<Self, SettingsError> {
        let path = layout.config();
        let advice = "run `keyledger init` in this directory, or name the right one with --dir";
        let text = super::layout::read_public(&path, advice)?;
        let config = parse(&text).map_err(|problem| SettingsError::Malformed { path, problem })?;
        Self::check(layout, config, overrides)
    }

    /// Checks a configuration that was read or made.
    ///
    /// # Errors
    /// The first value that cannot be used.
    pub fn check(
        layout: &Layout,
        config: Config,
        overrides: &Overrides,
    ) -> Result<Self, SettingsError> {
        let Config {
            version: _,
            server,
            tls,
            master_key,
            service,
            kmip,
            limits,
            store,
            trail,
            routing,
            destruction,
            admin,
            telemetry,
        } = config;
        let listen = overrides.listen.clone().unwrap_or(server.listen);
        check_kmip(&kmip)?;
        check_days("tls.server-days", tls.server_days)?;
        check_days("tls.client-days", tls.client_days)?;
        Ok(Self {
            layout: layout.clone(),
            listen: check_listen(listen)?,
            tls_policy: tls.policy,
            names: check_names(tls.names)?,
            key_kind: check_key_kind(&tls.key_kind)?,
            server_days: tls.server_days,
            client_days: tls.client_days,
            expired_client_grace_days: check_grace(tls.expired_client_grace_days)?,
            refuse_lapsed_revocation_lists: tls.refuse_lapsed_revocation_lists,
            master_key: check_master_key(master_key)?,
            scope: check_scope(service)?,
            limits: check_limits(limits, &kmip)?,
            kmip,
            store: check_store(layout, store)?,
            checkpoint_interval: check_interval(&trail)?,
            retention: check_retention(&trail)?,
            routing: check_routing(routing)?,
            destruction: check_destruction(destruction)?,
            administration: check_admin(admin)?,
            telemetry: super::telemetry::check(telemetry)?,
        })
    }
}

/// Reads the text of a configuration; the problem is one line.
///
/// # Errors
/// Line, cause.
pub fn parse(text: &str) -> Result<Config, String> {
    toml::from_str(text).map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start));
        let line = before.map(|before| before.matches('\n').count() + 1);
        let cause = error.message().replace('\n', " ");
        line.map_or_else(|| cause.clone(), |line| format!("line {line}: {cause}"))
    })
}

pub(super) fn refused(
    key: &'static str,
    value: impl Into<String>,
    problem: impl Into<String>,
) -> SettingsError {
    SettingsError::Value {
        key,
        value: value.into(),
        problem: problem.into(),
    }
}

fn check_listen(listen: String) -> Result<SocketAddr, SettingsError> {
    listen.parse().map_err(|_| {
        let problem = "not an address with a port; write one like 0.0.0.0:5696 or [::]:5696";
        refused("server.listen", listen, problem)
    })
}

fn check_names(names: Vec<String>) -> Result<Vec<String>, SettingsError> {
    let is_dns = |name: &str| {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._*".contains(&byte);
        !name.is_empty() && name.len() <= 253 && name.bytes().all(allowed)
    };
    let wrong = |name: &&String| !is_dns(name) && name.parse::<std::net::IpAddr>().is_err();
    match names.iter().find(wrong) {
        Some(name) => Err(refused(
            "tls.names",
            name.as_str(),
            "neither a DNS name nor an IP address",
        )),
        None if names.is_empty() => Ok(names::of_this_machine()),
        None => Ok(names),
    }
}

fn check_key_kind(text: &str) -> Result<KeyKind, SettingsError> {
    let refuse = |error: AuthorityError| refused("tls.key-kind", text, error.to_string());
    text.parse().map_err(refuse)
}

fn check_master_key(section: super::file::MasterKey) -> Result<MasterKeySettings, SettingsError> {
    let super::file::MasterKey {
        provider: name,
        passphrase_file,
        start_locked,
        pkcs11,
        command,
    } = section;
    let Some(provider) = Provider::from_name(&name) else {
        let names: Vec<_> = Provider::ALL.iter().map(|one| one.name()).collect();
        let problem = format!("write one of {}", names.join(", "));
        return Err(refused("master-key.provider", name, problem));
    };
    let file = Some(passphrase_file).filter(|file| !file.is_empty());
    if let (Some(file), true) = (&file, provider != Provider::Passphrase) {
        let problem =
            format!("provider `{name}` takes no passphrase; write provider = \"passphrase\"");
        return Err(refused("master-key.passphrase-file", file, problem));
    }
    let refusal = if !start_locked {
        None
    } else if provider != Provider::Passphrase {
        Some("only a master key of provider `passphrase` is unlocked later; leave it out")
    } else {
        let text = "passphrase-file says where the passphrase is; leave one of both out";
        file.as_ref().map(|_| text)
    };
    if let Some(problem) = refusal {
        return Err(refused("master-key.start-locked", "true", problem));
    }
    let is_used = |is: Provider, text: &str| provider == is || !text.is_empty();
    let (module, program) = (&pkcs11.module, &command.program);
    if is_used(Provider::Pkcs11, module) {
        check_absolute("master-key.pkcs11.module", module)?;
    }
    if is_used(Provider::Command, program) {
        check_absolute("master-key.command.program", program)?;
    }
    check_answer("master-key.pkcs11.answer-seconds", pkcs11.answer_seconds)?;
    check_answer("master-key.command.answer-seconds", command.answer_seconds)?;
    Ok(MasterKeySettings {
        provider,
        passphrase_file: file.map(PathBuf::from),
        start_locked,
        providers: ProviderSettings { pkcs11, command },
    })
}

fn check_absolute(key: &'static str, path: &str) -> Result<(), SettingsError> {
    if Path::new(path).is_absolute() {
        return Ok(());
    }
    let problem =
        "write its absolute path in keyledger.toml, before `keyledger init` for a new server";
    Err(refused(key, path, problem))
}

fn check_answer(key: &'static str, seconds: u64) -> Result<(), SettingsError> {
    if (1..=300).contains(&seconds) {
        return Ok(());
    }
    Err(refused(key, seconds.to_string(), "write 1 to 300 seconds"))
}

fn check_days(key: &'static str, days: u32) -> Result<(), SettingsError> {
    if (1..=3650).contains(&days) {
        return Ok(());
    }
    Err(refused(key, days.to_string(), "write 1 to 3650 days"))
}

fn check_grace(days: u32) -> Result<u32, SettingsError> {
    if days <= 90 {
        return Ok(days);
    }
    let problem = "write 0 to 90 days; a certificate that lapsed longer ago must be renewed";
    Err(refused(
        "tls.expired-client-grace-days",
        days.to_string(),
        problem,
    ))
}

/// The segments end up in every event, between colons and slashes.
fn check_scope(service: super::file::Service) -> Result<Scope, SettingsError> {
    let super::file::Service {
        location,
        account,
        crn_prefix,
    } = service;
    let plain = |text: &str, longest: usize| {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        !text.is_empty() && text.len() <= longest && text.chars().all(allowed)
    };
    let location = location::resolve(&location)
        .map_err(|error| refused("service.location", &*location, error.to_string()))?
        .to_owned();
    if !plain(&account, 64) {
        let problem = "write 1 to 64 letters, digits, '-', '_' or '.'";
        return Err(refused("service.account", account, problem));
    }
    let segments: Vec<_> = crn_prefix.split(':').collect();
    if segments.len() != 4
        || segments.first() != Some(&"crn")
        || !segments.iter().all(|s| plain(s, 32))
    {
        let problem = "write crn:<version>:<cloud>:<type>, like crn:v1:bluemix:public";
        return Err(refused("service.crn-prefix", crn_prefix, problem));
    }
    Ok(Scope {
        crn_prefix,
        account,
        location,
        instance: String::new(),
    })
}

/// The most bytes of a name or value that the store has room for: it keeps the length of a name in 16 bits.
const ATTRIBUTE_TEXT_BYTES_MAX: usize = 65_535;

/// The most wrong credentials a minute that may be allowed: ten a second.
const WRONG_CREDENTIALS_MAX: u32 = 600;

fn check_kmip(kmip: &ops::Config) -> Result<(), SettingsError> {
    let problem = "write at least 1";
    if kmip.batch_items_max == 0 {
        return Err(refused("kmip.batch-items-max", "0", problem));
    }
    let counts = [
        ("kmip.locate-results-max", kmip.locate_results_max),
        ("kmip.searched-objects-max", kmip.searched_objects_max),
        ("kmip.attribute-instances-max", kmip.attribute_instances_max),
        (
            "kmip.attributes-per-object-max",
            kmip.attributes_per_object_max,
        ),
        (
            "kmip.attribute-text-bytes-max",
            kmip.attribute_text_bytes_max,
        ),
        ("kmip.refusals-max", kmip.refusals_max),
    ];
    let wrong = kmip.wrong_credentials_per_minute;
    match counts.into_iter().find(|(_, count)| *count == 0) {
        Some((key, _)) => Err(refused(key, "0", problem)),
        None if kmip.attribute_text_bytes_max > ATTRIBUTE_TEXT_BYTES_MAX => {
            let key = "kmip.attribute-text-bytes-max";
            let value = kmip.attribute_text_bytes_max.to_string();
            Err(refused(key, value, "write at most 65535"))
        }
        None if kmip.refusal_events_per_day_max < 1 => {
            let value = kmip.refusal_events_per_day_max.to_string();
            Err(refused("kmip.refusal-events-per-day-max", value, problem))
        }
        None if !(1..=WRONG_CREDENTIALS_MAX).contains(&wrong) => {
            let key = "kmip.wrong-credentials-per-minute";
            Err(refused(key, wrong.to_string(), "write 1 to 600"))
        }
        None if kmip.refusal_window_seconds < 1 => {
            let value = kmip.refusal_window_seconds.to_string();
            Err(refused("kmip.refusal-window-seconds", value, problem))
        }
        None => Ok(()),
    }
}

fn check_destruction(policy: DestructionPolicy) -> Result<DestructionPolicy, SettingsError> {
    if policy.recovery_days <= RECOVERY_DAYS_MAX {
        return Ok(policy);
    }
    let days = policy.recovery_days.to_string();
    let problem = format!("write at most {RECOVERY_DAYS_MAX}, or 0 to destroy keys at once");
    Err(refused("destruction.recovery-days", days, problem))
}

/// The most of anything that routing may hold: every event is compared with all of it.
const ROUTING_MAX: usize = 1000;

fn check_routing(limits: RoutingLimits) -> Result<RoutingLimits, SettingsError> {
    let counts = [
        ("routing.targets-max", limits.targets_max),
        ("routing.default-targets-max", limits.default_targets_max),
        ("routing.routes-max", limits.routes_max),
        ("routing.rules-per-route-max", limits.rules_per_route_max),
        (
            "routing.locations-per-rule-max",
            limits.locations_per_rule_max,
        ),
        ("routing.targets-per-rule-max", limits.targets_per_rule_max),
    ];
    let is_wrong = |(_, count): &(&str, usize)| !(1..=ROUTING_MAX).contains(count);
    match counts.into_iter().find(is_wrong) {
        Some((key, count)) => Err(refused(key, count.to_string(), "write 1 to 1000")),
        None => Ok(limits),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(text: &str, overrides: &Overrides) -> Result<Settings, String> {
        let config = parse(&format!("version = \"v1\"\n{text}"))?;
        let checked = Settings::check(&Layout::new("d"), config, overrides);
        checked.map_err(|error| error.to_string())
    }

    #[test]
    fn an_empty_file_gives_usable_settings() {
        let settings = settings("", &Overrides::default()).unwrap();
        assert_eq!(settings.listen.to_string(), "0.0.0.0:5696");
        assert_eq!(settings.key_kind, KeyKind::Rsa3072);
        assert!(!settings.names.is_empty());
        assert!(!settings.kmip.protocol_events);
    }

    #[test]
    fn a_flag_wins_over_the_file() {
        let overrides = Overrides {
            listen: Some("127.0.0.1:0".to_owned()),
        };
        let settings = settings("[server]\nlisten = \"10.0.0.1:1\"", &overrides).unwrap();
        assert_eq!(settings.listen.to_string(), "127.0.0.1:0");
    }

    #[test]
    fn values_that_cannot_be_used_are_named_with_their_key() {
        for (text, key) in [
            ("[server]\nlisten = \"5696\"", "server.listen"),
            ("[tls]\nkey-kind = \"dsa\"", "tls.key-kind"),
            ("[tls]\nnames = [\"a b\"]", "tls.names"),
            ("[tls]\nclient-days = 0", "tls.client-days"),
            (
                "[tls]\nexpired-client-grace-days = 91",
                "tls.expired-client-grace-days",
            ),
            ("[master-key]\nprovider = \"paper\"", "master-key.provider"),
            (
                "[master-key]\npassphrase-file = \"/f\"",
                "master-key.passphrase-file",
            ),
            (
                "[master-key]\nprovider = \"pkcs11\"",
                "master-key.pkcs11.module",
            ),
            (
                "[master-key.command]\nprogram = \"kms\"",
                "master-key.command.program",
            ),
            (
                "[master-key.pkcs11]\nanswer-seconds = 0",
                "master-key.pkcs11.answer-seconds",
            ),
            ("[service]\nlocation = \"global\"", "service.location"),
            ("[service]\nlocation = \"EU-DE\"", "service.location"),
            ("[service]\naccount = \"a:b\"", "service.account"),
            ("[service]\ncrn-prefix = \"crn\"", "service.crn-prefix"),
            ("[kmip]\nbatch-items-max = 0", "kmip.batch-items-max"),
            (
                "[kmip]\nwrong-credentials-per-minute = 0",
                "kmip.wrong-credentials-per-minute",
            ),
            (
                "[kmip]\nwrong-credentials-per-minute = 601",
                "kmip.wrong-credentials-per-minute",
            ),
            (
                "[kmip]\nattributes-per-object-max = 0",
                "kmip.attributes-per-object-max",
            ),
            (
                "[kmip]\nattribute-text-bytes-max = 65536",
                "kmip.attribute-text-bytes-max",
            ),
            ("[trail]\nkeep-days = 36501", "trail.keep-days"),
            ("[trail]\nkeep-days-max = 9", "trail.keep-days-max"),
            (
                "[trail]\nkeep-days = 10\nkeep-days-max = 9",
                "trail.keep-days-max",
            ),
            ("[trail]\nevents-max = 999", "trail.events-max"),
            ("[routing]\ntargets-max = 0", "routing.targets-max"),
            (
                "[destruction]\nrecovery-days = 3651",
                "destruction.recovery-days",
            ),
            ("[routing]\nroutes-max = 1001", "routing.routes-max"),
            (
                "[kmip]\nrefusal-events-per-day-max = 0",
                "kmip.refusal-events-per-day-max",
            ),
            (
                "[kmip]\nrefusal-window-seconds = 0",
                "kmip.refusal-window-seconds",
            ),
        ] {
            let error = settings(text, &Overrides::default()).unwrap_err();
            assert!(error.starts_with(key), "{error}");
            assert!(!error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn an_old_name_of_a_location_is_replaced_by_its_name() {
        for (given, name) in [
            ("uk-south", "eu-gb"),
            ("eu-de", "eu-de"),
            ("rack-7", "rack-7"),
        ] {
            let text = format!("[service]\nlocation = \"{given}\"");
            let settings = settings(&text, &Overrides::default()).unwrap();
            assert_eq!(settings.scope.location, name);
        }
    }

    #[test]
    fn a_malformed_file_is_one_line_with_path_and_line_number() {
        let directory = tempfile::tempdir().unwrap();
        let layout = Layout::new(directory.path());
        let missing = Settings::load(&layout, &Overrides::default())
            .unwrap_err()
            .to_string();
        assert!(
            missing.contains("keyledger.toml does not exist; run `keyledger init`"),
            "{missing}"
        );
        std::fs::write(layout.config(), "version = \"v1\"\n[server]\nlitsen = 1\n").unwrap();
        let error = Settings::load(&layout, &Overrides::default())
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("keyledger.toml: line 3: unknown field `litsen`"),
            "{error}"
        );
        assert!(!error.contains('\n'), "{error}");
    }
}
