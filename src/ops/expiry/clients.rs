//! Which certificates of clients are about to lapse. A disabled client's lapse without a warning.

use std::sync::Arc;

use super::Due;
use crate::audit::{Action, Data, Field, Target};
use crate::domain::clock::rfc3339;
use crate::domain::expiry::warning_due;
use crate::domain::{Client, ClientStatus, Clients, EnrolledCertificate, Instance};
use crate::store::changeset::Write;

pub(super) fn due(snapshot: &Clients, now: i64) -> Vec<Due> {
    let mut due = Vec::new();
    for client in snapshot.clients() {
        let Some(instance) = snapshot.instance(client.instance) else {
            continue;
        };
        if client.status == ClientStatus::Disabled {
            continue;
        }
        for held in &client.certificates {
            if let Some(days) = warning_due(held.not_after, held.warned, now) {
                due.push(of(&client, instance, held, days));
            }
        }
    }
    due
}

fn of(client: &Client, instance: &Instance, held: &EnrolledCertificate, days: u32) -> Due {
    Due {
        action: Action::ClientExpire,
        scope: Arc::clone(&instance.scope),
        target: Target::Resource(client.id.to_string()),
        sentence: "A client's certificate expires soon or has expired: enrol its successor.",
        name: client.label.clone(),
        fingerprint: held.fingerprint,
        end: held.not_after,
        data: Data::new()
            .text(Field::Label, &client.label)
            .text(Field::Fingerprint, held.fingerprint.to_string())
            .text(Field::Subject, &held.subject)
            .text(Field::NotAfter, rfc3339(held.not_after)),
        kept: Write::CertificateWarned(held.fingerprint, days),
    }
}
