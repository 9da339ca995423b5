//! PyKMIP, an independent client, through a key's whole life in each version it speaks.

use std::ffi::{OsStr, OsString};
use std::process::Command;

use crate::harness::Server;

/// The Python that has PyKMIP; none where no one is named, which is then said.
pub(crate) fn python() -> Option<OsString> {
    let python = std::env::var_os("KEYLEDGER_TEST_PYTHON");
    if python.is_none() {
        crate::harness::skipped("KEYLEDGER_TEST_PYTHON names no Python with PyKMIP");
    }
    python
}

/// Lives a key's whole life in one version. Gives its identifier.
pub(crate) fn live(python: &OsStr, server: &Server, version: &str) -> String {
    let address = server.address();
    let certs = server.path().join("certs");
    let output = Command::new(python)
        .arg(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/interop/lifecycle.py"
        ))
        .args([address.ip().to_string(), address.port().to_string()])
        .args([
            certs.join("ca.pem"),
            certs.join("clients/demo.pem"),
            certs.join("clients/demo.key"),
        ])
        .arg(version)
        .output()
        .expect("Python runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "PyKMIP {version}: {stderr}");
    let stdout = String::from_utf8(output.stdout).expect("an identifier");
    stdout.trim().to_owned()
}

/// Runs the lifecycle in one version, and checks what was answered and what was recorded.
fn lifecycle(version: &str) {
    let Some(python) = python() else { return };
    let server = Server::start();
    let before = server.events().len();
    let uid = live(&python, &server, version);
    let events = server.events();
    let lines: Vec<_> = events[before..]
        .iter()
        .map(|event| format!("{} {} {}", event.action(), event.outcome(), event.code()))
        .collect();
    assert_eq!(lines, EXPECTED);
    let about = events[before..]
        .iter()
        .filter(|event| event.key() == Some(uid.as_str()))
        .count();
    assert_eq!(
        about,
        EXPECTED.len() - 3,
        "all but both Locates and the unknown key"
    );
    for event in &events[before..] {
        let spoken = event
            .data("/requestData/protocolVersion")
            .and_then(|field| field.as_str());
        assert_eq!(spoken, Some(version), "{event:?}");
    }
}

/// What the lifecycle leaves in the trail.
pub(crate) const EXPECTED: &[&str] = &[
    "kmip-key.create success 201",
    "kmip-key.read success 200",
    "kmip-key.read success 200",
    "kmip-key-attributes.retrieve success 200",
    "kmip-key-attributes.retrieve success 200",
    "kmip-key.locate success 200",
    "kmip-key-attributes.modify success 200",
    "kmip-key.locate success 200",
    "kmip-key-attributes.delete success 200",
    "kmip-key-attributes.retrieve success 200",
    "kmip-key.activate success 200",
    "kmip-key-attributes.retrieve success 200",
    "kmip-key.activate failure 409",
    "kmip-key.destroy failure 409",
    "kmip-key.revoke success 200",
    "kmip-key-attributes.retrieve success 200",
    "kmip-key.destroy success 200",
    "kmip-key-attributes.retrieve success 200",
    "kmip-key.read failure 409",
    "kmip-key.destroy failure 409",
    "kmip-key.read failure 404",
];

#[test]
fn pykmip_lives_a_keys_life_in_1_0() {
    lifecycle("1.0");
}

#[test]
fn pykmip_lives_a_keys_life_in_1_1() {
    lifecycle("1.1");
}

#[test]
fn pykmip_lives_a_keys_life_in_1_2() {
    lifecycle("1.2");
}

#[test]
fn pykmip_lives_a_keys_life_in_1_3() {
    lifecycle("1.3");
}

#[test]
fn pykmip_lives_a_keys_life_in_1_4() {
    lifecycle("1.4");
}
