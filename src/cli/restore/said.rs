//! What is said of a backup that was restored or looked at.

use serde_json::{Value, json};

use super::Done;
use super::look::{Keys, Looked};
use crate::admin::restored::{Act, Postponed, Taken};
use crate::cli::report::{Report, fields, remark};
use crate::config::Layout;
use crate::domain::clock::rfc3339;

/// Says what was looked at.
///
/// # Errors
/// Standard output cannot be written.
pub(super) fn verified(looked: &Looked, recipient: &str, report: &Report) -> std::io::Result<()> {
    let record = json!({ "backup": backup(looked, recipient), "dataKeys": data_keys(looked), "missing": looked.missing, "named": looked.named });
    report.record(&record, || {
        let mut rows = rows(looked, recipient);
        rows.extend(named(looked));
        rows.push(("verdict", Some("it can be restored".to_owned())));
        fields(&rows)
    })?;
    unknown_keys(looked);
    Ok(())
}

/// Says what was restored.
///
/// # Errors
/// Standard output cannot be written.
pub(super) fn restored(
    looked: &Looked,
    done: &Done,
    recipient: &str,
    report: &Report,
) -> std::io::Result<()> {
    let later = looked.later.as_ref();
    let lost_keys = later.map(|later| {
        later
            .keys
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    });
    let record = json!({
        "backup": backup(looked, recipient), "dataKeys": data_keys(looked), "named": looked.named, "epoch": done.begun.epoch, "firstSequence": done.begun.first,
        "missing": looked.missing, "unproved": later.map(|later| later.unproved), "doneAgain": done.again.iter().map(taken).collect::<Vec<_>>(), "lostKeys": lost_keys,
        "lostChanges": later.map(|later| &later.changes), "toDoAgain": later.map(|later| &later.lost),
        "postponed": done.postponed.iter().map(postponed).collect::<Vec<_>>(), "removedAdministrators": done.removed,
    });
    report.record(&record, || {
        let mut rows = rows(looked, recipient);
        rows.extend(what_was_done(looked, done));
        fields(&rows)
    })?;
    unknown_keys(looked);
    if let Err(broken) = &looked.trail {
        remark(&format!(
            "The trail of the backup is not what was sealed: {broken}."
        ));
    }
    if !done.postponed.is_empty() {
        remark(&format!(
            "{} scheduled destructions end later than they did: whether they were called off after the backup may not be known. `keyledger key scheduled` lists \
             them, `key restore` calls one off.",
            done.postponed.len()
        ));
    }
    if !done.removed.is_empty() {
        remark(
            "API keys and administrators of the backup were removed: which of them were removed since is not known. Make them again with `keyledger api-key add` and \
             `admin add`, or restore with --trail, or with --keep-administrators.",
        );
    }
    what_comes_back(looked);
    Ok(())
}

/// That a server of another user cannot use what root restored.
pub(super) fn owner(layout: &Layout) {
    if rustix::process::geteuid().is_root() {
        let directory = layout.root().display();
        remark(&format!(
            "What was restored belongs to root: run `chown -R USER: {directory}` before a server of another user starts on it."
        ));
    }
}

/// What was done, and what is lost, a line each.
fn what_was_done(looked: &Looked, done: &Done) -> Vec<(&'static str, Option<String>)> {
    let later = looked.later.as_ref();
    let mut rows = Vec::new();
    let epoch = format!(
        "{}, begins with event {}",
        done.begun.epoch, done.begun.first
    );
    rows.push(("new epoch", Some(epoch)));
    rows.push((
        "missing",
        looked
            .missing
            .map(|missing| format!("{missing} events that came after it")),
    ));
    rows.extend(
        done.again
            .iter()
            .map(|taken| ("done again", Some(text(&taken.act)))),
    );
    for key in later.iter().flat_map(|later| &later.keys) {
        rows.push(("lost key", Some(key.to_string())));
    }
    for lost in later.iter().flat_map(|later| &later.lost) {
        rows.push(("to do again", Some(lost.text())));
    }
    for one in &done.postponed {
        let due = rfc3339(one.due);
        rows.push(("destruction later", Some(format!("{}, {due}", one.key))));
    }
    for name in &done.removed {
        rows.push(("removed", Some(name.clone())));
    }
    for (action, times) in later.iter().flat_map(|later| &later.changes) {
        rows.push(("lost change", Some(format!("{action}, {times} times"))));
    }
    rows.extend(named(looked));
    rows
}

