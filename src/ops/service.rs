//! The door of `ops`: bytes of a request in, bytes of its answer out.

use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::crypto::{Certificate, Random, Secret, symmetric_key, triple_des_key};
use crate::domain::{
    Clock, EventId, Identity, NotAdmitted, ObjectId, Pending, RequestId, Scope, Warning,
};
use crate::kmip::enums::CryptographicAlgorithm;
use crate::ops::authentication::checks::Checks;
use crate::ops::budget::{Budget, Reservation};
use crate::ops::error::{Cause, OpError};
use crate::ops::keyring::Keyring;
use crate::ops::measures::Measures;
use crate::ops::refusal::{Decision, Sighting, Sightings};
use crate::ops::spans::Spans;
use crate::ops::turns::Turns;
use crate::ops::{batch, enrolment};
use crate::store::Store;

/// Settings of the KMIP behaviour.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Config {
    /// Records an event for Discover Versions and Query too; vCenter sends them every five minutes. Off by default.
    pub protocol_events: bool,
    /// The most identifiers one Locate answers.
    pub locate_results_max: usize,
    /// The most objects the searches of one message look at.
    pub searched_objects_max: usize,
    /// The most instances one attribute of an object may have.
    pub attribute_instances_max: usize,
    /// The most instances of all attributes of an object together.
    pub attributes_per_object_max: usize,
    /// The most bytes of an attribute's name or text.
    pub attribute_text_bytes_max: usize,
    /// The most items one batch may have.
    pub batch_items_max: u32,
    /// The most bytes of one answer; what does not fit is refused before it takes effect.
    pub response_bytes_max: usize,
    /// Wrong user names and passwords a client may send in a minute; more are refused unseen.
    pub wrong_credentials_per_minute: u32,
    /// A refused certificate is recorded once in this many seconds.
    pub refusal_window_seconds: i64,
    /// The most refused certificates remembered at once.
    pub refusals_max: usize,
    /// The most events a day for refused certificates that nobody enrolled; an eighth of them may come at once. What is
    /// beyond is counted in one event per window.
    pub refusal_events_per_day_max: i64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            protocol_events: false,
            locate_results_max: 10_000,
            searched_objects_max: 10_000_000,
            attribute_instances_max: 256,
            attributes_per_object_max: 1024,
            attribute_text_bytes_max: 4096,
            batch_items_max: 1024,
            response_bytes_max: 8 * 1024 * 1024,
            wrong_credentials_per_minute: 10,
            refusal_window_seconds: 300,
            refusals_max: 1024,
            refusal_events_per_day_max: 2000,
        }
    }
}

/// The answer to one request.
#[derive(Debug)]
pub struct Answer {
    /// The whole response message.
    pub bytes: Vec<u8>,
    /// Send it, then close the connection.
    pub close: bool,
    /// How many items it answers.
    pub items: usize,
    /// What it takes of the bytes in flight, given back when it is dropped; none where it is small.
    pub held: Option<Reservation>,
}

impl Answer {
    /// A small answer of one item.
    #[must_use]
    pub const fn small(bytes: Vec<u8>, close: bool) -> Self {
        Self {
            bytes,
            close,
            items: 1,
            held: None,
        }
    }
}

/// What requests can bring about any number of times: each is told once in a while, and always at `debug`.
#[derive(Debug, Default)]
pub(crate) struct Warnings {
    /// A request could not be committed.
    pub(crate) uncommitted: Warning,
    /// A failure could not be recorded.
    pub(crate) unrecorded: Warning,
    /// A certificate of a trusted CA could not be enrolled.
    pub(crate) unenrolled: Warning,
}

/// KMIP behaviour over a store, a keyring, a clock and a random source.
pub struct Service {
    parts: Parts,
    sightings: Sightings,
    enrolling: tokio::sync::Mutex<()>,
    warnings: Warnings,
    pending: Arc<Mutex<Pending>>,
    turns: Turns,
    checks: Checks,
    measures: Arc<Measures>,
}

/// What a service works with, all of it passed in.
pub struct Parts {
    /// Where objects and events are kept.
    pub store: Store,
    /// The data keys, unwrapped.
    pub keyring: Arc<Keyring>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The random source of keys, nonces and identifiers.
    pub random: Arc<dyn Random>,
    /// The settings.
    pub config: Config,
    /// Bounds on messages.
    pub limits: ttlv::Limits,
    /// Bytes of answers in flight.
    pub answers: Arc<Budget>,
    /// The scope of what concerns the server as a whole: refused certificates.
    pub global_scope: Arc<Scope>,
    /// Where spans of requests go.
    pub spans: Spans,
}

impl Service {
    /// A service over its parts.
    #[must_use]
    pub fn new(parts: Parts) -> Arc<Self> {
        let sightings = Sightings::new(&parts.config);
        let checks = Checks::new(parts.config.wrong_credentials_per_minute);
        let pending = Arc::default();
        Arc::new(Self {
            parts,
            sightings,
            enrolling: tokio::sync::Mutex::new(()),
            warnings: Warnings::default(),
            pending,
            turns: Turns::new(),
            checks,
            measures: Arc::default(),
        })
    }

