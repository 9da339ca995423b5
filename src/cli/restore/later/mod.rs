//! What a later export of the trail says that was done after a backup: what was taken away, to be taken away again, and what is lost.
//!
//! What counts is known only when all of it was verified. Until then the events that change something are held, the others as numbers.

mod gained;
mod lost;

use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde::Deserialize;
use serde_json::Value;

use crate::admin::restored::{Act, Taken};
use crate::audit::verification::epoch_begun as beginning;
use crate::audit::{Action, Kind, Outcome, Verified};
use crate::cli::verify::Met;
use crate::crypto::Fingerprint;
use crate::domain::{ClientId, ObjectId, Operations, Rules};
use crate::kmip::enums::RevocationReasonCode;
use gained::Gained;
pub(super) use lost::Lost;

/// The most changes that are named; beyond that they are counted.
const LOST_MAX: usize = 10_000;

/// What came after a backup, as far as it is known.
#[derive(Debug, Default)]
pub(super) struct Later {
    /// How many events the backup holds: those before this sequence.
    held: u64,
    /// The epoch of the backup.
    epoch: u32,
    /// The epoch and the sequence of what was met last.
    at: (u32, u64),
    /// Events that may have come after it, by their epoch and sequence, until it is known which of them are sealed: the JSON of those that
    /// tell of a change, nothing of the others.
    met: BTreeMap<(u32, u64), Option<Box<[u8]>>>,
    /// How many events came after it, of those that are sealed.
    pub(super) events: u64,
    /// How many events no checkpoint seals: anybody can have added them, and nothing of what they say is done.
    pub(super) unproved: u64,
    /// The newest epoch that is sealed, and how many events are.
    pub(super) reached: Option<(u32, u64)>,
    /// What was taken away, in its order.
    pub(super) taken: Vec<Taken>,
    /// Keys that were made, and not destroyed again.
    pub(super) keys: Vec<ObjectId>,
    /// Other changes of keys that are lost: how often each action.
    pub(super) changes: BTreeMap<String, u64>,
    /// Changes by administrators that are lost, to be made again by hand.
    pub(super) lost: Vec<Lost>,
    /// Destructions that were asked for and have not ended.
    asked: BTreeSet<ObjectId>,
    /// What clients gained, which is lost.
    gained: Gained,
    /// Instances of which it was said that they were wiped, by the work it belongs to: their removal says it a second time.
    wiped: Option<(String, String)>,
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
    correlation_id: String,
    #[serde(default)]
    request_data: Value,
}

#[derive(Deserialize)]
struct Named {
    #[serde(default)]
    name: String,
}

impl Later {
    /// What came after this sequence, in this epoch and later ones, where the backup holds these clients.
    pub(super) fn since(held: u64, epoch: u32, clients: impl Iterator<Item = ClientId>) -> Self {
        Self {
            held,
            epoch,
            at: (epoch, 0),
            gained: Gained::beside(clients),
            ..Self::default()
        }
    }

    /// Takes what is met in an export; what it says counts once it is [accepted](Self::accept).
    pub(super) fn take(&mut self, met: Met<'_>) {
        match met {
            Met::Checkpoint(note) => self.checkpoint = Some(note.to_owned()),
            Met::Event(sequence, json) => self.meet(sequence, json),
        }
    }

    fn meet(&mut self, sequence: u64, json: &[u8]) {
        let epoch = match beginning(json) {
            // What came before was of epochs before the backup's.
            Some(epoch) if epoch <= self.epoch => {
                self.met.clear();
                self.epoch
            }
            // It may use the numbers of events again that were lost.
            Some(epoch) => epoch,
            // Another file, which begins earlier.
            None if sequence <= self.at.1 => self.epoch,
            None => self.at.0,
        };
        self.at = (epoch, sequence);
        if sequence >= self.held || epoch > self.epoch {
            let kept = tells_of_a_change(json).then(|| json.into());
            self.met.insert(self.at, kept);
        }
    }

    /// Reads what the verified export says: of the events that a checkpoint seals.
    pub(super) fn accept(&mut self, verified: &Verified) {
        let sealed = verified
            .epochs
            .iter()
            .filter(|span| span.sealed > span.first)
            .map(|span| (span.epoch, span.sealed))
            .collect();
        self.read(&sealed);
    }

