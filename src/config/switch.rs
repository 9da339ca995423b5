//! The text of `keyledger.toml` with another database in it: what else stands there stays as it was written.

use super::file::Config;
use super::settings::parse;
use crate::store::StoreConfig;

/// What is only set for a database on a server.
const KEYS: [&str; 4] = ["url", "node", "password-file", "ca-file"];

/// The text with these keys of `[store]` instead of those that say which server the database is on; each with its value as TOML.
///
/// # Errors
/// The text is written in a way that is not changed here, in one line.
pub fn with_store(text: &str, set: &[(&'static str, String)]) -> Result<String, String> {
    let mut new = String::with_capacity(text.len() + 256);
    let lines = set.iter().map(|(key, value)| format!("{key} = {value}\n"));
    let lines: String = lines.collect();
    let (mut is_in_it, mut is_set) = (false, false);
    for line in text.split_inclusive('\n') {
        if line.trim_start().starts_with('[') {
            is_in_it = heading(line) == Some("store");
            new.push_str(line);
            if is_in_it && !is_set {
                is_set = true;
                new.push_str(if line.ends_with('\n') { "" } else { "\n" });
                new.push_str(&lines);
            }
        } else if !(is_in_it && is_replaced(line)) {
            new.push_str(line);
        }
    }
    if !is_set && !lines.is_empty() {
        new.push_str(if new.ends_with('\n') { "" } else { "\n" });
        new.push_str(&format!("\n[store]\n{lines}"));
    }
    check(text, &new, set)?;
    Ok(new)
}

/// The section that a line begins.
fn heading(line: &str) -> Option<&str> {
    let (name, after) = line.trim().strip_prefix('[')?.split_once(']')?;
    let after = after.trim_start();
    (after.is_empty() || after.starts_with('#')).then(|| name.trim())
}

fn is_replaced(line: &str) -> bool {
    let key = line.split('=').next().unwrap_or_default().trim();
    line.contains('=') && KEYS.contains(&key)
}

/// What was written must read as what was read, but for the database.
fn check(old: &str, new: &str, set: &[(&'static str, String)]) -> Result<(), String> {
    let (old, new) = (parse(old)?, parse(new)?);
    let is_same = |key: &str, is_set: bool| set.iter().any(|(known, _)| *known == key) == is_set;
    let store = &new.store;
    let as_told = is_same("url", store.url.is_some())
        && is_same("node", store.node.is_some())
        && is_same("password-file", store.password_file.is_some())
        && is_same("ca-file", store.ca_file.is_some());
    if as_told && elsewhere(new) == elsewhere(old) {
        return Ok(());
    }
    Err("the section [store] is written in a way that this command does not change".to_owned())
}

/// The settings without what says which server the database is on.
fn elsewhere(config: Config) -> Config {
    Config {
        store: StoreConfig {
            url: None,
            node: None,
            password_file: None,
            ca_file: None,
            ..config.store
        },
        ..config
    }
}

#[cfg(test)]
mod tests {
    use super::super::file::{EXAMPLE, quoted};
    use super::*;

    fn set() -> Vec<(&'static str, String)> {
        vec![
            ("url", quoted("postgres://k@db/k")),
            ("node", "2".to_owned()),
            ("password-file", quoted("/p")),
        ]
    }

    #[test]
    fn a_server_is_written_below_its_heading_and_taken_out_again() {
        for text in [
            EXAMPLE.to_owned(),
            "version = \"v1\"\n[store]\nreaders = 3".to_owned(),
            "version = \"v1\"\n[store] # here\n# url = \"x\"\nreaders = 3\n[trail]\nkeep-days = 1\n".to_owned(),
        ] {
            let new = with_store(&text, &set()).unwrap();
            let store = parse(&new).unwrap().store;
            assert_eq!(store.url.as_deref(), Some("postgres://k@db/k"));
            assert_eq!((store.node, store.ca_file), (Some(2), None));
            let again = with_store(&new, &set()).unwrap();
            assert_eq!(again, new);
            assert_eq!(with_store(&new, &[]).unwrap(), text);
        }
        let new = with_store("version = \"v1\"", &set()).unwrap();
        assert!(
            new.starts_with("version = \"v1\"\n\n[store]\nurl = "),
            "{new}"
        );
        assert_eq!(
            with_store("version = \"v1\"", &[]).unwrap(),
            "version = \"v1\""
        );
    }

    #[test]
    fn what_is_written_otherwise_is_left_to_who_wrote_it() {
        for text in [
            "version = \"v1\"\nstore.url = \"postgres://k@db/other\"\n",
            "version = \"v1\"\nstore = { url = \"postgres://k@db/other\" }\n",
            "version = \"v1\"\n[store]\n\"url\" = \"postgres://k@db/other\"\n",
        ] {
            assert!(with_store(text, &set()).is_err(), "{text}");
            assert!(with_store(text, &[]).is_err(), "{text}");
        }
        assert!(with_store("version = \"v2\"", &set()).is_err());
    }
}
