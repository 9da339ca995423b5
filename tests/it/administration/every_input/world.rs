//! A server with something of everything, and requests that are made of its document.

use keyledger::crypto::{Authority, KeyKind};
use serde_json::{Map, Value, json};

use super::super::certificate;
use crate::harness::{Api, Reply, Server, TlsVersion, create, key_template, now, until};

/// What is not compared before and after: it moves by itself, or has no end, or is the trail, which is compared by its length.
const MOVING: &str = "/metrics /healthz /readyz /api/v1/status /api/v1/events /api/v1/events/tail /api/v1/seal /api/v1/stale-objects";

/// An operation of the document.
pub(super) struct Operation<'a> {
    pub(super) method: String,
    /// With what there is in the place of its parameters.
    pub(super) path: String,
    pub(super) about: &'a Value,
}

/// A member of a body: where it is, as errors name it, and what the document says of it.
pub(super) struct Member {
    pub(super) place: Vec<Step>,
    pub(super) schema: Value,
}

#[derive(Clone)]
pub(super) enum Step {
    Name(String),
    First,
}

pub(super) struct World {
    server: Server,
    pub(super) api: Api,
    document: Value,
    key: String,
    /// The fingerprint of a certificate that waits for approval.
    waiting: String,
    pem: String,
    authority: String,
}

impl World {
    pub(super) fn new() -> Self {
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
    pub(super) fn wrong_pem(&self) -> [String; 3] {
        let read = |name: &str| {
            let path = self.server.path().join("certs/clients").join(name);
            std::fs::read_to_string(path).expect("PEM")
        };
        let chain = format!("{}{}", self.pem, certificate("ca").1);
        [chain, read("demo.key"), read("demo.pem")]
    }

    pub(super) fn operations(&self) -> Vec<Operation<'_>> {
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
                    "certificates" => "none",
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
    pub(super) fn resolved<'a>(&'a self, mut schema: &'a Value) -> &'a Value {
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

    pub(super) fn members(&self, schema: &Value, place: &[Step], all: &mut Vec<Member>) {
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
    pub(super) fn example(&self, name: &str, schema: &Value) -> Value {
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
    pub(super) fn with(&self, schema: &Value, place: &[Step], value: Value) -> Value {
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
    pub(super) fn send(&self, operation: &Operation<'_>, mut body: Value) -> Reply {
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
    pub(super) fn state(&self) -> Vec<Value> {
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
        let reply = self.api.get(path);
        // What is named `none` is not there, nor is a backup key; all else must show itself, or nothing is compared.
        let is_missing = path.contains("/none") || path == "/api/v1/backup-key";
        let expected: &[u16] = if is_missing { &[400, 404] } else { &[200] };
        assert!(expected.contains(&reply.status), "{path}: {}", reply.status);
        let mut shown = reply.json();
        still(&mut shown);
        json!([path, reply.status, shown])
    }

    #[track_caller]
    pub(super) fn check_unchanged(&self, before: &[Value]) {
        let after = self.state();
        assert_eq!(before.len(), after.len(), "as much is shown");
        for (before, after) in before.iter().zip(after) {
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
pub(super) fn kind(schema: &Value) -> &str {
    let kinds = schema["type"].as_array();
    let kind = kinds.and_then(|kinds| kinds.iter().find(|kind| *kind != "null"));
    kind.unwrap_or_else(|| &schema["type"])
        .as_str()
        .unwrap_or_default()
}

pub(super) fn named(place: &[Step]) -> String {
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

pub(super) fn body_of(operation: &Operation<'_>) -> Option<Value> {
    let content = &operation.about["requestBody"]["content"]["application/json"];
    content.get("schema").cloned()
}
