//! Each role with each request.

use serde_json::{Value, json};

use super::certificate;
use crate::harness::Server;

/// Every operation, with the least role that may ask for it and a body. What it names need not be there: who may ask is told so, and who may
/// not is told nothing of it.
const OPERATIONS: &str = r#"
reader GET /api/v1/status
reader GET /api/v1/instances
reader GET /api/v1/instances/default
reader GET /api/v1/clients
reader GET /api/v1/clients/demo
reader GET /api/v1/pending-certificates
reader GET /api/v1/objects
reader GET /api/v1/objects/none
reader GET /api/v1/stale-objects
reader GET /api/v1/destructions
reader GET /api/v1/events
reader GET /api/v1/events/0
reader GET /api/v1/events/00000000-0000-7000-8000-0000000000aa
reader GET /api/v1/certificates
reader POST /api/v1/certificates/inspect {"certificate": ""}
reader GET /api/v1/seal
reader GET /api/v1/seal?fresh=true
reader GET /metrics
reader GET /api/v2/targets
reader GET /api/v2/targets/none
reader GET /api/v2/routes
reader GET /api/v2/routes/none
reader GET /api/v2/settings
reader GET /api/v2/kmip_adapters
reader GET /api/v2/kmip_adapters/none
reader GET /api/v2/kmip_adapters/none/certificates
reader GET /api/v2/kmip_adapters/none/certificates/none
reader GET /api/v2/kmip_adapters/none/kmip_objects
reader GET /api/v2/kmip_adapters/none/kmip_objects/none
operator POST /api/v1/instances {"name": "-"}
operator PUT /api/v1/instances/none/credential {"password": "p"}
operator DELETE /api/v1/instances/none/credential
operator POST /api/v1/clients {"label": "matrix", "certificate": "none"}
operator PATCH /api/v1/clients/none {"status": "disabled"}
operator DELETE /api/v1/clients/none
operator POST /api/v1/clients/none/certificates {"certificate": ""}
operator DELETE /api/v1/clients/none/certificates/0
operator PUT /api/v1/clients/none/revocation-list {"list": ""}
operator POST /api/v1/clients/none/authorities {"certificate": "", "subject": ""}
operator DELETE /api/v1/clients/none/authorities/0
operator POST /api/v1/pending-certificates/0/approve {"label": "a"}
operator DELETE /api/v1/pending-certificates/0
administrator POST /api/v1/objects/none/revoke {"reason": "superseded"}
operator POST /api/v1/events {"action": "vcs.create", "outcome": "success", "target": {"id": "x"}}
operator POST /api/v2/targets {"name": "t", "target_type": "webhook"}
operator POST /api/v2/targets/none/validate
operator DELETE /api/v2/targets/none
operator POST /api/v2/routes {"name": "r", "rules": []}
operator PUT /api/v2/routes/none {"name": "r", "rules": []}
operator DELETE /api/v2/routes/none
operator PUT /api/v2/settings {}
operator POST /api/v2/kmip_adapters {"metadata": {"collectionType": "application/vnd.ibm.kms.kmip_adapter+json", "collectionTotal": 1}, "resources": [{"name": "default", "profile": "native_1.0", "profile_data": {"crk_id": "k"}}]}
operator POST /api/v2/kmip_adapters/none/certificates {"metadata": {"collectionType": "application/vnd.ibm.kms.kmip_client_certificate+json", "collectionTotal": 1}, "resources": [{"certificate": "none"}]}
operator DELETE /api/v2/kmip_adapters/none/certificates/none
administrator DELETE /api/v2/kmip_adapters/none
administrator DELETE /api/v2/kmip_adapters/none/kmip_objects/none
administrator PUT /api/v1/clients/none/permissions {"all": true}
administrator PUT /api/v1/instances/none/rules {"denied": []}
administrator DELETE /api/v1/instances/none
administrator POST /api/v1/objects/none/destroy {"reason": "gone"}
administrator POST /api/v1/destructions/none/approve
administrator POST /api/v1/destructions/none/refuse
administrator POST /api/v1/destructions/none/restore
administrator POST /api/v1/unlock {"passphrase": "p"}
administrator POST /api/v1/certificates/reload {}
administrator POST /api/v1/certificates/revocation-list {"days": 1}
administrator GET /api/v1/master-key
administrator POST /api/v1/master-key/rotate
administrator GET /api/v1/backup-key
administrator POST /api/v1/backups {}
administrator GET /api/v1/api-keys
administrator POST /api/v1/api-keys {"name": "-", "role": "reader"}
administrator DELETE /api/v1/api-keys/none
administrator GET /api/v1/administrators
administrator POST /api/v1/administrators {"label": "a", "role": "reader", "certificate": ""}
administrator DELETE /api/v1/administrators/none
"#;

pub(super) const ROLES: [&str; 3] = ["reader", "operator", "administrator"];

/// Method, path, body and least role of each, by its place among the roles.
pub(super) fn operations() -> Vec<(&'static str, &'static str, Option<Value>, usize)> {
    let operation = |line: &'static str| {
        let mut parts = line.splitn(4, ' ');
        let mut part = || parts.next().expect("a part");
        let (role, method, path) = (part(), part(), part());
        let body = parts.next();
        let body = body.map(|body| serde_json::from_str(body).expect("JSON"));
        let least = ROLES.iter().position(|held| *held == role);
        (method, path, body, least.expect("a role"))
    };
    OPERATIONS.trim().lines().map(operation).collect()
}

