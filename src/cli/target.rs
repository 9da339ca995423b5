//! `keyledger target`: the places events are delivered to, how far each is, and what it refused.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use clap::Subcommand;

use super::WrongUse;
use super::master::PassphraseArgs;
use super::reach::{self, Reach};
use super::report::{Report, remark, table};
use crate::admin::message::routing::{
    EndpointFields, Follow, Named, NewTarget, Parked, ParkedFrom, ParkedSome, RoutingResponse,
    Target, TargetChange, TargetRequest,
};
use crate::admin::{Request, Response};
use crate::config::Layout;

/// The most bytes of an endpoint: it may hold certificates.
const ENDPOINT_BYTES_MAX: u64 = 256 * 1024;

/// What to do with targets.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a target, and send it a test record
    Add(AddArgs),
    /// Change a target
    Update(UpdateArgs),
    /// List targets: how each stands and how far it is
    #[command(visible_alias = "status")]
    List,
    /// Show one target, secrets masked
    Show(NameArgs),
    /// Remove a target that no route and no setting uses
    Remove(NameArgs),
    /// Send a test record
    Validate(ValidateArgs),
    /// List the events that a target refused for good
    Parked(ParkedArgs),
    /// Give parked events to the target again
    Retry(SomeArgs),
    /// Give parked events up
    Drop(SomeArgs),
    /// Have a target go on at another event
    Follow(FollowArgs),
}

