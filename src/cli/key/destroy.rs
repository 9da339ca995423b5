//! `keyledger key revoke`, `destroy`, `approve`, `refuse`, `restore` and `scheduled`.

use crate::admin::message::{Destruction, DestructionList, KeyDestroy, KeyRevoke};
use crate::admin::{Request, Response};
use crate::cli::reach::{self, Reach};
use crate::cli::report::{Report, table};

/// The most destructions asked for at once.
const PAGE: usize = 500;

/// Which key to revoke, and why.
#[derive(Debug, clap::Args)]
pub struct Revocation {
    /// Its Unique Identifier
    id: String,
    /// unspecified, key-compromise, ca-compromise, affiliation-changed, superseded, cessation-of-operation or privilege-withdrawn
    #[arg(long, value_name = "REASON")]
    reason: String,
    /// A message that is kept with it
    #[arg(long, value_name = "TEXT")]
    message: Option<String>,
}

/// Which key to destroy, and why.
#[derive(Debug, clap::Args)]
pub struct Destroying {
    /// Its Unique Identifier
    id: String,
    /// Why, in words; it is recorded
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Destroy it although it is Active
    #[arg(long)]
    force: bool,
}

pub(super) async fn revoke(
    reach: &mut Reach,
    args: Revocation,
    report: &Report,
) -> anyhow::Result<()> {
    let Revocation {
        id,
        reason,
        message,
    } = args;
    let request = Request::KeyRevoke(KeyRevoke {
        id,
        reason,
        message,
    });
    match reach.run(request).await? {
        Response::Key(key) => {
            let said = || format!("key {} is {}", key.id, key.state);
            report.record(&key, said)?;
            Ok(())
        }
        other => Err(reach::unexpected(&other)),
    }
}

pub(super) fn request(args: Destroying) -> Request {
    let Destroying { id, reason, force } = args;
    Request::KeyDestroy(KeyDestroy {
        id,
        reason,
        force,
        ..KeyDestroy::default()
    })
}

/// Has a step of a destruction carried out.
pub(super) async fn step(
    reach: &mut Reach,
    request: Request,
    report: &Report,
) -> anyhow::Result<()> {
    match reach.run(request).await? {
        Response::Destruction(held) => {
            report.record(&*held, || said(&held))?;
            Ok(())
        }
        other => Err(reach::unexpected(&other)),
    }
}

fn said(held: &Destruction) -> String {
    let (id, state) = (&held.id, &held.state);
    match (held.step.as_str(), &held.due) {
        ("pending", _) => {
            format!("key {id} waits: another administrator approves with `key approve {id}`")
        }
        ("scheduled", Some(due)) => {
            format!("key {id} is {state} and is destroyed on {due}; `key restore {id}` undoes it")
        }
        ("restored", _) => format!("key {id} is {state} again"),
        ("refused", _) => format!("key {id} stays {state}"),
        (step, _) => format!("key {id} is {step}"),
    }
}

pub(super) async fn scheduled(reach: &mut Reach, report: &Report) -> anyhow::Result<()> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let request = DestructionList {
            instance: None,
            after,
            limit: PAGE,
        };
        let page = match reach.run(Request::KeyScheduled(request)).await? {
            Response::Destructions(page) => page,
            other => return Err(reach::unexpected(&other)),
        };
        all.extend(page.destructions);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    report.list(&all, || as_table(&all))?;
    Ok(())
}

fn as_table(all: &[Destruction]) -> String {
    if all.is_empty() {
        return "no key is to be destroyed".to_owned();
    }
    let heading = [
        "ID",
        "STEP",
        "STATE",
        "DUE",
        "ASKED FOR BY",
        "X-NAME",
        "REASON",
    ];
    let mut rows = vec![heading.map(str::to_owned).to_vec()];
    let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    rows.extend(all.iter().map(|held| {
        vec![
            held.id.clone(),
            held.step.clone(),
            held.state.clone(),
            or_dash(&held.due),
            held.requested_by.clone(),
            or_dash(&held.x_name),
            held.reason.clone(),
        ]
    }));
    table(&rows)
}
