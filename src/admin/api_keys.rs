//! API keys: made, listed, removed. A removed key is refused from the next request on, and what it asked for before is not committed.

use std::collections::HashMap;

use super::message::{self, ApiKeyAdd, Response};
use super::{Admin, AdminError, Deed};
use crate::audit::{Action, Data, Field};
use crate::domain::client::check_label;
use crate::domain::clock::rfc3339;
use crate::domain::{ApiKey, ApiKeyId, Initiator, InstanceId};
use crate::store::changeset::Write;

/// The last second that can be written with four digits of a year.
const EXPIRES_MAX: i64 = 253_402_300_799;

/// Makes an API key of what the request holds the digest of.
pub(super) async fn add(
    admin: &Admin,
    initiator: Initiator,
    request: ApiKeyAdd,
) -> Result<Response, AdminError> {
    let name = &request.name;
    check_label(name).map_err(|error| AdminError::invalid(format!("name: {error}")))?;
    let mut digest = [0; 32];
    hex::decode_to_slice(&request.digest, &mut digest)
        .map_err(|_| AdminError::invalid("digest: it is not SHA-256 in hexadecimal"))?;
    if request
        .expires
        .is_some_and(|expires| !(admin.now()..=EXPIRES_MAX).contains(&expires))
    {
        let problem = "expires: that time has passed, or is after the year 9999";
        return Err(AdminError::invalid(problem));
    }
    let _turn = admin.changes.lock().await;
    let instance = scope(admin, request.instance.as_deref())?;
    let held = admin.store.administrators();
    if held.keys().iter().any(|key| key.name == *name) {
        let text = format!("name: there is an API key `{name}` already; choose another name");
        return Err(AdminError::conflict(text));
    }
    let (count, most) = (held.keys().len(), admin.quantities.api_keys);
    Admin::check_room("API keys", count, most, "api-keys-max")?;
    let key = ApiKey {
        id: ApiKeyId::new(admin.clock.now_ms(), admin.random_bytes()?),
        name: name.clone(),
        role: request.role,
        instance,
        digest,
        created: admin.now(),
        expires: request.expires,
        makers: admin.makers(&initiator)?,
    };
    let write = Write::ApiKey(key.clone());
    commit(admin, initiator, ("add", &Data::new()), &key, write).await?;
    Ok(Response::ApiKey(shown(admin, &key, &HashMap::new())))
}

/// Every API key, by name.
pub(super) async fn list(admin: &Admin) -> Result<Response, AdminError> {
    let used = admin.store.api_keys_used().await?;
    let held = admin.store.administrators();
    let keys = held.keys().iter().map(|key| shown(admin, key, &used));
    Ok(Response::ApiKeys(keys.collect()))
}

/// Removes the API key of this name or identifier.
pub(super) async fn remove(
    admin: &Admin,
    initiator: Initiator,
    name: &str,
) -> Result<Response, AdminError> {
    let _turn = admin.changes.lock().await;
    let held = admin.store.administrators();
    let is_it = |key: &&std::sync::Arc<ApiKey>| key.name == name || key.id.to_string() == name;
    let key = held.keys().iter().find(is_it).ok_or_else(|| {
        let name = name.escape_debug();
        AdminError::not_found(format!(
            "name: there is no API key `{name}`; see `keyledger api-key list`"
        ))
    })?;
    let used = admin.store.api_keys_used().await?;
    take_away(admin, initiator, key, &Data::new()).await?;
    Ok(Response::ApiKey(shown(admin, key, &used)))
}

/// Removes an API key, with what is `told` in the event besides.
pub(super) async fn take_away(
    admin: &Admin,
    initiator: Initiator,
    key: &ApiKey,
    told: &Data,
) -> Result<(), AdminError> {
    let write = Write::ApiKeyRemoved(key.id);
    commit(admin, initiator, ("remove", told), key, write).await
}

async fn commit(
    admin: &Admin,
    initiator: Initiator,
    (change, told): (&str, &Data),
    key: &ApiKey,
    write: Write,
) -> Result<(), AdminError> {
    admin
        .commit(deed(admin, initiator, (change, told), key)?, vec![write])
        .await
}

/// What is recorded of a change of an API key, with what is `told` besides.
pub(super) fn deed(
    admin: &Admin,
    initiator: Initiator,
    (change, told): (&str, &Data),
    key: &ApiKey,
) -> Result<Deed, AdminError> {
    let data = Data::new()
        .text(Field::Change, change)
        .text(Field::Label, &key.name)
        .text(Field::Role, key.role.as_str());
    let data = match scope_name(admin, key.instance) {
        Some(instance) => data.text(Field::Instance, instance),
        None => data,
    };
    let data = match key.expires {
        Some(expires) => data.text(Field::Expires, rfc3339(expires)),
        None => data,
    };
    Ok(Deed {
        action: Action::AccountApikeyUpdate,
        initiator,
        target: key.id.to_string(),
        scope: admin.global_scope()?,
        request: data.and(told),
    })
}

/// The instance that an administrator is limited to, by its name.
pub(super) fn scope(admin: &Admin, name: Option<&str>) -> Result<Option<InstanceId>, AdminError> {
    let instance = name.map(|name| admin.instance(Some(name))).transpose()?;
    Ok(instance.map(|instance| instance.id))
}

/// The name of that instance; its identifier, should it be there no more.
pub(super) fn scope_name(admin: &Admin, instance: Option<InstanceId>) -> Option<String> {
    let snapshot = admin.store.clients();
    instance.map(|id| {
        let held = snapshot.instance(id);
        held.map_or_else(|| id.to_string(), |held| held.name.clone())
    })
}

fn shown(admin: &Admin, key: &ApiKey, used: &HashMap<ApiKeyId, i64>) -> message::ApiKey {
    message::ApiKey {
        id: key.id.to_string(),
        name: key.name.clone(),
        role: key.role,
        instance: scope_name(admin, key.instance),
        created: rfc3339(key.created),
        expires: key.expires.map(rfc3339),
        expired: key.expires.is_some_and(|expires| admin.now() > expires),
        last_used: used.get(&key.id).copied().map(rfc3339),
        made_by: key.makers.ids().to_vec(),
    }
}
