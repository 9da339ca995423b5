//! `keyledger route` and `keyledger routing-settings`: which events go to which targets.

use std::path::PathBuf;

use clap::Subcommand;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::reach::{self, Reach};
use super::report::{Report, remark, table};
use super::{WrongUse, document};
use crate::admin::message::routing::{
    Named, NewRoute, NewRule, Route, RouteChange, RouteRequest, RoutingResponse, TargetRequest,
};
use crate::admin::{AdminError, Request, Response};
use crate::config::Layout;
use crate::domain::routing::RoutingSettings;

/// What to do with routes.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a route
    Create(CreateArgs),
    /// Make a route, or put this one in the place of the one of its name
    Set(SetArgs),
    /// Change the name or the rules of a route
    Update(UpdateArgs),
    /// List routes and their rules
    List,
    /// Show one route
    Show(NameArgs),
    /// Delete a route
    #[command(visible_alias = "remove")]
    Delete(NameArgs),
}

/// A new route.
#[derive(Debug, clap::Args)]
pub struct CreateArgs {
    /// Its name
    #[arg(required_unless_present = "document")]
    name: Option<String>,
    #[command(flatten)]
    rules: RuleArgs,
}

/// A route.
#[derive(Debug, clap::Args)]
pub struct SetArgs {
    /// Its name
    name: String,
    #[command(flatten)]
    rules: RuleArgs,
}

/// A changed route.
#[derive(Debug, clap::Args)]
pub struct UpdateArgs {
    /// Its name or identifier
    route: String,
    /// Its new name
    #[arg(long)]
    name: Option<String>,
    #[command(flatten)]
    rules: RuleArgs,
}

/// The rules of a route.
#[derive(Debug, clap::Args)]
pub struct RuleArgs {
    /// LOCATION[,LOCATION]=[TARGET[,TARGET]]; the first rule that matches decides, * is every location, global the events without
    /// one, no target discards
    #[arg(long = "rule", value_name = "RULE")]
    rules: Vec<String>,
    /// A file with the whole route as a JSON object, as it is shown; - is standard input
    #[arg(long, value_name = "FILE", conflicts_with = "rules")]
    document: Option<PathBuf>,
}

/// One route.
#[derive(Debug, clap::Args)]
pub struct NameArgs {
    /// Its name or identifier
    route: String,
}

/// What to do with the settings.
#[derive(Debug, Subcommand)]
pub enum SettingsCommand {
    /// Show them
    Show,
    /// Replace them as a whole: what is left out is as it was in the beginning
    Set(SettingsArgs),
}

/// The settings.
#[derive(Debug, clap::Args)]
pub struct SettingsArgs {
    /// A target of the events that no rule matches, by name or identifier; may be given twice
    #[arg(long = "default-target", value_name = "TARGET")]
    default_targets: Vec<String>,
    /// A region that targets may be in
    #[arg(long = "permitted-region", value_name = "REGION")]
    permitted_target_regions: Vec<String>,
    /// Kept and shown
    #[arg(long, value_name = "REGION")]
    metadata_region_primary: Option<String>,
    /// Kept and shown
    #[arg(long, value_name = "REGION")]
    metadata_region_backup: Option<String>,
    /// Kept and shown
    #[arg(long)]
    private_api_endpoint_only: bool,
    /// Whether events of the extended set are delivered
    #[arg(long, value_name = "BOOL", default_value_t = true, action = clap::ArgAction::Set)]
    extended_events: bool,
    /// A file with the settings as a JSON object, as they are shown; - is standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["default_targets", "permitted_target_regions", "metadata_region_primary", "metadata_region_backup", "private_api_endpoint_only", "extended_events"])]
    document: Option<PathBuf>,
}

/// A route as a document: what is said of its state is passed over.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RouteDocument {
    name: Option<String>,
    rules: Option<Vec<NewRule>>,
    #[serde(rename = "id")]
    _id: IgnoredAny,
    #[serde(rename = "crn")]
    _crn: IgnoredAny,
    #[serde(rename = "version")]
    _version: IgnoredAny,
    #[serde(rename = "created_at")]
    _created_at: IgnoredAny,
    #[serde(rename = "updated_at")]
    _updated_at: IgnoredAny,
    #[serde(rename = "api_version")]
    _api_version: IgnoredAny,
    #[serde(rename = "managed_by")]
    _managed_by: IgnoredAny,
    #[serde(rename = "message")]
    _message: IgnoredAny,
}

/// Carries out a command about routes.
///
/// # Errors
/// The arguments are wrong, or the router refused it or cannot be reached.
pub async fn run(layout: &Layout, command: Command, report: &Report) -> anyhow::Result<()> {
    let request = request(command)?;
    let mut reach = Reach::open(layout).await?;
    let answer = reach.run(Request::Route(request)).await;
    reach.close().await;
    match answer? {
        Response::Routing(RoutingResponse::Route(route)) => {
            report.record(&route, || said(&route))?;
            if let Some(message) = &route.message {
                remark(message);
            }
        }
        Response::Routing(RoutingResponse::Routes(routes)) => {
            report.list(&routes, || as_table(&routes))?;
        }
        other => return Err(reach::unexpected(&other)),
    }
    Ok(())
}

