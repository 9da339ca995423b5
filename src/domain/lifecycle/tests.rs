//! Every state against every operation, from the table of the standard (KMIP 1.4 §3.22), and the dates.

use super::*;
use crate::crypto::Wrapped;
use crate::domain::{Dates, InstanceId, ObjectId};
use crate::kmip::enums::ObjectType;

const NOW: i64 = 1_000_000;

const STATES: [State; 6] = [
    State::PreActive,
    State::Active,
    State::Deactivated,
    State::Compromised,
    State::Destroyed,
    State::DestroyedCompromised,
];

/// A key in a state that was recorded long ago.
pub(crate) fn in_state(state: State) -> Object {
    Object {
        id: ObjectId::new(0, [1; 10]),
        instance: InstanceId::new(0, [2; 10]),
        object_type: ObjectType::SymmetricKey,
        state,
        dates: Dates {
            initial: 500,
            last_change: 500,
            ..Dates::default()
        },
        algorithm: None,
        length: None,
        usage_mask: 0,
        digest: None,
        revocation: None,
        names: Vec::new(),
        attributes: Vec::new(),
        fresh: true,
        last_read: None,
        destroy_due: None,
        state_version: 7,
        attributes_version: 3,
        data_key_epoch: 1,
        material: Some(Wrapped::from_bytes(vec![1])),
    }
}

fn reason(code: RevocationReasonCode) -> RevocationReason {
    RevocationReason {
        code,
        message: None,
    }
}

/// Runs `operation` on an object in each state and returns the states it leads to.
fn outcomes(operation: impl Fn(&mut Object) -> Result<(), Refused>) -> [Result<State, Refused>; 6] {
    STATES.map(|state| {
        let mut object = in_state(state);
        let result = operation(&mut object);
        match result {
            Ok(()) => {
                assert_eq!(object.state_version, 8, "a change moves the version");
                assert_eq!(object.dates.last_change, NOW);
                Ok(object.state)
            }
            Err(refused) => {
                assert_eq!(object.state, state, "a refusal changes nothing");
                assert_eq!(object.state_version, 7);
                assert_eq!(object.dates, in_state(state).dates);
                Err(refused)
            }
        }
    })
}

const WRONG: Result<State, Refused> = Err(Refused::WrongState);
const GONE: Result<State, Refused> = Err(Refused::Destroyed);

#[test]
fn only_pre_active_objects_are_activated() {
    let expected = [Ok(State::Active), WRONG, WRONG, WRONG, GONE, GONE];
    assert_eq!(outcomes(|object| activate(object, NOW)), expected);
}

#[test]
fn active_objects_are_not_destroyed() {
    let compromised = Ok(State::DestroyedCompromised);
    let expected = [
        Ok(State::Destroyed),
        WRONG,
        Ok(State::Destroyed),
        compromised,
        GONE,
        GONE,
    ];
    assert_eq!(outcomes(|object| destroy(object, NOW)), expected);
}

#[test]
fn only_active_objects_are_revoked_without_a_compromise() {
    for code in [
        RevocationReasonCode::Unspecified,
        RevocationReasonCode::AffiliationChanged,
        RevocationReasonCode::Superseded,
        RevocationReasonCode::CessationOfOperation,
        RevocationReasonCode::PrivilegeWithdrawn,
    ] {
        let expected = [WRONG, Ok(State::Deactivated), WRONG, WRONG, GONE, GONE];
        assert_eq!(
            outcomes(|object| revoke(object, reason(code), None, NOW)),
            expected
        );
    }
}

#[test]
fn a_compromise_reaches_every_state_but_those_that_know_it() {
    for code in [
        RevocationReasonCode::KeyCompromise,
        RevocationReasonCode::CaCompromise,
    ] {
        let compromised = Ok(State::Compromised);
        let destroyed = Ok(State::DestroyedCompromised);
        let expected = [
            compromised,
            compromised,
            compromised,
            WRONG,
            destroyed,
            GONE,
        ];
        assert_eq!(
            outcomes(|object| revoke(object, reason(code), None, NOW)),
            expected
        );
    }
}

#[test]
fn operations_set_their_dates() {
    let mut object = in_state(State::PreActive);
    activate(&mut object, NOW).unwrap();
    assert_eq!(object.dates.activation, Some(NOW));
    revoke(
        &mut object,
        reason(RevocationReasonCode::Superseded),
        None,
        NOW + 1,
    )
    .unwrap();
    assert_eq!(object.dates.deactivation, Some(NOW + 1));
    let compromise = reason(RevocationReasonCode::KeyCompromise);
    revoke(&mut object, compromise.clone(), None, NOW + 2).unwrap();
    assert_eq!(object.dates.compromise, Some(NOW + 2));
    assert_eq!(
        object.dates.compromise_occurrence,
        Some(500),
        "the initial date if none is given"
    );
    assert_eq!(object.revocation, Some(compromise));
    destroy(&mut object, NOW + 3).unwrap();
    assert_eq!(object.dates.destroy, Some(NOW + 3));
    assert!(object.material.is_none());
}

#[test]
fn an_occurrence_date_goes_with_a_compromise_only() {
    let mut object = in_state(State::Active);
    let refused = revoke(
        &mut object,
        reason(RevocationReasonCode::Superseded),
        Some(1),
        NOW,
    );
    assert_eq!(refused, Err(Refused::OccurrenceWithoutCompromise));
    revoke(
        &mut object,
        reason(RevocationReasonCode::KeyCompromise),
        Some(1),
        NOW,
    )
    .unwrap();
    assert_eq!(object.dates.compromise_occurrence, Some(1));
}

#[test]
fn dates_move_the_state_when_they_are_reached() {
    let mut object = in_state(State::PreActive);
    object.dates.activation = Some(NOW);
    object.dates.deactivation = Some(NOW + 10);
    assert_eq!(state_at(&object, NOW - 1), State::PreActive);
    assert_eq!(state_at(&object, NOW), State::Active);
    assert_eq!(state_at(&object, NOW + 10), State::Deactivated);
    assert_eq!(
        activate(&mut object, NOW),
        Err(Refused::WrongState),
        "it is Active by its date"
    );
    assert!(
        destroy(&mut object, NOW + 10).is_ok(),
        "it is Deactivated by its date"
    );
}

#[test]
fn a_deactivation_date_alone_leaves_a_pre_active_object_as_it_is() {
    let mut object = in_state(State::PreActive);
    object.dates.deactivation = Some(NOW);
    assert_eq!(state_at(&object, NOW + 1), State::PreActive);
}
