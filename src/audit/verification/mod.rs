//! The verification of a trail: its events in order against the hashes kept with them and against checkpoints, epoch by epoch.
//!
//! It is fed by whoever reads the trail and stops at the first break. What the store holds proves nothing against whoever can write to
//! it and has its keys; checkpoints that others kept do. Where an epoch begins is told by the event that begins it.

mod epoch;
mod recent;
mod removal;

use super::checkpoint::Checkpoint;
use super::tree::{Hash, Subtree, Tree};
use crate::crypto::digest::leaf_hash;
use epoch::beginning;
use recent::Recent;

pub use epoch::{EPOCHS_MAX, Span, epoch_begun};
pub use recent::KEPT as RECENT_EVENTS;
pub use removal::{Removed, lost, removed};

/// The first thing wrong with a trail.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct Break {
    /// The first sequence that is wrong, or the first of those among which the wrong one is; none where no event is.
    pub sequence: Option<u64>,
    /// What is wrong, in one line.
    pub what: String,
}

impl Break {
    /// What is wrong with the event of this sequence.
    #[must_use]
    pub fn at(sequence: u64, what: impl Into<String>) -> Self {
        Self {
            sequence: Some(sequence),
            what: what.into(),
        }
    }
}

/// A checkpoint that the trail must agree with.
struct Expected {
    source: String,
    epoch: u32,
    checkpoint: Checkpoint,
}

/// What was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The sequence of the first event.
    pub first: u64,
    /// The sequence after the last event.
    pub end: u64,
    /// The root of the tree.
    pub root: Hash,
    /// How many of the events a checkpoint that agreed seals: those with a sequence below.
    pub sealed: u64,
    /// How many checkpoints agreed.
    pub agreed: usize,
    /// How many were not compared: they seal another part of the trail.
    pub elsewhere: usize,
    /// How many events came again.
    pub repeated: u64,
    /// The epochs, the oldest first.
    pub epochs: Vec<Span>,
    /// What the newest event among them says that was removed at the start of the trail.
    pub removed: Option<Removed>,
}

/// A verification under way.
pub struct Verification {
    first: u64,
    tree: Tree,
    /// By epoch and size, the first last.
    expected: Vec<Expected>,
    /// The size of the last checkpoint that agreed.
    confirmed: u64,
    agreed: usize,
    /// How many seal another part of the trail.
    elsewhere: usize,
    epochs: Vec<Span>,
    /// Where events may come again.
    recent: Option<Recent>,
    repeated: u64,
    /// Subtrees that were completed, where somebody compares them with those that are kept.
    completed: Option<Vec<Subtree>>,
    /// The first events were removed, and an event has to say so.
    is_cut: bool,
    /// What events say that was removed.
    removed: Vec<Removed>,
}

impl Verification {
    /// A verification of a trail from its first event on, against checkpoints, each with where it comes from. Their signatures were checked.
    #[must_use]
    pub fn new(checkpoints: impl IntoIterator<Item = (String, Checkpoint)>) -> Self {
        Self::of(Tree::default(), &[(1, 0)], checkpoints)
    }

    /// A verification of a part of a trail: `left` are the hashes of what is left of its first event (`proof::around`), `epochs` the
    /// number and the first sequence of each epoch up to there. None where they cannot be.
    #[must_use]
    pub fn of_part(
        first: u64,
        left: &[Hash],
        epochs: &[(u32, u64)],
        checkpoints: impl IntoIterator<Item = (String, Checkpoint)>,
    ) -> Option<Self> {
        let tree = Tree::of_subtrees(first, left)?;
        let begun: Vec<_> = epochs
            .iter()
            .copied()
            .filter(|(_, begun)| *begun < first.max(1))
            .collect();
        let in_order = epochs.len() <= EPOCHS_MAX
            && begun.is_sorted_by(|one, next| one.0 < next.0 && one.1 <= next.1);
        (in_order && !begun.is_empty()).then(|| Self::of(tree, &begun, checkpoints))
    }

