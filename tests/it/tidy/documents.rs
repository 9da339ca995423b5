//! Documents that list what the code has: they agree, or a test says so.

use std::fs;

use keyledger::audit::{Kind, catalogue};
use keyledger::domain::location::LOCATIONS;
use keyledger::kmip::attribute::{Change, Deletable, StandardAttribute};
use keyledger::kmip::enums::ObjectType;
use keyledger::kmip::operation::Operation;
use keyledger::kmip::version::ProtocolVersion;

use super::sources::{Source, none, root, sources};

/// A document, if it has been written.
fn document(path: &str) -> Option<String> {
    let text = fs::read_to_string(root().join(path)).ok();
    if text.is_none() {
        crate::harness::skipped(&format!("there is no {path}"));
    }
    text
}

#[test]
fn every_operation_carried_out_is_in_the_conformance_document() {
    let Some(text) = document("docs/conformance.md") else {
        return;
    };
    for operation in Operation::ALL
        .iter()
        .filter(|operation| operation.is_implemented())
    {
        assert!(
            text.contains(operation.name()),
            "{} is missing",
            operation.name()
        );
    }
}

#[test]
fn every_attribute_is_in_the_conformance_document() {
    let Some(text) = document("docs/conformance.md") else {
        return;
    };
    let specs = StandardAttribute::ALL.iter().map(|name| name.spec());
    for spec in specs.filter(|spec| spec.since <= ProtocolVersion::V1_4) {
        let start = format!("| {} | {} | ", spec.name(), spec.since);
        let row = text.lines().find(|line| line.starts_with(&start));
        let row = row.unwrap_or_else(|| panic!("no row begins with {start}"));
        let columns: Vec<_> = row.split(" | ").collect();
        let many = spec.multi.many(ObjectType::SymmetricKey);
        assert_eq!(columns[5], if many { "many" } else { "one" }, "{row}");
        assert_eq!(columns[4] == "no", spec.deletable == Deletable::No, "{row}");
        let never = spec.client_modify == Change::Never;
        assert_eq!(columns[3] == "never", never, "{row}");
    }
}

/// What stands in a page between the marks `<!-- name:begin -->` and `<!-- name:end -->`, and the page with `table` there.
fn replaced(page: &str, name: &str, table: &str) -> (String, String) {
    let (begin, end) = (
        format!("<!-- {name}:begin -->\n"),
        format!("<!-- {name}:end -->"),
    );
    let (before, rest) = page.split_once(&begin).expect("the mark where it begins");
    let (listed, after) = rest.split_once(&end).expect("the mark where it ends");
    (
        listed.to_owned(),
        format!("{before}{begin}{table}{end}{after}"),
    )
}

#[test]
fn the_table_of_locations_is_that_of_the_program() {
    let Some(text) = document("docs/configuration.md") else {
        return;
    };
    let rows = LOCATIONS.iter().map(|location| {
        let generated = if location.generates_events {
            "yes"
        } else {
            "no"
        };
        let (name, city) = (location.name, location.city);
        let alias = location.alias.map(|alias| format!("`{alias}` "));
        let alias = alias.unwrap_or_default();
        format!("| `{name}` | {city} | {generated} | {alias}|\n")
    });
    let rows: String = rows.collect();
    assert!(text.contains(&rows), "put this there:\n{rows}");
}

#[test]
fn the_page_of_events_holds_the_tables_of_the_code() {
    let Some(mut page) = document("docs/events.md") else {
        return;
    };
    let is_update = std::env::var_os("UPDATE_DOCS").is_some();
    let (example, cadf) = catalogue::examples();
    for (name, table) in [
        ("example", example),
        ("initiators", catalogue::initiators()),
        ("members", catalogue::members()),
        ("cadf", cadf),
        ("kmip", catalogue::actions(Kind::Kmip)),
        ("management", catalogue::actions(Kind::Management)),
        ("extended", catalogue::actions(Kind::Extended)),
        ("causes", catalogue::causes()),
    ] {
        let (listed, new) = replaced(&page, name, &table);
        assert!(
            is_update || listed == table,
            "the table `{name}` of docs/events.md is not the code's; run this test with UPDATE_DOCS=1, which writes it"
        );
        page = new;
    }
    if is_update {
        fs::write(root().join("docs/events.md"), page).expect("docs/events.md");
    }
}

