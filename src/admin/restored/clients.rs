//! Clients, and instances with theirs, that are again what they were after a backup.

use std::sync::Arc;

use super::{Admin, AdminError, Deed, Taken, again, instance_of, of_client};
use crate::admin::permissions::permitted;
use crate::admin::removal;
use crate::audit::{Action, Field};
use crate::crypto::Fingerprint;
use crate::domain::{
    Client, ClientId, ClientStatus, Clients, Initiator, InstanceId, Permissions, Rules,
};
use crate::store::changeset::Write;

impl Admin {
    pub(super) async fn disable(
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

    pub(super) async fn remove(
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
        deed.request = deed.request.list(Field::Fingerprint, texts(certificates));
        if !authorities.is_empty() {
            deed.request = deed.request.list(Field::Authority, texts(authorities));
        }
        self.commit(deed, writes).await?;
        Ok(true)
    }

    /// Takes certificates from a client that stays, with what it may do, also where it has none then.
    pub(super) async fn remove_certificates(
        &self,
        by: &Initiator,
        taken: &Taken,
        id: ClientId,
        certificates: &[Fingerprint],
    ) -> Result<bool, AdminError> {
        let snapshot = self.store.clients();
        let Some(client) = snapshot.client(id) else {
            return Ok(false);
        };
        let writes: Vec<_> = certificates_gone(client, certificates).collect();
        if writes.is_empty() {
            return Ok(false);
        }
        let mut deed = of_client(by, taken, &snapshot, client, Action::ClientRemove)?;
        deed.request = deed.request.list(Field::Fingerprint, texts(certificates));
        self.commit(deed, writes).await?;
        Ok(true)
    }

    pub(super) async fn untrust(
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

    pub(super) async fn permit(
        &self,
        by: &Initiator,
        taken: &Taken,
        id: ClientId,
        permissions: &Permissions,
    ) -> Result<bool, AdminError> {
        let snapshot = self.store.clients();
        let Some(client) = snapshot.client(id) else {
            return Ok(false);
        };
        if client.permissions == *permissions {
            return Ok(false);
        }
        let mut deed = of_client(by, taken, &snapshot, client, Action::ClientPermit)?;
        deed.request = permitted(deed.request, permissions);
        let write = Write::ClientPermissions(id, permissions.clone());
        self.commit(deed, vec![write]).await?;
        Ok(true)
    }

    pub(super) async fn forbid(
        &self,
        by: &Initiator,
        taken: &Taken,
        id: InstanceId,
        rules: Rules,
    ) -> Result<bool, AdminError> {
        let snapshot = self.store.clients();
        let Some(instance) = snapshot.instance(id).filter(|held| held.rules != rules) else {
            return Ok(false);
        };
        let deed = Deed {
            action: Action::InstanceRulesUpdate,
            initiator: by.clone(),
            target: id.to_string(),
            scope: Arc::clone(&instance.scope),
            request: again(taken)
                .text(Field::Instance, &instance.name)
                .list(Field::Denied, rules.denied.names()),
        };
        let write = Write::InstanceRules(id, rules);
        self.commit(deed, vec![write]).await?;
        Ok(true)
    }

    /// Removes an instance with its clients and what opens its keys, also the only one.
    pub(super) async fn wipe(
        &self,
        by: &Initiator,
        taken: &Taken,
        id: InstanceId,
    ) -> Result<bool, AdminError> {
        let snapshot = self.store.clients();
        let Ok(instance) = instance_of(&snapshot, id) else {
            return Ok(false);
        };
        let keys = self.store.live_objects(id).await?;
        let changeset = removal::changeset(self, by, instance, keys, &again(taken)).await?;
        self.store.apply(changeset).await?;
        Ok(true)
    }
}

/// What of these certificates and CAs the client still has. All that it has: the client itself; and wherever more or less than one certificate
/// was taken at once, for that is how a client is removed.
fn removals(
    snapshot: &Clients,
    client: &Client,
    certificates: &[Fingerprint],
    authorities: &[Fingerprint],
) -> Vec<Write> {
    let mut anchors = snapshot.anchors().iter();
    let is_trusted = anchors.any(|anchor| anchor.client == client.id);
    let mut held = client.certificates.iter().map(|held| held.fingerprint);
    let is_all = held.all(|held| certificates.contains(&held)) && !is_trusted;
    if is_all || certificates.len() != 1 || !authorities.is_empty() {
        return vec![Write::ClientRemoved(client.id)];
    }
    certificates_gone(client, certificates).collect()
}

/// The removal of those of these certificates that the client still has.
fn certificates_gone<'a>(
    client: &'a Client,
    certificates: &'a [Fingerprint],
) -> impl Iterator<Item = Write> + 'a {
    let held = client.certificates.iter().map(|held| held.fingerprint);
    held.filter(|held| certificates.contains(held))
        .map(|held| Write::CertificateRemoved(client.id, held))
}

fn texts(all: &[Fingerprint]) -> Vec<String> {
    all.iter().map(ToString::to_string).collect()
}
