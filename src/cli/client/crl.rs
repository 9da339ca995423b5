//! `keyledger client crl`: what a CA of others has revoked.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;

use super::super::reach::Reach;
use super::super::report::Report;
use super::changed;
use crate::admin::Request;
use crate::admin::message::ClientCrl;
use crate::crypto::certificate::revocation::as_pem;

/// A certificate revocation list.
#[derive(Debug, Args)]
pub struct Revoking {
    /// The label of a client that the CA is trusted for
    label: String,
    /// The CA's list, in PEM or DER form
    file: PathBuf,
    /// The CA's fingerprint (default: the only one that is trusted for the client)
    #[arg(long, value_name = "FINGERPRINT")]
    ca: Option<String>,
}

/// Takes a list.
pub(super) async fn load(
    reach: &mut Reach,
    revoking: Revoking,
    report: &Report,
) -> anyhow::Result<()> {
    let request = ClientCrl {
        label: revoking.label,
        ca: revoking.ca,
        list: read_list(&revoking.file)?,
    };
    let client = changed(reach, Request::ClientCrl(request)).await?;
    report.record(&client, || {
        let of_list = |list: &crate::admin::message::Revocations| {
            format!("{} revoked, next update {}", list.revoked, list.next_update)
        };
        let lists: Vec<_> = client
            .authorities
            .iter()
            .filter_map(|ca| ca.revocations.as_ref())
            .map(of_list)
            .collect();
        format!(
            "what CAs of client {} have revoked counts no more: {}",
            client.label,
            lists.join("; ")
        )
    })?;
    Ok(())
}

/// Reads a list in either form, as PEM text.
pub(super) fn read_list(path: &Path) -> anyhow::Result<String> {
    let file = path.display();
    let content = std::fs::read(path).with_context(|| format!("cannot read {file}"))?;
    as_pem(&content).with_context(|| format!("{file}"))
}
