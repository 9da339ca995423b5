//! How long to wait before another try.

use std::pin::Pin;
use std::time::Duration;

use crate::crypto::Random;

/// After the first failure.
const FIRST: Duration = Duration::from_millis(100);
/// After many.
const LONGEST: Duration = Duration::from_secs(30);

/// The wait after so many failures in a row: it doubles from one to the next, up to half a minute, and is up to half shorter by chance, so that
/// what failed together does not come again together.
pub(super) fn wait_after(failures: u32, random: &dyn Random) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    let longest = FIRST.saturating_mul(1 << doublings).min(LONGEST);
    let mut drawn = [0; 1];
    // Without chance it is the whole wait.
    if random.fill_public(&mut drawn).is_err() {
        return longest;
    }
    longest - longest / 512 * u32::from(drawn[0])
}

/// Waits, so that tests need not.
pub trait Timer: Send + Sync {
    /// Returns after so long.
    fn sleep(&self, wait: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

/// The timer of the runtime.
#[derive(Debug, Clone, Copy, Default)]
pub struct RuntimeTimer;

impl Timer for RuntimeTimer {
    fn sleep(&self, wait: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(tokio::time::sleep(wait))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::{RandomError, SystemRandom};

    /// Draws the same byte each time, or nothing.
    struct Same(Option<u8>);

    impl Random for Same {
        fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
            bytes.fill(self.0.ok_or(RandomError)?);
            Ok(())
        }
    }

    #[test]
    fn waits_double_up_to_half_a_minute() {
        let waits = |byte| {
            [1, 2, 5, 9, 10, 1000].map(|failures| wait_after(failures, &Same(byte)).as_millis())
        };
        let whole = [100, 200, 1600, 25_600, 30_000, 30_000];
        assert_eq!(waits(Some(0)), whole);
        assert_eq!(waits(None), whole);
        for (shortest, whole) in waits(Some(255)).into_iter().zip(whole) {
            assert!(
                (whole / 2..whole * 11 / 20).contains(&shortest),
                "{shortest} of {whole}"
            );
        }
    }

    #[test]
    fn waits_differ() {
        let mut waits: Vec<_> = (0..64).map(|_| wait_after(10, &SystemRandom)).collect();
        waits.sort();
        waits.dedup();
        assert!(waits.len() > 8);
    }
}
