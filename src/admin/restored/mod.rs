//! What is done with a database that was restored from a backup, before a server may serve it: a new epoch of the trail begins, and what was
//! taken away after the backup is taken away again, each with its event.

use std::sync::Arc;

mod clients;
mod keys;
mod logins;
mod windows;

pub use windows::Postponed;

use super::message::BegunEpoch;
use super::permissions::permissions_of;
use super::{Admin, AdminError, Deed};
use crate::audit::{Action, Data, Field};
use crate::crypto::Fingerprint;
use crate::domain::{
    ApiKeyId, Client, ClientId, Clients, Initiator, Instance, InstanceId, ObjectId, Permissions,
    Rights, Rules,
};
use crate::kmip::enums::RevocationReasonCode;
use crate::ops::epoch::{self, Beginning, Finding};

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
    /// A destruction that was asked for was refused or undone: the key was given back.
    CallOff(ObjectId),
    /// A client was disabled.
    Disable(ClientId),
    /// A certificate was taken from a client, or the client was removed, with these certificates and the CAs that were trusted for it.
    Remove(ClientId, Vec<Fingerprint>, Vec<Fingerprint>),
    /// Certificates were taken from a client that stayed, for it had others, which the backup may not hold.
    RemoveCertificates(ClientId, Vec<Fingerprint>),
    /// A CA is trusted for a client no more.
    Untrust(ClientId, Fingerprint),
    /// What a client may do was said.
    Permit(ClientId, Permissions),
    /// What an instance forbids its clients was said.
    Forbid(InstanceId, Rules),
    /// An instance was removed, with what opens its keys.
    Wipe(InstanceId),
    /// An API key was removed.
    ApiKey(ApiKeyId),
    /// An administrator's certificate was removed.
    Administrator(Fingerprint),
}

impl Act {
    /// What a client may do, as an event says it; none where the event does not say all of it.
    #[must_use]
    pub fn permit(client: ClientId, operations: &[&str], windows: &[&str]) -> Option<Self> {
        let permissions = permissions_of(operations, windows)?;
        Some(Self::Permit(client, permissions))
    }
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
            rights: Rights::LOCAL,
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
            Act::RemoveCertificates(id, certificates) => {
                self.remove_certificates(by, taken, *id, certificates).await
            }
            Act::CallOff(id) => self.call_off(by, taken, *id).await,
            Act::Untrust(id, ca) => self.untrust(by, taken, *id, *ca).await,
            Act::Permit(id, permissions) => self.permit(by, taken, *id, permissions).await,
            Act::Forbid(id, rules) => self.forbid(by, taken, *id, *rules).await,
            Act::Wipe(id) => self.wipe(by, taken, *id).await,
            Act::ApiKey(id) => self.remove_api_key(by, &again(taken), *id).await,
            Act::Administrator(id) => self.remove_administrator(by, &again(taken), id).await,
        }
    }
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

fn instance_of(snapshot: &Clients, id: InstanceId) -> Result<&Arc<Instance>, AdminError> {
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