/// A new target.
#[derive(Debug, clap::Args)]
pub struct AddArgs {
    /// Its name
    name: String,
    /// Its type, such as file; docs/delivery.md lists them
    #[arg(long = "type", value_name = "TYPE")]
    target_type: String,
    /// A file with its endpoint as a JSON object; - is standard input
    #[arg(long, value_name = "FILE")]
    endpoint: PathBuf,
    /// The region it is in
    #[arg(long)]
    region: Option<String>,
    /// The first event it is to get: a sequence, or start (default: that of its creation)
    #[arg(long, value_name = "SEQUENCE", value_parser = sequence)]
    from: Option<u64>,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

/// A changed target.
#[derive(Debug, clap::Args)]
pub struct UpdateArgs {
    /// Its name or identifier
    target: String,
    /// Its new name
    #[arg(long)]
    name: Option<String>,
    /// Its new region
    #[arg(long)]
    region: Option<String>,
    /// A file with its whole new endpoint; a secret that is ******** stays what it is
    #[arg(long, value_name = "FILE")]
    endpoint: Option<PathBuf>,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

/// One target.
#[derive(Debug, clap::Args)]
pub struct NameArgs {
    /// Its name or identifier
    target: String,
}

/// One target, to be tested.
#[derive(Debug, clap::Args)]
pub struct ValidateArgs {
    /// Its name or identifier
    target: String,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

/// A page of what is parked.
#[derive(Debug, clap::Args)]
pub struct ParkedArgs {
    /// The target's name or identifier
    target: String,
    /// The first sequence to list; at most 1000 are
    #[arg(long, value_name = "SEQUENCE", default_value_t = 0)]
    from: u64,
}

/// Some of what is parked.
#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("which").required(true).args(["sequence", "all"])))]
pub struct SomeArgs {
    /// The target's name or identifier
    target: String,
    /// The sequence of one event
    sequence: Option<u64>,
    /// All of them
    #[arg(long)]
    all: bool,
}

/// Where a target goes on.
#[derive(Debug, clap::Args)]
pub struct FollowArgs {
    /// The target's name or identifier
    target: String,
    /// The next event it is to get: a sequence, or start (default: what is recorded from now on)
    #[arg(long, value_name = "SEQUENCE", value_parser = sequence)]
    from: Option<u64>,
}

fn sequence(text: &str) -> Result<u64, String> {
    if text == "start" {
        return Ok(0);
    }
    text.parse()
        .map_err(|_| "write the sequence of an event, or start".to_owned())
}

/// Carries out a command.
///
/// # Errors
/// The arguments are wrong, or the router refused it or cannot be reached.
pub async fn run(layout: &Layout, command: Command, report: &Report) -> anyhow::Result<()> {
    let passphrase = match &command {
        Command::Add(AddArgs { passphrase, .. })
        | Command::Update(UpdateArgs { passphrase, .. })
        | Command::Validate(ValidateArgs { passphrase, .. }) => Some(passphrase.clone()),
        _ => None,
    };
    let only = match &command {
        Command::Show(args) => Some(args.target.clone()),
        _ => None,
    };
    let request = Request::Target(Box::new(request(command)?));
    let mut reach = match passphrase {
        Some(passphrase) => Reach::open_with_master_key(layout, &passphrase).await?,
        None => Reach::open(layout).await?,
    };
    let answer = reach.run(request).await;
    reach.close().await;
    match answer? {
        Response::Routing(answer) => show(answer, only.as_deref(), report),
        other => Err(reach::unexpected(&other)),
    }
}

fn request(command: Command) -> anyhow::Result<TargetRequest> {
    let named = |args: NameArgs| Named { name: args.target };
    let some = |args: SomeArgs| ParkedSome {
        target: args.target,
        sequence: args.sequence,
    };
    Ok(match command {
        Command::Add(args) => TargetRequest::Add(NewTarget {
            name: args.name,
            target_type: args.target_type,
            region: args.region,
            endpoint: endpoint(&args.endpoint)?,
            from: args.from,
        }),
        Command::Update(args) => TargetRequest::Update(TargetChange {
            target: args.target,
            name: args.name,
            region: args.region,
            endpoint: args.endpoint.as_deref().map(endpoint).transpose()?,
        }),
        Command::List | Command::Show(_) => TargetRequest::List,
        Command::Remove(args) => TargetRequest::Remove(named(args)),
        Command::Validate(args) => TargetRequest::Validate(Named { name: args.target }),
        Command::Parked(args) => TargetRequest::Parked(ParkedFrom {
            target: args.target,
            from: args.from,
        }),
        Command::Retry(args) => TargetRequest::Retry(some(args)),
        Command::Drop(args) => TargetRequest::Drop(some(args)),
        Command::Follow(args) => TargetRequest::Follow(Follow {
            target: args.target,
            from: args.from,
        }),
    })
}

/// Reads an endpoint. What is wrong with it is said without a word of it: it may hold secrets.
fn endpoint(file: &Path) -> anyhow::Result<EndpointFields> {
    let mut text = String::new();
    let read = if file == Path::new("-") {
        io::stdin()
            .lock()
            .take(ENDPOINT_BYTES_MAX)
            .read_to_string(&mut text)
    } else {
        File::open(file).and_then(|file| file.take(ENDPOINT_BYTES_MAX).read_to_string(&mut text))
    };
    let name = file.display();
    read.with_context(|| format!("{name} cannot be read"))?;
    let parsed = serde_json::from_str::<serde_json::Value>(&text)
        .ok()
        .filter(serde_json::Value::is_object);
    let wrong = || {
        WrongUse(format!(
            "{name} is not an endpoint: write one JSON object of at most 256 KiB"
        ))
    };
    Ok(EndpointFields(parsed.ok_or_else(wrong)?))
}

fn show(answer: RoutingResponse, only: Option<&str>, report: &Report) -> anyhow::Result<()> {
    match answer {
        RoutingResponse::Targets(targets) if only.is_some() => {
            let is_it = |target: &Target| Some(&*target.name) == only || Some(&*target.id) == only;
            let target = targets.into_iter().find(is_it);
            let target = target
                .ok_or_else(|| anyhow!("there is no target `{}`", only.unwrap_or_default()))?;
            report.record(&target, || {
                serde_json::to_string_pretty(&target).unwrap_or_default()
            })?;
        }
        RoutingResponse::Targets(targets) => report.list(&targets, || as_table(&targets))?,
        RoutingResponse::Target(target) => report.record(&*target, || said(&target))?,
        RoutingResponse::Tested(tested) => {
            report.record(&*tested, || said(&tested.target))?;
            if let Some(problem) = &tested.problem {
                remark(&format!("The test record was not taken: {problem}"));
            }
        }
        RoutingResponse::Parked(parked) => report.list(&parked, || parked_table(&parked))?,
        other => anyhow::bail!("the server answered something else: {other:?}"),
    }
    Ok(())
}

fn said(target: &Target) -> String {
    let Target {
        name,
        target_type,
        lag,
        parked,
        ..
    } = target;
    format!(
        "target {name} ({target_type}): next event {}, {} to go, {parked} parked",
        lag.next, lag.events
    )
}

fn as_table(targets: &[Target]) -> String {
    let heading = [
        "NAME",
        "TYPE",
        "STATUS",
        "NEXT",
        "LAG",
        "SECONDS",
        "PARKED",
        "LAST FAILURE",
    ];
    let mut rows = vec![heading.map(str::to_owned).to_vec()];
    rows.extend(targets.iter().map(|target| {
        let status = &target.write_status;
        let failure = match (&status.last_failure, &status.reason_for_last_failure) {
            (Some(at), Some(reason)) => format!("{at} {reason}"),
            (None, reason) => reason.clone().unwrap_or_default(),
            (Some(at), None) => at.clone(),
        };
        vec![
            target.name.clone(),
            target.target_type.clone(),
            status.status.clone(),
            target.lag.next.to_string(),
            target.lag.events.to_string(),
            target
                .lag
                .seconds
                .map_or_else(String::new, |seconds| seconds.to_string()),
            target.parked.to_string(),
            failure,
        ]
    }));
    table(&rows)
}

fn parked_table(parked: &[Parked]) -> String {
    let heading = ["SEQUENCE", "PARKED", "RETRIED", "REASON"];
    let mut rows = vec![heading.map(str::to_owned).to_vec()];
    rows.extend(parked.iter().map(|one| {
        let retried = if one.retried { "yes" } else { "no" };
        vec![
            one.sequence.to_string(),
            one.parked_at.clone(),
            retried.to_owned(),
            one.reason.clone(),
        ]
    }));
    table(&rows)
}
