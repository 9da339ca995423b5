//! What the resources give, as a script sees them.

use std::thread;

use serde_json::{Value, json};

use super::certificate;
use crate::harness::{Server, activate, get, until};

#[test]
fn a_client_is_added_renewed_disabled_and_removed() {
    let server = Server::start();
    let api = server.api_as("operator");
    let (first, pem) = certificate("vc");
    let made = api.post(
        "/api/v1/clients",
        &json!({"label": "vc", "certificate": pem}),
    );
    assert_eq!(
        made.expect(201).json()["certificates"][0]["trust"],
        "pinned"
    );
    drop(server.connect_as(&first));
    let (second, pem) = certificate("vc-2");
    let renewed = api.post(
        "/api/v1/clients/vc/certificates",
        &json!({"certificate": pem}),
    );
    assert_eq!(
        renewed.expect(201).json()["certificates"]
            .as_array()
            .map(Vec::len),
        Some(2)
    );
    let mut open = server.connect_as(&second);
    let path = format!("/api/v1/clients/vc/certificates/{}", first.fingerprint());
    api.send("DELETE", &path, None).expect(200);
    let status = json!({"status": "disabled"});
    let reply = api
        .send("PATCH", "/api/v1/clients/vc", Some(&status))
        .expect(200);
    assert_eq!(reply.json()["status"], "disabled");
    open.wait_for_close().expect("it is cut at once");
    api.send("DELETE", "/api/v1/clients/vc", None).expect(200);
    api.get("/api/v1/clients/vc")
        .refused(404, "not_found", "label", "no client");
}

#[test]
fn keys_are_shown_without_their_material_and_events_as_they_are_sealed() {
    let server = Server::start();
    let api = server.api_as("reader");
    let uid = server.new_key();
    let mut demo = server.connect();
    demo.ask(activate(&uid)).success();
    let material = demo.ask(get(&uid)).success().key_material();
    let key = api.get(&format!("/api/v1/objects/{uid}")).expect(200);
    assert_eq!(key.json()["state"], "Active");
    let listed = api.get("/api/v1/objects?state=Active&limit=1").expect(200);
    assert_eq!(listed.json()["keys"][0]["id"], json!(uid));
    let material = hex::encode(material);
    assert!(!key.body.contains(&material) && !listed.body.contains(&material));
    let page = api.get("/api/v1/events?action=kmip-key.read").expect(200);
    let held = page.json()["events"][0].clone();
    let sealed = server.cli(&[
        "events",
        "list",
        "--action",
        "kmip-key.read",
        "--format",
        "jsonl",
    ]);
    let sealed = sealed.success().stdout;
    assert!(
        page.body.contains(sealed.lines().next().expect("an event")),
        "the very bytes"
    );
    let one = api
        .get(&format!("/api/v1/events/{}", held["sequence"]))
        .expect(200);
    assert_eq!(one.json(), held);
    let seal = api.get("/api/v1/seal?fresh=true").expect(200).json();
    assert!(
        seal["checkpoint"]
            .as_str()
            .is_some_and(|note| note.contains('\n')),
        "{seal}"
    );
}

#[test]
fn the_trail_is_followed_by_asking_again() {
    let server = Server::start();
    let api = server.api_as("operator");
    let head = api.get("/api/v1/events?limit=1").json()["head"].clone();
    let waiting = {
        let (api, path) = (
            api.clone(),
            format!("/api/v1/events?from={head}&wait_ms=20000&action=vcs.create"),
        );
        thread::spawn(move || api.get(&path).expect(200).json())
    };
    let record = json!({"action": "vcs.create", "outcome": "pending", "target": {"id": "vcs-1"}});
    let begun = api.post("/api/v1/events", &record).expect(201).json();
    let page = waiting.join().expect("an answer");
    assert_eq!(page["events"][0]["event"]["id"], begun["id"]);
    let ended = json!({"action": "vcs.create", "outcome": "success", "target": {"id": "vcs-1"}, "correlationId": begun["correlationId"]});
    api.post("/api/v1/events", &ended).expect(201);
    api.post("/api/v1/events", &ended)
        .refused(409, "conflict", "correlationId", "ended already");
}

