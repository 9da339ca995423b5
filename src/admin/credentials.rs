//! The user name and password of an instance: set and cleared.
//!
//! The password never comes here, only its hash: whoever asks has computed it. A running server asks for the new credential from the
//! next request on, on open connections too.

use std::sync::Arc;

use super::instances::listed;
use super::message::{InstanceCredential, NewCredential};
use super::{Admin, AdminError, Deed, Response};
use crate::audit::{Action, Data, Field};
use crate::domain::{Credential, Initiator};
use crate::store::changeset::Write;

/// Sets or clears the credential of an instance. Clearing what is not set makes no event.
pub(super) async fn change(
    admin: &Admin,
    initiator: Initiator,
    request: InstanceCredential,
) -> Result<Response, AdminError> {
    let _turn = admin.changes.lock().await;
    let instance = admin.instance(Some(&request.instance))?;
    let (action, write) = match request.credential {
        Some(new) => {
            let credential = Arc::new(checked(new)?);
            (
                Action::InstanceCredentialSet,
                Write::Credential(instance.id, credential),
            )
        }
        None if instance.credential.is_none() => {
            return Ok(Response::Instance(listed(admin, &instance.name)?));
        }
        None => (
            Action::InstanceCredentialClear,
            Write::CredentialCleared(instance.id),
        ),
    };
    let deed = Deed {
        action,
        initiator,
        target: instance.id.to_string(),
        scope: Arc::clone(&instance.scope),
        request: Data::new().text(Field::Instance, &instance.name),
    };
    admin.commit(deed, vec![write]).await?;
    Ok(Response::Instance(listed(admin, &instance.name)?))
}

fn checked(new: NewCredential) -> Result<Credential, AdminError> {
    let NewCredential { username, password } = new;
    if username.len() > Credential::USERNAME_BYTES_MAX {
        let most = Credential::USERNAME_BYTES_MAX;
        let text = format!("user name: longer than {most} bytes; choose a shorter one");
        return Err(AdminError::invalid(text));
    }
    Ok(Credential { username, password })
}
