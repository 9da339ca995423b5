//! `keyledger events prove`: proofs about the trail that others check without it.
//!
//! Nothing is handed out that was not checked here first: a proof that the trail does not bear out is a break.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Subcommand;
use serde_json::json;

use super::master::PassphraseArgs;
use super::reach::Reach;
use super::report::{Format, Report, line};
use super::seal::{self, NO_KEY};
use super::verify::held;
use super::{WrongUse, events, find};
use crate::admin::Request;
use crate::audit::proof::text::Proof;
use crate::audit::proof::{Node, consistency, inclusion, is_consistent, root_by_inclusion};
use crate::audit::tree::Hash;
use crate::audit::{Break, Checkpoint};
use crate::config::Layout;
use crate::crypto::digest::leaf_hash;

/// What to prove.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// That an event is among those that a checkpoint seals (C2SP tlog-proof)
    Inclusion {
        /// Its sequence, or its id
        event: String,
        /// A checkpoint that was kept (default: one of every event there is)
        #[arg(long, value_name = "FILE")]
        checkpoint: Option<PathBuf>,
        /// The passphrase, where no server runs
        #[command(flatten)]
        passphrase: PassphraseArgs,
    },
    /// That the events of one checkpoint are the first of those of a later one (C2SP tlog-witness)
    Consistency {
        /// The earlier checkpoint
        old: PathBuf,
        /// The later one (default: one of every event there is)
        new: Option<PathBuf>,
        /// The passphrase, where no server runs
        #[command(flatten)]
        passphrase: PassphraseArgs,
    },
}

/// A checkpoint with where it comes from.
struct Named {
    source: String,
    note: String,
    checkpoint: Checkpoint,
}

/// Prints a proof.
///
/// # Errors
/// The trail does not hold what a checkpoint seals ([`Break`]), a file is no checkpoint, or the router cannot be reached.
pub async fn run(layout: &Layout, command: &Command, report: &Report) -> anyhow::Result<()> {
    let (kept, passphrase) = match command {
        Command::Inclusion {
            checkpoint,
            passphrase,
            ..
        } => (checkpoint, passphrase),
        Command::Consistency {
            new, passphrase, ..
        } => (new, passphrase),
    };
    // Only what is to be signed needs the master key.
    let mut reach = match kept {
        Some(_) => Reach::open(layout).await?,
        None => Reach::open_with_master_key(layout, passphrase).await?,
    };
    let proof = proof(&mut reach, command, kept.as_deref()).await;
    reach.close().await;
    let text = proof?.to_string();
    match report.format() {
        Format::Text => line(text.trim_end_matches('\n'))?,
        Format::Json | Format::Jsonl => report.record(&json!({ "proof": text }), String::new)?,
    }
    Ok(())
}

async fn proof(reach: &mut Reach, command: &Command, kept: Option<&Path>) -> anyhow::Result<Proof> {
    let sealed = match kept {
        Some(path) => read(reach, path).await?,
        None => {
            let (note, checkpoint, _) = seal::made(reach).await?;
            let source = "the checkpoint of the store".to_owned();
            Named {
                source,
                note,
                checkpoint,
            }
        }
    };
    match command {
        Command::Inclusion { event, .. } => prove_inclusion(reach, event, sealed).await,
        Command::Consistency { old, .. } => {
            let old = read(reach, old).await?;
            prove_consistency(reach, &old, sealed).await
        }
    }
}

/// A checkpoint of this trail that was kept.
async fn read(reach: &mut Reach, path: &Path) -> anyhow::Result<Named> {
    let seal = seal::seal(reach, Request::Seal).await?;
    let key = seal.public_key.context(NO_KEY)?.parse()?;
    let (source, note) = (path.display().to_string(), held::note(path)?);
    let checkpoint = held::open(&source, &note, Some(&key))?;
    Ok(Named {
        source,
        note,
        checkpoint,
    })
}

async fn prove_inclusion(reach: &mut Reach, event: &str, sealed: Named) -> anyhow::Result<Proof> {
    let Named {
        source,
        note,
        checkpoint,
    } = sealed;
    let event = find::find(reach, event).await?;
    let (index, size) = (event.sequence, checkpoint.size);
    let Some(nodes) = inclusion(index, size) else {
        let problem = format!("event {index} came after {source}, which seals {size} events");
        bail!(WrongUse(problem));
    };
    let hashes = nodes_of(reach, nodes, &source, size).await?;
    let event = event.json.into_bytes();
    let root = root_by_inclusion(leaf_hash(&event), index, size, &hashes);
    if root != Some(checkpoint.root) {
        let what =
            format!("the trail is not the one that {source} seals: run `keyledger events verify`");
        bail!(Break {
            sequence: None,
            what
        });
    }
    let event = Some(event);
    Ok(Proof::Inclusion {
        event,
        index,
        hashes,
        note,
    })
}

async fn prove_consistency(reach: &mut Reach, old: &Named, new: Named) -> anyhow::Result<Proof> {
    let (before, after) = (&old.checkpoint, &new.checkpoint);
    let Some(nodes) = consistency(before.size, after.size) else {
        let problem = format!(
            "{} seals more events than {}: give the earlier one first",
            old.source, new.source
        );
        bail!(WrongUse(problem));
    };
    let hashes = nodes_of(reach, nodes, &new.source, after.size).await?;
    if !is_consistent(
        (before.size, before.root),
        (after.size, after.root),
        &hashes,
    ) {
        let what = format!(
            "the events that {} seals are not the first of those that {} seals, or the trail holds neither: run \
             `keyledger events verify`",
            old.source, new.source
        );
        bail!(Break {
            sequence: None,
            what
        });
    }
    let (old, note) = (before.size, new.note);
    Ok(Proof::Consistency { old, hashes, note })
}

/// The hashes of nodes, all of the tree of `size` events that `source` seals.
async fn nodes_of(
    reach: &mut Reach,
    nodes: Vec<Node>,
    source: &str,
    size: u64,
) -> anyhow::Result<Vec<Hash>> {
    let head = events::head(reach).await?;
    if size > head {
        let what = format!(
            "event {head} is missing: the trail ends before it, and {source} seals {size} events"
        );
        bail!(Break::at(head, what));
    }
    seal::tree_hashes(reach, nodes).await
}
