//! Why an administration request was not carried out.
//!
//! The text is for the person who asked, one line that names the field and what to do; the kind is for programs. Both cross the control
//! socket as they are, so that an error reads the same whether a server ran the request or not.

use serde::{Deserialize, Serialize};

use crate::providers::ProviderError;
use crate::store::{ApplyError, StoreError};

/// What kind of error it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorKind {
    /// The request itself is wrong.
    Invalid,
    /// What it names does not exist.
    NotFound,
    /// It contradicts what exists.
    Conflict,
    /// The server could not do it now.
    Unavailable,
    /// Who asks may not ask for it.
    Forbidden,
    /// Who asks has to wait.
    TooMany,
}

/// The code of an error that says that the trail is not what was sealed.
pub(crate) const BROKEN_TRAIL: &str = "broken_trail";

/// The code of an error that says that the server is locked.
pub(crate) const LOCKED: &str = "locked";

/// The code of an error that says that the database may have done it or not.
pub(crate) const UNSETTLED: &str = "unsettled";

/// Why a request was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct AdminError {
    /// What kind of error it is.
    pub kind: ErrorKind,
    /// Cause and advice in one line.
    pub message: String,
    /// What kind of error it is where the kind does not say it all: in the words of the routing model where it is about that, or that the
    /// trail is broken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// After how many seconds it is worth asking again, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again_in: Option<u64>,
}

impl AdminError {
    /// Whether it says that the trail is not what was sealed.
    #[must_use]
    pub fn is_break(&self) -> bool {
        self.code.as_deref() == Some(BROKEN_TRAIL)
    }

    /// The code of the error in the model of Activity Tracker Event Routing.
    #[must_use]
    pub fn code(&self) -> &str {
        let of_kind = match self.kind {
            ErrorKind::Invalid => "invalid_value",
            ErrorKind::NotFound => "not_found",
            ErrorKind::Conflict => "conflict",
            ErrorKind::Unavailable => "unavailable",
            ErrorKind::Forbidden => "forbidden",
            ErrorKind::TooMany => "too_many_requests",
        };
        self.code.as_deref().unwrap_or(of_kind)
    }

    fn of(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            code: None,
            again_in: None,
        }
    }

    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::of(ErrorKind::Invalid, message)
    }

    /// What it names does not exist.
    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::of(ErrorKind::NotFound, message)
    }

    pub(super) fn conflict(message: impl Into<String>) -> Self {
        Self::of(ErrorKind::Conflict, message)
    }

    /// Who asks may not ask for it.
    pub(super) fn forbidden(message: impl Into<String>) -> Self {
        Self::of(ErrorKind::Forbidden, message)
    }

    /// The server is locked.
    pub(super) fn locked() -> Self {
        Self {
            code: Some(LOCKED.to_owned()),
            ..Self::unavailable(ProviderError::Locked.to_string())
        }
    }

    /// Who asks has to wait for so many seconds.
    pub(super) fn too_many(message: impl Into<String>, seconds: u64) -> Self {
        Self {
            again_in: Some(seconds),
            ..Self::of(ErrorKind::TooMany, message)
        }
    }

    pub(super) fn unavailable(message: impl Into<String>) -> Self {
        Self::of(ErrorKind::Unavailable, message)
    }

    /// The trail is not what was sealed.
    pub(super) fn broken_trail(message: impl Into<String>) -> Self {
        Self {
            code: Some(BROKEN_TRAIL.to_owned()),
            ..Self::unavailable(message)
        }
    }
}

impl From<StoreError> for AdminError {
    fn from(error: StoreError) -> Self {
        Self::unavailable(error.to_string())
    }
}

impl From<ApplyError> for AdminError {
    fn from(error: ApplyError) -> Self {
        match error {
            ApplyError::Exists(_) => Self::conflict(error.to_string()),
            // Only the precondition on who asks comes with these changesets.
            ApplyError::NotPermitted => super::access::changed(),
            ApplyError::Missing(_) => Self::not_found(error.to_string()),
            ApplyError::Store(StoreError::Lost(_)) => Self {
                code: Some(UNSETTLED.to_owned()),
                ..Self::unavailable(error.to_string())
            },
            // The rest is the store's own trouble, or cannot come from these changesets.
            _ => Self::unavailable(error.to_string()),
        }
    }
}
