//! `keyledger backup-key`: the key that backups are sealed to. Its private half is made for a place elsewhere; the server knows the public half.

use std::path::{Path, PathBuf};

use anyhow::anyhow;
use clap::Subcommand;

use super::ask;
use crate::admin::Response;
use crate::admin::message::{BackupKey, BackupRequest, BackupResponse};
use crate::cli::reach::{self, Reach};
use crate::cli::report::{Report, fields};
use crate::cli::{WrongUse, secret};
use crate::config::layout::write_private;
use crate::config::{Layout, LayoutError};
use crate::crypto::{RecipientKey, Secret, SystemRandom};

// Stored state: changing this line needs a new version in its prefix.
const PREFIX: &str = "keyledger-backup-key-v1:";
const KEY_BYTES: usize = 32;

/// What to do with the key that backups are sealed to.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a key: the private half into a file, to be kept elsewhere, and the public half into the server
    New {
        /// The file of the private half, which must not exist yet
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Leave the server alone: `backup-key set` gives it the public half
        #[arg(long)]
        only_file: bool,
    },
    /// Have backups sealed to the public half of a key that was made elsewhere
    Set {
        /// The public half, as `backup-key new` prints it
        #[arg(value_name = "PUBLIC")]
        public: String,
    },
    /// Show which key backups are sealed to
    Show,
}

/// Carries out a command.
///
/// # Errors
/// The file cannot be made, or the router refused or cannot be reached.
pub async fn run(layout: &Layout, command: Command, report: &Report) -> anyhow::Result<()> {
    let (request, file) = match command {
        Command::New { file, only_file } => {
            let public = make(&file)?;
            if only_file {
                return Ok(say(&public, Some(&file), report)?);
            }
            let public = public.public;
            (BackupRequest::SetKey { public }, Some(file))
        }
        Command::Set { public } => (BackupRequest::SetKey { public }, None),
        Command::Show => (BackupRequest::Key, None),
    };
    let answered = match Reach::open(layout).await {
        Ok(mut reach) => {
            let answer = ask(&mut reach, request).await;
            reach.close().await;
            answer.map_err(|error| (reach::changed_nothing(&error), error))
        }
        Err(error) => Err((true, error)),
    };
    match answered {
        Ok(BackupResponse::Key(Some(key))) => Ok(say(&key, file.as_deref(), report)?),
        Ok(BackupResponse::Key(None)) => Err(anyhow!(
            "there is no key that backups are sealed to: make one with `keyledger backup-key new FILE`"
        )),
        Ok(other) => Err(reach::unexpected(&Response::Backup(other))),
        // A private half whose public half nobody has is of no use. Where it is not known who has it, the next backup may be sealed to it.
        Err((true, error)) => {
            if let Some(file) = file {
                drop(std::fs::remove_file(file));
            }
            Err(error)
        }
        Err((false, error)) => Err(error.context(
            "it is not known whether backups are sealed to the new key now: `keyledger backup-key show` tells; keep every private half until then",
        )),
    }
}

/// Makes a key and writes its private half.
fn make(file: &Path) -> anyhow::Result<BackupKey> {
    let key = RecipientKey::draw(&SystemRandom)?;
    write_private(file, line(&key)?.expose()).map_err(|error| match error {
        LayoutError::Exists { path } => {
            let path = path.display();
            WrongUse(format!("{path} exists; a backup key is never overwritten")).into()
        }
        error => anyhow::Error::from(error),
    })?;
    let recipient = key.recipient();
    Ok(BackupKey {
        id: hex::encode(recipient.id()),
        public: hex::encode(recipient.as_bytes()),
    })
}

fn say(key: &BackupKey, file: Option<&Path>, report: &Report) -> std::io::Result<()> {
    let file = file.map(|file| file.display().to_string());
    let record = serde_json::json!({ "id": key.id, "public": key.public, "file": file });
    report.record(&record, || {
        let rows = fields(&[
            ("backup key", Some(key.id.clone())),
            ("public half", Some(key.public.clone())),
            ("private half", file.clone()),
        ]);
        match &file {
            Some(file) => format!(
                "{rows}\n\nMove {file} to a safe place away from this machine: without it no backup can be read, and with it every one."
            ),
            None => rows,
        }
    })
}

fn line(key: &RecipientKey) -> anyhow::Result<Secret> {
    let mut line = vec![b'\n'; PREFIX.len() + 2 * KEY_BYTES + 1];
    let (prefix, rest) = line.split_at_mut(PREFIX.len());
    prefix.copy_from_slice(PREFIX.as_bytes());
    let (digits, _newline) = rest.split_at_mut(2 * KEY_BYTES);
    let encoded = hex::encode_to_slice(key.secret().expose(), digits);
    let line = Secret::new(line);
    encoded?;
    Ok(line)
}

/// Reads the private half of a backup key.
///
/// # Errors
/// The file cannot be read, others may read it, or it is no backup key.
pub fn read(file: &Path) -> anyhow::Result<RecipientKey> {
    let text = secret::from_file(file, "private half of the backup key")?;
    let none = || {
        WrongUse(format!(
            "{} is not the private half of a backup key",
            file.display()
        ))
    };
    let digits = text
        .expose()
        .strip_prefix(PREFIX.as_bytes())
        .ok_or_else(none)?;
    let mut bytes = vec![0; KEY_BYTES];
    let decoded = hex::decode_to_slice(digits, &mut bytes);
    let bytes = Secret::new(bytes);
    decoded.map_err(|_| none())?;
    Ok(RecipientKey::from_secret(bytes).map_err(|_| none())?)
}
