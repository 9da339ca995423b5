//! What a later export of the trail says that was done after a backup: what was taken away, to be taken away again, and what is lost.

use std::collections::{BTreeMap, HashSet};

use serde::Deserialize;
use serde_json::Value;

use crate::admin::restored::{Act, Taken};
use crate::audit::verification::epoch_begun as beginning;
use crate::audit::{Action, Outcome};
use crate::cli::verify::Met;
use crate::crypto::Fingerprint;
use crate::domain::{ClientId, ObjectId};
use crate::kmip::enums::RevocationReasonCode;

/// What came after a backup, as far as it is known.
#[derive(Debug, Default)]
pub(super) struct Later {
    /// How many events the backup holds: those before this sequence.
    held: u64,
    /// The epoch of the backup.
    epoch: u32,
    /// Whether a later epoch has begun.
    is_of_later_epoch: bool,
    /// How many events came after it.
    pub(super) events: u64,
    /// What was taken away, in its order.
    pub(super) taken: Vec<Taken>,
    /// Keys that were made, and not destroyed again.
    pub(super) keys: Vec<ObjectId>,
    /// Other changes that are lost: how often each action.
    pub(super) changes: BTreeMap<String, u64>,
    /// The newest checkpoint, a signed note.
    pub(super) checkpoint: Option<String>,
}

/// The fields of an event that tell what was done.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    id: String,
    action: String,
    outcome: String,
    target: Named,
    #[serde(default)]
    request_data: Value,
}

#[derive(Deserialize)]
struct Named {
    #[serde(default)]
    name: String,
}

impl Later {
    /// What came after this sequence, in this epoch and later ones.
    pub(super) fn since(held: u64, epoch: u32) -> Self {
        Self {
            held,
            epoch,
            ..Self::default()
        }
    }

    /// Takes what is met in an export.
    pub(super) fn take(&mut self, met: Met<'_>) {
        match met {
            Met::Checkpoint(note) => self.checkpoint = Some(note.to_owned()),
            Met::Event(sequence, json) => {
                // An epoch that began later may use the numbers of events again that were lost.
                let begun = beginning(json).is_some_and(|epoch| epoch > self.epoch);
                self.is_of_later_epoch |= begun;
                if sequence >= self.held || self.is_of_later_epoch {
                    self.event(json);
                }
            }
        }
    }

    fn event(&mut self, json: &[u8]) {
        self.events += 1;
        let Ok(told) = serde_json::from_slice::<Told>(json) else {
            return self.changed("an event that cannot be read");
        };
        if told.outcome != Outcome::Success.as_str() {
            return;
        }
        // Of a later release.
        let Some(action) = Action::from_name(&told.action) else {
            return self.changed(&told.action);
        };
        match act(action, &told) {
            Some(act) => self.taken.push(Taken {
                event: told.id,
                act,
            }),
            None if action == Action::KeyCreate => {
                self.keys.extend(told.target.name.parse::<ObjectId>());
            }
            None if action == Action::ClientEnable => self.enabled(&told.target.name),
            None if changes_something(action) => self.changed(action.short_name()),
            None => {}
        }
    }

    fn changed(&mut self, action: &str) {
        *self.changes.entry(action.to_owned()).or_default() += 1;
    }

    /// A client that was enabled again is not to be disabled.
    fn enabled(&mut self, client: &str) {
        let Ok(client) = client.parse::<ClientId>() else {
            return;
        };
        self.taken.retain(|taken| taken.act != Act::Disable(client));
    }

    /// Ends it: a key that was destroyed again is not lost.
    pub(super) fn end(&mut self) {
        let destroyed = self.taken.iter().filter_map(|taken| match taken.act {
            Act::Destroy(id) => Some(id),
            Act::Revoke(..) | Act::Disable(_) | Act::Remove(..) | Act::Untrust(..) => None,
        });
        let destroyed: HashSet<_> = destroyed.collect();
        self.keys.retain(|key| !destroyed.contains(key));
    }
}

fn act(action: Action, told: &Told) -> Option<Act> {
    let name = &told.target.name;
    let field = |name: &str| told.request_data.get(name);
    match action {
        Action::KeyDestroy => Some(Act::Destroy(name.parse().ok()?)),
        Action::KeyRevoke => {
            let reason = field("revocationReason").and_then(Value::as_str);
            let code = reason.and_then(code_named);
            let code = code.unwrap_or(RevocationReasonCode::Unspecified);
            Some(Act::Revoke(name.parse().ok()?, code))
        }
        Action::ClientDisable => Some(Act::Disable(name.parse().ok()?)),
        Action::ClientRemove => {
            let client = name.parse().ok()?;
            if let Some(ca) = field("authority").and_then(Value::as_str) {
                return Some(Act::Untrust(client, ca.parse().ok()?));
            }
            let certificates = fingerprints(field("fingerprint"));
            Some(Act::Remove(
                client,
                certificates,
                fingerprints(field("authority")),
            ))
        }
        _ => None,
    }
}

fn code_named(name: &str) -> Option<RevocationReasonCode> {
    let mut all = RevocationReasonCode::ALL.iter();
    all.find(|code| code.name() == name).copied()
}

fn fingerprints(list: Option<&Value>) -> Vec<Fingerprint> {
    let items = list.and_then(Value::as_array).into_iter().flatten();
    items
        .filter_map(|item| item.as_str()?.parse().ok())
        .collect()
}

/// Whether a success of this action leaves something changed that a restored database does not have. What only reads, and what the server
/// records of itself, does not.
fn changes_something(action: Action) -> bool {
    let reads = [
        "read", "retrieve", "locate", "query", "discover", "ping", "check", "validate", "expire",
        "publish",
    ];
    let own = [
        "trail",
        "trail-seal",
        "kmip-storage",
        "kmip-request",
        "backup",
    ];
    !reads.contains(&action.verb())
        && !own.contains(&action.object_type())
        && !matches!(
            action,
            Action::ClientRefuse | Action::ClientAdmit | Action::TargetSkip
        )
}
