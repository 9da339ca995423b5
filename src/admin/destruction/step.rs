//! One step of a destruction: the key and what is under way of it as they were read, the events, and the commit that demands both unchanged.

use std::sync::Arc;

use super::{Admin, AdminError, Destruction, Response, view};
use crate::admin::keys;
use crate::audit::{Action, Data, Event, Failure, Field, Outcome, ReasonCode, Target};
use crate::domain::destruction::Scheduled;
use crate::domain::lifecycle::{self, Refused};
use crate::domain::{EventId, Initiator, Instance, Object, ObjectId, RequestId};
use crate::store::ApplyError;
use crate::store::changeset::{Precondition, Write};

/// How often a step is decided anew because a client changed the key.
pub(super) const TRIES: usize = 16;

pub(super) struct Step<'a> {
    admin: &'a Admin,
    initiator: Arc<Initiator>,
    instance: Arc<Instance>,
    /// The key as it was read.
    pub(super) object: Arc<Object>,
    /// The key as it is to be; none: as it is.
    changed: Option<Arc<Object>>,
    held: Option<Destruction>,
    /// What the events of the step share.
    pub(super) correlation: RequestId,
    events: Vec<Event>,
}

impl<'a> Step<'a> {
    /// Reads a key and what is under way of it.
    pub(super) async fn load(
        admin: &'a Admin,
        initiator: &Initiator,
        id: &str,
    ) -> Result<Self, AdminError> {
        let missing = || keys::missing(id);
        let object: ObjectId = id.parse().map_err(|_| missing())?;
        let held = admin.store.destruction(object).await?;
        let object = admin.store.object_fresh(object).await?;
        let object = object.ok_or_else(missing)?;
        let clients = admin.store.clients();
        let instance = clients.instance(object.instance).ok_or_else(missing)?;
        let correlation = match &held {
            Some(held) => held.correlation,
            None => admin.correlation()?,
        };
        Ok(Self {
            admin,
            initiator: Arc::new(initiator.clone()),
            instance: Arc::clone(instance),
            object,
            changed: None,
            held,
            correlation,
            events: Vec::new(),
        })
    }

