//! Who may name whom: ARCHITECTURE.md describes the levels that are checked here.

use super::sources::{Source, none, sources};

/// The level of a module: it names its own level and those below.
const LEVELS: &[(&str, u8)] = &[
    ("kmip", 0),
    ("crypto", 10),
    ("domain", 11),
    ("audit", 12),
    ("store", 20),
    ("providers", 20),
    ("ops", 30),
    ("routing", 30),
    ("client", 30),
    ("server", 40),
    ("admin", 40),
    ("web", 40),
    ("config", 50),
    ("cli", 60),
];

/// What only some modules may name: the name, the modules, the reason.
const RESERVED: &[(&str, &[&str], &str)] = &[
    (
        "aws_lc_rs",
        &["crypto"],
        "one module holds the cryptography",
    ),
    ("rcgen", &["crypto"], "one module holds the cryptography"),
    ("vsss_rs", &["crypto"], "one module holds the cryptography"),
    (
        "x509_parser",
        &["crypto"],
        "one module holds the cryptography",
    ),
    ("sha2", &["crypto"], "one module holds the cryptography"),
    ("argon2", &["crypto"], "one module holds the cryptography"),
    (
        "rustls",
        &["crypto", "server", "client", "routing", "store"],
        "TLS is where sockets are: the listener, the client, targets, the database",
    ),
    (
        "tokio_rustls",
        &["server", "client", "routing", "store"],
        "TLS is where sockets are: the listener, the client, targets, the database",
    ),
    (
        "rustls_platform_verifier",
        &["routing", "store"],
        "only targets and the database are servers that the system's roots vouch for",
    ),
    ("rusqlite", &["store"], "SQL lives in the store"),
    ("tokio_postgres", &["store"], "SQL lives in the store"),
    (
        "axum",
        &["admin"],
        "HTTP is served by the administration API alone",
    ),
    (
        "hyper",
        &["admin"],
        "HTTP is served by the administration API alone",
    ),
    ("cryptoki", &["providers"], "tokens hold the master key"),
];

/// What the pure modules do not do: read, connect, wait, look at the clock or the environment.
const IMPURE: &[&str] = &[
    "std::fs",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "std::env",
    "std::process",
    "std::thread",
    "tokio",
    "SystemTime::now",
    "Instant::now",
];
/// Files of pure modules that do one such thing, each with the reason.
const IMPURE_HOMES: &[(&str, &str, &str)] = &[(
    "src/domain/clock.rs",
    "SystemTime::now",
    "the one clock that is passed in",
)];
const PURE: &[&str] = &["kmip", "domain", "audit", "crypto"];

fn level(module: &str) -> Option<u8> {
    LEVELS
        .iter()
        .find(|(name, _)| *name == module)
        .map(|(_, level)| *level)
}

/// The module a source belongs to; none for `lib.rs` and `main.rs`.
fn module(source: &Source) -> Option<&str> {
    let path = source.path.strip_prefix("src/")?;
    let first = path.split('/').next()?;
    match first.strip_suffix(".rs") {
        Some("lib" | "main") => None,
        Some(module) => Some(module),
        None => Some(first),
    }
}

/// The modules of this crate that a text names: `crate::x` and `crate::{x, y::z}`.
fn named(code: &str) -> Vec<String> {
    let mut names = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            Some(group) => names.extend(group_heads(group)),
            None => names.extend(identifier(rest)),
        }
    }
    names.retain(|name| name.starts_with(|first: char| first.is_ascii_lowercase()));
    names
}

fn identifier(text: &str) -> Option<String> {
    let end = text
        .find(|c: char| !c.is_alphanumeric() && c != '_')
        .unwrap_or(text.len());
    (end > 0).then(|| text[..end].to_owned())
}

