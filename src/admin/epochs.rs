//! Epochs of the trail: begun by an operator, or before a change to a database that was put back.

use super::management::check_text;
use super::message::{self, NewEpoch, Response};
use super::{Admin, AdminError, access};
use crate::domain::Initiator;
use crate::ops::epoch::{self, Beginning, EpochError, Finding};
use crate::store::ApplyError;

/// The most bytes of a reason.
const REASON_BYTES_MAX: usize = 512;

/// Begins a new epoch of the trail.
pub(super) async fn begin(
    admin: &Admin,
    initiator: Initiator,
    request: NewEpoch,
) -> Result<Response, AdminError> {
    check_text("reason", &request.reason, REASON_BYTES_MAX)?;
    let scope = admin.global_scope()?;
    let _turn = admin.changes.lock().await;
    let sealer = admin.sealer().ok();
    let _pause = match &sealer {
        Some(sealer) => Some(sealer.pause().await),
        None => None,
    };
    let found = epoch::interruption(&admin.store.last_sealed().await?);
    let beginning = Beginning {
        initiator,
        rights: access::asked::rights(),
        finding: found.unwrap_or(Finding::Commanded),
        reason: Some(&request.reason),
        scope,
        clock: &*admin.clock,
        random: &*admin.random,
    };
    let begun = epoch::begin(&admin.store, &beginning).await?;
    let (number, first, sealed) = (begun.epoch, begun.first, begun.sealed);
    tracing::warn!(
        epoch = number,
        first,
        sealed,
        "A new epoch of the trail was begun by command."
    );
    Ok(Response::Epoch(message::BegunEpoch {
        epoch: number,
        first,
        sealed,
        finding: beginning.finding.as_str().to_owned(),
    }))
}

/// Before something is recorded in a database that was put back: a new epoch begins.
pub(super) async fn go_on(admin: &Admin) -> Result<(), AdminError> {
    if epoch::interruption(&admin.store.last_sealed().await?).is_none() {
        return Ok(());
    }
    let (clock, random) = (&*admin.clock, &*admin.random);
    epoch::go_on(&admin.store, &admin.global_scope()?, clock, random).await?;
    admin.postpone_put_back().await
}

impl From<EpochError> for AdminError {
    fn from(error: EpochError) -> Self {
        match error {
            EpochError::Apply(ApplyError::NotPermitted) => access::changed(),
            error => Self::unavailable(format!("no new epoch of the trail could begin: {error}")),
        }
    }
}
