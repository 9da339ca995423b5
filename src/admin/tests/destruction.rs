//! Keys that administrators revoke and destroy, under each policy, by one and by two of them.

use super::super::message::{
    Destruction, DestructionList, Destructions, KeyDestroy, KeyRevoke, KeyStale,
};
use super::*;
use crate::domain::DestructionPolicy;

const DAY_MS: i64 = 86_400_000;

pub(super) async fn governed(recovery_days: u32, second_administrator: bool) -> World {
    let world = world().await;
    let admin = Arc::into_inner(world.admin).expect("nobody else has it");
    let policy = DestructionPolicy {
        recovery_days,
        second_administrator,
    };
    World {
        admin: Arc::new(admin.with_destruction(Ok(policy))),
        ..world
    }
}

fn other() -> Initiator {
    Initiator::local_user(1001, "bob")
}

pub(super) fn destroy(id: ObjectId, force: bool) -> Request {
    Request::KeyDestroy(KeyDestroy {
        id: id.to_string(),
        reason: "the VM is gone".into(),
        force,
        ..KeyDestroy::default()
    })
}

pub(super) fn approve(id: ObjectId) -> Request {
    Request::KeyApprove { id: id.to_string() }
}

fn held(response: Response) -> Destruction {
    match response {
        Response::Destruction(held) => *held,
        other => panic!("not a destruction: {other:?}"),
    }
}

impl World {
    async fn state(&self, id: ObjectId) -> String {
        match self.run(Request::KeyShow { id: id.to_string() }).await {
            Ok(Response::Key(key)) => key.state,
            other => panic!("not a key: {other:?}"),
        }
    }

    async fn under_way(&self) -> Vec<Destruction> {
        let request = DestructionList {
            limit: 100,
            ..DestructionList::default()
        };
        match self.run(Request::KeyScheduled(request)).await {
            Ok(Response::Destructions(Destructions { destructions, .. })) => destructions,
            other => panic!("not destructions: {other:?}"),
        }
    }

    /// What the trail says of a key: action, outcome and code of each event, which all share one correlation but for those before.
    pub(super) async fn told(&self, id: ObjectId) -> Vec<String> {
        let id = id.to_string();
        let trail = self.trail(0).await;
        let of_key = trail.iter().filter(|event| event["target"]["name"] == id);
        of_key
            .map(|event| {
                let action = event["action"].as_str().unwrap();
                let action = action.strip_prefix("vmware-solutions.kmip-key.").unwrap();
                let (outcome, code) = (&event["outcome"], &event["reason"]["reasonCode"]);
                format!("{action} {} {code}", outcome.as_str().unwrap())
            })
            .collect()
    }

    async fn correlations(&self, id: ObjectId) -> usize {
        let id = id.to_string();
        let trail = self.trail(0).await;
        let of_key = trail.iter().filter(|event| event["target"]["name"] == id);
        let correlations = of_key.map(|event| event["correlationId"].to_string());
        correlations
            .collect::<std::collections::BTreeSet<_>>()
            .len()
    }
}

#[tokio::test]
async fn without_a_window_a_key_is_destroyed_at_once_and_an_active_one_by_force() {
    let world = governed(0, false).await;
    let idle = world.insert_key(1, State::PreActive, "vm-1").await;
    let done = held(world.run(destroy(idle, false)).await.unwrap());
    assert_eq!(
        (done.step.as_str(), done.state.as_str()),
        ("destroyed", "Destroyed")
    );
    assert_eq!(world.told(idle).await, ["destroy success 200"]);
    let again = world.run(destroy(idle, true)).await.unwrap_err();
    assert_eq!(again.kind, ErrorKind::Conflict);
    let active = world.insert_key(2, State::Active, "vm-2").await;
    let refused = world.run(destroy(active, false)).await.unwrap_err();
    assert!(refused.message.contains("--force"), "{refused}");
    assert_eq!(world.state(active).await, "Active");
    held(world.run(destroy(active, true)).await.unwrap());
    assert_eq!(world.state(active).await, "Destroyed");
    let told = world.told(active).await;
    assert_eq!(told, ["destroy failure 409", "destroy success 200"]);
    assert!(world.under_way().await.is_empty());
}

