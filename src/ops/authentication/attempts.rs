//! How many wrong credentials a client may still send: so many a minute, growing back as time passes.

pub(super) const MINUTE_MS: i64 = 60_000;

/// How much of a minute a client has used up with wrong credentials.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    /// When all of it has grown back, milliseconds since 1970.
    whole_at_ms: i64,
}

impl Attempts {
    pub(super) const fn is_used(&self, now_ms: i64) -> bool {
        self.whole_at_ms > now_ms
    }

    /// Takes one of the `per_minute` there are; false if none is left.
    pub(super) fn take(&mut self, now_ms: i64, per_minute: i64) -> bool {
        let step_ms = MINUTE_MS / per_minute;
        // A clock that was set back must not lock a client out for longer.
        self.whole_at_ms = self.whole_at_ms.clamp(now_ms, now_ms + MINUTE_MS);
        if self.whole_at_ms + step_ms > now_ms + step_ms * per_minute {
            return false;
        }
        self.whole_at_ms += step_ms;
        true
    }

    pub(super) const fn give_back(&mut self, step_ms: i64) {
        self.whole_at_ms -= step_ms;
    }
}

#[cfg(test)]
mod tests {
    use super::Attempts;

    #[test]
    fn attempts_are_used_up_and_grow_back() {
        let mut attempts = Attempts::default();
        let mut taken = |now| attempts.take(now, 3);
        assert!(taken(1_000_000) && taken(1_000_000) && taken(1_000_001));
        assert!(!taken(1_000_001));
        assert!(!taken(1_019_000));
        assert!(taken(1_020_001));
        assert!(!taken(1_020_001));
        // The clock is set back by hours: a minute later there is some again.
        assert!(!taken(5_000));
        assert!(taken(65_000));
    }

    #[test]
    fn what_was_right_is_given_back() {
        let mut attempts = Attempts::default();
        for _ in 0..100 {
            assert!(attempts.take(5_000_000, 10));
            attempts.give_back(6_000);
        }
        assert!(!attempts.is_used(5_000_000));
    }
}
