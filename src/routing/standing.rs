//! How a target stands, for whoever looks: how far it is, and what keeps it.

use crate::store::Sequence;

/// How a target stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// The first event that it was not given.
    pub next: Sequence,
    /// When that event happened, milliseconds since 1970; none where there is no such event yet.
    pub waiting_since_ms: Option<i64>,
    /// When something was last delivered, milliseconds since 1970; none where nothing was since the server began to feed the target.
    pub delivered_ms: Option<i64>,
    /// Failures since something was delivered.
    pub failures: u32,
    /// When something was last not delivered, milliseconds since 1970, and why; it stays when it is over.
    pub last_failure: Option<(i64, String)>,
    /// Why nothing is delivered: the cursor does not fit the trail until an operator moves it, or the target cannot be opened, which is tried again.
    pub held: Option<String>,
}

/// How much a target has still to get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lag {
    /// Events of the trail from the first that it was not given; not all of them need be meant for it.
    pub events: u64,
    /// Seconds since the first of them happened.
    pub seconds: u64,
}

impl Standing {
    /// Whether the last delivery was one.
    #[must_use]
    pub const fn is_well(&self) -> bool {
        self.failures == 0 && self.held.is_none()
    }

    /// How much it has still to get, of a trail whose next event gets the sequence `head`.
    #[must_use]
    pub fn lag(&self, head: Sequence, now_ms: i64) -> Lag {
        let events = head.0.saturating_sub(self.next.0);
        let since = self.waiting_since_ms.filter(|_| events > 0);
        let seconds = since.map_or(0, |since| now_ms.saturating_sub(since) / 1000);
        Lag {
            events,
            seconds: u64::try_from(seconds).unwrap_or(0),
        }
    }
}
