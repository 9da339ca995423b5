//! Destruction by administrators: asked for with a reason, approved where a second one has to, scheduled where it can be undone for a while.
//!
//! ```text
//!            second administrator            recovery window
//! asked for ----------------------> pending ----------------> scheduled ------> destroyed
//!                                   (refused)                 (restored)
//! ```
//!
//! Nothing happens to a pending key. A scheduled one is unusable: its state is that of a key out of use, and its material is not given out.
//! The material is erased when the window ends.

use crate::domain::lifecycle::{self, Refused};
use crate::domain::{Initiator, InstanceId, Makers, Object, ObjectId, RequestId};
use crate::kmip::enums::State;

/// The most bytes of a reason.
pub const REASON_BYTES_MAX: usize = 1024;
/// The longest window, in days.
pub const RECOVERY_DAYS_MAX: u32 = 3650;

const DAY_SECONDS: i64 = 86_400;

/// `[destruction]`: how administrators destroy keys.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct DestructionPolicy {
    /// Days in which a destruction can be undone; 0: it is carried out at once.
    pub recovery_days: u32,
    /// Whether another administrator has to approve it.
    pub second_administrator: bool,
}

impl DestructionPolicy {
    /// When a destruction that begins at `now` is carried out, seconds since 1970; none: at once.
    #[must_use]
    pub fn due(&self, now: i64) -> Option<i64> {
        let seconds = i64::from(self.recovery_days) * DAY_SECONDS;
        (seconds > 0).then(|| now.saturating_add(seconds))
    }

    /// The earliest end of a window that begins anew at `now`, seconds since 1970. Where no window is set any more, it lasts a week.
    #[must_use]
    pub fn due_anew(&self, now: i64) -> i64 {
        let week = || now.saturating_add(7 * DAY_SECONDS);
        self.due(now).unwrap_or_else(week)
    }
}

/// An administrator, as kept with what he asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Party {
    /// The initiator's identifier.
    pub id: String,
    /// The initiator's name.
    pub name: String,
}

impl From<&Initiator> for Party {
    fn from(initiator: &Initiator) -> Self {
        Self {
            id: initiator.id.clone(),
            name: initiator.name.clone(),
        }
    }
}

/// A destruction under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destruction {
    /// The key.
    pub object: ObjectId,
    /// Its instance.
    pub instance: InstanceId,
    /// Why.
    pub reason: String,
    /// Whether an Active key may be destroyed, too.
    pub forced: bool,
    /// When it was asked for, seconds since 1970.
    pub requested: i64,
    /// Who asked.
    pub requested_by: Party,
    /// Who made the credential that it was asked for by.
    pub requested_by_makers: Makers,
    /// Who approved it.
    pub approved_by: Option<Party>,
    /// What its events share.
    pub correlation: RequestId,
    /// The window in which it can be undone; none: it waits for an administrator.
    pub scheduled: Option<Scheduled>,
}

/// A destruction that can be undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scheduled {
    /// When it is carried out, seconds since 1970.
    pub due: i64,
    /// The recorded state of the key before.
    pub state: State,
    /// Its Deactivation Date before.
    pub deactivation: Option<i64>,
}

/// Whether a key may be destroyed now: an Active one only by force.
///
/// # Errors
/// [`Refused`] for an Active key without force, one that is destroyed, and one whose destruction is scheduled already.
pub fn check(object: &Object, forced: bool, now: i64) -> Result<(), Refused> {
    if object.destroy_due.is_some() {
        return Err(Refused::Scheduled);
    }
    match lifecycle::state_at(object, now) {
        State::Destroyed | State::DestroyedCompromised => Err(Refused::Destroyed),
        State::Active if !forced => Err(Refused::WrongState),
        _ => Ok(()),
    }
}

/// Takes a key out of use until `due`, both seconds since 1970. A compromised one stays so.
///
/// # Errors
/// Those of [`check`].
pub fn schedule(
    object: &mut Object,
    due: i64,
    forced: bool,
    now: i64,
) -> Result<Scheduled, Refused> {
    check(object, forced, now)?;
    let before = Scheduled {
        due,
        state: object.state,
        deactivation: object.dates.deactivation,
    };
    deactivate(object, now);
    object.destroy_due = Some(due);
    lifecycle::changed(object, now);
    Ok(before)
}

/// Gives a key back what it was before. One that was found compromised meanwhile stays so.
pub fn restore(object: &mut Object, before: Scheduled, now: i64) {
    object.destroy_due = None;
    if object.state == State::Deactivated {
        object.state = before.state;
        object.dates.deactivation = before.deactivation;
    }
    lifecycle::changed(object, now);
}

