//! What must not be in any file that is tracked.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::sources::{none, root};

/// Text of every tracked file, with its path. Nothing where this is no checkout.
fn tracked() -> Option<Vec<(String, String)>> {
    let git = Command::new("git")
        .arg("-C")
        .arg(root())
        .args(["ls-files", "-z"])
        .output();
    let listed = git
        .ok()
        .filter(|output| output.status.success() && !output.stdout.is_empty());
    let Some(listed) = listed else {
        crate::harness::skipped("the sources are no git checkout");
        return None;
    };
    let paths = String::from_utf8(listed.stdout).expect("paths are UTF-8");
    let file = |path: &str| {
        let bytes = fs::read(root().join(path)).ok()?;
        Some((
            path.to_owned(),
            String::from_utf8_lossy(&bytes).into_owned(),
        ))
    };
    Some(
        paths
            .split('\0')
            .filter(|path| !path.is_empty())
            .filter_map(file)
            .collect(),
    )
}

/// Checks every tracked file with `finding`.
fn check(rule: &str, finding: impl Fn(&str, &str) -> Option<String>) {
    let Some(files) = tracked() else { return };
    let found = |(path, text): &(String, String)| {
        finding(path, text).map(|finding| format!("{path}: {finding}"))
    };
    let findings: Vec<_> = files.iter().filter_map(found).collect();
    none(rule, &findings);
}

/// Whether a text holds a private key in PEM: the heading and a line of base64 after it.
fn holds_private_key(text: &str) -> bool {
    let heading = concat!("PRIVATE ", "KEY-----");
    text.match_indices(heading).any(|(at, _)| {
        let body = text[at + heading.len()..]
            .trim_start_matches("\\n")
            .trim_start();
        let base64 = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=');
        body.chars().take_while(base64).count() >= 40
    })
}

#[test]
fn no_private_key_is_tracked() {
    check("no private key in the tree", |path, text| {
        let extension = Path::new(path)
            .extension()
            .and_then(|extension| extension.to_str());
        let named = matches!(extension, Some("key" | "p12" | "pfx" | "jks" | "p8"));
        (named || holds_private_key(text)).then(|| "a private key".to_owned())
    });
}

#[test]
fn a_private_key_is_recognised() {
    let key = format!(
        "-----BEGIN {}-----\n{}",
        concat!("PRIVATE ", "KEY"),
        "MC4C".repeat(16)
    );
    assert!(holds_private_key(&key));
    assert!(!holds_private_key(&key[..40]));
}

#[test]
fn nothing_is_left_for_later() {
    let marks = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("todo", "!("),
    ];
    check("no open ends", |_, text| {
        let lines = text.lines().enumerate();
        let mut marked = lines.filter(|(_, line)| marks.iter().any(|mark| line.contains(mark)));
        marked
            .next()
            .map(|(line, text)| format!("line {}: {}", line + 1, text.trim()))
    });
}

#[test]
fn nothing_says_on_which_machine_or_with_what_it_was_made() {
    let words = [
        concat!("/wo", "rk/"),
        concat!("/ho", "me/"),
        concat!("/ro", "ot/"),
        concat!("/tmp/", "pyk"),
        concat!("cla", "ude"),
        concat!("anth", "ropic"),
        concat!("chat", "gpt"),
        concat!("work", "tree"),
    ];
    check("no machine paths, no makers' tools", |_, text| {
        let text = text.to_lowercase();
        words
            .iter()
            .find(|word| text.contains(*word))
            .map(|word| format!("{word:?}"))
    });
}
