//! The certificates of the server's own as they lie in its directory: read, checked, and completed where their replacement was cut off.
//!
//! Commands replace the files; a running server takes them up when it is told to, never by itself: peers such as vCenter trust one
//! certificate, and whoever changes it decides when.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::time::Instant;

use crate::admin::certificates::{AUTHORITIES_MAX, Opening, Reading};
use crate::admin::lock::{DirectoryLock, LockError};
use crate::admin::{Found, Source};
use crate::config::Layout;
use crate::config::layout::{read_private, read_public};
use crate::crypto::certificate::presentable::check_presentable;
use crate::crypto::{Authority, Certificate};
use crate::domain::{Clock as _, OwnCertificates, SystemClock};
use crate::server::identity::Gatekeeper;
use crate::server::{Presented, ServerPair, TlsFiles};

/// How long to wait for another command that replaces certificates.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long until it is looked for again.
const PAUSE: Duration = Duration::from_millis(50);

const END: &str = "-----END CERTIFICATE-----";

/// Held while certificates are replaced; what a command that was cut off has begun is completed first.
///
/// # Errors
/// Another command does not end, or the files cannot be completed.
pub async fn lock(layout: &Layout) -> anyhow::Result<DirectoryLock> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match try_lock(layout, Instant::now() < deadline)? {
            Some(lock) => return Ok(lock),
            None => tokio::time::sleep(PAUSE).await,
        }
    }
}

/// The same, on a thread that may wait.
///
/// # Errors
/// Those of [`lock`].
pub fn lock_blocking(layout: &Layout) -> anyhow::Result<DirectoryLock> {
    let deadline = std::time::Instant::now() + PATIENCE;
    loop {
        match try_lock(layout, std::time::Instant::now() < deadline)? {
            Some(lock) => return Ok(lock),
            None => std::thread::sleep(PAUSE),
        }
    }
}

/// The lock, if nobody holds it; where somebody does, that is an error unless there is time to wait.
fn try_lock(layout: &Layout, may_wait: bool) -> anyhow::Result<Option<DirectoryLock>> {
    match DirectoryLock::acquire(&layout.certificates_lock()) {
        Ok(lock) => {
            finish(layout)?;
            Ok(Some(lock))
        }
        Err(LockError::Held { .. }) if may_wait => Ok(None),
        Err(LockError::Held { .. }) => {
            bail!("another command is replacing certificates and does not end; try again")
        }
        Err(error) => Err(error.into()),
    }
}

