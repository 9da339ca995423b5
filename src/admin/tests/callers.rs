//! Callers of the router: what becomes of a request when who asked goes away, or is changed or removed meanwhile.

use super::super::access::asked;
use super::super::message::routing::{EndpointFields, NewTarget, TargetChange, TargetRequest};
use super::super::message::{AdministratorAdd, ApiKeyAdd, ClientPermit, NewEpoch};
use super::*;
use crate::crypto::SecretText;
use crate::domain::{Caller, EnrolledCertificate, Quantities, Role, Trust};
use crate::ops::Keyring;

impl World {
    /// Adds an administrator of this role with this certificate, in the place of one of that label.
    pub(super) async fn administrator(&self, label: &str, role: Role, made: &Issued) -> Caller {
        let label = label.to_owned();
        let gone = Request::AdministratorRemove {
            label: label.clone(),
        };
        // There need not be one.
        drop(self.run(gone).await);
        let request = AdministratorAdd {
            label,
            role,
            instance: None,
            certificate: made.certificate_pem.clone(),
        };
        self.run(Request::AdministratorAdd(request)).await.unwrap();
        let held = self.admin.store.administrators();
        let fingerprint = made.certificate.fingerprint();
        held.by_certificate(&fingerprint, NOW).unwrap()
    }
}

/// A world whose router has the master key.
async fn founding(world: World, keyring: &Arc<Keyring>) -> World {
    let master = FileMasterKey::open(&world.directory.path().join("master.key")).unwrap();
    let scope = world.admin.instance(None).unwrap().scope.global();
    let founder = Founder {
        master: Arc::new(master),
        scope,
        keyring: Some(Arc::clone(keyring)),
    };
    let admin = Arc::into_inner(world.admin).expect("nobody else has it");
    World {
        admin: Arc::new(admin.with_founder(Ok(founder))),
        ..world
    }
}

