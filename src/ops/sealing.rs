//! Checkpoints while the server runs, the epoch that must begin before them, and what the trail says where they fail.
//!
//! One event when a failure begins and one when checkpoints are made again; keys are served meanwhile. A full disk has events of its own.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::audit::{Action, Data, Field};
use crate::ops::epoch;
use crate::ops::node;
use crate::ops::seal::{SealError, Sealer};
use crate::ops::service::Service;
use crate::store::ApplyError;

/// Makes a checkpoint at once and each `interval` in which there were events, until `stopping` turns true. Where nobody can sign, that is
/// recorded, and there is nothing more to do.
pub async fn keep_checkpoints(
    service: Arc<Service>,
    sealer: Option<Arc<Sealer>>,
    interval: Duration,
    mut stopping: watch::Receiver<bool>,
) {
    if sealer.is_none() {
        tell(&service, Action::TrailSealFail, Some(NO_KEY)).await;
    }
    // A failure is told when it begins; the next checkpoint seals what this one did not.
    let (mut state, mut goes_on, mut may_mend) = (State::Sealing, false, true);
    loop {
        goes_on = goes_on || go_on(&service, sealer.as_deref()).await;
        match &sealer {
            Some(sealer) => {
                let failure = sealer.checkpoint(service.store()).await.err();
                let is_break = failure.as_ref().is_some_and(SealError::is_break);
                state = state.after(&service, failure).await;
                // What can be mended was once recorded, and is sealed the next time.
                may_mend = !is_break || may_mend && mend(&service, sealer).await;
            }
            None if goes_on => return,
            None => {}
        }
        tokio::select! {
            () = tokio::time::sleep(interval) => {}
            // An error means that whoever could stop us is gone.
            _ = stopping.wait_for(|stop| *stop) => return,
        }
    }
}

/// Begins the epoch that could not begin at start, because the disk was full or what was sealed last could not be read. Says whether there is
/// nothing more to do; why not was logged at start.
async fn go_on(service: &Service, sealer: Option<&Sealer>) -> bool {
    let _pause = match sealer {
        Some(sealer) => Some(sealer.pause().await),
        None => None,
    };
    let (scope, random) = (service.global_scope(), service.random());
    match epoch::go_on(service.store(), scope, service.clock(), random).await {
        Ok(_) => true,
        Err(error) => {
            tracing::debug!(%error, "No new epoch of the trail could begin yet.");
            false
        }
    }
}

/// Makes anew what is kept of the trail's tree, where only that is wrong. Says whether there was something to mend: a trail that is broken
/// otherwise is not read again and again.
async fn mend(service: &Service, sealer: &Sealer) -> bool {
    match sealer.mend(service.store()).await {
        Ok(0) => false,
        Ok(hashes) => {
            tracing::warn!(
                hashes,
                "Hashes that are kept of the trail were wrong and were made anew from its events, which are those that were sealed."
            );
            true
        }
        Err(error) => {
            tracing::warn!(%error, "What is kept of the trail's tree could not be mended.");
            // A store that could not be read or written is tried again; a trail with a hole is not.
            !error.is_break()
        }
    }
}

const NO_KEY: &str = "the key that signs the trail cannot be used";

/// How it goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Sealing,
    /// It fails, and the trail does not say so.
    Failing,
    /// It fails, and the trail says so.
    Recorded,
}

impl State {
    /// What was not recorded to begin is not recorded to end.
    async fn after(self, service: &Service, failure: Option<SealError>) -> Self {
        let Some(error) = failure else {
            if self == Self::Recorded && !tell(service, Action::TrailSealRecover, None).await {
                return self;
            }
            return Self::Sealing;
        };
        if self == Self::Sealing {
            tracing::error!(%error, "The trail could not be sealed by a checkpoint.");
        }
        let recorded = self == Self::Recorded;
        match cause(&error) {
            Some(cause) if !recorded && tell(service, Action::TrailSealFail, Some(cause)).await => {
                Self::Recorded
            }
            _ if recorded => Self::Recorded,
            _ => Self::Failing,
        }
    }
}

/// Why, in words of ours; none where the trail says it already.
const fn cause(error: &SealError) -> Option<&'static str> {
    Some(match error {
        SealError::Apply(ApplyError::StorageFull) => return None,
        SealError::Store(_) => "the trail cannot be read",
        SealError::Damaged(_) => "the trail is damaged",
        SealError::Apply(_) => "the checkpoint cannot be kept",
        SealError::Provider(_) | SealError::Key | SealError::Random(_) => NO_KEY,
        SealError::Last(_) => "the last checkpoint cannot be used",
        SealError::Contradiction(_) => "the trail does not hold what its last checkpoint seals",
        SealError::Interruption(finding) => finding.sentence(),
    })
}

/// Says whether it is recorded.
async fn tell(service: &Service, action: Action, reason: Option<&'static str>) -> bool {
    let request = match reason {
        Some(reason) => Data::new().text(Field::Reason, reason),
        None => Data::new(),
    };
    let recorded = node::record(service, action, request).await;
    if let Err(error) = &recorded {
        let (action, detail) = (action.name(), &error.detail);
        tracing::error!(
            action,
            detail,
            "What became of the trail's seal could not be recorded."
        );
    }
    recorded.is_ok()
}
