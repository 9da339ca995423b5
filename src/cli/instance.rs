//! `keyledger instance`: the boundaries of keys.

use clap::Subcommand;

use super::reach::{self, Reach};
use super::report::{Report, table};
use crate::admin::message::Instance;
use crate::admin::{Request, Response};
use crate::config::Layout;

/// What to do with instances.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make an instance with a data key of its own
    Add {
        /// Its name: letters, digits, '.', '_' and '-'
        name: String,
    },
    /// List instances
    List,
}

/// Carries out a command.
///
/// # Errors
/// The router refused it or cannot be reached.
pub async fn run(layout: &Layout, command: Command, report: &Report) -> anyhow::Result<()> {
    let mut reach = Reach::open(layout).await?;
    let done = carry_out(&mut reach, command, report).await;
    reach.close().await;
    done
}

async fn carry_out(reach: &mut Reach, command: Command, report: &Report) -> anyhow::Result<()> {
    match command {
        Command::Add { name } => match reach.run(Request::InstanceAdd { name }).await? {
            Response::Instance(made) => {
                let said = || format!("made instance {}, {}", made.name, made.crn);
                report.record(&made, said)?;
            }
            other => return Err(reach::unexpected(&other)),
        },
        Command::List => match reach.run(Request::InstanceList).await? {
            Response::Instances(instances) => {
                report.list(&instances, || as_table(&instances))?;
            }
            other => return Err(reach::unexpected(&other)),
        },
    }
    Ok(())
}

fn as_table(instances: &[Instance]) -> String {
    let heading = ["NAME", "CLIENTS", "LOCATION", "CREATED", "ID"];
    let mut rows = vec![heading.map(str::to_owned).to_vec()];
    rows.extend(instances.iter().map(|held| {
        let Instance {
            name,
            clients,
            location,
            created,
            id,
            ..
        } = held;
        vec![
            name.clone(),
            clients.to_string(),
            location.clone(),
            created.clone(),
            id.clone(),
        ]
    }));
    table(&rows)
}
