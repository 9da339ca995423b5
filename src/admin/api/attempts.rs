//! Refused credentials, counted by the minute: beyond a number, further ones of an address, or of all, are answered 429.
//!
//! It keeps nobody out whose credential is right: behind one address are many, and whoever sends wrong credentials from there, or from
//! everywhere, must not keep administrators away. A key has 256 random bits, so that looking at one more gives nothing away.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::domain::pending::neighbourhood;

const MINUTE: i64 = 60;

/// What was refused in the present minute.
pub(super) struct Attempts {
    per_address_max: u32,
    in_all_max: u32,
    minute: Mutex<Minute>,
}

#[derive(Default)]
struct Minute {
    since: i64,
    in_all: u32,
    /// No more addresses than refusals of all that count.
    by_address: HashMap<IpAddr, u32>,
}

impl Attempts {
    /// At most so many of one address and of all.
    pub(super) fn new(per_address_max: u32, in_all_max: u32) -> Self {
        Self {
            per_address_max,
            in_all_max,
            minute: Mutex::default(),
        }
    }

    /// Counts a refusal at `now`, seconds since 1970. After how many seconds another is answered as one, where there were too many.
    pub(super) fn refused(&self, address: IpAddr, now: i64) -> Option<i64> {
        let mut minute = self.minute(now);
        let is_full = minute.in_all >= self.in_all_max;
        let address = neighbourhood(address);
        let refused = match minute.by_address.get_mut(&address) {
            Some(refused) => refused,
            None if is_full => return Some(minute.left(now)),
            None => minute.by_address.entry(address).or_insert(0),
        };
        *refused = refused.saturating_add(1);
        let is_over = is_full || *refused > self.per_address_max;
        minute.in_all = minute.in_all.saturating_add(1);
        is_over.then(|| minute.left(now))
    }

    fn minute(&self, now: i64) -> MutexGuard<'_, Minute> {
        // Nothing panics while it holds the lock.
        let mut minute = self.minute.lock().unwrap_or_else(PoisonError::into_inner);
        // A clock that was set back begins another one, too.
        if !(0..MINUTE).contains(&now.saturating_sub(minute.since)) {
            *minute = Minute {
                since: now,
                ..Minute::default()
            };
        }
        minute
    }
}

impl Minute {
    fn left(&self, now: i64) -> i64 {
        (self.since + MINUTE - now).clamp(1, MINUTE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    #[test]
    fn an_address_that_was_refused_too_often_is_told_when_the_next_minute_begins() {
        let attempts = Attempts::new(3, 100);
        for _ in 0..3 {
            assert_eq!(attempts.refused(address(1), 1000), None);
        }
        assert_eq!(attempts.refused(address(1), 1010), Some(50));
        assert_eq!(attempts.refused(address(2), 1010), None, "another address");
        assert_eq!(attempts.refused(address(1), 1060), None);
        assert_eq!(attempts.refused(address(1), 0), None, "a clock set back");
    }

    #[test]
    fn beyond_the_limit_of_all_each_is_told_and_counting_goes_on_in_bounds() {
        let attempts = Attempts::new(3, 10);
        for last in 0..10 {
            assert_eq!(attempts.refused(address(last), 1000), None);
        }
        for last in 10..200 {
            assert_eq!(attempts.refused(address(last), 1000), Some(60));
        }
        assert_eq!(attempts.refused(address(1), 1000), Some(60));
        let minute = attempts.minute(1000);
        assert_eq!(minute.by_address.len(), 10, "bounded");
        assert_eq!(minute.by_address[&address(1)], 2, "counted all the same");
    }
}
