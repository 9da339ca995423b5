//! What stands in the revocation list of the server's own CA: the certificates that it issued and that count no more.
//!
//! The list is signed by whoever reads the CA's key, the command line or the API; that it is signed is on the record before.

use super::message::{CertificateCrl, OwnRevocation, OwnRevocations, Response};
use super::{Admin, AdminError, Deed};
use crate::audit::{Action, Data, Field};
use crate::crypto::{Fingerprint, Withdrawn};
use crate::domain::Initiator;
use crate::domain::clock::rfc3339;
use crate::domain::expiry::days_after;

/// The most days to the next list.
const DAYS_MAX: u32 = 3650;

/// Gives out what is to be signed.
pub(super) async fn list(
    admin: &Admin,
    initiator: Initiator,
    request: CertificateCrl,
) -> Result<Response, AdminError> {
    check_days(request.days)?;
    let ca = issuing(admin, &request.authority)?;
    let _guard = admin.changes.lock().await;
    let time_ms = admin.clock.now_ms();
    let now = time_ms.div_euclid(1000);
    let withdrawn = admin.store.withdrawn(ca, now).await?;
    let next_update = rfc3339(days_after(now, request.days));
    let revoked = i64::try_from(withdrawn.len()).unwrap_or(i64::MAX);
    let deed = Deed {
        action: Action::AuthorityPublish,
        initiator,
        target: ca.to_string(),
        scope: admin.global_scope()?,
        request: Data::new()
            .text(Field::Authority, ca.to_string())
            .text(Field::NextUpdate, &next_update)
            .number(Field::Revoked, revoked),
    };
    admin.commit(deed, Vec::new()).await?;
    Ok(Response::OwnRevocations(OwnRevocations {
        // Goes on by itself, whatever was restored.
        number: u64::try_from(time_ms).unwrap_or(0),
        this_update: rfc3339(now),
        next_update,
        revoked: withdrawn.iter().map(shown).collect(),
    }))
}

/// How many days there may be to the next list.
pub(super) fn check_days(days: u32) -> Result<(), AdminError> {
    if (1..=DAYS_MAX).contains(&days) {
        Ok(())
    } else {
        Err(AdminError::invalid(format!("days: from 1 to {DAYS_MAX}")))
    }
}

/// The CA that issues, if it is the one whose key is at hand: the former ones' keys are gone.
fn issuing(admin: &Admin, authority: &str) -> Result<Fingerprint, AdminError> {
    let own = admin.own.held();
    let first = own.authorities.first();
    let ca = first.ok_or_else(|| {
        AdminError::unavailable("this server has no CA of its own: certs/ca.pem is missing")
    })?;
    if ca.fingerprint().to_string() == authority {
        Ok(ca.fingerprint())
    } else {
        Err(AdminError::conflict(
            "CA: the server goes by another one than the files hold; run `keyledger certificate reload` first",
        ))
    }
}

fn shown(held: &Withdrawn) -> OwnRevocation {
    OwnRevocation {
        serial: held.serial.to_string(),
        since: rfc3339(held.since),
        reason: held.why.as_str().to_owned(),
    }
}
