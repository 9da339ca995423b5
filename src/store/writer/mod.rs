//! The one thread that writes: it commits many changesets with one sync.
//!
//! It takes what is queued up to a bound, checks the preconditions of each changeset against what
//! it has written itself, writes it and appends its events, all in one transaction; callers are
//! answered after the commit. A changeset that is refused leaves nothing and does not touch its
//! neighbours. After a failed sync nothing is committed any more.

mod application;
mod checkpoints;
mod room;
mod seal;

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Instant;

use rusqlite::{Connection, ErrorCode};
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::{mpsc, oneshot};

use super::changeset::{Changeset, Write};
use super::delivery::Delivered;
use super::error::{ApplyError, StoreError};
use super::interned::Pending;
use super::reserve::{Reserve, Room};
use super::sqlite::object;
use super::{Applied, Epochs, Origin, Seal, Sequence, Shared, StoreConfig, cache, sqlite};
use crate::audit::Tree;
use crate::domain::routing::Routing;
use crate::domain::{Clients, ObjectId, TargetId, Warning};
use checkpoints::Checkpoints;

/// What is called when a sync failed; the process must not go on as if nothing had happened.
pub type OnFatal = Box<dyn Fn(&str) + Send>;

/// What the thread is asked.
pub(super) enum Command {
    /// Commit this.
    Apply(Submission),
    /// Keep this beside the trail.
    Keep(Kept, oneshot::Sender<Result<(), ApplyError>>),
    /// See whether the disk has room again, unless another look was asked for after this one.
    LookForRoom(u64),
    /// End, once everything that was queued before is committed.
    Close(oneshot::Sender<()>),
}

/// What is written without an event of its own.
pub(super) enum Kept {
    /// A part of the trail's seal.
    Seal(Origin, Seal),
    /// What became of a delivery to a target.
    Delivered(TargetId, Delivered),
}

/// A changeset on its way, with what could be computed before.
pub(super) struct Submission {
    pub(super) changeset: Changeset,
    /// Leaf hash and, if initiator and scope had numbers already, record of each event.
    pub(super) prepared: Vec<([u8; 32], Option<Vec<u8>>)>,
    pub(super) reply: oneshot::Sender<Reply>,
}

/// What the thread does after a transaction.
enum Next {
    /// Wait until the next one is due.
    Wait,
    /// Take what did not fit into this one.
    Take,
    /// End at once: the disk failed.
    Fail,
    /// End, and tell this one.
    End(Option<oneshot::Sender<()>>),
}

/// What became of a submission.
pub(super) struct Reply {
    pub(super) outcome: Result<Applied, ApplyError>,
    /// Back to the thread that made it: memory is freed best where it was reserved.
    _spent: Spent,
}

type Spent = (Changeset, Vec<([u8; 32], Option<Vec<u8>>)>);

impl Submission {
    fn answer(self, outcome: Result<Applied, ApplyError>) {
        let _spent = (self.changeset, self.prepared);
        // Who asked may have gone away.
        drop(self.reply.send(Reply { outcome, _spent }));
    }
}

/// The state of the thread.
pub(super) struct Writer {
    db: Connection,
    log: sqlite::Log,
    checkpoints: Checkpoints,
    shared: Arc<Shared>,
    /// Versions as of the transaction under way; only this thread changes them.
    versions: quick_cache::unsync::Cache<ObjectId, object::Versions>,
    /// Clients as of the transaction under way.
    clients: Arc<Clients>,
    clients_changed: bool,
    /// Epochs as of the transaction under way, where one begins in it.
    epochs: Option<Epochs>,
    /// The routing as of the transaction under way, where that changes it.
    routing: Option<Routing>,
    pending: Pending,
    next: Sequence,
    /// The trail's tree as of the last commit; none where the trail is damaged.
    tree: Option<Tree>,
    changesets_max: usize,
    events_max: usize,
    on_fatal: OnFatal,
    reserve: Reserve,
    /// A commit failed for another cause than a full disk.
    rolled_back: Warning,
    /// Number of the look for room that was asked for last.
    look: u64,
    /// To be woken by; it does not keep the store open.
    commands: mpsc::WeakSender<Command>,
}

impl Writer {
    /// Starts the thread.
    pub(super) fn start(
        (db, path): (Connection, &Path),
        reserve: Reserve,
        shared: Arc<Shared>,
        config: &StoreConfig,
        on_fatal: OnFatal,
    ) -> Result<(mpsc::Sender<Command>, JoinHandle<()>), StoreError> {
        let (sender, receiver) = mpsc::channel(config.queue_max.max(1));
        let next = *shared.head.borrow();
        let tree = seal::load(&db, next.0)?;
        let writer = Self {
            db,
            tree,
            log: sqlite::Log::open(path)?,
            checkpoints: Checkpoints::start(path)?,
            versions: quick_cache::unsync::Cache::new(config.cache_objects.max(1)),
            clients: shared.clients.load_full(),
            clients_changed: false,
            epochs: None,
            routing: None,
            pending: Pending::default(),
            next,
            changesets_max: config.commit_batch_max.max(1),
            events_max: config.commit_events_max.max(1),
            on_fatal,
            reserve,
            rolled_back: Warning::default(),
            look: 0,
            commands: sender.downgrade(),
            shared,
        };
        let thread = std::thread::Builder::new().name("store-writer".to_owned());
        let thread = thread.spawn(move || writer.run(receiver));
        Ok((
            sender,
            thread.map_err(|error| StoreError::File(error.to_string()))?,
        ))
    }

    fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        if *self.shared.room.borrow() != Room::Enough || !self.reserve.is_whole() {
            self.look_again_later();
        }
        let mut next = Next::Wait;
        let closed = loop {
            if matches!(next, Next::Wait) {
                self.shared.gather.wait();
            }
            let batch;
            (batch, next) = self.take(&mut commands);
            if !batch.is_empty() && self.commit(batch).is_break() {
                return;
            }
            match next {
                Next::Wait | Next::Take => {}
                Next::Fail => return,
                Next::End(closed) => break closed,
            }
        };
        commands.close();
        if let Err(error) = self.checkpoints.stop() {
            let failure = Failure::from(error);
            tracing::warn!(error = %failure.error, "The write-ahead log could not be moved into the database.");
            if failure.fatal {
                return (self.on_fatal)(&failure.error.to_string());
            }
        }
        self.checkpoint();
        drop(self.db);
        if closed.is_some_and(|closed| closed.send(()).is_err()) {
            tracing::debug!("Nobody waited for the store to close.");
        }
    }

    /// What is queued, up to the bounds of a transaction, and how to go on after it.
    fn take(&mut self, commands: &mut mpsc::Receiver<Command>) -> (Vec<Submission>, Next) {
        let (mut batch, mut events) = (Vec::new(), 0);
        while batch.len() < self.changesets_max && events < self.events_max {
            match commands.try_recv() {
                Ok(Command::Apply(submission)) => {
                    events += submission.changeset.events().len();
                    batch.push(submission);
                }
                Ok(Command::LookForRoom(look)) => self.look_for_room(look),
                Ok(Command::Keep(part, reply)) => {
                    let (kept, ended) = self.keep(&part);
                    // Who asked may have gone away.
                    drop(reply.send(kept));
                    if ended.is_break() {
                        return (Vec::new(), Next::Fail);
                    }
                }
                Ok(Command::Close(closed)) => return (batch, Next::End(Some(closed))),
                Err(TryRecvError::Empty) => return (batch, Next::Wait),
                Err(TryRecvError::Disconnected) => return (batch, Next::End(None)),
            }
        }
        (batch, Next::Take)
    }

    fn commit(&mut self, batch: Vec<Submission>) -> ControlFlow<()> {
        let first = self.next;
        let changesets = batch.len();
        let outcomes = loop {
            let failure = match self.transaction(&batch) {
                Ok(outcomes) => {
                    self.publish(&batch, &outcomes);
                    break outcomes;
                }
                Err(failure) => self.sort(failure),
            };
            let ended = self.roll_back(first, &failure);
            let full = failure.error == ApplyError::StorageFull;
            if full && ended.is_continue() && self.take_from_reserve() {
                continue;
            }
            for submission in batch {
                submission.answer(Err(failure.error.clone()));
            }
            return ended;
        };
        for (submission, outcome) in batch.into_iter().zip(outcomes) {
            submission.answer(outcome);
        }
        self.shared.gather.answered(changesets);
        self.checkpoint_when_due()
    }

    /// One transaction for the whole batch. An error means that nothing of it is committed.
    fn transaction(
        &mut self,
        batch: &[Submission],
    ) -> Result<Vec<Result<Applied, ApplyError>>, Failure> {
        self.statement("BEGIN IMMEDIATE")?;
        let mut outcomes = Vec::with_capacity(batch.len());
        for submission in batch {
            if !self.has_room_for(&submission.changeset) {
                outcomes.push(Err(ApplyError::StorageFull));
                continue;
            }
            match self.apply(submission) {
                Err(error) if !error.is_refusal() => return Err(error.into()),
                outcome => outcomes.push(outcome),
            }
        }
        if outcomes.iter().all(Result::is_err) {
            self.statement("ROLLBACK")?;
            return Ok(outcomes);
        }
        let tree = self.append(batch, &outcomes)?;
        self.commit_durably()?;
        self.tree = tree;
        self.shared.commits.fetch_add(1, Ordering::Relaxed);
        Ok(outcomes)
    }

    /// Commits the transaction under way and syncs it.
    fn commit_durably(&self) -> Result<(), Failure> {
        let mut commit = self
            .db
            .prepare_cached("COMMIT")
            .map_err(Failure::of_commit)?;
        commit.execute([]).map_err(Failure::of_commit)?;
        Ok(self.log.sync()?)
    }

    /// Shows what was committed to everyone else, before anyone is answered.
    fn publish(&mut self, batch: &[Submission], outcomes: &[Result<Applied, ApplyError>]) {
        self.pending.publish(&self.shared.interned);
        let committed = batch
            .iter()
            .zip(outcomes)
            .filter(|(_, outcome)| outcome.is_ok());
        for write in committed.flat_map(|(submission, _)| submission.changeset.writes()) {
            self.publish_object(write);
        }
        if std::mem::take(&mut self.clients_changed) {
            self.shared.clients.store(Arc::clone(&self.clients));
            self.shared
                .clients_version
                .send_modify(|version| *version += 1);
        }
        if let Some(routing) = self.routing.take() {
            self.shared.routing.store(Arc::new(routing));
            self.shared
                .routing_version
                .send_modify(|version| *version += 1);
        }
        if let Some(epochs) = self.epochs.take() {
            self.shared.epochs.store(Arc::new(epochs));
        }
        if batch
            .iter()
            .zip(outcomes)
            .any(|(submission, outcome)| outcome.is_ok() && moves_targets(&submission.changeset))
        {
            self.shared
                .delivery_version
                .send_modify(|version| *version += 1);
        }
        if *self.shared.head.borrow() != self.next {
            self.shared.head.send_replace(self.next);
        }
    }

    fn publish_object(&self, write: &Write) {
        let cache = &self.shared.cache;
        let (id, kept) = match write {
            Write::Insert(object) => return cache.insert(Arc::clone(object)),
            Write::State(from) => (
                from.id,
                cache.change(from.id, |object| cache::take_state(object, from)),
            ),
            Write::Attributes(from) => (
                from.id,
                cache.change(from.id, |object| cache::take_attributes(object, from)),
            ),
            Write::Read(id, at) => {
                let served = |object: &mut crate::domain::Object| {
                    (object.fresh, object.last_read) = (false, Some(*at));
                };
                (*id, cache.change(*id, served))
            }
            _ => return,
        };
        if !kept && let Ok(Some(object)) = object::load(&self.db, id) {
            cache.insert(Arc::new(object));
        }
    }

    fn roll_back(&mut self, first: Sequence, failure: &Failure) -> ControlFlow<()> {
        self.next = first;
        self.pending.clear();
        self.versions.clear();
        self.clients = self.shared.clients.load_full();
        self.clients_changed = false;
        self.epochs = None;
        self.routing = None;
        if failure.fatal {
            (self.on_fatal)(&failure.error.to_string());
            return ControlFlow::Break(());
        }
        if failure.error != ApplyError::StorageFull {
            tracing::debug!(error = %failure.error, "A commit failed and was rolled back.");
            if let Some(times) = self.rolled_back.due(Instant::now()) {
                tracing::warn!(error = %failure.error, times, "Commits failed and were rolled back.");
            }
        }
        // Some errors have rolled back already.
        if !self.db.is_autocommit()
            && let Err(error) = self.db.execute_batch("ROLLBACK")
        {
            (self.on_fatal)(&error.to_string());
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }

    fn statement(&self, sql: &str) -> Result<(), ApplyError> {
        self.db.prepare_cached(sql)?.execute([])?;
        Ok(())
    }

    /// Empties the log at the end. What it holds is durable whether that succeeds or not.
    fn checkpoint(&self) {
        if let Err(error) = sqlite::checkpoint(&self.db, "TRUNCATE") {
            tracing::warn!(%error, "The write-ahead log could not be emptied.");
        }
    }
}

