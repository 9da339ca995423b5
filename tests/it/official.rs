//! The official test cases of KMIP 1.0 to 1.4, as far as their operations are carried out here, against the running server.
//!
//! They are not part of the project: they are read from the reference data beside it, and the tests say `skipped:` where that is absent. What an
//! answer may vary in is in `expect`; which cases fail, and why, is a list here.

mod case;
mod expect;
mod names;
mod script;

use std::fs;
use std::path::Path;

use crate::harness::{Server, query, shared};
use case::Run;
use names::Names;
use script::Element;

/// The cases that fail, and why.
const FAILING: &[(&str, &str)] = &[
    ("AX-M-2-", KEYS_WRAPPED),
    ("MSGENC-", QUERIES_ALL),
    ("SASED-M-1-", QUERIES_ALL),
    ("SASED-M-3-", "it looks for what SASED-M-2 registers"),
    ("SUITEB_", QUERIES_ALL),
    ("TL-M-1-", QUERIES_ALL),
];
const KEYS_WRAPPED: &str = "it asks for wrapped keys, which are not given";
const QUERIES_ALL: &str = "it wants Query to list Register and more, which is not carried out";

#[test]
fn the_cases_of_1_0_to_1_2() {
    play("oasis/v1.0");
}

#[test]
fn the_cases_of_1_3() {
    play("oasis/v1.3");
}

#[test]
fn the_cases_of_1_4() {
    play("oasis/v1.4");
}

/// Plays every case of a folder, in the order of their names, on one server: some find what an earlier one made.
#[track_caller]
fn play(folder: &str) {
    let (Some(cases), Some(registry)) = (shared(folder), shared("kmip/kmip-registry.json")) else {
        crate::harness::skipped(&format!("{folder} is absent"));
        return;
    };
    let names = Names::read(&registry);
    let server = Server::start();
    let carried_out = server.connect().ask(query(&[1])).success().operations();
    let (mut passed, mut wrong) = (0, Vec::new());
    for (name, messages) in read(&cases) {
        let asked = messages.iter().flat_map(|message| message.operations());
        let known = |name: &str| {
            names
                .value("Operation", name)
                .is_some_and(|code| carried_out.contains(&code))
        };
        if !{ asked }.all(known) {
            continue;
        }
        let result = Run::new(&names, &messages).play(&mut server.connect(), &messages);
        let expected = FAILING
            .iter()
            .find(|(failing, _)| name.starts_with(failing));
        match (result, expected) {
            (Ok(()), None) => passed += 1,
            (Ok(()), Some((listed, _))) => {
                wrong.push(format!("{name} passes: take {listed} from the list"));
            }
            (Err(error), Some((_, why))) => println!("{name} fails: {why} ({error})"),
            (Err(error), None) => wrong.push(format!("{name}: {error}")),
        }
    }
    println!("{folder}: {passed} cases pass");
    assert!(wrong.is_empty(), "{folder}:\n{}", wrong.join("\n"));
    assert!(
        passed > 0,
        "{folder}: no case is of operations that are carried out"
    );
}

/// The cases of a folder: the name of each, and its messages.
fn read(folder: &Path) -> Vec<(String, Vec<Element>)> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|kind| kind == "xml"))
        .collect();
    files.sort();
    let case = |path: &std::path::PathBuf| {
        let name = path
            .file_stem()
            .and_then(|name| name.to_str())
            .expect("a name");
        let text = fs::read_to_string(path).expect("a case");
        (name.to_owned(), script::read(&text))
    };
    files.iter().map(case).collect()
}
