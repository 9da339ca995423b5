//! Which certificates of administrators are about to lapse: then nobody comes in by them any more.

use std::sync::Arc;

use super::Due;
use crate::audit::{Action, Data, Field, Target};
use crate::domain::clock::rfc3339;
use crate::domain::expiry::warning_due;
use crate::domain::{Administrator, Administrators, Scope};
use crate::store::changeset::Write;

pub(super) fn due(scope: &Arc<Scope>, snapshot: &Administrators, now: i64) -> Vec<Due> {
    let all = snapshot.certificates();
    let due = all.iter().filter_map(|held| {
        let days = warning_due(held.not_after, held.warned, now)?;
        Some(of(scope, held, days))
    });
    due.collect()
}

fn of(scope: &Arc<Scope>, held: &Administrator, days: u32) -> Due {
    Due {
        action: Action::AdministratorExpire,
        scope: Arc::clone(scope),
        target: Target::Resource(held.label.clone()),
        sentence: "An administrator's certificate expires soon or has expired: have its holder add the successor with it, and remove it then.",
        name: held.label.clone(),
        fingerprint: held.fingerprint,
        end: held.not_after,
        data: Data::new()
            .text(Field::Label, &held.label)
            .text(Field::Role, held.role.as_str())
            .text(Field::Fingerprint, held.fingerprint.to_string())
            .text(Field::Subject, &held.subject)
            .text(Field::NotAfter, rfc3339(held.not_after)),
        kept: Write::AdministratorWarned(held.fingerprint, days),
    }
}
