//! The command line: one file per command, and this table of them.
//!
//! A command asks the router of [`crate::admin`] through [`reach`], so that it does the same whether a server runs or not, or speaks
//! KMIP through [`crate::client`]. Only [`report`] prints. Exit codes: 0 done, 1 failed, 2 wrong use, 3 a verification found a
//! break, 4 the passphrase or PIN of the master key is wrong.

mod administration;
pub mod administrator;
pub mod api_key;
mod background;
pub mod backup;
pub mod certificate;
pub mod client;
mod confine;
pub mod database;
mod delivery;
mod document;
mod endpoint;
pub mod events;
pub mod export;
mod find;
pub mod init;
pub mod instance;
pub mod issue;
pub mod key;
pub mod kmip;
pub mod master;
pub mod master_key;
pub mod metrics;
pub mod migrate;
pub mod node;
mod opening;
pub mod own;
pub mod prove;
pub mod quickstart;
pub mod reach;
pub mod record;
pub mod report;
pub mod restore;
pub mod route;
pub mod seal;
pub mod secret;
pub mod serve;
pub mod status;
mod stop;
pub mod target;
mod telemetry;
pub mod unlock;
pub mod vcenter;
pub mod verify;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::config::Layout;
use crate::domain::Role;
use report::{Format, Report};
pub use stop::end_soon;

/// The release, and whether it was built with the validated cryptographic module.
const VERSION: &str = if cfg!(feature = "fips") {
    concat!(env!("CARGO_PKG_VERSION"), " (FIPS)")
} else {
    env!("CARGO_PKG_VERSION")
};

/// A KMIP key server for VMware vCenter whose every answer is on the record first.
#[derive(Debug, Parser)]
#[command(name = "keyledger", version = VERSION, about, propagate_version = true)]
pub struct Cli {
    /// The directory with keyledger.toml, certs/ and data/
    #[arg(
        long,
        global = true,
        env = "KEYLEDGER_DIR",
        default_value = ".",
        value_name = "DIR"
    )]
    pub dir: PathBuf,
    /// How results are printed
    #[arg(long, global = true, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make the directory of a new server: configuration, keys, certificates, database
    Init(init::Args),
    /// Run the server
    Serve(serve::Args),
    /// Make and list instances, the boundaries of keys
    #[command(subcommand)]
    Instance(instance::Command),
    /// Enrol, approve, list, disable, enable and remove clients
    #[command(subcommand)]
    Client(client::Command),
    /// The server's certificate and those of its own CA: list, renew, replace, rotate
    #[command(subcommand)]
    Certificate(certificate::Command),
    /// Print what to do in vCenter and here, step by step
    #[command(subcommand)]
    Vcenter(vcenter::Command),
    /// Make, list and remove API keys of the administration API
    #[command(subcommand)]
    ApiKey(api_key::Command),
    /// Say whose certificates may administer the server over its API
    #[command(subcommand)]
    Admin(administrator::Command),
    /// Show what runs here and where it listens
    Status,
    /// Give a server that was started locked the passphrase of its master key
    Unlock(unlock::Args),
    /// List and show keys, without their material
    #[command(subcommand)]
    Key(key::Command),
    /// List, follow, show and verify the events of the trail
    #[command(subcommand)]
    Events(events::Command),
    /// Make, list, test and move the targets that events are delivered to
    #[command(subcommand)]
    Target(target::Command),
    /// Say which events go to which targets
    #[command(subcommand)]
    Route(route::Command),
    /// Show and set what holds for all routes
    #[command(subcommand)]
    RoutingSettings(route::SettingsCommand),
    /// Print what the server counts, as Prometheus reads it
    Metrics,
    /// Write a backup: keys, trail, settings and certificates, sealed to a key whose private half is elsewhere
    Backup(backup::Args),
    /// Restore a backup into an empty directory, or look whether it can be
    Restore(Box<restore::Args>),
    /// Make, set and show the key that backups are sealed to
    #[command(subcommand)]
    BackupKey(backup::key::Command),
    /// Show, replace and recover the master key
    #[command(subcommand)]
    MasterKey(master_key::Command),
    /// Move the database from a file to a PostgreSQL server that several nodes can share, or back
    Migrate(Box<migrate::Args>),
    /// Prepare, join and list the nodes that share a database on a server
    #[command(subcommand)]
    Node(node::Command),
    /// Speak KMIP to this directory's server, or to any other
    Kmip(Box<kmip::Args>),
}

