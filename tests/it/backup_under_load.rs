//! Backups that are made while clients work: what was answered before is in them.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

use crate::backup::{Site, actions, bring_client, material};
use crate::harness::{
    Dice, Door, Event, Ledger, Server, fresh_directory, get, under_load, whole_trail,
};

#[test]
fn a_backup_under_load_holds_every_change_that_was_answered_before_it_began() {
    let site = Site::new();
    let (door, mut dice) = (Door::of(&site.server), Dice::new(6));
    let mut ledgers: Vec<_> = (0..3).map(|_| Ledger::default()).collect();
    let mut known = Vec::new();
    let (mut before, mut made) = (Vec::new(), Value::Null);
    under_load(&mut ledgers, &door, &mut dice, |_| {
        for _ in 0..5 {
            let uid = site.server.new_key();
            known.push((material(&site.server, &uid), uid));
        }
        before = site
            .server
            .cli(&["events", "list", "--format", "jsonl"])
            .success()
            .stdout
            .lines()
            .map(str::to_owned)
            .collect::<Vec<_>>();
        site.back_up("first.backup");
        made = site.back_up("load.backup");
    });
    assert!(made["events"].as_u64() >= u64::try_from(before.len()).ok());
    let recorded = made_cleanly(&site, &made);
    let looked = site.restore("first.backup", fresh_directory().path(), &["--verify"]);
    looked.success();
    let (restored, told, said) = site.restored("load.backup", &[]);
    assert_eq!(told["backup"]["events"], made["events"]);
    let epoch = told["epoch"].as_u64().expect("a number");
    assert!(epoch > 1_700_000_000, "it is numbered by the time: {epoch}");
    assert!(
        said.contains("is there again") && said.contains("--trail"),
        "{said}"
    );
    bring_client(&site.server, &restored);
    for (key, uid) in &known {
        assert_eq!(material(&restored, uid), *key);
    }
    let held = usize::try_from(made["events"].as_u64().expect("a number")).expect("a number");
    holds_what_was_recorded(&restored, &recorded, held, &ledgers);
    let trail = restored
        .cli(&["events", "list", "--format", "jsonl"])
        .success()
        .stdout;
    let trail: Vec<_> = trail.lines().collect();
    assert!(trail.starts_with(&before.iter().map(String::as_str).collect::<Vec<_>>()));
    let begun =
        usize::try_from(told["firstSequence"].as_u64().expect("a number")).expect("a number");
    let begun: Value = serde_json::from_str(trail[begun]).expect("JSON");
    assert_eq!(begun["action"], "vmware-solutions.trail.begin-epoch");
    assert_eq!(begun["requestData"]["finding"], "restored");
    assert!(begun["requestData"]["lastCheckpoint"].is_string());
    assert!(actions(&restored).contains(&"backup.restore".to_owned()));
    let key = site.server.cli(&["events", "public-key"]).success().stdout;
    restored
        .cli(&["events", "verify", "--public-key", key.trim()])
        .success();
    whole_trail(&restored);
}

/// The backup is for its owner, nothing is left of how it was made, and its event names the key it is sealed to; gives all events.
fn made_cleanly(site: &Site, made: &Value) -> Vec<Event> {
    let mode = std::os::unix::fs::MetadataExt::mode(
        &fs::metadata(site.path("load.backup")).expect("a file"),
    );
    assert_eq!(mode & 0o777, 0o600);
    let names = fs::read_dir(site.server.data()).expect("a directory");
    let copies = names.filter(|name| format!("{name:?}").contains("snapshot"));
    assert_eq!(copies.count(), 0, "nothing is left of the copy");
    let recorded = site.server.events();
    let backup = recorded
        .iter()
        .rfind(|event| event.0["action"] == "vmware-solutions.backup.create")
        .expect("its event");
    assert_eq!(backup.0["severity"], "critical");
    assert_eq!(backup.0["requestData"]["recipient"], made["recipient"]);
    recorded
}

/// Every key of the first `held` events is there, or destroyed, as they say; and it is the one that a client was given.
fn holds_what_was_recorded(restored: &Server, recorded: &[Event], held: usize, told: &[Ledger]) {
    let (held, after) = recorded.split_at(held);
    let is_of_kmip = |events: &[Event]| events.iter().filter(|event| event.is_of_kmip()).count();
    assert!(is_of_kmip(after) > 0, "clients went on meanwhile");
    let mut lives = BTreeMap::new();
    for event in held {
        let line = event.line();
        if let Some(uid) = line.strip_prefix("kmip-key.create 201 ") {
            lives.insert(uid.to_owned(), true);
        } else if let Some(uid) = line.strip_prefix("kmip-key.destroy 200 ") {
            lives.insert(uid.to_owned(), false);
        }
    }
    assert!(lives.values().any(|lives| !lives), "some were destroyed");
    let given: BTreeMap<_, _> = told.iter().flat_map(Ledger::materials).collect();
    let (mut demo, mut compared) = (restored.connect(), 0);
    for (uid, lives) in &lives {
        let answer = demo.ask(get(uid));
        assert_eq!(answer.status == 0, *lives, "{uid}");
        if let Some(material) = given.get(uid.as_str()).filter(|_| *lives) {
            assert_eq!(answer.key_material(), *material, "{uid}");
            compared += 1;
        }
    }
    assert!(compared > 0, "clients knew some of {}", lives.len());
}
