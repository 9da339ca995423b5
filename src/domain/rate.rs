//! How often something may be done: a token bucket, with the time passed in.
//!
//! It holds one number, so that one for each client costs next to nothing: the time at which the bucket will be full again. It waits
//! for nothing itself; it says how long to wait.

use std::num::NonZeroU32;
use std::time::Duration;

/// So many per second on average, and so many at once after a pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Tokens that flow into the bucket each second.
    pub per_second: NonZeroU32,
    /// Tokens the bucket holds.
    pub burst: NonZeroU32,
}

/// A bucket of tokens, full at first. Times are since any moment the caller keeps to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bucket {
    full_at: Duration,
}

impl Rate {
    /// The time in which `tokens` flow in; no more than centuries.
    fn time_of(self, tokens: u32) -> Duration {
        let nanoseconds = u64::from(tokens).saturating_mul(1_000_000_000);
        Duration::from_nanos(nanoseconds / u64::from(self.per_second.get()))
    }
}

impl Bucket {
    /// Takes one token and says how long to wait until it is there. Where that is longer than `patience` nothing is taken, and the
    /// answer is none.
    pub fn take(&mut self, rate: Rate, now: Duration, patience: Duration) -> Option<Duration> {
        let full_at = self.after(rate, now, 1);
        let wait = full_at
            .saturating_sub(now)
            .saturating_sub(rate.time_of(rate.burst.get()));
        if wait > patience {
            return None;
        }
        self.full_at = full_at;
        Some(wait)
    }

    /// Takes tokens for what was done already; the debt makes the next ones wait.
    pub fn charge(&mut self, rate: Rate, now: Duration, tokens: u32) {
        self.full_at = self.after(rate, now, tokens);
    }

    /// Whether nothing is missing: such a bucket may be forgotten.
    #[must_use]
    pub fn is_full(&self, now: Duration) -> bool {
        self.full_at <= now
    }

    fn after(self, rate: Rate, now: Duration, tokens: u32) -> Duration {
        self.full_at.max(now).saturating_add(rate.time_of(tokens))
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;
    use std::time::Duration;

    use super::{Bucket, Rate};

    const PATIENCE: Duration = Duration::from_secs(30);

    fn rate(per_second: u32, burst: u32) -> Rate {
        Rate {
            per_second: NonZeroU32::new(per_second).unwrap(),
            burst: NonZeroU32::new(burst).unwrap(),
        }
    }

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_burst_goes_at_once_and_the_rest_at_the_rate() {
        let (rate, mut bucket) = (rate(10, 3), Bucket::default());
        let now = ms(5000);
        let mut take = |now| bucket.take(rate, now, PATIENCE).unwrap();
        assert_eq!([take(now), take(now), take(now)], [ms(0); 3]);
        assert_eq!([take(now), take(now)], [ms(100), ms(200)]);
        // One token flowed in, and two are owed.
        assert_eq!(take(now + ms(100)), ms(200));
        // A pause fills it, and not beyond its size.
        let later = now + ms(60_000);
        assert_eq!([take(later), take(later), take(later)], [ms(0); 3]);
        assert_eq!(take(later), ms(100));
    }

    #[test]
    fn over_any_time_no_more_pass_than_burst_and_rate_allow() {
        let (rate, mut bucket) = (rate(7, 5), Bucket::default());
        let mut passed = 0_u32;
        for now in (0..10_000).step_by(3).map(ms) {
            passed += u32::from(bucket.take(rate, now, Duration::ZERO).is_some());
        }
        assert!((74..=75).contains(&passed), "{passed}: 5 and 7 a second");
    }

    #[test]
    fn a_wait_beyond_the_patience_takes_nothing() {
        let (rate, mut bucket) = (rate(1, 1), Bucket::default());
        let now = ms(0);
        assert_eq!(bucket.take(rate, now, ms(1500)), Some(ms(0)));
        assert_eq!(bucket.take(rate, now, ms(1500)), Some(ms(1000)));
        let before = bucket;
        assert_eq!(bucket.take(rate, now, ms(1500)), None);
        assert_eq!(bucket, before);
        assert_eq!(bucket.take(rate, ms(1000), ms(1500)), Some(ms(1000)));
    }

    #[test]
    fn what_was_done_already_is_owed() {
        let (rate, mut bucket) = (rate(100, 10), Bucket::default());
        bucket.charge(rate, ms(0), 110);
        assert!(!bucket.is_full(ms(1099)));
        assert!(bucket.is_full(ms(1100)));
        assert_eq!(bucket.take(rate, ms(0), PATIENCE), Some(ms(1010)));
    }

    #[test]
    fn the_largest_numbers_do_no_harm() {
        let (rate, mut bucket) = (rate(1, u32::MAX), Bucket::default());
        for _ in 0..10 {
            bucket.charge(rate, Duration::MAX, u32::MAX);
        }
        assert_eq!(bucket.take(rate, Duration::ZERO, PATIENCE), None);
    }
}