#[test]
fn targets_routes_and_settings_are_those_of_event_routing() {
    let server = Server::start();
    let api = server.api_as("operator");
    let target = json!({"name": "hook", "target_type": "webhook", "region": "eu-de",
        "webhook_endpoint": {"url": "https://127.0.0.1:1/", "bearer_token": "hunter2hunter2hunter2"}});
    let made = api.post("/api/v2/targets", &target);
    assert!(!made.body.contains("hunter2"), "{made:?}");
    let made = made.expect(201).json();
    assert_eq!(
        made["write_status"]["status"], "failed",
        "the test record was not taken"
    );
    let id = made["id"].as_str().expect("an id").to_owned();
    let path = format!("/api/v2/targets/{id}");
    let shown = api.get(&path).expect(200).json();
    assert_eq!(
        api.send("PUT", &path, Some(&shown)).expect(200).json()["name"],
        "hook"
    );
    let route = json!({"name": "all", "rules": [{"locations": ["*"], "target_ids": [id]}]});
    let route = api.post("/api/v2/routes", &route).expect(201).json();
    api.send("DELETE", &path, None)
        .refused(409, "target_in_use", "", "");
    let route_path = format!("/api/v2/routes/{}", route["id"].as_str().expect("an id"));
    let changed = json!({"name": "none", "rules": [{"locations": ["*"], "target_ids": []}]});
    let changed = api
        .send("PUT", &route_path, Some(&changed))
        .expect(200)
        .json();
    assert_eq!(
        (&changed["name"], &changed["version"]),
        (&json!("none"), &json!(2))
    );
    api.send("DELETE", &route_path, None).expect(204);
    let settings = json!({"permitted_target_regions": ["eu-de"]});
    let settings = api
        .send("PUT", "/api/v2/settings", Some(&settings))
        .expect(200)
        .json();
    assert_eq!(settings["api_version"], 2);
    assert_eq!(api.get("/api/v2/settings").json(), settings);
    let removed = api.send("DELETE", &path, None).expect(200).json();
    assert_eq!(removed["status_code"], 200);
    assert_eq!(api.get("/api/v2/targets").json()["targets"], json!([]));
}

#[test]
fn an_instance_asks_for_the_password_that_was_set() {
    let server = Server::start();
    let api = server.api_as("operator");
    let asks = json!({"username": "vc", "password": "hunter2hunter2"});
    let path = "/api/v1/instances/default/credential";
    let reply = api.send("PUT", path, Some(&asks)).expect(200);
    assert!(reply.json()["credential"] == true && !reply.body.contains("hunter2"));
    let refused = server
        .connect()
        .ask(crate::harness::create(crate::harness::key_template()));
    refused.failure(crate::harness::reason::AUTHENTICATION_NOT_SUCCESSFUL);
    assert!(!server.log().contains("hunter2"));
    assert_eq!(
        api.send("DELETE", path, None).expect(200).json()["credential"],
        false
    );
    server.new_key();
}

#[test]
fn of_two_administrators_at_once_one_is_told_of_the_other() {
    let server = Server::start();
    let api = server.api_as("operator");
    let (_, pem) = certificate("raced");
    let ask = |label: String| {
        let (api, body) = (api.clone(), json!({"label": label, "certificate": pem}));
        thread::spawn(move || api.post("/api/v1/clients", &body).status)
    };
    // One label, and one certificate under several labels.
    let same: Vec<_> = (0..4).map(|_| ask("same".to_owned())).collect();
    let others: Vec<_> = (0..4)
        .map(|number| ask(format!("other-{number}")))
        .collect();
    let mut said: Vec<_> = same
        .into_iter()
        .chain(others)
        .map(|asked| asked.join().expect("an answer"))
        .collect();
    said.sort_unstable();
    assert_eq!(said, [201, 409, 409, 409, 409, 409, 409, 409]);
    let added = |event: &&crate::harness::Event| event.action() == "kmip-client.add";
    assert_eq!(server.events().iter().filter(added).count(), 1);
}

#[test]
fn what_a_removed_key_asked_for_is_not_committed() {
    let server = Server::start();
    let administrator = server.api_as("administrator");
    let key = server.api_key("leaving", "operator", &[]);
    let leaving = server.api().with_key(&key);
    let work = thread::spawn(move || {
        let mut answers = Vec::new();
        for number in 0..10_000 {
            let body = json!({"action": "vcs.create", "outcome": "success", "target": {"id": format!("n{number}")}});
            let reply = leaving.post("/api/v1/events", &body);
            answers.push(reply.status);
            if reply.status == 401 || reply.status == 403 {
                break;
            }
        }
        answers
    });
    let recorded = || {
        server
            .events()
            .iter()
            .any(|event| event.action() == "vcs.create")
    };
    until("work to begin", || recorded().then_some(()));
    administrator
        .send("DELETE", "/api/v1/api-keys/leaving", None)
        .expect(200);
    let answers = work.join().expect("the work");
    assert!(matches!(answers.last(), Some(401 | 403)), "{answers:?}");
    let events = server.events();
    let is_removal = |event: &crate::harness::Event| {
        event.action() == "account-apikey.update"
            && event.data("/requestData/change") == Some(&Value::from("remove"))
    };
    let removal = events.iter().position(is_removal).expect("the removal");
    let after = events[removal..]
        .iter()
        .filter(|event| event.action() == "vcs.create");
    assert_eq!(after.count(), 0, "nothing of it after the removal");
}
