//! The OpenAPI document and the API, compared by a client that makes its requests of the document: schemathesis.

use std::process::Command;

use crate::harness::{Server, skipped};

/// How many requests it makes of each operation beside those that cover its parameters.
const EXAMPLES: &str = "4";

#[test]
fn the_api_is_what_its_document_says() {
    let Some(program) = std::env::var_os("KEYLEDGER_TEST_SCHEMATHESIS") else {
        return skipped("the API against its document: no schemathesis");
    };
    // It also asks with wrong credentials, and often.
    let limits =
        "failed-logins-per-address-per-minute = 100000\nfailed-logins-per-minute = 100000\n";
    let server = Server::start_set(&format!("[admin]\n{limits}"));
    let (api, key) = (server.api(), server.api_key("fuzz", "administrator", &[]));
    let base = format!("https://{}", api.address);
    let output = Command::new(program)
        .current_dir(server.path())
        .args(["run", &format!("{base}/api/openapi.json"), "--url", &base])
        .arg("--tls-verify")
        .arg(&api.ca)
        .args(["--header", &format!("Authorization: Bearer {key}")])
        .args(["--phases", "coverage,fuzzing", "--max-examples", EXAMPLES])
        .args([
            "--seed",
            "1",
            "--no-shrink",
            "--continue-on-failure",
            "--no-color",
        ])
        // A text that a schema allows need be no certificate.
        .args(["--exclude-checks", "positive_data_acceptance"])
        // It would take its own key away.
        .args(["--exclude-operation-id", "remove_api_key"])
        // Its answer does not end.
        .args(["--exclude-operation-id", "tail_events"])
        .output()
        .expect("the program runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    assert!(!server.log().contains("panicked") && !server.log().contains(&key));
}
