//! Whether the trail goes on from what was sealed last: its database is compared with the checkpoint beside it, and with the one in it.

use crate::audit::checkpoint::log_name;
use crate::audit::{Checkpoint, VerifierKey};
use crate::store::{Beside, LastSealed};

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
    /// The key is missing that signed the trail: what was sealed last is not known, and others cannot verify what comes as they did.
    KeyMissing,
    /// The database was restored from a backup: what came after it is not there.
    Restored,
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
            Self::KeyMissing => "signing-key-missing",
            Self::Restored => "restored",
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
            Self::KeyMissing => "the key that signed the trail is missing from the database",
            Self::Restored => "the database was restored from a backup",
            Self::Commanded => "a new epoch was asked for",
        }
    }
}

/// The last checkpoint that is known of a trail.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) epoch: u32,
    pub(super) size: u64,
    /// The signed note; none where it only says that it is of this trail.
    pub(super) note: Option<String>,
}

/// What was found, where the trail does not go on from what is known to be sealed.
#[must_use]
pub fn interruption(state: &LastSealed) -> Option<Finding> {
    let current = state.origin.epoch;
    let claimed = claimed(state).filter(|known| known.epoch >= current);
    if state.key.is_none() && (claimed.is_some() || state.was_sealed) {
        return Some(Finding::KeyMissing);
    }
    let Some((known, checkpoint)) = beside(state) else {
        return match &state.beside {
            Beside::Missing => Some(Finding::CheckpointMissing),
            Beside::Note(_) | Beside::Unreadable(_) if state.is_kept_beside => {
                Some(Finding::CheckpointUnusable)
            }
            // One of this epoch or a later one that another key signed.
            Beside::Note(_) if claimed.is_some() => Some(Finding::CheckpointUnusable),
            Beside::Nothing | Beside::Note(_) | Beside::Unreadable(_) => None,
        };
    };
    if known.epoch < current {
        // The epoch began and has no checkpoint yet.
        return None;
    }
    if known.epoch > current || known.size > state.head {
        return Some(Finding::RolledBack);
    }
    match state.beside_root {
        Some(root) if root != checkpoint.root => Some(Finding::Contradicted),
        // Where there is none: not another trail, but one with a hole.
        Some(_) | None => None,
    }
}

/// Whether the trail holds what the newest checkpoint in its own database seals.
#[must_use]
pub fn agrees_with_itself(state: &LastSealed) -> bool {
    let (Some(note), Some(key)) = (&state.checkpoint, key(state)) else {
        return true;
    };
    let sealed = Checkpoint::open_of_origin(note, &key);
    sealed.is_ok_and(|sealed| state.checkpoint_root == Some(sealed.root))
}

/// The number of the epoch that would begin: none that is known of was given before.
#[must_use]
pub fn next_epoch(state: &LastSealed) -> u32 {
    let known = claimed(state).into_iter().chain(last_known(state));
    let newest = known.map(|known| known.epoch).max().unwrap_or(0);
    newest.max(state.origin.epoch).saturating_add(1)
}

/// The later of the checkpoint beside the database and the one in it. Where the key is missing, what the file says, whoever signed it.
pub(super) fn last_known(state: &LastSealed) -> Option<Known> {
    if state.key.is_none() {
        return claimed(state);
    }
    let known = |(known, _)| known;
    let stored = state.checkpoint.as_ref();
    let stored = stored.and_then(|note| signed(state, note)).map(known);
    let all = beside(state).map(known).into_iter().chain(stored);
    all.max_by_key(|known| (known.epoch, known.size))
}

/// The checkpoint beside the database, if the key of the trail signed it.
fn beside(state: &LastSealed) -> Option<(Known, Checkpoint)> {
    match &state.beside {
        Beside::Note(note) => signed(state, note),
        Beside::Nothing | Beside::Missing | Beside::Unreadable(_) => None,
    }
}

fn signed(state: &LastSealed, note: &str) -> Option<(Known, Checkpoint)> {
    let checkpoint = Checkpoint::open_of_origin(note, &key(state)?).ok()?;
    let (_, epoch) = checkpoint.origin()?;
    let (size, note) = (checkpoint.size, Some(note.to_owned()));
    Some((Known { epoch, size, note }, checkpoint))
}

/// What the file beside the database says, whoever signed it, if it says that it is of this trail.
fn claimed(state: &LastSealed) -> Option<Known> {
    let Beside::Note(note) = &state.beside else {
        return None;
    };
    let claimed = Checkpoint::unverified(note)?;
    let (name, epoch) = claimed.origin()?;
    let (size, note) = (claimed.size, None);
    // There is none after the last number.
    let is_ours = name == state.origin.name && epoch < u32::MAX;
    is_ours.then_some(Known { epoch, size, note })
}

fn key(state: &LastSealed) -> Option<VerifierKey> {
    let log = log_name(&state.origin.name, state.origin.epoch);
    state.key.map(|key| VerifierKey::new(log, key))
}

#[cfg(test)]
mod tests;
