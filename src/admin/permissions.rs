//! What clients may do, and what an instance forbids all of them.
//!
//! A running server goes by a change from the next request on, on open connections too; a request that is under way is decided again
//! before it is committed.

use super::access::asked;
use super::clients::{change, labelled, shown};
use super::instances::listed;
use super::message::{ClientPermit, InstanceRules, Response};
use super::{Admin, AdminError, Deed, destruction};
use crate::audit::{Action, Data, Failure, Field};
use crate::domain::access::WINDOWS_MAX;
use crate::domain::{Initiator, Login, Operations, Permissions, Rules, Window};
use crate::kmip::Operation;
use crate::store::changeset::Write;

/// What stands for every operation in events.
const ALL: &str = "all";

/// Who enrols a client of their own could else destroy over KMIP what the policy has two administrators destroy.
const ONE_ALONE: &str = "denied: a destruction needs a second administrator, so one alone cannot let clients destroy; lift this on the server's machine, with `keyledger instance rules`";

/// Changes what a client may do. What it may do already makes no event.
pub(super) async fn permit(
    admin: &Admin,
    initiator: Initiator,
    request: ClientPermit,
) -> Result<Response, AdminError> {
    let _turn = admin.changes.lock().await;
    let mut client = labelled(admin, &request.label)?;
    let permissions = changed(client.permissions.clone(), &request)?;
    if permissions == client.permissions {
        return shown(admin, &request.label);
    }
    client.permissions = permissions.clone();
    let data = permitted(Data::new().text(Field::Label, &client.label), &permissions);
    let write = Write::ClientPermissions(client.id, permissions);
    change(
        admin,
        Action::ClientPermit,
        initiator,
        &client,
        data,
        vec![write],
    )
    .await?;
    shown(admin, &request.label)
}

/// What events say of permissions.
pub(super) fn permitted(data: Data, permissions: &Permissions) -> Data {
    let operations = permissions.operations.map(Operations::names);
    let operations = operations.unwrap_or_else(|| vec![ALL.to_owned()]);
    data.list(Field::Operations, operations)
        .list(Field::Windows, texts(&permissions.windows))
}

/// The permissions of which an event says these operations and windows; none where it does not say all of them.
pub(super) fn permissions_of(operations: &[&str], windows: &[&str]) -> Option<Permissions> {
    let operations = match operations {
        [ALL] => None,
        names => Some(Operations::from_names(names).ok()?),
    };
    let windows = windows.iter().map(|text| text.parse().ok());
    Some(Permissions {
        operations,
        windows: windows.collect::<Option<_>>()?,
    })
}

fn changed(
    mut permissions: Permissions,
    request: &ClientPermit,
) -> Result<Permissions, AdminError> {
    let ClientPermit {
        label: _,
        all,
        operations,
        windows,
    } = request;
    match operations {
        Some(_) if *all => {
            let text = "operations: name some, or permit all of them, not both";
            return Err(AdminError::invalid(text));
        }
        Some(names) => {
            let named = Operations::from_names(names)
                .map_err(|error| AdminError::invalid(format!("operations: {error}")))?;
            permissions.operations = Some(named);
        }
        None if *all => permissions.operations = None,
        None => {}
    }
    if let Some(windows) = windows {
        permissions.windows = parsed(windows)?;
    }
    Ok(permissions)
}

fn parsed(windows: &[String]) -> Result<Vec<Window>, AdminError> {
    if windows.len() > WINDOWS_MAX {
        let text = format!("windows: a client has at most {WINDOWS_MAX} of them");
        return Err(AdminError::invalid(text));
    }
    let parsed: Result<_, _> = windows.iter().map(|text| text.parse()).collect();
    parsed.map_err(|error| AdminError::invalid(format!("windows: {error}")))
}

/// Windows as they are shown and recorded.
pub(super) fn texts(windows: &[Window]) -> Vec<String> {
    windows.iter().map(Window::to_string).collect()
}

/// Changes what an instance forbids. What it forbids already makes no event.
pub(super) async fn rules(
    admin: &Admin,
    initiator: Initiator,
    request: InstanceRules,
) -> Result<Response, AdminError> {
    let _turn = admin.changes.lock().await;
    let instance = admin.instance(Some(&request.instance))?;
    let denied = Operations::from_names(&request.denied)
        .map_err(|error| AdminError::invalid(format!("denied: {error}")))?;
    let rules = Rules { denied };
    if rules != instance.rules {
        let opens = instance.rules.denied.contains(Operation::Destroy)
            && !denied.contains(Operation::Destroy);
        let deed = Deed {
            action: Action::InstanceRulesUpdate,
            initiator,
            target: instance.id.to_string(),
            scope: instance.scope.clone(),
            request: Data::new()
                .text(Field::Instance, &instance.name)
                .list(Field::Denied, denied.names()),
        };
        if opens
            && asked::rights().login != Login::Local
            && destruction::policy(admin)?.second_administrator
        {
            admin.record_failure(deed, Failure::OutOfReach).await;
            return Err(AdminError::forbidden(ONE_ALONE));
        }
        admin
            .commit(deed, vec![Write::InstanceRules(instance.id, rules)])
            .await?;
    }
    Ok(Response::Instance(listed(admin, &instance.name)?))
}
