//! A transaction that failed: what that means, and how everything is put back as it was.

use std::ops::ControlFlow;
use std::time::Instant;

use rusqlite::ErrorCode;

use super::Writer;
use crate::store::Sequence;
use crate::store::engine::Error;
use crate::store::error::{ApplyError, StoreError};

/// Why a whole batch was not committed.
pub(super) struct Failure {
    pub(super) error: ApplyError,
    /// The disk did not keep what it was given: the process must end.
    pub(super) fatal: bool,
}

impl From<ApplyError> for Failure {
    fn from(error: ApplyError) -> Self {
        let fatal = matches!(
            error,
            ApplyError::Store(StoreError::Unsynced(_) | StoreError::Unwritten(_))
        );
        Self { error, fatal }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        ApplyError::from(error).into()
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        ApplyError::from(error).into()
    }
}

impl Failure {
    /// Whether the database's server is gone: what was under way may have been done or not.
    pub(super) const fn is_lost(&self) -> bool {
        matches!(
            self.error,
            ApplyError::Store(StoreError::Lost(_) | StoreError::Unreachable(_))
        )
    }

    #[allow(
        clippy::needless_pass_by_value,
        reason = "used as a function of map_err"
    )]
    pub(super) fn of_commit(error: Error) -> Self {
        let fatal = match &error {
            Error::File(error) => error.sqlite_error_code() == Some(ErrorCode::SystemIoFailure),
            _ => false,
        };
        Self {
            error: error.into(),
            fatal,
        }
    }
}

impl Writer {
    /// Forgets all of a transaction whose first event was to be this one.
    pub(super) fn forget(&mut self, first: Sequence) {
        self.next = first;
        self.pending.clear();
        self.versions.clear();
        self.clients = self.shared.clients.load_full();
        self.clients_changed = false;
        self.administrators = self.shared.administrators.load_full();
        self.administrators_changed = false;
        self.epochs = None;
        self.routing = None;
        if let Some(side) = &self.side {
            side.hot().borrow_mut().clear();
        }
    }

    /// Logs that a transaction was rolled back, now and then.
    pub(super) fn note_rolled_back(&self, failure: &Failure) {
        tracing::debug!(error = %failure.error, "A commit failed and was rolled back.");
        if let Some(times) = self.rolled_back.due(Instant::now()) {
            tracing::warn!(error = %failure.error, times, "Commits failed and were rolled back.");
        }
    }

    pub(super) fn roll_back(&mut self, first: Sequence, failure: &Failure) -> ControlFlow<()> {
        self.forget(first);
        if failure.fatal {
            (self.on_fatal)(&failure.error.to_string());
            return ControlFlow::Break(());
        }
        if failure.error != ApplyError::StorageFull {
            self.note_rolled_back(failure);
        }
        // Some errors have rolled back already.
        if self.db.is_in_transaction()
            && let Err(error) = self.db.control("ROLLBACK")
        {
            (self.on_fatal)(&error.to_string());
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::ffi;

    use super::*;

    fn failure(code: i32) -> Failure {
        Failure::of_commit(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None).into())
    }

    #[test]
    fn only_a_failed_disk_ends_the_process() {
        assert!(failure(ffi::SQLITE_IOERR_FSYNC).fatal);
        assert!(failure(ffi::SQLITE_IOERR_WRITE).fatal);
        assert!(!failure(ffi::SQLITE_BUSY).fatal);
        assert!(!failure(ffi::SQLITE_FULL).fatal);
        assert_eq!(failure(ffi::SQLITE_FULL).error, ApplyError::StorageFull);
    }
}
