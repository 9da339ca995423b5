//! The writer of a trail in a database that several nodes share.
//!
//! A transaction begins by reading what other nodes may have changed, and ends with all that it writes and the COMMIT in one go. When the
//! connection is lost before that nothing was committed, and it is done again; when it is lost after, the trail tells: this thread alone
//! writes it, and whoever wrote before has ended once the hold on it is taken again.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::batch::{Batch, Kept, Outcomes};
use super::kinds::{concerns_administrators, concerns_clients, concerns_routing};
use super::{Failure, Writer, seal};
use crate::audit::Tree;
use crate::domain::ObjectId;
use crate::kmip::enums::State;
use crate::store::changed::Counters;
use crate::store::changeset::{Precondition, Write};
use crate::store::engine::{Connection, Error};
use crate::store::error::{ApplyError, StoreError};
use crate::store::postgres::{
    Hot, Server, Session, check_unmarked, gather, hold, wait_for_standbys,
};
use crate::store::seal::Seal;
use crate::store::{Sequence, following, sql};

/// How long those who wait are kept waiting for a server that is gone.
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(100);
/// How long the server may take to answer: a COMMIT waits for standbys, and where there is none to be waited for those who asked are told.
const ANSWER: Duration = Duration::from_secs(15);
/// How often a transaction is done again that stood in another's way, and for how long; after that its callers are told.
const IN_THE_WAY: (u32, Duration) = (10, Duration::from_secs(15));
/// The same of one whose connection was lost: it may be what ends the connection.
const LOST: (u32, Duration) = (3, Duration::from_secs(60));

/// What the writer holds of such a database.
pub(super) struct Side {
    server: Server,
    /// What is written with the COMMIT.
    hot: RefCell<Hot>,
    /// Whether that is done; not while it is found out which part of a batch is at fault.
    defers: bool,
    /// The numbers that the transaction under way goes by.
    base: Counters,
    /// How often the session had waited for the server before the transaction under way.
    waits: u64,
    /// What was under way when the COMMIT was sent.
    sent: Option<(Outcomes, Option<Tree>)>,
    /// The server's process of the last session.
    backend: Option<i32>,
    /// Since when the server is gone.
    lost: Option<Instant>,
    /// Since when the batch in hand is tried, and how often it has failed.
    begun: Instant,
    failed: u32,
}

/// What comes of a transaction that failed.
pub(super) enum After {
    /// It was committed all the same.
    Committed(Outcomes),
    /// It is to be done again.
    Again,
    /// Each part of it is to be done for itself: one is at fault.
    Each,
    /// It was not done, or nobody knows.
    Refused(ApplyError),
}

impl Side {
    pub(super) fn new(server: Server, db: &Connection) -> Self {
        let backend = match db {
            Connection::Server(session) => {
                session.limit(ANSWER);
                Some(session.backend_pid())
            }
            Connection::File(_) => None,
        };
        Self {
            server,
            hot: RefCell::default(),
            defers: true,
            base: Counters::default(),
            waits: 0,
            sent: None,
            backend,
            lost: None,
            begun: Instant::now(),
            failed: 0,
        }
    }

    /// What is written with the COMMIT, if these changes can be.
    pub(super) fn deferring(&self, writes: &[Write]) -> Option<&RefCell<Hot>> {
        let can_be = writes
            .iter()
            .all(|write| matches!(write, Write::Insert(_) | Write::Read(..)));
        (self.defers && can_be).then_some(&self.hot)
    }

    /// What the events are appended to.
    pub(super) const fn hot(&self) -> &RefCell<Hot> {
        &self.hot
    }

    /// The numbers after a transaction that added so many.
    pub(super) const fn after(&self, added: Counters) -> Counters {
        self.base.plus(added)
    }

    /// Another batch is in hand.
    pub(super) fn begin_batch(&mut self) {
        (self.begun, self.failed, self.defers) = (Instant::now(), 0, true);
    }

    /// Notes that the batch in hand failed. Says whether it may be tried again, so often in all and for so long.
    fn may_try_again(&mut self, (tries, time): (u32, Duration)) -> bool {
        self.failed += 1;
        self.failed < tries && self.begun.elapsed() < time
    }
}

