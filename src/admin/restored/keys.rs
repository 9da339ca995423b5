//! Keys that are again what they were after a backup: revoked, destroyed, or given back.

use std::sync::Arc;

use super::{Admin, AdminError, Deed, Taken, again, instance_of};
use crate::admin::destruction::asked;
use crate::audit::{Action, Data, Event, Failure, Field, Outcome, Target};
use crate::domain::destruction::restore as give_back;
use crate::domain::lifecycle::{self, Refused};
use crate::domain::{Destruction, Initiator, Object, ObjectId, RevocationReason};
use crate::kmip::enums::RevocationReasonCode;
use crate::store::ApplyError;
use crate::store::changeset::{Changeset, Precondition, Write};

/// How often a key is read again that changes meanwhile: nobody else is there.
const TRIES: usize = 3;
/// What is said of a key that was destroyed while it was Active, by an administrator who forced it.
const FORCED: RevocationReasonCode = RevocationReasonCode::CessationOfOperation;

impl Admin {
    /// Revokes a key for this reason, or destroys it.
    pub(super) async fn change_key(
        &self,
        by: &Initiator,
        taken: &Taken,
        id: ObjectId,
        reason: Option<RevocationReasonCode>,
    ) -> Result<bool, AdminError> {
        for _ in 0..TRIES {
            let Some(stored) = self.store.object_fresh(id).await? else {
                return Ok(false);
            };
            // Nothing opens a key whose instance was removed.
            if self.store.clients().instance(stored.instance).is_none() {
                return Ok(false);
            }
            let Some(changed) = changed(&stored, reason, self.now()) else {
                return Ok(false);
            };
            let held = self.store.destruction(id).await?;
            let changeset = self.of_key(by, taken, (&stored, held), changed, reason)?;
            match self.store.apply(changeset).await {
                Ok(_) => return Ok(true),
                Err(ApplyError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(ApplyError::Conflict.into())
    }

    fn of_key(
        &self,
        by: &Initiator,
        taken: &Taken,
        (stored, held): (&Object, Option<Destruction>),
        changed: Object,
        reason: Option<RevocationReasonCode>,
    ) -> Result<Changeset, AdminError> {
        let snapshot = self.store.clients();
        let request = again(taken);
        let (action, request) = match reason {
            Some(code) => (
                Action::KeyRevoke,
                request.text(Field::RevocationReason, code.name()),
            ),
            None => (Action::KeyDestroy, request),
        };
        let deed = Deed {
            action,
            initiator: by.clone(),
            target: String::new(),
            scope: Arc::clone(&instance_of(&snapshot, stored.instance)?.scope),
            request,
        };
        let mut event = self.event(deed)?;
        event.target = Target::Key(stored.id);
        event.response = Data::new().text(Field::State, changed.state.name());
        let ended = held.filter(|_| reason.is_none());
        if let Some(held) = &ended {
            event.correlation = held.correlation;
        }
        let mut changeset = Self::changeset(event);
        changeset.require(Precondition::State(stored.id, stored.state_version));
        changeset.write(Write::State(Arc::new(changed)));
        // What was under way of it has ended with it.
        if ended.is_some() {
            changeset.write(Write::DestructionEnded(stored.id));
        }
        Ok(changeset)
    }

    /// Ends the destruction of a key that was called off: the key is what it was before.
    pub(super) async fn call_off(
        &self,
        by: &Initiator,
        taken: &Taken,
        id: ObjectId,
    ) -> Result<bool, AdminError> {
        let held = self.store.destruction(id).await?;
        let stored = self.store.object_fresh(id).await?;
        let (Some(held), Some(stored)) = (held, stored) else {
            return Ok(false);
        };
        let action = match held.scheduled {
            Some(_) => Action::KeyRestore,
            None => Action::KeyRefuse,
        };
        let request = asked(&held).text(Field::Event, &taken.event);
        let told = self.of_work(by, &held, action, request.clone())?;
        let ended = self.of_work(by, &held, Action::KeyDestroy, request)?;
        let mut changeset = Self::changeset(told);
        changeset.record(Event {
            outcome: Outcome::Failure,
            reason: Failure::CalledOff.reason(),
            failure: Some(Failure::CalledOff),
            ..ended
        });
        changeset.require(Precondition::State(id, stored.state_version));
        if let Some(before) = held.scheduled.filter(|_| stored.destroy_due.is_some()) {
            let mut object = Object::clone(&stored);
            give_back(&mut object, before, self.now());
            changeset.write(Write::State(Arc::new(object)));
        }
        changeset.write(Write::DestructionEnded(id));
        self.store.apply(changeset).await?;
        Ok(true)
    }

    /// An event of a destruction that is under way.
    pub(super) fn of_work(
        &self,
        by: &Initiator,
        held: &Destruction,
        action: Action,
        request: Data,
    ) -> Result<Event, AdminError> {
        let snapshot = self.store.clients();
        let deed = Deed {
            action,
            initiator: by.clone(),
            target: String::new(),
            scope: Arc::clone(&instance_of(&snapshot, held.instance)?.scope),
            request,
        };
        Ok(Event {
            target: Target::Key(held.object),
            correlation: held.correlation,
            ..self.event(deed)?
        })
    }
}

/// The key after it was revoked for this reason, or destroyed; none where that changes nothing.
fn changed(stored: &Object, reason: Option<RevocationReasonCode>, now: i64) -> Option<Object> {
    let mut object = stored.clone();
    if reason.is_none() {
        // Where the backup has it scheduled only, its window has ended since.
        object.destroy_due = None;
    }
    let revoke = |object: &mut Object, code| {
        let reason = RevocationReason {
            code,
            message: None,
        };
        lifecycle::revoke(object, reason, None, now)
    };
    match reason {
        Some(code) => revoke(&mut object, code).ok()?,
        None => match lifecycle::destroy(&mut object, now) {
            Ok(()) => {}
            Err(Refused::WrongState) => {
                revoke(&mut object, FORCED).ok()?;
                lifecycle::destroy(&mut object, now).ok()?;
                // One change, which one event tells.
                object.state_version = stored.state_version + 1;
            }
            Err(Refused::Destroyed | Refused::Scheduled | Refused::OccurrenceWithoutCompromise) => {
                return None;
            }
        },
    }
    Some(object)
}
