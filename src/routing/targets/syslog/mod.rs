//! A syslog receiver: messages of RFC 5424 over TLS (RFC 5425) or plain TCP, each with its length before it (RFC 6587 §3.4.1).
//!
//! The protocol has no acknowledgement. A batch counts as delivered when the system took it on a connection that nothing was said against, and
//! what may still be under way is kept: where the connection turns out to have broken, it goes first on the next one. So a receiver that is
//! restarted gets the last batches twice rather than never. One that closes in order has read all, and nothing is repeated.

mod connection;
mod message;
#[cfg(test)]
mod tests;
mod unconfirmed;

use std::borrow::Cow;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, timeout};

use crate::crypto::SecretText;
use crate::domain::Clock;
use crate::routing::http::one_line;
use crate::routing::tls::TlsOptions;
use crate::routing::{Batch, Deliver, Endpoint, EndpointError, Surroundings, Undelivered};
use connection::{Connection, Sign};
pub use message::Facility;
use message::Header;
use unconfirmed::Unconfirmed;

/// How long to wait for a connection, TLS included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a new connection is watched after its first batch: who refuses our certificate says so only after the handshake (TLS 1.3).
const WATCHED: Duration = Duration::from_millis(500);
/// The longest time a batch may be given.
const TIMEOUT_SECONDS_MAX: u16 = 300;
/// The identifier of the structured data: 32473 is the enterprise number for documentation (RFC 5612), since the product has none.
const STRUCTURED_DATA_ID: &str = "keyledger@32473";

/// A syslog receiver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SyslogEndpoint {
    /// `HOST:PORT`; the port for syslog over TLS is 6514.
    pub address: String,
    /// The facility of all messages.
    #[serde(default)]
    pub facility: Facility,
    /// HOSTNAME; the origin's name unless it is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// APP-NAME.
    #[serde(default = "keyledger")]
    pub app_name: String,
    /// The identifier of the structured data: a name, `@` and the operator's enterprise number.
    #[serde(default = "documentation")]
    pub structured_data_id: String,
    /// The CA certificates that are trusted, PEM; without it those of the system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_certificate: Option<String>,
    /// The certificate that is presented, PEM, with its chain if it needs one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_certificate: Option<String>,
    /// Its private key, PEM without a passphrase.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_key: Option<SecretText>,
    /// Whether to speak without TLS: anybody on the way can read and change events.
    #[serde(default)]
    pub insecure: bool,
    /// How many seconds it may take to hand over a batch.
    #[serde(default = "half_a_minute")]
    pub timeout_seconds: u16,
}

fn keyledger() -> String {
    "keyledger".to_owned()
}

fn documentation() -> String {
    STRUCTURED_DATA_ID.to_owned()
}

const fn half_a_minute() -> u16 {
    30
}

impl SyslogEndpoint {
    /// The receiver at `HOST:PORT`, everything else as it is by default.
    #[must_use]
    pub fn new(address: &str) -> Self {
        Self {
            address: address.to_owned(),
            facility: Facility::default(),
            hostname: None,
            app_name: keyledger(),
            structured_data_id: documentation(),
            ca_certificate: None,
            client_certificate: None,
            client_key: None,
            insecure: false,
            timeout_seconds: half_a_minute(),
        }
    }

    fn tls(&self) -> TlsOptions<'_> {
        TlsOptions {
            ca_certificate: self.ca_certificate.as_deref(),
            client_certificate: self.client_certificate.as_deref(),
            client_key: self.client_key.as_ref(),
        }
    }

    fn host(&self) -> Result<ServerName<'static>, EndpointError> {
        let problem =
            "is not HOST:PORT: write one such as logs.example.com:6514 or [2001:db8::1]:6514";
        let problem = || EndpointError::new("address", problem);
        let (host, port) = self.address.rsplit_once(':').ok_or_else(problem)?;
        port.parse::<u16>()
            .ok()
            .filter(|port| *port > 0)
            .ok_or_else(problem)?;
        let bare = match host.strip_prefix('[') {
            Some(host) => host.strip_suffix(']').ok_or_else(problem)?,
            None if host.contains(':') => return Err(problem()),
            None => host,
        };
        ServerName::try_from(bare.to_owned()).map_err(|_| problem())
    }

    fn check_names(&self) -> Result<(), EndpointError> {
        let printable = |text: &str, most: usize| {
            !text.is_empty()
                && text.len() <= most
                && text.bytes().all(|byte| byte.is_ascii_graphic())
        };
        if !self
            .hostname
            .as_deref()
            .is_none_or(|name| printable(name, 255))
        {
            return Err(EndpointError::new(
                "hostname",
                "is not 1 to 255 characters of ASCII without spaces",
            ));
        }
        if !printable(&self.app_name, 48) {
            return Err(EndpointError::new(
                "app_name",
                "is not 1 to 48 characters of ASCII without spaces",
            ));
        }
        let id = &self.structured_data_id;
        let (name, number) = id.split_once('@').unwrap_or_default();
        let is_name = printable(id, 32) && !name.is_empty() && !name.contains(['=', ']', '"']);
        let is_number = !number.is_empty()
            && number
                .bytes()
                .all(|byte| byte.is_ascii_digit() || byte == b'.');
        if !is_name || !is_number {
            let problem = "is not a name, @ and an enterprise number, of 32 characters at most: write one such as keyledger@32473";
            return Err(EndpointError::new("structured_data_id", problem));
        }
        Ok(())
    }
}

