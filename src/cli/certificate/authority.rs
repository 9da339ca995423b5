//! `keyledger certificate rotate-ca` and `retire-ca`.
//!
//! `certs/ca.pem` holds every certificate that counts, the one that issues first: it is what clients are given to trust. There is one private
//! key, of that first one; that of the former CA is gone once it has a successor, so that nobody can sign with it any more.

use anyhow::{Context as _, bail};
use clap::Args;

use super::super::init;
use super::super::own;
use super::super::reach::{self, Reach};
use super::super::report::{Report, fields};
use crate::admin::certificates::{AUTHORITIES_MAX, still_needed};
use crate::admin::message::Certificates;
use crate::config::Layout;
use crate::config::pair::replace_public;
use crate::crypto::authority::AUTHORITY_DAYS;
use crate::crypto::{Authority, Certificate, Fingerprint};
use crate::domain::{Clock as _, SystemClock};

/// Another certificate for the server's own CA.
#[derive(Debug, Args)]
pub struct Rotation {
    /// Its name (default: `Keyledger CA` and a number of its own)
    #[arg(long)]
    name: Option<String>,
}

/// A certificate of the server's own CA that is to go.
#[derive(Debug, Args)]
pub struct Retirement {
    /// Its fingerprint
    fingerprint: String,
    /// Remove what it issued from the clients that still have it; their connections are cut
    #[arg(long)]
    force: bool,
}

/// Makes another CA, which issues from now on.
pub(super) async fn rotate(
    layout: &Layout,
    reach: &mut Reach,
    rotation: Rotation,
    report: &Report,
) -> anyhow::Result<()> {
    let settings = reach::settings(layout)?;
    let before = own::authorities(layout)?;
    if before.len() >= AUTHORITIES_MAX {
        bail!(
            "{AUTHORITIES_MAX} CAs count, which is as many as may be; retire one first with `keyledger certificate retire-ca`"
        );
    }
    let name = match rotation.name {
        Some(name) => name,
        None => init::ca_name()?,
    };
    let now = SystemClock.now();
    let made = Authority::create(&name, now, AUTHORITY_DAYS, settings.key_kind)
        .context("the CA was not made")?;
    let all = std::iter::once(made.certificate()).chain(&before);
    layout
        .ca_pair()
        .replace(bundle(all).as_bytes(), made.key_pem().expose())?;
    let certificates = or_say(super::reload(reach, false).await)?;
    report.record(&certificates, || {
        let ca = made.certificate();
        let fields = fields(&[
            ("SHA-256", Some(ca.fingerprint().to_string())),
            ("certificates", Some(layout.ca_certificate().display().to_string())),
        ]);
        format!(
            "new certificates come from `{}`; what the former CA issued still counts, and its key, which signed its revocation lists, is gone\n{fields}\nnext: give clients that trust the CA \
             the new ca.pem, then `certificate renew-server`, renew the clients that `certificate list` names, `certificate retire-ca`",
            ca.subject()
        )
    })?;
    Ok(())
}

/// Lets a former CA count no more.
pub(super) async fn retire(
    layout: &Layout,
    reach: &mut Reach,
    retirement: Retirement,
    report: &Report,
) -> anyhow::Result<()> {
    let fingerprint: Fingerprint = retirement.fingerprint.parse().context("CA")?;
    let before = own::authorities(layout)?;
    let is_it = |ca: &&Certificate| ca.fingerprint() == fingerprint;
    let place = before.iter().position(|ca| is_it(&ca));
    match place {
        None => bail!(
            "CA: this server has none with this fingerprint; see `keyledger certificate list`"
        ),
        Some(0) => bail!(
            "CA: it is the one that issues; make another one first with `keyledger certificate rotate-ca`"
        ),
        Some(_) => {}
    }
    // Before a file changes; the router decides again.
    let held = super::held(reach).await?;
    let text = fingerprint.to_string();
    let mut authorities = held.authorities.iter();
    let needed = authorities
        .find(|ca| ca.certificate.fingerprint == text)
        .and_then(|ca| still_needed(fingerprint, &ca.clients, ca.server));
    if let Some(text) = needed.filter(|_| !retirement.force) {
        bail!(text);
    }
    let rest = before.iter().filter(|ca| !is_it(ca));
    replace_public(&layout.ca_certificate(), bundle(rest).as_bytes())?;
    let certificates = match super::reload(reach, retirement.force).await {
        // Somebody came to need it meanwhile: the next start must not do without it either.
        Err(error) if reach::is_refusal(&error) => {
            replace_public(&layout.ca_certificate(), bundle(before.iter()).as_bytes())?;
            return Err(error.context("the CA stays"));
        }
        reloaded => or_say(reloaded)?,
    };
    report.record(&certificates, || format!("CA {fingerprint} counts no more"))?;
    Ok(())
}

fn or_say(reloaded: anyhow::Result<Certificates>) -> anyhow::Result<Certificates> {
    reloaded.context(
        "ca.pem is replaced, and the server goes on with what it had; `keyledger certificate reload` tries again",
    )
}

fn bundle<'a>(certificates: impl Iterator<Item = &'a Certificate>) -> String {
    certificates.map(Certificate::to_pem).collect()
}
