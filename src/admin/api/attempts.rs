//! Refused credentials, counted by the minute: who was refused too often is not looked at for the rest of it.
//!
//! The limit of all addresses does not keep out an address that was never refused: whoever sends wrong credentials from everywhere must not
//! keep administrators away.

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
    /// No more addresses than refusals that count.
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

    /// After how many seconds a credential of this address is looked at again; none: now is fine. `now` in seconds since 1970.
    pub(super) fn wait(&self, address: IpAddr, now: i64) -> Option<i64> {
        let minute = self.minute(now);
        let refused = minute.by_address.get(&neighbourhood(address)).copied();
        let refused = refused.unwrap_or(0);
        let is_over =
            refused >= self.per_address_max || (refused > 0 && minute.in_all >= self.in_all_max);
        is_over.then(|| minute.left(now))
    }

    /// Counts a refusal. After how many seconds another is answered as one, where there were too many.
    pub(super) fn refused(&self, address: IpAddr, now: i64) -> Option<i64> {
        let mut minute = self.minute(now);
        if minute.in_all >= self.in_all_max {
            return Some(minute.left(now));
        }
        minute.in_all += 1;
        let refused = minute.by_address.entry(neighbourhood(address)).or_insert(0);
        *refused = refused.saturating_add(1);
        None
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
    fn an_address_that_was_refused_too_often_waits_for_the_next_minute() {
        let attempts = Attempts::new(3, 100);
        for _ in 0..3 {
            assert_eq!(attempts.wait(address(1), 1000), None);
            assert_eq!(attempts.refused(address(1), 1000), None);
        }
        assert_eq!(attempts.wait(address(1), 1010), Some(50));
        assert_eq!(attempts.wait(address(2), 1010), None, "another address");
        assert_eq!(attempts.wait(address(1), 1060), None);
        assert_eq!(attempts.wait(address(1), 0), None, "a clock set back");
    }

    #[test]
    fn the_limit_of_all_refuses_who_is_wrong_and_nobody_who_never_was() {
        let attempts = Attempts::new(3, 10);
        for last in 0..10 {
            assert_eq!(attempts.refused(address(last), 1000), None);
        }
        assert_eq!(attempts.wait(address(200), 1000), None);
        assert_eq!(attempts.refused(address(200), 1000), Some(60));
        assert!(attempts.wait(address(1), 1000).is_some());
        assert_eq!(attempts.minute(1000).by_address.len(), 10, "bounded");
    }
}
