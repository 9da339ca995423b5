//! `[store]`: the settings of the database that cannot be used, each with what to write.
//!
//! Of the URL only what an operator gets wrong is looked at, and that it holds no password, for it is shown and logged. The store reads the
//! rest of it, where it connects.

use std::path::PathBuf;

use super::layout::Layout;
use super::settings::{SettingsError, refused};
use crate::store::StoreConfig;

/// The largest reserve: a larger number is a mistake.
const RESERVE_BYTES_MAX: u64 = 1 << 40;
/// The highest number of a node.
const NODE_MAX: u32 = 999;

/// The section with relative paths taken from the directory of the server.
pub(super) fn check_store(
    layout: &Layout,
    mut store: StoreConfig,
) -> Result<StoreConfig, SettingsError> {
    check_counts(&store)?;
    match &store.url {
        Some(url) => check_url(url)?,
        None => check_alone(&store)?,
    }
    if let Some(node) = store.node.filter(|node| !(1..=NODE_MAX).contains(node)) {
        return Err(refused("store.node", node.to_string(), "write 1 to 999"));
    }
    let files = [
        ("store.password-file", &mut store.password_file),
        ("store.ca-file", &mut store.ca_file),
    ];
    for (key, file) in files {
        let Some(path) = file else { continue };
        if path.as_os_str().is_empty() {
            return Err(refused(
                key,
                "",
                "write the path of a file, or leave it out",
            ));
        }
        *path = below(layout, path);
    }
    Ok(store)
}

fn check_counts(store: &StoreConfig) -> Result<(), SettingsError> {
    let counts = [
        ("store.readers", store.readers),
        ("store.commit-batch-max", store.commit_batch_max),
        ("store.commit-events-max", store.commit_events_max),
        ("store.queue-max", store.queue_max),
    ];
    match counts.into_iter().find(|(_, count)| *count == 0) {
        Some((key, _)) => Err(refused(key, "0", "write at least 1")),
        // A node gives a sign of life every five seconds.
        None if !(15..=86_400).contains(&store.stand_in_seconds) => Err(refused(
            "store.stand-in-seconds",
            store.stand_in_seconds.to_string(),
            "write 15 to 86400",
        )),
        None if store.readers > 64 => Err(refused(
            "store.readers",
            store.readers.to_string(),
            "write at most 64",
        )),
        None if store.reserve_bytes > RESERVE_BYTES_MAX => Err(refused(
            "store.reserve-bytes",
            store.reserve_bytes.to_string(),
            "write at most 1099511627776 bytes, or 0 for no reserve",
        )),
        None => Ok(()),
    }
}

/// Without a URL the database is a file, and this server its only node.
fn check_alone(store: &StoreConfig) -> Result<(), SettingsError> {
    let shown = |file: &Option<PathBuf>| file.as_ref().map(|file| file.display().to_string());
    let only_with_url = [
        ("store.node", store.node.map(|node| node.to_string())),
        ("store.password-file", shown(&store.password_file)),
        ("store.ca-file", shown(&store.ca_file)),
    ];
    for (key, value) in only_with_url {
        if let Some(value) = value {
            let problem = "it is for a database on a server: set store.url too, or leave this out";
            return Err(refused(key, value, problem));
        }
    }
    Ok(())
}

fn check_url(url: &str) -> Result<(), SettingsError> {
    let refused = |problem: &str| Err(refused("store.url", without_password(url), problem));
    let Some(rest) = after_scheme(url) else {
        return refused("write a URL of PostgreSQL, like postgres://USER@HOST/DATABASE");
    };
    if url.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return refused("there is white space in it; write it as %20, or leave it out");
    }
    if has_password(rest) {
        return refused(
            "it must hold no password: write that into a file that only its owner may read, and name it as store.password-file",
        );
    }
    Ok(())
}

fn after_scheme(url: &str) -> Option<&str> {
    let schemes = ["postgres://", "postgresql://"];
    schemes.iter().find_map(|scheme| url.strip_prefix(scheme))
}

/// What is before the last `@` of the hosts: `user`, or `user:password`. A password may hold `/`, `?` and `@`, whoever writes one.
fn user(rest: &str) -> Option<&str> {
    rest.rsplit_once('@').map(|(user, _)| user)
}

fn has_password(rest: &str) -> bool {
    let parameters = rest.split(['?', '&']).skip(1);
    let mut names = parameters.filter_map(|pair| pair.split('=').next());
    user(rest).is_some_and(|user| user.contains(':'))
        || names.any(|name| name.eq_ignore_ascii_case("password"))
}

