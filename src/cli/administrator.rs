//! `keyledger admin`: certificates that may administer the server over its administration API.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Subcommand;

use super::RoleArg;
use super::reach::{self, Reach};
use super::report::{Report, table};
use crate::admin::message::{Administrator, AdministratorAdd};
use crate::admin::{Request, Response};
use crate::config::Layout;
use crate::config::layout::read_public;

/// What to do with administrators.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Allow a certificate to administer the server
    Add(AddArgs),
    /// List administrators
    List,
    /// Remove an administrator: the certificate is refused from now on
    Remove {
        /// The administrator's label
        label: String,
    },
}

/// A new administrator.
#[derive(Debug, clap::Args)]
pub struct AddArgs {
    /// Their label: letters, digits, '.', '_' and '-'
    label: String,
    /// What they may do
    #[arg(long, value_enum)]
    role: RoleArg,
    /// The one instance they may reach; not given: everything
    #[arg(long, value_name = "NAME")]
    instance: Option<String>,
    /// The certificate in PEM form, without its chain
    #[arg(long, value_name = "FILE")]
    certificate: PathBuf,
}

/// Carries out a command.
///
/// # Errors
/// The file cannot be read, or the router refused it or cannot be reached.
pub async fn run(layout: &Layout, command: Command, report: &Report) -> anyhow::Result<()> {
    let mut reach = Reach::open(layout).await?;
    let done = carry_out(&mut reach, command, report).await;
    reach.close().await;
    done
}

async fn carry_out(reach: &mut Reach, command: Command, report: &Report) -> anyhow::Result<()> {
    match command {
        Command::Add(args) => {
            let certificate = read_public(&args.certificate, "name the certificate's file");
            let certificate = certificate.context("certificate")?;
            let request = Request::AdministratorAdd(AdministratorAdd {
                label: args.label,
                role: args.role.into(),
                instance: args.instance,
                certificate,
            });
            let held = changed(reach, request).await?;
            let role = held.role.as_str();
            report.record(&held, || {
                format!("{} is {role} with {}", held.label, held.fingerprint)
            })?;
        }
        Command::List => match reach.run(Request::AdministratorList).await? {
            Response::Administrators(all) => report.list(&all, || as_table(&all))?,
            other => return Err(reach::unexpected(&other)),
        },
        Command::Remove { label } => {
            let held = changed(reach, Request::AdministratorRemove { label }).await?;
            report.record(&held, || format!("removed administrator {}", held.label))?;
        }
    }
    Ok(())
}

async fn changed(reach: &mut Reach, request: Request) -> anyhow::Result<Administrator> {
    match reach.run(request).await? {
        Response::Administrator(held) => Ok(held),
        other => Err(reach::unexpected(&other)),
    }
}

fn as_table(all: &[Administrator]) -> String {
    let heading = ["LABEL", "ROLE", "INSTANCE", "VALID UNTIL", "CERTIFICATE"];
    let mut rows = vec![heading.map(str::to_owned).to_vec()];
    rows.extend(all.iter().map(|held| {
        let until = if held.expired {
            format!("{} (expired)", held.not_after)
        } else {
            held.not_after.clone()
        };
        vec![
            held.label.clone(),
            held.role.as_str().to_owned(),
            held.instance.clone().unwrap_or_else(|| "all".to_owned()),
            until,
            held.fingerprint.clone(),
        ]
    }));
    table(&rows)
}
