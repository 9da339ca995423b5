//! `vcenter instructions`: the commands that are printed for each way are carried out, and the vCenter of the test is let in afterwards.

use std::fs;
use std::process::Command;

use keyledger::crypto::authority::{Authority, KeyKind, self_signed_client};
use serde_json::Value;

use crate::harness::{
    Credentials, Server, TlsVersion, create, in_directory, key_template, now, skipped,
};

/// What is printed for a way, for programs.
fn instructions(server: &Server, method: &str, label: &str) -> Value {
    let ask = [
        "vcenter",
        "instructions",
        "--method",
        method,
        "--label",
        label,
    ];
    let text = server.cli(&ask).success().stdout;
    let json = server.cli(&[&ask[..], &["--format", "json"]].concat());
    let told: Value = serde_json::from_str(&json.success().stdout).expect("JSON");
    for step in told["steps"].as_array().expect("steps") {
        assert!(text.contains(step["text"].as_str().expect("a text")));
        let command = step["command"].as_str().unwrap_or_default();
        assert!(text.contains(command), "{command} in {text}");
    }
    let address = server.address();
    assert_eq!(told["port"], address.port());
    assert!(text.contains(&format!("port {}", address.port())), "{text}");
    // What a peer is shown.
    let shown = server.connect().server_fingerprint();
    assert_eq!(told["serverFingerprint"], shown.as_str());
    told
}

/// Carries out what is to be typed on this machine, with what the person puts in its place.
fn carry_out(server: &Server, told: &Value, in_place: &[(&str, &str)]) -> Vec<String> {
    let steps = told["steps"].as_array().expect("steps").iter();
    let seen = told["refused"].as_array().expect("a list").iter();
    let commands = steps
        .map(|step| &step["command"])
        .filter(|one| !one.is_null());
    let commands = commands.chain(seen.map(|held| &held["see"]));
    let mut done = Vec::new();
    for command in commands {
        let mut command = command.as_str().expect("a command").to_owned();
        for (word, value) in in_place {
            command = command.replace(word, value);
        }
        let script = format!(
            "keyledger() {{ \"{}\" \"$@\"; }}; {command}",
            env!("CARGO_BIN_EXE_keyledger")
        );
        let mut shell = in_directory(Command::new("bash"), server.path());
        let output = shell.args(["-c", &script]).output().expect("bash runs");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{command}: {output:?}");
        done.push(format!("{command}\n{said}"));
    }
    done
}

fn check_let_in(server: &Server, credentials: &Credentials) {
    let connected = server.try_connect(Some(credentials), TlsVersion::V1_2);
    let mut connection = connected.expect("let in");
    connection.ask_in((1, 1), create(key_template())).success();
}

fn write(server: &Server, name: &str, content: &str) {
    fs::write(server.path().join(name), content).expect("a file");
}

#[test]
fn a_certificate_that_vcenter_made_is_approved_as_told() {
    let server = Server::start();
    let made = self_signed_client("vc", KeyKind::Rsa2048, now(), 10).expect("a certificate");
    let vcenter = Credentials::from_pem(&made.certificate_pem, made.key_pem.expose());
    let told = instructions(&server, "certificate", "vc-1");
    assert!(
        server
            .try_connect(Some(&vcenter), TlsVersion::V1_2)
            .is_err()
    );
    carry_out(&server, &told, &[("FINGERPRINT", &vcenter.fingerprint())]);
    check_let_in(&server, &vcenter);
}

#[test]
fn what_vcenter_uploads_is_made_as_told() {
    let server = Server::start();
    let told = instructions(&server, "upload", "vc-1");
    carry_out(&server, &told, &[]);
    check_let_in(&server, &server.client("vc-1"));
}

#[test]
fn a_request_of_vcenter_is_signed_as_told() {
    let server = Server::start();
    let told = instructions(&server, "csr", "vc-1");
    let mut openssl = Command::new("openssl");
    openssl.current_dir(server.path());
    openssl.args([
        "req", "-new", "-newkey", "rsa:2048", "-nodes", "-batch", "-subj", "/CN=vc",
    ]);
    let made = openssl
        .args(["-keyout", "vc.key", "-out", "vc-1.csr"])
        .output();
    if made.is_err() {
        skipped("no openssl here that makes requests");
        return;
    }
    carry_out(&server, &told, &[]);
    let certificate = server.path().join("certs/clients/vc-1.pem");
    let vcenter = Credentials::from_files(&certificate, &server.path().join("vc.key"));
    check_let_in(&server, &vcenter);
}

#[test]
fn a_ca_of_vcenter_is_trusted_as_told() {
    let server = Server::start();
    let ca = Authority::create("VMCA", now(), 30, KeyKind::Rsa2048).expect("a CA");
    write(&server, "vc-1-ca.pem", &ca.certificate_pem());
    let leaf = ca
        .issue_client("vc", KeyKind::Rsa2048, now(), 10)
        .expect("a leaf");
    let vcenter = Credentials::from_pem(&leaf.certificate_pem, leaf.key_pem.expose());
    assert!(
        server
            .try_connect(Some(&vcenter), TlsVersion::V1_2)
            .is_err()
    );
    let told = instructions(&server, "root-ca", "vc-1");
    let done = carry_out(&server, &told, &[("SUBJECT", "CN=vc")]);
    assert!(
        done.iter()
            .any(|said| said.contains("is who has a certificate"))
    );
    check_let_in(&server, &vcenter);
}

#[test]
fn what_keeps_vcenter_out_is_noted() {
    let mut server = Server::start();
    let ask = ["vcenter", "instructions", "--address", "kms.example.org"];
    let said = server.cli(&ask).success().stdout;
    for words in [
        "certificate renew-server --name kms.example.org",
        "which no other machine reaches",
    ] {
        assert!(said.contains(words), "{words:?} in {said}");
    }
    server.cli(&["instance", "add", "second"]).success();
    server.cli(&ask).refused(&["several exist", "--instance"]);
    let second = [&ask[..], &["--instance", "second"]].concat();
    let said = server.cli(&second).success().stdout;
    assert!(
        said.contains("--label vcenter-1 --instance second"),
        "{said}"
    );
    let nowhere = [&ask[..], &["--instance", "nowhere"]].concat();
    server.cli(&nowhere).refused(&["`nowhere`"]);
    assert!(server.stop().success());
    let said = server.cli(&second).success().stdout;
    assert!(said.contains("no server runs here"), "{said}");
}
