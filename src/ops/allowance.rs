//! What an answer takes of the bytes in flight over all connections.
//!
//! Nearly all answers are small and are not counted. One that grows beyond that takes as much as the largest answer at once, and gives
//! back what it did not need when it is whole. If that is not there, the message lets go of all it has read and waits: any number of
//! messages could wait with an answer half done.

use std::time::Duration;

use tokio::time::timeout;

use crate::domain::{ClientId, Identity};
use crate::ops::budget::Reservation;
use crate::ops::service::{Answer, Service};

/// The most bytes of an answer that is small.
const SMALL_BYTES: usize = 16 * 1024;
/// How long a message waits for it. Who takes an answer has as long by default.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the answer to one message takes.
pub(super) struct Allowance<'a> {
    service: &'a Service,
    client: ClientId,
    held: Option<Reservation>,
}

/// Others kept the bytes for too long.
pub(super) struct Spent;

impl<'a> Allowance<'a> {
    pub(super) fn new(service: &'a Service, identity: &Identity) -> Self {
        Self {
            service,
            client: identity.client,
            held: None,
        }
    }

    /// Whether an answer may have so many bytes, without waiting.
    pub(super) fn suffices(&mut self, bytes: usize) -> bool {
        if bytes > SMALL_BYTES && self.held.is_none() {
            let answers = self.service.answers();
            self.held = answers.try_reserve(self.client, self.largest());
            return self.held.is_some();
        }
        true
    }

    /// Waits for the bytes of the largest answer.
    ///
    /// # Errors
    /// They do not come.
    pub(super) async fn wait(&mut self) -> Result<(), Spent> {
        let reserve = self.service.answers().reserve(self.client, self.largest());
        let reserved = timeout(PATIENCE, reserve).await;
        self.held = Some(reserved.map_err(|_| Spent)?);
        Ok(())
    }

    /// The answer to so many items, after which the connection stays of use.
    pub(super) fn answer(self, bytes: Vec<u8>, items: usize) -> Answer {
        let mut held = self.held;
        if let Some(held) = &mut held {
            held.keep(bytes.len());
        }
        Answer {
            bytes,
            close: false,
            items,
            held,
        }
    }

    fn largest(&self) -> usize {
        self.service.config().response_bytes_max
    }
}
