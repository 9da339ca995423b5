//! Whole messages through the service, over a real store in a temporary folder, on a clock that stands still.

use std::sync::Arc;

use crate::audit::{Action, Data, Event, EventFilter, Field, Outcome, ReasonCode, Target};
use crate::crypto::{DataKey, Fingerprint, SystemRandom};
use crate::domain::{
    Client, ClientId, ClientStatus, EnrolledCertificate, EventId, Identity, Initiator, Instance,
    InstanceId, ManualClock, RequestId, Scope, Trust,
};
use crate::kmip::attribute::{Attribute, AttributeName, AttributeValue, StandardAttribute};
use crate::kmip::enums::{
    BatchErrorContinuationOption, CryptographicAlgorithm, ObjectType, ResultReason, ResultStatus,
    RevocationReasonCode,
};
use crate::kmip::message::{OutgoingItem, RequestHeader, ResponseMessage, encode_request};
use crate::kmip::payload::{self, RequestPayload, TemplateAttribute};
use crate::kmip::version::ProtocolVersion;
use crate::ops::{Config, Keyring, Parts, Service};
use crate::providers::MasterKey;
use crate::providers::file::FileMasterKey;
use crate::store::changeset::{Changeset, Write};
use crate::store::{InitMeta, Sequence, Store, StoreConfig};

const NOW_MS: i64 = 1_790_000_000_000;

/// A service over a store with two instances, and a client of each.
struct Fixture {
    service: Arc<Service>,
    clock: Arc<ManualClock>,
    ours: Arc<Identity>,
    theirs: Arc<Identity>,
    _folder: tempfile::TempDir,
}

fn scope(instance: &str) -> Scope {
    Scope {
        crn_prefix: Scope::DEFAULT_CRN_PREFIX.to_owned(),
        account: Scope::DEFAULT_ACCOUNT.to_owned(),
        location: Scope::DEFAULT_LOCATION.to_owned(),
        instance: instance.to_owned(),
    }
}

impl Fixture {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let master =
            FileMasterKey::create(&folder.path().join("master.key"), &SystemRandom).unwrap();
        let meta = InitMeta {
            origin_name: "test".to_owned(),
            master_key_check: master.check_value(),
            created: NOW_MS / 1000,
        };
        let path = folder.path().join("keyledger.db");
        let store = Store::create(&path, &StoreConfig::default(), &meta).unwrap();
        let ours = enrol(&store, &master, 1).await;
        let theirs = enrol(&store, &master, 2).await;
        let clock = Arc::new(ManualClock::new(NOW_MS));
        let service = Service::new(Parts {
            keyring: Arc::new(Keyring::open(&store, &master).await.unwrap()),
            store,
            clock: Arc::clone(&clock) as _,
            random: Arc::new(SystemRandom),
            config: Config::default(),
            limits: ttlv::Limits::default(),
            global_scope: Arc::new(scope("").global()),
        });
        Self {
            service,
            clock,
            ours,
            theirs,
            _folder: folder,
        }
    }

    /// The answers to one message of ours.
    async fn send(
        &self,
        version: ProtocolVersion,
        continuation: Option<BatchErrorContinuationOption>,
        payloads: Vec<RequestPayload>,
    ) -> Vec<Answered> {
        self.send_as(&self.ours, version, continuation, payloads)
            .await
    }

    async fn send_as(
        &self,
        identity: &Arc<Identity>,
        version: ProtocolVersion,
        continuation: Option<BatchErrorContinuationOption>,
        payloads: Vec<RequestPayload>,
    ) -> Vec<Answered> {
        let mut header = RequestHeader::new(version);
        header.continuation = continuation;
        let items = payloads
            .into_iter()
            .enumerate()
            .map(|(index, payload)| OutgoingItem {
                unique_batch_item_id: Some(vec![u8::try_from(index).unwrap()]),
                payload,
            });
        let bytes = encode_request(&header, &items.collect::<Vec<_>>());
        let answer = self.service.answer(identity, &bytes).await;
        let limits = ttlv::Limits {
            message_bytes_max: self.service.config().response_bytes_max,
            ..ttlv::Limits::default()
        };
        let message = ResponseMessage::decode(&answer.bytes, &limits).unwrap();
        assert_eq!(message.header.version, version);
        let answered = message.items.iter().enumerate().map(|(index, item)| {
            assert_eq!(
                item.unique_batch_item_id,
                Some(&[u8::try_from(index).unwrap()][..])
            );
            Answered {
                status: item.status,
                reason: item.reason,
                payload: item.payload.map(|payload| payload.bytes().to_vec()),
            }
        });
        answered.collect()
    }

    async fn create(&self, attributes: Vec<Attribute>) -> String {
        let answered = self
            .send(ProtocolVersion::V1_1, None, vec![create(attributes)])
            .await;
        identifier(&answered[0])
    }

    async fn events(&self) -> Vec<Event> {
        let page = self
            .service
            .store()
            .events(Sequence(0), 1000, &EventFilter::default())
            .await;
        let events = page.unwrap().events.into_iter();
        // The events of the fixture itself are not of interest.
        events
            .map(|stored| Event::clone(&stored.event))
            .skip(2)
            .collect()
    }
}

