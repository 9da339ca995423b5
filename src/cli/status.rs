//! `keyledger status`: what runs on the directory, and where it listens.

use super::reach::{self, Reach};
use super::report::Report;
use crate::admin::message::Status;
use crate::admin::{Request, Response};
use crate::config::Layout;

/// Shows the status.
///
/// # Errors
/// The router cannot be reached.
pub async fn run(layout: &Layout, report: &Report) -> anyhow::Result<()> {
    let mut reach = Reach::open(layout).await?;
    let answer = reach.run(Request::Status).await;
    reach.close().await;
    match answer? {
        Response::Status(status) => Ok(report.record(&status, || text(&status))?),
        other => Err(reach::unexpected(&other)),
    }
}

fn text(status: &Status) -> String {
    let Status {
        version,
        process,
        listening,
        administration,
        locked,
        instances,
        clients,
        events,
    } = status;
    let runs = match listening {
        Some(address) if *locked => format!(
            "locked at {address}, process {process}: it serves no keys until `keyledger unlock`"
        ),
        Some(address) => format!("serving KMIP at {address}, process {process}"),
        None => "no server runs".to_owned(),
    };
    let administration = match administration {
        Some(address) => format!("administration API at https://{address}"),
        None => "no administration API".to_owned(),
    };
    format!(
        "keyledger {version}: {runs}\n{administration}\ninstances: {}; clients: {clients}; events: {events}",
        instances.join(", ")
    )
}
