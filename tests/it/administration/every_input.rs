//! Every field and every parameter that the served document names, given wrong in each way: the error names it, and nothing is changed.
//!
//! What is asked is made of the document, so that an operation is here as soon as it is served.

use keyledger::crypto::{Authority, KeyKind};
use serde_json::{Map, Value, json};

use super::certificate;
use crate::harness::{Api, Reply, Server, TlsVersion, create, key_template, now, until};

/// Longer than any text that a member may have, and short enough for a body.
const LONG: usize = 300_000;
/// What is not compared before and after: it moves by itself, or has no end, or is the trail, which is compared by its length.
const MOVING: &str = "/metrics /healthz /readyz /api/v1/status /api/v1/events /api/v1/events/tail /api/v1/seal /api/v1/stale-objects";

/// An operation of the document.
struct Operation<'a> {
    method: String,
    /// With what there is in the place of its parameters.
    path: String,
    about: &'a Value,
}

/// A member of a body: where it is, as errors name it, and what the document says of it.
struct Member {
    place: Vec<Step>,
    schema: Value,
}

#[derive(Clone)]
enum Step {
    Name(String),
    First,
}

struct World {
    server: Server,
    api: Api,
    document: Value,
    key: String,
    /// The fingerprint of a certificate that waits for approval.
    waiting: String,
    pem: String,
    authority: String,
}

impl World {
    fn new() -> Self {
        let server = Server::start();
        let api = server.api_as("administrator");
        let key = server.connect().ask(create(key_template())).success().uid();
        let target = json!({"name": "there", "target_type": "webhook", "webhook_endpoint": {"url": "https://127.0.0.1:9/"}});
        api.post("/api/v2/targets", &target).expect(201);
        let rules = json!([{"locations": ["*"], "target_ids": ["there"]}]);
        let route = json!({"name": "there", "rules": rules});
        api.post("/api/v2/routes", &route).expect(201);
        let trusted = json!({"certificate": authority(), "subject": "CN=x"});
        api.post("/api/v1/clients/demo/authorities", &trusted)
            .expect(201);
        Self {
            document: api.get("/api/openapi.json").expect(200).json(),
            waiting: waiting(&server, &api),
            pem: certificate("c").1,
            authority: authority(),
            server,
            api,
            key,
        }
    }

    /// A chain, a private key, and a certificate that is a client's already.
    fn wrong_pem(&self) -> [String; 3] {
        let read = |name: &str| {
            let path = self.server.path().join("certs/clients").join(name);
            std::fs::read_to_string(path).expect("PEM")
        };
        let chain = format!("{}{}", self.pem, certificate("ca").1);
        [chain, read("demo.key"), read("demo.pem")]
    }