fn request(command: Command) -> anyhow::Result<RouteRequest> {
    let missing = |member: &str| WrongUse(format!("{member}: it is missing"));
    let new = |name: Option<String>, rules: RuleArgs| -> anyhow::Result<NewRoute> {
        let document = said_of(rules)?;
        Ok(NewRoute {
            name: name.or(document.name).ok_or_else(|| missing("name"))?,
            rules: document.rules.ok_or_else(|| missing("rules"))?,
        })
    };
    let named = |args: NameArgs| Named { name: args.route };
    Ok(match command {
        Command::Create(args) => RouteRequest::Create(new(args.name, args.rules)?),
        Command::Set(args) => RouteRequest::Set(new(Some(args.name), args.rules)?),
        Command::Update(args) => {
            let document = said_of(args.rules)?;
            RouteRequest::Update(RouteChange {
                route: args.route,
                name: args.name.or(document.name),
                rules: document.rules,
            })
        }
        Command::List => RouteRequest::List,
        Command::Show(args) => RouteRequest::Show(named(args)),
        Command::Delete(args) => RouteRequest::Remove(named(args)),
    })
}

fn said_of(args: RuleArgs) -> anyhow::Result<RouteDocument> {
    if let Some(file) = &args.document {
        return Ok(document::read("route", document::object(file)?)?);
    }
    let rules = args.rules.iter().map(|text| rule(text));
    let rules: Vec<_> = rules.collect::<Result<_, _>>()?;
    Ok(RouteDocument {
        rules: Some(rules).filter(|rules| !rules.is_empty()),
        ..RouteDocument::default()
    })
}

fn said(route: &Route) -> String {
    let rules = as_table(std::slice::from_ref(route));
    format!("route {}, version {}\n{rules}", route.name, route.version)
}

fn rule(text: &str) -> Result<NewRule, WrongUse> {
    let wrong = || {
        WrongUse(format!(
            "--rule {text}: write LOCATION[,LOCATION]=[TARGET[,TARGET]]"
        ))
    };
    let (locations, targets) = text.split_once('=').ok_or_else(wrong)?;
    let names = |list: &str| {
        list.split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect()
    };
    Ok(NewRule {
        locations: names(locations),
        targets: names(targets),
    })
}

fn as_table(routes: &[Route]) -> String {
    let mut rows = vec![
        ["NAME", "VERSION", "LOCATIONS", "TARGETS"]
            .map(str::to_owned)
            .to_vec(),
    ];
    for route in routes {
        for rule in &route.rules {
            let targets: Vec<_> = rule.target_ids.iter().map(ToString::to_string).collect();
            let targets = if targets.is_empty() {
                "discarded".to_owned()
            } else {
                targets.join(",")
            };
            rows.push(vec![
                route.name.clone(),
                route.version.to_string(),
                rule.locations.join(","),
                targets,
            ]);
        }
    }
    table(&rows)
}

/// Carries out a command about the settings.
///
/// # Errors
/// The router refused it or cannot be reached.
pub async fn run_settings(
    layout: &Layout,
    command: SettingsCommand,
    report: &Report,
) -> anyhow::Result<()> {
    let mut reach = Reach::open(layout).await?;
    let done = settings(&mut reach, command, report).await;
    reach.close().await;
    done
}

async fn settings(
    reach: &mut Reach,
    command: SettingsCommand,
    report: &Report,
) -> anyhow::Result<()> {
    let new = match command {
        SettingsCommand::Show => None,
        SettingsCommand::Set(args) => Some(put(reach, args).await?),
    };
    match reach.run(Request::RoutingSettings(new)).await? {
        Response::Routing(RoutingResponse::Settings(settings)) => {
            report.record(&settings, || {
                serde_json::to_string_pretty(&settings).unwrap_or_default()
            })?;
            Ok(())
        }
        other => Err(reach::unexpected(&other)),
    }
}

/// The settings as they are to be.
async fn put(reach: &mut Reach, args: SettingsArgs) -> anyhow::Result<RoutingSettings> {
    if let Some(file) = &args.document {
        let mut document = document::object(file)?;
        for read_only in ["api_version", "message"] {
            document.remove(read_only);
        }
        return Ok(document::read("routing settings", document)?);
    }
    Ok(RoutingSettings {
        default_targets: identifiers(reach, &args.default_targets).await?,
        permitted_target_regions: args.permitted_target_regions,
        metadata_region_primary: args.metadata_region_primary,
        metadata_region_backup: args.metadata_region_backup,
        private_api_endpoint_only: args.private_api_endpoint_only,
        extended_events: args.extended_events,
    })
}

/// The identifiers of targets that were named.
async fn identifiers(
    reach: &mut Reach,
    names: &[String],
) -> anyhow::Result<Vec<crate::domain::TargetId>> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let answer = reach
        .run(Request::Target(Box::new(TargetRequest::List)))
        .await?;
    let Response::Routing(RoutingResponse::Targets(targets)) = answer else {
        return Err(reach::unexpected(&answer));
    };
    let identifier = |name: &String| {
        let found = targets
            .iter()
            .find(|target| target.name == *name || target.id == *name);
        let missing = || format!("default_targets: there is no target `{name}`");
        let found = found.ok_or_else(|| AdminError::not_found(missing()))?;
        Ok(found.id.parse()?)
    };
    names.iter().map(identifier).collect()
}
