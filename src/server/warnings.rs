//! Warnings that a peer can bring about, told so rarely that it cannot fill the log with them.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often one kind of warning is told.
const EVERY: Duration = Duration::from_secs(10);

/// What the listener warns of, each kind apart.
#[derive(Debug, Default)]
pub(super) struct Warnings {
    /// Accept failed.
    pub(super) accept: Warning,
    /// All places for connections were taken.
    pub(super) connections: Warning,
    /// One address had as many connections as it may.
    pub(super) address: Warning,
    /// Handshakes had to make way.
    pub(super) turns: Warning,
    /// A client was faster than its rate for longer than it could be held back.
    pub(super) pace: Warning,
}

/// One kind of warning.
#[derive(Debug, Default)]
pub(super) struct Warning(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    untold: u64,
    told: Option<Instant>,
}

impl Warning {
    /// Notes one occasion. If it is time to tell, the answer is how many there were since the last.
    pub(super) fn due(&self) -> Option<u64> {
        self.due_at(Instant::now())
    }

    fn due_at(&self, now: Instant) -> Option<u64> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.untold = state.untold.saturating_add(1);
        if state
            .told
            .is_some_and(|told| now.duration_since(told) < EVERY)
        {
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
        assert_eq!(warning.due_at(now), Some(1));
        for _ in 0..1000 {
            assert_eq!(warning.due_at(now + EVERY / 2), None);
        }
        assert_eq!(warning.due_at(now + EVERY), Some(1001));
        assert_eq!(warning.due_at(now + EVERY), None);
    }
}