    /// The store behind this service.
    #[must_use]
    pub const fn store(&self) -> &Store {
        &self.parts.store
    }

    /// The settings.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.parts.config
    }

    pub(crate) fn keyring(&self) -> &Keyring {
        &self.parts.keyring
    }

    pub(crate) const fn global_scope(&self) -> &Arc<Scope> {
        &self.parts.global_scope
    }

    pub(crate) const fn spans(&self) -> &Spans {
        &self.parts.spans
    }

    pub(crate) const fn warnings(&self) -> &Warnings {
        &self.warnings
    }

    pub(crate) fn answers(&self) -> &Budget {
        &self.parts.answers
    }

    pub(crate) const fn turns(&self) -> &Turns {
        &self.turns
    }

    pub(crate) fn random(&self) -> &dyn Random {
        &*self.parts.random
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.parts.clock
    }

    /// What requests came to since the server started.
    #[must_use]
    pub const fn measures(&self) -> &Arc<Measures> {
        &self.measures
    }

    pub(crate) const fn checks(&self) -> &Checks {
        &self.checks
    }

    pub(crate) fn now_ms(&self) -> i64 {
        self.parts.clock.now_ms()
    }

    pub(crate) const fn limits(&self) -> &ttlv::Limits {
        &self.parts.limits
    }

    /// Answers one whole request message. What it changed and the events of all its items are durable when this
    /// returns; where they cannot be, the answer is a failure without key material.
    pub async fn answer(&self, identity: &Arc<Identity>, request: &[u8]) -> Answer {
        batch::answer(self, identity, request).await
    }

    /// Answers bytes that are no message: the standard's error response, then close (KMIP 1.4 §11).
    pub async fn answer_unframed(&self, identity: &Arc<Identity>, error: &ttlv::Error) -> Answer {
        batch::answer_unframed(self, identity, error).await
    }

    /// The certificates that wait for approval.
    #[must_use]
    pub const fn pending(&self) -> &Arc<Mutex<Pending>> {
        &self.pending
    }

    /// Notes a certificate whose key the peer has and that is not simply let in; [`Service::record_sightings`] records it. One
    /// that belongs to no client waits for approval from now on. Never waits.
    pub fn sighted(&self, sighting: Sighting) {
        let now = self.parts.clock.now();
        self.sightings.note(&sighting, now);
        if sighting.decision == Decision::Refused(NotAdmitted::Unknown) {
            let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
            pending.note(sighting.certificate, sighting.address, now);
        }
    }

    /// Records what was sighted: each certificate once per window, with a count. Runs until `stop` is ready, and records what
    /// was counted up to then before it ends.
    pub async fn record_sightings(&self, stop: impl Future<Output = ()>) {
        self.sightings.record(self, stop).await;
    }

    /// Enrols a certificate that a trusted CA vouches for.
    ///
    /// # Errors
    /// The rule that refuses it now, or the store could not keep it.
    pub async fn enrol(&self, leaf: &Certificate) -> Result<(), NotAdmitted> {
        enrolment::enrol(self, leaf).await
    }

    pub(super) const fn enrolling(&self) -> &tokio::sync::Mutex<()> {
        &self.enrolling
    }

    /// A new identifier for an object, never of digits only.
    pub(crate) fn object_id(&self, now_ms: i64) -> Result<ObjectId, OpError> {
        loop {
            let id = ObjectId::new(now_ms, self.random_bytes()?);
            if id.has_letter() {
                return Ok(id);
            }
        }
    }

    /// A new identifier for an event.
    pub(crate) fn event_id(&self, now_ms: i64) -> Result<EventId, OpError> {
        Ok(EventId::new(now_ms, self.random_bytes()?))
    }

    /// A new identifier for a request.
    pub(crate) fn request_id(&self, now_ms: i64) -> Result<RequestId, OpError> {
        Ok(RequestId::new(now_ms, self.random_bytes()?))
    }

    fn random_bytes(&self) -> Result<[u8; 10], OpError> {
        let mut bytes = [0; 10];
        let failed = |_| OpError::new(Cause::Cryptographic, "the random source failed");
        self.parts.random.fill_public(&mut bytes).map_err(failed)?;
        Ok(bytes)
    }

    /// The material of a key of `bits` bits for an algorithm.
    pub(crate) fn symmetric_key(
        &self,
        algorithm: Option<CryptographicAlgorithm>,
        bits: u32,
    ) -> Result<Secret, OpError> {
        let made = match algorithm {
            Some(CryptographicAlgorithm::Des3) => triple_des_key(self.random()),
            _ => symmetric_key(bits, self.random()),
        };
        made.map_err(|error| OpError::new(Cause::Cryptographic, error.to_string()))
    }
}
