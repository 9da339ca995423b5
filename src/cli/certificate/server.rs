//! `keyledger certificate renew-server` and `install-server`.
//!
//! The private key goes from memory to its file, or from one file to another, and nowhere else.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::Args;

use super::super::issue;
use super::super::own;
use super::super::reach::{self, Reach};
use super::super::report::{Report, fields, line};
use crate::admin::message::Certificates;
use crate::config::Layout;
use crate::config::layout::{read_private, read_public};
use crate::crypto::certificate::presentable::{check_presentable, names};
use crate::crypto::verify_signed_by;
use crate::domain::expiry::days_left;
use crate::domain::{Clock as _, SystemClock};
use crate::server::{ServerPair, TlsFiles};

/// A certificate that the server's own CA issues.
#[derive(Debug, Args)]
pub struct Renewal {
    /// A DNS name or IP address of the server, repeatable (default: those of the present certificate)
    #[arg(long = "name", value_name = "NAME")]
    names: Vec<String>,
    /// Do nothing unless the present certificate lasts fewer than this many days: for a timer
    #[arg(long, value_name = "DAYS")]
    if_within: Option<u32>,
}

/// A certificate of another CA.
#[derive(Debug, Args)]
pub struct Installation {
    /// The server's certificate in PEM form, then each CA's that signed the one before
    certificate: PathBuf,
    /// Its private key in PEM form without a passphrase
    key: PathBuf,
}

/// Issues another certificate with a new key, and has it taken up.
pub(super) async fn renew(
    layout: &Layout,
    reach: &mut Reach,
    renewal: Renewal,
    report: &Report,
) -> anyhow::Result<()> {
    let settings = reach::settings(layout)?;
    let now = SystemClock.now();
    if let Some(days) = renewal.if_within {
        let left = days_left(own::server_certificate(layout)?.not_after(), now);
        if left >= i64::from(days) {
            return Ok(line(&format!(
                "the server's certificate lasts {left} days more; nothing was done"
            ))?);
        }
    }
    let names = match renewal.names {
        names if names.is_empty() => present_names(layout)?,
        names => names,
    };
    let issued = issue::authority(layout)?
        .issue_server(&names, settings.key_kind, now, settings.server_days)
        .context("the server's certificate was not made")?;
    let certificate = issued.certificate_pem.as_bytes();
    layout
        .server_pair()
        .replace(certificate, issued.key_pem.expose())?;
    taken_up(reach, report).await
}

/// The names of the present certificate, if our CA issued it.
fn present_names(layout: &Layout) -> anyhow::Result<Vec<String>> {
    let present = own::server_certificate(layout)?;
    let authorities = own::authorities(layout)?;
    let mut authorities = authorities.iter();
    if !authorities.any(|ca| verify_signed_by(present.der(), ca.der()).is_ok()) {
        bail!(
            "{} was issued by `{}` and not by this server's CA; have it renewed there and use `keyledger certificate \
             install-server`, or say with --name for which names this server's CA is to issue one in its place",
            layout.server_certificate().display(),
            present.issuer()
        );
    }
    let names = names(present.der());
    if names.is_empty() {
        bail!("the present certificate has no names; say them with --name");
    }
    Ok(names)
}

/// Puts a pair of files in the place of the server's, and has it taken up.
pub(super) async fn install(
    layout: &Layout,
    reach: &mut Reach,
    files: Installation,
    report: &Report,
) -> anyhow::Result<()> {
    let certificate = read_public(&files.certificate, "name the file with the certificate")?;
    let key = read_private(&files.key, "name the file with its private key")?;
    let name = files.certificate.display().to_string();
    let pair = ServerPair::read(&TlsFiles {
        certificate_name: &name,
        certificate_pem: &certificate,
        key_name: &files.key.display().to_string(),
        key_pem: &key,
    })?;
    check_presentable(&pair.chain(), SystemClock.now()).with_context(|| name)?;
    layout
        .server_pair()
        .replace(certificate.as_bytes(), key.as_bytes())?;
    taken_up(reach, report).await
}

/// What was put there is in use when this returns.
async fn taken_up(reach: &mut Reach, report: &Report) -> anyhow::Result<()> {
    let certificates = super::reload(reach, false).await.context(
        "the files are replaced, and the server goes on with what it had; `keyledger certificate reload` tries again",
    )?;
    let runs = matches!(reach, Reach::Server(_));
    report.record(&certificates, || said(&certificates, runs))?;
    Ok(())
}

fn said(certificates: &Certificates, runs: bool) -> String {
    let when = if runs {
        "new connections get it; those that are open go on"
    } else {
        "no server runs; the next start serves it"
    };
    let server = certificates.server.as_ref();
    let fields = fields(&[
        ("SHA-256", server.map(|held| held.fingerprint.clone())),
        ("issuer", server.map(|held| held.issuer.clone())),
        ("valid until", server.map(|held| held.not_after.clone())),
    ]);
    format!(
        "the server has another certificate: {when}\n{fields}\nin each vCenter: Configure > Key Providers > select the server > \
         Establish Trust > Make vCenter trust KMS, and compare the fingerprint"
    )
}
