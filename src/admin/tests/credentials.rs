//! Setting and clearing the credential of an instance.

use super::super::message::{Instance, InstanceCredential, NewCredential};
use super::*;
use crate::crypto::{Cost, PasswordHash};

fn new(username: &str) -> NewCredential {
    let cost = Cost::new(64, 1, 1).unwrap();
    let password = PasswordHash::make(b"secret-word", cost, &SystemRandom).unwrap();
    let username = username.to_owned();
    NewCredential { username, password }
}

impl World {
    async fn credential(
        &self,
        instance: &str,
        credential: Option<NewCredential>,
    ) -> Result<Instance, AdminError> {
        let request = InstanceCredential {
            instance: instance.to_owned(),
            credential,
        };
        match self.run(Request::InstanceCredential(request)).await? {
            Response::Instance(instance) => Ok(instance),
            other => panic!("not an instance: {other:?}"),
        }
    }
}

#[tokio::test]
async fn setting_and_clearing_are_critical_events_without_name_or_password() {
    let world = world().await;
    let before = world.admin.store.head().0;
    let given = new("vcenter-user");
    let hash = given.password.as_str().to_owned();
    assert!(
        world
            .credential("default", Some(given))
            .await
            .unwrap()
            .credential
    );
    assert!(!world.credential("default", None).await.unwrap().credential);
    let trail = world.trail(before).await;
    let actions: Vec<_> = trail.iter().map(|event| &event["action"]).collect();
    assert_eq!(
        actions,
        [
            "vmware-solutions.instance-credential.set",
            "vmware-solutions.instance-credential.clear"
        ]
    );
    for event in &trail {
        assert_eq!(event["severity"], "critical");
        assert_eq!(event["initiator"]["name"], "ada");
        assert_eq!(event["target"]["name"], world.instance.to_string());
        let text = event.to_string();
        for secret in ["vcenter-user", "secret-word", &hash] {
            assert!(!text.contains(secret), "{text}");
        }
    }
}

#[tokio::test]
async fn what_is_set_is_in_force_at_once_and_replaces_what_was() {
    let world = world().await;
    for username in ["one", ""] {
        let given = new(username);
        world
            .credential("default", Some(given.clone()))
            .await
            .unwrap();
        let clients = world.admin.store.clients();
        let held = clients.credential(world.instance).unwrap();
        assert_eq!(held.username, username);
        assert_eq!(held.password, given.password);
    }
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_and_recorded_nowhere() {
    let world = world().await;
    let before = world.admin.store.head();
    let unknown = world.credential("other", Some(new("u"))).await.unwrap_err();
    assert!(unknown.message.contains("other"), "{unknown}");
    let long = new(&"u".repeat(256));
    let refused = world.credential("default", Some(long)).await.unwrap_err();
    assert!(refused.message.contains("user name"), "{refused}");
    // Clearing what is not set changes nothing.
    assert!(!world.credential("default", None).await.unwrap().credential);
    assert_eq!(world.admin.store.head(), before);
}

#[tokio::test]
async fn a_hash_on_the_wire_is_checked_and_printed_nowhere() {
    let request = Request::InstanceCredential(InstanceCredential {
        instance: "default".to_owned(),
        credential: Some(new("vcenter-user")),
    });
    let line = serde_json::to_string(&request).unwrap();
    assert_eq!(serde_json::from_str::<Request>(&line).unwrap(), request);
    let printed = format!("{request:?}");
    assert!(!printed.contains("vcenter-user") && !printed.contains("argon2"));
    for (from, to) in [("m=64", "m=4294967295"), ("argon2id", "md5")] {
        let refused = serde_json::from_str::<Request>(&line.replace(from, to));
        let error = refused.unwrap_err().to_string();
        assert!(!error.contains("vcenter-user"), "{error}");
    }
}
