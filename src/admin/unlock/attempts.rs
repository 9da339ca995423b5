//! Wrong passphrases, by who gave them: after each the next is looked at later.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// How long the first wrong one keeps the next waiting; each after it twice as long.
const FIRST: Duration = Duration::from_secs(1);
/// The longest wait.
const LONGEST: Duration = Duration::from_secs(300);
/// The most parties whose wrong ones are counted apart; what is beyond counts as one party's.
const PARTIES_MAX: usize = 1024;

/// Wrong passphrases since the server started.
#[derive(Debug, Default)]
pub(in crate::admin) struct Attempts(HashMap<String, Wrong>);

#[derive(Debug, Clone, Copy)]
struct Wrong {
    wait: Duration,
    until: Instant,
}

impl Attempts {
    /// After how many seconds a passphrase of this party is looked at again, at least 1; none: now is fine.
    pub(super) fn wait(&self, party: &str, now: Instant) -> Option<u64> {
        let wrong = self.0.get(self.key(party))?;
        let left = wrong.until.saturating_duration_since(now);
        (!left.is_zero()).then(|| seconds(left))
    }

    /// Counts a wrong one. Says for how many seconds no other of this party is looked at.
    pub(super) fn wrong(&mut self, party: &str, now: Instant) -> u64 {
        let key = self.key(party).to_owned();
        let before = self.0.get(&key).map(|wrong| wrong.wait);
        let wait = before.map_or(FIRST, |wait| wait.saturating_mul(2).min(LONGEST));
        let until = now + wait;
        self.0.insert(key, Wrong { wait, until });
        seconds(wait)
    }

    fn key<'a>(&self, party: &'a str) -> &'a str {
        if self.0.len() < PARTIES_MAX || self.0.contains_key(party) {
            party
        } else {
            ""
        }
    }
}

/// Whole seconds, rounded up.
fn seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_wrong_one_doubles_the_wait_of_who_gave_it_and_of_nobody_else() {
        let (mut attempts, mut now) = (Attempts::default(), Instant::now());
        for wait in [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300] {
            assert_eq!(attempts.wait("anna", now), None);
            assert_eq!(attempts.wrong("anna", now), wait);
            assert_eq!(attempts.wait("anna", now), Some(wait));
            assert_eq!(attempts.wait("bert", now), None);
            now += Duration::from_secs(wait) - Duration::from_millis(1);
            assert_eq!(attempts.wait("anna", now), Some(1));
            now += Duration::from_millis(1);
        }
    }

    #[test]
    fn parties_are_bounded_and_those_beyond_wait_for_one_another() {
        let (mut attempts, now) = (Attempts::default(), Instant::now());
        for number in 0..PARTIES_MAX + 10 {
            attempts.wrong(&number.to_string(), now);
        }
        assert_eq!(attempts.0.len(), PARTIES_MAX + 1);
        assert_eq!(attempts.wait("0", now), Some(1), "counted apart");
        assert!(attempts.wait("a stranger", now) > Some(1));
    }
}
