//! The time as far as it is believed: a clock that was set forward ends no window early.

use std::time::{Duration, Instant};

/// How far the clock may be ahead of what has passed since the start: corrections of a clock that is nearly right are smaller.
const AHEAD: Duration = Duration::from_secs(600);

/// The clock at one moment, and what has passed since, which nobody can set.
///
/// Where the clock was wrong at that moment already, nothing tells. A machine that slept has passed less time than its clock: what ends then ends
/// later, by that.
#[derive(Debug)]
pub struct Believed {
    began_ms: i64,
    since: Instant,
    /// Whether the clock was ahead the last time.
    is_ahead: bool,
}

/// A time, and whether the clock is known to be further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Belief {
    /// Milliseconds since 1970; what the clock shows, or earlier.
    pub now_ms: i64,
    /// The clock is ahead of it, and was not the last time.
    pub is_newly_ahead: bool,
}

impl Believed {
    /// Believes the clock, which shows `began_ms` milliseconds since 1970 at `since`.
    #[must_use]
    pub const fn new(began_ms: i64, since: Instant) -> Self {
        Self {
            began_ms,
            since,
            is_ahead: false,
        }
    }

    /// The time at `at`, where the clock shows `clock_ms`.
    pub fn at(&mut self, clock_ms: i64, at: Instant) -> Belief {
        let passed = at.saturating_duration_since(self.since) + AHEAD;
        let passed = i64::try_from(passed.as_millis()).unwrap_or(i64::MAX);
        let most = self.began_ms.saturating_add(passed);
        let was_ahead = std::mem::replace(&mut self.is_ahead, clock_ms > most);
        Belief {
            now_ms: clock_ms.min(most),
            is_newly_ahead: self.is_ahead && !was_ahead,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_MS: i64 = 3_600_000;

    #[test]
    fn a_clock_that_is_set_forward_is_believed_as_far_as_time_has_passed() {
        let begun = Instant::now();
        let mut believed = Believed::new(0, begun);
        let hours = |hours: u64| begun + Duration::from_secs(hours * 3600);
        let plain = |now_ms| Belief {
            now_ms,
            is_newly_ahead: false,
        };
        assert_eq!(believed.at(HOUR_MS, hours(1)), plain(HOUR_MS));
        // A clock that is put right by some minutes.
        let right = HOUR_MS + 300_000;
        assert_eq!(believed.at(right, hours(1)), plain(right));
        let year = 365 * 24 * HOUR_MS;
        let held = 2 * HOUR_MS + 600_000;
        let first = believed.at(year, hours(2));
        assert_eq!((first.now_ms, first.is_newly_ahead), (held, true));
        assert_eq!(believed.at(year, hours(2)), plain(held), "said once");
        // It goes on by what passes, and the clock is believed again when it is right.
        let later = believed.at(year, hours(48)).now_ms;
        assert_eq!(later, 48 * HOUR_MS + 600_000);
        assert_eq!(believed.at(48 * HOUR_MS, hours(48)), plain(48 * HOUR_MS));
        assert!(believed.at(year, hours(49)).is_newly_ahead);
        // A clock that is set back is believed: nothing ends early by that.
        assert_eq!(believed.at(-year, hours(50)), plain(-year));
    }
}
