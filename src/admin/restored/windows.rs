//! Recovery windows that begin anew: whether a destruction was called off after the backup may not be known, and its window may have ended.

use std::sync::Arc;

use super::{Admin, AdminError};
use crate::admin::destruction::{asked, policy};
use crate::audit::{Action, Event, Field, Outcome, ReasonCode};
use crate::domain::destruction::{self, DestructionPolicy};
use crate::domain::{Destruction, Initiator, Object, ObjectId};
use crate::store::changeset::{Precondition, Write};

/// Destructions read at once.
const PAGE: usize = 100;

/// A destruction whose window ends later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Postponed {
    /// The key.
    pub key: ObjectId,
    /// When it is destroyed, seconds since 1970.
    pub due: i64,
}

impl Admin {
    /// Has no window of a database that was put back end before as long has passed as one lasts. `created`: the time of the backup, in RFC 3339,
    /// where that is known.
    ///
    /// # Errors
    /// One could not be changed.
    pub async fn postpone(
        &self,
        by: &Initiator,
        policy: &DestructionPolicy,
        created: Option<&str>,
    ) -> Result<Vec<Postponed>, AdminError> {
        let least = policy.due_anew(self.now());
        let (mut postponed, mut after) = (Vec::new(), None);
        loop {
            let page = self.store.destructions(None, after, PAGE).await?;
            for held in &page {
                if self.postpone_one(by, held, least, created).await? {
                    let key = held.object;
                    postponed.push(Postponed { key, due: least });
                }
            }
            after = page.last().map(|last| last.object);
            if page.len() < PAGE {
                return Ok(postponed);
            }
        }
    }

    /// The same for a database that was found put back, otherwise than by a restore, before a window ends in it.
    ///
    /// # Errors
    /// One could not be changed, or how keys are destroyed is not known: then nothing that destroys them may start.
    pub async fn postpone_put_back(&self) -> Result<(), AdminError> {
        let server = Initiator::server(&self.store.origin().name);
        let postponed = self.postpone(&server, policy(self)?, None).await?;
        for Postponed { key, .. } in postponed {
            tracing::warn!(%key, "The database was put back, and whether the destruction of this key was called off since is not known: its recovery window begins anew.");
        }
        Ok(())
    }

    async fn postpone_one(
        &self,
        by: &Initiator,
        held: &Destruction,
        least: i64,
        created: Option<&str>,
    ) -> Result<bool, AdminError> {
        let Some(stored) = self.store.object_fresh(held.object).await? else {
            return Ok(false);
        };
        let (mut held, mut object) = (held.clone(), Object::clone(&stored));
        if !destruction::postpone(&mut held, &mut object, least, self.now()) {
            return Ok(false);
        }
        let request = asked(&held);
        let request = match created {
            Some(created) => request.text(Field::BackupTime, created),
            None => request,
        };
        let event = self.of_work(by, &held, Action::KeyDestroy, request)?;
        let mut changeset = Self::changeset(Event {
            outcome: Outcome::Pending,
            reason: ReasonCode::Accepted,
            ..event
        });
        changeset.require(Precondition::State(stored.id, stored.state_version));
        changeset.write(Write::State(Arc::new(object)));
        changeset.write(Write::Destruction(Box::new(held)));
        self.store.apply(changeset).await?;
        Ok(true)
    }
}
