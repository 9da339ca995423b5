//! Which sightings become events: each certificate once per window, the rest as counts. Pure: the time is passed in.
//!
//! The first sighting of a certificate is recorded at once; what follows within the window is counted, and the count is recorded
//! when the window ends, whether the certificate comes again or not. Certificates that nobody enrolled are made up as easily as
//! counted, so they have a budget: a day has so many events for them, an eighth of which may come at once. What is beyond is
//! counted in one summary per window. So no sighting is lost from the counts, and neither memory nor the trail can be flooded.

use std::collections::HashMap;
use std::net::IpAddr;

use super::{Decision, Sighting, shortened};
use crate::crypto::Fingerprint;

const DAY_SECONDS: i64 = 86_400;
/// This part of a day's budget may be spent at once.
const BURST: i64 = 8;

/// The bounds of a ledger.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// How long a window is, in seconds.
    pub(super) window_seconds: i64,
    /// The most certificates whose windows are open at once.
    pub(super) most: usize,
    /// The most events a day for certificates that nobody enrolled, summaries apart.
    pub(super) events_per_day: i64,
}

/// Something to record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Entry {
    /// Sightings of one certificate.
    Certificate(Seen),
    /// Sightings of certificates that are not recorded one by one.
    Others {
        /// How many.
        count: u64,
    },
}

/// Sightings of one certificate since its last record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) fingerprint: Fingerprint,
    pub(super) decision: Decision,
    pub(super) subject: String,
    pub(super) address: IpAddr,
    pub(super) count: u64,
}

/// A window that is open.
#[derive(Debug)]
struct Window {
    since: i64,
    seen: Seen,
}

/// The windows that are open, and what is left of the budget.
#[derive(Debug)]
pub(super) struct Ledger {
    bounds: Bounds,
    windows: HashMap<(Fingerprint, Decision), Window>,
    others: u64,
    others_since: i64,
    /// In parts of which [`DAY_SECONDS`] make one event.
    credit: i64,
    credited: i64,
}

impl Ledger {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            windows: HashMap::new(),
            others: 0,
            others_since: 0,
            credit: burst(bounds),
            credited: i64::MAX,
        }
    }

    /// Notes a sighting at `now`, seconds since 1970. Gives what is to be recorded at once.
    pub(super) fn note(&mut self, sighting: &Sighting, now: i64) -> Option<Entry> {
        let fingerprint = sighting.certificate.fingerprint();
        let decision = sighting.decision;
        if let Some(window) = self.windows.get_mut(&(fingerprint, decision)) {
            window.seen.count = window.seen.count.saturating_add(1);
            window.seen.address = sighting.address;
            return None;
        }
        let has_room = decision.is_of_enrolled() || self.windows.len() < self.bounds.most;
        if !has_room || !self.spend(decision, now) {
            self.count_others(1, now);
            return None;
        }
        let seen = Seen {
            fingerprint,
            decision,
            subject: shortened(sighting.certificate.subject()).to_owned(),
            address: sighting.address,
            count: 0,
        };
        let first = Seen {
            count: 1,
            ..seen.clone()
        };
        let window = Window { since: now, seen };
        self.windows.insert((fingerprint, decision), window);
        Some(Entry::Certificate(first))
    }

    /// Counts sightings whose record could not be written: they are in the next summary.
    pub(super) fn give_back(&mut self, entry: &Entry, now: i64) {
        let count = match entry {
            Entry::Certificate(seen) => seen.count,
            Entry::Others { count } => *count,
        };
        self.count_others(count, now);
    }

    /// Ends the windows that are over at `now`. Gives what is to be recorded of them.
    pub(super) fn close(&mut self, now: i64) -> Vec<Entry> {
        let length = self.bounds.window_seconds;
        // A clock that was set back ends them too.
        let is_over = |since: i64| !(0..length).contains(&now.saturating_sub(since));
        let mut entries = Vec::new();
        let over: Vec<_> = self
            .windows
            .iter()
            .filter(|(_, window)| is_over(window.since))
            .map(|(key, _)| *key)
            .collect();
        for key in over {
            let Some(window) = self.windows.remove(&key) else {
                continue;
            };
            let mut seen = window.seen;
            if seen.count == 0 {
                continue;
            }
            if !self.spend(seen.decision, now) {
                self.count_others(seen.count, now);
                continue;
            }
            entries.push(Entry::Certificate(seen.clone()));
            seen.count = 0;
            self.windows.insert(key, Window { since: now, seen });
        }
        if self.others > 0 && is_over(self.others_since) {
            let count = std::mem::take(&mut self.others);
            entries.push(Entry::Others { count });
        }
        entries
    }

    /// Ends every window. Gives all that was counted and not recorded.
    pub(super) fn finish(&mut self) -> Vec<Entry> {
        let windows = self.windows.drain().map(|(_, window)| window.seen);
        let counted = windows.filter(|seen| seen.count > 0);
        let mut entries: Vec<_> = counted.map(Entry::Certificate).collect();
        let count = std::mem::take(&mut self.others);
        if count > 0 {
            entries.push(Entry::Others { count });
        }
        entries
    }

    /// How many seconds after `now` the next window ends; none while none is open.
    pub(super) fn next_end(&self, now: i64) -> Option<i64> {
        let others = (self.others > 0).then_some(self.others_since);
        let starts = self.windows.values().map(|window| window.since);
        let first = starts.chain(others).min()?;
        Some((first + self.bounds.window_seconds - now).clamp(0, self.bounds.window_seconds))
    }

    fn count_others(&mut self, count: u64, now: i64) {
        if self.others == 0 {
            self.others_since = now;
        }
        self.others = self.others.saturating_add(count);
    }

    /// Takes one event out of the budget, if it needs that; false when nothing is left.
    fn spend(&mut self, decision: Decision, now: i64) -> bool {
        if decision.is_of_enrolled() {
            return true;
        }
        let passed = now.saturating_sub(self.credited).max(0);
        let earned = passed.saturating_mul(self.bounds.events_per_day);
        self.credit = self.credit.saturating_add(earned).min(burst(self.bounds));
        self.credited = now;
        if self.credit < DAY_SECONDS {
            return false;
        }
        self.credit -= DAY_SECONDS;
        true
    }
}

fn burst(bounds: Bounds) -> i64 {
    let events = (bounds.events_per_day / BURST).max(1);
    events.saturating_mul(DAY_SECONDS)
}

#[cfg(test)]
mod tests;
