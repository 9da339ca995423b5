//! `keyledger events checkpoint|public-key|verify`: the seal of the trail, and whether the trail is what was sealed.
//!
//! The events are hashed here and not where they are kept: what is compared are the very texts that are delivered.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::WrongUse;
use super::reach::{self, Reach};
use super::report::{Format, Report, fields, line, remark};
use crate::admin::message::{Seal, SealedEvents, SealedFrom};
use crate::admin::{Request, Response};
use crate::audit::note::NOTE_BYTES_MAX;
use crate::audit::{Break, Checkpoint, CheckpointLine, NoteError, Verification, VerifierKey};

/// Events asked for at once.
const PAGE: usize = 500;
const STORED: &str = "the checkpoint of the store";
const NO_KEY: &str = "there is no key that signs the trail yet: run `keyledger serve` once";

/// What the trail is verified against.
#[derive(Debug, clap::Args)]
pub struct VerifyArgs {
    /// A file with a checkpoint that was kept elsewhere; may be repeated
    #[arg(long = "checkpoint", value_name = "FILE")]
    checkpoints: Vec<PathBuf>,
    /// The verifier key, as `events public-key` printed it when it was noted elsewhere (default: the store's own)
    #[arg(long, value_name = "KEY")]
    public_key: Option<String>,
}

async fn seal(reach: &mut Reach, request: Request) -> anyhow::Result<Seal> {
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

/// Verifies the trail.
///
/// # Errors
/// A [`Break`]: the trail is not what was sealed. Otherwise it could not be verified.
pub async fn verify(reach: &mut Reach, args: &VerifyArgs, report: &Report) -> anyhow::Result<()> {
    let verified = verified(reach, args).await;
    if let Err(error) = &verified
        && let Some(found) = error.downcast_ref::<Break>()
        && report.format() != Format::Text
    {
        let record = serde_json::json!({ "sequence": found.sequence, "problem": found.what });
        report.record(&record, String::new)?;
    }
    let (events, root) = verified?;
    let root = BASE64.encode(root);
    let given = args.checkpoints.len();
    let record = serde_json::json!({ "events": events, "root": root, "checkpoints": given });
    report.record(&record, || {
        let sound = format!("{events}, each as it was sealed");
        let agrees = format!("{given} given, all agree");
        fields(&[
            ("events", Some(sound)),
            ("root", Some(root.clone())),
            ("checkpoints", Some(agrees)),
        ])
    })?;
    if given == 0 || args.public_key.is_none() {
        remark(
            "Only checkpoints that were kept elsewhere, with --checkpoint and --public-key, show a trail that was cut or \
             rewritten by somebody who has the keys.",
        );
    }
    Ok(())
}

async fn verified(reach: &mut Reach, args: &VerifyArgs) -> anyhow::Result<(u64, [u8; 32])> {
    let seal = seal(reach, Request::Seal).await?;
    let held = held(&seal, args)?;
    let mut verification = Verification::new(held);
    // What comes while it is verified is for the next time.
    let mut end = None;
    loop {
        let request = SealedFrom {
            from: verification.next(),
            limit: PAGE,
        };
        let page = match reach.run(Request::SealedEvents(request)).await? {
            Response::SealedEvents(page) => page,
            other => return Err(reach::unexpected(&other)),
        };
        let end = *end.get_or_insert(page.head);
        take(&mut verification, &page, end)?;
        if verification.next() >= end {
            return Ok(verification.end()?);
        }
    }
}

/// Verifies the events of a page that lie before `end`.
fn take(verification: &mut Verification, page: &SealedEvents, end: u64) -> anyhow::Result<()> {
    let before_end = page.events.iter().filter(|event| event.sequence < end);
    let first = verification.next();
    for event in before_end {
        let kept = hex::decode(&event.leaf_hash).ok();
        let kept: Option<[u8; 32]> = kept.and_then(|bytes| bytes.try_into().ok());
        let kept = kept.context("the server gave no hash with an event")?;
        verification.event(event.sequence, event.json.as_bytes(), Some(&kept))?;
    }
    let next = verification.next();
    match &page.unreadable {
        Some(found) if found.sequence == next && next < end => {
            let what = format!("event {next} cannot be read: {}", found.problem);
            Err(Break::at(next, what).into())
        }
        _ if next < end && next == first => {
            Err(Break::at(next, format!("event {next} is missing")).into())
        }
        _ => Ok(()),
    }
}

/// The checkpoints that the trail must agree with, each with where it comes from.
fn held(seal: &Seal, args: &VerifyArgs) -> anyhow::Result<Vec<(String, Checkpoint)>> {
    let mut notes = Vec::new();
    if let Some(note) = &seal.checkpoint {
        notes.push((STORED.to_owned(), note.clone()));
    }
    for path in &args.checkpoints {
        notes.push((path.display().to_string(), read(path)?));
    }
    let key = match (&args.public_key, &seal.public_key) {
        (Some(given), _) => given
            .trim()
            .parse::<VerifierKey>()
            .map_err(|error| WrongUse(format!("--public-key: {error}")))?,
        (None, Some(stored)) => stored.parse()?,
        (None, None) if notes.is_empty() => return Ok(Vec::new()),
        (None, None) => return Err(anyhow!("{NO_KEY}, or give --public-key")),
    };
    let open = |(source, note): (String, String)| match Checkpoint::open(&note, &key) {
        Ok(checkpoint) => Ok((source, checkpoint)),
        Err(NoteError::Malformed) if source != STORED => {
            Err(WrongUse(format!("{source} is no checkpoint")).into())
        }
        Err(error) => Err(anyhow!(Break {
            sequence: None,
            what: format!("{source} proves nothing: {error}"),
        })),
    };
    notes.into_iter().map(open).collect()
}

fn read(path: &Path) -> anyhow::Result<String> {
    let name = path.display();
    let size = std::fs::metadata(path).with_context(|| format!("cannot read {name}"))?;
    if size.len() > u64::try_from(NOTE_BYTES_MAX).unwrap_or(u64::MAX) {
        return Err(WrongUse(format!("{name} is no checkpoint")).into());
    }
    std::fs::read_to_string(path).with_context(|| format!("cannot read {name}"))
}
