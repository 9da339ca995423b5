//! Keys and instances that administrators take away over the API: alone, by two, and within one instance.

use serde_json::{Value, json};

use crate::harness::{
    Api, Connection, Server, activate, create, get, key_template, reason, whole_trail,
};

fn active_key(connection: &mut Connection) -> String {
    let uid = connection.ask(create(key_template())).success().uid();
    connection.ask(activate(&uid)).success();
    uid
}

/// Two whose credentials were made on the server's machine.
fn administrators(server: &Server) -> [Api; 2] {
    ["ada", "bob"].map(|name| {
        let key = server.api_key(name, "administrator", &[]);
        server.api().with_key(&key)
    })
}

fn step(api: &Api, path: &str, body: Option<&Value>) -> Value {
    api.send("POST", path, body).expect(200).json()["step"].clone()
}

#[test]
fn two_administrators_destroy_a_key_and_neither_of_them_alone() {
    let server = Server::start_set("[destruction]\nsecond-administrator = true\n");
    let mut connection = server.connect();
    let uid = active_key(&mut connection);
    let [ada, bob] = administrators(&server);
    let asked = json!({"reason": "the VM is gone", "force": true});
    let destroy = format!("/api/v1/objects/{uid}/destroy");
    let without = json!({"reason": "the VM is gone"});
    ada.post(&destroy, &without)
        .refused(409, "conflict", "", "Active");
    let reply = ada.post(&destroy, &asked).expect(200);
    assert_eq!(reply.json()["step"], "pending");
    let work = reply.header("x-correlation-id").map(str::to_owned);
    assert_eq!(reply.json()["correlationId"].as_str(), work.as_deref());
    let listed = bob.get("/api/v1/destructions").expect(200).json();
    assert_eq!(listed["destructions"][0]["id"], json!(uid));
    assert_eq!(listed["destructions"][0]["requestedBy"], "ada");
    let approve = format!("/api/v1/destructions/{uid}/approve");
    let own = ada.send("POST", &approve, None);
    own.refused(409, "conflict", "", "another administrator");
    connection.ask(get(&uid)).success();
    assert_eq!(step(&bob, &approve, None), "destroyed");
    connection.ask(get(&uid)).failure(reason::ITEM_NOT_FOUND);
    let again = bob.send("POST", &approve, None);
    again.refused(409, "conflict", "", "no destruction");
    let trail = whole_trail(&server);
    let told: Vec<_> = trail
        .iter()
        .filter(|event| event.data("/correlationId").and_then(Value::as_str) == work.as_deref())
        .map(|event| {
            let (action, outcome) = (event.action(), event.outcome());
            format!("{action} {outcome} {}", event.initiator_name())
        })
        .collect();
    assert_eq!(
        told,
        [
            "kmip-key.destroy pending ada",
            "kmip-key.approve failure ada",
            "kmip-key.approve success bob",
            "kmip-key.destroy success bob",
        ]
    );
}

#[test]
fn an_administrator_is_not_two_by_an_api_key_that_he_makes() {
    let server = Server::start_set("[destruction]\nsecond-administrator = true\n");
    let mut connection = server.connect();
    let uid = active_key(&mut connection);
    let [ada, bob] = administrators(&server);
    let new = json!({"name": "puppet", "role": "administrator"});
    let made = ada.post("/api/v1/api-keys", &new).expect(201).json();
    let keys = bob.get("/api/v1/api-keys").expect(200).json();
    let id = keys["apiKeys"][0]["id"].as_str().expect("ada's").to_owned();
    assert_eq!(made["madeBy"], json!([format!("ApiKey-{id}")]));
    let puppet = server
        .api()
        .with_key(made["secret"].as_str().expect("a key"));
    let asked = json!({"reason": "the VM is gone", "force": true});
    let destroy = format!("/api/v1/objects/{uid}/destroy");
    assert_eq!(step(&ada, &destroy, Some(&asked)), "pending");
    let approve = format!("/api/v1/destructions/{uid}/approve");
    let refused = puppet.send("POST", &approve, None);
    refused.refused(409, "conflict", "", "counts as the same administrator");
    connection.ask(get(&uid)).success();
    assert_eq!(step(&bob, &approve, None), "destroyed");
    let trail = whole_trail(&server);
    let refusal = trail
        .iter()
        .find(|event| event.action() == "kmip-key.approve")
        .expect("recorded");
    assert_eq!(refusal.initiator_name(), "puppet");
    assert_eq!(refusal.data("/reason/reasonCode"), Some(&json!(403)));
    let severity = refusal.data("/severity");
    assert_eq!(severity, Some(&json!("critical")));
    let kin = refusal.data("/requestData/kin");
    assert_eq!(kin, Some(&json!(format!("ApiKey-{id}"))));
}

