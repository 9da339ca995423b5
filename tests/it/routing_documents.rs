//! What programs make of routing: documents of IBM's own that are taken over, and failures with the codes of the model.

use serde_json::{Value, json};

use crate::harness::{Output, Server};

/// The one error of a command that failed: exit code, error code and message.
#[track_caller]
fn error(output: &Output) -> (i32, String, String) {
    let read: Value = serde_json::from_str(&output.stdout).expect("one JSON object");
    let errors = read["errors"].as_array().expect("errors");
    assert_eq!(errors.len(), 1, "{read}");
    let text = |member: &str| errors[0][member].as_str().expect("a text").to_owned();
    let message = text("message");
    output.refused(&[]);
    assert_eq!(output.stderr, format!("keyledger: {message}\n"));
    (output.code, text("code"), message)
}

#[test]
fn a_failure_has_its_code_where_programs_ask() {
    let mut server = Server::start_set("[routing]\nroutes-max = 1");
    let path = format!("path={}", server.path().join("a.jsonl").display());
    let create = ["target", "create", "a", "--type", "file", "--set", &path];
    server.cli(&create).success();
    let route = ["route", "create", "all", "--rule", "*=a"];
    server.cli(&route).success();
    for is_running in [true, false] {
        if !is_running {
            server.stop();
        }
        let fails = |arguments: &[&str], exit: i32, code: &str, words: &str| {
            let plain = server.cli(arguments);
            plain.refused(&["keyledger: ", words]);
            assert_eq!(plain.stdout, "", "{plain:?}");
            for format in ["json", "jsonl"] {
                let output = server.cli(&[arguments, &["--format", format]].concat());
                let (exit_code, error_code, message) = error(&output);
                assert_eq!((exit_code, &*error_code), (exit, code), "{message}");
                assert_eq!(plain.code, exit, "the same in each format");
                assert_eq!(plain.stderr, output.stderr);
            }
        };
        fails(&create, 1, "name_taken", "`a`");
        fails(
            &["target", "delete", "a"],
            1,
            "target_in_use",
            "route `all`",
        );
        let fax = ["target", "create", "b", "--type", "fax"];
        fails(&fax, 1, "invalid_value", "target_type");
        for verb in ["show", "validate", "delete"] {
            fails(&["target", verb, "none"], 1, "not_found", "`none`");
        }
        let second = ["route", "create", "two", "--rule", "*="];
        fails(&second, 1, "route_limit_reached", "routes");
        let wrong_use = ["route", "create", "two", "--rule", "*"];
        fails(&wrong_use, 2, "invalid_value", "--rule");
        let default = ["routing-settings", "set", "--default-target", "none"];
        fails(&default, 1, "not_found", "default_targets");
    }
}

/// A target as IBM's service answers it.
fn target_of_ibm(target_type: &str, member: &str, endpoint: &Value) -> Value {
    let account = "crn:v1:bluemix:public:atracker:us-south:a/11111111111111111111111111111111";
    json!({
        "id": "f7dcfae6-e7c5-08ca-451b-fdfa696c9bb6",
        "name": format!("my {target_type}"),
        "crn": format!("{account}:b6eec08b-5201-08ca-451b-cd71523e3626:target:f7dcfae6-e7c5-08ca-451b-fdfa696c9bb6"),
        "target_type": target_type,
        "region": "us-south",
        member: endpoint,
        "write_status": {"status": "success", "last_failure": "2021-05-18T20:15:12.353Z", "reason_for_last_failure": "Provided API key could not be found"},
        "created_at": "2021-05-18T20:15:12.353Z",
        "updated_at": "2021-05-18T20:15:12.353Z",
        "message": "This is a valid target. However, there is another target already defined with the same target endpoint.",
        "managed_by": "enterprise",
        "api_version": 2,
    })
}

/// Gives a document to `target create`.
fn create(server: &Server, document: &Value) -> Output {
    let create = ["target", "create", "--document", "-", "--format", "json"];
    server.cli_with_input(&create, &document.to_string())
}

