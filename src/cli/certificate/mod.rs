//! `keyledger certificate`: the server's certificate and those of its own CA.

pub mod authority;
pub mod crl;
pub mod server;

use clap::Subcommand;

use super::own;
use super::reach::{self, Reach};
use super::report::{Report, table};
use crate::admin::message::{CertificateReload, Certificates, OwnCertificate};
use crate::admin::{Request, Response};
use crate::config::Layout;

/// What to do with the certificates of the server's own.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List the server's certificate and its CA's, how long they last, and which clients depend on which CA
    List,
    /// Have the server's own CA issue another certificate for the server; new connections get it at once
    RenewServer(server::Renewal),
    /// Put a certificate and key of another CA in the place of the server's; new connections get it at once
    InstallServer(server::Installation),
    /// Take up certs/server.pem, certs/server.key and certs/ca.pem as they lie there, without a restart
    Reload,
    /// Make another key and certificate for the server's own CA; what the former one issued still counts
    RotateCa(authority::Rotation),
    /// Write the revocation list of the server's own CA: what it issued and what counts no more, for others who rely on it
    Crl(crl::Listing),
    /// Let a former certificate of the server's own CA count no more
    RetireCa(authority::Retirement),
}

/// Carries out a command.
///
/// # Errors
/// A file cannot be read or made, or the router refused it.
pub async fn run(layout: &Layout, command: Command, report: &Report) -> anyhow::Result<()> {
    // Held to the end: what is taken up is what this command has put there.
    let _lock = match command {
        Command::List => None,
        _ => Some(own::lock(layout).await?),
    };
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
    if !matches!(command, Command::List | Command::Crl(_)) {
        reach.refuse_unknown()?;
    }
    match command {
        Command::List => list(reach, report).await,
        Command::RenewServer(renewal) => server::renew(layout, reach, renewal, report).await,
        Command::InstallServer(files) => server::install(layout, reach, files, report).await,
        Command::Reload => {
            let certificates = reload(reach, false).await?;
            report.record(&certificates, || as_table(&certificates))?;
            Ok(())
        }
        Command::RotateCa(rotation) => authority::rotate(layout, reach, rotation, report).await,
        Command::Crl(listing) => crl::write(layout, reach, listing, report).await,
        Command::RetireCa(retirement) => authority::retire(layout, reach, retirement, report).await,
    }
}

async fn list(reach: &mut Reach, report: &Report) -> anyhow::Result<()> {
    let certificates = held(reach).await?;
    report.record(&certificates, || as_table(&certificates))?;
    Ok(())
}

async fn held(reach: &mut Reach) -> anyhow::Result<Certificates> {
    certificates(reach.run(Request::CertificateList).await?)
}

/// Has the files taken up.
async fn reload(reach: &mut Reach, force: bool) -> anyhow::Result<Certificates> {
    let request = Request::CertificateReload(CertificateReload { force });
    certificates(reach.run(request).await?)
}

fn certificates(response: Response) -> anyhow::Result<Certificates> {
    match response {
        Response::Certificates(certificates) => Ok(certificates),
        other => Err(reach::unexpected(&other)),
    }
}

fn as_table(certificates: &Certificates) -> String {
    let heading = [
        "KIND",
        "SUBJECT",
        "VALID UNTIL",
        "LEFT",
        "NEEDED BY",
        "FINGERPRINT",
    ];
    let mut rows = vec![heading.map(str::to_owned).to_vec()];
    if let Some(own) = &certificates.server {
        let by = match &own.authority {
            Some(_) => "clients of this server".to_owned(),
            None => format!("clients of this server; issued by {}", own.issuer),
        };
        rows.push(row("server", own, by));
    }
    for ca in &certificates.authorities {
        let kind = if ca.issues { "CA" } else { "former CA" };
        let own = ca.server.then(|| "the server".to_owned());
        let by: Vec<_> = own.into_iter().chain(ca.clients.iter().cloned()).collect();
        let by = if by.is_empty() {
            "nobody".to_owned()
        } else {
            by.join(", ")
        };
        rows.push(row(kind, &ca.certificate, by));
    }
    table(&rows)
}

fn row(kind: &str, certificate: &OwnCertificate, needed_by: String) -> Vec<String> {
    let left = match certificate.days_left {
        days if days < 0 => "expired".to_owned(),
        1 => "1 day".to_owned(),
        days => format!("{days} days"),
    };
    vec![
        kind.to_owned(),
        certificate.subject.clone(),
        certificate.not_after.clone(),
        left,
        needed_by,
        certificate.fingerprint.clone(),
    ]
}
