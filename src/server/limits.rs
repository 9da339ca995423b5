//! What a peer may use: sizes, counts and times, each with its unit and its default.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ops::Budget;

/// The limits of the listener.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Config {
    /// The longest request message, in bytes.
    pub message_bytes_max: usize,
    /// How deep structures of a message may nest.
    pub message_depth_max: u8,
    /// The most items in one message.
    pub message_items_max: u32,
    /// The most connections at once.
    pub connections_max: usize,
    /// The most connections of one address at once; an IPv6 /64 network counts as one address.
    pub connections_per_address_max: usize,
    /// The most TLS handshakes at once; more wait their turn.
    pub handshakes_max: usize,
    /// The most TLS handshakes of one address at once; more wait their turn.
    pub handshakes_per_address_max: usize,
    /// How long a TLS handshake may take, and how long a connection waits for its turn to begin
    /// one, in milliseconds.
    pub handshake_timeout_ms: u64,
    /// How long after the handshake the first request may take to begin, in milliseconds.
    pub first_request_timeout_ms: u64,
    /// How long a connection may be idle between requests, in milliseconds.
    pub idle_timeout_ms: u64,
    /// How long a request may take to arrive once it has begun, and its answer to be taken, in
    /// milliseconds.
    pub request_timeout_ms: u64,
    /// The most bytes of requests held over all connections, and apart from them as many of answers.
    pub bytes_in_flight_max: usize,
    /// The most of these bytes that one client may hold.
    pub bytes_in_flight_per_client_max: usize,
    /// The most requests of one client each second, over all its connections; faster ones are read later. 0: no limit.
    pub requests_per_client_per_second_max: u32,
    /// The most requests of one client at once after a pause, where there is a limit per second.
    pub requests_per_client_burst_max: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            message_bytes_max: 1024 * 1024,
            message_depth_max: 32,
            message_items_max: 65_536,
            connections_max: 10_000,
            connections_per_address_max: 1000,
            handshakes_max: 256,
            handshakes_per_address_max: 32,
            handshake_timeout_ms: 10_000,
            first_request_timeout_ms: 30_000,
            idle_timeout_ms: 15 * 60 * 1000,
            request_timeout_ms: 30_000,
            bytes_in_flight_max: 256 * 1024 * 1024,
            bytes_in_flight_per_client_max: 64 * 1024 * 1024,
            requests_per_client_per_second_max: 0,
            requests_per_client_burst_max: 100,
        }
    }
}

impl Config {
    /// The bounds of one message, for the codec.
    #[must_use]
    pub const fn message(&self) -> ttlv::Limits {
        ttlv::Limits {
            message_bytes_max: self.message_bytes_max,
            depth_max: self.message_depth_max,
            items_max: self.message_items_max,
        }
    }

    /// A budget of the bytes in flight: one for requests, one for answers.
    #[must_use]
    pub fn budget(&self) -> Arc<Budget> {
        Budget::new(
            self.bytes_in_flight_max,
            self.bytes_in_flight_per_client_max,
        )
    }

    pub(crate) const fn handshake_timeout(&self) -> Duration {
        Duration::from_millis(self.handshake_timeout_ms)
    }

    pub(crate) const fn first_request_timeout(&self) -> Duration {
        Duration::from_millis(self.first_request_timeout_ms)
    }

    pub(crate) const fn idle_timeout(&self) -> Duration {
        Duration::from_millis(self.idle_timeout_ms)
    }

    pub(crate) const fn request_timeout(&self) -> Duration {
        Duration::from_millis(self.request_timeout_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::Config;

    #[test]
    fn settings_are_read_by_their_names_and_unknown_ones_are_refused() {
        let read = toml::from_str::<Config>("connections-max = 7\nidle-timeout-ms = 8").unwrap();
        assert_eq!((read.connections_max, read.idle_timeout_ms), (7, 8));
        assert_eq!(read.handshakes_max, Config::default().handshakes_max);
        assert!(toml::from_str::<Config>("connection-max = 7").is_err());
    }
}
