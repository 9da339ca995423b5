//! Instances that are removed: with their clients, with who may administer nothing else, and with the data keys that alone open their keys.
//!
//! One transaction, whatever the number of keys: without its data key an instance's material is noise, at once and for good. What described
//! its keys stays in the database and can be reached by nobody.

use std::sync::Arc;

use super::clients::with_authorities;
use super::instances::listed;
use super::message::{InstanceRemove, Response};
use super::{Admin, AdminError, Deed, administrators, api_keys, destruction};
use crate::audit::{Action, Data, Event, Field, Target};
use crate::domain::{Client, Clients, Initiator, Instance, InstanceId, RequestId};
use crate::store::ApplyError;
use crate::store::changeset::{Changeset, Precondition, Write};

/// Destructions read at once.
const PAGE: usize = 1000;

/// Removes an instance; one that has clients or keys by force only.
pub(super) async fn remove(
    admin: &Admin,
    initiator: Initiator,
    request: InstanceRemove,
) -> Result<Response, AdminError> {
    let _turn = admin.changes.lock().await;
    let instance = admin.instance(Some(&request.instance))?;
    let snapshot = admin.store.clients();
    let clients = snapshot.clients();
    let clients = clients
        .iter()
        .filter(|client| client.instance == instance.id);
    let keys = admin.store.live_objects(instance.id).await?;
    check(
        &instance,
        snapshot.instances().len(),
        (clients.count(), keys),
        &request,
    )?;
    check_policy(admin, &instance.name, keys)?;
    let shown = listed(admin, &instance.name)?;
    let changeset = changeset(admin, &initiator, &instance, keys, &Data::new()).await?;
    let applied = admin.store.apply(changeset).await;
    applied.map_err(|error| match error {
        ApplyError::Conflict => AdminError::conflict(format!(
            "instance: keys of `{}` were made or destroyed meanwhile; try again",
            instance.name
        )),
        other => other.into(),
    })?;
    if let Ok(founder) = &admin.founder
        && let Some(keyring) = &founder.keyring
    {
        keyring.forget(instance.id);
    }
    Ok(Response::Instance(shown))
}

/// The removal of an instance with what goes along and what opens its keys, and the events that tell it, each with what is `told` besides.
pub(super) async fn changeset(
    admin: &Admin,
    initiator: &Initiator,
    instance: &Instance,
    keys: u64,
    told: &Data,
) -> Result<Changeset, AdminError> {
    let snapshot = admin.store.clients();
    let all = snapshot.clients();
    let of_it = |client: &&Arc<Client>| client.instance == instance.id;
    let clients: Vec<_> = all.iter().filter(of_it).collect();
    let removal = Removal {
        admin,
        initiator: initiator.clone(),
        instance,
        correlation: admin.correlation()?,
        told,
    };
    let whole = || removal.whole(&clients, keys);
    let mut changeset = Admin::changeset(removal.event(Action::InstanceSecureDataWipe, whole())?);
    removal.end_destructions(&mut changeset).await?;
    removal.record_clients(&mut changeset, &snapshot, &clients)?;
    removal.record_administrators(&mut changeset)?;
    changeset.record(removal.event(Action::ServiceDelete, whole())?);
    if keys == 0 {
        // By force or by two: what decides whether it may go must still be so.
        changeset.require(Precondition::NoLiveObjects(instance.id));
    }
    changeset.write(Write::InstanceRemoved(instance.id, admin.now()));
    Ok(changeset)
}

/// The removal of an instance, and what its events share.
struct Removal<'a> {
    admin: &'a Admin,
    initiator: Initiator,
    instance: &'a Instance,
    correlation: RequestId,
    told: &'a Data,
}

