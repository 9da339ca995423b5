//! `keyledger client pending`, `approve` and `dismiss`: certificates that wait for approval in the running server.

use anyhow::Context as _;
use clap::Args;

use super::super::reach::{self, Reach};
use super::super::report::{Report, fields, table};
use super::{changed, said};
use crate::admin::message::{ClientApprove, PendingCertificate};
use crate::admin::{Request, Response};

/// Which certificate is approved, and for whom.
#[derive(Debug, Args)]
pub struct Approval {
    /// The certificate's fingerprint, compared with what its bearer shows; capitals and colons are allowed
    fingerprint: String,
    /// The label of the new client it is for: letters, digits, '.', '_' and '-'
    #[arg(long, required_unless_present = "client")]
    label: Option<String>,
    /// The client that exists and gets this certificate too
    #[arg(long, value_name = "LABEL", conflicts_with_all = ["label", "instance"])]
    client: Option<String>,
    /// The instance whose keys the new client may use (default: the only one)
    #[arg(long)]
    instance: Option<String>,
}

/// The most letters of a subject in the table.
const SUBJECT_CHARS_MAX: usize = 64;

/// Shows what waits, or one of it in full.
pub(super) async fn list(
    reach: &mut Reach,
    fingerprint: Option<&str>,
    report: &Report,
) -> anyhow::Result<()> {
    let waiting = pending(reach, Request::ClientPending).await?;
    let Some(fingerprint) = fingerprint else {
        report.list(&waiting, || as_table(&waiting))?;
        return Ok(());
    };
    let plain = fingerprint.trim().replace(':', "").to_ascii_lowercase();
    let held = waiting.iter().find(|held| held.fingerprint == plain);
    let held = held.context(
        "none with this fingerprint waits for approval; see `keyledger client pending`, or let its bearer try again",
    )?;
    report.record(held, || in_full(held))?;
    Ok(())
}

/// Enrols a certificate that waits.
pub(super) async fn approve(
    reach: &mut Reach,
    approval: Approval,
    report: &Report,
) -> anyhow::Result<()> {
    let renew = approval.client.is_some();
    let request = ClientApprove {
        fingerprint: approval.fingerprint,
        label: approval.client.or(approval.label).unwrap_or_default(),
        instance: approval.instance,
        renew,
    };
    let client = changed(reach, Request::ClientApprove(request)).await?;
    report.record(&client, || said("enrolled", &client))?;
    Ok(())
}

/// Takes a certificate off the list.
pub(super) async fn dismiss(
    reach: &mut Reach,
    fingerprint: String,
    report: &Report,
) -> anyhow::Result<()> {
    let dismissed = pending(reach, Request::ClientDismiss { fingerprint }).await?;
    report.list(&dismissed, || {
        let fingerprints = dismissed.iter().map(|held| held.fingerprint.as_str());
        let fingerprints = fingerprints.collect::<Vec<_>>().join(" ");
        format!("dismissed {fingerprints}; it waits again if its bearer comes again")
    })?;
    Ok(())
}

async fn pending(reach: &mut Reach, request: Request) -> anyhow::Result<Vec<PendingCertificate>> {
    match reach.run(request).await? {
        Response::Pending(waiting) => Ok(waiting),
        other => Err(reach::unexpected(&other)),
    }
}

fn in_full(held: &PendingCertificate) -> String {
    let whole = held.whole_subject.clone();
    let whole = whole.unwrap_or_else(|| "cannot be written: use `client approve`".to_owned());
    fields(&[
        ("fingerprint", Some(held.fingerprint.clone())),
        ("subject", Some(whole)),
        ("issuer", Some(held.issuer.clone())),
        ("valid from", Some(held.not_before.clone())),
        ("valid until", Some(held.not_after.clone())),
        ("first seen", Some(held.first_seen.clone())),
        ("last seen", Some(held.last_seen.clone())),
        ("count", Some(held.count.to_string())),
        ("address", Some(held.address.clone())),
    ])
}

fn shortened(subject: &str) -> String {
    match subject.char_indices().nth(SUBJECT_CHARS_MAX) {
        Some((end, _)) => format!("{}…", subject.get(..end).unwrap_or_default()),
        None => subject.to_owned(),
    }
}

fn as_table(waiting: &[PendingCertificate]) -> String {
    if waiting.is_empty() {
        return "no certificate waits for approval; one does once its bearer has tried to connect (in vCenter: Establish Trust)"
            .to_owned();
    }
    let heading = [
        "FINGERPRINT",
        "SUBJECT",
        "VALID FROM",
        "VALID UNTIL",
        "FIRST SEEN",
        "LAST SEEN",
        "COUNT",
        "ADDRESS",
    ];
    let mut rows = vec![heading.map(str::to_owned).to_vec()];
    for held in waiting {
        let expired = if held.expired { " (expired)" } else { "" };
        rows.push(vec![
            held.fingerprint.clone(),
            shortened(&held.subject),
            held.not_before.clone(),
            format!("{}{expired}", held.not_after),
            held.first_seen.clone(),
            held.last_seen.clone(),
            held.count.to_string(),
            held.address.clone(),
        ]);
    }
    let advice = "compare the fingerprint with what its bearer shows, then: keyledger client approve FINGERPRINT --label LABEL";
    format!("{}\n{advice}", table(&rows))
}