impl Endpoint for SyslogEndpoint {
    const TYPE: &'static str = "syslog";
    const MEMBER: &'static str = "syslog_endpoint";
    type Target = SyslogTarget;

    fn check(&self) -> Result<(), EndpointError> {
        self.host()?;
        self.check_names()?;
        self.tls().check()?;
        if self.insecure && (self.ca_certificate.is_some() || self.client_certificate.is_some()) {
            return Err(EndpointError::new(
                "insecure",
                "is true, and certificates are given: leave out one or the other",
            ));
        }
        if !(1..=TIMEOUT_SECONDS_MAX).contains(&self.timeout_seconds) {
            let problem = format!("write a number of seconds from 1 to {TIMEOUT_SECONDS_MAX}");
            return Err(EndpointError::new("timeout_seconds", problem));
        }
        Ok(())
    }

    fn secrets(&mut self) -> Vec<(Cow<'static, str>, &mut SecretText)> {
        let key = self.client_key.as_mut();
        key.map(|key| (Cow::Borrowed("client_key"), key))
            .into_iter()
            .collect()
    }

    fn open(&self, surroundings: &Surroundings) -> Result<SyslogTarget, EndpointError> {
        self.check()?;
        let tls = if self.insecure {
            None
        } else {
            Some((Arc::new(self.tls().client_config()?), self.host()?))
        };
        let hostname = self
            .hostname
            .clone()
            .unwrap_or_else(|| surroundings.origin.name.clone());
        Ok(SyslogTarget {
            address: self.address.clone(),
            tls,
            header: Header {
                facility: self.facility,
                hostname,
                app_name: self.app_name.clone(),
                structured_data_id: self.structured_data_id.clone(),
            },
            time_limit: Duration::from_secs(self.timeout_seconds.into()),
            clock: Arc::clone(&surroundings.clock),
            connection: None,
            unconfirmed: Unconfirmed::of(Duration::from_secs(self.timeout_seconds.into())),
            is_in_doubt: false,
        })
    }
}

/// Sends to a syslog receiver, over a connection that is kept between batches.
pub struct SyslogTarget {
    address: String,
    tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
    header: Header,
    time_limit: Duration,
    clock: Arc<dyn Clock>,
    connection: Option<Connection>,
    /// What was delivered last, as it was sent.
    unconfirmed: Unconfirmed,
    /// Whether it may have been lost with its connection.
    is_in_doubt: bool,
}

impl Deliver for SyslogTarget {
    async fn deliver(&mut self, batch: &Batch) -> Result<(), Undelivered> {
        let mut frames = Vec::new();
        let now_ms = self.clock.now_ms();
        for record in &batch.records {
            self.header
                .write_framed(&mut frames, &batch.origin, record, now_ms);
        }
        // Taken away, so that a connection in the middle of something is not used again, whatever ends this.
        let kept = self.kept().await;
        let is_new = kept.is_none();
        let mut connection = match kept {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        let was_in_doubt = std::mem::replace(&mut self.is_in_doubt, true);
        let send = async {
            for again in self.unconfirmed.batches().filter(|_| was_in_doubt) {
                connection.send(again).await?;
            }
            connection.send(&frames).await?;
            let watched = if is_new {
                connection.sign_within(WATCHED).await
            } else {
                connection.sign().await
            };
            match watched {
                None => Ok(()),
                Some(Sign::Closed) => Err(io::Error::new(
                    io::ErrorKind::ConnectionAborted,
                    "it closed the connection",
                )),
                Some(Sign::Broken(error)) => Err(error),
            }
        };
        match timeout(self.time_limit, send).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(self.failed("did not take all of the messages", &error)),
            Err(_) => return Err(self.late("take the messages", self.time_limit)),
        }
        self.is_in_doubt = false;
        let now = Instant::now();
        if was_in_doubt {
            self.unconfirmed.sent_again(now);
        }
        self.unconfirmed.sent(frames, now);
        self.connection = Some(connection);
        Ok(())
    }
}

impl SyslogTarget {
    /// The connection of the batch before, if it is still one.
    async fn kept(&mut self) -> Option<Connection> {
        let mut connection = self.connection.take()?;
        match connection.sign().await {
            None => return Some(connection),
            Some(Sign::Closed) => self.unconfirmed.confirmed(),
            Some(Sign::Broken(_)) => self.is_in_doubt = true,
        }
        None
    }

    async fn connect(&self) -> Result<Connection, Undelivered> {
        let limit = CONNECT_TIMEOUT.min(self.time_limit);
        let connecting = Connection::open(&self.address, self.tls.as_ref(), self.time_limit);
        match timeout(limit, connecting).await {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(error)) => Err(self.failed("cannot be connected to", &error)),
            Err(_) => Err(self.late("let us connect", limit)),
        }
    }

    fn failed(&self, what: &str, error: &io::Error) -> Undelivered {
        let error = one_line(&error.to_string(), &[]);
        Undelivered::Retry(format!("{} {what}: {error}", self.address))
    }

    fn late(&self, what: &str, limit: Duration) -> Undelivered {
        let seconds = limit.as_secs();
        Undelivered::Retry(format!(
            "{} did not {what} within {seconds} s",
            self.address
        ))
    }
}
