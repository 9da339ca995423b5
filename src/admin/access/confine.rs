//! Callers that are limited to one instance: their requests, made to reach nothing else, and their answers, without anything else.
//!
//! Every request is named here, so that one that is added must say what a limited caller gets of it.

use std::sync::Arc;

use crate::admin::message::adapter::AdapterResponse;
use crate::admin::message::{
    ClientAdd, ClientPermit, ClientRemove, ClientStatusChange, ClientTrust, EventsFrom,
    InstanceCredential, InstanceRules, KeyDestroy, KeyRevoke,
};
use crate::admin::{Admin, AdminError, Request, Response, clients, keys};
use crate::audit::Failure;
use crate::domain::{Caller, Instance, InstanceId, ObjectId};

/// Why a request is not carried out.
pub(super) enum Denied {
    /// What it names is not there for this caller.
    Missing(AdminError),
    /// The caller may not ask for it; the sentence is for them.
    Forbidden(Failure, String),
}

fn out_of_reach() -> Denied {
    let message = "this concerns the server as a whole; the credential is limited to one instance";
    Denied::Forbidden(Failure::OutOfReach, message.to_owned())
}

/// The request, made to reach this instance only. What is not the caller's in a list is taken out of the answer.
pub(super) async fn confined(
    admin: &Admin,
    instance: InstanceId,
    mut request: Request,
) -> Result<Request, Denied> {
    let snapshot = admin.store().clients();
    let own = snapshot.instance(instance).ok_or_else(out_of_reach)?;
    Ok(match request {
        Request::ClientList | Request::InstanceList | Request::KeyShow { .. } | Request::Status => {
            request
        }
        Request::ClientAdd(add) => Request::ClientAdd(client_add(admin, own, add)?),
        Request::ClientTrust(trust) => Request::ClientTrust(client_trust(admin, own, trust)?),
        Request::ClientShow { ref label }
        | Request::ClientStatus(ClientStatusChange { ref label, .. })
        | Request::ClientPermit(ClientPermit { ref label, .. }) => {
            own_client(admin, own, label).map(|()| request)?
        }
        Request::ClientRemove(ref removal) => own_removal(admin, own, removal).map(|()| request)?,
        Request::InstanceCredential(InstanceCredential { ref instance, .. })
        | Request::InstanceRules(InstanceRules { ref instance, .. }) => {
            own_instance(own, Some(instance)).map(|_| request)?
        }
        Request::KeyList(ref mut list) => own_list(own, &mut list.instance).map(|()| request)?,
        Request::KeyStale(ref mut list) => own_list(own, &mut list.instance).map(|()| request)?,
        Request::KeyScheduled(ref mut list) => {
            own_list(own, &mut list.instance).map(|()| request)?
        }
        Request::Adapter(ref read) => own_instance(own, read.instance()).map(|_| request)?,
        Request::Events(events) => Request::Events(own_events(own, events)),
        Request::KeyRevoke(KeyRevoke { ref id, .. })
        | Request::KeyDestroy(KeyDestroy { ref id, .. })
        | Request::KeyApprove { ref id }
        | Request::KeyRefuse { ref id }
        | Request::KeyRestore { ref id } => own_key(admin, own, id).await.map(|()| request)?,
        Request::EventShow(event) => Request::EventShow(event.within(&own.scope.instance)),
        // A certificate that waits for approval belongs to no instance yet, a CA's list to none.
        Request::ClientPending
        | Request::ClientInspect(_)
        | Request::ClientCrl(_)
        | Request::ClientApprove(_)
        | Request::ClientDismiss { .. }
        | Request::InstanceAdd { .. }
        | Request::InstanceRemove(_)
        | Request::EventRecord(_)
        | Request::Checkpoint
        | Request::Seal
        | Request::SealedEvents(_)
        | Request::NewEpoch(_)
        | Request::TreeNodes(_)
        | Request::Target(_)
        | Request::Route(_)
        | Request::RoutingSettings(_)
        | Request::Metrics
        | Request::Backup(_)
        | Request::CertificateList
        | Request::CertificateReload(_)
        | Request::CertificateCrl(_)
        | Request::MasterKey(_)
        | Request::Unlock(_)
        | Request::ApiKeyAdd(_)
        | Request::ApiKeyList
        | Request::ApiKeyRemove { .. }
        | Request::AdministratorAdd(_)
        | Request::AdministratorList
        | Request::AdministratorRemove { .. }
        | Request::NodePrepare(_)
        | Request::NodeList => return Err(out_of_reach()),
    })
}

