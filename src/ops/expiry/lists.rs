//! Which certificate revocation lists are about to lapse. A list that has lapsed still counts; it says nothing of what was revoked since.

use std::sync::Arc;

use super::Due;
use crate::audit::{Action, Data, Field, Target};
use crate::domain::clock::rfc3339;
use crate::domain::expiry::warning_due;
use crate::domain::{Anchor, Clients, Revocation};
use crate::store::changeset::Write;

pub(super) fn due(snapshot: &Clients, now: i64) -> Vec<Due> {
    let each = snapshot.revocations().iter().filter_map(|held| {
        let mut anchors = snapshot.anchors().iter();
        let anchor = anchors.find(|anchor| held.is_of(&anchor.certificate))?;
        of(snapshot, anchor, held, days_due(held, now)?)
    });
    each.collect()
}

/// Lists are short-lived: what of a list's whole life is warned of is not worth a warning.
fn days_due(held: &Revocation, now: i64) -> Option<u32> {
    let lifetime = held.list.next_update.saturating_sub(held.list.this_update);
    let days = warning_due(held.list.next_update, held.warned, now)?;
    let is_short = lifetime <= i64::from(days) * 2 * 86_400;
    (days == 0 || !is_short).then_some(days)
}

fn of(snapshot: &Clients, anchor: &Anchor, held: &Revocation, days: u32) -> Option<Due> {
    let client = snapshot.client(anchor.client)?;
    let instance = snapshot.instance(client.instance)?;
    let ca = anchor.certificate.fingerprint();
    let end = held.list.next_update;
    Some(Due {
        action: Action::RevocationListExpire,
        scope: Arc::clone(&instance.scope),
        target: Target::Resource(client.id.to_string()),
        sentence: "A trusted CA's revocation list lapses soon or has lapsed: fetch the next one.",
        name: client.label.clone(),
        fingerprint: ca,
        end,
        data: Data::new()
            .text(Field::Label, &client.label)
            .text(Field::Authority, ca.to_string())
            .text(Field::NextUpdate, rfc3339(end)),
        kept: Write::RevocationWarned(held.ca_key, days),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::Fingerprint;
    use crate::crypto::certificate::revocation::RevocationList;

    const DAY: i64 = 86_400;

    #[test]
    fn a_list_is_warned_of_in_the_last_part_of_its_life_and_once_it_has_lapsed() {
        let days = |lifetime: i64, left: i64| {
            let dates = (0, lifetime * DAY);
            let print = Fingerprint::of(b"list");
            let held = Revocation {
                ca_key: [1; 32],
                list: RevocationList::from_stored(print, None, dates, &[]),
                warned: None,
            };
            days_due(&held, (lifetime - left) * DAY)
        };
        assert_eq!(days(90, 31), None);
        assert_eq!(days(90, 30), Some(30));
        assert_eq!(
            days(30, 20),
            None,
            "a month's list is not warned of at once"
        );
        assert_eq!(days(30, 7), Some(7));
        assert_eq!(days(7, 6), None);
        assert_eq!(days(7, 1), Some(1));
        assert_eq!(days(1, 1), None);
        assert_eq!(days(1, -1), Some(0));
    }
}