    fn of(
        tree: Tree,
        epochs: &[(u32, u64)],
        checkpoints: impl IntoIterator<Item = (String, Checkpoint)>,
    ) -> Self {
        let expect = |(source, checkpoint): (String, Checkpoint)| Expected {
            source,
            epoch: epoch_of(&checkpoint),
            checkpoint,
        };
        // Of what comes before the first event, and of epochs that had ended there, nothing can be compared.
        let begun = epochs.last().map_or(0, |(epoch, _)| *epoch);
        let (mut expected, elsewhere): (Vec<_>, Vec<_>) = checkpoints
            .into_iter()
            .map(expect)
            .partition(|one| one.epoch >= begun && one.checkpoint.size >= tree.size());
        expected.sort_by_key(|one| std::cmp::Reverse((one.epoch, one.checkpoint.size)));
        let ends = epochs
            .iter()
            .skip(1)
            .map(|(_, next)| *next)
            .chain([tree.size()]);
        let span = |(&(epoch, first), end): (&(u32, u64), u64)| Span {
            epoch,
            first,
            end,
            last_sealed: None,
            sealed: 0,
            named: 0,
        };
        Self {
            first: tree.size(),
            confirmed: tree.size(),
            epochs: epochs.iter().zip(ends).map(span).collect(),
            tree,
            expected,
            agreed: 0,
            elsewhere: elsewhere.len(),
            recent: None,
            repeated: 0,
            completed: None,
            is_cut: false,
            removed: Vec::new(),
        }
    }

    /// The verification of a trail whose first events were removed: one of those that are left has to say so, and a checkpoint has to seal that
    /// one.
    #[must_use]
    pub fn as_cut(self) -> Self {
        Self {
            is_cut: true,
            ..self
        }
    }

    /// The verification that collects the subtrees it completes, for [`Verification::completed`].
    #[must_use]
    pub fn collecting(self) -> Self {
        Self {
            completed: Some(Vec::new()),
            ..self
        }
    }

    /// The subtrees worth keeping that were completed since this was asked last.
    pub fn completed(&mut self) -> Vec<Subtree> {
        self.completed
            .as_mut()
            .map(std::mem::take)
            .unwrap_or_default()
    }

    /// The verification of what was delivered: events may come again, as long as no more than [`RECENT_EVENTS`] others came between, and an
    /// epoch may begin at an event that came before.
    #[must_use]
    pub fn as_delivered(self) -> Self {
        Self {
            recent: Some(Recent::keeping(RECENT_EVENTS)),
            ..self
        }
    }

    /// The sequence that comes next.
    #[must_use]
    pub const fn next(&self) -> u64 {
        self.tree.size()
    }

    /// Takes the event of this sequence: its JSON, and the hash kept with it where there is one.
    ///
    /// # Errors
    /// It is not the next one, not what its hash says, or a checkpoint does not agree with the trail up to it.
    pub fn event(&mut self, sequence: u64, json: &[u8], kept: Option<&Hash>) -> Result<(), Break> {
        let next = self.next();
        if sequence > next {
            return Err(Break::at(next, format!("event {next} is missing")));
        }
        if sequence < next {
            return Err(Break::at(sequence, format!("event {sequence} comes again")));
        }
        let leaf = leaf_hash(json);
        if kept.is_some_and(|kept| *kept != leaf) {
            let what = format!("event {sequence} is not what was sealed: its hash is another");
            return Err(Break::at(sequence, what));
        }
        self.take(json, leaf)
    }

    /// Takes the event that follows, as its JSON was delivered.
    ///
    /// # Errors
    /// A checkpoint does not agree with the trail up to it.
    pub fn line(&mut self, json: &[u8]) -> Result<(), Break> {
        let leaf = leaf_hash(json);
        if self
            .recent
            .as_ref()
            .is_some_and(|recent| recent.contains(&leaf))
        {
            self.repeated += 1;
            return Ok(());
        }
        self.take(json, leaf)
    }

    fn take(&mut self, json: &[u8], leaf: Hash) -> Result<(), Break> {
        self.compare()?;
        if let Some(beginning) = beginning(json) {
            self.begin(beginning)?;
        }
        self.note_removed(json)?;
        if let Some(recent) = &mut self.recent {
            recent.push(&self.tree, leaf);
        }
        let mut passed_over = Vec::new();
        let completed = self.completed.as_mut().unwrap_or(&mut passed_over);
        self.tree.push(leaf, completed);
        if let Some(span) = self.epochs.last_mut() {
            span.end = self.tree.size();
        }
        self.compare()
    }

