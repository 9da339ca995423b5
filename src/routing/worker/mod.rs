//! What feeds one target: it follows the trail from the target's cursor, delivers what is meant for the target, and keeps how far it is.
//!
//! In order, at least once, and never at the cost of a request. The cursor is durable before the next batch, so that a crash repeats at most one. A
//! batch that fails comes again after a wait; what the target refuses for good is parked alone, and the rest goes on. A cursor that does not fit
//! the trail is not moved: an operator says where to go on.

mod hand_over;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::audit::Event;
use crate::crypto::Random;
use crate::domain::routing::Rendering;
use crate::domain::{Clock, TargetId};
use crate::routing::retry::{Timer, wait_after};
use crate::routing::standing::Standing;
use crate::routing::target::{BatchLimits, Deliver, RECORDS_MAX};
use crate::store::{
    ApplyError, Cursor, Delivered, Epochs, Parked, Room, Sequence, Store, StoreError,
};

/// Events read at once at least, as few as a batch may hold: most may be for others.
const PAGE_MIN: usize = 64;
/// How long a worker that had little to deliver waits for more: each batch costs a sync.
const LINGER: Duration = Duration::from_millis(100);
/// With so many events to come it does not wait.
const BATCH_WORTH: usize = 100;
/// The longest that a target is left alone because it asks for that.
const LEFT_ALONE_MAX: Duration = Duration::from_secs(300);
/// Events that may be parked for one target; then it is held.
pub const PARKED_MAX: u64 = 10_000;

/// Says whether an event is meant for the target, as of now.
pub type Wants = Arc<dyn Fn(&Event) -> bool + Send + Sync>;

/// Says whether checkpoints are meant for the target, as of now.
pub type WantsCheckpoints = Arc<dyn Fn() -> bool + Send + Sync>;

/// A target and what it is to get.
pub struct Assignment<D> {
    /// Its identifier.
    pub target: TargetId,
    /// Its name, for the log.
    pub name: String,
    /// Delivers to it.
    pub deliver: D,
    /// What a batch may hold.
    pub limits: BatchLimits,
    /// How old events become before they are delivered, unless a batch is full.
    pub linger: Duration,
    /// How events are written for it.
    pub rendering: Rendering,
    /// Which events it gets.
    pub wants: Wants,
    /// Whether it gets checkpoints.
    pub wants_checkpoints: WantsCheckpoints,
}

/// What a worker gets from the server it runs in.
#[derive(Clone)]
pub struct Means {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Chance, for waits.
    pub random: Arc<dyn Random>,
    /// Waits.
    pub timer: Arc<dyn Timer>,
}

/// Feeds one target.
pub struct Worker<D> {
    store: Store,
    means: Means,
    assignment: Assignment<D>,
    /// How far the target is.
    cursor: Cursor,
    /// The same as it is kept; it is behind only by events that are not meant for the target, or on a full disk.
    kept: Option<Cursor>,
    /// The size of the newest checkpoint that was looked at.
    looked: u64,
    /// The version of what administrators moved that was looked at.
    seen: u64,
    /// The disk is full: what became of the last delivery was not kept.
    is_unkept: bool,
    standing: watch::Sender<Standing>,
    head: watch::Receiver<Sequence>,
    sealed: watch::Receiver<u64>,
    moved: watch::Receiver<u64>,
    room: watch::Receiver<Room>,
}

/// Why a round came to nothing.
enum Trouble {
    /// It is tried again after a wait, which the target may ask to be so long at least.
    Again(String, Duration),
    /// Somebody moved the target.
    Moved,
    /// The store is closed: the end.
    Closed,
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Closed => Self::Closed,
            error => Self::again(error.to_string()),
        }
    }
}

impl Trouble {
    const fn again(reason: String) -> Self {
        Self::Again(reason, Duration::ZERO)
    }
}

/// What a round came to.
enum Round {
    /// Something was delivered, or passed.
    Done,
    /// There is nothing to do.
    Idle,
    /// What there is waits for more, so long at most.
    Lingers(Duration),
}

/// How long to wait after a round.
enum Pause {
    /// So long.
    For(Duration),
    /// So long, or until there are more events than a batch holds.
    UntilFull(Duration),
    /// Until there is something to do.
    UntilWork,
}