#[test]
fn the_page_of_events_says_what_every_field_is() {
    let Some(page) = document("docs/events.md") else {
        return;
    };
    let format = page
        .split("## Format")
        .nth(1)
        .expect("the part on the format");
    let (sealed, _) = format.split_once("### Strict CADF").expect("its last part");
    let (example, _) = catalogue::examples();
    let example = example
        .trim_start_matches("```json")
        .trim_end_matches("```\n");
    let example: serde_json::Value = serde_json::from_str(example).expect("JSON");
    for (field, value) in example.as_object().expect("an object") {
        let parts = value.as_object().filter(|_| !field.ends_with("Data"));
        let paths = match parts {
            Some(parts) => parts.keys().map(|part| format!("{field}.{part}")).collect(),
            None => vec![field.clone()],
        };
        for path in paths {
            assert!(
                sealed.contains(&format!("`{path}")),
                "docs/events.md does not say what {path} is"
            );
        }
    }
}

#[test]
fn the_example_configuration_is_there() {
    let text = fs::read_to_string(root().join("etc/keyledger.example.toml"));
    let text = text.expect("etc/keyledger.example.toml");
    let first = text
        .lines()
        .find(|line| !line.starts_with('#') && !line.is_empty());
    assert_eq!(
        first,
        Some("version = \"v1\""),
        "the version is the first key"
    );
}

#[test]
fn dependencies_say_what_they_are_for() {
    let text = fs::read_to_string(root().join("Cargo.toml")).expect("Cargo.toml");
    let start = text.find("[dependencies]").expect("dependencies");
    let section = &text[start..];
    let mut previous = "";
    for line in section
        .lines()
        .skip(1)
        .take_while(|line| !line.starts_with("[workspace"))
    {
        if line.contains(" = ") && !line.starts_with('#') && !line.contains("path = ") {
            let explained = previous.starts_with('#') || previous.contains(" = ");
            assert!(explained, "{line} has no comment above it");
        }
        previous = line;
    }
}

/// The variants of an enum in this text.
fn variants(text: &str, name: &str) -> Vec<String> {
    let begin = format!("pub enum {name} {{\n");
    let body = text.split_once(&begin).expect("the enum").1;
    let body = body.split("\n}").next().expect("its end");
    let names = body.lines().filter_map(|line| line.strip_prefix("    "));
    let names = names.filter(|line| line.starts_with(char::is_uppercase));
    names
        .map(|line| {
            let end = line.find(|c: char| !c.is_alphanumeric());
            line[..end.unwrap_or(line.len())].to_owned()
        })
        .collect()
}

#[test]
fn every_request_is_served_over_http_or_the_page_says_why_not() {
    let page = fs::read_to_string(root().join("docs/administration.md")).expect("the page");
    let api: String = sources("src/admin/api").iter().map(Source::code).collect();
    let mut findings = Vec::new();
    for (file, name) in [
        ("mod", "Request"),
        ("backup", "BackupRequest"),
        ("master_key", "MasterKeyRequest"),
        ("routing", "TargetRequest"),
        ("routing", "RouteRequest"),
    ] {
        let message = format!("src/admin/message/{file}.rs");
        let message = fs::read_to_string(root().join(message)).expect("a source");
        for variant in variants(&message, name) {
            let whole = format!("{name}::{variant}");
            let served = api.match_indices(&whole).any(|(at, _)| {
                let before = api[..at].chars().next_back();
                let after = api[at + whole.len()..].chars().next();
                let is_word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
                !is_word(before) && !is_word(after)
            });
            let short = if name == "Request" { &variant } else { &whole };
            if !served && !page.contains(&format!("`{short}`")) {
                findings.push(format!("{whole}: neither served nor said why not"));
            }
        }
    }
    none("requests of administrators", &findings);
}

/// The names of the types that the served document describes, each as often as there is a type of that name.
fn described(code: &str) -> Vec<String> {
    let mut names = Vec::new();
    for (at, _) in code.match_indices("ToSchema") {
        let is_derived = code[..at].rfind("derive(") > code[..at].rfind(")]");
        let name = code[at..].lines().find_map(|line| {
            let line = line
                .trim_start_matches("pub(super) ")
                .trim_start_matches("pub ");
            let rest = ["struct ", "enum "]
                .iter()
                .find_map(|kind| line.strip_prefix(kind));
            rest.map(|rest| {
                rest.split(|c: char| !c.is_alphanumeric())
                    .next()
                    .unwrap_or_default()
            })
        });
        names.extend(name.filter(|_| is_derived).map(str::to_owned));
    }
    names
}

#[test]
fn no_two_types_of_the_served_document_share_a_name() {
    // There it is one name for both, and what the second says is said of the first.
    let mut names: Vec<_> = sources("src")
        .iter()
        .flat_map(|source| described(&source.code()))
        .collect();
    assert!(names.len() > 50, "{names:?}");
    names.sort();
    let twice: Vec<_> = names
        .windows(2)
        .filter(|pair| pair[0] == pair[1])
        .map(|pair| pair[0].clone())
        .collect();
    none("types that are described under one name", &twice);
}