impl Writer {
    fn session(&self) -> Result<&Session, StoreError> {
        match &self.db {
            Connection::Server(session) => Ok(session),
            Connection::File(_) => Err(StoreError::Closed),
        }
    }

    /// Connects again, where the server is gone. What is committed may be more than this thread knew, and the next event another.
    ///
    /// # Errors
    /// It is still gone: nothing can be done.
    pub(super) fn connect_if_lost(&mut self) -> Result<(), ApplyError> {
        let is_lost = self.side.as_ref().is_some_and(|side| side.lost.is_some());
        if !is_lost {
            return Ok(());
        }
        let connected = self.connect(Duration::ZERO);
        let there = connected.and_then(|head| self.take_up(head));
        there.map_err(|error| {
            let failure = Failure::from(unsettled(false, error));
            self.note_rolled_back(&failure);
            failure.error
        })
    }

    /// Begins a transaction with what other nodes may have changed.
    pub(super) fn begin_shared(&mut self, batch: &Batch) -> Result<(), Failure> {
        let (written, read) = concerned(batch);
        let alone = is_alone(batch);
        let session = self.session()?;
        let waits = session.waits();
        let gathered = gather(session, alone || ends_keys(batch), &written, &read);
        let gathered = gathered.map_err(Failure::from)?;
        self.versions.clear();
        for (id, versions) in gathered.versions {
            self.versions.insert(id, versions);
        }
        self.shared.catch_up(&self.db, gathered.counters)?;
        self.clients = self.shared.clients.load_full();
        self.administrators = self.shared.administrators.load_full();
        if let Some(side) = &mut self.side {
            side.base = gathered.counters;
            side.waits = waits;
            side.defers &= !alone;
        }
        Ok(())
    }

    /// What the transaction under way adds to the numbers that nodes compare.
    pub(super) fn added(&self, batch: &Batch) -> Counters {
        let writes = || {
            let submissions = batch.submissions.iter();
            submissions.flat_map(|submission| submission.changeset.writes())
        };
        let keys = writes().any(|write| matches!(write, Write::Rewrap(_) | Write::BackupKey(_)));
        Counters {
            clients: self.clients_changed.into(),
            administrators: self.administrators_changed.into(),
            routing: self.routing.is_some().into(),
            keys: keys.into(),
        }
    }

    /// Writes what waits for it and commits.
    pub(super) fn commit_shared(
        &mut self,
        batch: &Batch,
        outcomes: Outcomes,
        tree: Option<Tree>,
    ) -> Result<Outcomes, Failure> {
        let added = self.added(batch);
        let mut last = Vec::new();
        if !added.are_none() {
            added.add(&self.db)?;
            last.push(following::ANNOUNCE);
        }
        last.push("COMMIT");
        let Some(side) = &mut self.side else {
            return Err(StoreError::Closed.into());
        };
        side.sent = Some((outcomes, tree));
        let begun = Instant::now();
        let Connection::Server(session) = &self.db else {
            return Err(StoreError::Closed.into());
        };
        side.hot
            .borrow_mut()
            .send(session, &last)
            .map_err(Failure::from)?;
        let measures = &self.shared.measures;
        measures.synced(begun.elapsed());
        measures.round_trips.note(session.waits() - side.waits);
        let (outcomes, tree) = side.sent.take().ok_or(StoreError::Closed)?;
        self.tree = tree;
        Ok(outcomes)
    }

    /// Writes what waits for the COMMIT now: something that follows reads it.
    pub(super) fn write_noted(&self) -> Result<(), Error> {
        match (&self.side, &self.db) {
            (Some(side), Connection::Server(session)) => side.hot.borrow_mut().send(session, &[]),
            _ => Ok(()),
        }
    }

