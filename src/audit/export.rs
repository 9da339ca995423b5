//! The lines of an export that are no events: what it is part of, and the hashes of its leaves.
//!
//! An export is a line that begins it, the events as they are sealed, after each 256 of them and after the last a line of their leaf hashes,
//! and a checkpoint. What was delivered to a target is read as well: it has no line that begins it and none of hashes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};

use super::checkpoint::CheckpointLine;
use super::tree::Hash;

/// Events from one line of hashes to the next.
pub const LEAVES_PER_LINE: usize = 256;
/// The most bytes of a line that is read: a checkpoint with all signatures it may have, each byte as six.
pub const LINE_BYTES_MAX: usize = 512 * 1024;

/// What begins an export: which events follow, in which trail, and what proves them together with the checkpoint at its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportLine {
    /// The name of the node whose trail it is.
    pub origin: String,
    /// The epoch of the checkpoint.
    pub epoch: u32,
    /// The sequence of the first event.
    pub first: u64,
    /// How many events there are.
    pub events: u64,
    /// How many the checkpoint seals.
    pub size: u64,
    /// Every epoch up to there: its number and the sequence of its first event.
    pub epochs: Vec<EpochMark>,
    /// The hashes left of the events, from the left, in base64: `proof::around`.
    pub left: Vec<String>,
    /// The hashes right of the events, from the left, in base64.
    pub right: Vec<String>,
}

/// An epoch and where it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EpochMark {
    /// Its number.
    pub epoch: u32,
    /// The sequence of its first event.
    pub first: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Begins<T> {
    export: T,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Leaves {
    leaves: Vec<String>,
}

/// A line of an export or of what was delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// It begins an export.
    Export(ExportLine),
    /// An event.
    Event,
    /// The leaf hashes of the events since the last such line.
    Leaves(Vec<Hash>),
    /// A checkpoint.
    Checkpoint(CheckpointLine),
    /// A test that a target can be reached.
    Test,
}

impl Line {
    /// What a line is; none where it is nothing of these.
    #[must_use]
    pub fn read(line: &[u8]) -> Option<Self> {
        // What stands first tells what it is: an event's first member is its id.
        let begins = |text: &str| line.starts_with(text.as_bytes());
        if begins("{\"id\":") {
            return Some(Self::Event);
        }
        if begins("{\"checkpoint\":") {
            return CheckpointLine::from_json(line).map(Self::Checkpoint);
        }
        if begins("{\"export\":") {
            let read = serde_json::from_slice::<Begins<ExportLine>>(line).ok()?;
            return Some(Self::Export(read.export));
        }
        if begins("{\"leaves\":") {
            let read = serde_json::from_slice::<Leaves>(line).ok()?;
            return hashes(&read.leaves).map(Self::Leaves);
        }
        begins("{\"test\":").then_some(Self::Test)
    }
}

impl ExportLine {
    /// It as JSON in UTF-8, without white space or a line break.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let text = serde_json::to_vec(&Begins { export: self });
        text.expect("texts and numbers always have a JSON form")
    }
}

/// The line of leaf hashes, without a line break.
#[must_use]
pub fn leaves_line(leaves: &[Hash]) -> Vec<u8> {
    let leaves = texts(leaves);
    serde_json::to_vec(&Leaves { leaves }).expect("texts always have a JSON form")
}

/// Hashes as texts in base64.
#[must_use]
pub fn texts(hashes: &[Hash]) -> Vec<String> {
    hashes.iter().map(|hash| BASE64.encode(hash)).collect()
}

/// Hashes from texts in base64.
#[must_use]
pub fn hashes(texts: &[String]) -> Option<Vec<Hash>> {
    let hash = |text: &String| BASE64.decode(text).ok()?.try_into().ok();
    texts.iter().map(hash).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_what_they_were_written_as() {
        let export = ExportLine {
            origin: "node-1".to_owned(),
            epoch: 2,
            first: 3,
            events: 4,
            size: 9,
            epochs: vec![
                EpochMark { epoch: 1, first: 0 },
                EpochMark { epoch: 2, first: 5 },
            ],
            left: texts(&[[1; 32], [2; 32]]),
            right: texts(&[[3; 32]]),
        };
        let json = export.to_json();
        assert!(json.starts_with(br#"{"export":{"origin":"node-1","epoch":2,"first":3,"events":4,"size":9,"epochs":[{"epoch":1,"first":0},"#));
        assert_eq!(Line::read(&json), Some(Line::Export(export.clone())));
        assert_eq!(hashes(&export.left), Some(vec![[1; 32], [2; 32]]));
        let leaves = leaves_line(&[[7; 32]; 256]);
        assert_eq!(Line::read(&leaves), Some(Line::Leaves(vec![[7; 32]; 256])));
        assert_eq!(Line::read(b"{\"id\":\"x\"}"), Some(Line::Event));
        assert_eq!(Line::read(b"{\"test\":{}}"), Some(Line::Test));
        for none in [
            &b""[..],
            b"{}",
            b"{\"checkpoint\":{}}",
            b"{\"export\":{}}",
            b"{\"leaves\":[\"AA==\"]}",
            b" {\"id\":\"x\"}",
        ] {
            assert_eq!(Line::read(none), None, "{}", String::from_utf8_lossy(none));
        }
    }
}
