//! `keyledger certificate crl`: the revocation list of the server's own CA, for others who rely on what it issued.
//!
//! This server does not need it: it goes by its own clients. It is signed here, where the CA's key is.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;

use super::super::issue;
use super::super::reach::{self, Reach};
use super::super::report::{Report, fields};
use crate::admin::message::CertificateCrl;
use crate::admin::{Request, Response};
use crate::config::Layout;
use crate::config::pair::replace_public;

/// A list to make.
#[derive(Debug, Args)]
pub struct Listing {
    /// Days until the next list is due
    #[arg(long, default_value_t = 30, value_name = "DAYS")]
    days: u32,
    /// Write the list to this file (default: certs/ca.crl)
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Makes the list, in the place of the one before.
pub(super) async fn write(
    layout: &Layout,
    reach: &mut Reach,
    listing: Listing,
    report: &Report,
) -> anyhow::Result<()> {
    let authority = issue::authority(layout)?;
    let request = CertificateCrl {
        authority: authority.certificate().fingerprint().to_string(),
        days: listing.days,
    };
    let asked = match reach.run(Request::CertificateCrl(request)).await? {
        Response::OwnRevocations(asked) => asked,
        other => return Err(reach::unexpected(&other)),
    };
    let (dates, withdrawn) = asked
        .to_sign()
        .context("the server's answer cannot be read")?;
    let list = authority
        .revocation_list(&withdrawn, dates)
        .context("the list was not made")?;
    let file = listing.out.unwrap_or_else(|| layout.ca_list());
    replace_public(&file, list.as_bytes())?;
    report.record(&asked, || {
        fields(&[
            ("list", Some(file.display().to_string())),
            (
                "CA",
                Some(authority.certificate().fingerprint().to_string()),
            ),
            ("revoked", Some(asked.revoked.len().to_string())),
            ("next update", Some(asked.next_update.clone())),
        ])
    })?;
    Ok(())
}
