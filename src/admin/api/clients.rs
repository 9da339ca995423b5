//! Clients, their certificates and the CAs that are trusted for them.

use std::sync::Arc;

use axum::Json;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::gate::Call;
use super::input::{Body, Segments};
use super::problem::{Problem, renamed};
use crate::admin::message::{
    Client, ClientAdd, ClientCrl, ClientPermit, ClientRemove, ClientStatusChange, ClientTrust,
};
use crate::admin::{Request, Response};

/// What our fields are called where a client is made with a CA, where a CA is added, and where its list is.
const OF_NEW_CLIENTS: [(&str, &str); 3] = [
    ("CA", "authority.certificate"),
    ("subject", "authority.subject"),
    ("list", "authority.list"),
];
const OF_NEW_AUTHORITIES: [(&str, &str); 1] = [("CA", "certificate")];
const OF_AUTHORITIES: [(&str, &str); 1] = [("CA", "authority")];

/// Every client that the caller may reach.
#[derive(Serialize, ToSchema)]
struct Clients {
    /// By label.
    clients: Vec<Client>,
}

/// A new client, with the certificate it brings or a CA of others that vouches for it: one of the two.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewClient {
    /// Its label: 1 to 64 letters, digits, `.`, `_` or `-`, the first a letter or digit.
    label: String,
    /// Its instance's name; none: the only one, or `default`.
    #[serde(default)]
    instance: Option<String>,
    /// One certificate in PEM form, without its chain.
    #[serde(default)]
    certificate: Option<String>,
    /// A CA of others.
    #[serde(default)]
    authority: Option<NewAuthority>,
}

/// One more certificate of a client.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewCertificate {
    /// One certificate in PEM form, without its chain.
    certificate: String,
}

/// A CA of others: what it signs for one exact subject is enrolled at its first use.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewAuthority {
    /// Its certificate in PEM form.
    certificate: String,
    /// The whole subject of the certificates meant, such as `CN=vcenter-1,O=Example`.
    subject: String,
    /// What the CA has revoked, in PEM form: its certificate revocation list. Not for who is limited to an instance.
    #[serde(default)]
    list: Option<String>,
}

/// Whether a client may connect.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum NewStatus {
    /// It may.
    Enabled,
    /// It may not, and its connections are cut.
    Disabled,
}

/// A change of a client.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Change {
    /// Whether it may connect.
    status: NewStatus,
}

/// What a client may do; a member that is not given stays as it is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewPermissions {
    /// Whether it may perform every operation that the server carries out.
    #[serde(default)]
    all: bool,
    /// The operations it may perform, such as `get-attributes`, and no others.
    #[serde(default)]
    operations: Option<Vec<String>>,
    /// When it may act, such as `mon-fri 08:00-18:00 +01:00`; empty: at any time.
    #[serde(default)]
    windows: Option<Vec<String>>,
}

/// What a CA has revoked.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewRevocationList {
    /// The list in PEM form.
    list: String,
    /// The CA's fingerprint; none: the only one that is trusted for the client.
    #[serde(default)]
    authority: Option<String>,
}

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(list_clients, add_client))
        .routes(routes!(show_client, change_client, remove_client))
        .routes(routes!(permit_client))
        .routes(routes!(add_certificate))
        .routes(routes!(remove_certificate))
        .routes(routes!(add_authority))
        .routes(routes!(remove_authority))
        .routes(routes!(load_revocation_list))
}

/// Lists clients and their certificates.
#[utoipa::path(get, path = "/api/v1/clients", tag = "clients", responses((status = 200, description = "Every client.", body = Clients)))]
async fn list_clients(call: Call) -> Result<Json<Clients>, Problem> {
    match call.run(Request::ClientList).await? {
        Response::Clients(clients) => Ok(Json(Clients { clients })),
        _ => Err(Problem::unexpected()),
    }
}

/// Adds a client.
#[utoipa::path(post, path = "/api/v1/clients", tag = "clients", request_body = NewClient,
    responses((status = 201, description = "It was added.", body = Client)))]
async fn add_client(
    call: Call,
    Body(new): Body<NewClient>,
) -> Result<(StatusCode, Json<Client>), Problem> {
    let request = match (new.certificate, new.authority) {
        (Some(certificate), None) => Request::ClientAdd(ClientAdd {
            label: new.label,
            instance: new.instance,
            certificate,
            ..ClientAdd::default()
        }),
        (None, Some(authority)) => Request::ClientTrust(ClientTrust {
            label: new.label,
            instance: new.instance,
            certificate: authority.certificate,
            subject: authority.subject,
            renew: false,
            list: authority.list,
        }),
        (Some(_), Some(_)) | (None, None) => {
            let message = "certificate: give it, or else an authority that vouches for the client";
            return Err(Problem::invalid(message));
        }
    };
    let names: &[_] = match request {
        Request::ClientTrust(_) => &OF_NEW_CLIENTS,
        _ => &[],
    };
    let made = changed(&call, request).await;
    let made = made.map_err(|problem| renamed(problem, names))?;
    Ok((StatusCode::CREATED, made))
}

/// Shows a client.
#[utoipa::path(get, path = "/api/v1/clients/{label}", tag = "clients", params(("label" = String, Path, description = "Its label.")),
    responses((status = 200, description = "It.", body = Client)))]
async fn show_client(
    call: Call,
    Segments(label): Segments<String>,
) -> Result<Json<Client>, Problem> {
    changed(&call, Request::ClientShow { label }).await
}

/// Enables or disables a client.
#[utoipa::path(patch, path = "/api/v1/clients/{label}", tag = "clients", params(("label" = String, Path, description = "Its label.")),
    request_body = Change, responses((status = 200, description = "So it is.", body = Client)))]
