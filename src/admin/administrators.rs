//! Certificates that may administer the server: added, listed, removed. They are pinned; whoever signed them does not matter.

use super::access::asked;
use super::api_keys::{scope, scope_name};
use super::message::{self, AdministratorAdd, Response};
use super::{Admin, AdminError, Deed};
use crate::audit::{Action, Data, Field};
use crate::crypto::Certificate;
use crate::domain::client::check_label;
use crate::domain::clock::rfc3339;
use crate::domain::{Administrator, Initiator, Makers, TooManyMakers};
use crate::store::changeset::Write;

impl Admin {
    /// Who made the credential that the request under way was asked for by.
    pub(super) fn own_makers(&self) -> Makers {
        let login = asked::rights().login;
        self.store.administrators().makers(login)
    }

    /// The makers of a credential that the request under way makes.
    pub(super) fn makers(&self, initiator: &Initiator) -> Result<Makers, AdminError> {
        let login = asked::rights().login;
        let makers = self.store.administrators().makers_by(login, &initiator.id);
        makers.map_err(|TooManyMakers| {
            let text = "too many certificates made one another down to this one; make it on the server's machine, with `keyledger api-key add` or `keyledger admin add`";
            AdminError::conflict(text)
        })
    }
}

/// Allows a certificate to administer the server.
pub(super) async fn add(
    admin: &Admin,
    initiator: Initiator,
    request: AdministratorAdd,
) -> Result<Response, AdminError> {
    let label = &request.label;
    check_label(label).map_err(|error| AdminError::invalid(format!("label: {error}")))?;
    let certificate = Certificate::from_pem(&request.certificate)
        .map_err(|error| AdminError::invalid(format!("certificate: {error}")))?;
    super::clients::check_validity(&certificate, admin.now())?;
    let _turn = admin.changes.lock().await;
    let held = Administrator {
        label: label.clone(),
        role: request.role,
        instance: scope(admin, request.instance.as_deref())?,
        fingerprint: certificate.fingerprint(),
        subject: certificate.subject().to_owned(),
        not_before: certificate.not_before(),
        not_after: certificate.not_after(),
        added: admin.now(),
        makers: admin.makers(&initiator)?,
        warned: None,
    };
    check_free(admin, &held)?;
    let write = Write::Administrator(held.clone());
    commit(
        admin,
        initiator,
        (Action::AdministratorAdd, &Data::new()),
        &held,
        write,
    )
    .await?;
    Ok(Response::Administrator(shown(admin, &held)))
}

/// A certificate is one party's: who administers and who uses keys stay apart in the trail.
fn check_free(admin: &Admin, new: &Administrator) -> Result<(), AdminError> {
    let administrators = admin.store.administrators();
    let all = administrators.certificates();
    let problem = if let Some(holder) = administrators.certificate(&new.fingerprint) {
        format!(
            "certificate: it is that of administrator `{}` already",
            holder.label
        )
    } else if let Some(client) = admin.store.clients().holder(&new.fingerprint) {
        format!(
            "certificate: it is enrolled for client `{}`; an administrator needs one of their own",
            client.label
        )
    } else if all.iter().any(|held| held.label == new.label) {
        format!("label: `{}` is taken; choose another", new.label)
    } else {
        let most = admin.quantities.administrators;
        return Admin::check_room("administrators", all.len(), most, "administrators-max");
    };
    Err(AdminError::conflict(problem))
}

/// Every administrator, by label.
pub(super) fn list(admin: &Admin) -> Response {
    let all = admin.store.administrators().certificates();
    Response::Administrators(all.iter().map(|held| shown(admin, held)).collect())
}

/// Removes the administrator of this label.
pub(super) async fn remove(
    admin: &Admin,
    initiator: Initiator,
    label: &str,
) -> Result<Response, AdminError> {
    let _turn = admin.changes.lock().await;
    let all = admin.store.administrators().certificates();
    let held = all.iter().find(|held| held.label == label).ok_or_else(|| {
        let label = label.escape_debug();
        AdminError::not_found(format!(
            "label: there is no administrator `{label}`; see `keyledger admin list`"
        ))
    })?;
    take_away(admin, initiator, held, &Data::new()).await?;
    Ok(Response::Administrator(shown(admin, held)))
}

/// Removes an administrator, with what is `told` in the event besides.
pub(super) async fn take_away(
    admin: &Admin,
    initiator: Initiator,
    held: &Administrator,
    told: &Data,
) -> Result<(), AdminError> {
    let write = Write::AdministratorRemoved(held.fingerprint);
    let action = (Action::AdministratorRemove, told);
    commit(admin, initiator, action, held, write).await
}

async fn commit(
    admin: &Admin,
    initiator: Initiator,
    (action, told): (Action, &Data),
    held: &Administrator,
    write: Write,
) -> Result<(), AdminError> {
    admin
        .commit(deed(admin, initiator, (action, told), held)?, vec![write])
        .await
}

/// What is recorded of an administrator who is added or removed, with what is `told` besides.
pub(super) fn deed(
    admin: &Admin,
    initiator: Initiator,
    (action, told): (Action, &Data),
    held: &Administrator,
) -> Result<Deed, AdminError> {
    let data = Data::new()
        .text(Field::Label, &held.label)
        .text(Field::Role, held.role.as_str())
        .text(Field::Fingerprint, held.fingerprint.to_string())
        .text(Field::Subject, &held.subject)
        .text(Field::NotAfter, rfc3339(held.not_after));
    let data = match scope_name(admin, held.instance) {
        Some(instance) => data.text(Field::Instance, instance),
        None => data,
    };
    Ok(Deed {
        action,
        initiator,
        target: held.label.clone(),
        scope: admin.global_scope()?,
        request: data.and(told),
    })
}

fn shown(admin: &Admin, held: &Administrator) -> message::Administrator {
    message::Administrator {
        label: held.label.clone(),
        role: held.role,
        instance: scope_name(admin, held.instance),
        fingerprint: held.fingerprint.to_string(),
        subject: held.subject.clone(),
        not_before: rfc3339(held.not_before),
        not_after: rfc3339(held.not_after),
        expired: admin.now() > held.not_after,
        added: rfc3339(held.added),
        made_by: held.makers.ids().to_vec(),
    }
}
