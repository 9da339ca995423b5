//! Keys: their life, who sees them, what they carry, and what is recorded of it.

use super::*;

#[tokio::test]
async fn a_key_lives_and_every_step_is_recorded() {
    let fixture = Fixture::new().await;
    let uid = fixture.create(vec![]).await;
    let mut keys = Vec::new();
    for _ in 0..2 {
        let answered = fixture.send(V, None, vec![get(Some(uid.clone()))]).await;
        assert!(answered[0].is_success());
        keys.push(answered[0].payload.clone());
    }
    assert_eq!(keys[0], keys[1]);
    let steps = [
        (activate(Some(uid.clone())), true),
        (activate(Some(uid.clone())), false),
        (destroy(Some(uid.clone())), false),
        (
            revoke(Some(uid.clone()), RevocationReasonCode::Superseded),
            true,
        ),
        (destroy(Some(uid.clone())), true),
        (get(Some(uid.clone())), false),
    ];
    for (step, expected) in steps {
        let text = format!("{step:?}");
        let answered = fixture.send(V, None, vec![step]).await;
        assert_eq!(
            answered[0].is_success(),
            expected,
            "{text}: {:?}",
            answered[0].reason
        );
    }
    let events = fixture.events().await;
    let told: Vec<_> = events
        .iter()
        .map(|event| (event.action, event.outcome, event.reason.code()))
        .collect();
    assert_eq!(
        told,
        [
            (Action::KeyCreate, Outcome::Success, 201),
            (Action::KeyRead, Outcome::Success, 200),
            (Action::KeyRead, Outcome::Success, 200),
            (Action::KeyActivate, Outcome::Success, 200),
            (Action::KeyActivate, Outcome::Failure, 409),
            (Action::KeyDestroy, Outcome::Failure, 409),
            (Action::KeyRevoke, Outcome::Success, 200),
            (Action::KeyDestroy, Outcome::Success, 200),
            (Action::KeyRead, Outcome::Failure, 409),
        ]
    );
    assert!(
        events
            .iter()
            .all(|event| event.target == Target::Key(uid.parse().unwrap()))
    );
}

#[tokio::test]
async fn a_key_of_another_instance_does_not_exist() {
    let fixture = Fixture::new().await;
    let uid = fixture
        .create(vec![name("mine"), custom("x-Name", "vm")])
        .await;
    let steps = vec![
        get(Some(uid.clone())),
        activate(Some(uid.clone())),
        destroy(Some(uid.clone())),
        locate(vec![name("mine")]),
        locate(vec![custom("x-Name", "vm")]),
        locate(vec![]),
    ];
    let proceed = Some(BatchErrorContinuationOption::Continue);
    let answered = fixture.send_as(&fixture.theirs, V, proceed, steps).await;
    for item in &answered[..3] {
        assert_eq!(item.reason, Some(ResultReason::ItemNotFound));
    }
    for item in &answered[3..] {
        assert_eq!(item.payload.as_deref(), Some(&[][..]));
    }
    // The name is free in the other instance.
    let create = vec![create(vec![name("mine")])];
    assert!(fixture.send_as(&fixture.theirs, V, None, create).await[0].is_success());
}

#[tokio::test]
async fn keys_are_found_by_name_and_by_custom_attribute() {
    let fixture = Fixture::new().await;
    let first = fixture
        .create(vec![name("first"), custom("x-Name", "vm-1")])
        .await;
    let second = fixture
        .create(vec![name("second"), custom("x-Name", "vm-2")])
        .await;
    for (criteria, expected) in [
        (vec![name("first")], &first),
        (vec![custom("x-Name", "vm-2")], &second),
        (vec![name("second"), custom("x-Name", "vm-2")], &second),
    ] {
        let answered = fixture.send(V, None, vec![locate(criteria)]).await;
        assert_eq!(identifier(&answered[0]), *expected);
    }
    let none = fixture.send(
        V,
        None,
        vec![locate(vec![name("first"), custom("x-Name", "vm-2")])],
    );
    assert_eq!(none.await[0].payload.as_deref(), Some(&[][..]));
    let unknown = fixture
        .send(V, None, vec![locate(vec![custom("Nonsense", "x")])])
        .await;
    assert_eq!(unknown[0].reason, Some(ResultReason::InvalidField));
}

#[tokio::test]

async fn dates_move_the_state_without_an_event() {
    let fixture = Fixture::new().await;
    let soon = AttributeValue::DateTime(NOW_MS / 1000 + 10);
    let later = AttributeValue::DateTime(NOW_MS / 1000 + 20);
    let uid = fixture
        .create(vec![
            standard(StandardAttribute::ActivationDate, soon),
            standard(StandardAttribute::DeactivationDate, later),
        ])
        .await;
    let in_state = |state: u32| {
        vec![locate(vec![standard(
            StandardAttribute::State,
            AttributeValue::Enumeration(state),
        )])]
    };
    for state in 1..=3 {
        let answered = fixture.send(V, None, in_state(state)).await;
        assert_eq!(identifier(&answered[0]), uid, "state {state}");
        fixture.clock.advance_ms(10_000);
    }
    assert!(fixture.send(V, None, vec![destroy(Some(uid))]).await[0].is_success());
}

