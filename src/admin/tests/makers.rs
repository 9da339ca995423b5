//! Two administrators are two: what one of them made approves nothing that he asked for.

use super::super::message::{AdministratorAdd, ApiKeyAdd, InstanceRules};
use super::destruction::{approve, destroy, governed};
use super::*;
use crate::domain::{Caller, Role};

impl World {
    /// An API key of the role administrator, made by somebody.
    async fn key_by(&self, maker: &Caller, name: &str) -> Caller {
        let digest = crate::crypto::api_key::digest(name);
        let request = Request::ApiKeyAdd(ApiKeyAdd {
            name: name.to_owned(),
            role: Role::Administrator,
            instance: None,
            expires: None,
            digest: hex::encode(digest),
        });
        self.as_caller(maker, request).await.unwrap();
        let held = self.admin.store.administrators();
        held.by_key(&digest, NOW).unwrap()
    }

    /// An administrator of this certificate, added by somebody.
    async fn administrator_by(&self, maker: &Caller, label: &str, made: &Issued) -> Caller {
        let request = Request::AdministratorAdd(AdministratorAdd {
            label: label.to_owned(),
            role: Role::Administrator,
            instance: None,
            certificate: made.certificate_pem.clone(),
        });
        self.as_caller(maker, request).await.unwrap();
        let held = self.admin.store.administrators();
        let fingerprint = made.certificate.fingerprint();
        held.by_certificate(&fingerprint, NOW).unwrap()
    }

    async fn as_caller(&self, caller: &Caller, request: Request) -> Result<Response, AdminError> {
        self.admin.run_as(caller, None, request).await
    }

    async fn remove_key(&self, by: &Caller, name: &str) {
        let name = name.to_owned();
        let gone = self.as_caller(by, Request::ApiKeyRemove { name }).await;
        gone.unwrap();
    }

    /// Whether the second may approve what the first asks for.
    async fn are_two(&self, number: u8, first: &Caller, second: &Caller) -> bool {
        let key = self.insert_key(number, State::PreActive, "vm").await;
        self.as_caller(first, destroy(key, false)).await.unwrap();
        match self.as_caller(second, approve(key)).await {
            Ok(_) => true,
            Err(refused) => {
                assert_eq!(refused.kind, ErrorKind::Conflict, "{refused}");
                assert!(refused.message.contains("api-key add"), "{refused}");
                let told = self.told(key).await;
                assert_eq!(told, ["destroy pending 202", "approve failure 403"]);
                false
            }
        }
    }
}

#[tokio::test]
async fn what_an_administrator_made_is_that_administrator() {
    let world = governed(0, true).await;
    let local = Caller::local(user());
    let ada = world.key_by(&local, "ada").await;
    let bob = world.key_by(&local, "bob").await;
    let puppet = world.key_by(&ada, "puppet").await;
    let grandchild = world.key_by(&puppet, "grandchild").await;
    let sibling = world.key_by(&ada, "sibling").await;
    assert!(!world.are_two(1, &ada, &puppet).await);
    assert!(!world.are_two(2, &puppet, &ada).await);
    assert!(!world.are_two(3, &ada, &grandchild).await);
    assert!(!world.are_two(4, &sibling, &grandchild).await);
    assert!(world.are_two(5, &ada, &bob).await);
    assert!(world.are_two(6, &puppet, &bob).await);
    // On the machine somebody vouches for it.
    assert!(world.are_two(7, &local, &ada).await);
}

#[tokio::test]
async fn a_maker_who_is_removed_or_comes_back_is_still_the_maker() {
    let world = governed(0, true).await;
    let local = Caller::local(user());
    let ada = world.key_by(&local, "ada").await;
    let puppet = world.key_by(&ada, "puppet").await;
    let waiting = world.insert_key(1, State::PreActive, "vm").await;
    world
        .as_caller(&puppet, destroy(waiting, false))
        .await
        .unwrap();
    // What asked is gone when its maker approves.
    world.remove_key(&ada, "puppet").await;
    let refused = world.as_caller(&ada, approve(waiting)).await.unwrap_err();
    assert!(refused.message.contains("counts as the same"), "{refused}");
    let second = world.key_by(&ada, "puppet").await;
    let third = world.key_by(&ada, "third").await;
    world.remove_key(&third, "ada").await;
    let ada = world.key_by(&third, "ada").await;
    assert!(!world.are_two(2, &ada, &second).await);
    // A certificate that another administrator adds again has made what it made.
    let (anna, yves) = (own_certificate("anna"), world.key_by(&local, "yves").await);
    let held = world.administrator_by(&local, "anna", &anna).await;
    let made = world.key_by(&held, "made").await;
    let label = "anna".to_owned();
    let gone = Request::AdministratorRemove { label };
    world.as_caller(&yves, gone).await.unwrap();
    let again = world.administrator_by(&yves, "anya", &anna).await;
    assert!(!world.are_two(3, &again, &made).await);
    assert!(!world.are_two(4, &again, &yves).await);
    assert!(world.are_two(5, &made, &yves).await);
}

#[tokio::test]
async fn who_made_a_credential_is_shown_with_it() {
    let world = governed(0, true).await;
    let local = Caller::local(user());
    let ada = world.key_by(&local, "ada").await;
    world.key_by(&ada, "second").await;
    world
        .administrator_by(&ada, "anna", &own_certificate("anna"))
        .await;
    let Ok(Response::ApiKeys(keys)) = world.run(Request::ApiKeyList).await else {
        panic!("not API keys");
    };
    let by = std::slice::from_ref(&ada.initiator.id);
    assert_eq!(
        (keys[0].made_by.as_slice(), keys[1].made_by.as_slice()),
        (&[][..], by)
    );
    let Ok(Response::Administrators(all)) = world.run(Request::AdministratorList).await else {
        panic!("not administrators");
    };
    assert_eq!(all[0].made_by, by);
}

#[tokio::test]
async fn one_administrator_alone_lets_no_client_destroy_what_needs_two() {
    let world = governed(0, true).await;
    let local = Caller::local(user());
    let ada = world.key_by(&local, "ada").await;
    let rules = |denied: &[&str]| {
        Request::InstanceRules(InstanceRules {
            instance: "default".into(),
            denied: denied.iter().map(|name| (*name).to_owned()).collect(),
        })
    };
    let denied = ["get", "destroy"];
    world.as_caller(&ada, rules(&denied)).await.unwrap();
    let refused = world.as_caller(&ada, rules(&["get"])).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Forbidden, "{refused}");
    assert!(
        refused.message.contains("second administrator"),
        "{refused}"
    );
    let told = world.last().await;
    assert_eq!(told["action"], "vmware-solutions.instance-rules.update");
    assert_eq!(told["reason"]["reasonCode"], 403);
    assert_eq!(told["initiator"]["id"], ada.initiator.id.as_str());
    // What it denies besides may change, and on the machine that, too.
    world.as_caller(&ada, rules(&["destroy"])).await.unwrap();
    world.as_caller(&local, rules(&[])).await.unwrap();
}
