//! Warnings that others can bring about, told so rarely that nobody can fill the log with them. The time is passed in.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often one kind of warning is told.
pub const EVERY: Duration = Duration::from_secs(10);

/// One kind of warning.
#[derive(Debug, Default)]
pub struct Warning(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    untold: u64,
    told: Option<Instant>,
}

impl Warning {
    /// Notes one occasion. If it is time to tell, the answer is how many there were since the last time, this one included.
    pub fn due(&self, now: Instant) -> Option<u64> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.untold = state.untold.saturating_add(1);
        let is_told = |told| now.saturating_duration_since(told) < EVERY;
        if state.told.is_some_and(is_told) {
            return None;
        }
        state.told = Some(now);
        Some(std::mem::take(&mut state.untold))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::{EVERY, Warning};

    #[test]
    fn a_flood_is_told_once_in_a_while_and_none_of_it_is_lost() {
        let (warning, now) = (Warning::default(), Instant::now());
        assert_eq!(warning.due(now), Some(1));
        for _ in 0..1000 {
            assert_eq!(warning.due(now + EVERY / 2), None);
        }
        assert_eq!(warning.due(now + EVERY), Some(1001));
        assert_eq!(warning.due(now + EVERY), None);
    }
}
