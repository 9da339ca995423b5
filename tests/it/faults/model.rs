//! What may happen to a key, as a state that each operation changes, and whether a history of it can be explained by an order.

use todc_utils::linearizability::WGLChecker;
use todc_utils::linearizability::history::{Action, History};
use todc_utils::specifications::Specification;

use std::time::Duration;

use super::history::Deed;

const ABSENT: u32 = 0;
const PRE_ACTIVE: u32 = 1;
const ACTIVE: u32 = 2;
const DEACTIVATED: u32 = 3;
const COMPROMISED: u32 = 4;
const DESTROYED: u32 = 5;
const DESTROYED_COMPROMISED: u32 = 6;

/// Something that certainly happened to a key between two moments.
#[derive(Debug, Clone)]
pub(super) struct Step {
    pub(super) deed: Deed,
    /// Whether it was done, or refused because of the state.
    pub(super) is_done: bool,
    /// The state that was told.
    pub(super) told: Option<u32>,
    pub(super) begun: Duration,
    pub(super) ended: Duration,
}

/// A key.
struct Key;

impl Specification for Key {
    type State = u32;
    type Operation = Step;

    fn init() -> u32 {
        ABSENT
    }

    fn apply(step: &Step, state: &u32) -> (bool, u32) {
        match (after(step.deed, *state), step.is_done) {
            (Some(next), true) => (step.told.is_none_or(|told| told == next), next),
            (None, false) => (*state != ABSENT, *state),
            _ => (false, *state),
        }
    }
}

/// The state after it was done; none: the state does not allow it (KMIP 1.4 §3.22).
const fn after(deed: Deed, state: u32) -> Option<u32> {
    match (deed, state) {
        (Deed::Create, ABSENT) => Some(PRE_ACTIVE),
        (Deed::Activate, PRE_ACTIVE) => Some(ACTIVE),
        (Deed::Revoke(1), ACTIVE) => Some(DEACTIVATED),
        (Deed::Revoke(2), PRE_ACTIVE | ACTIVE | DEACTIVATED) => Some(COMPROMISED),
        (Deed::Revoke(2), DESTROYED) | (Deed::Destroy, COMPROMISED) => Some(DESTROYED_COMPROMISED),
        (Deed::Destroy, PRE_ACTIVE | DEACTIVATED) => Some(DESTROYED),
        (Deed::State, PRE_ACTIVE..) | (Deed::Get, PRE_ACTIVE..=COMPROMISED) => Some(state),
        _ => None,
    }
}

/// Whether there is an order of these steps, each between its two moments, that explains them.
pub(super) fn is_explained(steps: &[Step]) -> bool {
    if steps.is_empty() {
        return true;
    }
    let mut actions = Vec::with_capacity(steps.len() * 2);
    for (process, step) in steps.iter().enumerate() {
        actions.push((step.begun, 0, (process, Action::Call(step.clone()))));
        actions.push((step.ended, 1, (process, Action::Response(step.clone()))));
    }
    // At one moment calls come first: then more is at the same time, and nothing is found wrong that is not.
    actions.sort_by_key(|(at, is_response, _)| (*at, *is_response));
    let actions = actions.into_iter().map(|(.., action)| action).collect();
    WGLChecker::<Key>::is_linearizable(History::from_actions(actions))
}

#[test]
fn an_order_is_asked_for_that_explains_every_answer() {
    let step = |deed, is_done, told, begun, ended| Step {
        deed,
        is_done,
        told,
        begun: Duration::from_secs(begun),
        ended: Duration::from_secs(ended),
    };
    let made = step(Deed::Create, true, None, 0, 1);
    let activated = step(Deed::Activate, true, None, 2, 5);
    let told = |state, begun, ended| step(Deed::State, true, Some(state), begun, ended);
    let explained =
        |more: &[Step]| is_explained(&[&[made.clone(), activated.clone()], more].concat());
    assert!(explained(&[told(ACTIVE, 3, 4), told(ACTIVE, 6, 7)]));
    assert!(explained(&[told(PRE_ACTIVE, 3, 4), told(ACTIVE, 6, 7)]));
    assert!(!explained(&[told(PRE_ACTIVE, 6, 7)]), "a change is lost");
    assert!(
        !explained(&[told(ACTIVE, 2, 3), told(PRE_ACTIVE, 4, 5)]),
        "an old state is told"
    );
    let again = |is_done| step(Deed::Activate, is_done, None, 3, 4);
    assert!(explained(&[again(false)]));
    assert!(!explained(&[again(true)]), "it is done once");
}
