//! Nodes whose clocks differ.

use std::fs;
use std::path::PathBuf;

use super::history::under_load;
use super::{Node, check, rounds};
use crate::harness::{Postgres, skipped};

/// The library that gives a program another clock.
fn faketime() -> Option<PathBuf> {
    let folders = fs::read_dir("/usr/lib").into_iter().flatten().flatten();
    let libraries = folders.map(|folder| folder.path().join("faketime/libfaketime.so.1"));
    libraries.into_iter().find(|library| library.exists())
}

#[test]
fn a_node_whose_clock_is_an_hour_ahead_agrees_with_the_others() {
    let Some(library) = faketime() else {
        skipped("libfaketime is not installed");
        return;
    };
    let library = format!("LD_PRELOAD={}", library.display());
    let by = [
        "env",
        &library,
        "FAKETIME=+1h",
        "FAKETIME_DONT_FAKE_MONOTONIC=1",
    ];
    let postgres = Postgres::start();
    let first = Node::found(&postgres);
    let second = first.joined_by("ahead", &by);
    let mut nodes = [first, second];
    for _ in 0..rounds() {
        let history = under_load(&mut nodes, |_, history| {
            history.until_answered(0, 150);
            history.until_answered(1, 150);
        });
        check(&nodes, &history);
    }
    let hour = |node: &Node| {
        let events = node.server.events();
        let last = events.last().expect("an event").text("/eventTime");
        last.get(11..13).expect("a time").to_owned()
    };
    assert_ne!(hour(&nodes[0]), hour(&nodes[1]), "the clocks differ");
}