#[test]
fn a_role_may_what_it_may_and_nothing_else() {
    let server = Server::start();
    let callers = ROLES.map(|role| server.api_as(role));
    for (method, path, body, least) in operations() {
        for (rank, caller) in callers.iter().enumerate() {
            let reply = caller.send(method, path, body.as_ref());
            if rank < least {
                reply.refused(403, "forbidden", "", ROLES[least]);
            } else {
                let told = [200, 201, 204, 400, 404, 409].contains(&reply.status);
                assert!(told, "{} {method} {path}: {reply:?}", ROLES[rank]);
            }
        }
    }
    let refused: Vec<_> = server
        .events()
        .into_iter()
        .filter(|event| event.action() == "administration.refuse")
        .collect();
    // The first of each in its window; what follows is counted.
    assert_eq!(refused.len(), 2, "{refused:?}");
    for (event, role) in refused.iter().zip(ROLES) {
        assert_eq!(event.initiator_name(), role);
        assert_eq!(event.data("/severity"), Some(&json!("critical")));
        assert_eq!(event.data("/reason/reasonCode"), Some(&json!(403)));
    }
}

#[test]
fn every_operation_of_the_document_is_in_the_matrix() {
    let server = Server::start();
    let document = server.api().get("/api/openapi.json").expect(200).json();
    let fits = |pattern: &str, path: &str| {
        let path = path.split('?').next().unwrap_or_default();
        let (pattern, path): (Vec<_>, Vec<_>) =
            (pattern.split('/').collect(), path.split('/').collect());
        let same = |(pattern, path): (&&str, &&str)| pattern.starts_with('{') || pattern == path;
        pattern.len() == path.len() && pattern.iter().zip(&path).all(same)
    };
    for (pattern, item) in document["paths"].as_object().expect("paths") {
        for method in item.as_object().expect("methods").keys() {
            let is_it = |(known, path, _, _): &(&str, &str, _, _)| {
                known.eq_ignore_ascii_case(method) && fits(pattern, path)
            };
            // What is replaced must be there before its role is asked.
            // An answer that does not end has a test of its own.
            let apart = [
                "/healthz",
                "/readyz",
                "/identity/token",
                "/api/v1/events/tail",
            ];
            let open = apart.contains(&pattern.as_str());
            let apart = open || (method == "put" && pattern == "/api/v2/targets/{id}");
            assert!(
                apart || operations().iter().any(is_it),
                "{method} {pattern}"
            );
        }
    }
}

#[test]
fn programs_and_files_of_the_machine_are_not_set_up_from_elsewhere() {
    let server = Server::start();
    let api = server.api_as("administrator");
    for (target_type, endpoint) in [
        ("command", json!({"program": "/bin/true"})),
        ("file", json!({"path": "/tmp/keyledger-must-not-be"})),
    ] {
        let document = json!({"name": "t", "target_type": target_type, format!("{target_type}_endpoint"): endpoint});
        let reply = api.post("/api/v2/targets", &document);
        reply.refused(
            403,
            "forbidden",
            "target_type",
            "on the server's machine only",
        );
    }
    let file = server.path().join("events.jsonl");
    let set = format!("path={}", file.display());
    let create = ["target", "create", "local", "--type", "file", "--set", &set];
    server.cli(&create).success();
    let mut moved = api.get("/api/v2/targets/local").expect(200).json();
    moved["file_endpoint"]["path"] = json!("/tmp/keyledger-must-not-be");
    let reply = api.send("PUT", "/api/v2/targets/local", Some(&moved));
    reply.refused(
        403,
        "forbidden",
        "target_type",
        "on the server's machine only",
    );
    // What does not touch the file is everyday work.
    let renamed = json!({"name": "renamed"});
    api.send("PUT", "/api/v2/targets/local", Some(&renamed))
        .expect(200);
}

#[test]
fn what_an_administrator_does_is_recorded_as_theirs() {
    let server = Server::start();
    let api = server.api_as("operator");
    let (_, pem) = certificate("vcenter");
    let body = json!({"label": "vc", "certificate": pem});
    let reply = api.post("/api/v1/clients", &body).expect(201);
    let (credentials, admin_pem) = certificate("anna");
    let path = server.path().join("anna.pem");
    std::fs::write(&path, admin_pem).expect("a file");
    let path = path.display().to_string();
    let add = [
        "admin",
        "add",
        "anna",
        "--role",
        "operator",
        "--certificate",
        &path,
    ];
    server.cli(&add).success();
    let anna = server.api().with_certificate(&credentials);
    anna.send("DELETE", "/api/v1/clients/vc", None).expect(200);
    let events = server.events();
    let of = |action: &str| {
        let found = events.iter().rfind(|event| event.action() == action);
        found.unwrap_or_else(|| panic!("{action} in {events:?}"))
    };
    let added = of("kmip-client.add");
    assert_eq!(added.initiator_name(), "operator");
    let id = added.data("/initiator/id").and_then(Value::as_str);
    assert!(id.is_some_and(|id| id.starts_with("ApiKey-")), "{added:?}");
    assert_eq!(
        added.data("/initiator/credential/type"),
        Some(&json!("apikey"))
    );
    let correlation = added.data("/correlationId").and_then(Value::as_str);
    assert_eq!(correlation, reply.header("x-correlation-id"));
    let removed = of("kmip-client.remove");
    assert_eq!(
        removed.data("/initiator/id"),
        Some(&json!(credentials.initiator()))
    );
    assert_eq!(
        removed.data("/initiator/credential/type"),
        Some(&json!("certificate"))
    );
}