struct Answered {
    status: ResultStatus,
    reason: Option<ResultReason>,
    payload: Option<Vec<u8>>,
}

impl Answered {
    fn is_success(&self) -> bool {
        self.status == ResultStatus::Success
    }
}

async fn enrol(store: &Store, master: &dyn MasterKey, number: u8) -> Arc<Identity> {
    let instance = InstanceId::new(NOW_MS, [number; 10]);
    let scope = Arc::new(scope(&instance.to_string()));
    let fingerprint = Fingerprint::of(&[number]);
    let event = Event {
        id: EventId::new(NOW_MS, [number; 10]),
        time_ms: NOW_MS,
        action: Action::ServiceCreate,
        outcome: Outcome::Success,
        initiator: Arc::new(Initiator::local_user(0, "root")),
        scope: Arc::clone(&scope),
        target: Target::Instance,
        reason: ReasonCode::Ok,
        failure: None,
        request: Data::new().text(Field::Label, "test"),
        response: Data::new(),
        correlation: RequestId::new(NOW_MS, [number; 10]),
    };
    let mut changeset = Changeset::new(event);
    changeset.write(Write::Instance(Instance {
        id: instance,
        name: format!("instance-{number}"),
        scope,
        created: NOW_MS / 1000,
    }));
    let wrapped = Keyring::new_data_key(instance, 1, master, &SystemRandom).unwrap();
    changeset.write(Write::DataKey(instance, 1, wrapped));
    changeset.write(Write::Client(Client {
        id: ClientId::new(NOW_MS, [number; 10]),
        label: format!("client-{number}"),
        instance,
        status: ClientStatus::Enabled,
        certificates: vec![EnrolledCertificate {
            fingerprint,
            trust: Trust::Pinned,
            not_before: 0,
            not_after: i64::MAX,
            subject: "test".to_owned(),
            added: NOW_MS / 1000,
        }],
        created: NOW_MS / 1000,
    }));
    store.apply(changeset).await.unwrap();
    store
        .clients()
        .admit(&fingerprint, NOW_MS / 1000)
        .unwrap()
        .0
}

fn standard(name: StandardAttribute, value: AttributeValue) -> Attribute {
    Attribute::standard(name, value)
}

fn custom(name: &str, value: &str) -> Attribute {
    Attribute {
        name: AttributeName::from_text(name),
        index: None,
        value: AttributeValue::Text(value.to_owned()),
    }
}

fn name(text: &str) -> Attribute {
    use crate::kmip::attribute::Field;
    use crate::kmip::tag::Tag;
    let fields = vec![
        Field::new(Tag::NameValue, AttributeValue::Text(text.to_owned())),
        Field::new(Tag::NameType, AttributeValue::Enumeration(1)),
    ];
    standard(StandardAttribute::Name, AttributeValue::Structure(fields))
}

