//! The store through its verbs, and the things the tests are about.

mod clients;
mod delivery;
mod files;
mod locating;
mod moving;
mod objects;
mod preconditions;
mod retention;
pub(crate) mod server;
mod sharing;
mod trail;

use std::path::PathBuf;
use std::sync::Arc;

use tempfile::TempDir;

use super::{
    Applied, ApplyError, Changeset, InitMeta, Precondition, Store, StoreConfig, StoreError, Thing,
    Write,
};
use crate::audit::{Action, Data, Event, Outcome, ReasonCode, Target};
use crate::crypto::{Fingerprint, Wrapped};
use crate::domain::{
    Client, ClientId, ClientStatus, Dates, EnrolledCertificate, EventId, Initiator, Instance,
    InstanceId, Name, Object, ObjectId, RequestId, RevocationReason, Scope, Trust,
};
use crate::kmip::attribute::{Attribute, AttributeName, AttributeValue};
use crate::kmip::enums::{
    CryptographicAlgorithm, NameType, ObjectType, RevocationReasonCode, State,
};

const NOW: i64 = 1_795_435_201;

/// A store in a directory of its own, or in a database of its own on the server that `KEYLEDGER_TEST_POSTGRES` names.
struct Place {
    dir: TempDir,
    url: Option<String>,
    store: Option<Store>,
}

/// Whether the tests use a server. Those that change a file beside the store say so and are skipped then.
fn is_on_a_server(test: &str) -> bool {
    let is = server::url().is_some();
    if is {
        eprintln!("skipped on a server: {test}");
    }
    is
}

impl Place {
    /// A new store with one instance.
    async fn new() -> Self {
        Self::with(&StoreConfig::default()).await
    }

    async fn with(config: &StoreConfig) -> Self {
        let dir = TempDir::new().unwrap();
        let url = server::database();
        let config = StoreConfig {
            url: url.clone(),
            ..config.clone()
        };
        let store = Store::create(&dir.path().join("db"), &config, &meta("node-1")).unwrap();
        store
            .apply(changeset([Write::Instance(instance(1))]))
            .await
            .unwrap();
        Self {
            dir,
            url,
            store: Some(store),
        }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("db")
    }

    fn store(&self) -> &Store {
        self.store.as_ref().unwrap()
    }

    /// Drops the store and opens it again.
    fn reopen(&mut self) -> &Store {
        self.store = None;
        let store = Store::open(&self.path(), &self.config(), NOW * 1000).unwrap();
        self.store.insert(store)
    }

    fn config(&self) -> StoreConfig {
        StoreConfig {
            url: self.url.clone(),
            ..StoreConfig::default()
        }
    }

    async fn apply(&self, writes: impl IntoIterator<Item = Write>) -> Result<Applied, ApplyError> {
        self.store().apply(changeset(writes)).await
    }

    async fn insert(&self, object: &Object) -> Result<Applied, ApplyError> {
        self.apply([Write::Insert(Arc::new(object.clone()))]).await
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.store = None;
        if let Some(url) = &self.url {
            server::drop_database(url);
        }
    }
}

fn meta(name: &str) -> InitMeta {
    InitMeta {
        origin_name: name.to_owned(),
        master_key_check: [9; 16],
        created: NOW,
    }
}

fn changeset(writes: impl IntoIterator<Item = Write>) -> Changeset {
    let mut changeset = Changeset::new(event(Action::KeyCreate, "vc-01"));
    writes.into_iter().for_each(|write| changeset.write(write));
    changeset
}

fn event(action: Action, label: &str) -> Event {
    Event {
        id: EventId::from_bytes([1; 16]),
        time_ms: NOW * 1000,
        action,
        outcome: Outcome::Success,
        initiator: Arc::new(Initiator::certificate(
            Fingerprint::from_bytes([5; 32]),
            label,
        )),
        scope: scope(1),
        target: Target::Key(id(1)),
        reason: ReasonCode::Ok,
        failure: None,
        request: Data::new(),
        response: Data::new(),
        correlation: RequestId::from_bytes([2; 16]),
    }
}

fn scope(number: u8) -> Arc<Scope> {
    Arc::new(Scope {
        crn_prefix: Scope::DEFAULT_CRN_PREFIX.to_owned(),
        account: "account".to_owned(),
        location: "eu-de".to_owned(),
        instance: instance_id(number).to_string(),
    })
}

