//! Retention: events at the start of the trail go once they are old, sealed, and had by every target that a route names.
//!
//! In two steps, so that nothing is ever missing without a sealed word about it. First an event says which go, and what targets never get because
//! of it. Once a checkpoint seals that event they go, page by page, behind the requests. Whatever happens in between goes on from what is
//! written down. What is not what was sealed is not removed: it is evidence.

mod gaps;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::audit::verification::removed;
use crate::audit::{Action, Data, Event, Failure, Field, Outcome};
use crate::domain::TargetId;
use crate::domain::retention::{Ageing, BLOCK, Old, Policy, Removable, Trail, removable};
use crate::ops::error::OpError;
use crate::ops::node;
use crate::ops::service::Service;
use crate::store::changeset::{Changeset, Precondition, Write};
use crate::store::{ApplyError, Behind, Cursor, Epochs, Removal, Sequence, Store, StoreError};

/// How often it looks where no checkpoint is made: events grow old all the same.
const EVERY: Duration = Duration::from_secs(600);
/// From one removal to the next, in seconds: each is an event.
const APART: i64 = 3600;
/// Between two pages, so that the removal of many takes little of the disk's time.
const PAUSE: Duration = Duration::from_millis(20);

/// The sequence of the first event that somebody who follows the trail has not taken.
pub type Reached = Box<dyn Fn() -> Sequence + Send + Sync>;

/// Removes what is old.
pub struct Retention {
    service: Arc<Service>,
    policy: Policy,
    hook: Option<Reached>,
}

/// Why nothing could be removed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Apply(#[from] ApplyError),
    #[error("{}", .0.detail)]
    Event(OpError),
}

impl Trouble {
    /// Whether the trail is at fault.
    const fn is_damage(&self) -> bool {
        matches!(self, Self::Store(StoreError::Damaged(_)))
    }

    /// Whether it passes: somebody moved a target meanwhile, the server stops, or the disk is full, which has events of its own.
    const fn passes(&self) -> bool {
        matches!(
            self,
            Self::Apply(ApplyError::Conflict | ApplyError::Closed | ApplyError::StorageFull)
                | Self::Store(StoreError::Closed)
        )
    }
}

/// What was said of how it goes.
#[derive(Debug, Default)]
pub(super) struct Said {
    /// It fails.
    failing: bool,
    /// The trail says that it fails.
    recorded: bool,
    /// Which target it waits for.
    pub(super) held_by: Option<TargetId>,
}

impl Retention {
    /// Will remove what this policy does not keep. An audit hook is waited for, whatever the limits.
    #[must_use]
    pub fn new(service: Arc<Service>, policy: Policy, hook: Option<Reached>) -> Self {
        Self {
            service,
            policy,
            hook,
        }
    }

    fn store(&self) -> &Store {
        self.service.store()
    }

    /// One step: removes what is to go already, or says what is to go.
    pub(super) async fn look(
        &self,
        said: &mut Said,
        stopping: &watch::Receiver<bool>,
    ) -> Result<(), Trouble> {
        let removal = self.store().removal().await?;
        if let Some(removal) = removal {
            if self.store().first().await? < removal.kept_from {
                return self.remove(removal, stopping).await;
            }
            let since = self.service.now_ms().div_euclid(1000) - removal.recorded;
            if (0..APART).contains(&since) {
                return Ok(());
            }
        }
        // Read once: whoever moves a target before the removal is committed has it decided again.
        let behind = self.store().behind(self.store().head()).await?;
        match self.removable(&behind, said).await? {
            Some(removable) => self.announce(removable, &behind, stopping).await,
            None => Ok(()),
        }
    }