fn create(mut attributes: Vec<Attribute>) -> RequestPayload {
    use StandardAttribute as A;
    let algorithm = AttributeValue::Enumeration(CryptographicAlgorithm::Aes.code());
    attributes.push(standard(A::CryptographicAlgorithm, algorithm));
    attributes.push(standard(
        A::CryptographicUsageMask,
        AttributeValue::Integer(12),
    ));
    attributes.push(standard(
        A::CryptographicLength,
        AttributeValue::Integer(256),
    ));
    RequestPayload::Create(payload::create::Request {
        object_type: ObjectType::SymmetricKey,
        template: TemplateAttribute::of(attributes),
    })
}

fn get(unique_identifier: Option<String>) -> RequestPayload {
    RequestPayload::Get(payload::get::Request {
        unique_identifier,
        key_format_type: None,
        key_wrap_type: None,
        key_compression_type: None,
        key_wrapping_specification: None,
    })
}

fn activate(unique_identifier: Option<String>) -> RequestPayload {
    RequestPayload::Activate(payload::activate::Request { unique_identifier })
}

fn destroy(unique_identifier: Option<String>) -> RequestPayload {
    RequestPayload::Destroy(payload::destroy::Request { unique_identifier })
}

fn revoke(unique_identifier: Option<String>, code: RevocationReasonCode) -> RequestPayload {
    RequestPayload::Revoke(payload::revoke::Request {
        unique_identifier,
        reason: payload::revoke::RevocationReason {
            code,
            message: None,
        },
        compromise_occurrence_date: None,
    })
}

fn locate(attributes: Vec<Attribute>) -> RequestPayload {
    RequestPayload::Locate(payload::locate::Request {
        maximum_items: None,
        offset_items: None,
        storage_status_mask: None,
        object_group_member: None,
        attributes,
        template_names: Vec::new(),
    })
}

/// The first text of a payload that looks like an identifier.
fn identifier(answered: &Answered) -> String {
    let payload = answered.payload.as_ref().expect("a payload");
    let text = payload.windows(36).find_map(|window| {
        let text = str::from_utf8(window).ok()?;
        text.parse::<crate::domain::ObjectId>().ok()
    });
    text.expect("an identifier").to_string()
}

const V: ProtocolVersion = ProtocolVersion::V1_1;

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
async fn the_placeholder_carries_a_key_through_a_batch() {
    let fixture = Fixture::new().await;
    let batch = vec![create(vec![]), activate(None), get(None)];
    let answered = fixture.send(V, None, batch).await;
    assert_eq!(answered.len(), 3);
    assert!(answered.iter().all(Answered::is_success));
    let events = fixture.events().await;
    assert_eq!(events.len(), 3);
    assert!(
        events
            .iter()
            .all(|event| event.correlation == events[0].correlation)
    );
    let alone = fixture.send(V, None, vec![get(None)]).await;
    assert_eq!(alone[0].reason, Some(ResultReason::ItemNotFound));
}

