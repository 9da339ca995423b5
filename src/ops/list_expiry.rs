//! Warns of certificate revocation lists that are about to lapse, in the trail and in the log, as of certificates: 30, 7 and 1 days before, and once they
//! have. A list that has lapsed still counts; it says nothing of what was revoked since.

use std::sync::Arc;

use crate::audit::{Action, Data, Event, Field, Outcome, ReasonCode, Target};
use crate::domain::clock::rfc3339;
use crate::domain::expiry::{days_left, warning_due};
use crate::domain::{Anchor, Initiator, Revocation};
use crate::ops::error::OpError;
use crate::ops::service::Service;
use crate::store::changeset::{Changeset, Write};

/// Gives the warnings that are due.
pub(super) async fn look(service: &Service) {
    let clients = service.store().clients();
    let now = service.now_ms().div_euclid(1000);
    for held in clients.revocations() {
        let mut anchors = clients.anchors().iter();
        let anchor = anchors.find(|anchor| held.is_of(&anchor.certificate));
        let due = due(held, now);
        if let (Some(anchor), Some(days)) = (anchor, due) {
            warn(service, anchor, held, days).await;
        }
    }
}

/// Lists are short-lived: what of a list's whole life is warned of is not worth a warning.
fn due(held: &Revocation, now: i64) -> Option<u32> {
    let lifetime = held.list.next_update.saturating_sub(held.list.this_update);
    let days = warning_due(held.list.next_update, held.warned, now)?;
    let is_short = lifetime <= i64::from(days) * 2 * 86_400;
    (days == 0 || !is_short).then_some(days)
}

async fn warn(service: &Service, anchor: &Anchor, held: &Revocation, days: u32) {
    let ca = anchor.certificate.fingerprint();
    let given = match changeset(service, anchor, held, days) {
        Ok(Some(changeset)) => {
            let applied = service.store().apply(changeset).await;
            applied.map(|_| ()).map_err(OpError::from)
        }
        Ok(None) => return,
        Err(error) => Err(error),
    };
    match given {
        Ok(()) => {
            tracing::warn!(%ca, days, "A trusted CA's revocation list lapses or has lapsed: fetch the next one.");
        }
        // It is due again the next time.
        Err(error) => {
            tracing::error!(%ca, detail = error.detail, "A revocation list's end could not be warned of.");
        }
    }
}

fn changeset(
    service: &Service,
    anchor: &Anchor,
    held: &Revocation,
    days: u32,
) -> Result<Option<Changeset>, OpError> {
    let clients = service.store().clients();
    let Some(client) = clients.client(anchor.client) else {
        return Ok(None);
    };
    let Some(instance) = clients.instance(client.instance) else {
        return Ok(None);
    };
    let now_ms = service.now_ms();
    let next_update = held.list.next_update;
    let event = Event {
        id: service.event_id(now_ms)?,
        time_ms: now_ms,
        action: Action::RevocationListExpire,
        outcome: Outcome::Success,
        initiator: Arc::new(Initiator::server(&service.store().origin().name)),
        scope: Arc::clone(&instance.scope),
        target: Target::Resource(client.id.to_string()),
        reason: ReasonCode::Ok,
        failure: None,
        request: Data::new()
            .text(Field::Label, &client.label)
            .text(
                Field::Authority,
                anchor.certificate.fingerprint().to_string(),
            )
            .text(Field::NextUpdate, rfc3339(next_update))
            .number(
                Field::DaysLeft,
                days_left(next_update, now_ms.div_euclid(1000)),
            ),
        response: Data::new(),
        correlation: service.request_id(now_ms)?,
    };
    let mut changeset = Changeset::new(event);
    changeset.write(Write::RevocationWarned(held.ca_key, days));
    Ok(Some(changeset))
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
            due(&held, (lifetime - left) * DAY)
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
