//! `keyledger api-key`: credentials of the administration API.
//!
//! The key is made here and shown once, or written to a file that only its owner may read. The router gets its digest.

use std::path::PathBuf;

use clap::Subcommand;
use serde::Serialize;

use super::reach::{self, Reach};
use super::report::{Report, table};
use super::{RoleArg, WrongUse};
use crate::admin::message::{ApiKey, ApiKeyAdd};
use crate::admin::{Request, Response};
use crate::config::Layout;
use crate::config::layout::write_private;
use crate::crypto::{SecretText, SystemRandom, api_key};
use crate::domain::{Clock as _, SystemClock};

/// What to do with API keys.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make an API key and show it once
    Add(AddArgs),
    /// List API keys, without the keys
    List,
    /// Remove an API key: it is refused from now on
    Remove {
        /// Its name or identifier
        name: String,
    },
}

/// A new API key.
#[derive(Debug, clap::Args)]
pub struct AddArgs {
    /// Its name: letters, digits, '.', '_' and '-'
    name: String,
    /// What it may do
    #[arg(long, value_enum)]
    role: RoleArg,
    /// The one instance it may reach; not given: everything
    #[arg(long, value_name = "NAME")]
    instance: Option<String>,
    /// Days until it ends; not given: when it is removed
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(i64).range(1..=36500))]
    days: Option<i64>,
    /// Write the key to this new file, which only its owner may read, and not to standard output
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
}

/// An API key, and the key itself where it is printed.
#[derive(Serialize)]
struct Made<'a> {
    #[serde(flatten)]
    about: &'a ApiKey,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<&'a str>,
}

/// Carries out a command.
///
/// # Errors
/// The router refused it or cannot be reached, or the file cannot be made.
pub async fn run(layout: &Layout, command: Command, report: &Report) -> anyhow::Result<()> {
    let mut reach = Reach::open(layout).await?;
    let done = carry_out(&mut reach, command, report).await;
    reach.close().await;
    done
}

async fn carry_out(reach: &mut Reach, command: Command, report: &Report) -> anyhow::Result<()> {
    match command {
        Command::Add(args) => add(reach, args, report).await,
        Command::List => match reach.run(Request::ApiKeyList).await? {
            Response::ApiKeys(keys) => Ok(report.list(&keys, || as_table(&keys))?),
            other => Err(reach::unexpected(&other)),
        },
        Command::Remove { name } => {
            let key = changed(reach, Request::ApiKeyRemove { name }).await?;
            Ok(report.record(&key, || format!("removed API key {}", key.name))?)
        }
    }
}

async fn add(reach: &mut Reach, args: AddArgs, report: &Report) -> anyhow::Result<()> {
    let file = args.secret_file;
    if let Some(file) = file.as_ref().filter(|file| file.symlink_metadata().is_ok()) {
        let problem = format!("{} exists already and is not overwritten", file.display());
        return Err(WrongUse(problem).into());
    }
    let secret = api_key::new(&SystemRandom)?;
    let request = Request::ApiKeyAdd(ApiKeyAdd {
        name: args.name,
        role: args.role.into(),
        instance: args.instance,
        expires: args.days.map(|days| SystemClock.now() + days * 86_400),
        digest: hex::encode(api_key::digest(secret.expose())),
    });
    // Where the file cannot be made, there is no key that nobody has.
    if let Some(file) = &file {
        write_private(file, format!("{}\n", secret.expose()).as_bytes())?;
    }
    let made = match changed(reach, request).await {
        Ok(made) => made,
        Err(error) => {
            if let Some(file) = &file
                && let Err(error) = std::fs::remove_file(file)
            {
                tracing::debug!(%error, "A file with a key that was not made stays.");
            }
            return Err(error);
        }
    };
    show(&made, &secret, file.as_deref(), report)
}

fn show(
    about: &ApiKey,
    secret: &SecretText,
    file: Option<&std::path::Path>,
    report: &Report,
) -> anyhow::Result<()> {
    let made = Made {
        about,
        secret: file.is_none().then(|| secret.expose()),
    };
    let text = || match file {
        Some(file) => format!("made API key {}; it is in {}", about.name, file.display()),
        None => secret.expose().to_owned(),
    };
    Ok(report.record(&made, text)?)
}

async fn changed(reach: &mut Reach, request: Request) -> anyhow::Result<ApiKey> {
    match reach.run(request).await? {
        Response::ApiKey(key) => Ok(key),
        other => Err(reach::unexpected(&other)),
    }
}

fn as_table(keys: &[ApiKey]) -> String {
    let heading = [
        "NAME",
        "ROLE",
        "INSTANCE",
        "CREATED",
        "EXPIRES",
        "LAST USED",
        "ID",
    ];
    let mut rows = vec![heading.map(str::to_owned).to_vec()];
    rows.extend(keys.iter().map(|key| {
        let expires = match &key.expires {
            Some(expires) if key.expired => format!("{expires} (expired)"),
            Some(expires) => expires.clone(),
            None => "never".to_owned(),
        };
        vec![
            key.name.clone(),
            key.role.as_str().to_owned(),
            key.instance.clone().unwrap_or_else(|| "all".to_owned()),
            key.created.clone(),
            expires,
            key.last_used.clone().unwrap_or_else(|| "never".to_owned()),
            key.id.clone(),
        ]
    }));
    table(&rows)
}
