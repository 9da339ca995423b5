//! `keyledger client inspect`: what is in a file, what would be wrong with it here, and which command takes it.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::Args;
use serde::Serialize;

use super::super::reach::{self, Reach};
use super::super::report::{Report, fields};
use crate::admin::message::{ClientInspect, Standing};
use crate::admin::{Request, Response};
use crate::config::layout::read_public;
use crate::crypto::certificate::inspection::{Inspection, inspect as look};
use crate::crypto::{Certificate, SigningRequest};
use crate::domain::clock::rfc3339;
use crate::domain::{Clock as _, SystemClock};

/// A file to look at.
#[derive(Debug, Args)]
pub struct Inspecting {
    /// A certificate, or a certificate signing request, in PEM form
    file: PathBuf,
}

/// What is found, for programs.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Found {
    kind: &'static str,
    fingerprint: Option<String>,
    subject: Option<String>,
    issuer: Option<String>,
    serial: Option<String>,
    not_before: Option<String>,
    not_after: Option<String>,
    key: Option<String>,
    usages: Vec<String>,
    names: Vec<String>,
    /// The client that has it.
    client: Option<String>,
    /// Who has it, who had it, whether it waits, and which CAs vouch for it.
    standing: Option<Standing>,
    wrong: Vec<String>,
    remarks: Vec<String>,
    command: String,
}

/// Looks at a file. What would not work is a failure.
pub(super) async fn inspect(
    reach: &mut Reach,
    inspecting: Inspecting,
    report: &Report,
) -> anyhow::Result<()> {
    let name = inspecting.file.display().to_string();
    let text = read_public(&inspecting.file, "name the file with the certificate")?;
    let found = if text.contains("CERTIFICATE REQUEST-----") {
        SigningRequest::from_pem(&text).with_context(|| name.clone())?;
        Found {
            kind: "certificate signing request",
            remarks: vec!["its signature is good: whoever made it holds the key".to_owned()],
            command: format!("keyledger client sign-csr LABEL {name}"),
            ..Found::default()
        }
    } else {
        let certificate = Certificate::from_pem(&text).with_context(|| name.clone())?;
        let seen = look(&certificate, SystemClock.now()).with_context(|| name.clone())?;
        of_certificate(
            &certificate,
            seen,
            standing(reach, &certificate).await?,
            &name,
        )
    };
    report.record(&found, || said(&found))?;
    if !found.wrong.is_empty() {
        bail!("{name}: {}", found.wrong.join("; "));
    }
    Ok(())
}

/// How the certificate stands with the server.
async fn standing(reach: &mut Reach, certificate: &Certificate) -> anyhow::Result<Standing> {
    let certificate = certificate.to_pem();
    let request = Request::ClientInspect(ClientInspect { certificate });
    match reach.run(request).await? {
        Response::Standing(standing) => Ok(*standing),
        other => Err(reach::unexpected(&other)),
    }
}

fn of_certificate(
    certificate: &Certificate,
    seen: Inspection,
    standing: Standing,
    name: &str,
) -> Found {
    let (mut wrong, mut remarks) = (seen.wrong, seen.remarks);
    wrong.extend(wrong_here(&standing));
    remarks.extend(remarks_here(&standing));
    if seen.is_ca && certificate.self_signed() {
        remarks.push(format!(
            "if it is a CA's that signs clients' certificates: keyledger client trust-ca LABEL {name} --subject 'the whole subject of the client'"
        ));
    }
    let command = if standing.pending {
        let fingerprint = certificate.fingerprint();
        format!(
            "keyledger client approve {fingerprint} --label LABEL; for a client that exists: --client LABEL"
        )
    } else if seen.is_ca && !certificate.self_signed() {
        format!(
            "keyledger client trust-ca LABEL {name} --subject 'the whole subject of the client', or keyledger client add LABEL {name} to pin it"
        )
    } else {
        format!("keyledger client add LABEL {name} (pinned); for a client that exists: --renew")
    };
    let subject = seen.whole_subject.clone();
    Found {
        kind: if seen.is_ca {
            "certificate (CA:TRUE)"
        } else {
            "certificate"
        },
        fingerprint: Some(certificate.fingerprint().to_string()),
        subject: Some(subject.unwrap_or_else(|| certificate.subject().to_owned())),
        issuer: Some(seen.issuer),
        serial: Some(certificate.serial().to_owned()),
        not_before: Some(rfc3339(certificate.not_before())),
        not_after: Some(rfc3339(certificate.not_after())),
        key: Some(seen.key),
        usages: seen.usages,
        names: seen.names,
        client: standing.holder.as_ref().map(|held| held.client.clone()),
        standing: Some(standing),
        wrong,
        remarks,
        command,
    }
}

/// Why it would not do to enrol it.
fn wrong_here(standing: &Standing) -> Vec<String> {
    let mut wrong = Vec::new();
    if let Some(held) = &standing.holder {
        let refused = held.refused.as_ref();
        let refused = refused.map(|reason| format!(", and is refused: {reason}"));
        wrong.push(format!(
            "it is enrolled already, for client `{}` of instance `{}` ({}){}",
            held.client,
            held.instance,
            held.trust,
            refused.unwrap_or_default()
        ));
    }
    for by in standing.trusted.iter().filter(|by| by.revoked) {
        wrong.push(format!(
            "the CA {} that is trusted for client `{}` has revoked it",
            by.authority, by.client
        ));
    }
    wrong
}

/// What is worth knowing before it is enrolled.
fn remarks_here(standing: &Standing) -> Vec<String> {
    let mut remarks = Vec::new();
    for label in &standing.removed_from {
        remarks.push(format!(
            "it, or another certificate of its key, was removed from client `{label}`: whoever enrols it lets it in again"
        ));
    }
    if standing.pending {
        remarks.push("it waits for approval: its bearer has proved to hold its key".to_owned());
    }
    if let Some(ca) = &standing.issued_by {
        remarks.push(format!("this server's own CA {ca} issued it"));
    }
    for by in standing.trusted.iter().filter(|by| !by.revoked) {
        let (ca, client) = (&by.authority, &by.client);
        remarks.push(match &by.refused {
            Some(reason) => format!(
                "the CA {ca} that is trusted for client `{client}` signed it and does not let it in: {reason}"
            ),
            None => format!(
                "the CA {ca} vouches for it: it is let in as client `{client}`"
            ),
        });
    }
    if standing.issued_by.is_none() && standing.trusted.is_empty() {
        remarks.push(
            "no CA that is trusted here signed it: only its fingerprint can be trusted".to_owned(),
        );
    }
    remarks
}

fn said(found: &Found) -> String {
    let list = |texts: &[String]| (!texts.is_empty()).then(|| texts.join(", "));
    let text = fields(&[
        ("kind", Some(found.kind.to_owned())),
        ("SHA-256", found.fingerprint.clone()),
        (
            "initiator",
            found
                .fingerprint
                .as_ref()
                .map(|print| format!("CertificateID-{print}")),
        ),
        ("subject", found.subject.clone()),
        ("issuer", found.issuer.clone()),
        ("serial", found.serial.clone()),
        ("valid from", found.not_before.clone()),
        ("valid until", found.not_after.clone()),
        ("key", found.key.clone()),
        ("for", list(&found.usages)),
        ("names", list(&found.names)),
        ("remarks", list(&found.remarks)),
        ("wrong", list(&found.wrong)),
    ]);
    if found.wrong.is_empty() {
        format!("{text}\n{}", found.command)
    } else {
        text
    }
}
