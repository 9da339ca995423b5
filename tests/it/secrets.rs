//! No secret stands in anything that the program printed in the whole suite: logs, results, errors, events, answers.
//!
//! `tests/run` has every test keep what it saw, and runs the last test here at the end.

use std::collections::{HashMap, HashSet};
use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use crate::harness::outputs;

/// What the first line of a private key in PEM form says, whatever kind it is of.
const KEY: &str = "PRIVATE KEY";

/// Secrets in the forms in which they could stand in a text.
#[derive(Default)]
struct Secrets {
    texts: Vec<String>,
    /// Those of one length of hex digits or base64, by that length.
    encoded: HashMap<usize, HashSet<Vec<u8>>>,
}

impl Secrets {
    fn add(&mut self, secret: &[u8]) {
        let text = std::str::from_utf8(secret).unwrap_or_default();
        if !text.is_empty() && !text.contains(char::is_control) {
            self.texts.push(text.to_owned());
        }
        for form in [hex::encode(secret), STANDARD_NO_PAD.encode(secret)] {
            let length = form.len();
            self.encoded
                .entry(length)
                .or_default()
                .insert(form.into_bytes());
        }
    }

    /// A secret in a line, as it stands there.
    fn found(&self, line: &str) -> Option<String> {
        if line.contains(KEY) && line.contains("-----BEGIN") {
            return Some("a private key".to_owned());
        }
        let text = self.texts.iter().find(|text| line.contains(*text));
        text.cloned().or_else(|| {
            let is_encoded = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/".contains(byte);
            let runs = line.as_bytes().split(|byte| !is_encoded(byte));
            runs.filter(|run| run.len() >= 16)
                .find_map(|run| self.found_in(run))
        })
    }

    fn found_in(&self, run: &[u8]) -> Option<String> {
        let lower = run.to_ascii_lowercase();
        self.encoded.iter().find_map(|(length, forms)| {
            let as_it_is = run.windows(*length);
            let found = as_it_is
                .chain(lower.windows(*length))
                .find(|form| forms.contains(*form));
            found.map(|form| String::from_utf8_lossy(form).into_owned())
        })
    }
}

#[test]
fn a_secret_is_found_in_every_form() {
    let mut secrets = Secrets::default();
    let key: Vec<u8> = (0_u8..32).map(|byte| byte.wrapping_mul(7)).collect();
    secrets.add(&key);
    secrets.add(b"correct horse battery");
    let capital = hex::encode_upper(&key);
    let encoded = STANDARD_NO_PAD.encode(&key);
    for line in [
        format!("key={capital}."),
        format!("INFO request key=\"x{}y\"", hex::encode(&key)),
        format!("{{\"key\":\"{encoded}=\"}}"),
        "the passphrase is correct horse battery".to_owned(),
        format!("-----BEGIN {KEY}-----"),
    ] {
        assert!(secrets.found(&line).is_some(), "{line}");
    }
    let fingerprint = hex::encode([7; 32]);
    assert_eq!(secrets.found(&format!("certificate {fingerprint}")), None);
}

#[test]
#[ignore = "compares what the other tests saw: tests/run runs it after them"]
fn no_output_of_the_suite_holds_a_secret() {
    let folder = outputs::folder().expect("KEYLEDGER_TEST_OUTPUTS names the folder");
    let mut secrets = Secrets::default();
    let mut count = 0;
    for file in outputs::files(&folder, "secrets") {
        for line in fs::read_to_string(file).expect("secrets").lines() {
            secrets.add(&hex::decode(line).expect("hex digits"));
            count += 1;
        }
    }
    assert!(count > 100, "the suite planted {count} secrets");
    let mut lines = 0;
    for file in outputs::files(&folder, "outputs") {
        let text = fs::read(file).expect("outputs");
        for line in String::from_utf8_lossy(&text).lines() {
            assert_eq!(secrets.found(line), None, "in: {line}");
            lines += 1;
        }
    }
    assert!(lines > 1000, "the suite printed {lines} lines");
}