#[tokio::test]
async fn what_changes_something_is_carried_out_though_nobody_waits_for_it() {
    let keyring = Arc::new(Keyring::default());
    let world = founding(world().await, &keyring).await;
    let admin = &world.admin;
    let caller = Caller::local(user());
    {
        let name = "another".to_owned();
        let run = admin.run_as(
            &caller,
            None,
            Request::InstanceAdd {
                name,
                adapter: None,
            },
        );
        tokio::pin!(run);
        // It begins, and who asked is gone.
        tokio::select! {
            biased;
            _ = &mut run => panic!("it takes longer than that"),
            () = std::future::ready(()) => {}
        }
    }
    let is_usable = || {
        let made = admin.instance(Some("another")).ok()?;
        keyring.sealing(made.id)
    };
    for _ in 0..3000 {
        if is_usable().is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(is_usable().is_some(), "made, and its data key is in use");
    assert!(
        admin.changes.try_lock().is_ok(),
        "the next change may begin"
    );
}

#[tokio::test]
async fn a_key_that_removes_itself_is_told_so() {
    let world = world().await;
    let request = ApiKeyAdd {
        name: "ci".into(),
        role: Role::Administrator,
        instance: None,
        digest: hex::encode([7; 32]),
        expires: None,
    };
    world.run(Request::ApiKeyAdd(request)).await.unwrap();
    let caller = world.admin.store.administrators().by_key(&[7; 32], NOW);
    let caller = caller.unwrap();
    let remove = Request::ApiKeyRemove { name: "ci".into() };
    let done = world.admin.run_as(&caller, None, remove).await;
    assert!(matches!(done, Ok(Response::ApiKey(_))), "{done:?}");
    let refused = world.admin.run_as(&caller, None, Request::Status).await;
    assert_eq!(refused.unwrap_err().kind, ErrorKind::Forbidden);
}

#[tokio::test]
async fn what_was_asked_for_in_a_role_is_not_committed_in_a_lesser_one() {
    let world = world().await;
    let made = own_certificate("anna");
    let before = world.administrator("anna", Role::Operator, &made).await;
    let now = world.administrator("anna", Role::Reader, &made).await;
    assert_eq!(before.login, now.login);
    let ours = world.admin.instance(None).unwrap();
    let deed = || Deed {
        action: Action::ClientDisable,
        initiator: before.initiator.clone(),
        target: "x".into(),
        scope: Arc::clone(&ours.scope),
        request: Data::new(),
    };
    let head = world.admin.store.head();
    // The request passed the gate before.
    let commit = world.admin.commit(deed(), Vec::new());
    let refused = asked::during(before.rights(), None, commit).await;
    assert_eq!(refused.unwrap_err().kind, ErrorKind::Forbidden);
    assert_eq!(world.admin.store.head(), head, "nothing was recorded");
    let commit = world.admin.commit(deed(), Vec::new());
    asked::during(now.rights(), None, commit).await.unwrap();
    let stale = world.admin.run_as(&before, None, Request::ClientList).await;
    assert_eq!(stale.unwrap_err().kind, ErrorKind::Forbidden);
}

#[tokio::test]
async fn no_epoch_begins_for_who_lost_their_role_meanwhile() {
    let world = world().await;
    let made = own_certificate("anna");
    let before = world
        .administrator("anna", Role::Administrator, &made)
        .await;
    let now = world.administrator("anna", Role::Reader, &made).await;
    let begin = || {
        let reason = "the database was repaired".to_owned();
        let begin = Request::NewEpoch(NewEpoch { reason });
        world.admin.run(before.initiator.clone(), begin)
    };
    let head = world.admin.store.head();
    // The request passed the gate before.
    let refused = asked::during(before.rights(), None, begin()).await;
    assert_eq!(refused.unwrap_err().kind, ErrorKind::Forbidden);
    assert_eq!(world.admin.store.head(), head, "nothing was recorded");
    let begun = asked::during(now.rights(), None, begin()).await;
    assert!(matches!(begun, Ok(Response::Epoch(_))), "{begun:?}");
}

#[tokio::test]
async fn an_operator_sheds_no_permissions_by_removing_and_enrolling_anew() {
    let world = world().await;
    let (backup, other) = (own_certificate("backup"), own_certificate("backup-2"));
    world
        .add(addition("backup", &backup.certificate_pem))
        .await
        .unwrap();
    let renewal = ClientAdd {
        renew: true,
        ..addition("backup", &other.certificate_pem)
    };
    world.add(renewal).await.unwrap();
    let permit = ClientPermit {
        label: "backup".into(),
        all: false,
        operations: Some(vec!["get".into()]),
        windows: None,
    };
    world.run(Request::ClientPermit(permit)).await.unwrap();
    let made = own_certificate("olga");
    let olga = world.administrator("olga", Role::Operator, &made).await;
    let removal = |certificate: Option<String>| {
        Request::ClientRemove(ClientRemove {
            label: "backup".into(),
            certificate,
            ..ClientRemove::default()
        })
    };
    for part in [None, Some(backup.certificate.fingerprint().to_string())] {
        let refused = world.admin.run_as(&olga, None, removal(part)).await;
        let refused = refused.unwrap_err();
        assert_eq!(refused.kind, ErrorKind::Forbidden, "{refused}");
    }
    let event = world.last().await;
    assert_eq!(event["action"], "vmware-solutions.administration.refuse");
    assert_eq!(event["reason"]["reasonCode"], 403);
    let disable = ClientStatusChange {
        label: "backup".into(),
        enabled: false,
    };
    let disabled = world
        .admin
        .run_as(&olga, None, Request::ClientStatus(disable));
    disabled.await.unwrap();
    let anna = world
        .administrator("anna", Role::Administrator, &own_certificate("anna"))
        .await;
    world
        .admin
        .run_as(&anna, None, removal(None))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_certificate_is_a_client_s_or_an_administrator_s_whichever_comes_first() {
    let world = world().await;
    let made = own_certificate("anna");
    world.administrator("anna", Role::Reader, &made).await;
    let refused = world.add(addition("anna", &made.certificate_pem)).await;
    let refused = refused.unwrap_err();
    assert!(
        refused.message.contains("administrator `anna`"),
        "{refused}"
    );
    // The store is asked, too: the first use of a certificate comes in without the router.
    let ours = world.admin.instance(None).unwrap();
    let mut client =
        crate::admin::clients::new_client(&world.admin, "x", None, Vec::new()).unwrap();
    let enrolled = EnrolledCertificate::new(&made.certificate, Trust::Pinned, NOW);
    client.certificates.push(enrolled);
    let deed = Deed {
        action: Action::ClientAdd,
        initiator: user(),
        target: client.id.to_string(),
        scope: Arc::clone(&ours.scope),
        request: Data::new(),
    };
    let commit = world.admin.commit(deed, vec![Write::Client(client)]).await;
    assert_eq!(commit.unwrap_err().kind, ErrorKind::Conflict);
    // The other way round.
    let demo = own_certificate("demo");
    let added = world.add(addition("demo", &demo.certificate_pem)).await;
    added.unwrap();
    let request = AdministratorAdd {
        label: "demo".into(),
        role: Role::Reader,
        instance: None,
        certificate: demo.certificate_pem,
    };
    let refused = world.run(Request::AdministratorAdd(request)).await;
    assert!(refused.unwrap_err().message.contains("client `demo`"));
}

#[tokio::test]
async fn a_kept_secret_is_not_given_to_another_receiver() {
    let world = founding(world().await, &Arc::default()).await;
    let endpoint = |url: &str, token: &str| {
        EndpointFields(serde_json::json!({"url": url, "bearer_token": token}))
    };
    let new = NewTarget {
        name: "hook".into(),
        target_type: "webhook".into(),
        region: None,
        rendering: crate::domain::routing::Rendering::default(),
        endpoint: endpoint("https://127.0.0.1:9/events", "t0ken"),
        from: None,
    };
    let add = TargetRequest::Add(new);
    world.run(Request::Target(Box::new(add))).await.unwrap();
    let update = async |url: &str, token: &str| {
        let change = TargetChange {
            target: "hook".into(),
            name: None,
            region: None,
            rendering: None,
            endpoint: Some(endpoint(url, token)),
        };
        let update = TargetRequest::Update(change);
        world.run(Request::Target(Box::new(update))).await
    };
    let mask = SecretText::MASK;
    update("https://127.0.0.1:9/other", mask).await.unwrap();
    let refused = update("https://127.0.0.2:9/other", mask).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Invalid);
    assert!(refused.message.contains("another url"), "{refused}");
    update("https://127.0.0.2:9/other", "t1ken").await.unwrap();
}

#[tokio::test]
async fn there_are_no_more_of_anything_than_the_settings_say() {
    let world = world().await;
    let admin = Arc::into_inner(world.admin).expect("nobody else has it");
    let admin = admin.with_quantities(Quantities {
        instances: 1,
        clients: 1,
        certificates_per_client: 1,
        api_keys: 1,
        administrators: 1,
    });
    let world = World {
        admin: Arc::new(admin),
        ..world
    };
    let world = founding(world, &Arc::default()).await;
    let key = |name: &str| {
        Request::ApiKeyAdd(ApiKeyAdd {
            name: name.into(),
            role: Role::Reader,
            instance: None,
            digest: hex::encode([7; 32]),
            expires: None,
        })
    };
    let pem = || own_certificate("x").certificate_pem;
    let administrator = |label: &str| {
        Request::AdministratorAdd(AdministratorAdd {
            label: label.into(),
            role: Role::Reader,
            instance: None,
            certificate: pem(),
        })
    };
    let client = |label: &str| Request::ClientAdd(addition(label, &pem()));
    for request in [key("one"), administrator("one"), client("one")] {
        world.run(request).await.unwrap();
    }
    let head = world.admin.store.head();
    let instance = Request::InstanceAdd {
        name: "two".into(),
        adapter: None,
    };
    let more = Request::ClientAdd(ClientAdd {
        renew: true,
        ..addition("one", &pem())
    });
    for (request, setting) in [
        (more, "certificates-per-client-max"),
        (key("two"), "api-keys-max"),
        (administrator("two"), "administrators-max"),
        (client("two"), "clients-max"),
        (instance, "instances-max"),
    ] {
        let refused = world.run(request).await.unwrap_err();
        assert_eq!(refused.kind, ErrorKind::Conflict, "{refused}");
        assert!(refused.message.contains(setting), "{refused}");
    }
    assert_eq!(world.admin.store.head(), head, "nothing was recorded");
}