    fn operations(&self) -> Vec<Operation<'_>> {
        let paths = self.document["paths"].as_object().expect("paths");
        let of_path = |(path, item): (&String, &'_ Value)| {
            let path = self.filled(path);
            let item = item.as_object().expect("methods").clone();
            let methods: Vec<_> = item.keys().cloned().collect();
            methods
                .into_iter()
                .map(move |method| (method, path.clone()))
        };
        let mut all = Vec::new();
        for (pattern, item) in paths {
            for (method, path) in of_path((pattern, item)) {
                let about = &item[&method];
                all.push(Operation {
                    method: method.to_uppercase(),
                    path,
                    about,
                });
            }
        }
        all
    }

    /// A path with what there is in the place of its parameters.
    fn filled(&self, path: &str) -> String {
        let segments: Vec<_> = path.split('/').collect();
        let value = |(place, segment): (usize, &&str)| {
            match *segment {
                "{label}" => "demo",
                "{fingerprint}" if segments[place - 1] == "pending-certificates" => {
                    self.waiting.as_str()
                }
                "{name}" | "{adapter_id}" => "default",
                "{id}" => match segments[place - 1] {
                    "kmip_adapters" => "default",
                    "targets" | "routes" => "there",
                    _ => self.key.as_str(),
                },
                other => match other.starts_with('{') {
                    true => "none",
                    false => other,
                },
            }
            .to_owned()
        };
        let filled: Vec<_> = segments.iter().enumerate().map(value).collect();
        filled.join("/")
    }

    /// What the document says of something, references followed, and null, where that may stand in its place, left out.
    fn resolved<'a>(&'a self, mut schema: &'a Value) -> &'a Value {
        loop {
            if let Some(name) = schema["$ref"].as_str() {
                let pointer = name.trim_start_matches('#');
                schema = self.document.pointer(pointer).expect("what is referred to");
            } else if let Some(one) = schema["oneOf"].as_array() {
                let something = one.iter().find(|one| one["type"] != "null");
                schema = something.expect("something");
            } else {
                return schema;
            }
        }
    }

    fn members(&self, schema: &Value, place: &[Step], all: &mut Vec<Member>) {
        let schema = self.resolved(schema);
        if let Some(items) = schema.get("items") {
            let first = [place, &[Step::First]].concat();
            self.member(items, first, all);
        }
        for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
            let place = [place, &[Step::Name(name.clone())]].concat();
            self.member(schema, place, all);
        }
    }

    fn member(&self, schema: &Value, place: Vec<Step>, all: &mut Vec<Member>) {
        self.members(schema, &place, all);
        let schema = self.resolved(schema).clone();
        all.push(Member { place, schema });
    }

    /// A value that the document allows, whose texts are what they need to be where their names say what that is.
    fn example(&self, name: &str, schema: &Value) -> Value {
        let schema = self.resolved(schema);
        if let Some(allowed) = schema["enum"].as_array() {
            return allowed[0].clone();
        }
        match kind(schema) {
            "object" => {
                let example =
                    |(name, schema): (&String, &Value)| (name.clone(), self.example(name, schema));
                let members = schema["properties"].as_object().into_iter().flatten();
                let needed = |name: &str| {
                    schema["required"]
                        .as_array()
                        .is_some_and(|needed| needed.iter().any(|one| one == name))
                };
                members
                    .filter(|(name, _)| needed(name))
                    .map(example)
                    .collect::<Map<_, _>>()
                    .into()
            }
            "array" => json!([self.example(name, &schema["items"])]),
            "boolean" => json!(true),
            "integer" => json!(1),
            _ => self.text(name).into(),
        }
    }

    fn text(&self, name: &str) -> &str {
        match name {
            "subject" => "CN=x",
            "managed_by" => "account",
            "certificate" => &self.pem,
            "denied" => "destroy",
            "profile" => "native_1.0",
            "locations" => "*",
            "target_ids" => "there",
            "target_type" => "webhook",
            "action" => "vcs.create",
            "outcome" => "success",
            "kind" => "user",
            _ => "x",
        }
    }

    /// A body of this schema which has this at a place of it.
    fn with(&self, schema: &Value, place: &[Step], value: Value) -> Value {
        fn put(
            world: &World,
            schema: &Value,
            body: &mut Value,
            name: &str,
            place: &[Step],
            value: Value,
        ) {
            let schema = world.resolved(schema);
            let Some((step, rest)) = place.split_first() else {
                *body = value;
                return;
            };
            if body.is_null() {
                *body = world.example(name, schema);
            }
            match step {
                Step::First => put(world, &schema["items"], &mut body[0], name, rest, value),
                Step::Name(name) => {
                    let schema = &schema["properties"][name];
                    put(world, schema, &mut body[name], name, rest, value);
                }
            }
        }
        let mut body = Value::Null;
        put(self, schema, &mut body, "", place, value);
        body
    }

    /// Sends a body that has what the document cannot say that this path needs.
    fn send(&self, operation: &Operation<'_>, mut body: Value) -> Reply {
        let path = operation.path.as_str();
        if body.pointer("/metadata/collectionType") == Some(&json!("x")) {
            let of = match path.ends_with("certificates") {
                true => "kmip_client_certificate",
                false => "kmip_adapter",
            };
            body["metadata"]["collectionType"] =
                format!("application/vnd.ibm.kms.{of}+json").into();
        }
        let example = |place: &Value| *place == json!(self.pem);
        match path {
            "/api/v1/clients"
                if body.get("authority").is_none() && body.get("certificate").is_none() =>
            {
                body["certificate"] = self.pem.as_str().into();
            }
            "/api/v1/clients" if example(&body["authority"]["certificate"]) => {
                body["authority"]["certificate"] = self.authority.as_str().into();
            }
            _ if path.ends_with("/authorities") && example(&body["certificate"]) => {
                body["certificate"] = self.authority.as_str().into();
            }
            _ if path.ends_with("/revoke") && body["reason"] == "x" => {
                body["reason"] = "superseded".into()
            }
            _ => {}
        }
        self.api.send(&operation.method, path, Some(&body))
    }

    /// All that can be listed, and how long the trail is.
    fn state(&self) -> Vec<Value> {
        let listed = self.operations().into_iter().filter(|operation| {
            let is_open = MOVING.split_whitespace().any(|path| path == operation.path);
            operation.method == "GET" && !is_open
        });
        let mut all: Vec<_> = listed
            .map(|operation| self.shown(&operation.path))
            .collect();
        let events = self.server.events();
        // That of the certificate that waits is recorded when it is convenient.
        let told = events
            .iter()
            .filter(|event| event.action() != "kmip-client.refuse");
        all.push(told.map(|event| event.0.clone()).collect());
        all
    }

    fn shown(&self, path: &str) -> Value {
        let mut shown = self.api.get(path).json();
        still(&mut shown);
        json!([path, shown])
    }

    #[track_caller]
    fn check_unchanged(&self, before: &[Value]) {
        for (before, after) in before.iter().zip(self.state()) {
            assert_eq!(*before, after, "nothing was changed or recorded");
        }
    }
}

