//! What was sent and may not have arrived: syslog has no answers, so it is kept until the connection would have broken without it.
//!
//! Two bounds say how much that is. What the other side's system does not take within the connection's patience breaks the connection; and no
//! more can be under way than the system of this side holds for it.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// More than a system holds of what a connection has not taken: Linux allows 4 MiB unless it is told otherwise.
const UNDER_WAY_BYTES_MAX: usize = 8 << 20;

/// Batches as they were sent, the oldest first.
#[derive(Debug)]
pub(super) struct Unconfirmed {
    batches: VecDeque<(Instant, Vec<u8>)>,
    bytes: usize,
    patience: Duration,
}

impl Unconfirmed {
    /// Of connections that break when nothing is taken for so long.
    pub(super) const fn of(patience: Duration) -> Self {
        Self {
            batches: VecDeque::new(),
            bytes: 0,
            patience,
        }
    }

    /// Keeps a batch that was sent now, and lets go what has arrived by now: twice the patience is past any doubt.
    pub(super) fn sent(&mut self, batch: Vec<u8>, now: Instant) {
        self.bytes = self.bytes.saturating_add(batch.len());
        self.batches.push_back((now, batch));
        let has_arrived = |at: Instant, later: usize| {
            now.duration_since(at) > self.patience * 2 || later >= UNDER_WAY_BYTES_MAX
        };
        while let Some((at, oldest)) = self.batches.front()
            && has_arrived(*at, self.bytes - oldest.len())
        {
            self.bytes -= oldest.len();
            self.batches.pop_front();
        }
    }

    /// All that may have to be sent again, in order.
    pub(super) fn batches(&self) -> impl Iterator<Item = &[u8]> {
        self.batches.iter().map(|(_, batch)| batch.as_slice())
    }

    /// All of it was sent again now.
    pub(super) fn sent_again(&mut self, now: Instant) {
        for (at, _) in &mut self.batches {
            *at = now;
        }
    }

    /// The other side has closed in order: it has read everything.
    pub(super) fn confirmed(&mut self) {
        self.batches.clear();
        self.bytes = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(unconfirmed: &Unconfirmed) -> Vec<usize> {
        unconfirmed.batches().map(<[u8]>::len).collect()
    }

    #[test]
    fn what_may_be_under_way_is_kept_and_no_more() {
        let patience = Duration::from_secs(30);
        let (mut unconfirmed, begun) = (Unconfirmed::of(patience), Instant::now());
        unconfirmed.sent(vec![0; 1], begun);
        unconfirmed.sent(vec![0; 2], begun + patience);
        unconfirmed.sent(vec![0; 3], begun + patience * 2);
        assert_eq!(held(&unconfirmed), [1, 2, 3], "all may be under way");
        let now = begun + patience * 3;
        unconfirmed.sent(vec![0; 4], now);
        assert_eq!(held(&unconfirmed), [2, 3, 4], "the first is too old");
        unconfirmed.sent(vec![0; UNDER_WAY_BYTES_MAX - 5], now);
        assert_eq!(held(&unconfirmed), [3, 4, UNDER_WAY_BYTES_MAX - 5]);
        unconfirmed.sent(vec![0; 5], now);
        assert_eq!(held(&unconfirmed), [UNDER_WAY_BYTES_MAX - 5, 5]);
        // What was sent again may be lost again.
        let later = now + patience * 3;
        unconfirmed.sent_again(later);
        unconfirmed.sent(vec![0; 1], later);
        assert_eq!(held(&unconfirmed), [UNDER_WAY_BYTES_MAX - 5, 5, 1]);
        unconfirmed.confirmed();
        assert_eq!(held(&unconfirmed), [0; 0]);
    }
}
