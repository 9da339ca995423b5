//! What a client may do: every operation under every set of permissions, on a key of its own instance and of another.
//!
//! A refusal is the standard's Permission Denied, is recorded under the operation's own action with 403, and reads the same whether the
//! key that was named exists or not.

use std::collections::BTreeSet;

use crate::harness::{
    BatchItem, Connection, Content, Server, activate, add_attribute, attribute, create,
    delete_attribute, destroy, discover, get, get_attribute_list, get_attributes, key_template,
    locate, modify_attribute, now, query, reason, revoke,
};

/// Every operation that a permission can name, with the action of its event, in an order in which one key can go through all of them.
const OPERATIONS: [(&str, &str); 11] = [
    ("create", "kmip-key.create"),
    ("locate", "kmip-key.locate"),
    ("get-attributes", "kmip-key-attributes.retrieve"),
    ("get-attribute-list", "kmip-key-attributes.retrieve"),
    ("add-attribute", "kmip-key-attributes.add"),
    ("modify-attribute", "kmip-key-attributes.modify"),
    ("delete-attribute", "kmip-key-attributes.delete"),
    ("activate", "kmip-key.activate"),
    ("get", "kmip-key.read"),
    ("revoke", "kmip-key.revoke"),
    ("destroy", "kmip-key.destroy"),
];

/// Sets of permissions as a site has them: labels, and the operations in them.
const ROLES: [(&str, &[&str]); 4] = [
    (
        "vcenter",
        &[
            "create",
            "locate",
            "get",
            "get-attributes",
            "add-attribute",
            "activate",
        ],
    ),
    ("backup", &["get", "get-attributes", "locate"]),
    (
        "tagger",
        &["add-attribute", "modify-attribute", "delete-attribute"],
    ),
    ("nothing", &["get-attribute-list"]),
];

fn item(operation: &str, uid: &str) -> BatchItem {
    let text = |text: &str| Content::Text(text.to_owned());
    match operation {
        "create" => create(key_template()),
        "locate" => locate(vec![attribute("x-Set", text("a"))]),
        "get-attributes" => get_attributes(uid, &["State"]),
        "get-attribute-list" => get_attribute_list(uid),
        "add-attribute" => add_attribute(uid, "x-Added", text("b")),
        "modify-attribute" => modify_attribute(uid, "x-Set", None, text("c")),
        "delete-attribute" => delete_attribute(uid, "x-Set", None),
        "activate" => activate(uid),
        "get" => get(uid),
        "revoke" => revoke(uid, 1),
        "destroy" => destroy(uid),
        other => panic!("no operation: {other}"),
    }
}

/// A key with an attribute, made by `connection`.
fn key(connection: &mut Connection) -> String {
    let mut template = key_template();
    template.push(attribute("x-Set", Content::Text("a".to_owned())));
    connection.ask(create(template)).success().uid()
}

/// What a client with these permissions is answered to every operation on `ours`, which `whole` helps along, on `theirs` and on a key that
/// does not exist; the lines that the trail must have of it.
fn ask_everything(
    client: &mut Connection,
    whole: &mut Connection,
    permitted: &[&str],
    (ours, theirs): (&str, &str),
) -> Vec<String> {
    let nobody = "00000000-0000-7000-8000-000000000000";
    let mut expected = Vec::new();
    for (operation, action) in OPERATIONS {
        let is_about_a_key = !["create", "locate"].contains(&operation);
        if !permitted.contains(&operation) {
            for uid in [ours, theirs, nobody] {
                let denied = reason::PERMISSION_DENIED;
                client.ask(item(operation, uid)).failure(denied);
                let target = if is_about_a_key { uid } else { "-" };
                expected.push(format!("{action} 403 {target}"));
            }
            // What comes next needs it done.
            whole.ask(item(operation, ours)).success();
            continue;
        }
        if is_about_a_key {
            for uid in [theirs, nobody] {
                client
                    .ask(item(operation, uid))
                    .failure(reason::ITEM_NOT_FOUND);
                expected.push(format!("{action} 404 {uid}"));
            }
        }
        let answer = client.ask(item(operation, ours)).success();
        expected.push(match operation {
            "create" => format!("{action} 201 {}", answer.uid()),
            "locate" => format!("{action} 200 -"),
            _ => format!("{action} 200 {ours}"),
        });
    }
    expected
}

