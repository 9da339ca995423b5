//! `keyledger client`: who may connect.

pub mod crl;
pub mod enrol;
pub mod inspect;
pub mod pending;
pub mod permit;
pub mod trust;

use clap::Subcommand;

use super::reach::{self, Reach};
use super::report::{Report, table};
use crate::admin::message::{Client, ClientRemove, ClientStatusChange};
use crate::admin::{Request, Response};
use crate::config::Layout;

/// What to do with clients.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Look at a certificate or a request in a file: what it is, and what would be wrong with it here
    Inspect(inspect::Inspecting),
    /// Enrol a certificate that the client brings, such as vCenter's own
    Add(enrol::Addition),
    /// Make a key and a certificate for a client, in certs/clients/
    Issue(enrol::Issuing),
    /// Make another key and certificate for a client, in the place of its files; the former certificate counts beside it
    Renew(enrol::Renewing),
    /// Sign a client's own certificate signing request, and write the certificate to certs/clients/
    SignCsr(enrol::Signing),
    /// Trust a CA of others, such as a vCenter's, for one client and one exact subject
    TrustCa(trust::Trusting),
    /// Take up what a trusted CA has revoked: its certificate revocation list
    Crl(crl::Revoking),
    /// List the certificates that were refused as unknown and wait for approval
    Pending {
        /// Show all of the certificate with this fingerprint, its whole subject too
        fingerprint: Option<String>,
    },
    /// Enrol a certificate that waits for approval
    Approve(pending::Approval),
    /// Take a certificate off the list of those that wait
    Dismiss {
        /// The certificate's fingerprint
        fingerprint: String,
    },
    /// List clients and their certificates
    List,
    /// Show one client and what it may do
    Show {
        /// The client's label
        label: String,
    },
    /// Say which operations a client may perform, and when
    Permit(permit::Permitting),
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
        /// Remove only the trusted CA with this fingerprint, and the certificates it enrolled
        #[arg(long, value_name = "FINGERPRINT", conflicts_with = "certificate")]
        ca: Option<String>,
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
        Command::Inspect(inspecting) => inspect::inspect(reach, inspecting, report).await?,
        Command::Add(addition) => enrol::add(reach, addition, report).await?,
        Command::Issue(issuing) => enrol::issue(layout, reach, issuing, report).await?,
        Command::Renew(renewing) => enrol::renew(layout, reach, renewing, report).await?,
        Command::SignCsr(signing) => enrol::sign(layout, reach, signing, report).await?,
        Command::TrustCa(trusting) => trust::trust(reach, trusting, report).await?,
        Command::Crl(revoking) => crl::load(reach, revoking, report).await?,
        Command::Pending { fingerprint } => {
            pending::list(reach, fingerprint.as_deref(), report).await?;
        }
        Command::Approve(approval) => pending::approve(reach, approval, report).await?,
        Command::Dismiss { fingerprint } => pending::dismiss(reach, fingerprint, report).await?,
        Command::List => list(reach, report).await?,
        Command::Show { label } => permit::show(reach, label, report).await?,
        Command::Permit(permitting) => permit::permit(reach, permitting, report).await?,
        Command::Disable { label } => set_enabled(reach, label, false, report).await?,
        Command::Enable { label } => set_enabled(reach, label, true, report).await?,
        Command::Remove {
            label,
            certificate,
            ca,
        } => {
            let request = ClientRemove {
                label,
                certificate,
                ca,
                ..ClientRemove::default()
            };
            remove(reach, request, report).await?;
        }
    }
    Ok(())
}

async fn remove(reach: &mut Reach, request: ClientRemove, report: &Report) -> anyhow::Result<()> {
    let text = match (&request.certificate, &request.ca) {
        (None, None) => "removed",
        (Some(_), _) => "removed one certificate of",
        (None, Some(_)) => "removed a trusted CA of",
    };
    let client = changed(reach, Request::ClientRemove(request)).await?;
    report.record(&client, || format!("{text} client {}", client.label))?;
    Ok(())
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
        "LEFT",
        "CERTIFICATE",
    ];
    let mut rows = vec![heading.map(str::to_owned).to_vec()];
    for client in clients {
        for certificate in &client.certificates {
            let left = match certificate.days_left {
                _ if certificate.expired => "expired".to_owned(),
                1 => "1 day".to_owned(),
                days => format!("{days} days"),
            };
            rows.push(vec![
                client.label.clone(),
                client.instance.clone(),
                client.status.clone(),
                certificate.trust.clone(),
                certificate.not_after.clone(),
                left,
                certificate.fingerprint.clone(),
            ]);
        }
        for authority in &client.authorities {
            rows.push(vec![
                client.label.clone(),
                client.instance.clone(),
                client.status.clone(),
                "CA".to_owned(),
                authority.not_after.clone(),
                format!("{} enrolled", authority.enrolled),
                format!("{} for {}", authority.fingerprint, authority.must_be),
            ]);
        }
    }
    table(&rows)
}