#[tokio::test]
async fn within_the_window_a_key_is_out_of_use_and_can_be_restored() {
    let world = governed(7, false).await;
    let key = world.insert_key(1, State::Active, "vm-1").await;
    let begun = held(world.run(destroy(key, true)).await.unwrap());
    assert_eq!(begun.step, "scheduled");
    assert_eq!(world.state(key).await, "Deactivated");
    let listed = world.under_way().await;
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].due, begun.due);
    assert_eq!(listed[0].x_name.as_deref(), Some("vm-1"));
    let again = world.run(destroy(key, true)).await.unwrap_err();
    assert!(again.message.contains("key restore"), "{again}");
    let id = key.to_string();
    let wrong = world.run(approve(key)).await.unwrap_err();
    assert!(wrong.message.contains("key restore"), "{wrong}");
    let back = held(
        world
            .run(Request::KeyRestore { id: id.clone() })
            .await
            .unwrap(),
    );
    assert_eq!(
        (back.step.as_str(), back.state.as_str()),
        ("restored", "Active")
    );
    assert!(world.under_way().await.is_empty());
    let told = world.told(key).await;
    let expected = [
        "destroy pending 202",
        "restore success 200",
        "destroy failure 409",
    ];
    assert_eq!(told, expected);
    assert_eq!(world.correlations(key).await, 1);
    let nothing = world.run(Request::KeyRestore { id }).await.unwrap_err();
    assert_eq!(nothing.kind, ErrorKind::Conflict);
}

#[tokio::test]
async fn in_a_database_that_was_put_back_every_window_begins_anew() {
    let world = governed(7, false).await;
    let [late, early] = [(1, "vm-1"), (2, "vm-2")]
        .map(|(number, name)| world.insert_key(number, State::Active, name));
    let (late, early) = (late.await, early.await);
    let waits = world.insert_key(3, State::Active, "vm-3").await;
    world.run(destroy(early, true)).await.unwrap();
    world.clock.advance_ms(8 * DAY_MS);
    world.run(destroy(late, true)).await.unwrap();
    let head = world.admin.store().head().0;
    world.admin.postpone_put_back().await.unwrap();
    // That of the first has ended; the other's is as long as a new one.
    let due = crate::domain::clock::rfc3339(NOW + 15 * 86_400);
    let under_way = world.under_way().await;
    let dues: Vec<_> = under_way.iter().map(|held| held.due.clone()).collect();
    assert_eq!(dues, [Some(due.clone()), Some(due)]);
    let told = world.trail(head).await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["target"]["name"], early.to_string());
    assert_eq!(told[0]["outcome"], "pending");
    let by = told[0]["initiator"]["id"].as_str().unwrap();
    assert!(by.starts_with("Server-"), "{by}");
    assert_eq!(
        told[0]["requestData"]["backupTime"],
        serde_json::Value::Null
    );
    for key in [late, early] {
        let id = key.to_string();
        world.run(Request::KeyRestore { id }).await.unwrap();
        assert_eq!(world.state(key).await, "Active");
    }
    assert_eq!(world.state(waits).await, "Active");
    // Where it is not known how long a window lasts, nothing that ends one may start.
    let admin = Arc::into_inner(world.admin).expect("nobody else has it");
    let admin = admin.with_destruction(Err("keyledger.toml cannot be read".to_owned()));
    assert!(admin.postpone_put_back().await.is_err());
}

#[tokio::test]
async fn another_administrator_approves_and_never_the_same() {
    let world = governed(0, true).await;
    let key = world.insert_key(1, State::Active, "vm-1").await;
    let asked = held(world.run(destroy(key, true)).await.unwrap());
    assert_eq!(
        (asked.step.as_str(), asked.state.as_str()),
        ("pending", "Active")
    );
    let same = world.run(approve(key)).await.unwrap_err();
    assert!(same.message.contains("another administrator"), "{same}");
    assert_eq!(world.state(key).await, "Active", "nothing happens to it");
    let done = held(world.admin.run(other(), approve(key)).await.unwrap());
    assert_eq!(done.step, "destroyed");
    assert_eq!(done.approved_by.as_deref(), Some("bob"));
    assert_eq!(world.state(key).await, "Destroyed");
    let told = world.told(key).await;
    let expected = [
        "destroy pending 202",
        "approve failure 403",
        "approve success 200",
        "destroy success 200",
    ];
    assert_eq!(told, expected);
    assert_eq!(world.correlations(key).await, 1);
    let trail = world.trail(0).await;
    let last = trail.last().unwrap();
    assert_eq!(last["initiator"]["id"], "LocalUser-1001");
    assert_eq!(last["requestData"]["requestedBy"], "LocalUser-1000");
    assert_eq!(last["requestData"]["reason"], "the VM is gone");
}