    /// What may go.
    async fn removable(
        &self,
        behind: &[Behind],
        said: &mut Said,
    ) -> Result<Option<Removable>, Trouble> {
        let (store, now_ms) = (self.store(), self.service.now_ms());
        let trail = Trail {
            first: store.first().await?.0,
            sealed: store.sealed().await?,
            head: store.head().0,
        };
        let begins = self.begins().await?;
        if trail.first != begins {
            let what = format!("event {begins} of the trail is missing");
            return Err(StoreError::Damaged(what).into());
        }
        let slowest = self.slowest(behind, trail.head);
        let waits = self.hook.as_ref().map_or(u64::MAX, |hook| hook().0);
        let had = slowest.map_or(u64::MAX, |(had, _)| had).min(waits);
        let old = match self.policy.old_before(now_ms) {
            Some(before_ms) => {
                let until = trail.sealed.min(had.saturating_add(BLOCK));
                let old = self.old_until(before_ms, trail.first, until).await?;
                say_who_holds(said, slowest.filter(|(had, _)| old > *had));
                old
            }
            None => 0,
        };
        let too_old = match self.policy.too_old_before(now_ms) {
            Some(before_ms) => self.old_until(before_ms, trail.first, trail.sealed).await?,
            None => 0,
        };
        let old = Old { old, too_old };
        Ok(removable(&self.policy, trail, old, had, waits))
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

    /// The target of those that a route or the settings name that is furthest behind, and the first event that it has not.
    fn slowest(&self, behind: &[Behind], head: u64) -> Option<(u64, TargetId)> {
        let (routing, epochs) = (self.store().routing(), self.store().epochs());
        let named = behind
            .iter()
            .filter(|behind| routing.check_unused(behind.target).is_err());
        let has = |behind: &Behind| {
            let next = next_of(behind.cursor, &epochs, head);
            let parked = behind.parked.first().copied();
            (next.min(parked.unwrap_or(u64::MAX)), behind.target)
        };
        named.map(has).min()
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

    /// Records which events go, and what is not delivered because of it. They are compared with what was sealed first.
    async fn announce(
        &self,
        removable: Removable,
        behind: &[Behind],
        stopping: &watch::Receiver<bool>,
    ) -> Result<(), Trouble> {
        let (store, Removable { kept_from, why }) = (self.store(), removable);
        let first = store.first().await?.0;
        let (mut next, end) = (first / BLOCK, kept_from / BLOCK);
        while next < end {
            if *stopping.borrow() {
                return Ok(());
            }
            next = store.check_blocks(next..end).await?;
        }
        let (before, epoch) = (Sequence(kept_from), store.origin().epoch);
        let behind: Vec<_> = behind
            .iter()
            .filter_map(|behind| behind.before(before, epoch))
            .collect();
        let missed = self.missed(&behind, kept_from);
        let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let request = Data::new()
            .number(Field::Epoch, i64::from(epoch))
            .number(Field::FirstSequence, number(first))
            .number(Field::LastSequence, number(kept_from - 1))
            .text(Field::Reason, why.to_string());
        let event = node::event(&self.service, Action::TrailTrim, request);
        let mut changeset = Changeset::new(event.map_err(Trouble::Event)?);
        for event in self.skips(&missed)? {
            changeset.record(event);
        }
        changeset.require(Precondition::Behind(before, behind));
        let recorded = self.service.now_ms().div_euclid(1000);
        let gaps = missed.iter().flat_map(gaps::Missed::gaps).collect();
        changeset.write(Write::Removal(before, recorded, gaps));
        store.apply(changeset).await?;
        let last = kept_from - 1;
        tracing::info!(first, last, %why, "Events of the trail are removed once a checkpoint seals the event that says so.");
        for missed in &missed {
            let (target, events) = (&missed.name, missed.count());
            tracing::warn!(
                target,
                events,
                "Events are removed that a target was not given."
            );
        }
        Ok(())
    }

    /// Removes what a removal names, as far as its event is sealed.
    async fn remove(
        &self,
        removal: Removal,
        stopping: &watch::Receiver<bool>,
    ) -> Result<(), Trouble> {
        let store = self.store();
        if store.sealed().await? <= removal.event.0 {
            return Ok(());
        }
        loop {
            let first = store.first().await?;
            if first >= removal.kept_from {
                break;
            }
            let removed = store.remove_some().await;
            if removed == Err(ApplyError::Conflict) {
                // It says what is wrong with them.
                let blocks = first.0 / BLOCK..removal.kept_from.0 / BLOCK;
                store.check_blocks(blocks).await?;
            }
            removed?;
            // An epoch may have begun, whose first checkpoint has to seal it.
            if *stopping.borrow() || store.first().await? == first {
                return Ok(());
            }
            tokio::time::sleep(PAUSE).await;
        }
        let kept_from = removal.kept_from.0;
        tracing::info!(kept_from, "Old events of the trail were removed.");
        Ok(())
    }

    /// Says once that nothing can be removed, in the log and in the trail.
    pub(super) async fn tell(&self, trouble: &Trouble, said: &mut Said) {
        if trouble.passes() {
            return;
        }
        if !std::mem::replace(&mut said.failing, true) {
            tracing::error!(error = %trouble, "Old events of the trail could not be removed.");
        }
        if said.recorded {
            return;
        }
        let reason = if trouble.is_damage() {
            "the trail is not what was sealed"
        } else {
            "the trail cannot be read or written"
        };
        let request = Data::new().text(Field::Reason, reason);
        let event = node::event(&self.service, Action::TrailTrim, request);
        let failed = event.map(|event| Event {
            outcome: Outcome::Failure,
            reason: Failure::Internal.reason(),
            failure: Some(Failure::Internal),
            ..event
        });
        if let Ok(event) = failed {
            said.recorded = self.store().apply(Changeset::new(event)).await.is_ok();
        }
    }
}

/// Removes what is old after each checkpoint, and now and then, until `stopping` turns true.
pub async fn keep_retention(retention: Retention, mut stopping: watch::Receiver<bool>) {
    if !retention.policy.is_on() && !has_begun(&retention).await {
        return;
    }
    let mut sealed = retention.store().sealed_changed();
    let mut said = Said::default();
    loop {
        sealed.mark_unchanged();
        match retention.look(&mut said, &stopping).await {
            Ok(()) => (said.failing, said.recorded) = (false, false),
            Err(trouble) => retention.tell(&trouble, &mut said).await,
        }
        tokio::select! {
            // Errors mean that whoever could stop us, or seal anything, is gone.
            _ = stopping.wait_for(|stop| *stop) => return,
            there = sealed.changed() => if there.is_err() { return },
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

/// Whether a removal is to be brought to its end, though retention is off by now.
async fn has_begun(retention: &Retention) -> bool {
    let store = retention.store();
    match (store.removal().await, store.first().await) {
        (Ok(Some(removal)), Ok(first)) => first < removal.kept_from,
        _ => false,
    }
}

/// The first event that a target was not given. Where its cursor does not fit the trail, that is where it left it; none is known to be given
/// where that is not known.
fn next_of(cursor: Option<Cursor>, epochs: &Epochs, head: u64) -> u64 {
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
