//! Who is let in, and what is said to everybody else: the same.

use std::time::Duration;

use serde_json::json;

use super::certificate;
use crate::harness::{Server, until};

#[test]
fn wrong_expired_missing_and_removed_credentials_get_the_same_answer() {
    let server = Server::start_set("[admin]\nfailed-logins-per-address-per-minute = 1000\n");
    let api = server.api();
    let administrator = server.api_as("administrator");
    let soon = keyledger::domain::clock::rfc3339(crate::harness::now() + 2);
    let body = json!({"name": "short", "role": "reader", "expires": soon});
    let made = administrator
        .post("/api/v1/api-keys", &body)
        .expect(201)
        .json();
    let short = api.with_key(made["secret"].as_str().expect("a key"));
    short.get("/api/v1/status").expect(200);
    let removed = server.api_key("removed", "administrator", &[]);
    let removed = api.with_key(&removed);
    removed.get("/api/v1/status").expect(200);
    server.cli(&["api-key", "remove", "removed"]).success();
    let (stranger, _) = certificate("stranger");
    until("the key to expire", || {
        (short.get("/api/v1/status").status == 401).then_some(())
    });
    let replies = [
        api.get("/api/v1/status"),
        api.with_key("kl_wrong").get("/api/v1/status"),
        api.with_key("").get("/api/v1/status"),
        removed.get("/api/v1/status"),
        short.get("/api/v1/status"),
        api.with_certificate(&stranger).get("/api/v1/status"),
        // What is there is not told either.
        api.get("/api/v1/none"),
        api.send("PATCH", "/api/v1/status", None),
    ];
    for reply in replies {
        reply.refused(
            401,
            "unauthorized",
            "",
            "a valid API key or administrator certificate",
        );
        assert_eq!(reply.header("www-authenticate"), Some("Bearer"));
        assert_eq!(
            reply.json()["errors"],
            api.get("/api/v1/status").json()["errors"]
        );
    }
    let refused = || {
        let mut events = server.events();
        events.retain(|event| event.action() == "administration.refuse");
        events
    };
    // Recorded after the answer: how long that takes must not tell which it was.
    until("the refusals to be recorded", || {
        (refused().len() >= 3).then_some(())
    });
    for event in refused() {
        assert_eq!(event.data("/reason/reasonCode"), Some(&json!(401)));
        assert_eq!(event.data("/severity"), Some(&json!("critical")));
        assert!(event.data("/initiator/host").is_none());
    }
}

#[test]
fn a_wrong_key_is_not_made_good_by_a_certificate() {
    let server = Server::start();
    let (credentials, pem) = certificate("anna");
    let administrator = server.api_as("administrator");
    let body = json!({"label": "anna", "role": "administrator", "certificate": pem});
    administrator
        .post("/api/v1/administrators", &body)
        .expect(201);
    let anna = server.api().with_certificate(&credentials);
    anna.get("/api/v1/administrators").expect(200);
    anna.with_key("kl_wrong").get("/api/v1/status").expect(401);
    anna.send("DELETE", "/api/v1/administrators/anna", None);
    anna.get("/api/v1/status").expect(401);
}

#[test]
fn too_many_wrong_credentials_are_told_so_and_keep_nobody_else_out() {
    let server = Server::start_set("[admin]\nfailed-logins-per-address-per-minute = 3\n");
    let (api, good) = (server.api(), server.api_as("reader"));
    // A minute may end between them.
    let limited = until("the limit", || {
        let reply = api.with_key("kl_wrong").get("/api/v1/status");
        (reply.status == 429).then_some(reply)
    });
    limited.refused(429, "too_many_requests", "", "try again later");
    let wait: u64 = limited
        .header("retry-after")
        .expect("a time")
        .parse()
        .expect("seconds");
    assert!((1..=60).contains(&wait));
    // Behind the same address others are right, and some send nothing at all.
    good.get("/api/v1/status").expect(200);
    api.get("/healthz").expect(200);
    for _ in 0..10 {
        api.get("/api/v1/status").expect(401);
    }
    server.cli(&["api-key", "list"]).success();
    until("another minute", || {
        std::thread::sleep(Duration::from_millis(500));
        let reply = api.with_key("kl_wrong").get("/api/v1/status");
        (reply.status == 401).then_some(())
    });
}

#[test]
fn who_may_not_set_a_password_has_none_hashed_and_what_is_elsewhere_is_missing() {
    let server = Server::start();
    server.cli(&["instance", "add", "site-b"]).success();
    let body = json!({"username": "vc", "password": "a long enough one"});
    let path = "/api/v1/instances/default/credential";
    let reader = server.api_as("reader");
    reader.send("PUT", path, Some(&body)).expect(403);
    let limited = server.api_key("limited", "operator", &["--instance", "site-b"]);
    let limited = server.api().with_key(&limited);
    limited.send("PUT", path, Some(&body)).expect(404);
    let refused = server.events();
    let refused = refused
        .iter()
        .filter(|event| event.action() == "administration.refuse");
    assert_eq!(refused.count(), 1, "asked once, though looked at twice");
}

#[test]
fn a_key_is_shown_once_and_its_use_is_seen() {
    let mut server = Server::start();
    let file = server.path().join("secret");
    let path = file.display().to_string();
    let add = [
        "api-key",
        "add",
        "ci",
        "--role",
        "reader",
        "--days",
        "30",
        "--secret-file",
        &path,
    ];
    let said = server.cli(&add).success().stdout;
    let key = std::fs::read_to_string(&file).expect("the key");
    let key = key.trim();
    assert!(key.starts_with("kl_") && !said.contains(key), "{said}");
    let mode = std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(&file).expect("a file"));
    assert_eq!(mode & 0o777, 0o600);
    server.cli(&add).refused(&["secret", "not overwritten"]);
    server.api().with_key(key).get("/api/v1/status").expect(200);
    let used = || {
        let listed = server
            .cli(&["api-key", "list", "--format", "json"])
            .success()
            .stdout;
        assert!(!listed.contains(key));
        let listed: serde_json::Value = serde_json::from_str(&listed).expect("JSON");
        listed[0]["lastUsed"].as_str().map(str::to_owned)
    };
    until("its use to be kept", used);
    let trail = server
        .cli(&["events", "list", "--format", "jsonl"])
        .success()
        .stdout;
    assert!(!trail.contains(key) && !server.log().contains(key));
    server.stop();
    let digest = keyledger::crypto::api_key::digest(key);
    let database = std::fs::read(server.data().join("keyledger.db")).expect("the database");
    let holds = |bytes: &[u8]| database.windows(bytes.len()).any(|window| window == bytes);
    assert!(
        !holds(key.as_bytes()) && holds(&digest),
        "its digest alone is kept"
    );
}
