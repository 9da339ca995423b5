//! `keyledger events verify`: whether the trail, or a proof about it, is what was sealed.
//!
//! Events are hashed here and not where they are kept: what is compared are the very texts that are delivered. What was handed out is
//! verified without a directory, a store or a server.

mod export;
mod exported;
pub mod held;
mod proof;
mod said;
mod store;

use std::path::PathBuf;

use serde_json::json;

use super::reach::Reach;
use super::report::{Format, Report};
use crate::audit::{Break, Checkpoint, Verified, VerifierKey};
use crate::config::Layout;

/// What is verified, and against what.
#[derive(Debug, clap::Args)]
pub struct VerifyArgs {
    /// An export, or what a `file` target received of every event, instead of the trail; may be repeated, in the order it was written
    #[arg(long = "export", value_name = "FILE", conflicts_with = "proof")]
    exports: Vec<PathBuf>,
    /// A proof that `events prove` printed, instead of the trail
    #[arg(long, value_name = "FILE")]
    proof: Option<PathBuf>,
    /// The event that the proof is about, as the JSON that was delivered
    #[arg(long, value_name = "FILE", requires = "proof")]
    event: Option<PathBuf>,
    /// A file with a checkpoint that was kept elsewhere; may be repeated
    #[arg(long = "checkpoint", value_name = "FILE")]
    checkpoints: Vec<PathBuf>,
    /// The verifier key, as `events public-key` printed it when it was noted elsewhere (default: the store's own)
    #[arg(long, value_name = "KEY")]
    public_key: Option<String>,
}

/// Verifies the trail that a router has, with these checkpoints and the key that was noted, and says nothing of it.
///
/// # Errors
/// A [`Break`]: it is not what was sealed. Otherwise it could not be verified.
pub async fn trail(
    reach: &mut Reach,
    checkpoints: Vec<PathBuf>,
    public_key: Option<String>,
) -> anyhow::Result<Verified> {
    let args = VerifyArgs {
        exports: Vec::new(),
        proof: None,
        event: None,
        checkpoints,
        public_key,
    };
    store::verified(reach, &args).await
}

/// What is met in an export that is verified.
pub enum Met<'a> {
    /// An event: its sequence and its JSON.
    Event(u64, &'a [u8]),
    /// A checkpoint that agrees with what came before it: its note.
    Checkpoint(&'a str),
}

/// Verifies exports against `expected`, each with where it comes from, and tells `observe` what is in them. Nothing of that is certain before
/// this has returned.
///
/// # Errors
/// As [`run`].
pub fn exports(
    paths: &[PathBuf],
    key: &VerifierKey,
    expected: Vec<(String, Checkpoint)>,
    observe: &mut dyn FnMut(Met<'_>),
) -> anyhow::Result<Verified> {
    export::verified(paths, Some(key), expected, Some(observe))
}

/// Verifies.
///
/// # Errors
/// A [`Break`]: it is not what was sealed. Otherwise it could not be verified.
pub async fn run(layout: &Layout, args: &VerifyArgs, report: &Report) -> anyhow::Result<()> {
    let verified = if let Some(path) = &args.proof {
        proof::verify(path, args, report)
    } else if !args.exports.is_empty() {
        export::verify(args, report)
    } else {
        let mut reach = Reach::open(layout).await?;
        let verified = store::verify(&mut reach, args, report).await;
        reach.close().await;
        verified
    };
    if let Err(error) = &verified
        && let Some(found) = error.downcast_ref::<Break>()
        && report.format() != Format::Text
    {
        let record = json!({ "sequence": found.sequence, "problem": found.what });
        // What was found decides the exit code, also where nobody reads it.
        drop(report.record(&record, String::new));
    }
    verified
}
