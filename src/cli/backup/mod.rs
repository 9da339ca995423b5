//! `keyledger backup`: the database with its trail, the settings and the certificates in one file, sealed to a key whose private half is elsewhere.
//!
//! The file gets its name when it is whole. Nothing is read here: what comes from the router is passed on as it is.

mod files;
pub mod key;

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::WrongUse;
use super::reach::{self, Reach};
use super::report::{Report, fields};
use crate::admin::message::{BackupBegin, BackupRequest, BackupResponse, WholeBackup};
use crate::admin::{Request, Response};
use crate::config::draft::Draft;
use crate::config::{Layout, LayoutError};
use crate::crypto::SystemRandom;

pub use files::reader;

/// What is backed up, and to where.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The file to write, readable by its owner only, or `-` for standard output
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Replace the file if there is one
    #[arg(long)]
    force: bool,
    /// Put the file of the master key into it, too: who has the backup's key then has every key
    #[arg(long)]
    with_master_key: bool,
    /// Which key it is sealed to
    #[arg(long, value_enum, default_value_t = To::BackupKey, value_name = "KEY")]
    to: To,
}

/// Which key a backup is sealed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum To {
    /// The backup key
    BackupKey,
    /// The recovery key, which so many of its shares open as they were made for
    Recovery,
}

/// Makes a backup.
///
/// # Errors
/// There is no key to seal it to, the router cannot be reached or make one, or the file cannot be written; nothing is left then.
pub async fn run(layout: &Layout, args: Args, report: &Report) -> anyhow::Result<()> {
    refuse_server(layout)?;
    let to_output = args.file == Path::new("-");
    let draft = (!to_output).then(|| Draft::begin(&args.file, args.force, &SystemRandom));
    let draft = draft.transpose().map_err(|error| match error {
        LayoutError::Exists { path } => {
            WrongUse(format!("{} exists; --force replaces it", path.display())).into()
        }
        error => anyhow::Error::from(error),
    })?;
    let mut reach = Reach::open(layout).await?;
    let done = to(&mut reach, &args, draft, report).await;
    reach.close().await;
    done
}

/// A database on a server is backed up there. The settings that cannot be read are somebody else's to complain of.
fn refuse_server(layout: &Layout) -> anyhow::Result<()> {
    let settings = reach::settings(layout).ok();
    let Some(url) = settings.and_then(|settings| settings.store.url) else {
        return Ok(());
    };
    bail!(
        "the database {url} is backed up on its server, with pg_basebackup or pg_dump, or made a file of first with `keyledger migrate --to sqlite`; \
         keep a copy of {} and {} apart from it",
        layout.data().display(),
        layout.certs().display()
    )
}

async fn to(
    reach: &mut Reach,
    args: &Args,
    draft: Option<Draft>,
    report: &Report,
) -> anyhow::Result<()> {
    let wanted = BackupBegin {
        with_master_key: args.with_master_key,
        to_recovery: args.to == To::Recovery,
    };
    let Some(mut draft) = draft else {
        let mut out = BufWriter::new(io::stdout());
        write(reach, wanted, &mut out).await?;
        return Ok(out.flush()?);
    };
    let whole = write(reach, wanted, &mut draft).await?;
    draft.finish()?;
    let file = args.file.display().to_string();
    let record = serde_json::json!({ "file": file, "bytes": whole.bytes, "events": whole.events, "recipient": whole.recipient,
        "masterKey": whole.master_key });
    report.record(&record, || {
        let master_key = if whole.master_key {
            "in it"
        } else {
            "not in it: keep it apart, without it no key in the backup can be read"
        };
        fields(&[
            ("file", Some(file.clone())),
            ("bytes", Some(whole.bytes.to_string())),
            ("events", Some(whole.events.to_string())),
            ("sealed to", Some(format!("key {}", whole.recipient))),
            ("master key", Some(master_key.to_owned())),
        ])
    })?;
    Ok(())
}

/// Writes a backup and says what it is.
async fn write(
    reach: &mut Reach,
    wanted: BackupBegin,
    out: &mut impl Write,
) -> anyhow::Result<WholeBackup> {
    let id = match ask(reach, BackupRequest::Begin(wanted)).await? {
        BackupResponse::Begun { id } => id,
        other => return Err(reach::unexpected(&Response::Backup(other))),
    };
    let written = parts(reach, &id, out).await;
    if written.is_err() {
        // The server gives it up by itself, too, only later.
        drop(ask(reach, BackupRequest::End { id }).await);
    }
    written
}

async fn parts(reach: &mut Reach, id: &str, out: &mut impl Write) -> anyhow::Result<WholeBackup> {
    loop {
        let next = BackupRequest::Next { id: id.to_owned() };
        let part = match ask(reach, next).await? {
            BackupResponse::Part(part) => part,
            other => return Err(reach::unexpected(&Response::Backup(other))),
        };
        let bytes = BASE64
            .decode(&part.data)
            .context("the server's part of the backup is no base64")?;
        out.write_all(&bytes)
            .context("the backup cannot be written")?;
        if let Some(whole) = part.whole {
            return Ok(whole);
        }
    }
}

async fn ask(reach: &mut Reach, request: BackupRequest) -> anyhow::Result<BackupResponse> {
    match reach.run(Request::Backup(request)).await? {
        Response::Backup(answer) => Ok(answer),
        other => Err(reach::unexpected(&other)),
    }
}
