//! The states of an object and what moves between them (KMIP 1.4 §3.22).
//!
//! Every transition the standard allows is here and no other. Date-driven transitions need no request: [`state_at`] computes
//! them whenever the state is asked for, so nothing has to run on time.

use crate::domain::{Object, RevocationReason};
use crate::kmip::enums::{RevocationReasonCode, State};

/// A transition that the standard does not allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The object's state does not allow it.
    #[error("the state of the object does not allow it")]
    WrongState,
    /// The object is destroyed.
    #[error("the object is destroyed")]
    Destroyed,
    /// An administrator has scheduled the destruction of the object.
    #[error("the destruction of the object is scheduled")]
    Scheduled,
    /// A Compromise Occurrence Date came with a reason that is no compromise.
    #[error("a compromise occurrence date needs a compromise reason")]
    OccurrenceWithoutCompromise,
}

/// The state of `object` at `now` (seconds since 1970): the recorded one, moved on by its dates.
#[must_use]
pub fn state_at(object: &Object, now: i64) -> State {
    let dates = &object.dates;
    moved_on(object.state, dates.activation, dates.deactivation, now)
}

/// A recorded state, moved on by the dates that are reached at `now`.
///
/// ```text
///                Activation Date            Deactivation Date
/// Pre-Active ------------------> Active ---------------------> Deactivated
/// ```
///
/// A Deactivation Date alone does not move a Pre-Active object: no such transition exists.
#[must_use]
pub fn moved_on(
    recorded: State,
    activation: Option<i64>,
    deactivation: Option<i64>,
    now: i64,
) -> State {
    let reached = |date: Option<i64>| date.is_some_and(|date| date <= now);
    let mut state = recorded;
    if state == State::PreActive && reached(activation) {
        state = State::Active;
    }
    if state == State::Active && reached(deactivation) {
        state = State::Deactivated;
    }
    state
}

/// Pre-Active to Active; the Activation Date becomes `now`.
///
/// # Errors
/// [`Refused`] unless the object is Pre-Active.
pub fn activate(object: &mut Object, now: i64) -> Result<(), Refused> {
    match state_at(object, now) {
        State::PreActive => {
            object.state = State::Active;
            object.dates.activation = Some(now);
            changed(object, now);
            Ok(())
        }
        State::Destroyed | State::DestroyedCompromised => Err(Refused::Destroyed),
        State::Active | State::Deactivated | State::Compromised => Err(Refused::WrongState),
    }
}

/// To Compromised (or Destroyed Compromised) for a compromise reason, from Active to Deactivated for any other.
///
/// # Errors
/// [`Refused`] where the state or the occurrence date does not allow it.
pub fn revoke(
    object: &mut Object,
    reason: RevocationReason,
    occurrence: Option<i64>,
    now: i64,
) -> Result<(), Refused> {
    let compromise = matches!(
        reason.code,
        RevocationReasonCode::KeyCompromise | RevocationReasonCode::CaCompromise
    );
    if occurrence.is_some() && !compromise {
        return Err(Refused::OccurrenceWithoutCompromise);
    }
    let next = match (state_at(object, now), compromise) {
        (State::PreActive | State::Active | State::Deactivated, true) => State::Compromised,
        (State::Destroyed, true) => State::DestroyedCompromised,
        (State::Active, false) => State::Deactivated,
        (State::Destroyed | State::DestroyedCompromised, _) => return Err(Refused::Destroyed),
        (State::PreActive | State::Deactivated | State::Compromised, _) => {
            return Err(Refused::WrongState);
        }
    };
    object.state = next;
    if compromise {
        object.dates.compromise = Some(now);
        object.dates.compromise_occurrence = Some(occurrence.unwrap_or(object.dates.initial));
    } else {
        object.dates.deactivation = Some(now);
    }
    object.revocation = Some(reason);
    changed(object, now);
    Ok(())
}

/// Erases the material: to Destroyed, or to Destroyed Compromised from Compromised. The attributes stay.
///
/// # Errors
/// [`Refused`] while the object is Active, while its destruction is scheduled, and when it is destroyed already.
pub fn destroy(object: &mut Object, now: i64) -> Result<(), Refused> {
    if object.destroy_due.is_some() {
        return Err(Refused::Scheduled);
    }
    object.state = match state_at(object, now) {
        State::PreActive | State::Deactivated => State::Destroyed,
        State::Compromised => State::DestroyedCompromised,
        State::Active => return Err(Refused::WrongState),
        State::Destroyed | State::DestroyedCompromised => return Err(Refused::Destroyed),
    };
    object.dates.destroy = Some(now);
    object.material = None;
    changed(object, now);
    Ok(())
}

/// Whether the material is gone.
#[must_use]
pub const fn is_destroyed(state: State) -> bool {
    matches!(state, State::Destroyed | State::DestroyedCompromised)
}

pub(super) const fn changed(object: &mut Object, now: i64) {
    object.dates.last_change = now;
    object.state_version += 1;
}

#[cfg(test)]
pub(crate) mod tests;
