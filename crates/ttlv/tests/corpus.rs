//! The fuzz bodies hold for the corpus and for messages damaged in the same way in every run.
#![cfg(test)]

#[allow(unreachable_pub, reason = "the fuzz package exports the same file")]
#[path = "../../../fuzz/src/bodies.rs"]
mod bodies;
#[allow(unreachable_pub, reason = "the fuzz package exports the same file")]
#[path = "../../../fuzz/src/mutations.rs"]
mod mutations;

use std::path::Path;
use ttlv::{Limits, read};

/// The files of one target, by name, in the order of their names.
fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fuzz/corpus")
        .join(target);
    let entries = std::fs::read_dir(&folder).expect("the corpus is part of the project");
    let mut files: Vec<_> = entries
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read(&path).unwrap())
        })
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{} is empty", folder.display());
    files
}

fn run(target: &str, body: fn(&[u8])) {
    for (seed, (name, bytes)) in corpus(target).iter().enumerate() {
        println!("{target}/{name}");
        body(bytes);
        let seed = 0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(seed as u64 + 1);
        mutations::mutations(bytes, seed, 500).for_each(|damaged| body(&damaged));
    }
}

#[test]
fn reading_holds_for_the_corpus_and_its_mutations() {
    run("read", bodies::read);
}

#[test]
fn dumping_holds_for_the_corpus_and_its_mutations() {
    run("dump", bodies::dump);
}

#[test]
fn framing_holds_for_the_corpus_and_its_mutations() {
    run("frame", bodies::frame);
}

/// Otherwise the corpus would test less than it claims.
#[test]
fn files_named_good_are_accepted_and_files_named_bad_are_refused() {
    let limits = Limits::default();
    for (name, bytes) in corpus("read") {
        let outcome = read(&bytes)
            .and_then(|item| item.check(limits.depth_max, &mut limits.items_max.clone()));
        assert_eq!(
            outcome.is_ok(),
            name.starts_with("good-"),
            "{name}: {outcome:?}"
        );
        assert_eq!(outcome.is_err(), name.starts_with("bad-"), "{name}");
    }
}

#[test]
fn mutations_are_the_same_in_every_run_and_mostly_damage() {
    let bytes = [7; 64];
    let once: Vec<_> = mutations::mutations(&bytes, 1, 100).collect();
    let again: Vec<_> = mutations::mutations(&bytes, 1, 100).collect();
    assert_eq!(once, again);
    assert!(once.iter().filter(|damaged| damaged[..] != bytes).count() > 90);
    assert_eq!(mutations::mutations(&[], 1, 100).count(), 100);
}