impl Removal<'_> {
    fn event(&self, action: Action, deed: Deed) -> Result<Event, AdminError> {
        let request = deed.request.and(self.told);
        let event = self.admin.event(Deed {
            action,
            request,
            ..deed
        })?;
        Ok(Event {
            correlation: self.correlation,
            ..event
        })
    }

    /// What the events of the instance itself say.
    fn whole(&self, clients: &[&Arc<Client>], keys: u64) -> Deed {
        let labels = clients.iter().map(|client| client.label.as_str());
        Deed {
            action: Action::ServiceDelete,
            initiator: self.initiator.clone(),
            target: self.instance.id.to_string(),
            scope: Arc::new(self.instance.scope.global()),
            request: Data::new()
                .text(Field::Instance, &self.instance.name)
                .list(Field::Label, labels)
                .number(Field::Keys, i64::try_from(keys).unwrap_or(i64::MAX)),
        }
    }

    fn record_clients(
        &self,
        changeset: &mut Changeset,
        snapshot: &Clients,
        clients: &[&Arc<Client>],
    ) -> Result<(), AdminError> {
        for client in clients {
            let certificates = client.certificates.iter();
            let certificates = certificates.map(|held| held.fingerprint.to_string());
            let data = Data::new()
                .text(Field::Label, &client.label)
                .list(Field::Fingerprint, certificates)
                .text(Field::Instance, &self.instance.name);
            let removed = Deed {
                action: Action::ClientRemove,
                initiator: self.initiator.clone(),
                target: client.id.to_string(),
                scope: Arc::clone(&self.instance.scope),
                request: with_authorities(data, snapshot, client.id),
            };
            changeset.record(self.event(Action::ClientRemove, removed)?);
        }
        Ok(())
    }

    /// Records the API keys and administrators that go with it, as they reach nothing else.
    fn record_administrators(&self, changeset: &mut Changeset) -> Result<(), AdminError> {
        let administrators = self.admin.store.administrators();
        let is_limited = |instance: Option<InstanceId>| instance == Some(self.instance.id);
        for key in administrators.keys() {
            if is_limited(key.instance) {
                let (change, initiator) = (("remove", &Data::new()), self.initiator.clone());
                let deed = api_keys::deed(self.admin, initiator, change, key)?;
                changeset.record(self.event(Action::AccountApikeyUpdate, deed)?);
            }
        }
        for held in administrators.certificates() {
            if is_limited(held.instance) {
                let (action, initiator) = (Action::AdministratorRemove, self.initiator.clone());
                let deed =
                    administrators::deed(self.admin, initiator, (action, &Data::new()), &held)?;
                changeset.record(self.event(action, deed)?);
            }
        }
        Ok(())
    }

    /// Ends each destruction under way: its key is gone for good, and its pending event gets the one that ends it.
    async fn end_destructions(&self, changeset: &mut Changeset) -> Result<(), AdminError> {
        let mut after = None;
        loop {
            let of_it = Some(self.instance.id);
            let page = self.admin.store.destructions(of_it, after, PAGE).await?;
            for held in &page {
                let deed = Deed {
                    action: Action::KeyDestroy,
                    initiator: self.initiator.clone(),
                    target: held.object.to_string(),
                    scope: Arc::clone(&self.instance.scope),
                    request: destruction::asked(held)
                        .text(Field::Instance, &self.instance.name)
                        .and(self.told),
                };
                changeset.record(Event {
                    target: Target::Key(held.object),
                    correlation: held.correlation,
                    ..self.admin.event(deed)?
                });
                let unchanged = Some(Box::new(held.clone()));
                changeset.require(Precondition::Destruction(held.object, unchanged));
            }
            if page.len() < PAGE {
                return Ok(());
            }
            after = page.last().map(|held| held.object);
        }
    }
}

fn check(
    instance: &Instance,
    instances: usize,
    (clients, keys): (usize, u64),
    request: &InstanceRemove,
) -> Result<(), AdminError> {
    let name = &instance.name;
    if instances == 1 {
        let text = format!("instance: `{name}` is the only one; make another first");
        return Err(AdminError::conflict(text));
    }
    let is_kept = keys > 0 || (clients > 0 && !request.with_clients);
    if is_kept && !request.force {
        return Err(AdminError::conflict(format!(
            "instance: `{name}` has {clients} clients and {keys} keys that are not destroyed; --force removes them for good"
        )));
    }
    Ok(())
}

/// Where a key is destroyed by two administrators only, one alone cannot destroy all of them.
fn check_policy(admin: &Admin, name: &str, keys: u64) -> Result<(), AdminError> {
    let policy = admin.destruction.as_ref().map_err(|problem| {
        AdminError::unavailable(format!("no instance can be removed: {problem}"))
    })?;
    if keys > 0 && policy.second_administrator {
        return Err(AdminError::conflict(format!(
            "instance: destroying the {keys} keys of `{name}` needs a second administrator each; destroy them first"
        )));
    }
    Ok(())
}
