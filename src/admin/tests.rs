//! The router over a real store, and over the socket.

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
        scope,
        initiator: user(),
        master: &master,
        clock: &*clock,
        random: &SystemRandom,
    };
    let instance = found(&store, founding).await.unwrap();
    let authority = Authority::create("Test CA", NOW, 3650, KeyKind::EcdsaP256).unwrap();
    let ours = Some(authority.certificate().clone());
    let admin = Admin::new(store, clock.clone(), Arc::new(SystemRandom), ours, None);
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
        };
        self.run(Request::ClientRemove(request)).await.map(client)
    }

    /// Every event's JSON from a sequence on.
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
            client: held,
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

#[tokio::test]
async fn founding_an_instance_is_a_global_event() {
    let world = world().await;
    let trail = world.trail(0).await;
    assert_eq!(trail.len(), 1);
    assert_eq!(trail[0]["action"], "vmware-solutions.service.create");
    assert_eq!(trail[0]["initiator"]["id"], "LocalUser-1000");
    assert_eq!(trail[0]["requestData"]["instance"], "default");
    let crn = "crn:v1:bluemix:public:vmware-solutions::a/acc:::";
    assert_eq!(trail[0]["logSourceCRN"], crn);
}

#[tokio::test]
async fn a_client_is_added_disabled_enabled_and_removed_each_with_its_event() {
    let world = world().await;
    let made = own_certificate("vcenter");
    let fingerprint = made.certificate.fingerprint();
    let added = world
        .add(addition("vc1", &made.certificate_pem))
        .await
        .unwrap();
    assert_eq!(
        (added.status.as_str(), added.instance.as_str()),
        ("enabled", "default")
    );
    assert_eq!(added.certificates[0].fingerprint, fingerprint.to_string());
    assert_eq!(added.certificates[0].trust, "pinned");
    assert!(world.admin.store.clients().admit(&fingerprint, NOW).is_ok());

    world.set_enabled("vc1", false).await.unwrap();
    assert!(
        world
            .admin
            .store
            .clients()
            .admit(&fingerprint, NOW)
            .is_err()
    );
    // Once more changes nothing and records nothing.
    world.set_enabled("vc1", false).await.unwrap();
    world.set_enabled("vc1", true).await.unwrap();
    assert!(world.admin.store.clients().admit(&fingerprint, NOW).is_ok());
    world.remove("vc1", None).await.unwrap();
    assert!(world.admin.store.clients().holder(&fingerprint).is_none());
    assert_eq!(
        world.run(Request::ClientList).await.unwrap(),
        Response::Clients(Vec::new())
    );

    let trail = world.trail(1).await;
    let verbs = ["add", "disable", "enable", "remove"];
    assert_eq!(trail.len(), verbs.len());
    for (event, verb) in trail.iter().zip(verbs) {
        assert_eq!(
            event["action"],
            format!("vmware-solutions.kmip-client.{verb}")
        );
        assert_eq!(event["requestData"]["label"], "vc1");
        assert_eq!(event["target"]["name"], added.id);
        assert!(
            event["logSourceCRN"]
                .as_str()
                .unwrap()
                .contains(":eu-de:a/acc:")
        );
    }
    assert_eq!(
        trail[0]["requestData"]["fingerprint"],
        fingerprint.to_string()
    );
    assert_eq!(trail[0]["requestData"]["subject"], "vcenter");
    assert_eq!(trail[0]["severity"], "critical");
}

#[tokio::test]
async fn an_issued_certificate_must_be_of_our_own_authority() {
    let world = world().await;
    let issued = world
        .authority
        .issue_client("demo", KeyKind::EcdsaP256, NOW, 30)
        .unwrap();
    let request = ClientAdd {
        issued: true,
        ..addition("demo", &issued.certificate_pem)
    };
    let client = world.add(request).await.unwrap();
    assert_eq!(client.certificates[0].trust, "issued");
    assert_eq!(
        world.trail(1).await[0]["action"],
        "vmware-solutions.kmip-client.issue"
    );

    let foreign = own_certificate("foreign");
    let request = ClientAdd {
        issued: true,
        ..addition("foreign", &foreign.certificate_pem)
    };
    let error = world.add(request).await.unwrap_err();
    assert!(
        error.message.starts_with("certificate: not issued here"),
        "{error}"
    );
}

