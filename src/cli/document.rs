//! Documents of JSON that are given to a command: in a file, or on standard input.
//!
//! What is wrong with one is said without a word of it: it may hold secrets.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use anyhow::Context as _;
use serde_json::{Map, Value};

use super::WrongUse;

/// The most bytes of a document: it may hold certificates.
const BYTES_MAX: u64 = 256 * 1024;

/// Reads a document that is one JSON object; `-` is standard input.
///
/// # Errors
/// It cannot be read, or is none.
pub(super) fn object(file: &Path) -> anyhow::Result<Map<String, Value>> {
    let (name, bytes) = bytes(file)?;
    match serde_json::from_slice(&bytes) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(WrongUse(format!("{name} is not a JSON object")).into()),
        Err(error) => {
            let (line, column) = (error.line(), error.column());
            let problem = format!("{name} is not a JSON object: line {line}, column {column}");
            Err(WrongUse(problem).into())
        }
    }
}

/// Reads a document, with the name it has in messages; `-` is standard input.
///
/// # Errors
/// It cannot be read, or is too large.
pub(super) fn bytes(file: &Path) -> anyhow::Result<(String, Vec<u8>)> {
    let is_standard_input = file == Path::new("-");
    let name = if is_standard_input {
        "standard input".to_owned()
    } else {
        file.display().to_string()
    };
    let bytes = if is_standard_input {
        bounded(io::stdin().lock())
    } else {
        File::open(file).and_then(bounded)
    };
    let bytes = bytes.with_context(|| format!("{name} cannot be read"))?;
    if bytes.len() > usize::try_from(BYTES_MAX).unwrap_or(usize::MAX) {
        return Err(WrongUse(format!("{name} has more than {BYTES_MAX} bytes")).into());
    }
    Ok((name, bytes))
}

/// What a document says, by its members.
///
/// # Errors
/// A member is unknown, missing or of another type.
pub(super) fn read<T: serde::de::DeserializeOwned>(
    what: &str,
    document: Map<String, Value>,
) -> Result<T, WrongUse> {
    serde_path_to_error::deserialize(Value::Object(document))
        .map_err(|error| WrongUse(format!("the document is no {what}: {error}")))
}

fn bounded(from: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(BYTES_MAX + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}
