//! `keyledger target`: the places events are delivered to, how far each is, and what it refused.

use std::path::PathBuf;

use clap::Subcommand;

use super::endpoint::EndpointArgs;
use super::master::PassphraseArgs;
use super::reach::{self, Reach};
use super::report::{Report, remark, table};
use super::{WrongUse, document};
use crate::admin::message::routing::{
    EndpointFields, Follow, Named, NewTarget, Parked, ParkedFrom, ParkedSome, RoutingResponse,
    Target, TargetChange, TargetDocument, TargetRequest,
};
use crate::admin::{AdminError, Request, Response};
use crate::config::Layout;
use crate::domain::routing::Rendering;

/// What to do with targets.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a target, and send it a test record
    #[command(visible_alias = "add")]
    Create(AddArgs),
    /// Change a target
    Update(UpdateArgs),
    /// List targets: how each stands and how far it is
    #[command(visible_alias = "status")]
    List,
    /// Show one target, secrets masked
    Show(NameArgs),
    /// Delete a target that no route and no setting uses
    #[command(visible_alias = "remove")]
    Delete(NameArgs),
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
    #[arg(required_unless_present = "document")]
    name: Option<String>,
    /// Its type, such as file; docs/delivery.md lists them
    #[arg(
        long = "type",
        value_name = "TYPE",
        required_unless_present = "document"
    )]
    target_type: Option<String>,
    #[command(flatten)]
    endpoint: EndpointArgs,
    /// A file with the whole target as a JSON object, as it is shown; - is standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["endpoint", "set", "secret"])]
    document: Option<PathBuf>,
    /// The region it is in
    #[arg(long)]
    region: Option<String>,
    /// How events are written for it: sealed, which can be verified, or cadf (default: sealed)
    #[arg(long, value_parser = rendering)]
    rendering: Option<Rendering>,
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
    /// How events are written for it from now on: sealed, which can be verified, or cadf
    #[arg(long, value_parser = rendering)]
    rendering: Option<Rendering>,
    #[command(flatten)]
    endpoint: EndpointArgs,
    /// A file with the whole target as a JSON object, as it is shown; - is standard input. A secret that is ******** stays what it is
    #[arg(long, value_name = "FILE", conflicts_with_all = ["endpoint", "set", "secret"])]
    document: Option<PathBuf>,
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

fn rendering(text: &str) -> Result<Rendering, String> {
    Rendering::from_name(text).ok_or_else(|| "write sealed or cadf".to_owned())
}

/// Carries out a command.
///
/// # Errors
/// The arguments are wrong, or the router refused it or cannot be reached.
pub async fn run(layout: &Layout, command: Command, report: &Report) -> anyhow::Result<()> {
    let passphrase = match &command {
        Command::Create(AddArgs { passphrase, .. })
        | Command::Update(UpdateArgs { passphrase, .. })
        | Command::Validate(ValidateArgs { passphrase, .. }) => Some(passphrase.clone()),
        _ => None,
    };
    let only = match &command {
        Command::Show(args) => Some(args.target.clone()),
        _ => None,
    };
    let mut reach = match passphrase {
        Some(passphrase) => Reach::open_with_master_key(layout, &passphrase).await?,
        None => Reach::open(layout).await?,
    };
    let answer = carry_out(&mut reach, command).await;
    reach.close().await;
    match answer? {
        Response::Routing(answer) => show(answer, only.as_deref(), report),
        other => Err(reach::unexpected(&other)),
    }
}

async fn carry_out(reach: &mut Reach, command: Command) -> anyhow::Result<Response> {
    let request = match command {
        Command::Create(args) => TargetRequest::Add(new(args)?),
        Command::Update(args) => TargetRequest::Update(change(reach, args).await?),
        other => request(other),
    };
    reach.run(Request::Target(Box::new(request))).await
}

