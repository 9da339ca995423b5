//! A database that was moved from a file to a server, or back, as the trail says it.

use super::{Admin, AdminError, Deed};
use crate::audit::{Action, Data, Field};
use crate::domain::Initiator;

impl Admin {
    /// Records where the database was and where it is now; to be called once, when every row of it was compared.
    ///
    /// # Errors
    /// It could not be recorded.
    pub async fn record_move(
        &self,
        initiator: Initiator,
        from: &str,
        to: &str,
    ) -> Result<(), AdminError> {
        let head = self.store.head().0;
        let last = i64::try_from(head).unwrap_or(i64::MAX) - 1;
        let deed = Deed {
            action: Action::DatabaseMigrate,
            initiator,
            target: self.store.origin().name,
            scope: self.global_scope()?,
            request: Data::new()
                .text(Field::MovedFrom, from)
                .text(Field::MovedTo, to)
                .number(Field::LastSequence, last),
        };
        self.commit(deed, Vec::new()).await
    }
}
