//! The router over a real store: what its tests share.

mod anchors;
mod callers;
mod certificates;
mod clients;
mod credentials;
mod destruction;
mod keys;
mod makers;
mod management;
mod pending;
mod permissions;
mod removal;
mod removed;
mod restored;
mod routing;
mod socket;
mod trail;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::foundation::{Founding, found};
use super::message::{
    Client, ClientAdd, ClientRemove, ClientStatusChange, EventsFrom, Key, KeyList, Keys,
};
use super::socket::{Connection, ControlSocket};
use super::*;
use crate::audit::EventFilter;
use crate::crypto::{Authority, Issued, KeyKind, SystemRandom, Wrapped, self_signed_client};
use crate::domain::{Dates, InstanceId, ManualClock, Object, ObjectId};
use crate::kmip::attribute::{Attribute, AttributeName, AttributeValue};
use crate::kmip::enums::{CryptographicAlgorithm, ObjectType, State};
use crate::providers::MasterKey as _;
use crate::providers::file::FileMasterKey;
use crate::store::{InitMeta, StoreConfig};

const NOW: i64 = 1_800_000_000;

struct World {
    admin: Arc<Admin>,
    clock: Arc<ManualClock>,
    authority: Authority,
    instance: InstanceId,
    directory: tempfile::TempDir,
}

async fn world() -> World {
    let directory = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::new(NOW * 1000));
    let master =
        FileMasterKey::create(&directory.path().join("master.key"), &SystemRandom).unwrap();
    let meta = InitMeta {
        origin_name: "n".into(),
        master_key_check: master.check_value(),
        created: NOW,
    };
    let config = StoreConfig::default();
    let store = Store::create(&directory.path().join("k.db"), &config, &meta).unwrap();
    let scope = Scope {
        crn_prefix: Scope::DEFAULT_CRN_PREFIX.into(),
        account: "acc".into(),
        location: "eu-de".into(),
        instance: String::new(),
    };
    let founding = Founding {
        name: foundation::INSTANCE,
        scope: scope.clone(),
        profile: None,
        initiator: user(),
        master: &master,
        clock: &*clock,
        random: &SystemRandom,
    };
    let instance = found(&store, founding).await.unwrap();
    let authority = Authority::create("Test CA", NOW, 3650, KeyKind::EcdsaP256).unwrap();
    let ours = Some(authority.certificate().clone());
    let admin = Admin::new(store, clock.clone(), Arc::new(SystemRandom), ours, None);
    let admin = admin.with_global_scope(Ok(scope));
    World {
        admin: Arc::new(admin),
        clock,
        authority,
        instance,
        directory,
    }
}

fn user() -> Initiator {
    Initiator::local_user(1000, "ada")
}

fn own_certificate(name: &str) -> Issued {
    self_signed_client(name, KeyKind::EcdsaP256, NOW, 30).unwrap()
}

fn addition(label: &str, pem: &str) -> ClientAdd {
    ClientAdd {
        label: label.into(),
        certificate: pem.into(),
        ..ClientAdd::default()
    }
}

impl World {
    async fn run(&self, request: Request) -> Result<Response, AdminError> {
        self.admin.run(user(), request).await
    }

    async fn add(&self, request: ClientAdd) -> Result<Client, AdminError> {
        self.run(Request::ClientAdd(request)).await.map(client)
    }

    async fn set_enabled(&self, label: &str, enabled: bool) -> Result<Client, AdminError> {
        let change = ClientStatusChange {
            label: label.into(),
            enabled,
        };
        self.run(Request::ClientStatus(change)).await.map(client)
    }

    async fn remove(&self, label: &str, certificate: Option<String>) -> Result<Client, AdminError> {
        let request = ClientRemove {
            label: label.into(),
            certificate,
            ..ClientRemove::default()
        };
        self.run(Request::ClientRemove(request)).await.map(client)
    }

    /// Every event's JSON from a sequence on.
    /// The newest event.
    async fn last(&self) -> serde_json::Value {
        let newest = self.admin.store().head().0 - 1;
        self.trail(newest).await.remove(0)
    }

    async fn trail(&self, from: u64) -> Vec<serde_json::Value> {
        let request = EventsFrom {
            from,
            limit: 100,
            ..EventsFrom::default()
        };
        let Response::Events(page) = self.run(Request::Events(request)).await.unwrap() else {
            panic!("not events");
        };
        page.events
            .iter()
            .map(|event| serde_json::from_str(&event.json).unwrap())
            .collect()
    }

    async fn insert_key(&self, number: u8, state: State, x_name: &str) -> ObjectId {
        let text = |name: &str, value: &str| Attribute {
            name: AttributeName::from_text(name),
            index: Some(0),
            value: AttributeValue::Text(value.into()),
        };
        let id = ObjectId::new(NOW * 1000 + i64::from(number), [number; 10]);
        let activation = (state == State::Active).then_some(NOW);
        let object = Object {
            id,
            instance: self.instance,
            object_type: ObjectType::SymmetricKey,
            state,
            dates: Dates {
                initial: NOW,
                activation,
                last_change: NOW,
                ..Dates::default()
            },
            algorithm: Some(CryptographicAlgorithm::Aes),
            length: Some(256),
            usage_mask: 12,
            digest: None,
            revocation: None,
            names: Vec::new(),
            attributes: vec![
                text("x-Name", x_name),
                text("x-Identifier", &format!("uuid-{number}")),
                text("x-Component", "Virtual Machine"),
                text("x-Vendor", "V"),
            ],
            fresh: true,
            last_read: None,
            destroy_due: None,
            state_version: 0,
            attributes_version: 0,
            data_key_epoch: 1,
            material: None::<Wrapped>,
        };
        let probe = own_certificate("probe");
        let client = self
            .add(addition(&format!("p{number}"), &probe.certificate_pem))
            .await;
        let snapshot = self.admin.store.clients();
        let held = snapshot.labelled(&client.unwrap().label).unwrap();
        let deed = Deed {
            action: Action::KeyCreate,
            initiator: user(),
            target: held.id.to_string(),
            scope: Arc::clone(&snapshot.instance(self.instance).unwrap().scope),
            request: Data::new(),
        };
        self.admin
            .commit(deed, vec![Write::Insert(Arc::new(object))])
            .await
            .unwrap();
        id
    }

    async fn keys(&self, request: KeyList) -> Keys {
        match self.run(Request::KeyList(request)).await.unwrap() {
            Response::Keys(keys) => keys,
            other => panic!("not keys: {other:?}"),
        }
    }
}

fn client(response: Response) -> Client {
    match response {
        Response::Client(client) => client,
        other => panic!("not a client: {other:?}"),
    }
}

fn identifiers(keys: &[Key]) -> Vec<String> {
    keys.iter().map(|key| key.id.clone()).collect()
}