/// The URL as it may be shown where it cannot be used: what may be a password is left out.
fn without_password(url: &str) -> String {
    let (scheme, rest) = match url.split_once("://") {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None => (String::new(), url),
    };
    if !has_password(rest) {
        return url.to_owned();
    }
    let name = user(rest).map_or("", |user| user.split(':').next().unwrap_or_default());
    let hosts = rest.rsplit_once('@').map_or(rest, |(_, hosts)| hosts);
    let hosts = hosts.split('?').next().unwrap_or_default();
    format!("{scheme}{name}:...@{hosts}")
}

fn below(layout: &Layout, path: &std::path::Path) -> PathBuf {
    // An absolute path stays as it is.
    layout.root().join(path)
}

#[cfg(test)]
mod tests {
    use super::super::settings::{Overrides, Settings, parse};
    use super::*;

    fn checked(section: &str) -> Result<StoreConfig, String> {
        let config = parse(&format!("version = \"v1\"\n[store]\n{section}"))?;
        let checked = Settings::check(&Layout::new("/srv/k"), config, &Overrides::default());
        checked
            .map(|settings| settings.store)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn without_a_url_the_database_is_a_file() {
        assert_eq!(checked("").unwrap(), StoreConfig::default());
    }

    #[test]
    fn paths_are_below_the_directory_unless_they_are_absolute() {
        let store = checked(
            "url = \"postgresql://k@db/k\"\nnode = 999\npassword-file = \"data/p\"\nca-file = \"/etc/ca\"",
        );
        let store = store.unwrap();
        assert_eq!(store.url.as_deref(), Some("postgresql://k@db/k"));
        assert_eq!(store.node, Some(999));
        assert_eq!(store.password_file, Some("/srv/k/data/p".into()));
        assert_eq!(store.ca_file, Some("/etc/ca".into()));
    }

    #[test]
    fn urls_that_can_be_used_are_taken() {
        for url in [
            "postgres://keyledger@db1,db2:5433/keyledger",
            "postgres://k@[2001:db8::1]:5432/k?sslmode=verify-full&target_session_attrs=read-write",
            "postgres:///k?host=/run/postgresql&user=k",
            "postgres://k@%2Frun%2Fpostgresql/k",
        ] {
            checked(&format!("url = \"{url}\"")).unwrap();
        }
    }

    #[test]
    fn what_cannot_be_used_is_named_with_its_key_in_one_line() {
        for (section, key, words) in [
            ("readers = 0", "store.readers", "at least 1"),
            ("readers = 65", "store.readers", "at most 64"),
            (
                "reserve-bytes = 1099511627777",
                "store.reserve-bytes",
                "at most",
            ),
            ("url = \"\"", "store.url", "postgres://"),
            ("url = \"mysql://k@db/k\"", "store.url", "postgres://"),
            ("url = \"postgres://k @db/k\"", "store.url", "white space"),
            ("node = 2", "store.node", "store.url"),
            ("password-file = \"p\"", "store.password-file", "store.url"),
            ("ca-file = \"c\"", "store.ca-file", "store.url"),
            (
                "url = \"postgres://k@db/k\"\nnode = 0",
                "store.node",
                "1 to 999",
            ),
            (
                "url = \"postgres://k@db/k\"\nnode = 1000",
                "store.node",
                "1 to 999",
            ),
            (
                "url = \"postgres://k@db/k\"\npassword-file = \"\"",
                "store.password-file",
                "path",
            ),
        ] {
            let error = checked(section).unwrap_err();
            assert!(error.starts_with(key), "{error}");
            assert!(error.contains(words), "{error}");
            assert!(!error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn a_password_in_the_url_is_refused_and_not_shown() {
        for url in [
            "postgres://k:hunter2@db/k",
            "postgres://k:hunter2/@a@db/k?sslmode=verify-full",
            "postgres://k@db/k?sslmode=verify-full&password=hunter2",
            "postgres://db/k?PASSWORD=hunter2",
            "mysql://k:hunter2@db/k",
            "postgres://k:hun ter2@db/k",
        ] {
            let error = checked(&format!("url = \"{url}\"")).unwrap_err();
            assert!(error.starts_with("store.url"), "{error}");
            assert!(!error.contains("hun"), "{error}");
            assert!(!error.contains("ter2"), "{error}");
        }
        let error = checked("url = \"postgres://k:p@db/k\"").unwrap_err();
        assert!(error.contains("store.password-file"), "{error}");
    }
}
