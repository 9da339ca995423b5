//! Issuing a client's certificate: it is made here, with a key of ours or for a request of the client's, and enrolled through the router.
//!
//! The private key goes from memory to one file of its owner and nowhere else: it does not cross the control socket. Nothing is
//! overwritten; when enrolling is refused, the files that were just made are removed again.

use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::own;
use super::reach::{self, Reach};
use crate::admin::message::{Client, ClientAdd};
use crate::admin::{Request, Response};
use crate::config::layout::{write_private, write_public};
use crate::config::{Layout, Settings};
use crate::crypto::{Authority, SigningRequest};
use crate::domain::client::check_label;
use crate::domain::{Clock as _, SystemClock};

/// Which client gets a certificate.
#[derive(Debug, Clone, Default)]
pub struct Order {
    /// Its label.
    pub label: String,
    /// The instance of a new client; none: the only one, or `default`.
    pub instance: Option<String>,
    /// Whether the client exists already.
    pub renew: bool,
    /// How many days the certificates that it has still count at most; none: to their own end.
    pub overlap_days: Option<u32>,
}

/// What was issued.
#[derive(Debug)]
pub struct Delivered {
    /// The client as enrolled.
    pub client: Client,
    /// Where its certificate lies.
    pub certificate: PathBuf,
    /// Where its private key lies.
    pub key: PathBuf,
}

/// Issues a certificate and enrols it.
///
/// # Errors
/// The CA cannot be used, a file is in the way, or the router refused; nothing is left behind then.
pub async fn issue(
    reach: &mut Reach,
    settings: &Settings,
    order: Order,
) -> anyhow::Result<Delivered> {
    let layout = &settings.layout;
    check_label(&order.label)?;
    let (certificate, key) = (
        layout.client_certificate(&order.label),
        layout.client_key(&order.label),
    );
    let issued = authority(layout)?
        .issue_client(
            &order.label,
            settings.key_kind,
            SystemClock.now(),
            settings.client_days,
        )
        .context("the client's certificate was not made")?;
    write_private(&key, issued.key_pem.expose())?;
    if let Err(error) = write_public(&certificate, issued.certificate_pem.as_bytes()) {
        remove(&[&key]);
        return Err(error.into());
    }
    let made = [key.as_path(), certificate.as_path()];
    let client = enrol(reach, order, issued.certificate_pem, &made).await?;
    Ok(Delivered {
        client,
        certificate,
        key,
    })
}

/// Issues another certificate to a client, with a new key, in the place of the files of the former one; that one counts beside it.
///
/// Enrolled first: a certificate whose files are lost harms nobody, files that are not enrolled lock the client out.
///
/// # Errors
/// The CA cannot be used, the router refused, or the files cannot be replaced.
pub async fn renew(
    reach: &mut Reach,
    settings: &Settings,
    order: Order,
) -> anyhow::Result<Delivered> {
    let layout = &settings.layout;
    check_label(&order.label)?;
    let (label, days) = (order.label.clone(), settings.client_days);
    let issued = authority(layout)?
        .issue_client(&label, settings.key_kind, SystemClock.now(), days)
        .context("the client's certificate was not made")?;
    let pem = issued.certificate_pem;
    let client = enrol(reach, order, pem.clone(), &[]).await?;
    let files = layout.client_pair(&label);
    files
        .replace(pem.as_bytes(), issued.key_pem.expose())
        .context("the certificate is enrolled and could not be kept; renew again")?;
    Ok(Delivered {
        client,
        certificate: files.certificate,
        key: files.key,
    })
}

/// A certificate made for a client's own signing request.
#[derive(Debug)]
pub struct Signed {
    /// The client as enrolled.
    pub client: Client,
    /// Where its certificate lies.
    pub certificate: PathBuf,
    /// The certificate as PEM text.
    pub pem: String,
}

/// Signs a client's own request and enrols the certificate; it is written to `out`, or among the clients' certificates.
///
/// # Errors
/// The request is refused, the CA cannot be used, a file is in the way, or the router refused; nothing is left behind then.
pub async fn sign(
    reach: &mut Reach,
    settings: &Settings,
    order: Order,
    request: &str,
    out: Option<PathBuf>,
) -> anyhow::Result<Signed> {
    let layout = &settings.layout;
    check_label(&order.label)?;
    let request = SigningRequest::from_pem(request)?;
    let days = settings.client_days;
    let (pem, _) = authority(layout)?
        .sign(&request, &order.label, SystemClock.now(), days)
        .context("the client's certificate was not made")?;
    let certificate = out.unwrap_or_else(|| layout.client_certificate(&order.label));
    write_public(&certificate, pem.as_bytes())?;
    let client = enrol(reach, order, pem.clone(), &[certificate.as_path()]).await?;
    Ok(Signed {
        client,
        certificate,
        pem,
    })
}

/// Enrols a certificate that was just made; a refusal takes back the files it was written to.
async fn enrol(
    reach: &mut Reach,
    order: Order,
    certificate: String,
    files: &[&Path],
) -> anyhow::Result<Client> {
    let request = ClientAdd {
        label: order.label,
        instance: order.instance,
        certificate,
        issued: true,
        renew: order.renew,
        overlap_days: order.overlap_days,
    };
    match reach.run(Request::ClientAdd(request)).await {
        Ok(Response::Client(client)) => Ok(client),
        Ok(other) => Err(reach::unexpected(&other)),
        Err(error) if reach::is_refusal(&error) => {
            remove(files);
            Err(error)
        }
        // Whether the client is enrolled is not known, so its files are kept.
        Err(error) => {
            let kept = files.iter().map(|file| file.display().to_string());
            Err(error.context(format!(
                "it is not known whether the client was enrolled; see `keyledger client list`; what was made for it is kept: {}",
                kept.collect::<Vec<_>>().join(", ")
            )))
        }
    }
}

/// Loads our CA with its private key.
///
/// # Errors
/// One of its two files is missing, unreadable, or not a CA's.
pub fn authority(layout: &Layout) -> anyhow::Result<Authority> {
    own::complete(layout)?;
    own::authority(layout)
}

/// Takes back files made a moment ago. One that stays is named by the next attempt.
fn remove(paths: &[&Path]) {
    for path in paths {
        drop(std::fs::remove_file(path));
    }
}
