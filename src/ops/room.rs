//! What the trail says when the disk becomes full and when there is room again.
//!
//! One event for each change, by the server itself and in its global scope. What is still done meanwhile is for the store to decide.

use std::sync::Arc;

use tokio::sync::watch;

use crate::audit::{Action, Data, Event, Outcome, ReasonCode, Target};
use crate::domain::Initiator;
use crate::ops::error::OpError;
use crate::ops::service::Service;
use crate::store::Room;
use crate::store::changeset::Changeset;

/// Records each change until `stopping` turns true.
pub async fn record_room(service: Arc<Service>, mut stopping: watch::Receiver<bool>) {
    let mut changes = service.store().room_changed();
    let mut was_full = false;
    loop {
        let full = *changes.borrow_and_update() != Room::Enough;
        if full != was_full {
            let action = if full {
                Action::StorageExhaust
            } else {
                Action::StorageRecover
            };
            // What was not recorded to begin is not recorded to end.
            if record(&service, action).await {
                was_full = full;
            }
        }
        tokio::select! {
            changed = changes.changed() => if changed.is_err() { return },
            // An error means that whoever could stop us is gone.
            _ = stopping.wait_for(|stop| *stop) => return,
        }
    }
}

/// Says whether it is recorded.
async fn record(service: &Service, action: Action) -> bool {
    let recorded = match event(service, action) {
        Ok(event) => {
            let applied = service.store().apply(Changeset::new(event)).await;
            applied.map(|_| ()).map_err(OpError::from)
        }
        Err(error) => Err(error),
    };
    if let Err(error) = &recorded {
        tracing::error!(
            action = action.name(),
            detail = error.detail,
            "A change of the disk's state could not be recorded."
        );
    }
    recorded.is_ok()
}

fn event(service: &Service, action: Action) -> Result<Event, OpError> {
    let now_ms = service.now_ms();
    let node = service.store().origin().name;
    Ok(Event {
        id: service.event_id(now_ms)?,
        time_ms: now_ms,
        action,
        outcome: Outcome::Success,
        initiator: Arc::new(Initiator::server(&node)),
        scope: Arc::clone(service.global_scope()),
        target: Target::Resource(node),
        reason: ReasonCode::Ok,
        failure: None,
        request: Data::new(),
        response: Data::new(),
        correlation: service.request_id(now_ms)?,
    })
}
