//! Instances over the wire: what belongs to one does not exist for the clients of another.

use crate::harness::{
    Event, Server, activate, attribute, create, destroy, get, get_attributes, key_template, locate,
    name, reason,
};

/// A server with a second instance, `second`, and a client `b` of it; `demo` belongs to the first.
fn server_with_two_instances() -> Server {
    let server = Server::start();
    server.cli(&["instance", "add", "second"]).success();
    let issued = ["client", "issue", "b", "--instance", "second"];
    server.cli(&issued).success();
    server
}

#[test]
fn a_key_of_another_instance_does_not_exist() {
    let server = server_with_two_instances();
    let mut template = key_template();
    template.push(attribute("Name", name("mine")));
    let uid = server
        .connect()
        .ask(create(template.clone()))
        .success()
        .uid();
    let mut other = server.connect_as(&server.client("b"));
    for item in [
        get(&uid),
        get_attributes(&uid, &[]),
        activate(&uid),
        destroy(&uid),
    ] {
        other.ask(item).failure(reason::ITEM_NOT_FOUND);
    }
    let found = other.ask(locate(vec![attribute("Name", name("mine"))]));
    assert!(found.success().uids().is_empty());
    // The name is free there, and the key made under it is another one.
    let theirs = other.ask(create(template)).success().uid();
    assert_ne!(theirs, uid);
    assert_eq!(other.ask(get(&theirs)).success().key_material().len(), 32);
    server
        .connect()
        .ask(get(&theirs))
        .failure(reason::ITEM_NOT_FOUND);
}

#[test]
fn events_name_the_instance_of_the_client() {
    let server = server_with_two_instances();
    let listed = server
        .cli(&["instance", "list", "--format", "json"])
        .success();
    let listed: serde_json::Value = serde_json::from_str(&listed.stdout).expect("JSON");
    let crn = |wanted: &str| {
        let all = listed.as_array().expect("a list");
        let found = all.iter().find(|held| held["name"] == wanted);
        found.expect("the instance")["crn"].clone()
    };
    server
        .connect_as(&server.client("b"))
        .ask(create(key_template()))
        .success();
    server.connect().ask(create(key_template())).success();
    let events = server.events();
    let of = |label: &str| {
        let found = events.iter().rfind(|event| event.initiator_name() == label);
        found.expect("an event").data("/logSourceCRN").cloned()
    };
    assert_eq!(of("b"), Some(crn("second")));
    assert_eq!(of("demo"), Some(crn("default")));
    let made: Vec<_> = events
        .iter()
        .filter(|event| event.action() == "service.create")
        .collect();
    assert_eq!(made.len(), 2, "one for each instance");
}

#[test]
fn an_instance_made_without_a_server_serves_once_it_runs() {
    let mut server = Server::start();
    server.stop();
    server.cli(&["instance", "add", "second"]).success();
    server
        .cli(&["client", "issue", "b", "--instance", "second"])
        .success();
    server.start_again();
    let mut other = server.connect_as(&server.client("b"));
    let uid = other.ask(create(key_template())).success().uid();
    other.ask(get(&uid)).success();
}

#[test]
fn an_instance_that_exists_or_has_no_name_is_refused() {
    let server = Server::start();
    server
        .cli(&["instance", "add", "default"])
        .refused(&["default", "exists already"]);
    server
        .cli(&["instance", "add", "not a name"])
        .refused(&["instance", "letters"]);
    let unknown = ["client", "issue", "c", "--instance", "nowhere"];
    server.cli(&unknown).refused(&["nowhere", "default"]);
}

#[test]
fn a_removed_instance_takes_its_clients_and_what_opens_its_keys_with_it() {
    let mut server = server_with_two_instances();
    let mut other = server.connect_as(&server.client("b"));
    let uid = other.ask(create(key_template())).success().uid();
    let ours = server.connect().ask(create(key_template())).success().uid();
    let remove = ["instance", "remove", "second"];
    server
        .cli(&remove)
        .refused(&["`second`", "1 clients", "1 keys", "--force"]);
    other.ask(get(&uid)).success();
    let database = server.data().join("keyledger.db");
    let data_keys = || {
        let database = rusqlite::Connection::open(&database).expect("the database");
        let count = "SELECT count(*) FROM data_key";
        let count = database.query_row(count, [], |row| row.get::<_, i64>(0));
        count.expect("a number")
    };
    assert_eq!(data_keys(), 2);
    server.cli(&[&remove[..], &["--force"]].concat()).success();
    other.wait_for_close().expect("it is cut at once");
    assert_eq!(data_keys(), 1);
    server.cli(&["key", "show", &uid]).refused(&[&uid]);
    let events = server.events();
    let tail = events.len() - 3;
    let told: Vec<_> = events[tail..].iter().map(Event::action).collect();
    let expected = [
        "instance-secure-data.wipe",
        "kmip-client.remove",
        "service.delete",
    ];
    assert_eq!(told, expected);
    for event in &events[tail..] {
        assert_eq!(event.correlation(), events[tail].correlation());
        assert_eq!(event.data("/severity").expect("one"), "critical");
    }
    assert_eq!(events[tail].data("/requestData/keys").expect("one"), 1);
    // The name is free, and nothing of the other instance is touched, also after a restart.
    server.cli(&["instance", "add", "second"]).success();
    server.stop();
    server.start_again();
    server.connect().ask(get(&ours)).success();
    server.cli(&["instance", "remove", "second"]).success();
    server
        .cli(&["instance", "remove", "default", "--force"])
        .refused(&["`default`", "only one"]);
    server.connect().ask(get(&ours)).success();
}
