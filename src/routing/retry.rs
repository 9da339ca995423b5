//! How long to wait before another try.

use std::time::Duration;

/// After the first failure.
const FIRST: Duration = Duration::from_millis(100);
/// After many.
const LONGEST: Duration = Duration::from_secs(30);

/// The wait after so many failures in a row: it doubles from one to the next, up to half a minute.
pub(super) fn wait_after(failures: u32) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    FIRST.saturating_mul(1 << doublings).min(LONGEST)
}
