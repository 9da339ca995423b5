//! `keyledger client trust-ca`: a CA of others, for one client and one subject.

use std::path::PathBuf;

use clap::Args;

use super::super::reach::Reach;
use super::super::report::Report;
use super::super::vcenter::Method;
use super::changed;
use super::crl::read_list;
use crate::admin::Request;
use crate::admin::message::ClientTrust;
use crate::config::layout::read_public;

/// A CA, and which of its certificates are the client's.
#[derive(Debug, Args)]
pub struct Trusting {
    /// The client's label: letters, digits, '.', '_' and '-'
    label: String,
    /// The CA's certificate in PEM form: the one that signs the client's certificates itself
    file: PathBuf,
    /// The whole subject a certificate must have, every part of it, such as 'CN=vcenter-1,O=Example,C=US'
    #[arg(long, value_name = "SUBJECT")]
    subject: String,
    /// The instance whose keys it may use (default: the only one)
    #[arg(long, conflicts_with = "renew")]
    instance: Option<String>,
    /// The client exists: trust this CA for it too
    #[arg(long)]
    renew: bool,
    /// What the CA has revoked, taken up at the same time: its certificate revocation list, in PEM or DER form
    #[arg(long, value_name = "FILE")]
    crl: Option<PathBuf>,
}

/// Trusts a CA.
pub(super) async fn trust(
    reach: &mut Reach,
    trusting: Trusting,
    report: &Report,
) -> anyhow::Result<()> {
    let advice = "name the file with the CA's certificate";
    let list = trusting.crl.as_deref().map(read_list).transpose()?;
    let request = ClientTrust {
        label: trusting.label,
        instance: trusting.instance,
        certificate: read_public(&trusting.file, advice)?,
        subject: trusting.subject,
        renew: trusting.renew,
        list,
    };
    let client = changed(reach, Request::ClientTrust(request)).await?;
    report.record(&client, || {
        let newest = client.authorities.last();
        let (ca, subject) = newest.map_or(("", ""), |held| (&held.fingerprint, &held.must_be));
        format!(
            "client {} in instance {} is who has a certificate of the CA {ca} for {subject}\n{}",
            client.label,
            client.instance,
            Method::RootCa.hint()
        )
    })?;
    Ok(())
}