#[tokio::test]
async fn stop_ends_a_batch_continue_does_not_and_undo_takes_back() {
    use BatchErrorContinuationOption as Option;
    let fixture = Fixture::new().await;
    let batch = || {
        vec![
            create(vec![name("one")]),
            get(Some("nothing".to_owned())),
            create(vec![]),
        ]
    };
    let undone = fixture.send(V, Some(Option::Undo), batch()).await;
    let statuses: Vec<_> = undone.iter().map(|item| item.status).collect();
    assert_eq!(
        statuses,
        [ResultStatus::OperationUndone, ResultStatus::OperationFailed]
    );
    let nothing = fixture.send(V, None, vec![locate(vec![name("one")])]).await;
    assert_eq!(
        nothing[0].payload.as_deref(),
        Some(&[][..]),
        "the key was taken back"
    );

    let stopped = fixture.send(V, Some(Option::Stop), batch()).await;
    assert_eq!(stopped.len(), 2);
    assert!(stopped[0].is_success());
    // The name is taken now, so the first item fails too.
    let continued = fixture.send(V, Some(Option::Continue), batch()).await;
    let outcomes: Vec<_> = continued.iter().map(Answered::is_success).collect();
    assert_eq!(outcomes, [false, false, true]);
    assert_eq!(continued[0].reason, Some(ResultReason::InvalidField));

    let reasons: Vec<_> = fixture
        .events()
        .await
        .iter()
        .map(|event| event.reason.code())
        .collect();
    assert_eq!(reasons, [424, 404, 200, 201, 404, 409, 404, 201]);
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
async fn a_failed_create_leaves_no_earlier_key_in_the_placeholder() {
    let fixture = Fixture::new().await;
    let batch = vec![
        create(vec![name("kept")]),
        create(vec![name("kept")]),
        destroy(None),
        locate(vec![name("kept")]),
    ];
    let proceed = Some(BatchErrorContinuationOption::Continue);
    let answered = fixture.send(V, proceed, batch).await;
    assert_eq!(answered[2].reason, Some(ResultReason::ItemNotFound));
    assert_eq!(
        identifier(&answered[3]),
        identifier(&answered[0]),
        "the first key still lives"
    );
}

#[tokio::test]
async fn a_name_given_up_in_a_batch_is_free_in_it() {
    let fixture = Fixture::new().await;
    let uid = fixture.create(vec![name("passed on")]).await;
    let batch = vec![destroy(Some(uid.clone())), create(vec![name("passed on")])];
    let answered = fixture.send(V, None, batch).await;
    assert!(answered.iter().all(Answered::is_success));
    let found = fixture
        .send(V, None, vec![locate(vec![name("passed on")])])
        .await;
    assert_eq!(identifier(&found[0]), identifier(&answered[1]));
}

#[tokio::test]
async fn a_failure_to_commit_still_names_the_key() {
    let fixture = Fixture::new().await;
    let uid = fixture.create(vec![]).await;
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
    fixture.service.store().apply(changeset).await.unwrap();
    let missing = get(Some("missing".to_owned()));
    fixture
        .send(
            V,
            None,
            vec![get(Some(uid.clone())), missing, get(Some(uid.clone()))],
        )
        .await;
    let events = fixture.events().await;
    let refused: Vec<_> = events
        .iter()
        .filter(|event| event.reason.code() == 403)
        .collect();
    assert_eq!(refused.len(), 2, "the third item was not executed");
    assert_eq!(refused[0].target, Target::Key(uid.parse().unwrap()));
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
async fn an_answer_is_bounded_before_it_is_committed() {
    let fixture = Fixture::new().await;
    let long = "x".repeat(3000);
    let many = (0..100)
        .map(|number| custom(&format!("x-{number}"), &long))
        .collect();
    let uid = fixture.create(many).await;
    let all = || {
        RequestPayload::GetAttributes(payload::get_attributes::Request {
            unique_identifier: Some(uid.clone()),
            names: Vec::new(),
        })
    };
    let proceed = Some(BatchErrorContinuationOption::Continue);
    let batch = (0..60)
        .map(|_| all())
        .chain([activate(Some(uid.clone()))])
        .collect();
    let answered = fixture.send_as(&fixture.ours, V, proceed, batch).await;
    let full = answered
        .iter()
        .position(|item| !item.is_success())
        .expect("a limit");
    assert!(
        (20..40).contains(&full),
        "{full} answers of 300 KiB in 8 MiB"
    );
    assert!(
        answered[full..60]
            .iter()
            .all(|i| i.reason == Some(ResultReason::ResponseTooLarge))
    );
    assert!(answered[60].is_success(), "what changes something is small");
    let events = fixture.events().await;
    let refused = events
        .iter()
        .filter(|event| event.reason.code() == 413)
        .count();
    assert_eq!(refused, 60 - full);
}