#[tokio::test]
async fn what_cannot_be_enrolled_is_refused_by_name_and_leaves_no_event() {
    let world = world().await;
    let (first, second) = (own_certificate("first"), own_certificate("second"));
    world
        .add(addition("vc1", &first.certificate_pem))
        .await
        .unwrap();
    let pem = |issued: &Issued| issued.certificate_pem.clone();
    let chain = pem(&first) + &pem(&second);
    let key = String::from_utf8(second.key_pem.expose().to_vec()).unwrap();
    let cases = [
        (
            addition("../x", &pem(&second)),
            ErrorKind::Invalid,
            "label: a label is 1 to 64",
        ),
        (
            addition("vc1", &pem(&second)),
            ErrorKind::Conflict,
            "label: `vc1` is taken",
        ),
        (
            addition("vc2", &pem(&first)),
            ErrorKind::Conflict,
            "already enrolled for client `vc1`",
        ),
        (
            addition("vc2", &chain),
            ErrorKind::Invalid,
            "certificate: this contains 2 certificates",
        ),
        (
            addition("vc2", &key),
            ErrorKind::Invalid,
            "certificate: this contains a private key",
        ),
        (
            addition("vc2", ""),
            ErrorKind::Invalid,
            "certificate: the file is empty",
        ),
        (
            ClientAdd {
                renew: true,
                ..addition("vc2", &pem(&second))
            },
            ErrorKind::NotFound,
            "label: there is no client `vc2`",
        ),
        (
            ClientAdd {
                instance: Some("x".into()),
                ..addition("vc2", &pem(&second))
            },
            ErrorKind::NotFound,
            "instance: there is no instance `x`; the instances are: default",
        ),
    ];
    for (request, kind, text) in cases {
        let error = world.add(request).await.unwrap_err();
        assert_eq!(error.kind, kind, "{error}");
        assert!(error.message.contains(text), "{error}");
        assert!(!error.message.contains('\n'), "{error}");
    }
    world.clock.advance_ms(31 * 86_400_000);
    let error = world.add(addition("vc2", &pem(&second))).await.unwrap_err();
    assert!(
        error.message.contains("certificate: it expired on 20"),
        "{error}"
    );
    assert_eq!(world.trail(0).await.len(), 2);
}

#[tokio::test]
async fn a_renewal_adds_a_certificate_and_the_old_one_can_be_removed() {
    let world = world().await;
    let (old, new) = (own_certificate("old"), own_certificate("new"));
    world
        .add(addition("vc1", &old.certificate_pem))
        .await
        .unwrap();
    let request = ClientAdd {
        renew: true,
        ..addition("vc1", &new.certificate_pem)
    };
    assert_eq!(world.add(request).await.unwrap().certificates.len(), 2);
    let old = old.certificate.fingerprint();
    let left = world.remove("vc1", Some(old.to_string())).await.unwrap();
    assert_eq!(left.certificates.len(), 1);
    assert!(world.admin.store.clients().admit(&old, NOW).is_err());
    let last = new.certificate.fingerprint();
    assert!(world.admin.store.clients().admit(&last, NOW).is_ok());
    let error = world
        .remove("vc1", Some(last.to_string()))
        .await
        .unwrap_err();
    assert!(
        error.message.contains("remove the client instead"),
        "{error}"
    );
    let error = world.remove("vc9", None).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotFound);
}

#[tokio::test]
async fn keys_are_listed_by_vcenters_names_and_shown() {
    let world = world().await;
    let first = world.insert_key(1, State::Active, "web-01").await;
    let second = world.insert_key(2, State::PreActive, "db-01").await;
    let all = world
        .keys(KeyList {
            limit: 10,
            ..KeyList::default()
        })
        .await;
    assert_eq!(
        identifiers(&all.keys),
        [first.to_string(), second.to_string()]
    );
    assert_eq!(all.next, None);
    let only = |request: KeyList| {
        world.keys(KeyList {
            limit: 10,
            ..request
        })
    };
    let named = only(KeyList {
        name: Some("DB".into()),
        ..KeyList::default()
    })
    .await;
    assert_eq!(identifiers(&named.keys), [second.to_string()]);
    let active = only(KeyList {
        state: Some("active".into()),
        ..KeyList::default()
    })
    .await;
    assert_eq!(identifiers(&active.keys), [first.to_string()]);
    let exact = only(KeyList {
        identifier: Some("uuid-2".into()),
        ..KeyList::default()
    })
    .await;
    assert_eq!(identifiers(&exact.keys), [second.to_string()]);

    let page = world
        .keys(KeyList {
            limit: 1,
            ..KeyList::default()
        })
        .await;
    assert_eq!(identifiers(&page.keys), [first.to_string()]);
    let page = world
        .keys(KeyList {
            limit: 1,
            after: page.next,
            ..KeyList::default()
        })
        .await;
    assert_eq!(identifiers(&page.keys), [second.to_string()]);

    let shown = world
        .run(Request::KeyShow {
            id: first.to_string(),
        })
        .await
        .unwrap();
    let Response::Key(key) = shown else {
        panic!("not a key")
    };
    assert_eq!(key.x_name.as_deref(), Some("web-01"));
    assert_eq!(key.x_component.as_deref(), Some("Virtual Machine"));
    assert_eq!(key.attributes, [("x-Vendor".to_owned(), "V".to_owned())]);
    for id in ["44", "01a20899-fde2-7b8a-9708-824b087aff04"] {
        let error = world
            .run(Request::KeyShow { id: id.into() })
            .await
            .unwrap_err();
        assert_eq!(error.kind, ErrorKind::NotFound);
    }
    let wrong = KeyList {
        state: Some("actve".into()),
        ..KeyList::default()
    };
    let error = world.run(Request::KeyList(wrong)).await.unwrap_err();
    assert!(error.message.contains("`actve` is none of"), "{error}");
}

