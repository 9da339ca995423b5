//! Whether the trail goes on from what was sealed last, and what is done where it does not: a new epoch of it.
//!
//! The store is compared with the checkpoint beside its database. A trail that contradicts the checkpoint in the database itself is
//! damaged: that is for the operator to look at, and begins no epoch by itself. The first event of an epoch names the last checkpoint
//! known of the one before.

use std::sync::Arc;

use crate::audit::{
    Action, Checkpoint, Data, Event, Field, NoteError, Outcome, ReasonCode, Target, VerifierKey,
};
use crate::crypto::{Random, RandomError};
use crate::domain::{Clock, EventId, Initiator, RequestId, Scope};
use crate::ops::verifier_key;
use crate::store::changeset::{Changeset, Precondition, Write};
use crate::store::{ApplyError, Beside, Store, StoreError};

/// How often an epoch is tried to begin while others commit events.
const TRIES: usize = 1000;

/// Why the trail does not go on from what was sealed last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finding {
    /// The database is an older copy: it ends before what was sealed.
    RolledBack,
    /// The database holds other events than those that were sealed.
    Contradicted,
    /// The checkpoint beside the database is missing: what was sealed last is not known.
    CheckpointMissing,
    /// The checkpoint beside the database cannot be used: what was sealed last is not known.
    CheckpointUnusable,
    /// Nothing was found; an operator wants a new epoch.
    Commanded,
}

impl Finding {
    /// The word that events have for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RolledBack => "rolled-back",
            Self::Contradicted => "contradicted",
            Self::CheckpointMissing => "checkpoint-missing",
            Self::CheckpointUnusable => "checkpoint-unusable",
            Self::Commanded => "commanded",
        }
    }

    /// What it means, for people.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::RolledBack => "the database is older than the checkpoint beside it",
            Self::Contradicted => {
                "the database holds other events than the checkpoint beside it seals"
            }
            Self::CheckpointMissing => "the checkpoint beside the database is missing",
            Self::CheckpointUnusable => "the checkpoint beside the database cannot be used",
            Self::Commanded => "a new epoch was asked for",
        }
    }
}

/// The last checkpoint that is known of a trail.
#[derive(Debug, Clone)]
pub struct Known {
    note: String,
    checkpoint: Checkpoint,
    epoch: u32,
}

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

/// Compares the store with what is known to be sealed: what was found, where it does not go on from there.
///
/// # Errors
/// The database cannot be read.
pub async fn interruption(store: &Store) -> Result<Option<Finding>, StoreError> {
    let beside = store.beside().await?;
    let known = match (&beside, key(store).await?) {
        (Beside::Note(note), Some(key)) => known(note, &key).ok(),
        // A copy of the time before anything was signed.
        (Beside::Note(note), None) if claims_to_be_of(store, note) => {
            return Ok(Some(Finding::CheckpointUnusable));
        }
        _ => None,
    };
    let Some(known) = known else {
        return Ok(match beside {
            Beside::Missing => Some(Finding::CheckpointMissing),
            Beside::Note(_) | Beside::Unreadable(_) if store.is_kept_beside().await? => {
                Some(Finding::CheckpointUnusable)
            }
            Beside::Nothing | Beside::Note(_) | Beside::Unreadable(_) => None,
        });
    };
    let current = store.origin().epoch;
    if known.epoch < current {
        // The epoch began and has no checkpoint yet.
        return Ok(None);
    }
    if known.epoch > current || known.checkpoint.size > store.head().0 {
        return Ok(Some(Finding::RolledBack));
    }
    match store.tree(known.checkpoint.size).await {
        Ok(tree) if tree.root() == known.checkpoint.root => Ok(None),
        Ok(_) => Ok(Some(Finding::Contradicted)),
        // Not another trail, but one with a hole.
        Err(StoreError::Damaged(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether a note says that it is of this trail and of its epoch or a later one, whoever signed it.
fn claims_to_be_of(store: &Store, note: &str) -> bool {
    let (own, claimed) = (store.origin(), Checkpoint::unverified(note));
    let claimed = claimed.as_ref().and_then(Checkpoint::origin);
    claimed.is_some_and(|(name, epoch)| name == own.name && epoch >= own.epoch)
}

/// Whether the trail holds what the newest checkpoint in its own database seals.
///
/// # Errors
/// The database cannot be read.
pub async fn agrees_with_itself(store: &Store) -> Result<bool, StoreError> {
    let (Some(note), Some(key)) = (store.checkpoint().await?, key(store).await?) else {
        return Ok(true);
    };
    let Ok(Known { checkpoint, .. }) = known(&note, &key) else {
        return Ok(false);
    };
    if checkpoint.size > store.head().0 {
        return Ok(false);
    }
    match store.tree(checkpoint.size).await {
        Ok(tree) => Ok(tree.root() == checkpoint.root),
        Err(StoreError::Damaged(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

async fn key(store: &Store) -> Result<Option<VerifierKey>, StoreError> {
    let key = store.signing_key().await?;
    Ok(key.map(|key| verifier_key(store, &key.public)))
}

fn known(note: &str, key: &VerifierKey) -> Result<Known, NoteError> {
    let checkpoint = Checkpoint::open_of_origin(note, key)?;
    let (_, epoch) = checkpoint.origin().ok_or(NoteError::OtherKey)?;
    Ok(Known {
        epoch,
        note: note.to_owned(),
        checkpoint,
    })
}

/// Who begins an epoch, and why.
pub struct Beginning<'a> {
    /// Who.
    pub initiator: Initiator,
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
    let last = last_known(store).await?;
    for _ in 0..TRIES {
        // In this order: an epoch that begins meanwhile makes the sequence wrong.
        let first = store.head();
        let before = store.origin().epoch;
        let newest = last.as_ref().map_or(before, |last| last.epoch.max(before));
        let epoch = newest.saturating_add(1);
        let sealed = last.as_ref().map(|last| last.checkpoint.size);
        let begun = Begun {
            epoch,
            first: first.0,
            sealed,
        };
        let event = event(store, beginning, begun, last.as_ref())?;
        let mut changeset = Changeset::new(event);
        changeset.require(Precondition::Next(first));
        changeset.write(Write::Epoch(epoch, beginning.clock.now()));
        match store.apply(changeset).await {
            Ok(_) => return Ok(begun),
            Err(ApplyError::Conflict) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(EpochError::Busy)
}

/// The later of the checkpoint beside the database and the one in it.
async fn last_known(store: &Store) -> Result<Option<Known>, StoreError> {
    let Some(key) = key(store).await? else {
        return Ok(None);
    };
    let beside = match store.beside().await? {
        Beside::Note(note) => known(&note, &key).ok(),
        Beside::Nothing | Beside::Missing | Beside::Unreadable(_) => None,
    };
    let stored = store.checkpoint().await?;
    let stored = stored.and_then(|note| known(&note, &key).ok());
    let all = beside.into_iter().chain(stored);
    Ok(all.max_by_key(|known| (known.epoch, known.checkpoint.size)))
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
            .number(Field::LastSealed, number(last.checkpoint.size))
            .text(Field::LastCheckpoint, &last.note);
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
    let Some(finding) = interruption(store).await? else {
        return Ok(None);
    };
    if !agrees_with_itself(store).await? {
        return Ok(None);
    }
    let beginning = Beginning {
        initiator: Initiator::server(&store.origin().name),
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
