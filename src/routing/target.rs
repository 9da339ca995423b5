//! What a target is to whoever feeds it: it takes a whole batch, or says whether to come again.
//!
//! One file in `targets` for each type of target: its endpoint, which is what an operator configures, and what delivers there. A target keeps no
//! cursor and never tries again by itself: order, repeats and parking are the worker's.

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::batch::Batch;
use crate::crypto::{Random, SecretText};
use crate::domain::Clock;
use crate::store::Origin;

/// Why a batch was not taken. The reason is one line for the operator and holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Undelivered {
    /// It may be taken later, as it is: the target is down, slow, full or asks for a wait. Also everything that an operator can put right
    /// without touching the events: a wrong password, a missing directory.
    #[error("{0}")]
    Retry(String),
    /// The same, and the target asks to be left alone for so long.
    #[error("{0}")]
    RetryAfter(String, Duration),
    /// It will never be taken as it is: the target was reached and refuses what it was given. Of several records the worker then gives each alone,
    /// so that only the refused one is parked.
    #[error("{0}")]
    Park(String),
}

impl Undelivered {
    /// It may be taken later; after that time, if the target asks for one.
    #[must_use]
    pub fn again(reason: String, after: Option<Duration>) -> Self {
        match after {
            Some(after) => Self::RetryAfter(reason, after),
            None => Self::Retry(reason),
        }
    }
}

/// Takes batches.
pub trait Deliver: Send {
    /// Delivers a batch: when this returns, every record was taken as durably as the target can say, in order. A batch that is repeated after a
    /// failure does no harm: its records have the same ids.
    ///
    /// It returns within the target's own time limit, whatever the other side does. To drop the future is a failure like others.
    ///
    /// # Errors
    /// Nothing is known to have been taken.
    fn deliver(&mut self, batch: &Batch) -> impl Future<Output = Result<(), Undelivered>> + Send;
}

/// The most records of a batch: the worker reads no more events at once, so that its memory has a bound.
pub const RECORDS_MAX: usize = 1000;

/// What a batch for a target may hold; a batch of one record may exceed the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchLimits {
    /// Records, [`RECORDS_MAX`] at most.
    pub records: usize,
    /// Bytes of their JSON.
    pub bytes: usize,
}

impl Default for BatchLimits {
    fn default() -> Self {
        Self {
            records: 500,
            bytes: 1 << 20,
        }
    }
}

/// A field of an endpoint that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct EndpointError {
    /// The field, as it is written.
    pub field: Cow<'static, str>,
    /// What is wrong and what to write.
    pub problem: String,
}

impl EndpointError {
    /// A problem of a field.
    #[must_use]
    pub fn new(field: impl Into<Cow<'static, str>>, problem: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            problem: problem.into(),
        }
    }
}

/// What a target gets from the server it runs in.
#[derive(Clone)]
pub struct Surroundings {
    /// Whose trail is delivered.
    pub origin: Origin,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Random bytes, for identifiers.
    pub random: Arc<dyn Random>,
    /// Files and directories of the server itself, as absolute paths without links: no target writes there.
    pub reserved: Arc<[PathBuf]>,
}

/// What an operator says of one type of target, as a JSON object: the `<type>_endpoint` of the routing model. Unknown fields are refused.
pub trait Endpoint: Serialize + DeserializeOwned + Clone + PartialEq + std::fmt::Debug {
    /// `target_type`.
    const TYPE: &'static str;
    /// The member of a target that holds it, such as `file_endpoint`.
    const MEMBER: &'static str;
    /// What delivers there.
    type Target: Deliver;

    /// Checks every field without touching the outside world.
    ///
    /// # Errors
    /// The first field that cannot be used.
    fn check(&self) -> Result<(), EndpointError>;

    /// Its secrets, each with a name that stays the same: its field, and a member of it such as `secret_environment.TOKEN`. They are stored apart
    /// and wrapped. A field that is not given is not among them.
    fn secrets(&mut self) -> Vec<(Cow<'static, str>, &mut SecretText)>;

    /// What a batch may hold.
    fn limits(&self) -> BatchLimits {
        BatchLimits::default()
    }

    /// How old events become before they are delivered, so that there are more of them, unless a batch is full.
    fn linger(&self) -> Duration {
        Duration::ZERO
    }

    /// Gets ready to deliver, without touching the outside world: connections are made when there is something to deliver.
    ///
    /// # Errors
    /// A field that cannot be used after all, such as a certificate that is none.
    fn open(&self, surroundings: &Surroundings) -> Result<Self::Target, EndpointError>;
}
