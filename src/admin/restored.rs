//! What is done with a database that was restored from a backup, before a server may serve it: a new epoch of the trail begins, and what was
//! taken away after the backup is taken away again, each with its event.

use std::sync::Arc;

use super::message::BegunEpoch;
use super::{Admin, AdminError, Deed};
use crate::audit::{Action, Data, Field, Target};
use crate::crypto::Fingerprint;
use crate::domain::lifecycle::{self, Refused};
use crate::domain::{
    Client, ClientId, ClientStatus, Clients, Initiator, Instance, Object, ObjectId,
    RevocationReason,
};
use crate::kmip::enums::RevocationReasonCode;
use crate::ops::epoch::{self, Beginning, Finding};
use crate::store::ApplyError;
use crate::store::changeset::{Changeset, Precondition, Write};

/// How often a key is read again that changes meanwhile: nobody else is there.
const TRIES: usize = 3;
/// What is said of a key that was destroyed while it was Active, by an administrator who forced it.
const FORCED: RevocationReasonCode = RevocationReasonCode::CessationOfOperation;

/// The backup that was restored.
#[derive(Debug, Clone)]
pub struct Restored {
    /// When it was made, RFC 3339.
    pub created: String,
    /// The id of the key it was sealed to.
    pub recipient: String,
    /// How many events are known to have come after it.
    pub missing: Option<u64>,
}

/// Something that was taken away after a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// The id of the event that said so.
    pub event: String,
    /// What was taken.
    pub act: Act,
}

/// What was taken away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// A key was revoked.
    Revoke(ObjectId, RevocationReasonCode),
    /// A key was destroyed.
    Destroy(ObjectId),
    /// A client was disabled.
    Disable(ClientId),
    /// Certificates were taken from a client; with all that it had, and all CAs that were trusted for it, the client was removed.
    Remove(ClientId, Vec<Fingerprint>, Vec<Fingerprint>),
    /// A CA is trusted for a client no more.
    Untrust(ClientId, Fingerprint),
}

impl Admin {
    /// Begins a new epoch of the trail in a restored database, and records what it was restored from.
    ///
    /// # Errors
    /// It could not begin, or not be recorded.
    pub async fn begin_restored(
        &self,
        initiator: Initiator,
        restored: &Restored,
    ) -> Result<BegunEpoch, AdminError> {
        let reason = format!("restored from the backup of {}", restored.created);
        let beginning = Beginning {
            initiator: initiator.clone(),
            finding: Finding::Restored,
            reason: Some(&reason),
            scope: self.global_scope()?,
            clock: &*self.clock,
            random: &*self.random,
        };
        let events = self.store.head().0;
        let begun = epoch::begin(&self.store, &beginning).await?;
        let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let mut data = Data::new()
            .text(Field::BackupTime, &restored.created)
            .text(Field::Recipient, &restored.recipient)
            .number(Field::LastSequence, number(events) - 1);
        if let Some(missing) = restored.missing {
            data = data.number(Field::Missing, number(missing));
        }
        let deed = Deed {
            action: Action::BackupRestore,
            initiator,
            target: self.store.origin().name,
            scope: self.global_scope()?,
            request: data,
        };
        self.commit(deed, Vec::new()).await?;
        Ok(BegunEpoch {
            epoch: begun.epoch,
            first: begun.first,
            sealed: begun.sealed,
            finding: Finding::Restored.as_str().to_owned(),
        })
    }

    /// Takes away again what was taken away after the backup. False: there is nothing of it in the restored database, or it is gone already.
    ///
    /// # Errors
    /// It could not be done.
    pub async fn take_away(&self, by: &Initiator, taken: &Taken) -> Result<bool, AdminError> {
        match &taken.act {
            Act::Revoke(id, code) => self.change_key(by, taken, *id, Some(*code)).await,
            Act::Destroy(id) => self.change_key(by, taken, *id, None).await,
            Act::Disable(id) => self.disable(by, taken, *id).await,
            Act::Remove(id, certificates, authorities) => {
                self.remove(by, taken, *id, (certificates, authorities))
                    .await
            }
            Act::Untrust(id, ca) => self.untrust(by, taken, *id, *ca).await,
        }
    }

