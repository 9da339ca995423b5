//! `keyledger events checkpoint|public-key|new-epoch`: what others keep of the trail, and what every command about its seal asks the router for.

use anyhow::{Context as _, anyhow};

use super::reach::{self, Reach};
use super::report::{Format, Report, fields, line};
use crate::admin::message::{NewEpoch, Seal, TreeNodes};
use crate::admin::{Request, Response};
use crate::audit::proof::Node;
use crate::audit::tree::Hash;
use crate::audit::{Checkpoint, CheckpointLine, VerifierKey};

/// What is said where nothing was signed yet.
pub const NO_KEY: &str = "there is no key that signs the trail yet: run `keyledger serve` once";

/// What is kept of the seal, after a checkpoint was made where `request` asks for one.
///
/// # Errors
/// The router's.
pub async fn seal(reach: &mut Reach, request: Request) -> anyhow::Result<Seal> {
    match reach.run(request).await? {
        Response::Seal(seal) => Ok(seal),
        other => Err(reach::unexpected(&other)),
    }
}

/// Prints a checkpoint of every event there is.
///
/// # Errors
/// It cannot be made.
pub async fn checkpoint(reach: &mut Reach, report: &Report) -> anyhow::Result<()> {
    let note = seal(reach, Request::Checkpoint).await?.checkpoint;
    let note = note.context("the server made no checkpoint")?;
    match report.format() {
        Format::Text => line(note.trim_end_matches('\n'))?,
        Format::Json | Format::Jsonl => {
            let made = CheckpointLine::of_note(&note).context("the server's checkpoint is none")?;
            line(&String::from_utf8(made.to_json())?)?;
        }
    }
    Ok(())
}

/// Prints the verifier key.
///
/// # Errors
/// There is none yet.
pub async fn public_key(reach: &mut Reach, report: &Report) -> anyhow::Result<()> {
    let key = seal(reach, Request::Seal).await?.public_key;
    let key = key.ok_or_else(|| anyhow!(NO_KEY))?;
    report.record(&serde_json::json!({ "publicKey": key }), || key.clone())?;
    Ok(())
}

/// Begins a new epoch of the trail.
///
/// # Errors
/// It could not begin.
pub async fn new_epoch(reach: &mut Reach, reason: String, report: &Report) -> anyhow::Result<()> {
    let begun = match reach.run(Request::NewEpoch(NewEpoch { reason })).await? {
        Response::Epoch(begun) => begun,
        other => return Err(reach::unexpected(&other)),
    };
    report.record(&begun, || {
        let sealed = |sealed: u64| format!("{sealed} events of the epoch before");
        fields(&[
            ("epoch", Some(begun.epoch.to_string())),
            ("begins with", Some(format!("event {}", begun.first))),
            ("last known", begun.sealed.map(sealed)),
            ("finding", Some(begun.finding.clone())),
        ])
    })?;
    Ok(())
}

/// The hash in a text of the router's.
#[must_use]
pub fn hash(text: &str) -> Option<Hash> {
    hex::decode(text).ok()?.try_into().ok()
}

/// The hashes of nodes of the trail's tree.
///
/// # Errors
/// The router's.
pub async fn tree_hashes(reach: &mut Reach, nodes: Vec<Node>) -> anyhow::Result<Vec<Hash>> {
    let wanted = nodes.len();
    let hashes = match reach.run(Request::TreeNodes(TreeNodes { nodes })).await? {
        Response::TreeHashes(hashes) => hashes.hashes,
        other => return Err(reach::unexpected(&other)),
    };
    let hashes: Option<Vec<_>> = hashes.iter().map(|text| hash(text)).collect();
    let hashes = hashes.filter(|hashes| hashes.len() == wanted);
    hashes.context("the server gave other hashes than were asked for")
}

/// A checkpoint of every event there is, as note and as what it says; and the key of the trail.
///
/// # Errors
/// It cannot be made.
pub async fn made(reach: &mut Reach) -> anyhow::Result<(String, Checkpoint, VerifierKey)> {
    let seal = seal(reach, Request::Checkpoint).await?;
    let key: VerifierKey = seal.public_key.context(NO_KEY)?.parse()?;
    let note = seal.checkpoint.context("the server made no checkpoint")?;
    let checkpoint = Checkpoint::open(&note, &key)
        .map_err(|error| anyhow!("the checkpoint of the server cannot be used: {error}"))?;
    Ok((note, checkpoint, key))
}
