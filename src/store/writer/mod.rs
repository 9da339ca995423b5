//! The one thread that writes: it commits many changesets with one sync.
//!
//! It takes what is queued up to a bound, checks the preconditions of each changeset against what
//! it has written itself, writes it and appends its events, all in one transaction; callers are
//! answered after the commit. A changeset that is refused leaves nothing and does not touch its
//! neighbours. After a failed sync nothing is committed any more.

mod application;
mod batch;
mod checkpoints;
mod failure;
mod kinds;
mod publish;
mod retention;
mod room;
mod seal;
mod shared;

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use crate::store::engine::Connection;
use tokio::sync::mpsc;

use super::error::{ApplyError, StoreError};
use super::interned::Pending;
use super::reserve::{Reserve, Room};
use super::sql::object;
use super::whereabouts::Whereabouts;
use super::{Epochs, Sequence, Shared, StoreConfig, sqlite};
use crate::audit::Tree;
use crate::domain::routing::Routing;
use crate::domain::{Administrators, Clients, ObjectId, Warning};
use batch::{Batch, Next, Outcomes};
pub(super) use batch::{Command, Kept, Reply, Submission};
use checkpoints::Checkpoints;
use failure::Failure;
use shared::{After, Side};

/// What is called when a sync failed; the process must not go on as if nothing had happened.
pub type OnFatal = Box<dyn Fn(&str) + Send>;

/// The write-ahead log of a file.
struct Log {
    file: sqlite::Log,
    checkpoints: Checkpoints,
}

impl Log {
    fn open(path: &Path) -> Result<Self, StoreError> {
        Ok(Self {
            file: sqlite::Log::open(path)?,
            checkpoints: Checkpoints::start(path)?,
        })
    }
}