impl<D: Deliver> Worker<D> {
    /// Feeds a target from the cursor that is kept of it; where there is none, from the head of the trail.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn new(
        store: &Store,
        means: Means,
        assignment: Assignment<D>,
    ) -> Result<Self, StoreError> {
        let kept = store.cursor(assignment.target).await?;
        let cursor = kept.unwrap_or_else(|| store.cursor_at_head());
        let standing = Standing {
            next: cursor.next,
            ..Standing::default()
        };
        Ok(Self {
            store: store.clone(),
            means,
            assignment,
            cursor,
            kept,
            looked: cursor.checkpoint,
            seen: 0,
            is_unkept: false,
            standing: watch::Sender::new(standing),
            head: store.head_changed(),
            sealed: store.sealed_changed(),
            moved: store.delivery_changed(),
            room: store.room_changed(),
        })
    }

    /// How the target stands, as it changes.
    #[must_use]
    pub fn standing(&self) -> watch::Receiver<Standing> {
        self.standing.subscribe()
    }

    /// Delivers until `stopping` turns true. The batch in hand is brought to an end; to drop the future instead repeats that batch at the next
    /// start.
    pub async fn run(mut self, mut stopping: watch::Receiver<bool>) {
        // An error means that whoever could stop us is gone: that is a stop too.
        while !*stopping.borrow() && stopping.has_changed().is_ok() {
            let pause = match self.round().await {
                Ok(Round::Done) if self.is_behind() => continue,
                Ok(Round::Done) => Pause::For(LINGER),
                Ok(Round::Idle) => Pause::UntilWork,
                Ok(Round::Lingers(wait)) => Pause::UntilFull(wait),
                Err(Trouble::Closed) => return,
                Err(Trouble::Moved) => match self.start_again().await {
                    Ok(()) => continue,
                    Err(StoreError::Closed) => return,
                    // A cursor that is not the kept one moves nothing, and leads here again.
                    Err(error) => Pause::For(self.wait_after_failure(error.to_string())),
                },
                Err(Trouble::Again(reason, asked)) => Pause::For(
                    self.wait_after_failure(reason)
                        .max(asked.min(LEFT_ALONE_MAX)),
                ),
            };
            tokio::select! {
                _ = stopping.wait_for(|stop| *stop) => {}
                () = self.pause(&pause) => {}
            }
        }
        if self.kept != Some(self.cursor) && self.standing.borrow().held.is_none() {
            // What is not kept comes again.
            drop(self.keep(self.cursor, Vec::new()).await);
        }
    }

    /// Notes a failure, and how long to wait before the next try.
    fn wait_after_failure(&self, reason: String) -> Duration {
        wait_after(self.note_failure(reason), &*self.means.random)
    }

    /// Whether a batch is waiting already.
    fn is_behind(&self) -> bool {
        let waiting = self.head.borrow().0.saturating_sub(self.cursor.next.0);
        let batch = self.assignment.limits.records.clamp(1, BATCH_WORTH);
        usize::try_from(waiting).map_or(true, |waiting| waiting >= batch)
    }

    /// Waits so long, or until there is something to do; in either case no longer than until somebody moves a target, or the disk becomes full
    /// or has room again.
    async fn pause(&mut self, pause: &Pause) {
        let (next, looked, seen) = (self.cursor.next, self.looked, self.seen);
        let (wait, enough) = match pause {
            Pause::For(wait) => (Some(*wait), None),
            Pause::UntilFull(wait) => (
                Some(*wait),
                Some(next.plus(u64::try_from(self.page()).unwrap_or(u64::MAX))),
            ),
            Pause::UntilWork => (None, Some(next.plus(1))),
        };
        let is_held = self.standing.borrow().held.is_some();
        let has_work = !is_held && wait.is_none();
        let enough = enough.filter(|_| !is_held);
        // A sender that is gone: the next look at the store says that it is closed.
        tokio::select! {
            () = self.means.timer.sleep(wait.unwrap_or_default()), if wait.is_some() => {}
            _ = self.head.wait_for(|head| enough.is_some_and(|enough| *head >= enough)), if enough.is_some() => {}
            _ = self.sealed.wait_for(|size| *size > looked && *size <= next.0), if has_work => {}
            _ = self.moved.wait_for(|version| *version != seen) => {}
            _ = self.room.changed() => {}
        }
    }

    /// How many events are read at once.
    fn page(&self) -> usize {
        let records = self.assignment.limits.records;
        records.clamp(PAGE_MIN, RECORDS_MAX)
    }

    /// Delivers one thing, if there is one: what is due again, a checkpoint, or the next events.
    async fn round(&mut self) -> Result<Round, Trouble> {
        let version = *self.moved.borrow_and_update();
        if version != self.seen {
            self.seen = version;
            if self.store.cursor(self.assignment.target).await? != self.kept {
                return Err(Trouble::Moved);
            }
        }
        if self.is_held() {
            return Ok(Round::Idle);
        }
        let has_room = *self.room.borrow_and_update() == Room::Enough;
        if self.kept.is_none() || has_room && self.is_unkept {
            self.keep(self.cursor, Vec::new()).await?;
        }
        // Where it cannot be kept that the target took it, it would come again and again.
        if has_room
            && !self.is_unkept
            && let Some(parked) = self.store.due(self.assignment.target).await?
        {
            self.deliver_parked(parked).await?;
            return Ok(Round::Done);
        }
        let sealed = *self.sealed.borrow_and_update();
        if sealed > self.looked && sealed <= self.cursor.next.0 {
            if self.deliver_checkpoint().await? {
                return Ok(Round::Done);
            }
            self.looked = sealed;
        }
        if *self.head.borrow_and_update() > self.cursor.next {
            return self.deliver_events().await;
        }
        Ok(Round::Idle)
    }

    /// Whether the cursor does not fit the trail; says so once.
    fn is_held(&self) -> bool {
        let held = misfit(self.cursor, &self.store.epochs(), self.store.head());
        if let Some(reason) = &held
            && self.standing.borrow().held.is_none()
        {
            tracing::error!(
                target = self.assignment.name,
                reason,
                "Nothing is delivered to a target."
            );
        }
        let is_held = held.is_some();
        self.standing.send_if_modified(|standing| {
            let is_new = standing.held != held;
            standing.held = held;
            is_new
        });
        is_held
    }

    /// Goes on from where somebody has moved the target.
    async fn start_again(&mut self) -> Result<(), StoreError> {
        self.kept = self.store.cursor(self.assignment.target).await?;
        if let Some(kept) = self.kept {
            self.cursor = kept;
            self.looked = kept.checkpoint;
            self.standing.send_modify(|standing| {
                standing.next = kept.next;
                standing.waiting_since_ms = None;
            });
        }
        Ok(())
    }

    /// Moves the cursor and keeps it.
    async fn keep(&mut self, to: Cursor, parked: Vec<Parked>) -> Result<(), Trouble> {
        let (from, loses) = (self.kept, !parked.is_empty());
        let advanced = Delivered::Advanced { from, to, parked };
        match self
            .store
            .keep_delivered(self.assignment.target, advanced)
            .await
        {
            Ok(()) => {
                self.kept = Some(to);
                self.is_unkept = false;
            }
            // What was delivered may come again after a crash: better than to deliver nothing until there is room. What is parked must be kept.
            Err(ApplyError::StorageFull) if !loses => self.note_full(),
            Err(error) => return Err(refused(error)),
        }
        self.cursor = to;
        self.note_progress();
        Ok(())
    }

    /// Keeps what became of something parked.
    async fn note(&mut self, delivered: Delivered) -> Result<(), Trouble> {
        let target = self.assignment.target;
        let kept = self.store.keep_delivered(target, delivered).await;
        if kept == Err(ApplyError::StorageFull) {
            self.note_full();
        }
        kept.map_err(refused)?;
        self.note_progress();
        Ok(())
    }

    /// Says once that what becomes of deliveries is not kept.
    fn note_full(&mut self) {
        if !std::mem::replace(&mut self.is_unkept, true) {
            let name = &self.assignment.name;
            tracing::warn!(
                target = name,
                "The disk is full: how far a target is is not kept."
            );
        }
    }

    /// Says once that the target goes on.
    fn note_progress(&self) {
        let next = self.cursor.next;
        let head = *self.head.borrow();
        let mut was_failing = false;
        self.standing.send_modify(|standing| {
            was_failing = standing.failures > 0;
            standing.failures = 0;
            standing.next = next;
            if next >= head {
                standing.waiting_since_ms = None;
            }
        });
        if was_failing {
            tracing::info!(
                target = self.assignment.name,
                "A target takes events again."
            );
        }
    }

    /// Keeps a failure and says it once, however often it fails. Gives the number of failures in a row.
    fn note_failure(&self, reason: String) -> u32 {
        let (reason, now_ms) = (one_line(&reason), self.means.clock.now_ms());
        let mut failures = 0;
        self.standing.send_modify(|standing| {
            standing.failures = standing.failures.saturating_add(1);
            standing.last_failure = Some((now_ms, reason.clone()));
            failures = standing.failures;
        });
        let name = &self.assignment.name;
        if failures == 1 {
            tracing::warn!(
                target = name,
                reason,
                "A target does not take events; they are tried again."
            );
        } else {
            tracing::debug!(
                target = name,
                reason,
                failures,
                "A target does not take events."
            );
        }
        failures
    }
}

fn refused(error: ApplyError) -> Trouble {
    match error {
        ApplyError::Conflict => Trouble::Moved,
        ApplyError::Closed => Trouble::Closed,
        error => Trouble::again(error.to_string()),
    }
}

/// Why a cursor does not fit a trail, if it does not.
fn misfit(cursor: Cursor, epochs: &Epochs, head: Sequence) -> Option<String> {
    let Cursor { epoch, next, .. } = cursor;
    let advice = "the database was put back or is another one; say where to go on with `keyledger target follow`";
    if next > head {
        return Some(format!(
            "event {next} is beyond the end of the trail ({head}): {advice}"
        ));
    }
    let later = epochs.all.iter().find(|one| one.number > epoch);
    let is_known = epochs.all.iter().any(|one| one.number == epoch);
    // Up to the beginning of the next epoch its trail is the one that goes on.
    match later {
        Some(later) if next > later.first => Some(format!(
            "event {next} of epoch {epoch} is not in the trail, whose epoch {} begins at {}: {advice}",
            later.number, later.first
        )),
        None if !is_known => Some(format!("epoch {epoch} is not of this trail: {advice}")),
        _ => None,
    }
}

fn one_line(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
}
