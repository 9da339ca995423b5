//! Every field that the served document names, given wrong in each way, every parameter of a query that is no text, and one that is unknown: the
//! error names it, and nothing is changed.
//!
//! What is asked is made of the document, so that an operation is here as soon as it is served.

mod world;

use serde_json::{Value, json};

use crate::harness::Reply;
use world::{Member, Step, World, body_of, kind, named};

/// Longer than any text that a member may have, and short enough for a body.
const LONG: usize = 300_000;

/// The names that an error may give a place: of the members of a list it may name the list, and of what is in a member of a list its own name.
fn names(field: &str) -> Vec<&str> {
    let within = field.rsplit("[0].").next().unwrap_or(field);
    let list = |name| str::strip_suffix(name, "[0]").unwrap_or(name);
    vec![field, list(field), within, list(within)]
}

/// What is wrong with an answer that must refuse, for each of these reasons, and name the field.
fn complaint(reply: &Reply, statuses: &[u16], field: &str, value: &str) -> Option<String> {
    let body: Value = serde_json::from_str(&reply.body).unwrap_or_default();
    let error = &body["errors"][0];
    let message = error["message"].as_str().unwrap_or_default();
    let is_right = statuses.contains(&reply.status)
        && error["field"]
            .as_str()
            .is_some_and(|told| names(field).contains(&told))
        && !message.is_empty()
        && message.len() < 1200
        && !message.contains('\n')
        && !message.contains(value);
    (!is_right).then(|| {
        format!(
            "{field}: {} {}",
            reply.status,
            reply.body.chars().take(400).collect::<String>()
        )
    })
}

#[test]
fn every_member_of_every_body_is_refused_by_name_where_it_is_wrong() {
    let world = World::new();
    let wrong_pem = world.wrong_pem();
    let before = world.state();
    let mut complaints = Vec::new();
    let mut count = 0;
    for operation in world.operations() {
        let Some(schema) = body_of(&operation) else {
            continue;
        };
        let inspects = operation.path.ends_with("/inspect");
        let mut members = Vec::new();
        world.members(&schema, &[], &mut members);
        let mut check =
            |place: &[Step], value: Value, statuses: &[u16], field: &str, told: &str| {
                let reply = world.send(&operation, world.with(&schema, place, value));
                count += 1;
                if let Some(complaint) = complaint(&reply, statuses, field, told) {
                    complaints.push(format!(
                        "{} {} {complaint}",
                        operation.method, operation.path
                    ));
                }
            };
        check(
            &[Step::Name("nonsense".into())],
            json!(true),
            &[400],
            "nonsense",
            "\0",
        );
        for Member { place, schema } in &members {
            let field = named(place);
            match kind(schema) {
                "" => continue,
                "string" => check(place, json!(70071), &[400], &field, "70071"),
                _ => check(place, json!("secret-text"), &[400], &field, "secret-text"),
            }
            if schema.get("properties").is_some() {
                let unknown = [&place[..], &[Step::Name("nonsense".into())]].concat();
                check(&unknown, json!(true), &[400], &named(&unknown), "\0");
            }
            let is_pem = ["certificate", "list"]
                .iter()
                .any(|name| field.ends_with(name));
            // Of an enrolled one, an inspection says so.
            let wrong = wrong_pem.iter().take(if inspects { 2 } else { 3 });
            for text in wrong.filter(|_| is_pem) {
                check(place, json!(text), &[400, 409], &field, "-----BEGIN");
            }
            // A server that is not locked does not look at it.
            if kind(schema) == "string" && field != "passphrase" {
                let long = "x".repeat(LONG);
                // What is named may be missing, and a word unknown.
                check(place, json!(long), &[400, 404, 413], &field, &long);
            }
        }
    }
    assert!(count > 100, "{count}");
    assert_eq!(complaints, Vec::<String>::new(), "of {count}");
    world.check_unchanged(&before);
}

#[test]
fn every_parameter_of_every_query_is_refused_by_name_where_it_is_wrong() {
    let world = World::new();
    let before = world.state();
    let mut complaints = Vec::new();
    let mut count = 0;
    for operation in world.operations() {
        // What is open to everybody is asked for by programs that add what they like.
        if operation.about.get("security").is_none() {
            continue;
        }
        let schema = body_of(&operation);
        let body = schema.map(|schema| world.example("", &schema));
        let mut check = |name: &str, value: &str, statuses: &[u16]| {
            let path = format!("{}?{name}={value}", operation.path);
            let reply = world.api.send(&operation.method, &path, body.as_ref());
            count += 1;
            if let Some(complaint) = complaint(&reply, statuses, name, "nonsense-") {
                complaints.push(format!("{} {path:.80} {complaint}", operation.method));
            }
        };
        check("nonsense", "1", &[400]);
        let parameters = operation.about["parameters"].as_array();
        for parameter in parameters
            .into_iter()
            .flatten()
            .filter(|one| one["in"] == "query")
        {
            let name = parameter["name"].as_str().expect("a name");
            match kind(world.resolved(&parameter["schema"])) {
                "string" => {}
                _ => check(name, "nonsense-", &[400]),
            }
        }
    }
    assert!(count > 60, "{count}");
    assert_eq!(complaints, Vec::<String>::new(), "of {count}");
    world.check_unchanged(&before);
}
