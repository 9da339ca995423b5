//! Instances that are removed: with their clients, and with the data keys that alone open their keys.
//!
//! One transaction, whatever the number of keys: without its data key an instance's material is noise, at once and for good. What described
//! its keys stays in the database and can be reached by nobody.

use std::sync::Arc;

use super::clients::with_authorities;
use super::instances::listed;
use super::message::{InstanceRemove, Response};
use super::{Admin, AdminError, Deed};
use crate::audit::{Action, Data, Event, Field};
use crate::domain::{Client, Initiator, Instance};
use crate::store::changeset::{Changeset, Write};

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
    let changeset = changeset(admin, &initiator, &instance, keys, &Data::new())?;
    admin.store.apply(changeset).await?;
    if let Ok(founder) = &admin.founder
        && let Some(keyring) = &founder.keyring
    {
        keyring.forget(instance.id);
    }
    Ok(Response::Instance(shown))
}

/// The removal of an instance with its clients and what opens its keys, and the events that tell it, each with what is `told` besides.
pub(super) fn changeset(
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
    let correlation = admin.correlation()?;
    let event = |action, deed: Deed| -> Result<Event, AdminError> {
        let request = deed.request.and(told);
        let event = admin.event(Deed {
            action,
            request,
            ..deed
        })?;
        Ok(Event {
            correlation,
            ..event
        })
    };
    let wiped = event(
        Action::InstanceSecureDataWipe,
        deed(instance, initiator, &clients, keys),
    )?;
    let mut changeset = Admin::changeset(wiped);
    for client in &clients {
        let certificates = client.certificates.iter();
        let certificates = certificates.map(|held| held.fingerprint.to_string());
        let data = Data::new()
            .text(Field::Label, &client.label)
            .list(Field::Fingerprint, certificates)
            .text(Field::Instance, &instance.name);
        let removed = Deed {
            action: Action::ClientRemove,
            initiator: initiator.clone(),
            target: client.id.to_string(),
            scope: Arc::clone(&instance.scope),
            request: with_authorities(data, &snapshot, client.id),
        };
        changeset.record(event(Action::ClientRemove, removed)?);
    }
    let deleted = deed(instance, initiator, &clients, keys);
    changeset.record(event(Action::ServiceDelete, deleted)?);
    changeset.write(Write::InstanceRemoved(instance.id, admin.now()));
    Ok(changeset)
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

/// What the events of the instance say.
fn deed(instance: &Instance, initiator: &Initiator, clients: &[&Arc<Client>], keys: u64) -> Deed {
    let labels = clients.iter().map(|client| client.label.as_str());
    Deed {
        action: Action::ServiceDelete,
        initiator: initiator.clone(),
        target: instance.id.to_string(),
        scope: Arc::new(instance.scope.global()),
        request: Data::new()
            .text(Field::Instance, &instance.name)
            .list(Field::Label, labels)
            .number(Field::Keys, i64::try_from(keys).unwrap_or(i64::MAX)),
    }
}
