//! A program as a target, the audit hook that needs no code of ours: started once for each batch, with its lines on standard input.
//!
//! No shell reads what is configured, nothing of the server's environment is handed on, and whatever the program leaves in its process group ends
//! with it.

mod run;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::crypto::SecretText;
use crate::routing::{Batch, Content, Deliver, Endpoint, EndpointError, Surroundings, Undelivered};
use run::Program;

/// The most arguments, and the most variables of each kind.
const COUNT_MAX: usize = 64;
/// The most bytes of arguments and variables together: far below what systems take.
const BYTES_MAX: usize = 64 * 1024;
/// The longest time a program may be given.
const TIMEOUT_SECONDS_MAX: u16 = 600;
/// Where programs are looked up that the program starts by their name, unless the endpoint says otherwise.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// What the names of our own variables begin with.
const OURS: &str = "KEYLEDGER_";

/// A program on this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommandEndpoint {
    /// The program, as an absolute path.
    pub program: String,
    /// Its arguments, as they are: no shell reads them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub arguments: Vec<String>,
    /// Variables of its environment, besides `PATH` and those that begin with `KEYLEDGER_`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub environment: BTreeMap<String, String>,
    /// Variables whose values are secrets.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub secret_environment: BTreeMap<String, SecretText>,
    /// The directory it is started in.
    #[serde(default = "root")]
    pub working_directory: String,
    /// How many seconds it may take for a batch before it is killed.
    #[serde(default = "half_a_minute")]
    pub timeout_seconds: u16,
}

fn root() -> String {
    "/".to_owned()
}

const fn half_a_minute() -> u16 {
    30
}

impl Endpoint for CommandEndpoint {
    const TYPE: &'static str = "command";
    const MEMBER: &'static str = "command_endpoint";
    type Target = CommandTarget;

    fn check(&self) -> Result<(), EndpointError> {
        check_path("program", &self.program)?;
        if self.program.ends_with('/') {
            return Err(EndpointError::new("program", "is a directory"));
        }
        check_path("working_directory", &self.working_directory)?;
        self.check_arguments()?;
        self.check_variables()?;
        if !(1..=TIMEOUT_SECONDS_MAX).contains(&self.timeout_seconds) {
            let problem = format!("write a number of seconds from 1 to {TIMEOUT_SECONDS_MAX}");
            return Err(EndpointError::new("timeout_seconds", problem));
        }
        Ok(())
    }

    fn secrets(&mut self) -> Vec<(Cow<'static, str>, &mut SecretText)> {
        let named = |name: &String| Cow::Owned(format!("secret_environment.{name}"));
        let secrets = self.secret_environment.iter_mut();
        secrets.map(|(name, value)| (named(name), value)).collect()
    }

    fn open(&self, _surroundings: &Surroundings) -> Result<CommandTarget, EndpointError> {
        self.check()?;
        let mut environment: BTreeMap<OsString, OsString> = BTreeMap::new();
        environment.insert("PATH".into(), PATH.into());
        for (name, value) in &self.environment {
            environment.insert(name.into(), value.into());
        }
        Ok(CommandTarget {
            program: Program {
                path: self.program.clone(),
                arguments: self.arguments.clone(),
                environment,
                secrets: self.secret_environment.clone().into_iter().collect(),
                directory: self.working_directory.clone(),
                time_limit: Duration::from_secs(self.timeout_seconds.into()),
                unended: None,
            },
        })
    }
}

impl CommandEndpoint {
    fn check_arguments(&self) -> Result<(), EndpointError> {
        let problem = |problem: &str| Err(EndpointError::new("arguments", problem));
        if self.arguments.len() > COUNT_MAX {
            return problem("has more than 64 members: write a program that calls the program");
        }
        if self.arguments.iter().any(|text| text.contains('\0')) {
            return problem("holds a character 0, which no argument can hold");
        }
        if self.arguments.iter().map(String::len).sum::<usize>() > BYTES_MAX {
            return problem("has more than 64 KiB: put it into a file");
        }
        Ok(())
    }

    fn check_variables(&self) -> Result<(), EndpointError> {
        let open = self.environment.iter();
        check_variables(
            "environment",
            open.map(|(name, value)| (name, value.as_str())),
        )?;
        let secret = self.secret_environment.iter();
        let secret = secret.map(|(name, value)| (name, value.expose()));
        check_variables("secret_environment", secret)?;
        let open: HashSet<_> = self.environment.keys().collect();
        match self
            .secret_environment
            .keys()
            .find(|name| open.contains(name))
        {
            Some(name) => Err(EndpointError::new(
                "secret_environment",
                format!("{name} is in environment too: leave it out of one"),
            )),
            None => Ok(()),
        }
    }
}

fn check_path(field: &'static str, path: &str) -> Result<(), EndpointError> {
    if path.contains('\0') || !Path::new(path).is_absolute() {
        return Err(EndpointError::new(
            field,
            "is not an absolute path: write it from / on",
        ));
    }
    Ok(())
}

fn check_variables<'a>(
    field: &'static str,
    variables: impl Iterator<Item = (&'a String, &'a str)>,
) -> Result<(), EndpointError> {
    let (mut count, mut bytes) = (0, 0);
    for (name, value) in variables {
        count += 1;
        bytes += name.len() + value.len();
        let letters = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if !name.chars().all(letters) || !name.starts_with(|c: char| !c.is_ascii_digit()) {
            let problem =
                "holds a name that is not made of letters, digits and _, or begins with a digit";
            return Err(EndpointError::new(field, problem));
        }
        if name.starts_with(OURS) {
            let problem = format!("{name}: names that begin with {OURS} are the server's own");
            return Err(EndpointError::new(field, problem));
        }
        if value.contains('\0') {
            let problem = format!("{name} holds a character 0, which no variable can hold");
            return Err(EndpointError::new(field, problem));
        }
    }
    if count > COUNT_MAX || bytes > BYTES_MAX {
        let problem = "has more than 64 members or 64 KiB: put it into a file";
        return Err(EndpointError::new(field, problem));
    }
    Ok(())
}

/// Starts a program for each batch.
pub struct CommandTarget {
    program: Program,
}

impl Deliver for CommandTarget {
    async fn deliver(&mut self, batch: &Batch) -> Result<(), Undelivered> {
        let mut lines = Vec::with_capacity(
            batch
                .records
                .iter()
                .map(|record| record.json.len() + 1)
                .sum(),
        );
        for record in &batch.records {
            lines.extend_from_slice(&record.json);
            lines.push(b'\n');
        }
        self.program.run(&variables(batch), &lines).await
    }
}

/// What a program is told of a batch besides its lines. The sequences are those of its events; a batch without any has none.
fn variables(batch: &Batch) -> Vec<(&'static str, String)> {
    let mut variables = vec![
        ("KEYLEDGER_ORIGIN", batch.origin.name.clone()),
        ("KEYLEDGER_EPOCH", batch.origin.epoch.to_string()),
        ("KEYLEDGER_RECORDS", batch.records.len().to_string()),
    ];
    let mut sequences = batch
        .records
        .iter()
        .filter_map(|record| match record.content {
            Content::Event(sequence, _) => Some(sequence),
            Content::Checkpoint(_) | Content::Test(_) => None,
        });
    if let Some(first) = sequences.next() {
        let last = sequences.next_back().unwrap_or(first);
        variables.push(("KEYLEDGER_FIRST_SEQUENCE", first.to_string()));
        variables.push(("KEYLEDGER_LAST_SEQUENCE", last.to_string()));
    }
    variables
}
