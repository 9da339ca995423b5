//! `keyledger client add`, `issue` and `sign-csr`: clients and their certificates, from files or made here.

use std::path::PathBuf;

use clap::Args;

use super::super::issue::{self, Delivered, Order};
use super::super::reach::{self, Reach};
use super::super::report::{Report, fields};
use super::super::vcenter::Method;
use super::{changed, said};
use crate::admin::Request;
use crate::admin::message::ClientAdd;
use crate::config::Layout;
use crate::config::layout::read_public;

/// A certificate that a client brings.
#[derive(Debug, Args)]
pub struct Addition {
    /// The client's label: letters, digits, '.', '_' and '-'
    label: String,
    /// The certificate in PEM form, one without its chain
    file: PathBuf,
    #[command(flatten)]
    belongs: Belonging,
}

/// A certificate that is made here, with its key.
#[derive(Debug, Args)]
pub struct Issuing {
    /// The client's label: letters, digits, '.', '_' and '-'
    label: String,
    #[command(flatten)]
    belongs: Belonging,
}

/// A certificate that is made here for a client's own request.
#[derive(Debug, Args)]
pub struct Signing {
    /// The client's label: letters, digits, '.', '_' and '-'
    label: String,
    /// The request in PEM form (PKCS#10)
    file: PathBuf,
    #[command(flatten)]
    belongs: Belonging,
    /// Write the certificate to this file instead
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// A new client of an instance, or one that exists.
#[derive(Debug, Args)]
struct Belonging {
    /// The instance whose keys it may use (default: the only one)
    #[arg(long, conflicts_with = "renew")]
    instance: Option<String>,
    /// The client exists: give it this certificate too
    #[arg(long)]
    renew: bool,
    /// Of a renewal: the certificates that the client has count for so many days at most (default: to their own end)
    #[arg(long, value_name = "DAYS", requires = "renew")]
    overlap_days: Option<u32>,
}

/// Another key and certificate for a client that has one of this server's CA.
#[derive(Debug, Args)]
pub struct Renewing {
    /// The client's label
    label: String,
    /// The certificates that the client has count for so many days at most (default: to their own end)
    #[arg(long, value_name = "DAYS")]
    overlap_days: Option<u32>,
}

impl Belonging {
    fn order(self, label: String) -> Order {
        Order {
            label,
            instance: self.instance,
            renew: self.renew,
            overlap_days: self.overlap_days,
        }
    }
}

/// Enrols the certificate of a file.
pub(super) async fn add(
    reach: &mut Reach,
    addition: Addition,
    report: &Report,
) -> anyhow::Result<()> {
    let advice = "name the file with the client's certificate";
    let request = ClientAdd {
        label: addition.label,
        instance: addition.belongs.instance,
        certificate: read_public(&addition.file, advice)?,
        issued: false,
        renew: addition.belongs.renew,
        overlap_days: addition.belongs.overlap_days,
    };
    let client = changed(reach, Request::ClientAdd(request)).await?;
    report.record(&client, || said("enrolled", &client))?;
    Ok(())
}

/// Makes a key and a certificate.
pub(super) async fn issue(
    layout: &Layout,
    reach: &mut Reach,
    issuing: Issuing,
    report: &Report,
) -> anyhow::Result<()> {
    let settings = reach::settings(layout)?;
    let order = issuing.belongs.order(issuing.label);
    let delivered = issue::issue(reach, &settings, order).await?;
    tell(&delivered, report)
}

/// Makes another key and certificate in the place of those that lie there.
pub(super) async fn renew(
    layout: &Layout,
    reach: &mut Reach,
    renewing: Renewing,
    report: &Report,
) -> anyhow::Result<()> {
    let settings = reach::settings(layout)?;
    let order = Order {
        label: renewing.label,
        instance: None,
        renew: true,
        overlap_days: renewing.overlap_days,
    };
    let delivered = issue::renew(reach, &settings, order).await?;
    tell(&delivered, report)
}

fn tell(delivered: &Delivered, report: &Report) -> anyhow::Result<()> {
    report.record(&delivered.client, || {
        let (certificate, key) = (delivered.certificate.display(), delivered.key.display());
        let files = fields(&[
            ("certificate", Some(certificate.to_string())),
            ("private key", Some(key.to_string())),
        ]);
        let hint = Method::Upload.hint();
        format!("{}\n{files}\n{hint}", said("enrolled", &delivered.client))
    })?;
    Ok(())
}

/// Signs a client's own request.
pub(super) async fn sign(
    layout: &Layout,
    reach: &mut Reach,
    signing: Signing,
    report: &Report,
) -> anyhow::Result<()> {
    let request = read_public(&signing.file, "name the file with the client's request")?;
    let settings = reach::settings(layout)?;
    let order = signing.belongs.order(signing.label);
    let signed = issue::sign(reach, &settings, order, &request, signing.out).await?;
    report.record(&signed.client, || {
        let file = signed.certificate.display().to_string();
        let file = fields(&[("certificate", Some(file))]);
        let enrolled = said("enrolled", &signed.client);
        let hint = Method::Csr.hint();
        format!("{enrolled}\n{file}\n{hint}\n{}", signed.pem.trim_end())
    })?;
    Ok(())
}
