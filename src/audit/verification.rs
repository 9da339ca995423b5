//! The verification of a trail: its events in order against the hashes kept with them and against checkpoints.
//!
//! It is fed by whoever reads the trail and stops at the first break. What the store holds proves nothing against whoever can write to
//! it and has its keys; checkpoints that others kept do.

use super::checkpoint::Checkpoint;
use super::tree::{Hash, Tree};
use crate::crypto::digest::leaf_hash;

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
    checkpoint: Checkpoint,
}

/// A verification under way.
#[derive(Default)]
pub struct Verification {
    tree: Tree,
    /// The smallest last.
    expected: Vec<Expected>,
    /// The size of the last checkpoint that agreed.
    confirmed: u64,
}

impl Verification {
    /// A verification against checkpoints, each with where it comes from. Their signatures were checked.
    #[must_use]
    pub fn new(checkpoints: impl IntoIterator<Item = (String, Checkpoint)>) -> Self {
        let expect = |(source, checkpoint)| Expected { source, checkpoint };
        let mut expected: Vec<_> = checkpoints.into_iter().map(expect).collect();
        expected.sort_by_key(|one| std::cmp::Reverse(one.checkpoint.size));
        Self {
            expected,
            ..Self::default()
        }
    }

    /// The sequence that comes next.
    #[must_use]
    pub const fn next(&self) -> u64 {
        self.tree.size()
    }

    /// Takes the next event: its JSON, and the hash kept with it where there is one.
    ///
    /// # Errors
    /// It is not the next one, not what its hash says, or a checkpoint does not agree with the trail up to it.
    pub fn event(&mut self, sequence: u64, json: &[u8], kept: Option<&Hash>) -> Result<(), Break> {
        self.compare()?;
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
        self.tree.push(leaf, &mut Vec::new());
        self.compare()
    }

    /// Ends it; gives the size and root of the tree.
    ///
    /// # Errors
    /// A checkpoint seals more events than there are.
    pub fn end(mut self) -> Result<(u64, Hash), Break> {
        self.compare()?;
        let size = self.next();
        match self.expected.last() {
            None => Ok((size, self.tree.root())),
            Some(Expected { source, checkpoint }) => {
                let sealed = checkpoint.size;
                let what = format!(
                    "event {size} is missing: the trail ends before it, and {source} seals {sealed} events"
                );
                Err(Break::at(size, what))
            }
        }
    }

    /// Compares the tree with the checkpoints of its size.
    fn compare(&mut self) -> Result<(), Break> {
        let size = self.next();
        while let Some(Expected { source, checkpoint }) =
            self.expected.pop_if(|one| one.checkpoint.size == size)
        {
            if checkpoint.root != self.tree.root() {
                let (first, last) = (self.confirmed, size.saturating_sub(1));
                let what = format!(
                    "the events from {first} to {last} are not those that {source} seals: one of them at least \
                     was altered, removed or put in"
                );
                return Err(Break::at(first, what));
            }
            self.confirmed = size;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkpoint(events: &[&str]) -> Checkpoint {
        let mut tree = Tree::default();
        for event in events {
            tree.push(leaf_hash(event.as_bytes()), &mut Vec::new());
        }
        Checkpoint {
            log: "log".to_owned(),
            size: tree.size(),
            root: tree.root(),
        }
    }

    fn verify(events: &[&str], against: &[&[&str]]) -> Result<u64, Option<u64>> {
        let held = against.iter().enumerate();
        let held = held.map(|(number, events)| (format!("c{number}"), checkpoint(events)));
        let mut verification = Verification::new(held);
        for (sequence, event) in (0..).zip(events) {
            verification
                .event(sequence, event.as_bytes(), None)
                .map_err(|found| found.sequence)?;
        }
        let end = verification.end();
        end.map(|(size, _)| size).map_err(|found| found.sequence)
    }

    #[test]
    fn a_trail_that_grew_agrees_with_all_its_checkpoints() {
        let events = ["a", "b", "c", "d", "e"];
        let all: Vec<_> = (0..=5).rev().map(|size| &events[..size]).collect();
        assert_eq!(verify(&events, &all), Ok(5));
        assert_eq!(verify(&[], &[&[], &[]]), Ok(0));
    }

    #[test]
    fn what_a_checkpoint_does_not_seal_is_found_between_two_of_them() {
        let (two, four) = (["a", "b"], ["a", "b", "c", "d"]);
        let altered = ["a", "b", "x", "d", "e"];
        let swapped = ["a", "b", "d", "c", "e"];
        let dropped = ["a", "b", "d", "e"];
        let inserted = ["a", "b", "x", "c", "d"];
        for events in [&altered[..], &swapped, &dropped, &inserted] {
            assert_eq!(verify(events, &[&four, &two]), Err(Some(2)), "{events:?}");
            assert!(verify(events, &[&two]).is_ok());
        }
        assert_eq!(verify(&["b", "a"], &[&two]), Err(Some(0)));
        assert_eq!(verify(&["a", "b", "c"], &[&two, &four]), Err(Some(3)));
        assert_eq!(verify(&[], &[&two]), Err(Some(0)));
    }

    #[test]
    fn an_event_that_is_not_the_next_or_not_its_hash_is_named() {
        let mut verification = Verification::default();
        verification.event(0, b"a", Some(&leaf_hash(b"a"))).unwrap();
        let missing = verification.event(2, b"c", None).unwrap_err();
        assert_eq!(missing.sequence, Some(1));
        let again = verification.event(0, b"a", None).unwrap_err();
        assert_eq!(again.sequence, Some(0));
        let altered = verification.event(1, b"b", Some(&leaf_hash(b"c")));
        assert_eq!(altered.unwrap_err().sequence, Some(1));
    }
}
