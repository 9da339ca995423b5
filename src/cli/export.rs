//! `keyledger events export`: events as they are sealed, with what proves them to somebody who has nothing else.
//!
//! Pages are passed on as they come. Each event is hashed on the way and all of them are compared with the checkpoint before the export
//! ends: one that ends with its checkpoint proves what it holds.

use std::io::{BufWriter, Write};
use std::ops::Range;
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use serde_json::json;

use super::master::PassphraseArgs;
use super::reach::{self, Reach};
use super::report::{Report, fields};
use super::{WrongUse, find, seal};
use crate::admin::message::{Epoch, SealedEvents, SealedFrom};
use crate::admin::{Request, Response};
use crate::audit::export::{EpochMark, ExportLine, LEAVES_PER_LINE, leaves_line, texts};
use crate::audit::proof::around;
use crate::audit::tree::Hash;
use crate::audit::{Break, Checkpoint, CheckpointLine, Verification};
use crate::config::draft::Draft;
use crate::config::{Layout, LayoutError};
use crate::crypto::SystemRandom;

/// Events asked for at once.
const PAGE: usize = 500;

/// What is exported, and to where.
#[derive(Debug, clap::Args)]
pub struct ExportArgs {
    /// The first event, by its sequence or id (default: the first there is)
    #[arg(long, value_name = "EVENT")]
    from: Option<String>,
    /// The last event, by its sequence or id (default: the last there is)
    #[arg(long, value_name = "EVENT")]
    to: Option<String>,
    /// The file to write, readable by its owner only (default: standard output)
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Replace the file if there is one
    #[arg(long, requires = "output")]
    force: bool,
    /// The passphrase, where no server runs
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

/// Exports.
///
/// # Errors
/// The range or the file is wrong, the router cannot be reached, or the trail is not what was sealed ([`Break`]).
pub async fn run(layout: &Layout, args: ExportArgs, report: &Report) -> anyhow::Result<()> {
    let draft = args
        .output
        .as_deref()
        .map(|path| Draft::begin(path, args.force, &SystemRandom));
    let draft = draft.transpose().map_err(|error| match error {
        LayoutError::Exists { path } => {
            WrongUse(format!("{} exists; --force replaces it", path.display())).into()
        }
        error => anyhow::Error::from(error),
    })?;
    let mut reach = Reach::open_with_master_key(layout, &args.passphrase).await?;
    let done = to(&mut reach, &args, draft, report).await;
    reach.close().await;
    done
}

async fn to(
    reach: &mut Reach,
    args: &ExportArgs,
    draft: Option<Draft>,
    report: &Report,
) -> anyhow::Result<()> {
    let (Some(mut draft), Some(path)) = (draft, &args.output) else {
        let mut out = BufWriter::new(std::io::stdout());
        write(reach, args, &mut out).await?;
        return Ok(out.flush()?);
    };
    let written = write(reach, args, &mut draft).await?;
    draft.finish()?;
    let (first, events, file) = (written.first, written.events, path.display().to_string());
    let record = json!({ "first": first, "events": events, "size": written.size, "file": file });
    report.record(&record, || {
        let (events, size) = (
            format!("{events}, from {first} on"),
            written.size.to_string(),
        );
        fields(&[
            ("events", Some(events)),
            ("sealed", Some(size)),
            ("file", Some(file.clone())),
        ])
    })?;
    Ok(())
}

/// Writes the export and gives the line that begins it.
async fn write(
    reach: &mut Reach,
    args: &ExportArgs,
    out: &mut impl Write,
) -> anyhow::Result<ExportLine> {
    let (note, checkpoint, _) = seal::made(reach).await?;
    let range = range(reach, args, checkpoint.size).await?;
    let (first, end) = (range.start, range.end);
    let (line, left, right) = beginning(reach, range, &checkpoint).await?;
    out.write_all(&line.to_json())?;
    out.write_all(b"\n")?;
    let marks: Vec<_> = line
        .epochs
        .iter()
        .map(|mark| (mark.epoch, mark.first))
        .collect();
    let verification = Verification::of_part(first, &left, &marks, []);
    let mut verification = verification.context("the server's list of epochs cannot be")?;
    let mut leaves = Vec::new();
    while verification.next() < end {
        let page = page(reach, verification.next(), end).await?;
        pass_on(&page, &mut verification, &mut leaves, out)?;
    }
    if !leaves.is_empty() {
        end_leaves(&mut leaves, out)?;
    }
    verification.end_of_part("the checkpoint of the store", &checkpoint, &right)?;
    let last = CheckpointLine::of_note(&note).context("the server's checkpoint is none")?;
    out.write_all(&last.to_json())?;
    out.write_all(b"\n")?;
    Ok(line)
}

/// The sequences wanted, of `size` that there are.
async fn range(reach: &mut Reach, args: &ExportArgs, size: u64) -> anyhow::Result<Range<u64>> {
    let kept_from = seal::seal(reach, Request::Seal).await?.first;
    let first = match &args.from {
        Some(text) => sequence(reach, text).await?,
        None => kept_from,
    };
    if first < kept_from {
        let removed = find::removed(reach, first).await?;
        bail!(WrongUse(format!("--from: {removed}")));
    }
    let end = match &args.to {
        Some(text) => sequence(reach, text).await?.saturating_add(1),
        None => size,
    };
    let last = size.saturating_sub(1);
    if end > size {
        bail!(WrongUse(format!("--to: the last event is event {last}")));
    }
    if first >= end && (size > 0 || args.from.is_some()) {
        let problem = format!(
            "there is no event from {first} to {}",
            end.saturating_sub(1)
        );
        bail!(WrongUse(problem));
    }
    Ok(first..end)
}

/// The sequence that a text is, or that of the event whose id it is.
async fn sequence(reach: &mut Reach, text: &str) -> anyhow::Result<u64> {
    match text.parse() {
        Ok(sequence) => Ok(sequence),
        Err(_) => Ok(find::find(reach, text).await?.sequence),
    }
}

/// The line that begins the export of a range, with the hashes in it.
async fn beginning(
    reach: &mut Reach,
    range: Range<u64>,
    checkpoint: &Checkpoint,
) -> anyhow::Result<(ExportLine, Vec<Hash>, Vec<Hash>)> {
    let (left, right) = around(&range, checkpoint.size).unwrap_or_default();
    let left = seal::tree_hashes(reach, left).await?;
    let right = seal::tree_hashes(reach, right).await?;
    let seal = seal::seal(reach, Request::Seal).await?;
    let (origin, epoch) = checkpoint
        .origin()
        .context("the server's checkpoint is none")?;
    let within = |one: &&Epoch| one.first < checkpoint.size.max(1);
    let mark = |one: &Epoch| EpochMark {
        epoch: one.epoch,
        first: one.first,
    };
    let line = ExportLine {
        origin: origin.to_owned(),
        epoch,
        first: range.start,
        events: range.end - range.start,
        size: checkpoint.size,
        epochs: seal.epochs.iter().filter(within).map(mark).collect(),
        left: texts(&left),
        right: texts(&right),
    };
    Ok((line, left, right))
}

async fn page(reach: &mut Reach, from: u64, end: u64) -> anyhow::Result<SealedEvents> {
    let left = usize::try_from(end - from).unwrap_or(usize::MAX);
    let limit = PAGE.min(left);
    match reach
        .run(Request::SealedEvents(SealedFrom { from, limit }))
        .await?
    {
        Response::SealedEvents(page) => Ok(page),
        other => Err(reach::unexpected(&other)),
    }
}

fn pass_on(
    page: &SealedEvents,
    verification: &mut Verification,
    leaves: &mut Vec<Hash>,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let next = verification.next();
    for event in &page.events {
        let kept = seal::hash(&event.leaf_hash).context("the server gave no hash with an event")?;
        verification.event(event.sequence, event.json.as_bytes(), Some(&kept))?;
        out.write_all(event.json.as_bytes())?;
        out.write_all(b"\n")?;
        leaves.push(kept);
        if leaves.len() == LEAVES_PER_LINE {
            end_leaves(leaves, out)?;
        }
    }
    if page.events.is_empty() {
        let what = match &page.unreadable {
            Some(found) => format!("event {} cannot be read: {}", found.sequence, found.problem),
            None => format!("event {next} is missing"),
        };
        bail!(Break::at(next, what));
    }
    Ok(())
}

fn end_leaves(leaves: &mut Vec<Hash>, out: &mut impl Write) -> std::io::Result<()> {
    out.write_all(&leaves_line(leaves))?;
    out.write_all(b"\n")?;
    leaves.clear();
    Ok(())
}