#[test]
fn each_set_of_permissions_allows_its_operations_on_keys_of_its_instance_and_nothing_else() {
    let server = Server::start();
    server.cli(&["instance", "add", "second"]).success();
    let other = ["client", "issue", "other", "--instance", "second"];
    server.cli(&other).success();
    for (label, permitted) in ROLES {
        server.cli(&["client", "issue", label]).success();
        let operations = permitted.join(",");
        let permit = ["client", "permit", label, "--operations", &operations];
        server.cli(&permit).success();
    }
    let theirs = key(&mut server.connect_as(&server.client("other")));
    let mut whole = server.connect();
    for (label, permitted) in ROLES {
        let ours = key(&mut whole);
        let mut client = server.connect_as(&server.client(label));
        let expected = ask_everything(&mut client, &mut whole, permitted, (&ours, &theirs));
        let events = server.events();
        let of_client = |event: &&crate::harness::Event| event.initiator_name() == label;
        let of_client: Vec<_> = events.iter().filter(of_client).collect();
        let lines: Vec<_> = of_client.iter().map(|event| event.line()).collect();
        assert_eq!(lines, expected, "{label}");
        for event in of_client.iter().filter(|event| event.code() == 403) {
            assert_eq!(event.data("/severity").expect("one"), "critical");
            assert_eq!(event.outcome(), "failure");
            let told = event.data("/responseData").expect("data");
            assert!(told.get("state").is_none(), "{event:?}");
        }
        assert_eq!(listed_by_query(&mut client), with_query(permitted));
    }
}

/// The operations that Query lists, as their codes.
fn listed_by_query(client: &mut Connection) -> BTreeSet<u32> {
    client.ask(discover(&[])).success();
    let listed = client.ask(query(&[1])).success().operations();
    listed.into_iter().collect()
}

fn with_query(permitted: &[&str]) -> BTreeSet<u32> {
    let code = |name: &&str| item(name, "x").operation;
    let codes = permitted.iter().map(code);
    codes
        .chain([query(&[1]).operation, discover(&[]).operation])
        .collect()
}

#[test]
fn an_instance_denies_what_no_client_of_it_may_do_and_a_change_holds_on_open_connections() {
    let mut server = Server::start();
    let mut connection = server.connect();
    let uid = key(&mut connection);
    let deny = ["instance", "rules", "default", "--deny", "destroy,revoke"];
    let said = server.cli(&deny).success();
    assert!(said.stdout.contains("revoke, destroy"), "{said:?}");
    let denied = reason::PERMISSION_DENIED;
    connection.ask(destroy(&uid)).failure(denied);
    connection.ask(get(&uid)).success();
    // It outlives the server, and is taken back while none runs.
    server.stop();
    server.start_again();
    let mut connection = server.connect();
    connection.ask(revoke(&uid, 1)).failure(denied);
    server.stop();
    server
        .cli(&["instance", "rules", "default", "--deny-none"])
        .success();
    server.start_again();
    server.connect().ask(destroy(&uid)).success();
    let events = server.events();
    let rules = |event: &&crate::harness::Event| event.action() == "instance-rules.update";
    let told: Vec<_> = events.iter().filter(rules).collect();
    assert_eq!(told.len(), 2);
    assert_eq!(
        told[0].data("/requestData/denied").expect("a list"),
        &serde_json::json!(["revoke", "destroy"])
    );
}

#[test]
fn a_client_acts_in_its_hours_only() {
    let server = Server::start();
    let mut connection = server.connect();
    let uid = key(&mut connection);
    // The day after tomorrow: never now, however long this takes.
    let days = ["thu", "fri", "sat", "sun", "mon", "tue", "wed"];
    let day = usize::try_from((now() / 86_400 + 2) % 7).expect("a day");
    let window = format!("{} 00:00-24:00", days[day]);
    let permit = ["client", "permit", "demo", "--window", &window];
    server.cli(&permit).success();
    connection.ask(get(&uid)).failure(reason::PERMISSION_DENIED);
    connection.ask(query(&[1])).success();
    let shown = server.cli(&["client", "show", "demo"]).success().stdout;
    assert!(shown.contains(days[day]), "{shown}");
    let always = ["client", "permit", "demo", "--window", "daily 00:00-24:00"];
    server.cli(&always).success();
    connection.ask(get(&uid)).success();
    server
        .cli(&["client", "permit", "demo", "--any-time"])
        .success();
    connection.ask(get(&uid)).success();
    let events = server.events();
    let refused = events.iter().find(|event| event.code() == 403);
    let told = refused.expect("a refusal").data("/reason/reasonForFailure");
    let told = told.and_then(serde_json::Value::as_str);
    assert!(told.expect("a reason").contains("at this time"));
}

#[test]
fn what_is_no_permission_is_refused() {
    let server = Server::start();
    for (wrong, words) in [
        (&["client", "permit", "demo"][..], &["required"][..]),
        (
            &["client", "permit", "demo", "--operations", "get,fly"],
            &["`fly`", "create, locate"],
        ),
        (
            &["client", "permit", "demo", "--window", "mon"],
            &["mon", "08:00-18:00"],
        ),
        (&["client", "permit", "nobody", "--all"], &["nobody"]),
        (&["client", "show", "nobody"], &["nobody"]),
        (
            &["instance", "rules", "nowhere", "--deny-none"],
            &["nowhere"],
        ),
    ] {
        let output = server.cli(wrong);
        assert_ne!(output.code, 0, "{wrong:?}");
        for word in words {
            assert!(output.stderr.contains(word), "{word} in {output:?}");
        }
    }
}
