//! Which events at the start of the trail may go: those that are old, sealed, and had by every target that is to have them.
//!
//! Only whole blocks go, of as many events as the smallest subtree that the trail keeps. A block that was not delivered goes only where a limit
//! says so. Numbers and times only: who reads them and removes anything is elsewhere.

#[cfg(test)]
mod tests;

use std::ops::RangeInclusive;

/// Events of a block.
pub const BLOCK: u64 = 256;

const DAY_MS: i64 = 86_400_000;

/// What is kept, and what at most; 0 says nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Policy {
    /// Events older than so many days go once they were delivered.
    pub keep_days: u32,
    /// Events older than so many days go, delivered or not.
    pub keep_days_max: u32,
    /// Of more than so many events the oldest go, delivered or not.
    pub events_max: u64,
}

impl Policy {
    /// Whether anything is ever removed.
    #[must_use]
    pub const fn is_on(&self) -> bool {
        self.keep_days > 0 || self.events_max > 0
    }

    /// Before which time, in milliseconds since 1970, events go once they were delivered.
    #[must_use]
    pub fn old_before(&self, now_ms: i64) -> Option<i64> {
        days_before(self.keep_days, now_ms)
    }

    /// Before which time, in milliseconds since 1970, events go, delivered or not.
    #[must_use]
    pub fn too_old_before(&self, now_ms: i64) -> Option<i64> {
        days_before(self.keep_days_max, now_ms)
    }
}

fn days_before(days: u32, now_ms: i64) -> Option<i64> {
    (days > 0).then(|| now_ms.saturating_sub(i64::from(days) * DAY_MS))
}

/// A trail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trail {
    /// The sequence of its first event.
    pub first: u64,
    /// The sequence that the next event gets.
    pub head: u64,
    /// How many events the newest checkpoint seals.
    pub sealed: u64,
}

/// How far events are old: all before these sequences are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Old {
    /// Those that go once they were delivered.
    pub old: u64,
    /// Those that go, delivered or not.
    pub too_old: u64,
}

/// Why events go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// They are so many days old and were delivered.
    Days(u32),
    /// They are so many days old.
    DaysMax(u32),
    /// There are more than so many.
    EventsMax(u64),
}

impl std::fmt::Display for Why {
    /// The setting, as it is written.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Days(days) => write!(f, "keep-days = {days}"),
            Self::DaysMax(days) => write!(f, "keep-days-max = {days}"),
            Self::EventsMax(events) => write!(f, "events-max = {events}"),
        }
    }
}

/// Events that may go: those before `kept_from`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Removable {
    /// The sequence of the first event that stays.
    pub kept_from: u64,
    /// Why.
    pub why: Why,
}

/// The events that may go, if there are any. `had` says up to which event everybody who is to have them had them, `waits` up to which they may
/// go even where a limit is passed.
#[must_use]
pub fn removable(
    policy: &Policy,
    trail: Trail,
    old: Old,
    had: u64,
    waits: u64,
) -> Option<Removable> {
    let too_many = trail.head.saturating_sub(policy.events_max);
    let reasons = [
        (policy.keep_days > 0).then(|| (old.old.min(had), Why::Days(policy.keep_days))),
        (policy.keep_days_max > 0).then_some((old.too_old, Why::DaysMax(policy.keep_days_max))),
        (policy.events_max > 0).then_some((too_many, Why::EventsMax(policy.events_max))),
    ];
    let bound = trail.sealed.min(trail.head).min(waits);
    let in_blocks = |end: u64| end.min(bound) / BLOCK * BLOCK;
    let mut best: Option<Removable> = None;
    for (end, why) in reasons.into_iter().flatten() {
        let kept_from = in_blocks(end);
        // Of two reasons for the same the one that waited for delivery comes first.
        if kept_from > best.map_or(trail.first, |best| best.kept_from) {
            best = Some(Removable { kept_from, why });
        }
    }
    best
}

/// Finds up to where events are old, block by block from the first on.
///
/// An event that is dated after now tells nothing: the clock was wrong then. It is as old as what comes after it.
#[derive(Debug, Clone, Copy)]
pub struct Ageing {
    before_ms: i64,
    end: u64,
}

impl Ageing {
    /// Looks for events before this time, from the event `first` on.
    #[must_use]
    pub const fn new(before_ms: i64, first: u64) -> Self {
        Self {
            before_ms,
            end: first,
        }
    }

    /// Takes the next block, which ends before the sequence `end`: `newest_ms` is the time of its newest event that is not dated after now. Says
    /// whether the blocks after it may be old, too.
    pub fn takes(&mut self, end: u64, newest_ms: Option<i64>) -> bool {
        match newest_ms {
            Some(newest) if newest >= self.before_ms => return false,
            Some(_) => self.end = end,
            None => {}
        }
        true
    }

    /// All events before this sequence are old.
    #[must_use]
    pub const fn end(&self) -> u64 {
        self.end
    }
}

/// Events before `kept_from` that a target never gets once they are removed, as ranges: those from its cursor `next` on, and the ones before it
/// that are `parked`, in their order.
#[must_use]
pub fn missed(next: u64, parked: &[u64], kept_from: u64) -> Vec<RangeInclusive<u64>> {
    let mut ranges: Vec<RangeInclusive<u64>> = Vec::new();
    let before = parked
        .iter()
        .copied()
        .filter(|at| *at < next.min(kept_from));
    let singles = before.map(|at| at..=at);
    let rest = (next < kept_from).then(|| next..=kept_from - 1);
    for range in singles.chain(rest) {
        match ranges.last_mut() {
            Some(last) if *last.end() + 1 == *range.start() => *last = *last.start()..=*range.end(),
            _ => ranges.push(range),
        }
    }
    ranges
}