    /// It is a key of the instance of this name, where one is named.
    pub(super) fn must_be_of(&self, instance: Option<&str>) -> Result<(), AdminError> {
        match instance {
            Some(name) if name != self.instance.name => {
                Err(keys::missing(&self.object.id.to_string()))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Nothing is under way of the key.
    pub(super) fn none_under_way(&self) -> Result<(), AdminError> {
        match &self.held {
            None => Ok(()),
            Some(held) if held.scheduled.is_some() => Err(AdminError::conflict(format!(
                "{}: its destruction is scheduled already; `keyledger key restore` undoes that",
                held.object
            ))),
            Some(held) => Err(AdminError::conflict(format!(
                "{}: its destruction waits for approval already; see `keyledger key scheduled`",
                held.object
            ))),
        }
    }

    /// The destruction of the key, which waits for an administrator.
    pub(super) fn waiting(&self) -> Result<Destruction, AdminError> {
        match &self.held {
            Some(held) if held.scheduled.is_none() => Ok(held.clone()),
            Some(held) => Err(AdminError::conflict(format!(
                "{}: its destruction is approved and scheduled; `keyledger key restore` undoes that",
                held.object
            ))),
            None => Err(self.nothing("waits for approval")),
        }
    }

    /// The destruction of the key, which is scheduled, and what the key was before.
    pub(super) fn scheduled(&self) -> Result<(Destruction, Scheduled), AdminError> {
        match &self.held {
            Some(held) => match held.scheduled {
                Some(before) => Ok((held.clone(), before)),
                None => Err(AdminError::conflict(format!(
                    "{}: its destruction waits for approval; `keyledger key refuse` ends that",
                    held.object
                ))),
            },
            None => Err(self.nothing("is scheduled")),
        }
    }

    fn nothing(&self, what: &str) -> AdminError {
        let id = self.object.id;
        AdminError::conflict(format!(
            "{id}: no destruction of it {what}; see `keyledger key scheduled`"
        ))
    }

    /// Has the key become this.
    pub(super) fn change(&mut self, object: Object) {
        self.changed = Some(Arc::new(object));
    }

    /// Records that something was done.
    pub(super) fn succeeds(&mut self, action: Action, asked: Data) -> Result<(), AdminError> {
        self.record(action, asked, Outcome::Success, ReasonCode::Ok, None)
    }

    /// Records that a destruction is under way.
    pub(super) fn pends(&mut self, asked: Data) -> Result<(), AdminError> {
        let (action, outcome) = (Action::KeyDestroy, Outcome::Pending);
        self.record(action, asked, outcome, ReasonCode::Accepted, None)
    }

    /// Records that something was not done.
    pub(super) fn fails(
        &mut self,
        action: Action,
        asked: Data,
        cause: Failure,
    ) -> Result<(), AdminError> {
        let (outcome, reason) = (Outcome::Failure, cause.reason());
        self.record(action, asked, outcome, reason, Some(cause))
    }

    /// Records that the key's state does not allow it, and says so.
    pub(super) async fn refused(
        &mut self,
        action: Action,
        asked: Data,
        refused: Refused,
    ) -> AdminError {
        let recorded = self.fails(action, asked, failure(refused));
        let committed = match recorded {
            Ok(()) => self.commit(Vec::new()).await.map(|_| ()),
            Err(error) => Err(error),
        };
        match committed {
            Ok(()) => sorry(refused, &self.object),
            Err(error) => error,
        }
    }

    fn record(
        &mut self,
        action: Action,
        request: Data,
        outcome: Outcome,
        reason: ReasonCode,
        failure: Option<Failure>,
    ) -> Result<(), AdminError> {
        let time_ms = self.admin.clock.now_ms();
        let object = self.changed.as_ref().unwrap_or(&self.object);
        let state = lifecycle::state_at(object, self.admin.now());
        let version = i64::try_from(object.state_version).unwrap_or(i64::MAX);
        self.events.push(Event {
            id: EventId::new(time_ms, self.admin.random_bytes()?),
            time_ms,
            action,
            outcome,
            initiator: Arc::clone(&self.initiator),
            scope: Arc::clone(&self.instance.scope),
            target: Target::Key(object.id),
            reason,
            failure,
            request,
            response: Data::new()
                .text(Field::State, state.name())
                .number(Field::ObjectVersion, version),
            correlation: self.correlation,
        });
        Ok(())
    }

    /// Commits the step; says whether nobody changed the key or what is under way of it meanwhile.
    pub(super) async fn commit(&mut self, writes: Vec<Write>) -> Result<bool, AdminError> {
        let id = self.object.id;
        let mut events = std::mem::take(&mut self.events).into_iter();
        let Some(first) = events.next() else {
            return Ok(true);
        };
        let mut changeset = Admin::changeset(first);
        events.for_each(|event| changeset.record(event));
        // A refusal changes nothing and stands whatever becomes of the key.
        if self.changed.is_some() || !writes.is_empty() {
            changeset.require(Precondition::State(id, self.object.state_version));
            let held = self.held.clone().map(Box::new);
            changeset.require(Precondition::Destruction(id, held));
        }
        if let Some(changed) = &self.changed {
            changeset.write(Write::State(Arc::clone(changed)));
        }
        writes.into_iter().for_each(|write| changeset.write(write));
        match self.admin.store.apply(changeset).await {
            Ok(_) => Ok(true),
            Err(ApplyError::Conflict) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// The answer once the step is committed.
    pub(super) fn answer(self, word: &str, held: &Destruction) -> Result<Response, AdminError> {
        let object = self.changed.as_ref().unwrap_or(&self.object);
        let view = view(self.admin, object, word, held);
        Ok(Response::Destruction(Box::new(view)))
    }
}

/// What the event says of a refusal.
pub(super) const fn failure(refused: Refused) -> Failure {
    match refused {
        Refused::Destroyed => Failure::ObjectDestroyed,
        Refused::Scheduled => Failure::DestructionScheduled,
        Refused::WrongState | Refused::OccurrenceWithoutCompromise => Failure::WrongState,
    }
}

/// What the administrator is told of it.
pub(super) fn sorry(refused: Refused, object: &Object) -> AdminError {
    let id = object.id;
    AdminError::conflict(match refused {
        Refused::Destroyed => format!("{id}: the key is destroyed"),
        Refused::Scheduled => format!(
            "{id}: its destruction is scheduled already; `keyledger key restore` undoes that"
        ),
        Refused::WrongState | Refused::OccurrenceWithoutCompromise => format!(
            "{id}: the key's state does not allow it; an Active key is revoked first, or destroyed with --force"
        ),
    })
}

/// Clients changed the key again and again.
pub(super) fn restless(id: &str) -> AdminError {
    AdminError::unavailable(format!("{id}: the key changes all the time; try again"))
}