/// The fingerprint of a certificate that comes to the server and waits from then on.
fn waiting(server: &Server, api: &Api) -> String {
    // It is let go as soon as it is known that nobody enrolled it.
    drop(server.try_connect(Some(&certificate("waits").0), TlsVersion::Any));
    until("it waits", || {
        let listed = api.get("/api/v1/pending-certificates").expect(200).json();
        let fingerprint = listed["certificates"][0]["fingerprint"].as_str();
        fingerprint.map(str::to_owned)
    })
}

/// The certificate of a CA of others.
fn authority() -> String {
    let made = Authority::create("Other CA", now(), 30, KeyKind::EcdsaP256).expect("made");
    made.certificate().to_pem()
}

/// Takes away what moves by itself: when the key that asks was used, the number of an answer, how the target stands, days.
fn still(shown: &mut Value) {
    match shown {
        Value::Object(members) => {
            for name in ["lastUsed", "trace", "write_status", "lag", "daysLeft"] {
                members.remove(name);
            }
            members.values_mut().for_each(still);
        }
        Value::Array(items) => items.iter_mut().for_each(still),
        _ => {}
    }
}

/// The type of what a schema says, null left out.
fn kind(schema: &Value) -> &str {
    let kinds = schema["type"].as_array();
    let kind = kinds.and_then(|kinds| kinds.iter().find(|kind| *kind != "null"));
    kind.unwrap_or(&schema["type"]).as_str().unwrap_or_default()
}

fn named(place: &[Step]) -> String {
    let mut text = String::new();
    for step in place {
        match step {
            Step::First => text.push_str("[0]"),
            Step::Name(name) => {
                text.push_str(if text.is_empty() { "" } else { "." });
                text.push_str(name);
            }
        }
    }
    text
}

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

fn body_of(operation: &Operation<'_>) -> Option<Value> {
    let content = &operation.about["requestBody"]["content"]["application/json"];
    content.get("schema").cloned()
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
            for text in wrong_pem.iter().filter(|_| is_pem) {
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
    assert_eq!(complaints, Vec::<String>::new());
    world.check_unchanged(&before);
}
