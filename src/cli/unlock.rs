//! `keyledger unlock`: gives a server that was started locked the passphrase of its master key.

use std::path::PathBuf;

use anyhow::bail;

use super::reach::{self, Reach};
use super::report::Report;
use super::secret::{self, Typed};
use crate::admin::message::{Unlock, Unlocked};
use crate::admin::{Request, Response};
use crate::config::Layout;
use crate::crypto::{Secret, SecretText};

const WHAT: &str = "passphrase of the master key";

/// Where the passphrase is.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A file with the passphrase in one line, which only its owner may read; otherwise it is typed, or read from standard input
    #[arg(long, env = "KEYLEDGER_PASSPHRASE_FILE", value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

/// Unlocks the server that runs on the directory. One that is not locked asks for nothing.
///
/// # Errors
/// No server runs, the passphrase cannot be had, or the server refuses it.
pub async fn run(layout: &Layout, args: &Args, report: &Report) -> anyhow::Result<()> {
    let unlocked = unlocked(layout, args).await?;
    report.record(&unlocked, || {
        let text = if unlocked.was_locked {
            "unlocked: keys are served"
        } else {
            "the server is not locked; nothing was done"
        };
        text.to_owned()
    })?;
    Ok(())
}

async fn unlocked(layout: &Layout, args: &Args) -> anyhow::Result<Unlocked> {
    if !is_locked(layout).await? {
        return Ok(Unlocked { was_locked: false });
    }
    let passphrase = match &args.passphrase_file {
        Some(file) => secret::from_file(file, WHAT)?,
        None => secret::from_standard_input(WHAT, "Passphrase of the master key: ", Typed::Once)?,
    };
    let request = Unlock {
        passphrase: text_of(&passphrase)?,
    };
    // A connection would not last as long as somebody may type.
    let mut reach = server(Reach::open(layout).await?).await?;
    match reach.run(Request::Unlock(request)).await? {
        Response::Unlocked(unlocked) => Ok(unlocked),
        other => Err(reach::unexpected(&other)),
    }
}

async fn is_locked(layout: &Layout) -> anyhow::Result<bool> {
    let mut reach = server(Reach::open_to_look(layout).await?).await?;
    match reach.run(Request::Status).await? {
        Response::Status(status) => Ok(status.locked),
        other => Err(reach::unexpected(&other)),
    }
}

async fn server(reach: Reach) -> anyhow::Result<Reach> {
    if matches!(reach, Reach::Server(_)) {
        return Ok(reach);
    }
    reach.close().await;
    bail!("no server runs here: start it first, then unlock it");
}

fn text_of(secret: &Secret) -> anyhow::Result<SecretText> {
    Ok(SecretText::new(str::from_utf8(secret.expose())?.to_owned()))
}