/// Whether an administrator moves a target.
fn moves_targets(changeset: &Changeset) -> bool {
    let mut writes = changeset.writes().iter();
    writes.any(|write| matches!(write, Write::Cursor(..) | Write::ParkedDropped(..)))
}

/// Why a whole batch was not committed.
struct Failure {
    error: ApplyError,
    /// The disk did not keep what it was given: the process must end.
    fatal: bool,
}

impl From<ApplyError> for Failure {
    fn from(error: ApplyError) -> Self {
        let fatal = matches!(
            error,
            ApplyError::Store(StoreError::Unsynced(_) | StoreError::Unwritten(_))
        );
        Self { error, fatal }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        ApplyError::from(error).into()
    }
}

impl Failure {
    #[allow(
        clippy::needless_pass_by_value,
        reason = "used as a function of map_err"
    )]
    fn of_commit(error: rusqlite::Error) -> Self {
        let fatal = error.sqlite_error_code() == Some(ErrorCode::SystemIoFailure);
        Self {
            error: error.into(),
            fatal,
        }
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::ffi;

    use super::*;

    fn failure(code: i32) -> Failure {
        Failure::of_commit(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None))
    }

    #[test]
    fn only_a_failed_disk_ends_the_process() {
        assert!(failure(ffi::SQLITE_IOERR_FSYNC).fatal);
        assert!(failure(ffi::SQLITE_IOERR_WRITE).fatal);
        assert!(!failure(ffi::SQLITE_BUSY).fatal);
        assert!(!failure(ffi::SQLITE_FULL).fatal);
        assert_eq!(failure(ffi::SQLITE_FULL).error, ApplyError::StorageFull);
    }
}
