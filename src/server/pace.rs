//! How fast the requests of one client may come, over all its connections.
//!
//! A client that is faster is not refused: its connections are read later. vCenter takes an error for a failing key server and a late
//! answer for a busy one, so holding back is what keeps it working; its own system stops sending meanwhile, and nothing piles up here.
//! Only a wait beyond the limit's patience ends a connection. Off unless a rate is set.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::Config;
use crate::domain::ClientId;
use crate::domain::rate::{Bucket, Rate};

/// The paces of one listener's clients.
#[derive(Debug)]
pub(super) struct Pace {
    rate: Option<Rate>,
    patience: Duration,
    started: Instant,
    /// Of clients that were faster than the rate a moment ago. A client is enrolled, so there are no more than those.
    buckets: Mutex<HashMap<ClientId, Bucket>>,
}

impl Pace {
    pub(super) fn new(config: &Config) -> Self {
        let per_second = NonZeroU32::new(config.requests_per_client_per_second_max);
        let burst = NonZeroU32::new(config.requests_per_client_burst_max);
        Self {
            rate: per_second.map(|per_second| Rate {
                per_second,
                burst: burst.unwrap_or(NonZeroU32::MIN),
            }),
            patience: config.request_timeout(),
            started: Instant::now(),
            buckets: Mutex::default(),
        }
    }

    /// How long a request that has begun must wait before it is read; none if that is too long.
    pub(super) fn turn(&self, client: ClientId) -> Option<Duration> {
        if self.rate.is_none() {
            return Some(Duration::ZERO);
        }
        self.turn_at(client, self.started.elapsed())
    }

    fn turn_at(&self, client: ClientId, now: Duration) -> Option<Duration> {
        self.of(client, now, |bucket, rate| {
            bucket.take(rate, now, self.patience)
        })
        .unwrap_or(Some(Duration::ZERO))
    }

    /// Counts what one message held beyond the first request: a batch is as many requests as it has items.
    pub(super) fn charge(&self, client: ClientId, items: usize) {
        if self.rate.is_some() {
            self.charge_at(client, self.started.elapsed(), items);
        }
    }

    fn charge_at(&self, client: ClientId, now: Duration, items: usize) {
        let beyond = u32::try_from(items.saturating_sub(1)).unwrap_or(u32::MAX);
        if beyond > 0 {
            self.of(client, now, |bucket, rate| bucket.charge(rate, now, beyond));
        }
    }

    /// Does something with the bucket of a client, if there is a rate.
    fn of<T>(
        &self,
        client: ClientId,
        now: Duration,
        with: impl FnOnce(&mut Bucket, Rate) -> T,
    ) -> Option<T> {
        let rate = self.rate?;
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if !buckets.contains_key(&client) {
            buckets.retain(|_, bucket| !bucket.is_full(now));
        }
        Some(with(buckets.entry(client).or_default(), rate))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::Config;
    use super::Pace;
    use crate::domain::ClientId;

    fn client(number: u8) -> ClientId {
        ClientId::new(0, [number; 10])
    }

    fn pace(per_second: u32, burst: u32) -> Pace {
        Pace::new(&Config {
            requests_per_client_per_second_max: per_second,
            requests_per_client_burst_max: burst,
            request_timeout_ms: 2000,
            ..Config::default()
        })
    }

    const START: Duration = Duration::ZERO;

    #[test]
    fn without_a_rate_nobody_waits() {
        let pace = pace(0, 1);
        pace.charge(client(1), 1024);
        for _ in 0..1000 {
            assert_eq!(pace.turn(client(1)), Some(Duration::ZERO));
        }
        assert!(pace.buckets.lock().unwrap().is_empty());
    }

    #[test]
    fn each_client_has_its_own_pace() {
        let pace = pace(1, 2);
        let waits = |of| [(); 5].map(|()| pace.turn_at(client(of), START));
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        let expected = [seconds(0), seconds(0), seconds(1), seconds(2), None];
        assert_eq!(waits(1), expected);
        assert_eq!(waits(2), expected, "another client's haste is its own");
    }

    #[test]
    fn the_items_of_a_batch_count() {
        let pace = pace(10, 2);
        assert_eq!(pace.turn_at(client(1), START), Some(Duration::ZERO));
        pace.charge_at(client(1), START, 11);
        assert_eq!(pace.turn_at(client(1), START), Some(Duration::from_secs(1)));
        pace.charge_at(client(1), START, 1);
        let next = Duration::from_millis(1100);
        assert_eq!(pace.turn_at(client(1), START), Some(next));
    }

    #[test]
    fn who_has_rested_is_forgotten() {
        let pace = pace(10, 2);
        for number in 0..100 {
            pace.turn_at(client(number), START).unwrap();
        }
        let later = Duration::from_secs(1);
        pace.turn_at(client(200), later).unwrap();
        assert_eq!(pace.buckets.lock().unwrap().len(), 1);
    }
}