/// What a process gives up before its runtime starts.
///
/// # Errors
/// The system refused.
pub fn confine(cli: &Cli) -> anyhow::Result<()> {
    confine::process()?;
    let layout = Layout::new(cli.dir.clone());
    match cli.command {
        Command::Serve(_) => confine::server(&cli.dir),
        // It reads what may be for root only, and says whose what it made is.
        Command::Restore(_) => Ok(()),
        // They ask no server, and may load a module.
        Command::Init(_) | Command::Node(node::Command::Join(_)) => {
            confine::command(&layout, false)
        }
        // Any other directory says nothing of who is to work in it.
        _ if !layout.config().exists() && !layout.database().exists() => Ok(()),
        Command::Migrate(_) | Command::MasterKey(master_key::Command::Recover(_)) => {
            confine::command(&layout, false)
        }
        _ => confine::command(&layout, true),
    }
}

/// Runs one command.
///
/// # Errors
/// What went wrong, as a chain of causes that [`report::failure`] prints as one line.
pub async fn run(cli: Cli) -> anyhow::Result<()> {
    let layout = Layout::new(cli.dir);
    let report = Report::new(cli.format);
    let is_of_the_model = matches!(
        cli.command,
        Command::Target(_) | Command::Route(_) | Command::RoutingSettings(_)
    );
    let done = carry_out(&layout, cli.command, &report).await;
    let done = done.map_err(|error| confine::explained(error, layout.root()));
    if let Err(error) = &done
        && is_of_the_model
    {
        // Where nobody reads it, the line on standard error says it.
        drop(report.errors(error));
    }
    done
}

async fn carry_out(layout: &Layout, command: Command, report: &Report) -> anyhow::Result<()> {
    match command {
        Command::Init(args) => init::run(layout, args, report).await,
        Command::Serve(args) => serve::run(layout, args, report).await,
        Command::Instance(command) => instance::run(layout, command, report).await,
        Command::Client(command) => client::run(layout, command, report).await,
        Command::Certificate(command) => certificate::run(layout, command, report).await,
        Command::Vcenter(command) => vcenter::run(layout, command, report).await,
        Command::ApiKey(command) => api_key::run(layout, command, report).await,
        Command::Admin(command) => administrator::run(layout, command, report).await,
        Command::Status => status::run(layout, report).await,
        Command::Unlock(args) => unlock::run(layout, &args, report).await,
        Command::Key(command) => key::run(layout, command, report).await,
        Command::Events(command) => events::run(layout, command, report).await,
        Command::Target(command) => target::run(layout, command, report).await,
        Command::Route(command) => route::run(layout, command, report).await,
        Command::RoutingSettings(command) => route::run_settings(layout, command, report).await,
        Command::Metrics => metrics::run(layout, report).await,
        Command::Backup(args) => backup::run(layout, args, report).await,
        Command::Restore(args) => restore::run(layout, *args, report).await,
        Command::BackupKey(command) => backup::key::run(layout, command, report).await,
        Command::MasterKey(command) => master_key::run(layout, command, report).await,
        Command::Migrate(args) => migrate::run(layout, *args, report).await,
        Command::Node(command) => node::run(layout, command, report).await,
        Command::Kmip(args) => kmip::run(layout, *args, report).await,
    }
}

/// A role, as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum RoleArg {
    /// Looks
    Reader,
    /// Does the everyday work
    Operator,
    /// Does everything
    Administrator,
}

impl From<RoleArg> for Role {
    fn from(role: RoleArg) -> Self {
        match role {
            RoleArg::Reader => Self::Reader,
            RoleArg::Operator => Self::Operator,
            RoleArg::Administrator => Self::Administrator,
        }
    }
}

/// The command line contradicts itself or lacks something: exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct WrongUse(pub String);

#[cfg(test)]
mod tests;