#[tokio::test]
async fn whoever_follows_the_trail_is_woken_by_the_next_event() {
    let world = world().await;
    let request = EventsFrom {
        from: 1,
        limit: 10,
        wait_ms: 10_000,
        ..EventsFrom::default()
    };
    let admin = Arc::clone(&world.admin);
    let follower = tokio::spawn(async move { admin.run(user(), Request::Events(request)).await });
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!follower.is_finished());
    let made = own_certificate("vc");
    world
        .add(addition("vc", &made.certificate_pem))
        .await
        .unwrap();
    let woken = tokio::time::timeout(Duration::from_secs(5), follower)
        .await
        .unwrap()
        .unwrap();
    let Response::Events(page) = woken.unwrap() else {
        panic!("not events")
    };
    assert_eq!((page.events.len(), page.next, page.head), (1, 2, 2));
    assert!(
        page.events[0].line.contains("kmip-client.add"),
        "{}",
        page.events[0].line
    );
}

#[tokio::test]
async fn a_follower_is_answered_with_nothing_when_its_time_is_over() {
    let world = world().await;
    let filter = EventFilter {
        client: Some("nobody".into()),
        ..EventFilter::default()
    };
    let request = EventsFrom {
        from: 0,
        limit: 10,
        wait_ms: 30,
        filter,
    };
    let answer = world.run(Request::Events(request)).await.unwrap();
    let Response::Events(page) = answer else {
        panic!("not events")
    };
    assert_eq!((page.events.len(), page.next), (0, 1));
}

/// Serves the router's socket at `path` until the sender is dropped.
async fn served(world: &World, path: &std::path::Path) -> tokio::sync::oneshot::Sender<()> {
    let socket = ControlSocket::bind(path).unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let admin = Arc::clone(&world.admin);
    tokio::spawn(socket.serve(admin, async move { drop(stopped.await) }));
    stop
}

#[tokio::test]
async fn requests_and_errors_read_the_same_over_the_socket() {
    let world = world().await;
    let path = world.directory.path().join("control.sock");
    assert!(Connection::open(&path).await.unwrap().is_none());
    let stop = served(&world, &path).await;
    let mut connection = Connection::open(&path).await.unwrap().unwrap();
    let made = own_certificate("vc");
    let add = Request::ClientAdd(addition("vc", &made.certificate_pem));
    assert_eq!(client(connection.run(&add).await.unwrap()).label, "vc");
    let over_socket = connection.run(&add).await.unwrap_err().to_string();
    let here = world.run(add).await.unwrap_err().to_string();
    assert_eq!(over_socket, here);
    let initiator = &world.trail(1).await[0]["initiator"]["id"];
    assert_eq!(*initiator, format!("LocalUser-{}", peer::own_uid()));
    let Response::Status(status) = connection.run(&Request::Status).await.unwrap() else {
        panic!("not a status");
    };
    assert_eq!((status.clients, status.events), (1, 2));
    drop(stop);
}

#[tokio::test]
async fn a_path_longer_than_a_sockets_address_is_no_limit() {
    use std::os::unix::fs::PermissionsExt as _;
    let world = world().await;
    let deep: PathBuf = world
        .directory
        .path()
        .join("d".repeat(100))
        .join("e".repeat(100));
    std::fs::create_dir_all(&deep).unwrap();
    let path = deep.join("control.sock");
    let stop = served(&world, &path).await;
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let mut connection = Connection::open(&path).await.unwrap().unwrap();
    assert!(connection.run(&Request::ClientList).await.is_ok());
    drop(stop);
}

#[tokio::test]
async fn a_line_that_is_no_request_or_too_long_does_not_end_the_server() {
    use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
    let world = world().await;
    let path = world.directory.path().join("control.sock");
    let stop = served(&world, &path).await;
    let mut stream = BufReader::new(tokio::net::UnixStream::connect(&path).await.unwrap());
    stream.write_all(b"{\"format-disk\":{}}\n").await.unwrap();
    let mut answer = String::new();
    stream.read_line(&mut answer).await.unwrap();
    assert!(answer.contains("the request is not understood"), "{answer}");
    let long = vec![b' '; socket::REQUEST_BYTES_MAX + 1];
    // The server may close before all of it is written.
    drop(stream.write_all(&long).await);
    answer.clear();
    assert!(
        matches!(stream.read_line(&mut answer).await, Ok(0) | Err(_)),
        "{answer}"
    );
    let mut next = Connection::open(&path).await.unwrap().unwrap();
    assert!(next.run(&Request::ClientList).await.is_ok());
    drop(stop);
}