#[test]
fn documents_of_ibm_are_taken_over_or_say_what_is_missing() {
    let server = Server::start();
    let crn = "crn:v1:bluemix:public:x:global:a/11111111111111111111111111111111:22222222-2222-2222-2222-222222222222::";
    // Each with what has to be given besides, and what says so.
    let here = "https://127.0.0.1:9";
    let bucket = json!({"endpoint": "127.0.0.1:9", "target_crn": crn, "bucket": "my-bucket", "service_to_service_enabled": true});
    let topic = json!({"target_crn": crn, "brokers": ["127.0.0.1:9"], "topic": "my-topic", "api_key": "xxxxxxxxxxxxxx", "service_to_service_enabled": false});
    for (target_type, member, endpoint, missing, added) in [
        (
            "event_streams",
            "eventstreams_endpoint",
            topic,
            None,
            json!({}),
        ),
        (
            "cloud_object_storage",
            "cos_endpoint",
            bucket,
            Some("cos_endpoint: missing field `access_key_id`"),
            json!({"access_key_id": "a", "secret_access_key": "b"}),
        ),
        (
            "cloud_logs",
            "cloudlogs_endpoint",
            json!({"target_crn": crn}),
            Some("cloudlogs_endpoint: missing field `endpoint`"),
            json!({"endpoint": here, "iam_endpoint": here, "api_key": "c"}),
        ),
    ] {
        let mut document = target_of_ibm(target_type, member, &endpoint);
        if let Some(missing) = missing {
            let (_, code, message) = error(&create(&server, &document));
            assert_eq!((&*code, &*message), ("invalid_value", missing));
        }
        for (name, value) in added.as_object().expect("members") {
            document[member][name] = value.clone();
        }
        let made = create(&server, &document).success();
        let made: Value = serde_json::from_str(&made.stdout).expect("JSON");
        let target = &made["target"];
        assert_eq!(target["name"], format!("my {target_type}"));
        assert_eq!(
            (&target["region"], &target[member]["target_crn"]),
            (&json!("us-south"), &json!(crn))
        );
        assert_ne!(target["id"], document["id"]);
        assert_eq!(
            target["write_status"]["status"], "failed",
            "nobody is there"
        );
    }
    let route = json!({
        "id": "c3af557f-fb0e-4476-85c3-0889e7fe7bc4", "name": "my route", "crn": crn, "version": 3,
        "rules": [{"target_ids": ["my cloud_logs"], "locations": ["us-south", "global"]}],
        "created_at": "2021-05-18T20:15:12.353Z", "updated_at": "2021-05-18T20:15:12.353Z",
        "message": "m", "managed_by": "account", "api_version": 2,
    });
    let made = ["route", "create", "--document", "-"];
    server.cli_with_input(&made, &route.to_string()).success();
}

#[test]
fn settings_of_ibm_are_taken_over_and_regions_hold() {
    let server = Server::start();
    let bucket = json!({"endpoint": "127.0.0.1:9", "bucket": "my-bucket", "api_key": "hunter2"});
    let document = target_of_ibm("cloud_object_storage", "cos_endpoint", &bucket);
    let (_, code, message) = error(&create(&server, &document));
    assert_eq!(code, "invalid_value");
    assert!(
        message.starts_with("cos_endpoint.api_key: ") && message.contains("access_key_id"),
        "{message}"
    );
    assert!(!message.contains("hunter2"), "{message}");

    let settings = json!({
        "default_targets": [], "permitted_target_regions": ["us-south"], "metadata_region_primary": "us-south",
        "metadata_region_backup": "eu-de", "private_api_endpoint_only": false, "api_version": 2, "message": "m",
    });
    let set = ["routing-settings", "set", "--document", "-"];
    server.cli_with_input(&set, &settings.to_string()).success();
    // Where regions are restricted a target has to say its own.
    let mut elsewhere = document;
    elsewhere["cos_endpoint"] = json!({"endpoint": "127.0.0.1:9", "bucket": "my-bucket", "access_key_id": "a", "secret_access_key": "b"});
    for region in [json!("eu-de"), Value::Null] {
        match region.as_str() {
            Some(region) => elsewhere["region"] = region.into(),
            None => drop(
                elsewhere
                    .as_object_mut()
                    .expect("an object")
                    .remove("region"),
            ),
        }
        elsewhere["name"] = "elsewhere".into();
        let (_, code, message) = error(&create(&server, &elsewhere));
        assert_eq!(code, "invalid_value");
        assert!(
            message.starts_with("region: ") && message.contains("us-south"),
            "{message}"
        );
    }
}
