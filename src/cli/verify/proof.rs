//! `events verify --proof FILE`: one proof, with nothing but what the file and the command line hold.

use std::path::Path;

use anyhow::bail;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::json;

use super::{VerifyArgs, held};
use crate::audit::proof::{self, text};
use crate::audit::{Break, Checkpoint, Event, VerifierKey};
use crate::cli::WrongUse;
use crate::cli::report::{Report, fields, remark};
use crate::crypto::digest::leaf_hash;

const UNSIGNED: &str = "Without --public-key nothing shows who signed the checkpoint: anybody can have made it and the proof.";

/// Verifies a proof that a file holds.
///
/// # Errors
/// A [`Break`]: it proves nothing. [`WrongUse`]: something is missing, or the file is no proof.
pub(super) fn verify(path: &Path, args: &VerifyArgs, report: &Report) -> anyhow::Result<()> {
    let key = held::key(args.public_key.as_deref())?;
    let name = path.display().to_string();
    let text = held::text(path, text::PROOF_BYTES_MAX, "proof")?;
    let proof = text
        .parse()
        .map_err(|error| WrongUse(format!("{name}: {error}")))?;
    match proof {
        text::Proof::Inclusion {
            event,
            index,
            hashes,
            note,
        } => {
            let event = the_event(&name, event, args)?;
            let checkpoint = held::open(&format!("the checkpoint in {name}"), &note, key.as_ref())?;
            let root = proof::root_by_inclusion(leaf_hash(&event), index, checkpoint.size, &hashes);
            if root != Some(checkpoint.root) {
                let what = format!(
                    "{name} does not prove that the event is event {index} of those that its checkpoint seals"
                );
                bail!(Break::at(index, what));
            }
            say_included(index, &event, &checkpoint, report)?;
        }
        text::Proof::Consistency { old, hashes, note } => {
            let later = held::open(&format!("the checkpoint in {name}"), &note, key.as_ref())?;
            let (source, earlier) = the_earlier(&name, old, args, key.as_ref())?;
            let (before, after) = ((earlier.size, earlier.root), (later.size, later.root));
            if !proof::is_consistent(before, after, &hashes) {
                let what = format!(
                    "{name} does not prove that the {} events of its checkpoint begin with the {old} that {source} seals",
                    later.size
                );
                bail!(Break {
                    sequence: None,
                    what
                });
            }
            say_consistent(&earlier, &later, report)?;
        }
    }
    if key.is_none() {
        remark(UNSIGNED);
    }
    Ok(())
}

/// The bytes of the event, from the proof or from `--event`.
fn the_event(name: &str, inside: Option<Vec<u8>>, args: &VerifyArgs) -> anyhow::Result<Vec<u8>> {
    if !args.checkpoints.is_empty() {
        let problem = "--checkpoint: the proof of an event holds its checkpoint";
        bail!(WrongUse(problem.to_owned()));
    }
    let Some(path) = &args.event else {
        let problem = format!("{name} does not hold the event: give its JSON with --event FILE");
        return inside.ok_or_else(|| WrongUse(problem).into());
    };
    let text = held::text(path, 2 * Event::BYTES_MAX, "event")?;
    Ok(text.strip_suffix('\n').unwrap_or(&text).as_bytes().to_vec())
}

/// The earlier checkpoint, which the proof does not hold.
fn the_earlier(
    name: &str,
    old: u64,
    args: &VerifyArgs,
    key: Option<&VerifierKey>,
) -> anyhow::Result<(String, Checkpoint)> {
    let [path] = args.checkpoints.as_slice() else {
        let problem =
            format!("{name} needs the checkpoint of {old} events: give it with --checkpoint FILE");
        bail!(WrongUse(problem));
    };
    let source = path.display().to_string();
    let earlier = held::open(&source, &held::note(path)?, key)?;
    if earlier.size != old {
        let sealed = earlier.size;
        let problem =
            format!("{name} begins with a checkpoint of {old} events, and {source} seals {sealed}");
        bail!(WrongUse(problem));
    }
    Ok((source, earlier))
}

fn say_included(
    index: u64,
    event: &[u8],
    checkpoint: &Checkpoint,
    report: &Report,
) -> anyhow::Result<()> {
    let text = String::from_utf8_lossy(event).into_owned();
    let (log, size, root) = (
        &checkpoint.log,
        checkpoint.size,
        BASE64.encode(checkpoint.root),
    );
    let record = json!({ "proof": "inclusion", "sequence": index, "log": log, "size": size, "root": root, "event": text });
    report.record(&record, || {
        fields(&[
            ("included", Some(format!("event {index} of {size}"))),
            ("log", Some(log.clone())),
            ("root", Some(root.clone())),
            ("event", Some(text.clone())),
        ])
    })?;
    Ok(())
}

fn say_consistent(earlier: &Checkpoint, later: &Checkpoint, report: &Report) -> anyhow::Result<()> {
    let (log, old, size) = (&later.log, earlier.size, later.size);
    let record = json!({ "proof": "consistency", "log": log, "old": old, "size": size });
    report.record(&record, || {
        let grown = format!("the first {old} of {size} events are those that were sealed before");
        fields(&[("consistent", Some(grown)), ("log", Some(log.clone()))])
    })?;
    Ok(())
}
