//! The epochs of the trail: who it is, and where each epoch of it begins.
//!
//! Sequences go on from one epoch to the next. An epoch begins where the database is found to be an older copy, or by an operator's word;
//! what decides that is elsewhere.

use std::sync::Arc;

use super::{Origin, Sequence, Store};

/// An epoch of the trail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Epoch {
    /// Its number.
    pub number: u32,
    /// The sequence of its first event.
    pub first: Sequence,
}

/// The epochs of the trail of one node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Epochs {
    /// The name of the node.
    pub name: String,
    /// Every epoch that the database holds events of, the oldest first.
    pub all: Vec<Epoch>,
}

impl Epochs {
    /// The epoch that the event of this sequence belongs to, or will belong to.
    #[must_use]
    pub fn of(&self, sequence: Sequence) -> u32 {
        let begun = self.all.iter().rev().find(|epoch| epoch.first <= sequence);
        begun.map_or(0, |epoch| epoch.number)
    }
}

impl Store {
    /// The trail this store keeps, and the epoch that is under way.
    #[must_use]
    pub fn origin(&self) -> Origin {
        self.origin_at(Sequence(u64::MAX))
    }

    /// The trail this store keeps, and the epoch that the event of this sequence belongs to.
    #[must_use]
    pub fn origin_at(&self, sequence: Sequence) -> Origin {
        let epochs = self.epochs();
        Origin {
            name: epochs.name.clone(),
            epoch: epochs.of(sequence),
        }
    }

    /// The epochs of the trail this store keeps.
    #[must_use]
    pub fn epochs(&self) -> Arc<Epochs> {
        self.inner.shared.epochs.load_full()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_belongs_to_the_epoch_that_began_last_before_it() {
        let epoch = |number, first| Epoch {
            number,
            first: Sequence(first),
        };
        let epochs = Epochs {
            name: "node-1".to_owned(),
            all: vec![epoch(1, 0), epoch(2, 60), epoch(4, 61)],
        };
        for (sequence, number) in [(0, 1), (59, 1), (60, 2), (61, 4), (u64::MAX, 4)] {
            assert_eq!(epochs.of(Sequence(sequence)), number, "{sequence}");
        }
    }
}