    /// Revokes a key for this reason, or destroys it.
    async fn change_key(
        &self,
        by: &Initiator,
        taken: &Taken,
        id: ObjectId,
        reason: Option<RevocationReasonCode>,
    ) -> Result<bool, AdminError> {
        for _ in 0..TRIES {
            let Some(stored) = self.store.object_fresh(id).await? else {
                return Ok(false);
            };
            let Some(changed) = changed(&stored, reason, self.now()) else {
                return Ok(false);
            };
            let changeset = self.of_key(by, taken, &stored, changed, reason)?;
            match self.store.apply(changeset).await {
                Ok(_) => return Ok(true),
                Err(ApplyError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(ApplyError::Conflict.into())
    }

    fn of_key(
        &self,
        by: &Initiator,
        taken: &Taken,
        stored: &Object,
        changed: Object,
        reason: Option<RevocationReasonCode>,
    ) -> Result<Changeset, AdminError> {
        let snapshot = self.store.clients();
        let request = again(taken);
        let (action, request) = match reason {
            Some(code) => (
                Action::KeyRevoke,
                request.text(Field::RevocationReason, code.name()),
            ),
            None => (Action::KeyDestroy, request),
        };
        let deed = Deed {
            action,
            initiator: by.clone(),
            target: String::new(),
            scope: Arc::clone(&instance_of(&snapshot, stored.instance)?.scope),
            request,
        };
        let mut event = self.event(deed)?;
        event.target = Target::Key(stored.id);
        event.response = Data::new().text(Field::State, changed.state.name());
        let mut changeset = Self::changeset(event);
        changeset.require(Precondition::State(stored.id, stored.state_version));
        changeset.write(Write::State(Arc::new(changed)));
        Ok(changeset)
    }

    async fn disable(
        &self,
        by: &Initiator,
        taken: &Taken,
        id: ClientId,
    ) -> Result<bool, AdminError> {
        let snapshot = self.store.clients();
        let Some(client) = snapshot.client(id) else {
            return Ok(false);
        };
        if client.status == ClientStatus::Disabled {
            return Ok(false);
        }
        let write = Write::ClientStatus(id, ClientStatus::Disabled);
        let deed = of_client(by, taken, &snapshot, client, Action::ClientDisable)?;
        self.commit(deed, vec![write]).await?;
        Ok(true)
    }

    async fn remove(
        &self,
        by: &Initiator,
        taken: &Taken,
        id: ClientId,
        (certificates, authorities): (&[Fingerprint], &[Fingerprint]),
    ) -> Result<bool, AdminError> {
        let snapshot = self.store.clients();
        let Some(client) = snapshot.client(id) else {
            return Ok(false);
        };
        let writes = removals(&snapshot, client, certificates, authorities);
        if writes.is_empty() {
            return Ok(false);
        }
        let mut deed = of_client(by, taken, &snapshot, client, Action::ClientRemove)?;
        let list = |all: &[Fingerprint]| all.iter().map(ToString::to_string).collect::<Vec<_>>();
        deed.request = deed.request.list(Field::Fingerprint, list(certificates));
        if !authorities.is_empty() {
            deed.request = deed.request.list(Field::Authority, list(authorities));
        }
        self.commit(deed, writes).await?;
        Ok(true)
    }

    async fn untrust(
        &self,
        by: &Initiator,
        taken: &Taken,
        id: ClientId,
        ca: Fingerprint,
    ) -> Result<bool, AdminError> {
        let snapshot = self.store.clients();
        let mut anchors = snapshot.anchors().iter();
        let is_trusted =
            anchors.any(|anchor| anchor.client == id && anchor.certificate.fingerprint() == ca);
        let Some(client) = snapshot.client(id).filter(|_| is_trusted) else {
            return Ok(false);
        };
        let mut deed = of_client(by, taken, &snapshot, client, Action::ClientRemove)?;
        deed.request = deed.request.text(Field::Authority, ca.to_string());
        self.commit(deed, vec![Write::AnchorRemoved(id, ca)])
            .await?;
        Ok(true)
    }
}

/// The key after it was revoked for this reason, or destroyed; none where that changes nothing.
fn changed(stored: &Object, reason: Option<RevocationReasonCode>, now: i64) -> Option<Object> {
    let mut object = stored.clone();
    if reason.is_none() {
        // Where the backup has it scheduled only, its window has ended since.
        object.destroy_due = None;
    }
    let revoke = |object: &mut Object, code| {
        let reason = RevocationReason {
            code,
            message: None,
        };
        lifecycle::revoke(object, reason, None, now)
    };
    match reason {
        Some(code) => revoke(&mut object, code).ok()?,
        None => match lifecycle::destroy(&mut object, now) {
            Ok(()) => {}
            Err(Refused::WrongState) => {
                revoke(&mut object, FORCED).ok()?;
                lifecycle::destroy(&mut object, now).ok()?;
                // One change, which one event tells.
                object.state_version = stored.state_version + 1;
            }
            Err(Refused::Destroyed | Refused::Scheduled | Refused::OccurrenceWithoutCompromise) => {
                return None;
            }
        },
    }
    Some(object)
}

/// What of these certificates and CAs the client still has. All of them: the client itself.
fn removals(
    snapshot: &Clients,
    client: &Client,
    certificates: &[Fingerprint],
    authorities: &[Fingerprint],
) -> Vec<Write> {
    let anchors = snapshot.anchors().iter();
    let anchors = anchors.filter(|anchor| anchor.client == client.id);
    let trusted: Vec<_> = anchors
        .map(|anchor| anchor.certificate.fingerprint())
        .collect();
    let mut held = client.certificates.iter().map(|held| held.fingerprint);
    let is_all = held.all(|held| certificates.contains(&held))
        && trusted.iter().all(|ca| authorities.contains(ca));
    if is_all {
        return vec![Write::ClientRemoved(client.id)];
    }
    let held = client.certificates.iter().map(|held| held.fingerprint);
    let gone = held.filter(|held| certificates.contains(held));
    gone.map(|held| Write::CertificateRemoved(client.id, held))
        .collect()
}

fn of_client(
    by: &Initiator,
    taken: &Taken,
    snapshot: &Clients,
    client: &Client,
    action: Action,
) -> Result<Deed, AdminError> {
    let instance = instance_of(snapshot, client.instance)?;
    Ok(Deed {
        action,
        initiator: by.clone(),
        target: client.id.to_string(),
        scope: Arc::clone(&instance.scope),
        request: again(taken)
            .text(Field::Label, &client.label)
            .text(Field::Instance, &instance.name),
    })
}

fn instance_of(
    snapshot: &Clients,
    id: crate::domain::InstanceId,
) -> Result<&Arc<Instance>, AdminError> {
    snapshot
        .instance(id)
        .ok_or_else(|| AdminError::unavailable("an instance is missing in the restored database"))
}

fn again(taken: &Taken) -> Data {
    Data::new()
        .text(
            Field::Reason,
            "done again: it was done after the backup that was restored",
        )
        .text(Field::Event, &taken.event)
}