    /// Finds out what became of a transaction that failed, and what to do about it.
    pub(super) fn after_failure(
        &mut self,
        first: Sequence,
        batch: &Batch,
        failure: Failure,
    ) -> After {
        let sent = self.side.as_mut().and_then(|side| side.sent.take());
        if failure.is_lost() {
            return self.after_loss(first, batch, sent, failure);
        }
        self.forget(first);
        if let Connection::Server(session) = &self.db {
            session.reset();
        }
        let Some(side) = &mut self.side else {
            return After::Refused(failure.error);
        };
        let may_try_again = side.may_try_again(IN_THE_WAY);
        let stood_in_the_way = matches!(failure.error, ApplyError::Store(StoreError::Again(_)));
        if stood_in_the_way && may_try_again {
            return After::Again;
        }
        if !stood_in_the_way {
            if std::mem::replace(&mut side.defers, false) {
                return After::Again;
            }
            if batch.len() > 1 {
                return After::Each;
            }
        }
        self.note_rolled_back(&failure);
        After::Refused(failure.error)
    }

    fn after_loss(
        &mut self,
        first: Sequence,
        batch: &Batch,
        sent: Option<(Outcomes, Option<Tree>)>,
        failure: Failure,
    ) -> After {
        let (next, was_sent) = (self.next, sent.is_some());
        let is_first = self.side.as_ref().is_some_and(|side| side.lost.is_none());
        let patience = if is_first { PATIENCE } else { Duration::ZERO };
        let head = self.connect(patience);
        let was_committed = head.as_ref().is_ok_and(|head| *head == next) && next > first;
        if let (true, Some((outcomes, tree))) = (was_committed, sent) {
            self.tree = tree;
            self.is_back();
            return After::Committed(outcomes);
        }
        self.forget(first);
        let head = match head {
            Ok(head) => head,
            Err(error) => {
                self.note_rolled_back(&failure);
                return After::Refused(unsettled(was_sent, error).into());
            }
        };
        if let Err(error) = self.take_up(head) {
            return After::Refused(error.into());
        }
        if head != first || batch.submissions.is_empty() {
            return After::Refused(failure.error);
        }
        // Nothing of it was committed.
        let side = self.side.as_mut();
        if side.is_some_and(|side| side.may_try_again(LOST)) {
            return After::Again;
        }
        self.note_rolled_back(&failure);
        After::Refused(match failure.error {
            ApplyError::Store(error) => unsettled(false, error).into(),
            error => error,
        })
    }

    /// The server is there, and what it has is taken up.
    fn is_back(&mut self) {
        let side = self.side.as_mut();
        if let Some(begun) = side.and_then(|side| side.lost.take()) {
            let after = format!("{:.1} s", begun.elapsed().as_secs_f64());
            tracing::warn!(
                after,
                "The connection to the database was lost and is there again."
            );
        }
    }

    /// Connects and takes the hold on the trail; gives its head, which is to be taken up.
    fn connect(&mut self, patience: Duration) -> Result<Sequence, StoreError> {
        let Some(side) = &mut self.side else {
            return Err(StoreError::Closed);
        };
        side.lost.get_or_insert_with(Instant::now);
        let until = Instant::now() + patience;
        let session = loop {
            let opened = side.server.writing().and_then(|session| {
                session.limit(ANSWER);
                let left = until.saturating_duration_since(Instant::now());
                hold(&session, side.server.node, left, side.backend)?;
                Ok(session)
            });
            match opened {
                Ok(session) => break session,
                Err(_) if Instant::now() < until => std::thread::sleep(PAUSE),
                Err(error) => return Err(error.sorted()),
            }
        };
        // It may have been moved elsewhere meanwhile.
        check_unmarked(&session, &side.server)?;
        side.backend = Some(session.backend_pid());
        side.server.note_reconnect();
        self.db = Connection::Server(Box::new(session));
        let epochs = sql::epochs(&self.db)?;
        let head = sql::head(&self.db, &epochs)?;
        // The session that was lost may have ended while it waited for standbys: what it committed is seen then, and is on no other machine yet.
        // A commit after it waits for them, and thereby for all before it.
        wait_for_standbys(&self.db, side.server.node)?;
        // Another server may have taken over, and lack what this one had.
        self.shared.cache.clear();
        self.shared.read_anew(&self.db)?;
        Ok(head)
    }

