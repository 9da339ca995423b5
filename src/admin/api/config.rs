//! `[admin]`: where the administration API is served, and what a peer of it may use.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::Quantities;

/// The settings of the administration API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Config {
    /// Address and port it is served on; port 0 takes a free one, empty: it is not served.
    pub listen: String,
    /// The file of its certificate, in PEM form; empty: the server's own.
    pub certificate: String,
    /// The file of the certificate's private key; empty: the server's own.
    pub key: String,
    /// The most connections at once.
    pub connections_max: usize,
    /// The most connections of one address at once; an IPv6 /64 network counts as one address.
    pub connections_per_address_max: usize,
    /// How long a TLS handshake may take, in milliseconds.
    pub handshake_timeout_ms: u64,
    /// The most bytes of a request's head: its first line and its headers.
    pub header_bytes_max: usize,
    /// How long a connection may be idle and then take to send a request's head, in milliseconds.
    pub header_timeout_ms: u64,
    /// The most bytes of a request's body.
    pub body_bytes_max: usize,
    /// How long a request's body may take to arrive, and each part of an answer to be taken, in milliseconds; a whole answer may take four
    /// times as long.
    pub body_timeout_ms: u64,
    /// The most instances there may be.
    pub instances_max: usize,
    /// The most clients there may be.
    pub clients_max: usize,
    /// The most certificates one client may have, those aside that a CA of others enrols.
    pub certificates_per_client_max: usize,
    /// The most API keys there may be.
    pub api_keys_max: usize,
    /// The most administrator certificates there may be.
    pub administrators_max: usize,
    /// The most refused credentials of one address each minute; further wrong ones are answered as too many.
    pub failed_logins_per_address_per_minute: u32,
    /// The most refused credentials of all addresses each minute.
    pub failed_logins_per_minute: u32,
    /// How often one credential may follow the trail at once.
    pub event_tails_per_caller_max: usize,
}

impl Default for Config {
    fn default() -> Self {
        let quantities = Quantities::default();
        Self {
            instances_max: quantities.instances,
            clients_max: quantities.clients,
            certificates_per_client_max: quantities.certificates_per_client,
            api_keys_max: quantities.api_keys,
            administrators_max: quantities.administrators,
            listen: "127.0.0.1:5697".to_owned(),
            certificate: String::new(),
            key: String::new(),
            connections_max: 64,
            connections_per_address_max: 32,
            handshake_timeout_ms: 10_000,
            header_bytes_max: 16_384,
            header_timeout_ms: 30_000,
            body_bytes_max: 1024 * 1024,
            body_timeout_ms: 30_000,
            failed_logins_per_address_per_minute: 20,
            failed_logins_per_minute: 200,
            event_tails_per_caller_max: 4,
        }
    }
}

impl Config {
    /// How many there may be of what administrators make.
    #[must_use]
    pub const fn quantities(&self) -> Quantities {
        Quantities {
            instances: self.instances_max,
            clients: self.clients_max,
            certificates_per_client: self.certificates_per_client_max,
            api_keys: self.api_keys_max,
            administrators: self.administrators_max,
        }
    }

    /// How long a TLS handshake may take.
    #[must_use]
    pub const fn handshake_timeout(&self) -> Duration {
        Duration::from_millis(self.handshake_timeout_ms)
    }

    pub(super) const fn header_timeout(&self) -> Duration {
        Duration::from_millis(self.header_timeout_ms)
    }

    pub(super) const fn body_timeout(&self) -> Duration {
        Duration::from_millis(self.body_timeout_ms)
    }
}
