//! The middle and the tail of what was measured.

use std::time::Duration;

/// The value that about this percentage of the values does not exceed; the values ascend. Zero if
/// there are none.
pub(crate) fn percentile(ascending: &[Duration], percent: usize) -> Duration {
    let last = ascending.len().saturating_sub(1);
    let at = ascending.len().saturating_mul(percent) / 100;
    ascending.get(at.min(last)).copied().unwrap_or_default()
}

/// The middle value, or the mean of the two in the middle. Not a number if there are none.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut ascending = values.to_vec();
    ascending.sort_unstable_by(f64::total_cmp);
    let middle = ascending.len() / 2;
    let upper = ascending.get(middle).copied().unwrap_or(f64::NAN);
    if ascending.len() % 2 == 1 {
        return upper;
    }
    let lower = middle.checked_sub(1).and_then(|at| ascending.get(at));
    lower.map_or(upper, |lower| f64::midpoint(*lower, upper))
}
