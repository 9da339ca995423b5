//! What may go: decided by how old events are, and by where the targets stand.

use std::sync::Arc;

use super::{Retention, Said, Trouble};
use crate::audit::verification::removed;
use crate::domain::TargetId;
use crate::domain::retention::{Ageing, BLOCK, Old, Removable, Trail, removable};
use crate::domain::routing::Routing;
use crate::store::{Behind, Cursor, Epochs, Removal, StoreError};

/// The trail and how far it is old. Both only grow, so a removal may be decided by them later.
pub(super) struct Seen {
    pub(super) trail: Trail,
    old: Old,
}

impl Seen {
    /// The same, with nothing from this event on to be removed.
    pub(super) fn until(mut self, end: u64) -> Self {
        self.trail.sealed = self.trail.sealed.min(end);
        self
    }
}

/// Where those stand who are waited for. Whoever changes it before a removal is committed has that decided again.
pub(super) struct Standing {
    pub(super) routing: Arc<Routing>,
    pub(super) behind: Vec<Behind>,
    /// The target of those that a route or the settings name that is furthest behind, and the first event that it has not.
    slowest: Option<(u64, TargetId)>,
    /// The first event that an audit hook has not.
    waits: u64,
}

impl Standing {
    /// The first event that somebody has not.
    fn had(&self) -> u64 {
        let had = self.slowest.map_or(u64::MAX, |(had, _)| had);
        had.min(self.waits)
    }
}

impl Retention {
    /// Where the targets and the audit hook stand now.
    pub(super) async fn standing(&self) -> Result<Standing, Trouble> {
        let (store, head) = (self.store(), self.store().head());
        let routing = store.routing();
        let behind = store.behind(head).await?;
        let slowest = slowest(&routing, &behind, &store.epochs(), head.0);
        let waits = self.hook.as_ref().map_or(u64::MAX, |hook| hook().0);
        Ok(Standing {
            routing,
            behind,
            slowest,
            waits,
        })
    }

    /// What may go.
    pub(super) fn removable(&self, seen: &Seen, standing: &Standing) -> Option<Removable> {
        let (had, waits) = (standing.had(), standing.waits);
        removable(&self.policy, seen.trail, seen.old, had, waits)
    }

    /// Reads the trail, and how far it is old.
    pub(super) async fn see(&self, standing: &Standing, said: &mut Said) -> Result<Seen, Trouble> {
        let (store, now_ms) = (self.store(), self.service.now_ms());
        let trail = Trail {
            first: store.first().await?.0,
            sealed: store.sealed().await?.min(said.bound()),
            head: store.head().0,
        };
        let begins = self.begins().await?;
        if trail.first != begins {
            let what = format!("event {begins} of the trail is missing");
            return Err(StoreError::Damaged(what).into());
        }
        let old = match self.policy.old_before(now_ms) {
            Some(before_ms) => {
                let until = trail.sealed.min(standing.had().saturating_add(BLOCK));
                let old = self.old_until(before_ms, trail.first, until).await?;
                say_who_holds(said, standing.slowest.filter(|(had, _)| old > *had));
                old
            }
            None => 0,
        };
        let too_old = match self.policy.too_old_before(now_ms) {
            Some(before_ms) => self.old_until(before_ms, trail.first, trail.sealed).await?,
            None => 0,
        };
        let old = Old { old, too_old };
        Ok(Seen { trail, old })
    }

    /// The event that the trail begins with, as the last removal says: what somebody else took out is not covered by the next one.
    async fn begins(&self) -> Result<u64, Trouble> {
        let Some(Removal { event, .. }) = self.store().removal().await? else {
            return Ok(0);
        };
        let page = self.store().sealed_events(event, 1).await?;
        let said = page
            .events
            .first()
            .filter(|stored| stored.sequence == event);
        let said = said.and_then(|stored| {
            let mut json = Vec::new();
            stored.event.write_json(&mut json);
            removed(event.0, &json)
        });
        let what = || format!("event {event} of the trail does not say what was removed");
        let said = said.ok_or_else(|| StoreError::Damaged(what()))?;
        Ok(said.last.saturating_add(1))
    }

    /// Up to where events happened before a time; not beyond `until`.
    async fn old_until(&self, before_ms: i64, first: u64, until: u64) -> Result<u64, Trouble> {
        let (mut next, end) = (first / BLOCK, until / BLOCK);
        let mut ageing = Ageing::new(before_ms, first);
        let now_ms = self.service.now_ms();
        while next < end {
            for block in self.store().block_times(next..end, now_ms).await? {
                if !ageing.takes(block.end.0, block.newest_ms) {
                    return Ok(ageing.end());
                }
                next += 1;
            }
        }
        Ok(ageing.end())
    }
}

/// The target that a route or the settings name that is furthest behind, and the first event that it has not.
fn slowest(
    routing: &Routing,
    behind: &[Behind],
    epochs: &Epochs,
    head: u64,
) -> Option<(u64, TargetId)> {
    let named = behind
        .iter()
        .filter(|behind| routing.check_unused(behind.target).is_err());
    let has = |behind: &Behind| {
        let next = next_of(behind.cursor, epochs, head);
        let parked = behind.parked.first().copied();
        (next.min(parked.unwrap_or(u64::MAX)), behind.target)
    };
    named.map(has).min()
}

/// The first event that a target was not given. Where its cursor does not fit the trail, that is where it left it; none is known to be given
/// where that is not known.
pub(super) fn next_of(cursor: Option<Cursor>, epochs: &Epochs, head: u64) -> u64 {
    let Some(Cursor { epoch, next, .. }) = cursor else {
        // Who was never given anything begins at the head.
        return head;
    };
    let later = epochs.all.iter().find(|one| one.number > epoch);
    let is_known = later.is_some() || epochs.all.iter().any(|one| one.number == epoch);
    match later {
        _ if next.0 > head || !is_known => 0,
        Some(later) => next.min(later.first).0,
        None => next.0,
    }
}

/// Says once which target keeps old events from being removed.
fn say_who_holds(said: &mut Said, slowest: Option<(u64, TargetId)>) {
    let held_by = slowest.map(|(_, target)| target);
    if said.held_by != held_by
        && let Some((next, target)) = slowest
    {
        tracing::warn!(%target, next, "Old events are kept until a target has them.");
    }
    said.held_by = held_by;
}
