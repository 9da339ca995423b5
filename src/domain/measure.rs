//! Numbers that are counted while work is done, for metrics: they cost one or two atomic additions each, and nobody waits for them.

use std::sync::atomic::{AtomicU64, Ordering};

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// The number now.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// One more.
    pub fn add_one(&self) {
        self.add(1);
    }

    /// So many more.
    pub fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }
}

/// How values are distributed: how many were at most each of some bounds, and their sum. What is read while others count is within one
/// value of each of them.
#[derive(Debug)]
pub struct Distribution {
    bounds: &'static [u64],
    /// How many values were above the bound before and at most this one; the last is of those above all bounds.
    counts: Box<[AtomicU64]>,
    sum: AtomicU64,
}

/// A distribution as it was at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Distributed {
    /// Each bound with how many values were at most it and above the one before.
    pub counts: Vec<(u64, u64)>,
    /// How many values were above all bounds.
    pub above: u64,
    /// The sum of all values.
    pub sum: u64,
}

impl Distribution {
    /// Nothing yet, by these bounds in rising order.
    #[must_use]
    pub fn new(bounds: &'static [u64]) -> Self {
        Self {
            bounds,
            counts: (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect(),
            sum: AtomicU64::new(0),
        }
    }

    /// Counts a value.
    pub fn note(&self, value: u64) {
        let place = self.bounds.partition_point(|bound| *bound < value);
        if let Some(count) = self.counts.get(place) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.sum.fetch_add(value, Ordering::Relaxed);
    }

    /// What was counted up to now.
    #[must_use]
    pub fn read(&self) -> Distributed {
        let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let counts = self.bounds.iter().zip(&self.counts);
        Distributed {
            counts: counts.map(|(bound, held)| (*bound, count(held))).collect(),
            above: self.counts.last().map_or(0, count),
            sum: self.sum.load(Ordering::Relaxed),
        }
    }
}

impl Distributed {
    /// How many values there are.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.above + self.counts.iter().map(|(_, count)| count).sum::<u64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_counts_at_the_first_bound_that_holds_it() {
        let distribution = Distribution::new(&[1, 10, 100]);
        for value in [0, 1, 2, 10, 11, 101, 5000] {
            distribution.note(value);
        }
        let read = distribution.read();
        assert_eq!(read.counts, [(1, 2), (10, 2), (100, 1)]);
        assert_eq!((read.above, read.sum, read.total()), (2, 5125, 7));
    }
}
