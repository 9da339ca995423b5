//! `keyledger client permit` and `show`: what a client may do.

use crate::admin::message::{Client, ClientPermit};
use crate::admin::{Request, Response};
use crate::cli::reach::{self, Reach};
use crate::cli::report::{Report, fields};

/// What a client may do from now on; what is not given stays as it is.
#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("what").required(true).multiple(true)))]
pub struct Permitting {
    /// The client's label
    label: String,
    /// The operations it may perform, such as get,get-attributes,locate; none of the others
    #[arg(
        long,
        value_name = "NAMES",
        value_delimiter = ',',
        group = "what",
        conflicts_with = "all"
    )]
    operations: Option<Vec<String>>,
    /// It may perform all operations
    #[arg(long, group = "what")]
    all: bool,
    /// Hours in which it may act, such as "mon-fri 08:00-18:00 +01:00"; may be given several times
    #[arg(long = "window", value_name = "HOURS", group = "what")]
    windows: Vec<String>,
    /// It may act at any time
    #[arg(long, group = "what", conflicts_with = "windows")]
    any_time: bool,
}

pub(super) async fn permit(
    reach: &mut Reach,
    args: Permitting,
    report: &Report,
) -> anyhow::Result<()> {
    let Permitting {
        label,
        operations,
        all,
        windows,
        any_time,
    } = args;
    let request = ClientPermit {
        label,
        all,
        operations,
        windows: (any_time || !windows.is_empty()).then_some(windows),
    };
    let client = super::changed(reach, Request::ClientPermit(request)).await?;
    report.record(&client, || {
        let (may, when) = (may(&client), when(&client));
        format!("client {} may perform {may}, {when}", client.label)
    })?;
    Ok(())
}

pub(super) async fn show(reach: &mut Reach, label: String, report: &Report) -> anyhow::Result<()> {
    let client = match reach.run(Request::ClientShow { label }).await? {
        Response::Client(client) => client,
        other => return Err(reach::unexpected(&other)),
    };
    report.record(&client, || as_fields(&client))?;
    Ok(())
}

fn may(client: &Client) -> String {
    match client.operations.as_deref() {
        None => "all operations".to_owned(),
        Some([]) => "no operation".to_owned(),
        Some(operations) => operations.join(", "),
    }
}

fn when(client: &Client) -> String {
    match client.windows.as_slice() {
        [] => "at any time".to_owned(),
        windows => windows.join("; "),
    }
}

fn as_fields(client: &Client) -> String {
    let denied = &client.denied;
    let mut rows = vec![
        ("id", Some(client.id.clone())),
        ("label", Some(client.label.clone())),
        ("instance", Some(client.instance.clone())),
        ("status", Some(client.status.clone())),
        ("created", Some(client.created.clone())),
        ("may perform", Some(may(client))),
        (
            "denied by instance",
            (!denied.is_empty()).then(|| denied.join(", ")),
        ),
        ("when", Some(when(client))),
    ];
    for held in &client.certificates {
        let (trust, until) = (&held.trust, &held.not_after);
        let text = format!("{}, {trust}, until {until}", held.fingerprint);
        rows.push(("certificate", Some(text)));
    }
    for held in &client.authorities {
        let text = format!("{} for {}", held.fingerprint, held.must_be);
        rows.push(("trusted CA", Some(text)));
    }
    fields(&rows)
}
