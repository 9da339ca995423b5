//! When the end of a certificate is worth a warning.

/// The days before the end of which a warning is due, each once; 0 is the end itself.
pub const WARNING_DAYS: [u32; 4] = [0, 1, 7, 30];

const DAY_SECONDS: i64 = 86_400;

/// Whole days from `now` to the last second of validity, both seconds since 1970; negative once that has passed.
#[must_use]
pub const fn days_left(not_after: i64, now: i64) -> i64 {
    not_after.saturating_sub(now).div_euclid(DAY_SECONDS)
}

/// The warning that is due: the smallest of [`WARNING_DAYS`] that `now` lies within, unless `warned` says that it was given.
#[must_use]
pub fn warning_due(not_after: i64, warned: Option<u32>, now: i64) -> Option<u32> {
    let left = not_after.saturating_sub(now);
    let is_within = |days: &u32| match days {
        // Valid up to and including its last second.
        0 => left < 0,
        days => left <= i64::from(*days) * DAY_SECONDS,
    };
    let due = WARNING_DAYS.into_iter().find(is_within)?;
    warned.is_none_or(|warned| due < warned).then_some(due)
}

/// So many days after a time, both in seconds since 1970.
#[must_use]
pub fn days_after(time: i64, days: u32) -> i64 {
    time.saturating_add(i64::from(days) * DAY_SECONDS)
}

/// The last second at which a certificate is accepted that may be used `grace_days` after its end.
#[must_use]
pub fn accepted_until(not_after: i64, grace_days: u32) -> i64 {
    days_after(not_after, grace_days)
}

#[cfg(test)]
mod tests {
    use super::*;

    const END: i64 = 1_800_000_000;

    #[test]
    fn each_warning_is_due_once_and_the_latest_stands_for_those_before() {
        let mut warned = None;
        let mut given = Vec::new();
        for day in -40..=3 {
            let now = END + day * DAY_SECONDS;
            if let Some(days) = warning_due(END, warned, now) {
                given.push((day, days));
                warned = Some(days);
            }
        }
        assert_eq!(given, [(-30, 30), (-7, 7), (-1, 1), (1, 0)]);
        // Enrolled late, or the server was off: one warning, not three.
        assert_eq!(warning_due(END, None, END - 5 * DAY_SECONDS), Some(7));
        assert_eq!(warning_due(END, None, END + 1), Some(0));
        assert_eq!(warning_due(END, Some(0), END + 1), None);
        assert_eq!(warning_due(END, Some(1), END), None);
        assert_eq!(warning_due(i64::MAX, None, END), None);
    }

    #[test]
    fn days_are_whole_and_negative_after_the_end() {
        assert_eq!(days_left(END, END - DAY_SECONDS), 1);
        assert_eq!(days_left(END, END - DAY_SECONDS + 1), 0);
        assert_eq!(days_left(END, END + 1), -1);
    }
}