fn id(number: u8) -> ObjectId {
    ObjectId::from_bytes([number; 16])
}

fn instance_id(number: u8) -> InstanceId {
    InstanceId::from_bytes([number; 16])
}

fn client_id(number: u8) -> ClientId {
    ClientId::from_bytes([number; 16])
}

fn instance(number: u8) -> Instance {
    Instance {
        id: instance_id(number),
        name: format!("instance-{number}"),
        scope: scope(number),
        credential: None,
        rules: crate::domain::Rules::default(),
        created: NOW,
    }
}

fn certificate(number: u8) -> EnrolledCertificate {
    EnrolledCertificate {
        fingerprint: Fingerprint::from_bytes([number; 32]),
        trust: Trust::Pinned,
        not_before: NOW - 10,
        not_after: NOW + 10,
        subject: "CN=vc".to_owned(),
        added: NOW,
        warned: None,
        digests: None,
        issuer: None,
        serial: None,
    }
}

fn client(number: u8) -> Client {
    Client {
        id: client_id(number),
        label: format!("vc-{number}"),
        instance: instance_id(1),
        status: ClientStatus::Enabled,
        permissions: crate::domain::Permissions::default(),
        certificates: vec![certificate(number), certificate(number + 100)],
        created: NOW,
    }
}

fn name(index: u32, value: &str) -> Name {
    Name {
        index,
        value: value.to_owned(),
        name_type: NameType::UninterpretedTextString,
    }
}

fn custom(name: &str, index: Option<u32>, value: AttributeValue) -> Attribute {
    Attribute {
        name: AttributeName::from_text(name),
        index,
        value,
    }
}

fn object(number: u8) -> Object {
    Object {
        id: id(number),
        instance: instance_id(1),
        object_type: ObjectType::SymmetricKey,
        state: State::PreActive,
        dates: Dates {
            initial: NOW,
            last_change: NOW,
            ..Dates::default()
        },
        algorithm: Some(CryptographicAlgorithm::Aes),
        length: Some(256),
        usage_mask: 12,
        digest: Some([7; 32]),
        revocation: None,
        names: Vec::new(),
        attributes: Vec::new(),
        fresh: true,
        last_read: None,
        destroy_due: None,
        state_version: 1,
        attributes_version: 1,
        data_key_epoch: 1,
        material: Some(Wrapped::from_bytes(vec![number; 61])),
    }
}

fn named(number: u8, text: &str) -> Object {
    Object {
        names: vec![name(0, text)],
        ..object(number)
    }
}

/// The object with everything set.
fn full(number: u8) -> Object {
    let dates = Dates {
        initial: 1,
        activation: Some(2),
        process_start: Some(3),
        protect_stop: Some(4),
        deactivation: Some(5),
        destroy: Some(6),
        compromise: Some(7),
        compromise_occurrence: Some(8),
        archive: Some(-9),
        last_change: 10,
    };
    Object {
        dates,
        state: State::Compromised,
        revocation: Some(RevocationReason {
            code: RevocationReasonCode::KeyCompromise,
            message: Some("lost".to_owned()),
        }),
        names: vec![name(0, "a"), name(3, "b")],
        attributes: vec![
            custom(
                "x-Product",
                Some(0),
                AttributeValue::Text("vSphere".to_owned()),
            ),
            custom(
                "x-Product",
                Some(4),
                AttributeValue::Text("vSphere".to_owned()),
            ),
            custom("y-Number", None, AttributeValue::LongInteger(i64::MIN)),
            custom(
                "Contact Information",
                None,
                AttributeValue::Text("me".to_owned()),
            ),
            custom(
                "Something Else",
                Some(u32::MAX),
                AttributeValue::Bytes(vec![0, 255]),
            ),
        ],
        fresh: false,
        last_read: Some(NOW),
        destroy_due: None,
        state_version: u64::try_from(i64::MAX).unwrap(),
        attributes_version: 3,
        data_key_epoch: u32::MAX,
        usage_mask: i32::MIN,
        ..object(number)
    }
}

/// Objects have no equality of their own: this compares every field.
fn assert_same(one: &Object, other: &Object) {
    assert_eq!(format!("{one:?}"), format!("{other:?}"));
    assert_eq!(one.material, other.material);
}

fn destroyed(object: &Object) -> Object {
    Object {
        state: State::Destroyed,
        destroy_due: None,
        state_version: object.state_version + 1,
        material: None,
        ..object.clone()
    }
}
