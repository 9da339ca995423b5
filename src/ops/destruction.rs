//! Carries out scheduled destructions whose window has ended: by the server, with the event that ends what was pending.
//!
//! What is due is looked at when the server starts and every minute; a window that ended while no server ran ends then. While a server runs
//! a window also ends no earlier than its time has passed: a clock that jumps ahead must not destroy every key that is scheduled.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::audit::{Action, Data, Event, Failure, Field, Outcome, ReasonCode, Target};
use crate::domain::believed::Believed;
use crate::domain::clock::rfc3339_ms;
use crate::domain::destruction::end_window;
use crate::domain::{Destruction, Initiator, Object, lifecycle};
use crate::ops::error::{Cause, OpError};
use crate::ops::service::Service;
use crate::store::ApplyError;
use crate::store::changeset::{Changeset, Precondition, Write};

/// How often what is due is looked at.
const EVERY: Duration = Duration::from_secs(60);

/// Destructions read at once.
const PAGE: usize = 100;

/// Looks at what is due now and every minute, until `stopping` turns true.
pub async fn carry_out_destructions(service: Arc<Service>, mut stopping: watch::Receiver<bool>) {
    let mut believed = Believed::new(service.now_ms(), Instant::now());
    loop {
        look(&service, &mut believed, Instant::now(), &stopping).await;
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            // An error means that whoever could stop us is gone.
            _ = stopping.wait_for(|stop| *stop) => return,
        }
    }
}

/// Destroys what is due at `at`, as far as the clock is believed then.
pub(super) async fn look(
    service: &Service,
    believed: &mut Believed,
    at: Instant,
    stopping: &watch::Receiver<bool>,
) {
    let clock_ms = service.now_ms();
    let belief = believed.at(clock_ms, at);
    if belief.is_newly_ahead {
        tracing::error!(
            clock = rfc3339_ms(clock_ms),
            believed = rfc3339_ms(belief.now_ms),
            "The clock is further than the time that has passed: scheduled keys are destroyed by that time. If the clock is right, restart the server."
        );
    }
    let now = belief.now_ms.div_euclid(1000);
    if let Err(error) = carry_out_due(service, now, stopping).await {
        // They are due again the next time.
        tracing::error!(
            detail = error.detail,
            "Keys that are due could not be destroyed."
        );
    }
}

/// Tries each key that is due once; what others changed at the same moment, or what failed, is due again the next time.
async fn carry_out_due(
    service: &Service,
    now: i64,
    stopping: &watch::Receiver<bool>,
) -> Result<(), OpError> {
    let mut after = None;
    loop {
        let page = service.store().destructions_due(now, after, PAGE).await?;
        for due in &page {
            if let Err(error) = carry_out(service, due).await {
                tracing::error!(
                    key = %due.object,
                    detail = error.detail,
                    "A key that is due could not be destroyed; it is tried again."
                );
            }
            if *stopping.borrow() {
                return Ok(());
            }
        }
        after = page.last().map(|last| last.object);
        if page.len() < PAGE {
            return Ok(());
        }
    }
}

/// Destroys one key, unless somebody else changes it meanwhile.
async fn carry_out(service: &Service, due: &Destruction) -> Result<(), OpError> {
    let Some(object) = service.store().object_fresh(due.object).await? else {
        return Ok(());
    };
    let now_ms = service.now_ms();
    let mut changed = Object::clone(&object);
    let ended = end_window(&mut changed, now_ms.div_euclid(1000));
    let mut event = event(service, due, &changed, now_ms)?;
    if ended.is_err() {
        // It was destroyed otherwise, as when a restored backup is brought up to what happened since.
        event.outcome = Outcome::Failure;
        event.reason = Failure::ObjectDestroyed.reason();
        event.failure = Some(Failure::ObjectDestroyed);
    }
    let mut changeset = Changeset::new(event);
    changeset.require(Precondition::State(due.object, object.state_version));
    let read = Some(Box::new(due.clone()));
    changeset.require(Precondition::Destruction(due.object, read));
    if ended.is_ok() {
        changeset.write(Write::State(Arc::new(changed)));
    }
    changeset.write(Write::DestructionEnded(due.object));
    match service.store().apply(changeset).await {
        Ok(_) => {
            tracing::warn!(key = %due.object, "The recovery window of a key has ended: it is destroyed.");
            Ok(())
        }
        Err(ApplyError::Conflict) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn event(
    service: &Service,
    due: &Destruction,
    object: &Object,
    now_ms: i64,
) -> Result<Event, OpError> {
    let clients = service.store().clients();
    let instance = clients.instance(due.instance);
    let instance =
        instance.ok_or_else(|| OpError::new(Cause::Internal, "the key's instance is gone"))?;
    let request = Data::new()
        .text(Field::Reason, &due.reason)
        .text(Field::RequestedBy, &due.requested_by.id);
    let request = match &due.approved_by {
        Some(party) => request.text(Field::ApprovedBy, &party.id),
        None => request,
    };
    let version = i64::try_from(object.state_version).unwrap_or(i64::MAX);
    let state = lifecycle::state_at(object, now_ms.div_euclid(1000));
    Ok(Event {
        id: service.event_id(now_ms)?,
        time_ms: now_ms,
        action: Action::KeyDestroy,
        outcome: Outcome::Success,
        initiator: Arc::new(Initiator::server(&service.store().origin().name)),
        scope: Arc::clone(&instance.scope),
        target: Target::Key(due.object),
        reason: ReasonCode::Ok,
        failure: None,
        request,
        response: Data::new()
            .text(Field::State, state.name())
            .number(Field::ObjectVersion, version),
        correlation: due.correlation,
    })
}