fn new(args: AddArgs) -> anyhow::Result<NewTarget> {
    let document = args.document.as_deref().map(document::object).transpose()?;
    let document = TargetDocument::read(document.unwrap_or_default(), args.target_type.as_deref());
    let document = document.map_err(WrongUse)?;
    let missing = |member: &str| WrongUse(format!("{member}: it is missing"));
    let target_type = args.target_type.or(document.target_type);
    let target_type = target_type.ok_or_else(|| missing("target_type"))?;
    let held = document.endpoint.unwrap_or_default();
    Ok(NewTarget {
        name: args.name.or(document.name).ok_or_else(|| missing("name"))?,
        region: args.region.or(document.region),
        rendering: args.rendering.or(document.rendering).unwrap_or_default(),
        endpoint: args.endpoint.fields(&target_type, held)?,
        target_type,
        from: args.from,
    })
}

/// What members of an endpoint are not given, or come from a document as they were shown, stays what it is.
async fn change(reach: &mut Reach, args: UpdateArgs) -> anyhow::Result<TargetChange> {
    let held = shown(reach, &args.target).await?;
    let document = args.document.as_deref().map(document::object).transpose()?;
    let document = TargetDocument::read(document.unwrap_or_default(), Some(&held.target_type));
    let document = document.map_err(WrongUse)?;
    let is_same = |given: &String| *given == held.target_type;
    if !document.target_type.as_ref().is_none_or(is_same) {
        let problem = format!(
            "target_type: it is {} for good: make another target",
            held.target_type
        );
        return Err(WrongUse(problem).into());
    }
    let endpoint = if args.endpoint.is_empty() {
        document
            .endpoint
            .map(|fields| EndpointFields(fields.into()))
    } else {
        let mut members = held
            .endpoint
            .values()
            .filter_map(serde_json::Value::as_object);
        let fields = members.next().cloned().unwrap_or_default();
        Some(args.endpoint.fields(&held.target_type, fields)?)
    };
    Ok(TargetChange {
        target: held.id,
        name: args.name.or(document.name),
        region: args.region.or(document.region),
        rendering: args.rendering.or(document.rendering),
        endpoint,
    })
}

async fn shown(reach: &mut Reach, name: &str) -> anyhow::Result<Target> {
    let listed = reach.run(Request::Target(Box::new(TargetRequest::List)));
    match listed.await? {
        Response::Routing(RoutingResponse::Targets(targets)) => one_of(targets, name),
        other => Err(reach::unexpected(&other)),
    }
}

fn one_of(targets: Vec<Target>, name: &str) -> anyhow::Result<Target> {
    let is_it = |target: &Target| target.name == name || target.id == name;
    let target = targets.into_iter().find(is_it);
    let missing = || {
        let text = format!("target: there is no target `{name}`; see `keyledger target list`");
        AdminError::not_found(text).into()
    };
    target.ok_or_else(missing)
}

/// What is asked without looking at anything else.
fn request(command: Command) -> TargetRequest {
    let named = |args: NameArgs| Named { name: args.target };
    let some = |args: SomeArgs| ParkedSome {
        target: args.target,
        sequence: args.sequence,
    };
    match command {
        Command::Create(_) | Command::Update(_) | Command::List | Command::Show(_) => {
            TargetRequest::List
        }
        Command::Delete(args) => TargetRequest::Remove(named(args)),
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
    }
}

fn show(answer: RoutingResponse, only: Option<&str>, report: &Report) -> anyhow::Result<()> {
    match answer {
        RoutingResponse::Targets(targets) if only.is_some() => {
            let target = one_of(targets, only.unwrap_or_default())?;
            report.record(&target, || {
                serde_json::to_string_pretty(&target).unwrap_or_default()
            })?;
        }
        RoutingResponse::Targets(targets) => report.list(&targets, || as_table(&targets))?,
        RoutingResponse::Target(target) => report.record(&*target, || said(&target))?,
        RoutingResponse::Dropped(dropped) => {
            let text = || format!("{} given up; {}", dropped.dropped, said(&dropped.target));
            report.record(&*dropped, text)?;
        }
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
