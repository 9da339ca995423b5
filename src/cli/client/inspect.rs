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
    wrong.extend(standing.wrong());
    remarks.extend(standing.remarks());
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