/// What is not known of the time after the backup.
fn what_comes_back(looked: &Looked) {
    let (time, next) = (&looked.list.created, looked.list.events);
    let unproved = looked.later.as_ref().map_or(0, |later| later.unproved);
    if unproved > 0 {
        remark(&format!(
            "No checkpoint seals the last {unproved} events of --trail: anybody can have added them, and nothing of what they say was done."
        ));
    }
    match looked.untold() {
        None => remark(&format!(
            "What was destroyed, revoked or removed after the backup of {time}, from event {next} on, is there again: keys, clients, instances and what clients may do. If there is a later export of \
             the trail, or a file that a target received, restore again with --trail; with --checkpoint a later checkpoint tells how many events \
             are missing."
        )),
        Some(untold) if untold > 0 => remark(&format!(
            "Of the last {untold} events nothing is known but that there were so many: what they destroyed, revoked or removed is there again. A later export \
             of the trail, given with --trail, tells."
        )),
        _ => {}
    }
}

fn unknown_keys(looked: &Looked) {
    match looked.keys {
        Keys::Open(_) => {}
        Keys::NoMasterKey => remark(
            "The master key is not in the backup: whether keys open was not looked at. Give its file with --master-key, or put it to data/master.key \
             before the start.",
        ),
        Keys::NotOurs(provider) => remark(&format!(
            "Whether keys open was not looked at: what opens a master key of the provider `{}` is named by the backup alone, and nothing that a backup \
             names is run. Give your own keyledger.toml with --settings.",
            provider.name()
        )),
    }
    if !looked.named.is_empty() {
        remark(
            "A server that starts on it runs, reads or writes on its machine what the backup names (`would use`): see that this is yours before the start.",
        );
    }
}

const fn data_keys(looked: &Looked) -> Option<usize> {
    match looked.keys {
        Keys::Open(keys) => Some(keys),
        Keys::NoMasterKey | Keys::NotOurs(_) => None,
    }
}

fn named(looked: &Looked) -> impl Iterator<Item = (&'static str, Option<String>)> {
    let named = looked.named.iter();
    named.map(|one| ("would use", Some(one.clone())))
}

fn backup(looked: &Looked, recipient: &str) -> Value {
    let list = &looked.list;
    json!({ "created": list.created, "origin": list.origin, "epoch": list.epoch, "events": list.events, "schema": list.schema,
        "release": list.release, "recipient": recipient })
}

fn rows(looked: &Looked, recipient: &str) -> Vec<(&'static str, Option<String>)> {
    let list = &looked.list;
    let sealed = match &looked.trail {
        Ok(verified) => format!("{}, each as it was sealed", verified.end - verified.first),
        Err(_) => format!("{}, not as they were sealed", list.events),
    };
    let keys = data_keys(looked).map(|keys| format!("the master key opens {keys} data keys"));
    vec![
        (
            "backup of",
            Some(format!("{}, {}", list.origin, list.created)),
        ),
        ("sealed to", Some(format!("key {recipient}"))),
        ("events", Some(sealed)),
        ("keys", keys),
    ]
}

fn postponed(one: &Postponed) -> Value {
    json!({ "id": one.key.to_string(), "due": rfc3339(one.due) })
}

fn taken(taken: &Taken) -> Value {
    let (what, id) = words(&taken.act);
    json!({ "what": what, "id": id, "event": taken.event })
}

fn text(act: &Act) -> String {
    let (what, id) = words(act);
    format!("{what} {id}")
}

fn words(act: &Act) -> (&'static str, String) {
    match act {
        Act::CallOff(id) => ("destruction of key called off", id.to_string()),
        Act::Permit(id, _) => ("permissions of client set", id.to_string()),
        Act::Forbid(id, _) => ("rules of instance set", id.to_string()),
        Act::Wipe(id) => ("instance removed", id.to_string()),
        Act::ApiKey(id) => ("API key removed", id.to_string()),
        Act::Administrator(id) => ("administrator removed", id.to_string()),
        Act::Revoke(id, _) => ("key revoked", id.to_string()),
        Act::Destroy(id) => ("key destroyed", id.to_string()),
        Act::Disable(id) => ("client disabled", id.to_string()),
        Act::Remove(id, ..) => ("client or certificates removed", id.to_string()),
        Act::RemoveCertificates(id, _) => ("certificates of client removed", id.to_string()),
        Act::Untrust(id, _) => ("CA trusted no more for client", id.to_string()),
    }
}
