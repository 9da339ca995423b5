//! The endpoint of a target as arguments: a file, single members, secrets from files. Never a secret as an argument.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::{WrongUse, document, secret};
use crate::admin::message::routing::EndpointFields;
use crate::routing::targets::AnyEndpoint;

/// What is said of an endpoint.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct EndpointArgs {
    /// A file with its whole endpoint as a JSON object; - is standard input. A secret that is ******** stays what it is
    #[arg(long, value_name = "FILE")]
    endpoint: Option<PathBuf>,
    /// A member of the endpoint, such as path=/var/log/events.jsonl; the value is JSON, or text if it is none;
    /// environment.MODE is MODE in environment
    #[arg(long, value_name = "MEMBER=VALUE")]
    set: Vec<String>,
    /// A secret member of the endpoint, from a file that only its owner may read; - is standard input
    #[arg(long, value_name = "MEMBER=FILE")]
    secret: Vec<String>,
}

impl EndpointArgs {
    /// Whether nothing is said.
    pub(super) fn is_empty(&self) -> bool {
        self.endpoint.is_none() && self.set.is_empty() && self.secret.is_empty()
    }

    /// The endpoint: that of the file or else `held`, with the members that are given.
    ///
    /// # Errors
    /// A file cannot be read, an argument is malformed, or a secret was given as an argument.
    pub(super) fn fields(
        &self,
        target_type: &str,
        held: Map<String, Value>,
    ) -> anyhow::Result<EndpointFields> {
        let inputs = self.endpoint.iter().map(PathBuf::as_path);
        let inputs = inputs.chain(self.secret.iter().filter_map(|text| file_of(text)));
        if inputs.filter(|file| *file == Path::new("-")).count() > 1 {
            let problem = "standard input can be read once: give the others as files";
            return Err(WrongUse(problem.to_owned()).into());
        }
        let mut fields = match &self.endpoint {
            Some(file) => document::object(file)?,
            None => held,
        };
        for text in &self.set {
            let (member, value) = pair("--set", text)?;
            let parsed = serde_json::from_str(value);
            let value = parsed.unwrap_or_else(|_| Value::String(value.to_owned()));
            put(&mut fields, member, value)?;
        }
        self.refuse_open_secrets(target_type, &fields)?;
        for text in &self.secret {
            let (member, file) = pair("--secret", text)?;
            let value = secret::text_from(Path::new(file), member)?;
            put(&mut fields, member, Value::String(value.to_string()))?;
        }
        Ok(EndpointFields(Value::Object(fields)))
    }

    /// Every process of the machine can read arguments.
    fn refuse_open_secrets(
        &self,
        target_type: &str,
        fields: &Map<String, Value>,
    ) -> anyhow::Result<()> {
        let fields = Value::Object(fields.clone());
        // The router says what is wrong with an endpoint that cannot be read.
        let Ok(mut endpoint) = AnyEndpoint::read(target_type, &fields) else {
            return Ok(());
        };
        for (name, secret) in endpoint.secrets() {
            let is_it = |text: &&String| {
                let member = text.split('=').next().unwrap_or_default();
                let inside = member
                    .strip_prefix(&*name)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
                let outside = name
                    .strip_prefix(member)
                    .is_some_and(|rest| rest.starts_with('.'));
                inside || outside
            };
            if !secret.is_mask() && self.set.iter().any(|text| is_it(&text)) {
                let problem = format!(
                    "{name} is a secret: give it as --secret {name}=FILE, not as an argument"
                );
                return Err(WrongUse(problem).into());
            }
        }
        Ok(())
    }
}

fn file_of(text: &str) -> Option<&Path> {
    text.split_once('=').map(|(_, file)| Path::new(file))
}

fn pair<'a>(flag: &str, text: &'a str) -> Result<(&'a str, &'a str), WrongUse> {
    let parts = text
        .split_once('=')
        .filter(|(member, _)| !member.is_empty());
    // The text is not repeated: it may be a secret.
    parts.ok_or_else(|| {
        WrongUse(format!(
            "{flag}: write MEMBER=VALUE, such as path=/var/log/events.jsonl"
        ))
    })
}

/// Sets a member; what is before a dot is an object.
fn put(fields: &mut Map<String, Value>, member: &str, value: Value) -> Result<(), WrongUse> {
    let Some((first, rest)) = member.split_once('.') else {
        // Null takes a member away.
        if value.is_null() {
            fields.remove(member);
        } else {
            fields.insert(member.to_owned(), value);
        }
        return Ok(());
    };
    let inner = fields
        .entry(first)
        .or_insert_with(|| Value::Object(Map::new()));
    match inner {
        Value::Object(inner) => put(inner, rest, value),
        _ => Err(WrongUse(format!(
            "{first} is not an object: it has no member {rest}"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn args(set: &[&str]) -> EndpointArgs {
        EndpointArgs {
            set: set.iter().map(|&text| text.to_owned()).collect(),
            ..EndpointArgs::default()
        }
    }

    fn fields(target_type: &str, set: &[&str], held: Value) -> Result<Value, String> {
        let Value::Object(held) = held else {
            panic!("an object")
        };
        let made = args(set).fields(target_type, held);
        made.map(|fields| fields.0)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn members_are_set_and_taken_away() {
        let held = json!({"path": "/a", "rotate_daily": true, "rotate_bytes": 70000});
        let set = [
            "path=/b=c",
            "rotate_daily=false",
            "rotate_bytes=null",
            "x.y=1",
        ];
        let expected = json!({"path": "/b=c", "rotate_daily": false, "x": {"y": 1}});
        assert_eq!(fields("file", &set, held), Ok(expected));
        assert!(fields("file", &["path.x=1"], json!({"path": "/a"})).is_err());
        let error = fields("file", &["hunter2"], json!({})).unwrap_err();
        assert!(!error.contains("hunter2"), "{error}");
    }

    #[test]
    fn a_secret_is_not_taken_as_an_argument() {
        let held = json!({"program": "/bin/cat"});
        for set in [
            "secret_environment.TOKEN=hunter2",
            r#"secret_environment={"TOKEN":"hunter2"}"#,
        ] {
            let error = fields("command", &[set], held.clone()).unwrap_err();
            assert!(
                error.contains("--secret secret_environment.TOKEN=FILE"),
                "{error}"
            );
            assert!(!error.contains("hunter2"), "{error}");
        }
        let set = ["environment.MODE=fast"];
        assert!(fields("command", &set, held).is_ok());
    }
}