/// The first segments of the paths in a group, up to its closing brace.
fn group_heads(group: &str) -> Vec<String> {
    let mut heads = Vec::new();
    let mut depth = 0_u32;
    let mut expected = true;
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => expected = true,
            _ if expected && !c.is_whitespace() => {
                heads.extend(identifier(&group[at..]));
                expected = false;
            }
            _ => {}
        }
    }
    heads
}

/// Whether code names a crate or path, as a whole word.
fn names_path(code: &str, path: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(path).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let after = code[at + path.len()..].chars().next();
        // After a colon it is a part of another crate's path, such as rustls's.
        let inside = before.is_some_and(|c| part(c) || matches!(c, '"' | '-' | ':'));
        !inside && after.is_some_and(|c| !part(c) && !matches!(c, '"' | '-' | ' ' | '.'))
    })
}

#[test]
fn modules_name_only_their_own_level_and_those_below() {
    let mut findings = Vec::new();
    for source in sources("src").iter().filter(|source| !source.is_tests()) {
        let Some(own) = module(source) else { continue };
        let Some(own_level) = level(own) else {
            findings.push(format!("{}: {own} has no level", source.path));
            continue;
        };
        for name in named(&source.code()) {
            if level(&name).is_some_and(|level| level > own_level) {
                findings.push(format!(
                    "{}: names {name}, which is above {own}",
                    source.path
                ));
            }
        }
    }
    none("a module names its own level and those below", &findings);
}

#[test]
fn groups_of_imports_are_read() {
    let code = "use crate::{\n    kmip::{tag::Tag, enums},\n    domain,\n};\nuse crate::ops::run;";
    assert_eq!(named(code), ["kmip", "domain", "ops"]);
}

#[test]
fn cryptography_tls_and_sql_are_named_in_their_own_modules_only() {
    let mut findings = Vec::new();
    for source in sources("src").iter().filter(|source| !source.is_tests()) {
        let own = module(source).unwrap_or_default();
        let code = source.code();
        for (name, allowed, reason) in RESERVED {
            if names_path(&code, name) && !allowed.contains(&own) {
                findings.push(format!("{}: names {name}, but {reason}", source.path));
            }
        }
    }
    none("crates that are reserved", &findings);
}

#[test]
fn a_change_of_an_administrator_demands_that_they_may_still_administer() {
    // What nobody asked for: the record of a refusal.
    let allowed = ["src/admin/mod.rs", "src/admin/access/refusals.rs"];
    let sources = sources("src/admin").into_iter();
    let begins = sources.filter(|source| {
        let own = source.is_tests() || allowed.contains(&source.path.as_str());
        !own && source.code().contains("Changeset::new(")
    });
    let findings: Vec<_> = begins
        .map(|source| format!("{}: begin with Admin::changeset", source.path))
        .collect();
    none("changesets of administrators", &findings);
}

#[test]
fn vocabulary_and_decisions_do_no_input_or_output() {
    let mut findings = Vec::new();
    for source in sources("src").iter().filter(|source| !source.is_tests()) {
        if !module(source).is_some_and(|module| PURE.contains(&module)) {
            continue;
        }
        let code = source.code();
        for name in IMPURE.iter().filter(|name| names_path(&code, name)) {
            let home =
                |(path, allowed, _): &(&str, &str, &str)| *path == source.path && allowed == name;
            if !IMPURE_HOMES.iter().any(home) {
                findings.push(format!("{}: names {name}", source.path));
            }
        }
    }
    none("kmip, domain, audit and crypto are pure", &findings);
}

#[test]
fn names_are_found_as_whole_words() {
    assert!(names_path("use sha2::Sha256;", "sha2"));
    assert!(names_path("use tokio;", "tokio"));
    assert!(!names_path("use tokio_rustls::X;", "tokio"));
    assert!(names_path("SystemTime::now()", "SystemTime::now"));
    assert!(!names_path("my_sha2::X", "sha2"));
    assert!(!names_path(
        "use rustls::crypto::aws_lc_rs::sign;",
        "aws_lc_rs"
    ));
}
