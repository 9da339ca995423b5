//! `keyledger client`: who may connect.

pub mod pending;

use std::path::PathBuf;

use clap::Subcommand;

use super::issue::{self, Delivered, Order};
use super::reach::{self, Reach};
use super::report::{Report, fields, table};
use crate::admin::message::{Client, ClientAdd, ClientRemove, ClientStatusChange};
use crate::admin::{Request, Response};
use crate::config::Layout;
use crate::config::layout::read_public;

/// What to do with clients.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Enrol a certificate that the client brings, such as vCenter's own
    Add {
        /// The client's label: letters, digits, '.', '_' and '-'
        label: String,
        /// The certificate in PEM form, one without its chain
        file: PathBuf,
        /// The instance whose keys it may use (default: the only one)
        #[arg(long, conflicts_with = "renew")]
        instance: Option<String>,
        /// The client exists: add this certificate to it
        #[arg(long)]
        renew: bool,
    },
    /// Make a key and a certificate for a client, in certs/clients/
    Issue {
        /// The client's label: letters, digits, '.', '_' and '-'
        label: String,
        /// The instance whose keys it may use (default: the only one)
        #[arg(long, conflicts_with = "renew")]
        instance: Option<String>,
        /// The client exists: issue one more certificate to it
        #[arg(long)]
        renew: bool,
    },
    /// List the certificates that were refused as unknown and wait for approval
    Pending,
    /// Enrol a certificate that waits for approval
    Approve(pending::Approval),
    /// Take a certificate off the list of those that wait
    Dismiss {
        /// The certificate's fingerprint
        fingerprint: String,
    },
    /// List clients and their certificates
    List,
    /// Refuse a client until it is enabled again; its open connections are cut
    Disable {
        /// The client's label
        label: String,
    },
    /// Accept a disabled client again
    Enable {
        /// The client's label
        label: String,
    },
    /// Remove a client, or one certificate of it; its open connections are cut, its keys stay
    Remove {
        /// The client's label
        label: String,
        /// Remove only the certificate with this fingerprint
        #[arg(long, value_name = "FINGERPRINT")]
        certificate: Option<String>,
    },
}

/// Carries out a command.
///
/// # Errors
/// The router refused it, or a file cannot be read or made.
pub async fn run(layout: &Layout, command: Command, report: &Report) -> anyhow::Result<()> {
    let mut reach = Reach::open(layout).await?;
    let done = carry_out(layout, &mut reach, command, report).await;
    reach.close().await;
    done
}

async fn carry_out(
    layout: &Layout,
    reach: &mut Reach,
    command: Command,
    report: &Report,
) -> anyhow::Result<()> {
    match command {
        Command::Add {
            label,
            file,
            instance,
            renew,
        } => {
            let certificate = read_public(&file, "name the file with the client's certificate")?;
            let request = ClientAdd {
                label,
                instance,
                certificate,
                issued: false,
                renew,
            };
            let client = changed(reach, Request::ClientAdd(request)).await?;
            report.record(&client, || said("enrolled", &client))?;
        }
        Command::Issue {
            label,
            instance,
            renew,
        } => {
            let settings = reach::settings(layout)?;
            let order = Order {
                label,
                instance,
                renew,
            };
            let delivered = issue::issue(reach, &settings, order).await?;
            report.record(&delivered.client, || handed_over(&delivered))?;
        }
        Command::Pending => pending::list(reach, report).await?,
        Command::Approve(approval) => pending::approve(reach, approval, report).await?,
        Command::Dismiss { fingerprint } => pending::dismiss(reach, fingerprint, report).await?,
        Command::List => list(reach, report).await?,
        Command::Disable { label } => set_enabled(reach, label, false, report).await?,
        Command::Enable { label } => set_enabled(reach, label, true, report).await?,
        Command::Remove { label, certificate } => {
            remove(reach, ClientRemove { label, certificate }, report).await?;
        }
    }
    Ok(())
}

async fn remove(reach: &mut Reach, request: ClientRemove, report: &Report) -> anyhow::Result<()> {
    let text = match &request.certificate {
        None => "removed",
        Some(_) => "removed one certificate of",
    };
    let client = changed(reach, Request::ClientRemove(request)).await?;
    report.record(&client, || format!("{text} client {}", client.label))?;
    Ok(())
}

fn handed_over(delivered: &Delivered) -> String {
    let files = fields(&[
        (
            "certificate",
            Some(delivered.certificate.display().to_string()),
        ),
        ("private key", Some(delivered.key.display().to_string())),
    ]);
    format!("{}\n{files}", said("enrolled", &delivered.client))
}

async fn set_enabled(
    reach: &mut Reach,
    label: String,
    enabled: bool,
    report: &Report,
) -> anyhow::Result<()> {
    let request = Request::ClientStatus(ClientStatusChange { label, enabled });
    let client = changed(reach, request).await?;
    report.record(&client, || {
        format!("client {} is {}", client.label, client.status)
    })?;
    Ok(())
}

async fn changed(reach: &mut Reach, request: Request) -> anyhow::Result<Client> {
    match reach.run(request).await? {
        Response::Client(client) => Ok(client),
        other => Err(reach::unexpected(&other)),
    }
}

fn said(verb: &str, client: &Client) -> String {
    let newest = client.certificates.last();
    let newest = newest
        .map(|held| held.fingerprint.as_str())
        .unwrap_or_default();
    let Client {
        label, instance, ..
    } = client;
    format!("{verb} client {label} in instance {instance}, certificate {newest}")
}

async fn list(reach: &mut Reach, report: &Report) -> anyhow::Result<()> {
    let clients = match reach.run(Request::ClientList).await? {
        Response::Clients(clients) => clients,
        other => return Err(reach::unexpected(&other)),
    };
    report.list(&clients, || as_table(&clients))?;
    Ok(())
}

fn as_table(clients: &[Client]) -> String {
    if clients.is_empty() {
        return "no clients yet; add one with `keyledger client add LABEL FILE.pem`, or issue a \
                certificate with `keyledger client issue LABEL`"
            .to_owned();
    }
    let heading = [
        "LABEL",
        "INSTANCE",
        "STATUS",
        "TRUST",
        "VALID UNTIL",
        "CERTIFICATE",
    ];
    let mut rows = vec![heading.map(str::to_owned).to_vec()];
    for client in clients {
        for certificate in &client.certificates {
            let expired = if certificate.expired {
                " (expired)"
            } else {
                ""
            };
            rows.push(vec![
                client.label.clone(),
                client.instance.clone(),
                client.status.clone(),
                certificate.trust.clone(),
                format!("{}{expired}", certificate.not_after),
                certificate.fingerprint.clone(),
            ]);
        }
    }
    table(&rows)
}