/// The answer, without what is not the caller's.
pub(super) fn narrowed(
    admin: &Admin,
    caller: &Caller,
    response: Response,
) -> Result<Response, AdminError> {
    let Some(instance) = caller.instance else {
        return Ok(response);
    };
    let snapshot = admin.store().clients();
    let Some(own) = snapshot.instance(instance) else {
        return match response {
            // What was done in it before it went, by them.
            Response::Client(_) | Response::Instance(_) => Ok(response),
            _ => Err(super::changed()),
        };
    };
    Ok(match response {
        Response::Clients(mut clients) => {
            clients.retain(|client| client.instance == own.name);
            Response::Clients(clients)
        }
        Response::Instances(mut instances) => {
            instances.retain(|held| held.name == own.name);
            Response::Instances(instances)
        }
        Response::Adapter(AdapterResponse::Adapters(mut adapters)) => {
            adapters.retain(|held| held.name == own.name);
            Response::Adapter(AdapterResponse::Adapters(adapters))
        }
        Response::Key(key) if key.instance != own.name => return Err(keys::missing(&key.id)),
        Response::Status(mut status) => {
            status.instances.retain(|name| *name == own.name);
            let clients = snapshot.clients();
            let theirs = clients.iter().filter(|client| client.instance == own.id);
            status.clients = theirs.count();
            Response::Status(status)
        }
        other => other,
    })
}

/// The name of the caller's instance, which is the only one they may name.
fn own_instance(own: &Instance, named: Option<&str>) -> Result<String, Denied> {
    match named {
        Some(name) if name != own.name => {
            let (name, own) = (name.escape_debug(), &own.name);
            Err(Denied::Missing(AdminError::not_found(format!(
                "instance: there is no instance `{name}`; the instances are: {own}"
            ))))
        }
        Some(_) | None => Ok(own.name.clone()),
    }
}

/// Has a page of the trail hold what is of the caller's instance alone.
fn own_events(own: &Instance, mut events: EventsFrom) -> EventsFrom {
    events.filter.instance = Some(own.scope.instance.clone());
    events
}

/// Has a list hold what is of the caller's instance alone.
fn own_list(own: &Instance, named: &mut Option<String>) -> Result<(), Denied> {
    *named = Some(own_instance(own, named.as_deref())?);
    Ok(())
}

fn own_client(admin: &Admin, own: &Instance, label: &str) -> Result<(), Denied> {
    let snapshot = admin.store().clients();
    let is_own = snapshot
        .labelled(label)
        .is_some_and(|client| client.instance == own.id);
    if is_own {
        Ok(())
    } else {
        Err(Denied::Missing(clients::unknown(label)))
    }
}

/// A key of the caller's instance; one of another looks as if it were missing.
async fn own_key(admin: &Admin, own: &Instance, id: &str) -> Result<(), Denied> {
    let missing = || Denied::Missing(keys::missing(id));
    let object: ObjectId = id.parse().map_err(|_| missing())?;
    let held = admin.store().object(object).await;
    let held = held.map_err(|error| Denied::Missing(error.into()))?;
    match held {
        Some(held) if held.instance == own.id => Ok(()),
        Some(_) | None => Err(missing()),
    }
}

fn own_removal(admin: &Admin, own: &Instance, removal: &ClientRemove) -> Result<(), Denied> {
    own_instance(own, removal.instance.as_deref())?;
    own_client(admin, own, &removal.label)
}

fn client_add(admin: &Admin, own: &Arc<Instance>, mut add: ClientAdd) -> Result<ClientAdd, Denied> {
    if add.renew {
        own_client(admin, own, &add.label)?;
    } else {
        add.instance = Some(own_instance(own, add.instance.as_deref())?);
    }
    Ok(add)
}

fn client_trust(
    admin: &Admin,
    own: &Arc<Instance>,
    mut trust: ClientTrust,
) -> Result<ClientTrust, Denied> {
    if trust.renew {
        own_client(admin, own, &trust.label)?;
    } else {
        trust.instance = Some(own_instance(own, trust.instance.as_deref())?);
    }
    // It counts for every client of this CA, in whatever instance.
    if trust.list.is_some() {
        return Err(out_of_reach());
    }
    Ok(trust)
}
