//! What a node did not deliver before it was gone, another one delivers: all of it, and once more what the node is back for.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::harness::{Nodes, create, get, key_template, until};

/// How often each event stands in a file.
fn delivered(file: &Path) -> BTreeMap<String, usize> {
    let text = fs::read_to_string(file).unwrap_or_default();
    let mut counts = BTreeMap::new();
    // The last line may be under way.
    let (whole, _) = text.rsplit_once('\n').unwrap_or_default();
    for line in whole.lines() {
        let event: Value = serde_json::from_str(line).expect("JSON");
        if let Some(id) = event["id"].as_str() {
            *counts.entry(id.to_owned()).or_default() += 1;
        }
    }
    counts
}

#[test]
fn what_a_killed_node_left_is_delivered_by_another_without_a_gap() {
    let mut nodes = Nodes::start(2);
    let folder = nodes.all[0].path().join("later");
    let file = folder.join("events.jsonl");
    let path = format!("path={}", file.display());
    let one = &nodes.all[0];
    one.cli(&["target", "create", "file", "--type", "file", "--set", &path])
        .success();
    one.cli(&["routing-settings", "set", "--default-target", "file"])
        .success();
    // Until the folder is there nothing can be delivered. Both nodes know of the target once they have tried.
    for node in &nodes.all {
        until("the target to be tried", || {
            let said = node.cli(&["target", "show", "file"]).success().stdout;
            said.contains("later").then_some(())
        });
    }
    std::thread::sleep(std::time::Duration::from_secs(3));
    let mut connection = nodes.all[1].connect();
    let key = connection.ask(create(key_template())).success().uid();
    for _ in 0..30 {
        connection.ask(get(&key)).success();
    }
    let left: Vec<_> = nodes.all[1].events();
    let left: Vec<_> = left.iter().filter(|event| event.is_of_kmip()).collect();
    assert_eq!(left.len(), 31);
    nodes.all[1].kill();
    fs::create_dir(&folder).expect("a folder");
    until("what the killed node left to be delivered", || {
        let there = delivered(&file);
        let is_there = |id: &str| there.contains_key(id);
        left.iter().all(|event| is_there(event.id())).then_some(())
    });
    // It comes back, goes on where the other has come to, and delivers what is new.
    nodes.all[1].start_again();
    let mut connection = nodes.all[1].connect();
    connection.ask(get(&key)).success();
    let last = nodes.all[1].events();
    let last = last.last().expect("an event").id().to_owned();
    until("the node to deliver again", || {
        delivered(&file).contains_key(&last).then_some(())
    });
    let counts = delivered(&file);
    assert!(
        left.iter().all(|event| counts[event.id()] == 1),
        "{counts:?}"
    );
    nodes.all[1].cli(&["events", "verify"]).success();
}