#[tokio::test]
async fn an_approved_destruction_still_waits_for_its_window() {
    let world = governed(7, true).await;
    let key = world.insert_key(1, State::PreActive, "vm-1").await;
    world.run(destroy(key, false)).await.unwrap();
    world.clock.advance_ms(DAY_MS);
    let begun = held(world.admin.run(other(), approve(key)).await.unwrap());
    assert_eq!(begun.step, "scheduled");
    let due = crate::domain::clock::rfc3339(NOW + 8 * 86_400);
    assert_eq!(begun.due, Some(due), "the window begins with the approval");
    world
        .run(Request::KeyRestore {
            id: key.to_string(),
        })
        .await
        .unwrap();
    assert_eq!(world.state(key).await, "Pre-Active");
}

#[tokio::test]
async fn a_destruction_that_waits_is_refused_or_overtaken() {
    let world = governed(0, true).await;
    let key = world.insert_key(1, State::PreActive, "vm-1").await;
    let id = key.to_string();
    world.run(destroy(key, false)).await.unwrap();
    let twice = world.run(destroy(key, false)).await.unwrap_err();
    assert!(twice.message.contains("waits for approval"), "{twice}");
    let early = world
        .run(Request::KeyRestore { id: id.clone() })
        .await
        .unwrap_err();
    assert!(early.message.contains("key refuse"), "{early}");
    let ended = held(world.run(Request::KeyRefuse { id }).await.unwrap());
    assert_eq!(
        (ended.step.as_str(), ended.state.as_str()),
        ("refused", "Pre-Active")
    );
    let told = world.told(key).await;
    let expected = [
        "destroy pending 202",
        "refuse success 200",
        "destroy failure 409",
    ];
    assert_eq!(told, expected);
    // It has become Active meanwhile: who asked did not mean that.
    world.run(destroy(key, false)).await.unwrap();
    let stored = world.admin.store.object_fresh(key).await.unwrap().unwrap();
    let mut object = Object::clone(&stored);
    crate::domain::lifecycle::activate(&mut object, NOW).unwrap();
    let mut changeset = Changeset::new(
        world
            .admin
            .event(Deed {
                action: Action::KeyActivate,
                initiator: user(),
                target: key.to_string(),
                scope: Arc::clone(&world.admin.instance(None).unwrap().scope),
                request: Data::new(),
            })
            .unwrap(),
    );
    changeset.write(Write::State(Arc::new(object)));
    world.admin.store.apply(changeset).await.unwrap();
    let refused = world.admin.run(other(), approve(key)).await.unwrap_err();
    assert!(refused.message.contains("state"), "{refused}");
    assert_eq!(world.state(key).await, "Active");
    assert!(world.under_way().await.is_empty(), "it has failed");
}

#[tokio::test]
async fn of_two_administrators_at_once_one_is_first() {
    let world = governed(7, true).await;
    let key = world.insert_key(1, State::PreActive, "vm-1").await;
    let third = Initiator::local_user(1002, "eve");
    let (one, two) = tokio::join!(
        world.admin.run(user(), destroy(key, false)),
        world.admin.run(other(), destroy(key, false)),
    );
    assert!(one.is_ok() != two.is_ok(), "{one:?} {two:?}");
    let (one, two) = tokio::join!(
        world.admin.run(third.clone(), approve(key)),
        world.admin.run(
            third,
            Request::KeyRefuse {
                id: key.to_string()
            }
        ),
    );
    assert!(one.is_ok() != two.is_ok(), "{one:?} {two:?}");
    let told = world.told(key).await;
    let ends = told.iter().filter(|line| line.starts_with("destroy"));
    assert!(ends.count() <= 2, "{told:?}");
}