    /// Reads the events that are `sealed`: of each epoch those before a sequence.
    fn read(&mut self, sealed: &BTreeMap<u32, u64>) {
        self.reached = sealed.last_key_value().map(|(epoch, end)| (*epoch, *end));
        for ((epoch, sequence), json) in std::mem::take(&mut self.met) {
            if sealed.get(&epoch).is_none_or(|end| sequence >= *end) {
                self.unproved += 1;
                continue;
            }
            self.events += 1;
            if let Some(json) = json {
                self.event(&json);
            }
        }
    }

    fn event(&mut self, json: &[u8]) {
        let Ok(told) = serde_json::from_slice::<Told>(json) else {
            return self.changed("an event that cannot be read");
        };
        let action = Action::from_name(&told.action);
        let is_success = told.outcome == Outcome::Success.as_str();
        // Somebody said so by hand: this server did nothing of it.
        if told.request_data.get("recordedBy").is_some() {
            if is_success {
                self.changed(action.map_or(told.action.as_str(), |action| action.short_name()));
            }
            return;
        }
        if action == Some(Action::KeyDestroy) {
            self.destruction(&told);
        }
        if !is_success {
            return;
        }
        // Of a later release.
        let Some(action) = action else {
            return self.changed(&told.action);
        };
        match self.act(action, &told) {
            Some(act) => self.taken.push(Taken {
                event: told.id,
                act,
            }),
            None if action == Action::KeyCreate => {
                self.keys.extend(told.target.name.parse::<ObjectId>());
            }
            None if action == Action::ClientEnable => self.enabled(&told),
            None if changes_something(action) => self.lose(action, &told),
            None => {}
        }
    }

    /// Keeps which destructions are asked for and have not ended; not those whose window a restore let begin anew.
    fn destruction(&mut self, told: &Told) {
        let Ok(key) = told.target.name.parse::<ObjectId>() else {
            return;
        };
        if told.outcome != Outcome::Pending.as_str() {
            self.asked.remove(&key);
        } else if told.request_data.get("backupTime").is_none() {
            self.asked.insert(key);
        }
    }

    fn act(&mut self, action: Action, told: &Told) -> Option<Act> {
        match action {
            Action::ClientRemove => {
                let (act, gone) = self.gained.removal(told)?;
                self.forget(&told.target.name, &gone);
                Some(act)
            }
            _ => self
                .wipe(action, told)
                .or_else(|| act(action, told))
                .filter(|act| !self.gained.is_of_more(act)),
        }
    }

    /// What was made after the backup and is gone since need not be made again.
    fn forget(&mut self, client: &str, gone: &[Fingerprint]) {
        let is_of = |lost: &Lost| lost.is_of(gone);
        let made_it = self.lost.iter().any(|lost| is_of(lost) && lost.is_first());
        self.lost.retain(|lost| !is_of(lost));
        if self.gained.let_go(client) {
            self.lost.retain(|lost| !lost.is_about(client, None));
        }
        if made_it {
            // The next one finds no client.
            self.lost.iter_mut().any(|lost| lost.become_first(client));
        }
    }

    /// The removal of an instance: two events of one piece of work. Each of them alone others may record, of systems of theirs.
    fn wipe(&mut self, action: Action, told: &Told) -> Option<Act> {
        let of_work = || (told.correlation_id.clone(), told.target.name.clone());
        match action {
            Action::InstanceSecureDataWipe => self.wiped = Some(of_work()),
            Action::ServiceDelete if self.wiped == Some(of_work()) => {
                let name = &told.target.name;
                self.lost.retain(|lost| !lost.is_about(name, None));
                return Some(Act::Wipe(name.parse().ok()?));
            }
            _ => {}
        }
        None
    }

    /// A change that is lost: what administrators did by its name; what clients did to keys, and what was recorded of systems elsewhere, as a
    /// number.
    fn lose(&mut self, action: Action, told: &Told) {
        let of_key = matches!(action.object_type(), "kmip-key" | "kmip-key-attributes");
        let gain = self.gained.gain(action, told);
        let own = [Action::AccountApikeyUpdate, Action::ServiceCreate];
        let elsewhere = action.kind() == Kind::Management && !own.contains(&action);
        let of_key = of_key && action != Action::KeyApprove;
        if of_key || elsewhere || self.lost.len() >= LOST_MAX {
            return self.changed(action.short_name());
        }
        // Each of these says all of it.
        if [
            Action::ClientPermit,
            Action::ClientDisable,
            Action::InstanceRulesUpdate,
        ]
        .contains(&action)
        {
            let name = &told.target.name;
            self.lost.retain(|lost| !lost.is_about(name, Some(action)));
        }
        let named = |field| told.request_data.get(field).and_then(Value::as_str);
        let label = named("label").or_else(|| named("instance"));
        self.lost
            .push(Lost::of(action, &told.target.name, label, gain));
    }

