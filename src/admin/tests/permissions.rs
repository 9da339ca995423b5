//! What clients may do, as an administrator changes it.

use super::super::message::{ClientPermit, InstanceRules};
use super::*;

fn permit(label: &str) -> ClientPermit {
    ClientPermit {
        label: label.into(),
        ..ClientPermit::default()
    }
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[tokio::test]
async fn what_is_not_given_stays_and_what_does_not_change_makes_no_event() {
    let world = world().await;
    let own = own_certificate("vcenter");
    let added = addition("vcenter", &own.certificate_pem);
    world.add(added).await.unwrap();
    let change = |request| world.run(Request::ClientPermit(request));
    let few = ClientPermit {
        operations: Some(names(&["locate", "get"])),
        ..permit("vcenter")
    };
    let shown = client(change(few.clone()).await.unwrap());
    assert_eq!(shown.operations, Some(names(&["locate", "get"])));
    let hours = ClientPermit {
        windows: Some(names(&["mon-fri 08:00-18:00"])),
        ..permit("vcenter")
    };
    let shown = client(change(hours).await.unwrap());
    assert_eq!(shown.operations, Some(names(&["locate", "get"])));
    assert_eq!(shown.windows, ["mon,tue,wed,thu,fri 08:00-18:00 UTC"]);
    let head = world.admin.store().head();
    change(few).await.unwrap();
    assert_eq!(world.admin.store().head(), head, "nothing changed");
    let all = ClientPermit {
        all: true,
        windows: Some(Vec::new()),
        ..permit("vcenter")
    };
    let shown = client(change(all).await.unwrap());
    assert_eq!((shown.operations, shown.windows), (None, Vec::new()));
    let trail = world.trail(0).await;
    let events = trail.iter().filter(|event| {
        let action = event["action"].as_str().unwrap();
        action == "vmware-solutions.kmip-client.permit"
    });
    let told: Vec<_> = events
        .map(|event| {
            assert_eq!(event["severity"], "critical");
            assert_eq!(event["initiator"]["id"], "LocalUser-1000");
            event["requestData"]["operations"].clone()
        })
        .collect();
    let few = serde_json::json!(["locate", "get"]);
    assert_eq!(told, [few.clone(), few, serde_json::json!(["all"])]);
}

#[tokio::test]
async fn what_is_no_permission_is_refused_and_changes_nothing() {
    let world = world().await;
    let own = own_certificate("vcenter");
    world
        .add(addition("vcenter", &own.certificate_pem))
        .await
        .unwrap();
    let head = world.admin.store().head();
    let wrong = [
        ClientPermit {
            operations: Some(names(&["get", "Decrypt"])),
            ..permit("vcenter")
        },
        ClientPermit {
            all: true,
            operations: Some(names(&["get"])),
            ..permit("vcenter")
        },
        ClientPermit {
            windows: Some(names(&["sometimes"])),
            ..permit("vcenter")
        },
        ClientPermit {
            windows: Some(vec!["daily 00:00-12:00".into(); 9]),
            ..permit("vcenter")
        },
        ClientPermit {
            all: true,
            ..permit("nobody")
        },
    ];
    let words = [
        "operations: `Decrypt`",
        "not both",
        "windows: \"sometimes\"",
        "at most 8",
        "`nobody`",
    ];
    for (request, word) in wrong.into_iter().zip(words) {
        let error = world.run(Request::ClientPermit(request)).await.unwrap_err();
        assert!(error.message.contains(word), "{word}: {error}");
    }
    let rules = InstanceRules {
        instance: "default".into(),
        denied: names(&["query"]),
    };
    let error = world.run(Request::InstanceRules(rules)).await.unwrap_err();
    assert!(error.message.contains("always permitted"), "{error}");
    assert_eq!(world.admin.store().head(), head);
}

#[tokio::test]
async fn a_rule_of_an_instance_is_shown_with_it_and_with_its_clients() {
    let world = world().await;
    let own = own_certificate("vcenter");
    world
        .add(addition("vcenter", &own.certificate_pem))
        .await
        .unwrap();
    let rules = |denied: &[&str]| InstanceRules {
        instance: "default".into(),
        denied: names(denied),
    };
    for denied in [&["revoke", "destroy"][..], &["revoke", "destroy"], &[]] {
        let answer = world.run(Request::InstanceRules(rules(denied))).await;
        let Response::Instance(held) = answer.unwrap() else {
            panic!("not an instance");
        };
        assert_eq!(held.denied, denied);
        let label = "vcenter".to_owned();
        let shown = client(world.run(Request::ClientShow { label }).await.unwrap());
        assert_eq!(shown.denied, denied);
    }
    let trail = world.trail(0).await;
    let events = trail.iter().map(|event| event["action"].as_str().unwrap());
    let changes = events.filter(|action| action.ends_with("instance-rules.update"));
    assert_eq!(changes.count(), 2);
}