#[tokio::test]

async fn a_disabled_client_is_refused_even_on_an_open_connection() {
    let fixture = Fixture::new().await;
    let uid = fixture.create(vec![]).await;
    let store = fixture.service.store();
    let event = fixture.events().await.remove(0);
    let event = Event {
        id: EventId::new(NOW_MS, [9; 10]),
        ..event
    };
    let mut changeset = Changeset::new(event);
    changeset.write(Write::ClientStatus(
        fixture.ours.client,
        ClientStatus::Disabled,
    ));
    store.apply(changeset).await.unwrap();
    let answered = fixture.send(V, None, vec![get(Some(uid))]).await;
    assert_eq!(answered[0].reason, Some(ResultReason::PermissionDenied));
    assert!(answered[0].payload.is_none());
    let last = fixture.events().await.pop().unwrap();
    assert_eq!((last.action, last.reason.code()), (Action::KeyRead, 403));
}

#[tokio::test]

async fn what_is_no_message_is_answered_and_recorded() {
    let fixture = Fixture::new().await;
    let answer = fixture
        .service
        .answer(&fixture.ours, &[0x42, 0, 0x78, 1, 0, 0, 0, 0])
        .await;
    let message = ResponseMessage::decode(&answer.bytes, &ttlv::Limits::default()).unwrap();
    assert_eq!(message.items[0].reason, Some(ResultReason::InvalidMessage));
    assert_eq!(message.items[0].operation, None);
    let events = fixture.events().await;
    assert_eq!(events.len(), 1);
    assert_eq!(
        (events[0].action, events[0].reason.code()),
        (Action::RequestRefuse, 400)
    );
}

#[test]
fn every_data_key_is_bound_to_its_instance_and_epoch() {
    let folder = tempfile::tempdir().unwrap();
    let master = FileMasterKey::create(&folder.path().join("k"), &SystemRandom).unwrap();
    let instance = InstanceId::new(NOW_MS, [1; 10]);
    let wrapped = Keyring::new_data_key(instance, 1, &master, &SystemRandom).unwrap();
    assert!(master.unwrap(&wrapped, b"elsewhere").is_err());
    assert!(DataKey::generate(&SystemRandom).is_ok());
}

fn boolean(name: StandardAttribute, value: bool) -> Attribute {
    standard(name, AttributeValue::Boolean(value))
}

#[tokio::test]
async fn sensitive_keys_do_not_leave() {
    let fixture = Fixture::new().await;
    let version = ProtocolVersion::V1_4;
    for (attribute, reason) in [
        (
            boolean(StandardAttribute::Sensitive, true),
            ResultReason::Sensitive,
        ),
        (
            boolean(StandardAttribute::Extractable, false),
            ResultReason::NotExtractable,
        ),
    ] {
        let batch = vec![create(vec![attribute]), get(None)];
        let answered = fixture.send(version, None, batch).await;
        assert!(answered[0].is_success(), "{:?}", answered[0].reason);
        assert_eq!(answered[1].reason, Some(reason));
        assert!(answered[1].payload.is_none());
    }
    let policy = AttributeValue::Text("default".to_owned());
    let policy = standard(StandardAttribute::OperationPolicyName, policy);
    assert!(fixture.send(V, None, vec![create(vec![policy])]).await[0].is_success());
}

#[tokio::test]
async fn attributes_of_one_object_are_bounded() {
    let fixture = Fixture::new().await;
    let uid = fixture.create(vec![]).await;
    let most = fixture.service.config().attributes_per_object_max;
    let add = |number: usize| {
        RequestPayload::AddAttribute(payload::add_attribute::Request {
            unique_identifier: Some(uid.clone()),
            attribute: custom(&format!("x-{number}"), "value"),
        })
    };
    for start in (0..most).step_by(128) {
        let batch = (start..start + 128).map(add).collect();
        let answered = fixture.send(V, None, batch).await;
        assert!(answered.iter().all(Answered::is_success));
    }
    let answered = fixture.send(V, None, vec![add(most)]).await;
    assert_eq!(answered[0].reason, Some(ResultReason::IndexOutOfBounds));
}

#[tokio::test]
async fn an_attribute_asked_for_twice_is_answered_once() {
    let fixture = Fixture::new().await;
    let uid = fixture.create(vec![custom("x-Tag", "one")]).await;
    let ask = |names: &[&str]| {
        let names = names.iter().map(|name| AttributeName::from_text(name));
        let asked = RequestPayload::GetAttributes(payload::get_attributes::Request {
            unique_identifier: Some(uid.clone()),
            names: names.collect(),
        });
        fixture.send(ProtocolVersion::V1_0, None, vec![asked])
    };
    let once = ask(&["x-Tag", "State"]).await.remove(0);
    let repeated = ask(&["x-Tag", "State", "x-Tag", "x-None", "State"]).await;
    assert!(once.is_success());
    assert_eq!(repeated[0].payload, once.payload);
}
