//! Instances: made with a data key of their own, listed. The keys of one do not exist for the clients of another.

use std::sync::Arc;

use super::foundation::{Founding, found};
use super::message::Instance;
use super::message::adapter::NewAdapter;
use super::{Admin, AdminError, Response};
use crate::domain::client::check_label;
use crate::domain::clock::rfc3339;
use crate::domain::location::generates_events;
use crate::domain::{Initiator, Scope};
use crate::ops::Keyring;
use crate::providers::MasterKey;
use crate::store::AdapterProfile;

/// What instances are made with.
pub struct Founder {
    /// Wraps their data keys.
    pub master: Arc<dyn MasterKey>,
    /// Account, location and CRN prefix of those made from now on.
    pub scope: Scope,
    /// Where the server finds their data keys; none when no server runs.
    pub keyring: Option<Arc<Keyring>>,
}

pub(super) async fn add(
    admin: &Admin,
    initiator: Initiator,
    name: &str,
    adapter: Option<NewAdapter>,
) -> Result<Response, AdminError> {
    let founder = admin.founder.as_ref().map_err(|reason| {
        AdminError::unavailable(format!("an instance cannot be made: {reason}"))
    })?;
    check_label(name).map_err(|error| AdminError::invalid(format!("instance: {error}")))?;
    admin.unlocked()?;
    let _turn = admin.changes.lock().await;
    let is_it = |held: &Arc<crate::domain::Instance>| held.name == name;
    if admin.store.clients().instances().iter().any(is_it) {
        let text = format!("instance: `{name}` exists already; choose another name");
        return Err(AdminError::conflict(text));
    }
    let count = admin.store.clients().instances().len();
    Admin::check_room(
        "instances",
        count,
        admin.quantities.instances,
        "instances-max",
    )?;
    if founder.master.check_value() != admin.store.master_key_check() {
        let text = "an instance cannot be made: the master key is not the database's";
        return Err(AdminError::unavailable(text));
    }
    let founding = Founding {
        name,
        scope: founder.scope.clone(),
        profile: adapter.map(|given| AdapterProfile {
            description: given.description,
            crk_id: given.crk_id,
        }),
        initiator,
        master: &*founder.master,
        clock: &*admin.clock,
        random: &*admin.random,
    };
    found(&admin.store, founding).await?;
    if let Some(keyring) = &founder.keyring {
        keyring
            .refresh(&admin.store, &*founder.master)
            .await
            .map_err(|error| {
                AdminError::unavailable(format!(
                    "instance `{name}` was made, but its clients get no keys before the server is started anew: {error}"
                ))
            })?;
    }
    Ok(Response::Instance(listed(admin, name)?))
}

/// An instance as it is listed.
pub(super) fn listed(admin: &Admin, name: &str) -> Result<Instance, AdminError> {
    let found = all(admin).into_iter().find(|held| held.name == name);
    found.ok_or_else(|| AdminError::unavailable("the instance is not there"))
}

pub(super) fn list(admin: &Admin) -> Response {
    Response::Instances(all(admin))
}

fn all(admin: &Admin) -> Vec<Instance> {
    let snapshot = admin.store.clients();
    let clients = snapshot.clients();
    let instances = snapshot.instances().into_iter().map(|held| Instance {
        id: held.id.to_string(),
        name: held.name.clone(),
        location: held.scope.location.clone(),
        generates_events: generates_events(&held.scope.location),
        account: held.scope.account.clone(),
        crn: held.scope.crn(),
        created: rfc3339(held.created),
        clients: clients
            .iter()
            .filter(|client| client.instance == held.id)
            .count(),
        credential: held.credential.is_some(),
        denied: held.rules.denied.names(),
    });
    instances.collect()
}
