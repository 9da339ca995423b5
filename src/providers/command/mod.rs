//! Provider `command`: a program wraps and unwraps, so that any key manager that has a command line can hold the master key.
//!
//! The program gets one JSON request on standard input and answers one on standard output: see docs/configuration.md for the contract. It is
//! trusted with the keys for that moment and with nothing else: no shell, no environment of ours, a limit of time and of bytes, and what
//! it starts is killed with its end. What is wrapped carries the digest of its place, so that values cannot change places whatever the program
//! does with the associated data.

mod run;
mod said;
mod streams;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::held_key::HeldKey;
use super::key_file::{read_private, write_new};
use super::{MasterKey, ProviderError};
use crate::crypto::check_value::check_value;
use crate::crypto::digest::sha256;
use crate::crypto::secret::constant_time_eq;
use crate::crypto::{Random, Secret, SecretText, Wrapped};
use run::Program;

// Stored state: `PREFIX wrapped check, hex`, in one line.
pub(super) const PREFIX: &str = "keyledger-master-key-command-v1:";
/// Bytes read of a file at most.
const READ_BYTES_MAX: usize = 64 * 1024;
/// What binds the wrapped check to its place.
const CHECK_PLACE: &[u8] = b"keyledger-master-key-check-v1";

// Stored state: `version || what the program gave for: digest of the place || value`.
const FORMAT_VERSION: u8 = 4;
const DIGEST_LEN: usize = 32;

/// The provider's name.
pub const NAME: &str = "command";

/// `[master-key.command]`: which program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Config {
    /// The program, as an absolute path.
    pub program: String,
    /// What it is given as arguments; never a secret.
    pub arguments: Vec<String>,
    /// All of its environment but for `PATH`, which is `/usr/bin:/bin` unless it is set here.
    pub environment: BTreeMap<String, String>,
    /// Seconds one run may take.
    pub answer_seconds: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            program: String::new(),
            arguments: Vec::new(),
            environment: BTreeMap::new(),
            answer_seconds: 30,
        }
    }
}

/// A master key that a program has.
pub struct CommandMasterKey {
    program: Program,
    check_value: [u8; 16],
}

/// What the program is asked.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Request<'a> {
    version: u8,
    operation: &'static str,
    aad: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    plain: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    wrapped: Option<&'a str>,
}

/// What it answers: one of both.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Answer {
    plain: SecretText,
    wrapped: String,
}

impl CommandMasterKey {
    /// Has the program wrap a new value, and writes it to `path`, which must not exist yet.
    ///
    /// # Errors
    /// The program cannot be run, fails or does not open what it wrapped; or the file exists or cannot be written.
    pub fn create(
        path: &Path,
        config: &Config,
        random: &dyn Random,
    ) -> Result<Self, ProviderError> {
        let check = HeldKey::draw(random)?;
        let made = Self {
            program: Program::new(config),
            check_value: check_value(&check),
        };
        let wrapped = made.wrap(&check, CHECK_PLACE, random)?;
        if !made.unwrap(&wrapped, CHECK_PLACE)?.constant_time_eq(&check) {
            return Err(made.program.failed("does not unwrap what it has wrapped"));
        }
        let line = format!("{PREFIX}{}\n", hex::encode(wrapped.as_bytes()));
        write_new(path, &Secret::new(line.into_bytes()), random)?;
        Ok(made)
    }

    /// Opens the master key: has the program unwrap the check in the file at `path`.
    ///
    /// # Errors
    /// The file is missing, readable by others or damaged; the program cannot be run, fails, or has another key.
    pub fn open(path: &Path, config: &Config) -> Result<Self, ProviderError> {
        let text = read_private(path, READ_BYTES_MAX)?;
        let line = str::from_utf8(text.expose().trim_ascii()).unwrap_or_default();
        let check = line.strip_prefix(PREFIX);
        let check = check.and_then(|check| hex::decode(check).ok());
        let check = check.ok_or_else(|| ProviderError::Malformed {
            path: path.to_owned(),
            problem: "holds no value that a program wrapped",
        })?;
        let mut opened = Self {
            program: Program::new(config),
            check_value: [0; 16],
        };
        let check = opened.unwrap(&Wrapped::from_bytes(check), CHECK_PLACE)?;
        opened.check_value = check_value(&check);
        Ok(opened)
    }

    fn ask(&self, request: &Request<'_>) -> Result<Answer, ProviderError> {
        let failed = |what| self.program.failed(what);
        // Its length is reserved first: a vector that grows leaves copies behind.
        let length = [Some(request.aad), request.plain, request.wrapped];
        let length: usize = length.iter().flatten().map(|text| text.len()).sum();
        let mut line = Zeroizing::new(Vec::with_capacity(length + 128));
        let written = serde_json::to_writer(&mut *line, request);
        written.map_err(|_| failed("cannot be asked"))?;
        line.push(b'\n');
        let answer = self.program.run(line, request.plain.unwrap_or_default())?;
        serde_json::from_slice(answer.expose())
            .map_err(|_| failed("did not answer with one JSON object on standard output"))
    }
}

impl MasterKey for CommandMasterKey {
    fn name(&self) -> &'static str {
        NAME
    }

    fn wrap(
        &self,
        plain: &Secret,
        aad: &[u8],
        _random: &dyn Random,
    ) -> Result<Wrapped, ProviderError> {
        let mut bound = Zeroizing::new(Vec::with_capacity(DIGEST_LEN + plain.len()));
        bound.extend_from_slice(&sha256(&[aad]));
        bound.extend_from_slice(plain.expose());
        let bound = Zeroizing::new(BASE64_STANDARD.encode(&bound[..]));
        let answer = self.ask(&Request {
            version: 1,
            operation: "wrap",
            aad: &BASE64_STANDARD.encode(aad),
            plain: Some(&bound),
            wrapped: None,
        })?;
        let wrapped = BASE64_STANDARD.decode(&answer.wrapped).unwrap_or_default();
        // What is shorter than the value cannot be what it is wrapped in.
        if wrapped.len() < DIGEST_LEN + plain.len() {
            return Err(self
                .program
                .failed("did not answer with `wrapped` in base64"));
        }
        Ok(Wrapped::from_bytes(
            [&[FORMAT_VERSION][..], &wrapped].concat(),
        ))
    }

    fn unwrap(&self, wrapped: &Wrapped, aad: &[u8]) -> Result<Secret, ProviderError> {
        let parts = wrapped.as_bytes().split_first();
        let wrapped = parts.filter(|(version, _)| **version == FORMAT_VERSION);
        let (_, wrapped) = wrapped.ok_or(ProviderError::WrongKey)?;
        let answer = self.ask(&Request {
            version: 1,
            operation: "unwrap",
            aad: &BASE64_STANDARD.encode(aad),
            plain: None,
            wrapped: Some(&BASE64_STANDARD.encode(wrapped)),
        })?;
        let plain = BASE64_STANDARD.decode(answer.plain.expose().as_bytes());
        let plain = plain.map(Secret::new);
        let plain =
            plain.map_err(|_| self.program.failed("did not answer with `plain` in base64"))?;
        match plain.expose().split_first_chunk::<DIGEST_LEN>() {
            Some((place, value)) if constant_time_eq(place, &sha256(&[aad])) => {
                Ok(Secret::new(value.to_vec()))
            }
            _ => Err(ProviderError::WrongKey),
        }
    }

    fn check_value(&self) -> [u8; 16] {
        self.check_value
    }
}

impl fmt::Debug for CommandMasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CommandMasterKey")
    }
}

#[cfg(test)]
mod tests;
