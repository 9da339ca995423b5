//! What the trail says when the disk becomes full and when there is room again.
//!
//! One event for each change, by the server itself and in its global scope. What is still done meanwhile is for the store to decide.

use std::sync::Arc;

use tokio::sync::watch;

use crate::audit::{Action, Data};
use crate::ops::node;
use crate::ops::service::Service;
use crate::store::Room;

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
    let recorded = node::record(service, action, Data::new()).await;
    if let Err(error) = &recorded {
        tracing::error!(
            action = action.name(),
            detail = error.detail,
            "A change of the disk's state could not be recorded."
        );
    }
    recorded.is_ok()
}
