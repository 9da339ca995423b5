//! What there is more of since a backup: instances, clients, their certificates, and CAs that are trusted for them. A restored database has none of it.
//!
//! Who replaced a client's certificate after the backup removed the old one, and not the client: where that alone is there, it must not be
//! taken for all that the client had.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::{Told, texts};
use crate::admin::restored::Act;
use crate::audit::Action;
use crate::crypto::Fingerprint;
use crate::domain::{ClientId, InstanceId};

/// What there is that the backup does not hold.
#[derive(Debug, Default)]
pub(super) struct Gained {
    /// The clients of the backup, and those that were made after it.
    known: HashSet<ClientId>,
    /// Those of them that were made after it.
    made: HashSet<ClientId>,
    /// The instances that were made after it.
    founded: HashSet<InstanceId>,
    /// The certificates and CAs that each has more.
    held: HashMap<ClientId, HashSet<Fingerprint>>,
}

/// One certificate or CA that a client gained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gain {
    pub(super) what: Fingerprint,
    /// Whether the client was there before it.
    pub(super) is_more: bool,
}

impl Gained {
    /// Nothing yet, where the backup holds these clients.
    pub(super) fn beside(clients: impl Iterator<Item = ClientId>) -> Self {
        Self {
            known: clients.collect(),
            ..Self::default()
        }
    }

    /// Notes what a client gained by this event, if it is of that kind, or that an instance was made.
    pub(super) fn gain(&mut self, action: Action, told: &Told) -> Option<Gain> {
        let field = match action {
            Action::ServiceCreate => {
                self.founded.extend(told.target.name.parse::<InstanceId>());
                return None;
            }
            Action::ClientAdd | Action::ClientIssue | Action::ClientApprove => "fingerprint",
            Action::ClientTrust => "authority",
            _ => return None,
        };
        let client = told.target.name.parse().ok()?;
        let what = told.request_data.get(field)?.as_str()?.parse().ok()?;
        self.held.entry(client).or_default().insert(what);
        let is_more = !self.known.insert(client);
        if !is_more {
            self.made.insert(client);
        }
        Some(Gain { what, is_more })
    }

    /// Whether what was said is of a client or an instance that the backup does not hold: it cannot be said of them again.
    pub(super) fn is_of_more(&self, act: &Act) -> bool {
        match act {
            Act::Permit(client, _) | Act::Disable(client) => self.made.contains(client),
            Act::Forbid(instance, _) => self.founded.contains(instance),
            _ => false,
        }
    }

    /// Whether a client that was made after the backup has lost all that it had. What it gains then, if it is there yet, makes it anew.
    pub(super) fn let_go(&mut self, client: &str) -> bool {
        let Ok(client) = client.parse::<ClientId>() else {
            return false;
        };
        let left = self.held.get(&client).map_or(0, HashSet::len);
        let is_gone = self.made.contains(&client) && left == 0;
        if is_gone {
            self.known.remove(&client);
        }
        is_gone
    }

    /// What this event says that was taken from a client, and which certificates and CAs that are.
    pub(super) fn removal(&mut self, told: &Told) -> Option<(Act, Vec<Fingerprint>)> {
        let client = told.target.name.parse().ok()?;
        let field = |name: &str| told.request_data.get(name);
        if let Some(ca) = field("authority").and_then(Value::as_str) {
            let ca = ca.parse().ok()?;
            // With what it enrolled.
            let mut gone = fingerprints(field("fingerprint")).unwrap_or_default();
            gone.push(ca);
            self.keeps_some(client, &gone);
            return Some((Act::Untrust(client, ca), gone));
        }
        let listed = [field("fingerprint"), field("authority")].map(fingerprints);
        // The list of a removed client that had more than an event names is cut, and says so.
        let [Some(certificates), Some(authorities)] = listed else {
            self.held.remove(&client);
            return Some((Act::Disable(client), Vec::new()));
        };
        let gone = [&certificates[..], &authorities].concat();
        let keeps = self.keeps_some(client, &gone);
        // More than one certificate goes only with the client.
        let act = if keeps && authorities.is_empty() && certificates.len() == 1 {
            Act::RemoveCertificates(client, certificates)
        } else {
            Act::Remove(client, certificates, authorities)
        };
        Some((act, gone))
    }

    /// Takes these from what a client gained; whether something of that is left.
    fn keeps_some(&mut self, client: ClientId, gone: &[Fingerprint]) -> bool {
        let Some(held) = self.held.get_mut(&client) else {
            return false;
        };
        held.retain(|one| !gone.contains(one));
        !held.is_empty()
    }
}

/// The fingerprints of a list, none of them where it is not there; none where one is something else.
fn fingerprints(list: Option<&Value>) -> Option<Vec<Fingerprint>> {
    let named = texts(list).unwrap_or_default();
    named.iter().map(|one| one.parse().ok()).collect()
}
