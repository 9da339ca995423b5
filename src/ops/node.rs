//! Events about the server as a whole: by itself, in its global scope.

use std::sync::Arc;

use crate::audit::{Action, Data, Event, Outcome, ReasonCode, Target};
use crate::domain::Initiator;
use crate::ops::error::OpError;
use crate::ops::service::Service;
use crate::store::changeset::Changeset;

/// Records that something became of the server.
pub(super) async fn record(
    service: &Service,
    action: Action,
    request: Data,
) -> Result<(), OpError> {
    let event = event(service, action, request)?;
    service.store().apply(Changeset::new(event)).await?;
    Ok(())
}

/// The event that says so.
pub(super) fn event(service: &Service, action: Action, request: Data) -> Result<Event, OpError> {
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
        request,
        response: Data::new(),
        correlation: service.request_id(now_ms)?,
    })
}
