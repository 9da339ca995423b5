//! Wrong input: each gets a clear error that names the field, and changes nothing.

use serde_json::{Value, json};

use super::certificate;
use crate::harness::Server;

/// Path, body, status, field, words. In a body `PEM` is a certificate, `CHAIN` two of them, `DEMO` that of a client, `KEY` a private key, `LONG` 65
/// letters.
const WRONG: &str = r#"
/api/v1/clients | {"label": 7, "certificate": "PEM"} | 400 | label | expected a string
/api/v1/clients | {"label": "a", "certificat": "PEM"} | 400 | certificat | unknown field
/api/v1/clients | {"certificate": "PEM"} | 400 | label | missing field
/api/v1/clients | {"label": "a"} | 400 | certificate | give it
/api/v1/clients | [] | 400 | | expected
/api/v1/clients | {"label": "LONG", "certificate": "PEM"} | 400 | label | 1 to 64
/api/v1/clients | {"label": "a b", "certificate": "PEM"} | 400 | label | letters
/api/v1/clients | {"label": "a", "certificate": "CHAIN"} | 400 | certificate | 2 certificates
/api/v1/clients | {"label": "a", "certificate": "KEY"} | 400 | certificate | private key
/api/v1/clients | {"label": "a", "certificate": ""} | 400 | certificate | empty
/api/v1/clients | {"label": "a", "certificate": "DEMO"} | 409 | certificate | already enrolled
/api/v1/clients | {"label": "demo", "certificate": "PEM"} | 409 | label | taken
/api/v1/clients | {"label": "a", "instance": "none", "certificate": "PEM"} | 404 | instance | none
/api/v1/clients | {"label": "a", "authority": {"certificate": "PEM", "subject": 1}} | 400 | authority.subject | string
/api/v1/instances | {"name": "default"} | 409 | name | exists already
/api/v1/instances | {"name": ""} | 400 | name | 1 to 64
/api/v1/events | {"action": "kmip-key.read", "outcome": "success", "target": {"id": "x"}} | 400 | action | the server
/api/v1/events | {"action": "vcs.create", "outcome": "success", "target": {}} | 400 | target.id | missing
/api/v1/events | {"action": "vcs.create", "outcome": "success", "target": {"id": "x"}, "initiator": {"kind": "user", "id": "ApiKey-1"}} | 400 | initiator.id | begins as those
/api/v1/api-keys | {"name": "k", "role": "root"} | 400 | role | expected one of
/api/v1/api-keys | {"name": "k", "role": "reader", "expires": "soon"} | 400 | expires | write a time
/api/v1/api-keys | {"name": "k", "role": "reader", "expires": "2020-01-01T00:00:00Z"} | 400 | expires | passed
/api/v1/api-keys | {"name": "administrator", "role": "reader"} | 409 | name | another name
/api/v1/administrators | {"label": "a", "role": "reader", "certificate": "DEMO"} | 409 | certificate | client `demo`
/api/v2/targets | {"name": "t", "target_type": "fax"} | 400 | target_type | fax
/api/v2/targets | {"name": "t", "target_type": "webhook", "x": 1} | 400 | x | no such member
/api/v2/routes | {"name": "r", "rules": [{"locations": ["*"], "target_ids": ["none"]}]} | 400 | target_ids | none
"#;

#[test]
fn what_is_wrong_is_named_and_nothing_is_changed() {
    let server = Server::start();
    let api = server.api_as("administrator");
    let before = server.events().len();
    let (_, pem) = certificate("c");
    let read = |name: &str| std::fs::read_to_string(server.path().join(name)).expect("PEM");
    let texts = [
        ("\"PEM\"", pem.clone()),
        ("\"CHAIN\"", format!("{pem}{}", certificate("ca").1)),
        ("\"DEMO\"", read("certs/clients/demo.pem")),
        ("\"KEY\"", read("certs/clients/demo.key")),
        ("\"LONG\"", "x".repeat(65)),
    ];
    for line in WRONG.trim().lines() {
        let parts: Vec<_> = line.split('|').map(str::trim).collect();
        let [path, body, status, field, words] = parts[..] else {
            panic!("{line}");
        };
        let put = |body: String, (name, text): &(&str, String)| {
            body.replace(name, &Value::from(&**text).to_string())
        };
        let body = texts.iter().fold(body.to_owned(), put);
        let reply = api.post(path, &serde_json::from_str(&body).expect("JSON"));
        let told = reply.json()["errors"][0]["code"].clone();
        let code = match status {
            // The routing model has codes of its own.
            _ if path.starts_with("/api/v2") => told.as_str().unwrap_or_default(),
            "400" => "invalid_value",
            "404" => "not_found",
            _ => "conflict",
        };
        reply.refused(status.parse().expect("a status"), code, field, words);
        assert!(
            !reply.body.contains("KEY-----"),
            "nothing of a key comes back"
        );
    }
    assert_eq!(
        server.events().len(),
        before,
        "nothing was changed or recorded"
    );
}

#[test]
fn what_is_no_request_is_refused() {
    let server =
        Server::start_set("[admin]\nbody-bytes-max = 2048\ncertificates-per-client-max = 1\n");
    let api = server.api_as("administrator");
    let json = "Content-Type: application/json\r\n";
    let send = |headers: &str, body: &str| api.send_text("POST", "/api/v1/clients", headers, body);
    send(json, "{").refused(400, "invalid_value", "", "no JSON document: line 1");
    send(json, "{\"label\": \"a\"} x").refused(400, "invalid_value", "", "no JSON document");
    send(json, "{\"label\":\"a\",\"label\":\"b\"}").refused(
        400,
        "invalid_value",
        "label",
        "duplicate",
    );
    send("Content-Type: text/plain\r\n", "{}").refused(
        415,
        "unsupported_media_type",
        "",
        "application/json",
    );
    send("", "{}").refused(415, "unsupported_media_type", "", "application/json");
    send(json, &" ".repeat(4096)).refused(413, "too_large", "", "2048 bytes");
    let more = json!({"certificate": certificate("more").1});
    api.post("/api/v1/clients/demo/certificates", &more)
        .refused(409, "conflict", "certificate", "may have 1");
    api.get("/api/v1/none")
        .refused(404, "not_found", "", "nothing at this path");
    api.get("/api/v1/objects?limit=0")
        .refused(400, "invalid_value", "limit", "1 to 1000");
    api.get("/api/v1/objects?limit=x")
        .refused(400, "invalid_value", "limit", "digit");
    api.get("/api/v1/objects?limits=1").refused(
        400,
        "invalid_value",
        "limits",
        "unknown field `limits`",
    );
    api.get("/api/v1/events?action=none")
        .refused(400, "invalid_value", "action", "no action");
    api.get("/api/v1/events?since=never")
        .refused(400, "invalid_value", "since", "no time");
    api.get("/api/v1/events/x")
        .refused(400, "invalid_value", "sequence", "number");
    api.get("/api/v1/events/9223372036854775808")
        .refused(404, "not_found", "sequence", "no event");
    api.get("/api/v1/events?from=9223372036854775808").refused(
        400,
        "invalid_value",
        "from",
        "that far",
    );
    api.get("/api/v1/events/99999")
        .refused(404, "not_found", "sequence", "no event");
    api.get("/api/v1/clients/%ff")
        .refused(404, "not_found", "", "");
    for method in ["TRACE", "OPTIONS", "PUT", "FOO"] {
        let reply = api.send(method, "/api/v1/clients", None);
        reply.refused(405, "method_not_allowed", "", "");
        assert!(
            reply
                .header("allow")
                .is_some_and(|allow| allow.contains("POST"))
        );
    }
}
