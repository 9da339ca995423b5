//! Two nodes behave as one: what was answered by one is what the other goes by, whatever it kept in memory.

use std::time::Duration;

use crate::harness::{
    Answer, BatchItem, Connection, Content, Nodes, Request, TlsVersion, activate, add_attribute,
    attribute, create, destroy, get, get_attributes, key_template, locate, name, reason, revoke,
    until,
};

fn ask(connection: &mut Connection, item: BatchItem) -> Answer {
    connection.exchange(&Request::new((1, 4), &[item])).only()
}

#[test]
fn what_one_node_answers_the_other_goes_by() {
    let nodes = Nodes::start(2);
    let (mut one, mut other) = (nodes.all[0].connect(), nodes.all[1].connect());
    let key = ask(&mut one, create(key_template())).success().uid();
    let found = ask(&mut other, get_attributes(&key, &["Fresh"])).success();
    assert_eq!(found.value("Fresh"), Some(Content::Boolean(true)));
    let material = ask(&mut one, get(&key)).success().key_material();
    // Given once, it is fresh no longer, whichever is asked.
    for asked in [&["Fresh"][..], &[]] {
        for connection in [&mut one, &mut other] {
            let found = ask(connection, get_attributes(&key, asked)).success();
            assert_eq!(found.value("Fresh"), Some(Content::Boolean(false)));
        }
    }
    // Now both keep it in memory.
    assert_eq!(
        ask(&mut other, get(&key)).success().key_material(),
        material
    );
    for round in 0..20 {
        let tag = Content::Text(format!("round {round}"));
        let name = format!("x-Round-{round}");
        ask(&mut one, add_attribute(&key, &name, tag.clone())).success();
        let found = ask(&mut other, get_attributes(&key, &[&name])).success();
        assert_eq!(found.value(&name), Some(tag), "round {round}");
        std::mem::swap(&mut one, &mut other);
    }
    ask(&mut one, activate(&key)).success();
    let state = ask(&mut other, get_attributes(&key, &["State"])).success();
    assert_eq!(state.value("State"), Some(Content::Enumeration(2)));
    ask(&mut other, revoke(&key, 1)).success();
    let again = ask(&mut one, revoke(&key, 1));
    again.failure(reason::PERMISSION_DENIED);
    ask(&mut one, destroy(&key)).success();
    ask(&mut other, get(&key)).failure(reason::ITEM_NOT_FOUND);
    for node in &nodes.all {
        node.cli(&["events", "verify"]).success();
    }
}

#[test]
fn a_text_that_the_database_does_not_take_is_refused_alone() {
    let nodes = Nodes::start(1);
    let mut connection = nodes.all[0].connect();
    let mut template = key_template();
    template.push(attribute("Name", name("a\0b")));
    ask(&mut connection, create(template)).failure(reason::INVALID_FIELD);
    let key = ask(&mut connection, create(key_template())).success().uid();
    let nul = || Content::Text("a\0b".to_owned());
    for item in [
        add_attribute(&key, "x-Text", nul()),
        add_attribute(&key, "x-Na\0me", Content::Text("a".to_owned())),
        locate(vec![attribute("x-Text", nul())]),
        locate(vec![attribute("Name", name("a\0b"))]),
    ] {
        ask(&mut connection, item).failure(reason::INVALID_FIELD);
    }
    ask(&mut connection, get("a\0b")).failure(reason::ITEM_NOT_FOUND);
    ask(&mut connection, get(&key)).success();
    nodes.all[0].cli(&["events", "verify"]).success();
}

#[test]
fn a_key_that_one_node_destroys_is_given_by_none_however_often_it_was() {
    let nodes = Nodes::start(2);
    let (mut one, mut other) = (nodes.all[0].connect(), nodes.all[1].connect());
    for _ in 0..25 {
        let key = ask(&mut one, create(key_template())).success().uid();
        for _ in 0..3 {
            ask(&mut other, get(&key)).success();
        }
        ask(&mut one, destroy(&key)).success();
        ask(&mut other, get(&key)).failure(reason::ITEM_NOT_FOUND);
        std::mem::swap(&mut one, &mut other);
    }
}

#[test]
fn a_client_that_one_node_disables_is_refused_by_all_at_once_and_cut_off() {
    let nodes = Nodes::start(2);
    let (mut busy, mut idle) = (nodes.all[1].connect(), nodes.all[1].connect());
    let key = ask(&mut busy, create(key_template())).success().uid();
    ask(&mut busy, get(&key)).success();
    ask(&mut idle, get(&key)).success();
    nodes.all[0].cli(&["client", "disable", "demo"]).success();
    // Answered with a refusal, or cut off before: nothing is given.
    let request = Request::new((1, 4), &[get(&key)]).encode();
    if let Ok(answer) = busy.try_send(&request) {
        let answer = crate::harness::Response::decode(&answer).only();
        assert_eq!(answer.status, 1, "{answer:?}");
    }
    idle.set_patience(Duration::from_secs(5));
    idle.wait_for_close().expect("an idle connection is ended");
    nodes.all[0].cli(&["client", "enable", "demo"]).success();
    until("the other node to let it in again", || {
        let server = &nodes.all[1];
        server
            .try_connect(Some(&server.client("demo")), TlsVersion::Any)
            .ok()
    });
}

#[test]
fn instances_clients_and_routes_of_one_node_reach_the_other() {
    let nodes = Nodes::start(2);
    let (one, other) = (&nodes.all[0], &nodes.all[1]);
    one.cli(&["instance", "add", "later"]).success();
    let issue = ["client", "issue", "late", "--instance", "later"];
    one.cli(&issue).success();
    let credentials = one.client("late");
    // Who is not known learns so with the first answer.
    let make = Request::new((1, 4), &[create(key_template())]).encode();
    let (mut connection, key) = until("the other node to know the client and its keys", || {
        let mut connection = other
            .try_connect(Some(&credentials), TlsVersion::Any)
            .ok()?;
        let answer = connection.try_send(&make).ok()?;
        let answer = crate::harness::Response::decode(&answer).only();
        (answer.status == 0).then(|| (connection, answer.uid()))
    });
    let mut at_home = one.connect_as(&credentials);
    ask(&mut at_home, get(&key)).success();
    let file = other.path().join("delivered.jsonl");
    let path = format!("path={}", file.display());
    one.cli(&["target", "create", "file", "--type", "file", "--set", &path])
        .success();
    one.cli(&["routing-settings", "set", "--default-target", "file"])
        .success();
    ask(&mut connection, get(&key)).success();
    // Each node delivers what it recorded itself.
    let origin = "\"correlationId\"";
    until("what the other node records to be delivered", || {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        (text.contains(origin) && text.contains(&key)).then_some(())
    });
}
