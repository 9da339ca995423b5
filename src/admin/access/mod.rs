//! Who may ask the router for what: the one place that decides it, in front of the router.
//!
//! A caller's role must be at least the request's ([`Request::required_role`]); one that is limited to an instance is confined to it, so
//! that what is elsewhere looks as if it were missing; and what would give a caller from elsewhere the rights of the server's own user on
//! its machine is done on the machine only. What a caller asked for is not committed once they have not the rights any more that it was
//! admitted with. Each refusal is recorded.
//!
//! What changes something is carried out to its end, whether who asked waits for it or not: a caller who goes away must not leave half an act.

pub(super) mod asked;
mod confine;
pub(super) mod refusals;

use std::sync::Arc;
use std::time::Instant;

use super::message::routing::TargetRequest;
use super::{Admin, AdminError, Request, Response};
use crate::audit::Failure;
use crate::domain::{Caller, Login, RequestId};
use crate::ops::spans::{Asked, Failed, Span};
use confine::Denied;

/// Types of targets whose endpoint is a program or a file of the server's machine.
pub const LOCAL_TARGETS: [&str; 2] = ["command", "file"];

impl Admin {
    /// Carries out one request of a caller, if they may ask for it. `correlation` is what its events are known by; none: each gets its own.
    ///
    /// # Errors
    /// Those of [`Admin::run`], and that the caller may not ask for this.
    pub async fn run_as(
        self: &Arc<Self>,
        caller: &Caller,
        correlation: Option<RequestId>,
        request: Request,
    ) -> Result<Response, AdminError> {
        if !self.spans.is_on() {
            return self.run_admitted(caller, correlation, request).await;
        }
        let id = correlation.map_or_else(|| self.request_id(), Ok)?;
        let (begun_ms, begun) = (self.clock.now_ms(), Instant::now());
        let operation = request.name();
        let ran = self.run_admitted(caller, Some(id), request).await;
        let failed = ran.as_ref().err().map(|error| Failed {
            code: error.code().to_owned(),
            result_reason: None,
        });
        self.spans.note(Span {
            request: id,
            begun_ms,
            took: begun.elapsed(),
            asked: Asked::Administration {
                initiator: caller.initiator.id.clone(),
                operation,
            },
            failed,
        });
        ran
    }

    async fn run_admitted(
        self: &Arc<Self>,
        caller: &Caller,
        correlation: Option<RequestId>,
        request: Request,
    ) -> Result<Response, AdminError> {
        let request = self.admit(caller, correlation, request).await?;
        let (admin, initiator) = (Arc::clone(self), caller.initiator.clone());
        let rights = caller.rights();
        if request.only_reads() {
            let run = self.run(initiator, request);
            let response = asked::during(rights, correlation, run).await?;
            if !self.store.administrators().may_act(&rights) {
                return Err(changed());
            }
            return confine::narrowed(self, caller, response);
        }
        // Of its own: it goes on without who asked, and what was committed is answered as such, whatever became of the caller.
        let run = async move { admin.run(initiator, request).await };
        let carried_out = tokio::spawn(asked::during(rights, correlation, run)).await;
        let response = carried_out.map_err(|_| cut_off())??;
        confine::narrowed(self, caller, response)
    }

    /// The request as this caller may ask for it.
    ///
    /// # Errors
    /// They may not, which is recorded.
    pub(super) async fn admit(
        &self,
        caller: &Caller,
        correlation: Option<RequestId>,
        request: Request,
    ) -> Result<Request, AdminError> {
        if !self.store.administrators().may_act(&caller.rights()) {
            return Err(changed());
        }
        let operation = request.name();
        match admitted(self, caller, request).await {
            Ok(request) => Ok(request),
            Err(Denied::Missing(error)) => Err(error),
            Err(Denied::Forbidden(failure, message)) => {
                let refused = refusals::Refused {
                    initiator: Some(caller.initiator.clone()),
                    failure,
                    operation: Some(operation),
                };
                self.refuse(refused, correlation).await;
                Err(AdminError::forbidden(message))
            }
        }
    }
}

/// What is said to a caller whose rights were changed or taken away while their request was under way.
pub(super) fn changed() -> AdminError {
    AdminError::forbidden("what the credential may do was changed or taken away meanwhile")
}

/// What is said when the task that carried a request out ended without an answer.
fn cut_off() -> AdminError {
    AdminError::unavailable(
        "the server could not end this; look whether it was carried out, in full or in part",
    )
}

/// The request as this caller may ask for it.
async fn admitted(admin: &Admin, caller: &Caller, request: Request) -> Result<Request, Denied> {
    let required = request.required_role();
    if caller.role < required {
        let (has, needs) = (caller.role.as_str(), required.as_str());
        let message = format!("this needs the role {needs}; the credential has the role {has}");
        return Err(Denied::Forbidden(Failure::RoleTooLow, message));
    }
    if caller.login != Login::Local && is_local_only(admin, &request) {
        let message = "target_type: targets of the types `command` and `file` are set up on the server's machine only: they run and write there as the server's user".to_owned();
        return Err(Denied::Forbidden(Failure::OutOfReach, message));
    }
    match caller.instance {
        Some(instance) => confine::confined(admin, instance, request).await,
        None => Ok(request),
    }
}

/// Whether a request names a program or a file of the server's machine.
fn is_local_only(admin: &Admin, request: &Request) -> bool {
    let is_local = |target_type: &str| LOCAL_TARGETS.contains(&target_type);
    let Request::Target(request) = request else {
        return false;
    };
    match &**request {
        TargetRequest::Add(new) => is_local(&new.target_type),
        TargetRequest::Update(change) => {
            let routing = admin.store.routing();
            let held = routing.target(&change.target);
            change.endpoint.is_some() && held.is_some_and(|held| is_local(&held.target_type))
        }
        TargetRequest::List
        | TargetRequest::Remove(_)
        | TargetRequest::Validate(_)
        | TargetRequest::Parked(_)
        | TargetRequest::Retry(_)
        | TargetRequest::Drop(_)
        | TargetRequest::Follow(_) => false,
    }
}