async fn change_client(
    call: Call,
    Segments(label): Segments<String>,
    Body(change): Body<Change>,
) -> Result<Json<Client>, Problem> {
    let change = ClientStatusChange {
        label,
        enabled: matches!(change.status, NewStatus::Enabled),
    };
    changed(&call, Request::ClientStatus(change)).await
}

/// Says which operations a client may perform, and when.
#[utoipa::path(put, path = "/api/v1/clients/{label}/permissions", tag = "clients", params(("label" = String, Path, description = "Its label.")),
    request_body = NewPermissions, responses((status = 200, description = "So it may.", body = Client)))]
async fn permit_client(
    call: Call,
    Segments(label): Segments<String>,
    Body(new): Body<NewPermissions>,
) -> Result<Json<Client>, Problem> {
    let permit = ClientPermit {
        label,
        all: new.all,
        operations: new.operations,
        windows: new.windows,
    };
    changed(&call, Request::ClientPermit(permit)).await
}

/// Removes a client; its connections are cut, its keys stay.
#[utoipa::path(delete, path = "/api/v1/clients/{label}", tag = "clients", params(("label" = String, Path, description = "Its label.")),
    responses((status = 200, description = "It as it was.", body = Client)))]
async fn remove_client(
    call: Call,
    Segments(label): Segments<String>,
) -> Result<Json<Client>, Problem> {
    let removal = ClientRemove {
        label,
        ..ClientRemove::default()
    };
    changed(&call, Request::ClientRemove(removal)).await
}

/// Enrols one more certificate of a client, such as the successor of one that lapses.
#[utoipa::path(post, path = "/api/v1/clients/{label}/certificates", tag = "clients", params(("label" = String, Path, description = "Its label.")),
    request_body = NewCertificate, responses((status = 201, description = "It was enrolled.", body = Client)))]
async fn add_certificate(
    call: Call,
    Segments(label): Segments<String>,
    Body(new): Body<NewCertificate>,
) -> Result<(StatusCode, Json<Client>), Problem> {
    let request = Request::ClientAdd(ClientAdd {
        label,
        certificate: new.certificate,
        renew: true,
        ..ClientAdd::default()
    });
    Ok((StatusCode::CREATED, changed(&call, request).await?))
}

/// Removes one certificate of a client; connections that came with it are cut.
#[utoipa::path(delete, path = "/api/v1/clients/{label}/certificates/{fingerprint}", tag = "clients",
    params(("label" = String, Path, description = "Its label."), ("fingerprint" = String, Path, description = "The certificate's.")),
    responses((status = 200, description = "It was removed.", body = Client)))]
async fn remove_certificate(
    call: Call,
    Segments((label, fingerprint)): Segments<(String, String)>,
) -> Result<Json<Client>, Problem> {
    let removal = ClientRemove {
        label,
        certificate: Some(fingerprint),
        ..ClientRemove::default()
    };
    let removed = changed(&call, Request::ClientRemove(removal)).await;
    removed.map_err(|problem| renamed(problem, &[("certificate", "fingerprint")]))
}

/// Trusts a CA of others for a client.
#[utoipa::path(post, path = "/api/v1/clients/{label}/authorities", tag = "clients", params(("label" = String, Path, description = "Its label.")),
    request_body = NewAuthority, responses((status = 201, description = "It is trusted.", body = Client)))]
async fn add_authority(
    call: Call,
    Segments(label): Segments<String>,
    Body(new): Body<NewAuthority>,
) -> Result<(StatusCode, Json<Client>), Problem> {
    let request = Request::ClientTrust(ClientTrust {
        label,
        instance: None,
        certificate: new.certificate,
        subject: new.subject,
        renew: true,
        list: new.list,
    });
    let trusted = changed(&call, request).await;
    let trusted = trusted.map_err(|problem| renamed(problem, &OF_NEW_AUTHORITIES))?;
    Ok((StatusCode::CREATED, trusted))
}

/// Trusts a CA of others no more; what it enrolled goes with it.
#[utoipa::path(delete, path = "/api/v1/clients/{label}/authorities/{fingerprint}", tag = "clients",
    params(("label" = String, Path, description = "Its label."), ("fingerprint" = String, Path, description = "The CA's.")),
    responses((status = 200, description = "It was removed.", body = Client)))]
async fn remove_authority(
    call: Call,
    Segments((label, fingerprint)): Segments<(String, String)>,
) -> Result<Json<Client>, Problem> {
    let removal = ClientRemove {
        label,
        ca: Some(fingerprint),
        ..ClientRemove::default()
    };
    let removed = changed(&call, Request::ClientRemove(removal)).await;
    removed.map_err(|problem| renamed(problem, &[("CA", "fingerprint")]))
}

/// Takes up what a CA that is trusted for a client has revoked; connections that came with it are cut. A list counts for every client that the
/// CA is trusted for.
#[utoipa::path(put, path = "/api/v1/clients/{label}/revocation-list", tag = "clients", params(("label" = String, Path, description = "Its label.")),
    request_body = NewRevocationList, responses((status = 200, description = "It counts.", body = Client)))]
async fn load_revocation_list(
    call: Call,
    Segments(label): Segments<String>,
    Body(new): Body<NewRevocationList>,
) -> Result<Json<Client>, Problem> {
    let request = ClientCrl {
        label,
        ca: new.authority,
        list: new.list,
    };
    let loaded = changed(&call, Request::ClientCrl(request)).await;
    loaded.map_err(|problem| renamed(problem, &OF_AUTHORITIES))
}

pub(super) async fn changed(call: &Call, request: Request) -> Result<Json<Client>, Problem> {
    match call.run(request).await? {
        Response::Client(client) => Ok(Json(client)),
        _ => Err(Problem::unexpected()),
    }
}