/// The state of the thread.
pub(super) struct Writer {
    db: Connection,
    /// What is held besides of a database in a file.
    log: Option<Log>,
    /// What is held besides of a database that several nodes share.
    side: Option<Side>,
    shared: Arc<Shared>,
    /// Versions as of the transaction under way; only this thread changes them.
    versions: quick_cache::unsync::Cache<ObjectId, object::Versions>,
    /// Clients as of the transaction under way.
    clients: Arc<Clients>,
    clients_changed: bool,
    /// Administrators as of the transaction under way.
    administrators: Arc<Administrators>,
    administrators_changed: bool,
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
        (db, whereabouts): (Connection, Whereabouts),
        reserve: Reserve,
        shared: Arc<Shared>,
        config: &StoreConfig,
        on_fatal: OnFatal,
    ) -> Result<(mpsc::Sender<Command>, JoinHandle<()>), StoreError> {
        let (sender, receiver) = mpsc::channel(config.queue_max.max(1));
        let next = *shared.head.borrow();
        let tree = seal::load(&db, next.0)?;
        let (log, side) = match whereabouts {
            Whereabouts::File(path) => (Some(Log::open(&path)?), None),
            Whereabouts::Server(server) => (None, Some(Side::new(server, &db))),
        };
        let writer = Self {
            db,
            tree,
            log,
            side,
            versions: quick_cache::unsync::Cache::new(config.cache_objects.max(1)),
            clients: shared.clients.load_full(),
            clients_changed: false,
            administrators: shared.administrators.load_full(),
            administrators_changed: false,
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
            if batch.len() > 0 && self.commit(batch).is_break() {
                return;
            }
            match next {
                Next::Wait | Next::Take => {}
                Next::End(closed) => break closed,
            }
        };
        commands.close();
        if let Some(log) = &mut self.log
            && let Err(error) = log.checkpoints.stop()
        {
            let failure = Failure::from(error);
            tracing::warn!(error = %failure.error, "The write-ahead log could not be moved into the database.");
            if failure.fatal {
                return (self.on_fatal)(&failure.error.to_string());
            }
        }
        if self.log.is_some() {
            self.checkpoint();
        }
        drop(self.db);
        if closed.is_some_and(|closed| closed.send(()).is_err()) {
            tracing::debug!("Nobody waited for the store to close.");
        }
    }

    fn commit(&mut self, mut batch: Batch) -> ControlFlow<()> {
        if let Some(side) = &mut self.side {
            side.begin_batch();
        }
        let outcomes = loop {
            if let Err(error) = self.connect_if_lost() {
                batch.refuse(&error);
                return ControlFlow::Continue(());
            }
            let first = self.next;
            let failure = match self.transaction(&batch) {
                Ok(outcomes) => {
                    self.publish(&batch, &outcomes);
                    break outcomes;
                }
                Err(failure) => self.sort(failure),
            };
            if self.side.is_some() {
                match self.after_failure(first, &batch, failure) {
                    After::Committed(outcomes) => {
                        self.publish(&batch, &outcomes);
                        break outcomes;
                    }
                    After::Again => continue,
                    After::Each => return self.commit_each(batch),
                    After::Refused(error) => {
                        batch.refuse(&error);
                        return ControlFlow::Continue(());
                    }
                }
            }
            let ended = self.roll_back(first, &failure);
            if ended.is_continue() && !batch.submissions.is_empty() {
                // What is kept beside the trail costs neither requests nor the reserve.
                if !batch.kept.is_empty() {
                    batch.refuse_kept(&failure.error);
                    continue;
                }
                if failure.error == ApplyError::StorageFull && self.take_from_reserve() {
                    continue;
                }
            }
            batch.refuse(&failure.error);
            return ended;
        };
        let answers = batch.len();
        batch.answer(outcomes);
        self.shared.gather.answered(answers);
        self.checkpoint_when_due()
    }

    /// A transaction for each part of a batch.
    fn commit_each(&mut self, batch: Batch) -> ControlFlow<()> {
        batch.parts().try_for_each(|part| self.commit(part))
    }

    /// One transaction for the whole batch. An error means that nothing of it is committed.
    fn transaction(&mut self, batch: &Batch) -> Result<Outcomes, Failure> {
        match &self.side {
            Some(_) => self.begin_shared(batch)?,
            None => self.statement("BEGIN IMMEDIATE")?,
        }
        let mut applied = Vec::with_capacity(batch.submissions.len());
        for submission in &batch.submissions {
            applied.push(if self.has_room_for(&submission.changeset) {
                unless_lost(self.apply(submission))?
            } else {
                Err(ApplyError::StorageFull)
            });
        }
        let tree = self.append(&batch.submissions, &applied)?;
        let mut kept = Vec::with_capacity(batch.kept.len());
        for (part, _) in &batch.kept {
            kept.push(if *self.shared.room.borrow() == Room::Enough {
                unless_lost(self.keep(part))?
            } else {
                Err(ApplyError::StorageFull)
            });
        }
        let outcomes = Outcomes { applied, kept };
        if outcomes.are_refusals() {
            self.statement("ROLLBACK")?;
            // Numbers that were given in it are nobody's.
            self.pending.clear();
            return Ok(outcomes);
        }
        let outcomes = match &self.side {
            Some(_) => self.commit_shared(batch, outcomes, tree)?,
            None => {
                self.commit_durably()?;
                self.tree = tree;
                outcomes
            }
        };
        let changesets = u64::try_from(batch.submissions.len()).unwrap_or(u64::MAX);
        self.shared.measures.changesets.note(changesets);
        Ok(outcomes)
    }

    /// Commits the transaction under way and syncs it.
    fn commit_durably(&self) -> Result<(), Failure> {
        self.db.control("COMMIT").map_err(Failure::of_commit)?;
        if let Some(log) = &self.log {
            let begun = Instant::now();
            log.file.sync()?;
            self.shared.measures.synced(begun.elapsed());
        }
        Ok(())
    }

    fn statement(&self, sql: &str) -> Result<(), ApplyError> {
        Ok(self.db.control(sql)?)
    }

    /// Empties the log at the end. What it holds is durable whether that succeeds or not.
    fn checkpoint(&self) {
        if let Err(error) = sqlite::checkpoint(&self.db, "TRUNCATE") {
            tracing::warn!(%error, "The write-ahead log could not be emptied.");
        }
    }
}

/// An outcome that concerns one part of the batch alone; any other error loses the batch.
fn unless_lost<T>(outcome: Result<T, ApplyError>) -> Result<Result<T, ApplyError>, ApplyError> {
    match outcome {
        Err(error) if !error.is_refusal() => Err(error),
        outcome => Ok(outcome),
    }
}
