//! `keyledger instance`: the boundaries of keys, and the user name and password that one may ask for.

use std::path::PathBuf;

use clap::Subcommand;

use super::WrongUse;
use super::master::PassphraseArgs;
use super::reach::{self, Reach};
use super::report::{Report, table};
use super::secret;
use crate::admin::message::{
    Instance, InstanceCredential, InstanceRemove, InstanceRules, NewCredential,
};
use crate::admin::{Request, Response};
use crate::config::Layout;
use crate::crypto::{Cost, PasswordHash, SystemRandom};
use crate::domain::Credential;

/// What to do with instances.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make an instance with a data key of its own
    Add(AddArgs),
    /// List instances
    List,
    /// Set the user name and password an instance asks its clients for, or clear them
    Credential(CredentialArgs),
    /// Say which operations an instance forbids all of its clients
    Rules(RulesArgs),
    /// Remove an instance: what its keys are opened with is destroyed, its clients are removed and cut off
    Remove(RemoveArgs),
}

/// A new instance.
#[derive(Debug, clap::Args)]
pub struct AddArgs {
    /// Its name: letters, digits, '.', '_' and '-'
    name: String,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

/// What an instance asks for.
#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("source").required(true).args(["password_file", "password_stdin", "clear"])))]
pub struct CredentialArgs {
    /// The instance's name
    name: String,
    /// The user name, as entered in vCenter; empty if it stays empty there
    #[arg(
        long,
        default_value = "",
        value_name = "NAME",
        hide_default_value = true
    )]
    username: String,
    /// A file with the password in one line, which only its owner may read
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Read the password from standard input; typed without echo at a terminal
    #[arg(long)]
    password_stdin: bool,
    /// Ask for nothing from now on: certificates are enough
    #[arg(long, conflicts_with = "username")]
    clear: bool,
}

/// Which instance to remove.
#[derive(Debug, clap::Args)]
pub struct RemoveArgs {
    /// The instance's name
    name: String,
    /// Remove it although it has clients, or keys that are not destroyed: nothing opens them afterwards
    #[arg(long)]
    force: bool,
}

/// What an instance forbids.
#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("what").required(true)))]
pub struct RulesArgs {
    /// The instance's name
    name: String,
    /// The operations that none of its clients may perform, such as destroy,revoke; the others go by each client's permissions
    #[arg(long, value_name = "NAMES", value_delimiter = ',', group = "what")]
    deny: Vec<String>,
    /// It forbids nothing
    #[arg(long, group = "what")]
    deny_none: bool,
}

/// Carries out a command.
///
/// # Errors
/// The router refused it or cannot be reached.
pub async fn run(layout: &Layout, command: Command, report: &Report) -> anyhow::Result<()> {
    let passphrase = match &command {
        Command::Add(args) => Some(args.passphrase.clone()),
        Command::List | Command::Credential(_) | Command::Rules(_) | Command::Remove(_) => None,
    };
    let request = request(command)?;
    let mut reach = match passphrase {
        Some(passphrase) => Reach::open_with_master_key(layout, &passphrase).await?,
        None => Reach::open(layout).await?,
    };
    let done = carry_out(&mut reach, request, report).await;
    reach.close().await;
    done
}

fn request(command: Command) -> anyhow::Result<Request> {
    Ok(match command {
        Command::Add(args) => Request::InstanceAdd {
            name: args.name,
            adapter: None,
        },
        Command::List => Request::InstanceList,
        Command::Credential(args) => Request::InstanceCredential(credential(args)?),
        Command::Remove(args) => Request::InstanceRemove(InstanceRemove {
            instance: args.name,
            force: args.force,
            ..InstanceRemove::default()
        }),
        Command::Rules(args) => Request::InstanceRules(InstanceRules {
            instance: args.name,
            denied: args.deny,
        }),
    })
}

/// The password is hashed here: no other process sees it.
fn credential(args: CredentialArgs) -> anyhow::Result<InstanceCredential> {
    let CredentialArgs {
        name: instance,
        username,
        password_file,
        password_stdin: _,
        clear,
    } = args;
    if clear {
        return Ok(InstanceCredential {
            instance,
            credential: None,
        });
    }
    let password = match password_file {
        Some(file) => secret::from_file(&file, "password")?,
        None => secret::from_standard_input("password", "Password: ", secret::Typed::Twice)?,
    };
    if password.len() > Credential::PASSWORD_BYTES_MAX {
        let most = Credential::PASSWORD_BYTES_MAX;
        return Err(WrongUse(format!("the password has more than {most} bytes")).into());
    }
    let password = PasswordHash::make(password.expose(), Cost::RECOMMENDED, &SystemRandom)?;
    Ok(InstanceCredential {
        instance,
        credential: Some(NewCredential { username, password }),
    })
}

async fn carry_out(reach: &mut Reach, request: Request, report: &Report) -> anyhow::Result<()> {
    let made = matches!(request, Request::InstanceAdd { .. });
    let removed = matches!(request, Request::InstanceRemove(_));
    let ruled = matches!(request, Request::InstanceRules(_));
    match reach.run(request).await? {
        Response::Instance(held) if made => {
            let said = || format!("made instance {}, {}", held.name, held.crn);
            report.record(&held, said)?;
        }
        Response::Instance(held) if removed => {
            report.record(&held, || format!("removed instance {}", held.name))?;
        }
        Response::Instance(held) if ruled => {
            let denied = match held.denied.as_slice() {
                [] => "nothing".to_owned(),
                denied => denied.join(", "),
            };
            let said = || format!("instance {} forbids its clients {denied}", held.name);
            report.record(&held, said)?;
        }
        Response::Instance(held) => {
            let asks = if held.credential {
                "its clients must send the user name and password from now on"
            } else {
                "the certificates of its clients are enough"
            };
            report.record(&held, || format!("instance {}: {asks}", held.name))?;
        }
        Response::Instances(instances) => report.list(&instances, || as_table(&instances))?,
        other => return Err(reach::unexpected(&other)),
    }
    Ok(())
}

fn as_table(instances: &[Instance]) -> String {
    let heading = [
        "NAME", "CLIENTS", "PASSWORD", "DENIED", "LOCATION", "EVENTS", "CREATED", "ID",
    ];
    let mut rows = vec![heading.map(str::to_owned).to_vec()];
    rows.extend(instances.iter().map(|held| {
        let Instance {
            name,
            clients,
            credential,
            denied,
            location,
            generates_events,
            created,
            id,
            ..
        } = held;
        vec![
            name.clone(),
            clients.to_string(),
            if *credential { "yes" } else { "no" }.to_owned(),
            if denied.is_empty() {
                "-".to_owned()
            } else {
                denied.join(",")
            },
            location.clone(),
            if *generates_events {
                "generated"
            } else {
                "trail only"
            }
            .to_owned(),
            created.clone(),
            id.clone(),
        ]
    }));
    table(&rows)
}