#[test]
fn a_scheduled_destruction_is_restored_or_refused_over_the_api() {
    let server =
        Server::start_set("[destruction]\nsecond-administrator = true\nrecovery-days = 7\n");
    let mut connection = server.connect();
    let uid = active_key(&mut connection);
    let material = connection.ask(get(&uid)).success().key_material();
    let [ada, bob] = administrators(&server);
    let asked = json!({"reason": "the VM is gone", "force": true});
    let destroy = format!("/api/v1/objects/{uid}/destroy");
    let path = |act: &str| format!("/api/v1/destructions/{uid}/{act}");
    assert_eq!(step(&ada, &destroy, Some(&asked)), "pending");
    assert_eq!(step(&ada, &path("refuse"), None), "refused");
    assert_eq!(step(&ada, &destroy, Some(&asked)), "pending");
    assert_eq!(step(&bob, &path("approve"), None), "scheduled");
    connection.ask(get(&uid)).failure(reason::PERMISSION_DENIED);
    assert_eq!(step(&ada, &path("restore"), None), "restored");
    assert_eq!(connection.ask(get(&uid)).success().key_material(), material);
}

#[test]
fn a_limited_administrator_ends_keys_of_its_instance_and_sees_no_others() {
    let server = Server::start_set("[destruction]\nrecovery-days = 7\n");
    server.cli(&["instance", "add", "second"]).success();
    let issue = ["client", "issue", "b", "--instance", "second"];
    server.cli(&issue).success();
    let theirs = active_key(&mut server.connect());
    let mut connection = server.connect_as(&server.client("b"));
    let (own, other) = (active_key(&mut connection), active_key(&mut connection));
    let key = server.api_key("limited", "administrator", &["--instance", "second"]);
    let (limited, all) = (server.api().with_key(&key), server.api_as("administrator"));
    let asked = json!({"reason": "gone", "force": true});
    let destroy = |uid: &str| format!("/api/v1/objects/{uid}/destroy");
    assert_eq!(step(&all, &destroy(&theirs), Some(&asked)), "scheduled");
    assert_eq!(step(&limited, &destroy(&own), Some(&asked)), "scheduled");
    let listed = limited.get("/api/v1/destructions").expect(200).json();
    assert_eq!(listed["destructions"].as_array().map(Vec::len), Some(1));
    assert_eq!(listed["destructions"][0]["id"], json!(own));
    let revocation = json!({"reason": "superseded"});
    let revoke = |uid: &str| format!("/api/v1/objects/{uid}/revoke");
    let revoked = limited.post(&revoke(&other), &revocation).expect(200);
    assert_eq!(revoked.json()["state"], "Deactivated");
    // What is elsewhere is not there.
    let restore = format!("/api/v1/destructions/{theirs}/restore");
    for (path, body) in [
        (restore.replace("restore", "approve"), None),
        (restore.replace("restore", "refuse"), None),
        (restore, None),
        (destroy(&theirs), Some(&asked)),
        (revoke(&theirs), Some(&revocation)),
    ] {
        let reply = limited.send("POST", &path, body);
        reply.refused(404, "not_found", "", "there is no key");
    }
    let elsewhere = limited.get("/api/v1/destructions?instance=default");
    elsewhere.refused(404, "not_found", "instance", "no instance");
    let stale = limited.get("/api/v1/stale-objects?older_than_days=0");
    let stale = stale.expect(200).json();
    let stale = stale["keys"].as_array().expect("a list");
    assert!(stale.iter().all(|key| key["instance"] == "second"));
    assert_eq!(stale.len(), 2);
    // A key of the role operator does neither.
    let key = server.api_key("operator", "operator", &["--instance", "second"]);
    let reply = server.api().with_key(&key).post(&destroy(&other), &asked);
    reply.refused(403, "forbidden", "", "administrator");
    let text = limited.send("DELETE", "/api/v1/instances/second?force=true", None);
    text.refused(403, "forbidden", "", "as a whole");
}

#[test]
fn an_instance_is_removed_over_the_api_by_force_where_it_has_keys() {
    let server = Server::start();
    let api = server.api_as("administrator");
    let body = json!({"name": "lab"});
    api.post("/api/v1/instances", &body).expect(201);
    let issue = ["client", "issue", "b", "--instance", "lab"];
    server.cli(&issue).success();
    let mut connection = server.connect_as(&server.client("b"));
    let uid = active_key(&mut connection);
    let path = "/api/v1/instances/lab";
    api.send("DELETE", path, None)
        .refused(409, "conflict", "instance", "1 clients and 1 keys");
    let forced = api.send("DELETE", "/api/v1/instances/lab?force=true", None);
    assert_eq!(forced.expect(200).json()["name"], "lab");
    connection.wait_for_close().expect("it is cut at once");
    api.get(path).expect(404);
    api.get(&format!("/api/v1/objects/{uid}")).expect(404);
}
