//! `keyledger key`: the keys in the store with the names vCenter gives them, never their material.

pub mod destroy;
pub mod stale;

use clap::Subcommand;

use super::reach::{self, Reach};
use super::report::{Format, Report, fields, line, table};
use crate::admin::message::{Key, KeyList, Keys};
use crate::admin::{Request, Response};
use crate::config::Layout;

/// The most keys asked for at once.
const PAGE: usize = 500;

/// What is said where no key matches.
const KEYS_NONE: &str = "no key matches";

/// What to do with keys.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List keys
    List(ListArgs),
    /// Show one key
    Show {
        /// Its Unique Identifier
        id: String,
    },
    /// List keys that nobody has read for long, with who read them last
    Stale(stale::StaleArgs),
    /// Revoke a key
    Revoke(destroy::Revocation),
    /// Destroy a key: at once, or as keyledger.toml has it in its section `destruction`
    Destroy(destroy::Destroying),
    /// Approve that a key is destroyed, which another administrator asked for
    Approve {
        /// Its Unique Identifier
        id: String,
    },
    /// Refuse that a key is destroyed, which waits for approval
    Refuse {
        /// Its Unique Identifier
        id: String,
    },
    /// Undo that a key is destroyed, within the recovery window
    Restore {
        /// Its Unique Identifier
        id: String,
    },
    /// List the keys that are to be destroyed
    Scheduled,
}

/// Which keys to list.
#[derive(Debug, clap::Args)]
pub struct ListArgs {
    /// The instance (default: the only one)
    #[arg(long)]
    instance: Option<String>,
    /// Only keys whose Name or x-Name contains this
    #[arg(long)]
    name: Option<String>,
    /// Only keys whose x-Identifier is this: the UUID of the VM or host
    #[arg(long)]
    identifier: Option<String>,
    /// Only keys whose x-Component contains this, such as `Virtual Machine`
    #[arg(long)]
    component: Option<String>,
    /// Only keys in this state, such as Active
    #[arg(long)]
    state: Option<String>,
    /// Only keys after this identifier
    #[arg(long, value_name = "ID")]
    after: Option<String>,
    /// At most so many
    #[arg(long, default_value_t = 1000, value_name = "N")]
    limit: usize,
}

/// Carries out a command.
///
/// # Errors
/// The router refused it or cannot be reached.
pub async fn run(layout: &Layout, command: Command, report: &Report) -> anyhow::Result<()> {
    let mut reach = Reach::open(layout).await?;
    let done = match command {
        Command::List(args) => list(&mut reach, args, report).await,
        Command::Show { id } => show(&mut reach, id, report).await,
        Command::Stale(args) => stale::list(&mut reach, args, report).await,
        Command::Revoke(args) => destroy::revoke(&mut reach, args, report).await,
        Command::Scheduled => destroy::scheduled(&mut reach, report).await,
        Command::Destroy(args) => destroy::step(&mut reach, destroy::request(args), report).await,
        Command::Approve { id } => {
            destroy::step(&mut reach, Request::KeyApprove { id }, report).await
        }
        Command::Refuse { id } => {
            destroy::step(&mut reach, Request::KeyRefuse { id }, report).await
        }
        Command::Restore { id } => {
            destroy::step(&mut reach, Request::KeyRestore { id }, report).await
        }
    };
    reach.close().await;
    done
}

async fn list(reach: &mut Reach, args: ListArgs, report: &Report) -> anyhow::Result<()> {
    let ListArgs {
        instance,
        name,
        identifier,
        component,
        state,
        mut after,
        limit,
    } = args;
    let filtered = [&name, &identifier, &component, &state]
        .iter()
        .any(|filter| filter.is_some());
    let (mut keys, mut more) = (Vec::new(), true);
    while more && keys.len() < limit {
        let request = KeyList {
            instance: instance.clone(),
            name: name.clone(),
            identifier: identifier.clone(),
            component: component.clone(),
            state: state.clone(),
            after: after.clone(),
            limit: PAGE.min(limit - keys.len()),
        };
        let Keys { keys: page, next } = match reach.run(Request::KeyList(request)).await? {
            Response::Keys(page) => page,
            other => return Err(reach::unexpected(&other)),
        };
        keys.extend(page);
        more = next.is_some();
        after = next;
    }
    report.list(&keys, || as_table(&keys, filtered))?;
    if let (Format::Text, true, Some(after)) = (report.format(), more, after) {
        line(&format!("there may be more; go on with --after {after}"))?;
    }
    Ok(())
}

async fn show(reach: &mut Reach, id: String, report: &Report) -> anyhow::Result<()> {
    let key = match reach.run(Request::KeyShow { id }).await? {
        Response::Key(key) => key,
        other => return Err(reach::unexpected(&other)),
    };
    report.record(&key, || as_fields(&key))?;
    Ok(())
}

fn as_table(keys: &[Key], filtered: bool) -> String {
    if keys.is_empty() {
        let none = if filtered {
            KEYS_NONE
        } else {
            "no keys yet; clients make them"
        };
        return none.to_owned();
    }
    let heading = [
        "ID",
        "STATE",
        "ALGORITHM",
        "CREATED",
        "X-NAME",
        "X-COMPONENT",
        "X-IDENTIFIER",
    ];
    let mut rows = vec![heading.map(str::to_owned).to_vec()];
    rows.extend(keys.iter().map(|key| {
        let name = key.x_name.clone().or_else(|| key.names.first().cloned());
        vec![
            key.id.clone(),
            key.state.clone(),
            algorithm(key).unwrap_or_default(),
            key.created.clone(),
            name.unwrap_or_else(|| "-".to_owned()),
            key.x_component.clone().unwrap_or_else(|| "-".to_owned()),
            key.x_identifier.clone().unwrap_or_else(|| "-".to_owned()),
        ]
    }));
    table(&rows)
}

fn algorithm(key: &Key) -> Option<String> {
    let name = key.algorithm.clone()?;
    Some(
        key.length
            .map_or_else(|| name.clone(), |length| format!("{name}-{length}")),
    )
}

fn as_fields(key: &Key) -> String {
    let joined = |texts: &[String]| (!texts.is_empty()).then(|| texts.join(", "));
    let mut rows = vec![
        ("id", Some(key.id.clone())),
        ("instance", Some(key.instance.clone())),
        ("state", Some(key.state.clone())),
        ("type", Some(key.object_type.clone())),
        ("algorithm", algorithm(key)),
        ("names", joined(&key.names)),
        ("x-Name", key.x_name.clone()),
        ("x-Identifier", key.x_identifier.clone()),
        ("x-Component", key.x_component.clone()),
        ("created", Some(key.created.clone())),
        ("activated", key.activated.clone()),
        ("deactivated", key.deactivated.clone()),
        ("destroyed", key.destroyed.clone()),
        (
            "last read",
            Some(key.last_read.clone().unwrap_or_else(|| "never".to_owned())),
        ),
        ("last read by", key.last_read_by.clone()),
        ("to be destroyed", key.destruction_due.clone()),
    ];
    rows.extend(
        key.attributes
            .iter()
            .map(|(name, value)| (name.as_str(), Some(value.clone()))),
    );
    fields(&rows)
}