#[tokio::test]
async fn a_key_is_revoked_for_a_reason_of_the_standard() {
    let world = governed(0, false).await;
    let key = world.insert_key(1, State::Active, "vm-1").await;
    let revoke = |reason: &str| {
        world.run(Request::KeyRevoke(KeyRevoke {
            id: key.to_string(),
            reason: reason.into(),
            message: Some("it was seen elsewhere".into()),
        }))
    };
    let wrong = revoke("boredom").await.unwrap_err();
    assert!(wrong.message.contains("key-compromise"), "{wrong}");
    revoke("superseded").await.unwrap();
    assert_eq!(world.state(key).await, "Deactivated");
    revoke("superseded").await.unwrap_err();
    revoke("key-compromise").await.unwrap();
    assert_eq!(world.state(key).await, "Compromised");
    let told = world.told(key).await;
    let expected = [
        "revoke success 200",
        "revoke failure 409",
        "revoke success 200",
    ];
    assert_eq!(told, expected);
}

#[tokio::test]
async fn without_a_reason_or_settings_nothing_is_destroyed() {
    let world = world().await;
    let key = world.insert_key(1, State::PreActive, "vm-1").await;
    let error = world.run(destroy(key, false)).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unavailable);
    let world = governed(0, false).await;
    let key = world.insert_key(1, State::PreActive, "vm-1").await;
    for reason in ["", "  ", "a\nb", &"x".repeat(1025)] {
        let request = KeyDestroy {
            id: key.to_string(),
            reason: reason.to_owned(),
            force: true,
            ..KeyDestroy::default()
        };
        let error = world.run(Request::KeyDestroy(request)).await.unwrap_err();
        assert!(error.message.starts_with("reason:"), "{error}");
    }
    for id in ["", "x", "00000000-0000-7000-8000-00000000000a"] {
        let request = KeyDestroy {
            id: id.to_owned(),
            reason: "r".into(),
            force: true,
            ..KeyDestroy::default()
        };
        let error = world.run(Request::KeyDestroy(request)).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::NotFound, "{error}");
    }
    assert!(world.told(key).await.is_empty());
}

#[tokio::test]
async fn nobody_approves_where_the_window_is_not_known() {
    let world = governed(7, true).await;
    let key = world.insert_key(1, State::Active, "vm-1").await;
    world.run(destroy(key, true)).await.unwrap();
    let admin = Arc::into_inner(world.admin).expect("nobody else has it");
    let admin = admin.with_destruction(Err("keyledger.toml cannot be read".to_owned()));
    let world = World {
        admin: Arc::new(admin),
        ..world
    };
    let error = world.admin.run(other(), approve(key)).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unavailable);
    assert!(error.message.contains("keyledger.toml"), "{error}");
    assert_eq!(world.state(key).await, "Active");
    assert_eq!(world.under_way().await.len(), 1, "it waits as before");
}

#[tokio::test]
async fn stale_keys_are_those_that_nobody_has_read_for_long() {
    let world = governed(0, false).await;
    let never = world.insert_key(1, State::Active, "never").await;
    let read = world.insert_key(2, State::Active, "read").await;
    let gone = world.insert_key(3, State::PreActive, "gone").await;
    world.run(destroy(gone, false)).await.unwrap();
    world.clock.advance_ms(100 * DAY_MS);
    let deed = Deed {
        action: Action::KeyRead,
        initiator: other(),
        target: read.to_string(),
        scope: Arc::clone(&world.admin.instance(None).unwrap().scope),
        request: Data::new(),
    };
    let served = Write::Read(read, world.admin.now());
    world.admin.commit(deed, vec![served]).await.unwrap();
    world.clock.advance_ms(50 * DAY_MS);
    let stale = |older_than_days, limit, after: Option<String>| {
        world.run(Request::KeyStale(KeyStale {
            older_than_days,
            limit,
            after,
            ..KeyStale::default()
        }))
    };
    let page = |response| match response {
        Response::Keys(page) => page,
        other => panic!("not keys: {other:?}"),
    };
    let names = |page: &Keys| -> Vec<_> {
        page.keys
            .iter()
            .map(|key| key.x_name.clone().unwrap())
            .collect()
    };
    let old = page(stale(90, 10, None).await.unwrap());
    assert_eq!((names(&old), old.next), (vec!["never".to_owned()], None));
    assert_eq!(old.keys[0].id, never.to_string());
    assert_eq!(old.keys[0].last_read_by, None);
    let first = page(stale(50, 1, None).await.unwrap());
    assert_eq!(names(&first), ["never"]);
    let second = page(stale(50, 10, first.next).await.unwrap());
    assert_eq!(names(&second), ["read"]);
    assert_eq!(second.keys[0].last_read_by.as_deref(), Some("bob"));
    assert!(names(&page(stale(151, 10, None).await.unwrap())).is_empty());
}