/// Has a window end no earlier than `least`; says whether it does so now and did not before.
pub fn postpone(held: &mut Destruction, object: &mut Object, least: i64, now: i64) -> bool {
    match (&mut held.scheduled, object.destroy_due) {
        (Some(window), Some(_)) if window.due < least => {
            window.due = least;
            object.destroy_due = Some(least);
            lifecycle::changed(object, now);
            true
        }
        _ => false,
    }
}

/// Destroys a key at once, an Active one by way of Deactivated.
///
/// # Errors
/// Those of [`check`].
pub fn carry_out(object: &mut Object, forced: bool, now: i64) -> Result<(), Refused> {
    check(object, forced, now)?;
    deactivate(object, now);
    lifecycle::destroy(object, now)
}

/// Destroys a key whose window has ended.
///
/// # Errors
/// [`Refused`] when it is destroyed already.
pub fn end_window(object: &mut Object, now: i64) -> Result<(), Refused> {
    object.destroy_due = None;
    lifecycle::destroy(object, now)
}

/// A key that may still be used, or may yet become so, becomes Deactivated: transitions that a server makes by its policy.
fn deactivate(object: &mut Object, now: i64) {
    if matches!(
        lifecycle::state_at(object, now),
        State::PreActive | State::Active
    ) {
        object.state = State::Deactivated;
        object.dates.deactivation = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::lifecycle::state_at;
    use crate::domain::lifecycle::tests::in_state as object;

    const NOW: i64 = 1_000_000;

    #[test]
    fn a_scheduled_key_is_out_of_use_and_comes_back_as_it_was() {
        for state in [
            State::PreActive,
            State::Active,
            State::Deactivated,
            State::Compromised,
        ] {
            let before = object(state);
            let mut key = before.clone();
            let kept = schedule(&mut key, NOW + 10, true, NOW).unwrap();
            let shown = match state {
                State::Compromised => State::Compromised,
                _ => State::Deactivated,
            };
            assert_eq!(state_at(&key, NOW), shown);
            assert_eq!(key.state_version, before.state_version + 1);
            assert!(key.material.is_some(), "until the window ends");
            // No client can end it, and no administrator begin it twice.
            assert_eq!(lifecycle::destroy(&mut key, NOW), Err(Refused::Scheduled));
            assert_eq!(check(&key, true, NOW), Err(Refused::Scheduled));
            let mut gone = key.clone();
            restore(&mut key, kept, NOW + 5);
            assert_eq!(key.state, before.state);
            assert_eq!(key.dates.deactivation, before.dates.deactivation);
            assert_eq!(key.destroy_due, None);
            end_window(&mut gone, NOW + 10).unwrap();
            assert!(lifecycle::is_destroyed(gone.state) && gone.material.is_none());
            assert_eq!(
                (gone.destroy_due, gone.dates.destroy),
                (None, Some(NOW + 10))
            );
        }
    }

    #[test]
    fn an_active_key_is_destroyed_by_force_only() {
        let mut key = object(State::Active);
        assert_eq!(check(&key, false, NOW), Err(Refused::WrongState));
        assert_eq!(carry_out(&mut key, false, NOW), Err(Refused::WrongState));
        carry_out(&mut key, true, NOW).unwrap();
        assert_eq!(key.state, State::Destroyed);
        assert_eq!(key.dates.deactivation, Some(NOW));
        assert_eq!(carry_out(&mut key, true, NOW), Err(Refused::Destroyed));
    }

    #[test]
    fn a_key_that_was_found_compromised_meanwhile_stays_so() {
        let mut key = object(State::Active);
        let kept = schedule(&mut key, NOW + 10, true, NOW).unwrap();
        let reason = crate::domain::RevocationReason {
            code: crate::kmip::enums::RevocationReasonCode::KeyCompromise,
            message: None,
        };
        lifecycle::revoke(&mut key, reason, None, NOW + 1).unwrap();
        restore(&mut key, kept, NOW + 2);
        assert_eq!(key.state, State::Compromised);
    }

    #[test]
    fn a_window_is_as_long_as_it_is_set() {
        let days = |recovery_days| DestructionPolicy {
            recovery_days,
            second_administrator: false,
        };
        assert_eq!(days(0).due(NOW), None);
        assert_eq!(days(7).due(NOW), Some(NOW + 7 * 86_400));
        assert_eq!(days(3).due_anew(NOW), NOW + 3 * 86_400);
        assert_eq!(days(0).due_anew(NOW), NOW + 7 * 86_400);
    }
}
