//! Instances that are removed.

use super::super::message::{AdministratorAdd, ApiKeyAdd, InstanceRemove, KeyDestroy};
use super::*;
use crate::domain::{DestructionPolicy, Role, Rules};

async fn governed(second_administrator: bool) -> World {
    let world = world().await;
    let admin = Arc::into_inner(world.admin).expect("nobody else has it");
    let policy = DestructionPolicy {
        recovery_days: 7,
        second_administrator,
    };
    World {
        admin: Arc::new(admin.with_destruction(Ok(policy))),
        ..world
    }
}

impl World {
    async fn remove_default(&self, force: bool) -> Result<Response, AdminError> {
        let request = InstanceRemove {
            instance: "default".into(),
            force,
            ..InstanceRemove::default()
        };
        self.run(Request::InstanceRemove(request)).await
    }

    async fn add_another(&self) {
        let ours = self.admin.instance(None).unwrap();
        let another = Instance {
            id: InstanceId::new(NOW * 1000, [9; 10]),
            name: "another".into(),
            scope: Arc::clone(&ours.scope),
            credential: None,
            rules: Rules::default(),
            created: NOW,
        };
        let deed = Deed {
            action: Action::ServiceCreate,
            initiator: user(),
            target: another.id.to_string(),
            scope: Arc::clone(&ours.scope),
            request: Data::new(),
        };
        let write = Write::Instance(another);
        self.admin.commit(deed, vec![write]).await.unwrap();
    }
}

#[tokio::test]
async fn an_instance_with_keys_goes_by_force_and_takes_everything_with_it() {
    let world = governed(false).await;
    let only = world.remove_default(true).await.unwrap_err();
    assert!(only.message.contains("only one"), "{only}");
    world.add_another().await;
    let key = world.insert_key(1, State::Active, "vm-1").await;
    let refused = world.remove_default(false).await.unwrap_err();
    assert!(
        refused.message.contains("1 clients and 1 keys"),
        "{refused}"
    );
    world.remove_default(true).await.unwrap();
    let store = world.admin.store();
    assert!(store.data_keys().await.unwrap().is_empty());
    assert!(store.clients().clients().is_empty());
    assert!(store.clients().instance(world.instance).is_none());
    let gone = world
        .run(Request::KeyShow {
            id: key.to_string(),
        })
        .await;
    assert_eq!(gone.unwrap_err().kind, ErrorKind::NotFound);
    let trail = world.trail(0).await;
    let wiped = trail.iter().find(|event| {
        let action = event["action"].as_str().unwrap();
        action.ends_with("instance-secure-data.wipe")
    });
    let told = &wiped.unwrap()["requestData"];
    assert_eq!(told["keys"], 1);
    assert_eq!(told["label"], serde_json::json!(["p1"]));
}

#[tokio::test]
async fn who_administers_it_alone_goes_with_it_and_destructions_under_way_end() {
    let world = governed(false).await;
    world.add_another().await;
    let id = world.insert_key(1, State::Active, "vm-1").await;
    let add = |name: &str, digest: u8, instance: &str| {
        Request::ApiKeyAdd(ApiKeyAdd {
            name: name.into(),
            role: Role::Operator,
            instance: Some(instance.into()),
            digest: hex::encode([digest; 32]),
            expires: None,
        })
    };
    world.run(add("its", 1, "default")).await.unwrap();
    world.run(add("other", 2, "another")).await.unwrap();
    let administrator = AdministratorAdd {
        label: "anna".into(),
        role: Role::Administrator,
        instance: Some("default".into()),
        certificate: own_certificate("anna").certificate_pem,
    };
    let administrator = Request::AdministratorAdd(administrator);
    world.run(administrator).await.unwrap();
    let destroy = KeyDestroy {
        id: id.to_string(),
        reason: "old".into(),
        force: true,
        ..KeyDestroy::default()
    };
    world.run(Request::KeyDestroy(destroy)).await.unwrap();
    let pending = world.last().await;
    assert_eq!(pending["outcome"], "pending");
    let before = world.admin.store().head().0;
    world.remove_default(true).await.unwrap();
    let held = world.admin.store().administrators();
    assert_eq!(held.keys().len(), 1, "the other's stays");
    assert!(held.by_key(&[1; 32], NOW).is_err());
    assert!(held.certificates().is_empty());
    let told: Vec<_> = world.trail(before).await;
    let of = |action: &str| {
        let name = format!("vmware-solutions.{action}");
        let mut found = told.iter().filter(|event| event["action"] == name.as_str());
        let first = found.next().expect("an event").clone();
        assert!(found.next().is_none(), "one {action}");
        first
    };
    assert_eq!(of("account-apikey.update")["requestData"]["label"], "its");
    assert_eq!(of("administrator.remove")["requestData"]["label"], "anna");
    let ended = of("kmip-key.destroy");
    assert_eq!(ended["outcome"], "success");
    assert_eq!(ended["correlationId"], pending["correlationId"]);
    assert_eq!(ended["target"]["name"], id.to_string());
}

#[tokio::test]
async fn an_instance_that_got_a_key_meanwhile_is_not_removed_as_empty() {
    let world = governed(true).await;
    let ours = world.admin.instance(None).unwrap();
    world.insert_key(1, State::Active, "vm-1").await;
    let event = world.admin.event(Deed {
        action: Action::ServiceDelete,
        initiator: user(),
        target: ours.id.to_string(),
        scope: Arc::clone(&ours.scope),
        request: Data::new(),
    });
    let mut changeset = Admin::changeset(event.unwrap());
    changeset.require(Precondition::NoLiveObjects(ours.id));
    changeset.write(Write::InstanceRemoved(ours.id, NOW));
    let refused = world.admin.store().apply(changeset).await.unwrap_err();
    assert!(matches!(refused, crate::store::ApplyError::Conflict));
}

#[tokio::test]
async fn one_administrator_cannot_destroy_what_needs_two() {
    let world = governed(true).await;
    world.add_another().await;
    world.insert_key(1, State::Active, "vm-1").await;
    let head = world.admin.store().head();
    let refused = world.remove_default(true).await.unwrap_err();
    assert!(
        refused.message.contains("second administrator"),
        "{refused}"
    );
    assert_eq!(world.admin.store().head(), head);
}
