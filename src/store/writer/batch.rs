//! What the writer is asked, and what of it goes into one transaction.

use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::{mpsc, oneshot};

use super::Writer;
use crate::domain::{ApiKeyId, OwnCertificates, TargetId};
use crate::store::changeset::Changeset;
use crate::store::delivery::Delivered;
use crate::store::error::ApplyError;
use crate::store::{Applied, Origin, Seal};

/// What the thread is asked.
pub(in crate::store) enum Command {
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
pub(in crate::store) enum Kept {
    /// A part of the trail's seal.
    Seal(Origin, Seal),
    /// What became of a delivery to a target.
    Delivered(TargetId, Delivered),
    /// An API key was used at this time, seconds since 1970.
    Used(ApiKeyId, i64),
    /// The certificates of the server's own that are in use.
    Own(Box<OwnCertificates>),
    /// Nothing: that it was kept says that whatever was committed before is known.
    Nothing,
    /// Events that a removal names go, where a checkpoint of this epoch seals it.
    Removed(u32),
}

/// A changeset on its way, with what could be computed before.
pub(in crate::store) struct Submission {
    pub(in crate::store) changeset: Changeset,
    /// Leaf hash and, if initiator and scope had numbers already, record of each event.
    pub(in crate::store) prepared: Vec<([u8; 32], Option<Vec<u8>>)>,
    pub(in crate::store) reply: oneshot::Sender<Reply>,
}

/// What became of a submission.
pub(in crate::store) struct Reply {
    pub(in crate::store) outcome: Result<Applied, ApplyError>,
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

/// What one transaction is to commit.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) submissions: Vec<Submission>,
    /// Written after the events of all submissions.
    pub(super) kept: Vec<(Kept, oneshot::Sender<Result<(), ApplyError>>)>,
}

/// What became of each part of a batch, in its order.
pub(super) struct Outcomes {
    pub(super) applied: Vec<Result<Applied, ApplyError>>,
    pub(super) kept: Vec<Result<(), ApplyError>>,
}

impl Outcomes {
    /// Whether nothing of the batch is to be committed.
    pub(super) fn are_refusals(&self) -> bool {
        self.applied.iter().all(Result::is_err) && self.kept.iter().all(Result::is_err)
    }
}

impl Batch {
    pub(super) fn len(&self) -> usize {
        self.submissions.len() + self.kept.len()
    }

    /// Answers everybody who waits for a part of this batch.
    pub(super) fn answer(self, outcomes: Outcomes) {
        for (submission, outcome) in self.submissions.into_iter().zip(outcomes.applied) {
            submission.answer(outcome);
        }
        for ((_, reply), outcome) in self.kept.into_iter().zip(outcomes.kept) {
            // Who asked may have gone away.
            drop(reply.send(outcome));
        }
    }

    /// Each part of it as a batch of its own, in order.
    pub(super) fn parts(self) -> impl Iterator<Item = Self> {
        let submissions = self.submissions.into_iter().map(|one| Self {
            submissions: vec![one],
            kept: Vec::new(),
        });
        submissions.chain(self.kept.into_iter().map(|one| Self {
            submissions: Vec::new(),
            kept: vec![one],
        }))
    }

    /// Tells everybody that nothing of this batch was committed.
    pub(super) fn refuse(mut self, error: &ApplyError) {
        self.refuse_kept(error);
        for submission in self.submissions {
            submission.answer(Err(error.clone()));
        }
    }

    /// Tells those who wanted something kept that it was not, and takes that out of the batch.
    pub(super) fn refuse_kept(&mut self, error: &ApplyError) {
        for (_, reply) in self.kept.drain(..) {
            // Who asked may have gone away.
            drop(reply.send(Err(error.clone())));
        }
    }
}

/// What the thread does after a transaction.
pub(super) enum Next {
    /// Wait until the next one is due.
    Wait,
    /// Take what did not fit into this one.
    Take,
    /// End, and tell this one.
    End(Option<oneshot::Sender<()>>),
}

impl Writer {
    /// What is queued, up to the bounds of a transaction, and how to go on after it.
    pub(super) fn take(&mut self, commands: &mut mpsc::Receiver<Command>) -> (Batch, Next) {
        let (mut batch, mut events) = (Batch::default(), 0);
        while batch.len() < self.changesets_max && events < self.events_max {
            match commands.try_recv() {
                Ok(Command::Apply(submission)) => {
                    events += submission.changeset.events().len();
                    batch.submissions.push(submission);
                }
                Ok(Command::Keep(part, reply)) => batch.kept.push((part, reply)),
                Ok(Command::LookForRoom(look)) => self.look_for_room(look),
                Ok(Command::Close(closed)) => return (batch, Next::End(Some(closed))),
                Err(TryRecvError::Empty) => return (batch, Next::Wait),
                Err(TryRecvError::Disconnected) => return (batch, Next::End(None)),
            }
        }
        (batch, Next::Take)
    }
}