    /// Goes on from what is committed, where that is not what this thread knew.
    fn take_up(&mut self, head: Sequence) -> Result<(), StoreError> {
        if head < self.next {
            let lost = self.next.0 - head.0;
            let words = format!(
                "the database has lost the last {lost} events that it had committed: is it replicated synchronously?"
            );
            (self.on_fatal)(&words);
            return Err(StoreError::Damaged(words));
        }
        let epochs = sql::epochs(&self.db)?;
        // What is kept beside the trail may have been committed as well.
        let sealed = sql::seal::sealed(&self.db, epochs.of(head))?;
        self.shared.sealed.send_replace(sealed);
        if let Some(removal) = sql::retention::removal(&self.db)? {
            let kept_from = removal.kept_from.0;
            self.shared.kept_from.store(kept_from, Ordering::Release);
        }
        self.shared
            .delivery_version
            .send_modify(|version| *version += 1);
        if head == self.next {
            self.is_back();
            return Ok(());
        }
        self.shared.interned.learn(&self.db)?;
        self.tree = seal::load(&self.db, head.0)?;
        self.next = head;
        self.shared.cache.clear();
        self.shared.epochs.store(Arc::new(epochs));
        self.shared.head.send_replace(head);
        self.is_back();
        Ok(())
    }
}

/// The error of a transaction whose connection was lost, and of connecting again: only where the COMMIT was on its way may it have been done.
fn unsettled(was_sent: bool, error: StoreError) -> StoreError {
    match error {
        error if was_sent => {
            StoreError::Lost(format!("whether it was committed is not known: {error}"))
        }
        StoreError::Lost(words) => StoreError::Unreachable(words),
        error => error,
    }
}

/// The objects that a batch writes, and those that it only compares; each in order, each once.
fn concerned(batch: &Batch) -> (Vec<ObjectId>, Vec<ObjectId>) {
    let (mut written, mut read) = (BTreeSet::new(), BTreeSet::new());
    for submission in &batch.submissions {
        for write in submission.changeset.writes() {
            match write {
                Write::State(object) | Write::Attributes(object) => written.insert(object.id),
                Write::Read(id, _) | Write::DestructionEnded(id) => written.insert(*id),
                Write::Destruction(held) => written.insert(held.object),
                _ => false,
            };
        }
        for precondition in submission.changeset.preconditions() {
            match precondition {
                Precondition::State(id, _)
                | Precondition::Attributes(id, _)
                | Precondition::Destruction(id, _) => read.insert(*id),
                _ => false,
            };
        }
    }
    let read = read.difference(&written).copied().collect();
    (written.into_iter().collect(), read)
}

/// Whether keys come to their end: who gives them to somebody at the same time, on whichever node, is done before that is answered.
fn ends_keys(batch: &Batch) -> bool {
    let mut writes = batch
        .submissions
        .iter()
        .flat_map(|submission| submission.changeset.writes());
    writes.any(|write| match write {
        Write::State(object) => !matches!(object.state, State::PreActive | State::Active),
        _ => false,
    })
}

/// Whether nobody else may commit meanwhile: what it changes, or what it goes by, is compared by all.
fn is_alone(batch: &Batch) -> bool {
    let changes = batch.submissions.iter().any(|submission| {
        let changeset = &submission.changeset;
        let writes = changeset.writes().iter().any(|write| {
            concerns_clients(write)
                || concerns_administrators(write)
                || concerns_routing(write)
                || matches!(
                    write,
                    Write::Rewrap(_)
                        | Write::BackupKey(_)
                        | Write::DataKey(..)
                        | Write::NodePrepared(..)
                        | Write::Destruction(_)
                        | Write::DestructionEnded(_)
                )
        });
        let goes_by = |precondition: &Precondition| {
            matches!(
                precondition,
                Precondition::NoLiveObjects(_) | Precondition::Destruction(..)
            )
        };
        writes || changeset.preconditions().iter().any(goes_by)
    });
    let seals = |part: &Kept| matches!(part, Kept::Seal(_, Seal::Key(_)));
    changes || batch.kept.iter().any(|(part, _)| seals(part))
}
