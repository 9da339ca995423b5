//! What is done where the trail does not go on from what was sealed last: a new epoch of it begins.
//!
//! A trail that contradicts the checkpoint in the database itself is damaged: that is for the operator to look at, and begins no epoch by
//! itself. The first event of an epoch names the last checkpoint known of the one before.

mod finding;

use std::sync::Arc;

use crate::audit::{Action, Data, Event, Field, Outcome, ReasonCode, Target};
use crate::crypto::{Random, RandomError};
use crate::domain::{Clock, EventId, Initiator, RequestId, Rights, Scope};
use crate::store::changeset::{Changeset, Precondition, Write};
use crate::store::{ApplyError, Store, StoreError};
use finding::Known;

pub use finding::{Finding, agrees_with_itself, interruption, next_epoch};

/// How often an epoch is tried to begin while others commit events.
const TRIES: usize = 1000;

/// An epoch could not begin.
#[derive(Debug, thiserror::Error)]
pub enum EpochError {
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store refused it.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// The random source failed.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// Others committed events all the time.
    #[error("other events came in between each time: stop the server and try again")]
    Busy,
}

/// Who begins an epoch, and why.
pub struct Beginning<'a> {
    /// Who.
    pub initiator: Initiator,
    /// With which rights they ask; it begins only while they have them.
    pub rights: Rights,
    /// Why.
    pub finding: Finding,
    /// Why in the operator's words.
    pub reason: Option<&'a str>,
    /// Where global events belong.
    pub scope: Arc<Scope>,
    /// The time.
    pub clock: &'a dyn Clock,
    /// Random bytes.
    pub random: &'a dyn Random,
}

/// An epoch that began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Begun {
    /// Its number.
    pub epoch: u32,
    /// The sequence of its first event.
    pub first: u64,
    /// How many events the last checkpoint known of the one before seals.
    pub sealed: Option<u64>,
}

/// Begins a new epoch of the trail with the event that says so. Nobody may sign a checkpoint meanwhile.
///
/// # Errors
/// Nothing was begun.
pub async fn begin(store: &Store, beginning: &Beginning<'_>) -> Result<Begun, EpochError> {
    let state = store.last_sealed().await?;
    let last = finding::last_known(&state);
    for _ in 0..TRIES {
        // In this order: an epoch that begins meanwhile makes the sequence wrong.
        let first = store.head();
        let epoch = next_epoch(&state).max(store.origin().epoch.saturating_add(1));
        let epoch = epoch.max(least_number(beginning.finding, beginning.clock.now()));
        let sealed = last.as_ref().map(|last| last.size);
        let begun = Begun {
            epoch,
            first: first.0,
            sealed,
        };
        let event = event(store, beginning, begun, last.as_ref())?;
        let mut changeset = Changeset::new(event);
        changeset.require(Precondition::Next(first));
        changeset.require(Precondition::MayAdminister(beginning.rights));
        changeset.write(Write::Epoch(epoch, beginning.clock.now()));
        match store.apply(changeset).await {
            Ok(_) => return Ok(begun),
            Err(ApplyError::Conflict) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(EpochError::Busy)
}

/// The least number of an epoch that begins for this reason at `now`, seconds since 1970. What was given after a backup was made is not all
/// known, and one backup may be restored twice: two epochs of one number would be two trails under one name. So a restore numbers by the time.
fn least_number(finding: Finding, now: i64) -> u32 {
    match finding {
        // There is none after the last number.
        Finding::Restored => u32::try_from(now).unwrap_or(0).min(u32::MAX - 1),
        _ => 0,
    }
}

fn event(
    store: &Store,
    beginning: &Beginning<'_>,
    begun: Begun,
    last: Option<&Known>,
) -> Result<Event, RandomError> {
    let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let mut request = Data::new()
        .number(Field::Epoch, i64::from(begun.epoch))
        .number(Field::FirstSequence, number(begun.first))
        .text(Field::Finding, beginning.finding.as_str());
    if let Some(reason) = beginning.reason {
        request = request.text(Field::Reason, reason);
    }
    if let Some(last) = last {
        request = request
            .number(Field::LastEpoch, i64::from(last.epoch))
            .number(Field::LastSealed, number(last.size));
        if let Some(note) = &last.note {
            request = request.text(Field::LastCheckpoint, note);
        }
    }
    let time_ms = beginning.clock.now_ms();
    let bytes = || {
        let mut bytes = [0; 10];
        beginning.random.fill(&mut bytes).map(|()| bytes)
    };
    Ok(Event {
        id: EventId::new(time_ms, bytes()?),
        time_ms,
        action: Action::TrailBeginEpoch,
        outcome: Outcome::Success,
        initiator: Arc::new(beginning.initiator.clone()),
        scope: Arc::clone(&beginning.scope),
        target: Target::Resource(store.origin().name),
        reason: ReasonCode::Ok,
        failure: None,
        request,
        response: Data::new(),
        correlation: RequestId::new(time_ms, bytes()?),
    })
}

/// Begins a new epoch where the trail does not go on from what was sealed last. Where its own checkpoint contradicts it, nothing is begun.
///
/// # Errors
/// The database cannot be read, or the epoch could not begin.
pub async fn go_on(
    store: &Store,
    scope: &Arc<Scope>,
    clock: &dyn Clock,
    random: &dyn Random,
) -> Result<Option<(Finding, Begun)>, EpochError> {
    let state = store.last_sealed().await?;
    let Some(finding) = interruption(&state).filter(|_| agrees_with_itself(&state)) else {
        return Ok(None);
    };
    let beginning = Beginning {
        initiator: Initiator::server(&store.origin().name),
        rights: Rights::LOCAL,
        finding,
        reason: None,
        scope: Arc::clone(scope),
        clock,
        random,
    };
    let begun = begin(store, &beginning).await?;
    let Begun {
        epoch,
        first,
        sealed,
    } = begun;
    tracing::error!(
        epoch,
        first,
        sealed,
        "The trail does not go on from its last checkpoint and begins a new epoch: {}.",
        finding.sentence()
    );
    Ok(Some((finding, begun)))
}
