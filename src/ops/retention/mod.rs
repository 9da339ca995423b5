//! Retention: events at the start of the trail go once they are old, sealed, and had by every target that a route names.
//!
//! In two steps, so that nothing is ever missing without a sealed word about it. First an event says which go, and what targets never get because
//! of it. Once a checkpoint seals that event they go, page by page, behind the requests. Whatever happens in between goes on from what is
//! written down. What is not what was sealed is not removed: it is evidence.

mod decision;
mod gaps;

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::audit::{Action, Data, Event, Failure, Field, Outcome};
use crate::domain::TargetId;
use crate::domain::retention::{BLOCK, Policy, Removable};
use crate::ops::error::OpError;
use crate::ops::node;
use crate::ops::service::Service;
use crate::store::changeset::{Changeset, Precondition, Write};
use crate::store::retention::BLOCKS_PER_PAGE;
use crate::store::{ApplyError, Removal, Sequence, Store, StoreError};

use decision::{Seen, Standing};

/// How often it looks where no checkpoint is made: events grow old all the same.
const EVERY: Duration = Duration::from_secs(600);
/// From one removal to the next, in seconds: each is an event.
const APART: i64 = 3600;
/// Between two pages, so that the removal of many takes little of the disk's time.
const PAUSE: Duration = Duration::from_millis(20);

/// How often what goes is decided at one look, where targets move before that is committed.
const TRIES: usize = 8;

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
    /// Where the trail was found to be other than sealed.
    damage: Option<Damage>,
    /// Somebody moved a target each time.
    pub(super) contended: bool,
    /// Which target it waits for.
    pub(super) held_by: Option<TargetId>,
}

/// A block that is not what was sealed.
#[derive(Debug)]
struct Damage {
    /// Its first event.
    first: u64,
    /// What is wrong.
    what: String,
    /// When it was found, seconds since 1970.
    found: i64,
}

impl Said {
    /// A look came to its end. While there is damage that is looked at again later, that tells nothing.
    pub(super) const fn goes_well(&mut self) {
        if self.damage.is_none() {
            (self.failing, self.recorded) = (false, false);
        }
    }

    /// Nothing may go from this event on, where damage is known.
    fn bound(&self) -> u64 {
        self.damage.as_ref().map_or(u64::MAX, |damage| damage.first)
    }

    fn check(&self) -> Result<(), Trouble> {
        match &self.damage {
            Some(damage) => Err(StoreError::Damaged(damage.what.clone()).into()),
            None => Ok(()),
        }
    }
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
        let now = self.service.now_ms().div_euclid(1000);
        let is_due = |damage: &mut Damage| !(0..APART).contains(&(now - damage.found));
        said.damage.take_if(is_due);
        let standing = self.standing().await?;
        let seen = self.see(&standing, said).await?;
        let announced = match self.removable(&seen, &standing) {
            Some(Removable { kept_from, .. }) => {
                let events = seen.trail.first..kept_from;
                let checked = self.check(events, said, stopping).await?;
                if *stopping.borrow() {
                    return Ok(());
                }
                self.announce(&seen.until(checked), said).await
            }
            None => Ok(()),
        };
        said.check().and(announced)
    }

    /// Compares whole blocks of events with what was sealed, and gives the event after the last that is. Where there is one that is not is
    /// remembered: neither it nor anything before it is read again at each look.
    async fn check(
        &self,
        events: Range<u64>,
        said: &mut Said,
        stopping: &watch::Receiver<bool>,
    ) -> Result<u64, Trouble> {
        let (mut next, end) = (events.start / BLOCK, events.end / BLOCK);
        let mut is_near = false;
        while next < end && !*stopping.borrow() {
            // One of several is bad: which one shows when each is compared alone.
            let blocks = next..if is_near { next + 1 } else { end };
            match self.store().check_blocks(blocks).await {
                Ok(checked) => next = checked,
                Err(StoreError::Damaged(_)) if !is_near => is_near = true,
                Err(StoreError::Damaged(what)) => {
                    let (first, found) = (next * BLOCK, self.service.now_ms().div_euclid(1000));
                    said.damage = Some(Damage { first, what, found });
                    break;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(next * BLOCK)
    }

    /// Says which events go. That takes long enough to check for targets to move meanwhile: what goes and who misses what is decided only now,
    /// and again where somebody moves all the same.
    async fn announce(&self, seen: &Seen, said: &mut Said) -> Result<(), Trouble> {
        for _ in 0..TRIES {
            let standing = self.standing().await?;
            let Some(removable) = self.removable(seen, &standing) else {
                return Ok(());
            };
            let recorded = self.record(removable, seen.trail.first, &standing).await;
            if !matches!(recorded, Err(Trouble::Apply(ApplyError::Conflict))) {
                said.contended &= recorded.is_err();
                return recorded;
            }
        }
        if !std::mem::replace(&mut said.contended, true) {
            tracing::warn!(
                tries = TRIES,
                "Old events stay for now: each time it was decided what targets miss, one of them moved on or routes changed. It is tried again."
            );
        }
        Err(ApplyError::Conflict.into())
    }

    /// Records which events go, and what is not delivered because of it.
    async fn record(
        &self,
        removable: Removable,
        first: u64,
        standing: &Standing,
    ) -> Result<(), Trouble> {
        let (store, Removable { kept_from, why }) = (self.store(), removable);
        let (before, epoch) = (Sequence(kept_from), store.origin().epoch);
        let behind: Vec<_> = standing
            .behind
            .iter()
            .filter_map(|behind| behind.before(before, epoch))
            .collect();
        let missed = self.missed(&standing.routing, &behind, kept_from);
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
        changeset.require(Precondition::Routing(Arc::clone(&standing.routing)));
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
            // What was altered since it was announced stays, too.
            let (next, end) = (first.0 / BLOCK, removal.kept_from.0 / BLOCK);
            store
                .check_blocks(next..end.min(next + BLOCKS_PER_PAGE))
                .await?;
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
            Ok(()) => said.goes_well(),
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
