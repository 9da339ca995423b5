//! Instances that are removed.

use super::super::message::InstanceRemove;
use super::*;
use crate::domain::{DestructionPolicy, Rules};

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