    /// Takes a checkpoint that was delivered after the events it seals.
    ///
    /// # Errors
    /// The trail up to it does not agree with it.
    pub fn checkpoint(&mut self, source: &str, checkpoint: &Checkpoint) -> Result<(), Break> {
        let (next, sealed, epoch) = (self.next(), checkpoint.size, epoch_of(checkpoint));
        if epoch > self.epoch() {
            let what =
                format!("{source} is of epoch {epoch}, and no event before it begins that epoch");
            return Err(Break::at(next, what));
        }
        if sealed > next {
            return Err(self.missing(source, sealed));
        }
        if sealed < self.first {
            // Of what came before: a target that was made later is given the newest checkpoint there is.
            return Ok(());
        }
        let then = match &self.recent {
            _ if sealed == next => Some(self.tree.clone()),
            Some(recent) => recent.tree_at(sealed),
            None => None,
        };
        match then {
            Some(tree) if tree.root() == checkpoint.root => {
                self.confirmed = self.confirmed.max(sealed);
                self.agreed += 1;
                Ok(())
            }
            Some(_) => Err(self.contradicted(source, sealed)),
            None => {
                let what =
                    format!("{source} comes too late to be compared: it seals {sealed} events");
                Err(Break::at(sealed, what))
            }
        }
    }

    /// Ends the verification of a whole trail.
    ///
    /// # Errors
    /// A checkpoint seals more events than there are, or no sealed event says that those before the first were removed.
    pub fn end(mut self) -> Result<Verified, Break> {
        self.compare()?;
        match self.expected.last() {
            None => {
                self.covered()?;
                Ok(self.verified())
            }
            Some(Expected {
                source, checkpoint, ..
            }) => Err(self.missing(source, checkpoint.size)),
        }
    }

    /// Ends the verification of a part of the trail that `checkpoint` seals, by the hashes of what is right of it. Other checkpoints of what
    /// is not in it cannot be compared.
    ///
    /// # Errors
    /// The checkpoint does not agree with the events, or another of what is in it.
    pub fn end_of_part(
        mut self,
        source: &str,
        checkpoint: &Checkpoint,
        right: &[Hash],
    ) -> Result<Verified, Break> {
        self.compare()?;
        let (first, next) = (self.first, self.next());
        let within = |one: &Expected| (first..=next).contains(&one.checkpoint.size);
        if let Some(Expected {
            source, checkpoint, ..
        }) = self.expected.iter().rev().find(|one| within(one))
        {
            return Err(self.missing(source, checkpoint.size));
        }
        if self.tree.root_with(checkpoint.size, right) != Some(checkpoint.root) {
            return Err(self.contradicted(source, next));
        }
        self.confirmed = next;
        self.agreed += 1;
        self.elsewhere += self.expected.len();
        Ok(self.verified())
    }

    fn verified(mut self) -> Verified {
        epoch::seal_from_the_right(&mut self.epochs, self.confirmed);
        Verified {
            first: self.first,
            end: self.tree.size(),
            root: self.tree.root(),
            sealed: self.confirmed,
            agreed: self.agreed,
            elsewhere: self.elsewhere,
            repeated: self.repeated,
            epochs: self.epochs,
            removed: self.removed.pop(),
        }
    }

    /// Compares the tree with the checkpoints of its epoch and size.
    fn compare(&mut self) -> Result<(), Break> {
        let now = (self.epoch(), self.next());
        while let Some(one) = self
            .expected
            .pop_if(|one| (one.epoch, one.checkpoint.size) == now)
        {
            if one.checkpoint.root != self.tree.root() {
                return Err(self.contradicted(&one.source, now.1));
            }
            self.confirmed = now.1;
            self.agreed += 1;
        }
        Ok(())
    }

    fn contradicted(&self, source: &str, size: u64) -> Break {
        let (first, last) = (self.confirmed.min(size), size.saturating_sub(1));
        let what = format!(
            "the events from {first} to {last} are not those that {source} seals: one of them at least was altered, \
             removed or put in"
        );
        Break::at(first, what)
    }

    fn missing(&self, source: &str, sealed: u64) -> Break {
        let next = self.next().min(sealed);
        let what = format!(
            "event {next} is missing: the trail ends before it, and {source} seals {sealed} events"
        );
        Break::at(next, what)
    }
}

/// The epoch of a checkpoint; the first, where its log is none of ours.
fn epoch_of(checkpoint: &Checkpoint) -> u32 {
    checkpoint.origin().map_or(1, |(_, epoch)| epoch)
}

#[cfg(test)]
mod tests;
