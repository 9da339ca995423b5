//! Settings as a text that says only what is not the default: for a directory that is made from the settings of another one.

use toml::{Table, Value};

use super::file::Config;
use super::settings::parse;

/// The text, below `heading`, which is one or more lines of comment. It reads back as what was given.
///
/// # Errors
/// A value has no form in TOML, in one line.
pub fn sparse(config: &Config, heading: &str) -> Result<String, String> {
    let table = |config: &Config| Table::try_from(config).map_err(|error| error.to_string());
    let (mut held, mut defaults) = (table(config)?, table(&Config::default())?);
    defaults.remove("version");
    leave_out(&mut held, &defaults);
    let mut text = format!("{heading}\n");
    write(&mut text, "", &held)?;
    if parse(&text)? == *config {
        Ok(text)
    } else {
        Err("the settings do not read back as what was written".to_owned())
    }
}

/// Writes a section: its values, then the sections in it.
fn write(text: &mut String, path: &str, section: &Table) -> Result<(), String> {
    for (key, value) in section.iter().filter(|(_, value)| !value.is_table()) {
        // A value that holds no table has the same form in both.
        let value = serde_json::to_string(value).map_err(|error| error.to_string())?;
        text.push_str(&format!("{} = {value}\n", bare(key)));
    }
    for (key, value) in section {
        let Value::Table(inner) = value else { continue };
        let path = match path {
            "" => bare(key),
            path => format!("{path}.{}", bare(key)),
        };
        text.push_str(&format!("\n[{path}]\n"));
        write(text, &path, inner)?;
    }
    Ok(())
}

/// A key, in quotes where it needs some.
fn bare(key: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if !key.is_empty() && key.chars().all(is_bare) {
        key.to_owned()
    } else {
        super::file::quoted(key)
    }
}

/// Leaves out what is as in `defaults`.
fn leave_out(table: &mut Table, defaults: &Table) {
    let as_in_defaults = |key: &str, value: &mut Value| match (value, defaults.get(key)) {
        (Value::Table(section), Some(Value::Table(defaults))) => {
            leave_out(section, defaults);
            section.is_empty()
        }
        (value, default) => Some(&*value) == default,
    };
    let keys: Vec<_> = table.keys().cloned().collect();
    for key in keys {
        let is_left_out = table
            .get_mut(&key)
            .is_some_and(|value| as_in_defaults(&key, value));
        if is_left_out {
            table.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_not_the_default_is_written() {
        let text = sparse(&Config::default(), "# Mine.").unwrap();
        assert_eq!(text, "# Mine.\nversion = \"v1\"\n");
        let mut config = Config::default();
        config.server.listen = "127.0.0.1:1".to_owned();
        config.tls.names = vec!["a \"b\"".to_owned(), "192.0.2.7".to_owned()];
        config.store.url = Some("postgres://k@db/k".to_owned());
        config.store.node = Some(2);
        config.store.password_file = Some("data/store.password".into());
        config.master_key.command.program = "/bin/kms".to_owned();
        let variables = [("A.B".to_owned(), "1\n".to_owned())];
        config.master_key.command.environment.extend(variables);
        let text = sparse(&config, "# Mine.").unwrap();
        assert_eq!(parse(&text).unwrap(), config);
        assert!(text.contains("[store]\n"), "{text}");
        assert!(text.contains("node = 2"), "{text}");
        assert!(
            !text.contains("readers") && !text.contains("[kmip]"),
            "{text}"
        );
    }
}