/// Completes what a command that was cut off has begun. One that is at work is left alone.
///
/// # Errors
/// The system refused a step.
pub fn complete(layout: &Layout) -> anyhow::Result<()> {
    match DirectoryLock::acquire(&layout.certificates_lock()) {
        Ok(_lock) => finish(layout),
        Err(LockError::Held { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn finish(layout: &Layout) -> anyhow::Result<()> {
    let is_served = |certificate: &str, key: &str| pair_of(certificate, key).is_ok();
    layout.server_pair().finish(is_served)?;
    let is_ca = |certificate: &str, key: &str| Authority::load(first(certificate), key).is_ok();
    Ok(layout.ca_pair().finish(is_ca)?)
}

fn pair_of(certificate_pem: &str, key_pem: &str) -> anyhow::Result<ServerPair> {
    Ok(ServerPair::read(&TlsFiles {
        certificate_name: "the certificate's file",
        certificate_pem,
        key_name: "the key's file",
        key_pem,
    })?)
}

/// The first certificate of a text that may hold several.
#[must_use]
pub fn first(text: &str) -> &str {
    text.split_inclusive(END).next().unwrap_or_default()
}

/// Our CA's certificates, the one that issues first; none where there is no CA.
///
/// # Errors
/// Their file is there and cannot be read.
pub fn authorities(layout: &Layout) -> anyhow::Result<Vec<Certificate>> {
    let path = layout.ca_certificate();
    if !path.exists() {
        return Ok(Vec::new());
    }
    let unusable = || format!("{} is unusable", path.display());
    let all = Certificate::all_from_pem(&read_public(&path, "")?).with_context(unusable)?;
    if all.len() > AUTHORITIES_MAX {
        bail!(
            "{} holds {} certificates, and {AUTHORITIES_MAX} are as many as may be",
            path.display(),
            all.len()
        );
    }
    Ok(all)
}

/// The server's own certificate: the first of its file, which may hold a chain.
///
/// # Errors
/// It is missing or cannot be read.
pub fn server_certificate(layout: &Layout) -> anyhow::Result<Certificate> {
    let path = layout.server_certificate();
    let text = read_public(&path, "run `keyledger init` first")?;
    Certificate::from_pem(first(&text)).with_context(|| format!("{} is unusable", path.display()))
}

/// The server's certificate with its key.
///
/// # Errors
/// One of the files is missing, or they are no pair.
pub fn pair(layout: &Layout) -> anyhow::Result<ServerPair> {
    let advice = "restore it, or move server.pem and server.key away and run `keyledger init` in a \
                  new directory";
    let (certificate, key) = (layout.server_certificate(), layout.server_key());
    Ok(ServerPair::read(&TlsFiles {
        certificate_name: &certificate.display().to_string(),
        certificate_pem: &read_public(&certificate, advice)?,
        key_name: &key.display().to_string(),
        key_pem: &read_private(&key, advice)?,
    })?)
}

/// What lies there. A server's certificate that cannot be read is left out.
///
/// # Errors
/// The CA's file cannot be read.
pub fn held(layout: &Layout) -> anyhow::Result<OwnCertificates> {
    Ok(OwnCertificates {
        server: server_certificate(layout).ok(),
        authorities: authorities(layout)?,
    })
}

/// What lies there and may be taken up in the place of what is in use.
fn usable(
    layout: &Layout,
    in_use: &OwnCertificates,
) -> anyhow::Result<(ServerPair, OwnCertificates)> {
    let pair = pair(layout)?;
    let server = server_certificate(layout)?;
    let print = in_use.server.as_ref().map(Certificate::fingerprint);
    if print != Some(server.fingerprint()) {
        check_presentable(&pair.chain(), SystemClock.now())
            .with_context(|| format!("{}", layout.server_certificate().display()))?;
    }
    let own = OwnCertificates {
        server: Some(server),
        authorities: authorities(layout)?,
    };
    Ok((pair, own))
}

/// Where a running server takes its certificates from.
#[must_use]
pub fn source(layout: Layout, presented: Arc<Presented>, gatekeeper: Arc<Gatekeeper>) -> Source {
    let opening = opening(layout.clone());
    let read: Reading = Box::new(move |in_use| {
        let found = usable(&layout, in_use).map_err(|error| format!("{error:#}"));
        let (pair, certificates) = found.inspect_err(|error| {
            tracing::error!(error, "The certificates in the files are not taken up; the server goes on with those it has.");
        })?;
        let (presented, gatekeeper) = (Arc::clone(&presented), Arc::clone(&gatekeeper));
        let authorities = ders(&certificates.authorities);
        let take_up = move || {
            gatekeeper.replace_authorities(authorities);
            presented.replace(pair);
            tracing::info!("The certificates in the files are in use.");
        };
        Ok(Found {
            certificates,
            take_up: Box::new(take_up),
        })
    });
    Source {
        read,
        authority: opening,
    }
}

/// Where they are taken from when no server runs: there is nobody to take them up.
#[must_use]
pub fn source_alone(layout: Layout) -> Source {
    let opening = opening(layout.clone());
    let read: Reading = Box::new(move |in_use| {
        let (_, certificates) = usable(&layout, in_use).map_err(|error| format!("{error:#}"))?;
        Ok(Found {
            certificates,
            take_up: Box::new(|| {}),
        })
    });
    Source {
        read,
        authority: opening,
    }
}

fn opening(layout: Layout) -> Opening {
    Arc::new(move || authority(&layout).map_err(|error| format!("{error:#}")))
}

/// Our CA, with its private key.
///
/// # Errors
/// A file is missing, or they do not belong together.
pub fn authority(layout: &Layout) -> anyhow::Result<Authority> {
    let advice = "restore it from its backup, or do this on the node that has it; without the CA no certificate can be issued";
    let certificate = read_public(&layout.ca_certificate(), advice)?;
    let key = read_private(&layout.ca_key(), advice)?;
    let loaded = Authority::load(first(&certificate), &key);
    loaded.with_context(|| format!("the CA in {} is unusable", layout.root().display()))
}

/// The DER of each.
#[must_use]
pub fn ders(certificates: &[Certificate]) -> Vec<Vec<u8>> {
    let der = |certificate: &Certificate| certificate.der().to_vec();
    certificates.iter().map(der).collect()
}
