//! `keyledger route` and `keyledger routing-settings`: which events go to which targets.

use clap::Subcommand;

use super::WrongUse;
use super::reach::{self, Reach};
use super::report::{Report, table};
use crate::admin::message::routing::{
    Named, NewRoute, NewRule, Route, RouteRequest, RoutingResponse, TargetRequest,
};
use crate::admin::{Request, Response};
use crate::config::Layout;
use crate::domain::routing::RoutingSettings;

/// What to do with routes.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a route, or put this one in the place of the one of its name
    Set(SetArgs),
    /// List routes and their rules
    List,
    /// Remove a route
    Remove(NameArgs),
}

/// A route.
#[derive(Debug, clap::Args)]
pub struct SetArgs {
    /// Its name
    name: String,
    /// LOCATION[,LOCATION]=[TARGET[,TARGET]]; the first rule that matches decides, * is every location, global the events without
    /// one, no target discards
    #[arg(long = "rule", value_name = "RULE", required = true)]
    rules: Vec<String>,
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
    /// Replace them as a whole
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
}

/// Carries out a command about routes.
///
/// # Errors
/// The arguments are wrong, or the router refused it or cannot be reached.
pub async fn run(layout: &Layout, command: Command, report: &Report) -> anyhow::Result<()> {
    let request = match command {
        Command::Set(args) => RouteRequest::Set(NewRoute {
            name: args.name,
            rules: args
                .rules
                .iter()
                .map(|text| rule(text))
                .collect::<Result<_, _>>()?,
        }),
        Command::List => RouteRequest::List,
        Command::Remove(args) => RouteRequest::Remove(Named { name: args.route }),
    };
    let mut reach = Reach::open(layout).await?;
    let answer = reach.run(Request::Route(request)).await;
    reach.close().await;
    match answer? {
        Response::Routing(RoutingResponse::Route(route)) => {
            report.record(&route, || {
                format!("route {}, version {}", route.name, route.version)
            })?;
        }
        Response::Routing(RoutingResponse::Routes(routes)) => {
            report.list(&routes, || as_table(&routes))?
        }
        other => return Err(reach::unexpected(&other)),
    }
    Ok(())
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
        SettingsCommand::Set(args) => Some(RoutingSettings {
            default_targets: identifiers(reach, &args.default_targets).await?,
            permitted_target_regions: args.permitted_target_regions,
            metadata_region_primary: args.metadata_region_primary,
            metadata_region_backup: args.metadata_region_backup,
            private_api_endpoint_only: args.private_api_endpoint_only,
        }),
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
        let found =
            found.ok_or_else(|| anyhow::anyhow!("default_targets: there is no target `{name}`"))?;
        Ok(found.id.parse()?)
    };
    names.iter().map(identifier).collect()
}
