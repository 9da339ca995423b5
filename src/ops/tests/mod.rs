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
use crate::kmip::tag::Tag;
use crate::kmip::version::ProtocolVersion;
use crate::ops::spans::Spans;
use crate::ops::{Budget, Config, Keyring, Parts, Service};
use crate::providers::MasterKey;
use crate::providers::file::FileMasterKey;
use crate::store::changeset::{Changeset, Write};
use crate::store::{InitMeta, Sequence, Store, StoreConfig};

mod allowance;
mod answers;
mod batches;
mod credentials;
mod destruction;
mod expiry;
mod keys;
mod locating;
mod permissions;
mod refusals;
mod retention;

const NOW_MS: i64 = 1_790_000_000_000;
/// Bytes of answers in flight: enough for the largest answer.
const ANSWER_BYTES: usize = 8 * 1024 * 1024;

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
        Self::with(Config::default()).await
    }

    async fn with(config: Config) -> Self {
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
            config,
            limits: ttlv::Limits::default(),
            answers: Budget::new(ANSWER_BYTES, ANSWER_BYTES),
            global_scope: Arc::new(scope("").global()),
            spans: Spans::default(),
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
        self.exchange(identity, &header, payloads).await.0
    }

    /// The answers to one message, and how long the whole answer is.
    async fn exchange(
        &self,
        identity: &Arc<Identity>,
        header: &RequestHeader,
        payloads: Vec<RequestPayload>,
    ) -> (Vec<Answered>, usize) {
        let items = payloads
            .into_iter()
            .enumerate()
            .map(|(index, payload)| OutgoingItem {
                unique_batch_item_id: Some(vec![u8::try_from(index).unwrap()]),
                payload,
            });
        let bytes = encode_request(header, &items.collect::<Vec<_>>());
        let answer = self.service.answer(identity, &bytes).await;
        let limits = ttlv::Limits {
            message_bytes_max: self.service.config().response_bytes_max,
            ..ttlv::Limits::default()
        };
        let message = ResponseMessage::decode(&answer.bytes, &limits).unwrap();
        assert_eq!(message.header.version, header.version);
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
        (answered.collect(), answer.bytes.len())
    }

    async fn create(&self, attributes: Vec<Attribute>) -> String {
        let answered = self
            .send(ProtocolVersion::V1_1, None, vec![create(attributes)])
            .await;
        identifier(&answered[0])
    }

    async fn events(&self) -> Vec<Event> {
        self.events_from(0).await
    }

    /// The events after the first `skip`, of a thousand at most. Those of the fixture itself do not count.
    async fn events_from(&self, skip: u64) -> Vec<Event> {
        let filter = EventFilter::default();
        let page = self
            .service
            .store()
            .events(Sequence(skip + 2), 1000, &filter);
        let events = page.await.unwrap().events.into_iter();
        events.map(|stored| Event::clone(&stored.event)).collect()
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
        credential: None,
        rules: crate::domain::Rules::default(),
        created: NOW_MS / 1000,
    }));
    let wrapped = Keyring::new_data_key(instance, 1, master, &SystemRandom).unwrap();
    changeset.write(Write::DataKey(instance, 1, wrapped));
    changeset.write(Write::Client(Client {
        id: ClientId::new(NOW_MS, [number; 10]),
        label: format!("client-{number}"),
        instance,
        status: ClientStatus::Enabled,
        permissions: crate::domain::Permissions::default(),
        certificates: vec![EnrolledCertificate {
            fingerprint,
            trust: Trust::Pinned,
            not_before: 0,
            not_after: i64::MAX,
            subject: "test".to_owned(),
            added: NOW_MS / 1000,
            warned: None,
            digests: None,
            issuer: None,
            serial: None,
        }],
        created: NOW_MS / 1000,
    }));
    store.apply(changeset).await.unwrap();
    store
        .clients()
        .admit(&fingerprint, NOW_MS / 1000, 0)
        .unwrap()
        .identity
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
