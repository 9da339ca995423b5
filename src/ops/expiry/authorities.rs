//! Which CAs that are trusted for clients are about to lapse: then they enrol nobody more. Those of a disabled client lapse without a warning.

use std::sync::Arc;

use super::Due;
use crate::audit::{Action, Data, Field, Target};
use crate::domain::clock::rfc3339;
use crate::domain::expiry::warning_due;
use crate::domain::{Anchor, Client, ClientStatus, Clients, Instance};
use crate::store::changeset::Write;

pub(super) fn due(snapshot: &Clients, now: i64) -> Vec<Due> {
    let mut due = Vec::new();
    for anchor in snapshot.anchors() {
        let client = snapshot.client(anchor.client);
        let Some(client) = client.filter(|client| client.status == ClientStatus::Enabled) else {
            continue;
        };
        let Some(instance) = snapshot.instance(client.instance) else {
            continue;
        };
        if let Some(days) = warning_due(anchor.certificate.not_after(), anchor.warned, now) {
            due.push(of(client, instance, anchor, days));
        }
    }
    due
}

fn of(client: &Client, instance: &Instance, anchor: &Anchor, days: u32) -> Due {
    let ca = &anchor.certificate;
    Due {
        action: Action::TrustedAuthorityExpire,
        scope: Arc::clone(&instance.scope),
        target: Target::Resource(client.id.to_string()),
        sentence: "A CA that is trusted for a client expires soon or has expired: trust its successor.",
        name: client.label.clone(),
        fingerprint: ca.fingerprint(),
        end: ca.not_after(),
        data: Data::new()
            .text(Field::Label, &client.label)
            .text(Field::Authority, ca.fingerprint().to_string())
            .text(Field::Subject, ca.subject())
            .text(Field::NotAfter, rfc3339(ca.not_after())),
        kept: Write::AnchorWarned(client.id, ca.fingerprint(), days),
    }
}