    fn changed(&mut self, action: &str) {
        *self.changes.entry(action.to_owned()).or_default() += 1;
    }

    /// A client that was enabled again is not to be disabled; one that was disabled before the backup is enabled by hand.
    fn enabled(&mut self, told: &Told) {
        let before = self.taken.len() + self.lost.len();
        let name = &told.target.name;
        if let Ok(client) = name.parse::<ClientId>() {
            self.taken.retain(|taken| taken.act != Act::Disable(client));
        }
        let disabled = Some(Action::ClientDisable);
        self.lost.retain(|lost| !lost.is_about(name, disabled));
        if self.taken.len() + self.lost.len() == before {
            self.lose(Action::ClientEnable, told);
        }
    }

    /// Ends it: a key that was destroyed again is not lost, and a destruction that has not ended has to be asked for again.
    pub(super) fn end(&mut self) {
        let destroyed = self.taken.iter().filter_map(|taken| match taken.act {
            Act::Destroy(id) => Some(id),
            _ => None,
        });
        let destroyed: HashSet<_> = destroyed.collect();
        self.keys.retain(|key| !destroyed.contains(key));
        let made: HashSet<_> = self.keys.iter().collect();
        let asked = self.asked.iter().filter(|key| !made.contains(key));
        let asked = asked.map(|key| Lost::of(Action::KeyDestroy, &key.to_string(), None, None));
        self.lost.extend(asked);
    }
}

fn act(action: Action, told: &Told) -> Option<Act> {
    let name = &told.target.name;
    let field = |name: &str| told.request_data.get(name);
    match action {
        Action::KeyRestore | Action::KeyRefuse => Some(Act::CallOff(name.parse().ok()?)),
        Action::ClientPermit => {
            let (operations, windows) = (texts(field("operations"))?, texts(field("windows"))?);
            Act::permit(name.parse().ok()?, &operations, &windows)
        }
        Action::InstanceRulesUpdate => {
            let denied = Operations::from_names(texts(field("denied"))?).ok()?;
            Some(Act::Forbid(name.parse().ok()?, Rules { denied }))
        }
        Action::AccountApikeyUpdate
            if field("change").and_then(Value::as_str) == Some("remove") =>
        {
            Some(Act::ApiKey(name.parse().ok()?))
        }
        Action::AdministratorRemove => {
            let fingerprint = field("fingerprint").and_then(Value::as_str)?;
            Some(Act::Administrator(fingerprint.parse().ok()?))
        }
        Action::KeyDestroy => Some(Act::Destroy(name.parse().ok()?)),
        Action::KeyRevoke => {
            let reason = field("revocationReason").and_then(Value::as_str);
            let code = reason.and_then(code_named);
            let code = code.unwrap_or(RevocationReasonCode::Unspecified);
            Some(Act::Revoke(name.parse().ok()?, code))
        }
        Action::ClientDisable => Some(Act::Disable(name.parse().ok()?)),
        _ => None,
    }
}

fn code_named(name: &str) -> Option<RevocationReasonCode> {
    let mut all = RevocationReasonCode::ALL.iter();
    all.find(|code| code.name() == name).copied()
}

/// All texts of a list; none where it is no list of texts.
fn texts(list: Option<&Value>) -> Option<Vec<&str>> {
    list?.as_array()?.iter().map(Value::as_str).collect()
}

/// Whether an event may tell of a change; one that cannot be read may.
fn tells_of_a_change(json: &[u8]) -> bool {
    let Ok(told) = serde_json::from_slice::<Told>(json) else {
        return true;
    };
    let action = Action::from_name(&told.action);
    if action == Some(Action::KeyDestroy) {
        return true;
    }
    let is_recorded = told.request_data.get("recordedBy").is_some();
    told.outcome == Outcome::Success.as_str()
        && (is_recorded || action.is_none_or(changes_something))
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

#[cfg(test)]
mod tests;
