//! Checkpoints and keys that an auditor kept elsewhere, read from files and flags.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, anyhow};

use crate::audit::note::NOTE_BYTES_MAX;
use crate::audit::{Break, Checkpoint, CheckpointLine, NoteError, VerifierKey};
use crate::cli::WrongUse;

/// The key of `--public-key`.
///
/// # Errors
/// [`WrongUse`] where it is none.
pub fn key(given: Option<&str>) -> Result<Option<VerifierKey>, WrongUse> {
    let parse = |text: &str| {
        let key = text.trim().parse();
        key.map_err(|error| WrongUse(format!("--public-key: {error}")))
    };
    given.map(parse).transpose()
}

/// What a note says, if `key` signed it; without a key, what it says.
///
/// # Errors
/// [`WrongUse`] where it is no checkpoint, a [`Break`] where `key` did not sign it.
pub fn open(source: &str, note: &str, key: Option<&VerifierKey>) -> anyhow::Result<Checkpoint> {
    let opened = match key {
        Some(key) => Checkpoint::open_of_origin(note, key),
        None => Checkpoint::unverified(note).ok_or(NoteError::Malformed),
    };
    opened.map_err(|error| match error {
        NoteError::Malformed => WrongUse(format!("{source} is no checkpoint")).into(),
        NoteError::OtherKey | NoteError::Signature => anyhow!(Break {
            sequence: None,
            what: format!("{source} proves nothing: {error}"),
        }),
    })
}

/// The note in a file: itself, or the line of JSON that targets receive.
///
/// # Errors
/// The file cannot be read, or is larger than any note.
pub fn note(path: &Path) -> anyhow::Result<String> {
    // In JSON each byte may take six.
    let text = text(path, 6 * NOTE_BYTES_MAX, "checkpoint")?;
    Ok(match CheckpointLine::from_json(text.trim().as_bytes()) {
        Some(line) => line.note,
        None => text,
    })
}

/// The text of a file of at most `bytes_max` bytes, which is a `what`.
///
/// # Errors
/// It cannot be read, is longer or no text.
pub fn text(path: &Path, bytes_max: usize, what: &str) -> anyhow::Result<String> {
    let name = path.display();
    let is_none = || WrongUse(format!("{name} is no {what}"));
    let mut bytes = Vec::new();
    let bound = u64::try_from(bytes_max)
        .unwrap_or(u64::MAX)
        .saturating_add(1);
    File::open(path)
        .and_then(|file| file.take(bound).read_to_end(&mut bytes))
        .with_context(|| format!("cannot read {name}"))?;
    if bytes.len() > bytes_max {
        return Err(is_none().into());
    }
    String::from_utf8(bytes).map_err(|_| is_none().into())
}
