//! Files of JSON lines: one line for each record, appended batch by batch.
//!
//! The file is a log like others: programs that ship or rotate logs may read it, move it away, or cut it to nothing. Whatever goes wrong with a file
//! can be put right by the operator, so that every failure says to come again and nothing is ever parked.

mod lines;
mod ours;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::path::{Component, Path};
use std::sync::{Arc, Mutex, TryLockError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::crypto::SecretText;
use crate::domain::Clock;
use crate::routing::{Batch, Deliver, Endpoint, EndpointError, Surroundings, Undelivered};
use lines::{Lines, RESERVED, Rotation};

/// What a file may be limited to at least, in bytes: some events of the largest size.
const ROTATE_BYTES_MIN: u64 = 64 * 1024;
/// The longest name, in bytes: the names of full files are longer, and file systems take 255.
const NAME_BYTES_MAX: usize = 200;
/// How long a batch may take. A disk that does not answer is left to itself.
const TIME_LIMIT: Duration = Duration::from_secs(30);

/// A file on this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEndpoint {
    /// The file, as an absolute path. Its directory must exist.
    pub path: String,
    /// Bytes after which the file is put aside and a new one begun; only a batch that is larger exceeds them. None: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotate_bytes: Option<u64>,
    /// Whether each day, in UTC, begins a new file.
    #[serde(default)]
    pub rotate_daily: bool,
    /// When a batch counts as delivered.
    #[serde(default)]
    pub sync: Sync,
}

/// When what was written counts as delivered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sync {
    /// When the disk has it: it outlasts a power cut.
    #[default]
    EachBatch,
    /// When the system has it: a power cut takes the last seconds.
    Never,
}

impl Endpoint for FileEndpoint {
    const TYPE: &'static str = "file";
    const MEMBER: &'static str = "file_endpoint";
    type Target = FileTarget;

    fn check(&self) -> Result<(), EndpointError> {
        let path = Path::new(&self.path);
        let problem = |problem: &str| Err(EndpointError::new("path", problem));
        if self.path.contains('\0') || !path.is_absolute() {
            return problem(
                "is not an absolute path: write one such as /var/log/keyledger/events.jsonl",
            );
        }
        if self.path.ends_with('/') || path.components().any(|part| part == Component::ParentDir) {
            return problem("does not end with the name of a file, or goes through ..");
        }
        match path.file_name() {
            Some(name) if name.len() <= NAME_BYTES_MAX => {}
            Some(_) => return problem("has a name of more than 200 bytes"),
            None => return problem("does not end with the name of a file"),
        }
        if self
            .rotate_bytes
            .is_some_and(|bytes| bytes < ROTATE_BYTES_MIN)
        {
            let problem =
                format!("is too small: write at least {ROTATE_BYTES_MIN}, or leave it out");
            return Err(EndpointError::new("rotate_bytes", problem));
        }
        Ok(())
    }

    fn secrets(&mut self) -> Vec<(Cow<'static, str>, &mut SecretText)> {
        Vec::new()
    }

    fn open(&self, surroundings: &Surroundings) -> Result<FileTarget, EndpointError> {
        self.check()?;
        let rotation = Rotation {
            bytes: self.rotate_bytes,
            daily: self.rotate_daily,
        };
        let path = Path::new(&self.path);
        let reserved = Arc::clone(&surroundings.reserved);
        if reserved.iter().any(|own| path.starts_with(own)) {
            return Err(EndpointError::new("path", RESERVED));
        }
        let is_synced = self.sync == Sync::EachBatch;
        let lines = Lines::new(path.to_owned(), rotation, is_synced, reserved);
        Ok(FileTarget {
            lines: Arc::new(Mutex::new(lines)),
            clock: Arc::clone(&surroundings.clock),
        })
    }
}

/// Appends to a file.
pub struct FileTarget {
    lines: Arc<Mutex<Lines>>,
    clock: Arc<dyn Clock>,
}

impl Deliver for FileTarget {
    async fn deliver(&mut self, batch: &Batch) -> Result<(), Undelivered> {
        let mut text = Vec::with_capacity(
            batch
                .records
                .iter()
                .map(|record| record.json.len() + 1)
                .sum(),
        );
        for record in &batch.records {
            text.extend_from_slice(&record.json);
            text.push(b'\n');
        }
        let (lines, now_ms) = (Arc::clone(&self.lines), self.clock.now_ms());
        let append = move || match lines.try_lock() {
            Ok(mut lines) => lines.append(&text, now_ms),
            // It was in the middle of a write: the file is opened again, which looks at how it ends.
            Err(TryLockError::Poisoned(lines)) => lines.into_inner().append_anew(&text, now_ms),
            Err(TryLockError::WouldBlock) => {
                Err("the disk has not answered to the batch before: look at the disk".to_owned())
            }
        };
        let appended = tokio::time::timeout(TIME_LIMIT, tokio::task::spawn_blocking(append)).await;
        let outcome = appended.unwrap_or_else(|_| {
            Ok(Err(
                "the disk did not answer in time: look at the disk".to_owned()
            ))
        });
        let outcome = outcome.unwrap_or_else(|_| Err("the write was broken off".to_owned()));
        outcome.map_err(Undelivered::Retry)
    }
}
