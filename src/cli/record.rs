//! `keyledger events record`: a management event that another system performed, from arguments or a document.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::reach::{self, Reach};
use super::report::Report;
use super::{WrongUse, document};
use crate::admin::message::{EventRecord, RecordedInitiator, RecordedTarget};
use crate::admin::{Request, Response};
use crate::config::Layout;

/// An event to be recorded.
#[derive(Debug, clap::Args)]
pub struct RecordArgs {
    /// A management action, such as vcs.create; docs/events.md lists them
    #[arg(required_unless_present = "from")]
    action: Option<String>,
    /// success, failure or pending
    #[arg(long, required_unless_present = "from")]
    outcome: Option<String>,
    /// What it was done to: the identifier
    #[arg(long, value_name = "ID", required_unless_present = "from")]
    target: Option<String>,
    /// What people call that (default: its identifier)
    #[arg(long, value_name = "NAME")]
    target_name: Option<String>,
    /// The cause as an HTTP code; a failure needs one
    #[arg(long, value_name = "CODE")]
    reason_code: Option<u16>,
    /// Who did it: the identifier (default: you)
    #[arg(long, value_name = "ID", requires = "initiator_kind")]
    initiator: Option<String>,
    /// user or service-id
    #[arg(long, value_name = "KIND", requires = "initiator")]
    initiator_kind: Option<String>,
    /// What people call who did it (default: the identifier)
    #[arg(long, value_name = "NAME", requires = "initiator")]
    initiator_name: Option<String>,
    /// What was asked, as a JSON object
    #[arg(long, value_name = "JSON")]
    request_data: Option<String>,
    /// What was answered, as a JSON object
    #[arg(long, value_name = "JSON")]
    response_data: Option<String>,
    /// The correlationId of the pending event that this one ends
    #[arg(long, value_name = "ID")]
    correlation_id: Option<String>,
    /// Read all this from a JSON document instead; - is standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["action", "outcome", "target", "target_name", "reason_code", "initiator", "initiator_kind", "initiator_name", "request_data", "response_data", "correlation_id"])]
    from: Option<PathBuf>,
}

/// Records an event.
///
/// # Errors
/// The arguments or the document are wrong, the router refused the event or cannot be reached; nothing was recorded.
pub async fn run(layout: &Layout, args: RecordArgs, report: &Report) -> anyhow::Result<()> {
    let request = match &args.from {
        Some(file) => read(file)?,
        None => arguments(args)?,
    };
    let mut reach = Reach::open(layout).await?;
    let done = reach.run(Request::EventRecord(Box::new(request))).await;
    reach.close().await;
    match done? {
        Response::Recorded(recorded) => report.record(&recorded, || {
            let (id, correlation) = (&recorded.id, &recorded.correlation_id);
            format!("recorded event {id}, correlationId {correlation}")
        })?,
        other => return Err(reach::unexpected(&other)),
    }
    Ok(())
}

fn arguments(args: RecordArgs) -> Result<EventRecord, WrongUse> {
    Ok(EventRecord {
        action: args.action.unwrap_or_default(),
        outcome: args.outcome.unwrap_or_default(),
        target: RecordedTarget {
            id: args.target.unwrap_or_default(),
            name: args.target_name,
        },
        reason_code: args.reason_code,
        initiator: args.initiator.map(|id| RecordedInitiator {
            kind: args.initiator_kind.unwrap_or_default(),
            id,
            name: args.initiator_name,
        }),
        request_data: json("--request-data", args.request_data)?,
        response_data: json("--response-data", args.response_data)?,
        correlation_id: args.correlation_id,
    })
}

fn json(name: &str, text: Option<String>) -> Result<Option<Value>, WrongUse> {
    let parsed = text.map(|text| serde_json::from_str(&text)).transpose();
    parsed.map_err(|error| WrongUse(format!("{name}: this is not JSON: {error}")))
}

fn read(file: &Path) -> anyhow::Result<EventRecord> {
    let (name, bytes) = document::bytes(file)?;
    let parsed = serde_json::from_slice(&bytes);
    Ok(parsed.map_err(|error| WrongUse(format!("{name} is not an event to record: {error}")))?)
}
