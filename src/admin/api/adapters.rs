//! Instances, certificates and keys in the form of Key Protect's KMIP adapters, for scripts that were written for that service.
//!
//! An adapter is an instance, a certificate one of its clients', an object a key. What changes something is the same request of the
//! router's as elsewhere; only its form is another: lists come with their metadata, what is added comes in such a list, an adapter is named
//! by its name or its identifier, and a wrong request is told by `resources` as well as by `errors`.

#![allow(
    unused_qualifications,
    reason = "the macro that describes parameters qualifies their type"
)]

use std::sync::Arc;

use axum::Json;
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::gate::Call;
use super::input::{Asked, Body, Segments};
use super::key_protect::{Account, Collection, Listing, Paging, drawn_name, name_checked, one};
use super::problem::{Problem, renamed};
use crate::admin::adapters::{Held, PROFILE, find, held};
use crate::admin::message::adapter::{
    Adapter, AdapterCertificate, AdapterRequest, AdapterResponse, NewAdapter, ProfileData,
};
use crate::admin::message::{ClientAdd, ClientRemove, InstanceRemove};
use crate::admin::{AdminError, Request, Response};
use crate::domain::{Clients, InstanceId};

/// Where they are.
pub(super) const PATH: &str = "/api/v2/kmip_adapters";
/// The most bytes of a description.
const DESCRIPTION_BYTES_MAX: usize = 240;
/// The most bytes of a root key's identifier.
const CRK_ID_BYTES_MAX: usize = 128;
/// The most adapters or certificates that one page holds.
const PER_PAGE_MAX: usize = 200;

/// What our fields are called where a certificate is named by the path.
const OF_CERTIFICATES: [(&str, &str); 3] = [
    ("instance", "adapter_id"),
    ("label", "id"),
    ("certificate", "id"),
];

/// An adapter to make.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AdapterBody {
    /// Its name: 1 to 64 letters, digits, `_` or `-`, the first a letter or digit, and no UUID; one is made up if it is not given.
    #[serde(default)]
    name: Option<String>,
    /// A description of at most 240 bytes.
    #[serde(default)]
    description: Option<String>,
    /// `native_1.0`.
    profile: String,
    /// What goes with the profile.
    profile_data: ProfileData,
}

/// A certificate to add.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CertificateBody {
    /// One certificate in PEM form, without its chain.
    certificate: String,
    /// Its name, which becomes the label of its client: as an adapter's, and no client of the whole server may have it.
    #[serde(default)]
    name: Option<String>,
}

/// Which adapters.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Which {
    /// At most so many; 100 if it is not said.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<usize>,
    /// Without the first so many of them.
    offset: Option<usize>,
    /// Whether `totalCount` says how many there are.
    #[serde(rename = "totalCount")]
    total_count: Option<bool>,
    /// Only adapters that were made with this root key.
    crk_id: Option<String>,
}

/// A page of certificates.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Page {
    /// At most so many; 100 if it is not said.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<usize>,
    /// Without the first so many of them.
    offset: Option<usize>,
    /// Whether `totalCount` says how many there are.
    #[serde(rename = "totalCount")]
    total_count: Option<bool>,
}

/// How an adapter is made.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Making {
    /// Accepted, as scripts say it; no root key is used here.
    #[serde(rename = "allowExpiringKey")]
    _allow_expiring_key: Option<bool>,
}

/// How an adapter is removed.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Removing {
    /// Whether it may hold keys that are not destroyed: they are lost for good.
    force: Option<bool>,
}

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(list_kmip_adapters, create_kmip_adapter))
        .routes(routes!(get_kmip_adapter, delete_kmip_adapter))
        .routes(routes!(list_kmip_certificates, add_kmip_certificate))
        .routes(routes!(get_kmip_certificate, delete_kmip_certificate))
}

/// Lists instances as KMIP adapters, in the order in which they were made.
#[utoipa::path(get, path = "/api/v2/kmip_adapters", tag = "kmip adapters", params(Account, Which),
    responses((status = 200, description = "A page of them.", body = Listing<Adapter>)))]
async fn list_kmip_adapters(
    call: Call,
    account: Account,
    Asked(which): Asked<Which>,
) -> Result<Json<Listing<Adapter>>, Problem> {
    let paging = Paging::read(which.limit, which.offset, which.total_count, PER_PAGE_MAX)?;
    let mut adapters = all(&call, &account).await?;
    if let Some(crk_id) = which.crk_id {
        adapters.retain(|adapter| adapter.profile_data.crk_id == crk_id);
    }
    Ok(Json(paging.page(Adapter::COLLECTION, adapters)))
}

async fn all(call: &Call, account: &Account) -> Result<Vec<Adapter>, Problem> {
    let answer = call.run(Request::Adapter(AdapterRequest::List)).await?;
    let Response::Adapter(AdapterResponse::Adapters(mut adapters)) = answer else {
        return Err(Problem::unexpected());
    };
    adapters.retain(|adapter| account.has(call, &adapter.name));
    Ok(adapters)
}

/// Makes an instance, with a data key of its own.
#[utoipa::path(post, path = "/api/v2/kmip_adapters", tag = "kmip adapters", params(Account, Making), request_body = Collection<AdapterBody>,
    responses((status = 201, description = "It was made.", body = Listing<Adapter>)))]
async fn create_kmip_adapter(
    call: Call,
    account: Account,
    Asked(_): Asked<Making>,
    Body(body): Body<Collection<AdapterBody>>,
) -> Result<(StatusCode, Json<Listing<Adapter>>), Problem> {
    let new = body.only(Adapter::COLLECTION)?;
    account.is_of_new_instances(&call)?;
    let adapter = profile(&new)?;
    let name = match new.name {
        Some(name) => name_checked(name)?,
        None => drawn_name("kmip_adapter_")?,
    };
    let request = Request::InstanceAdd {
        name: name.clone(),
        adapter: Some(adapter),
    };
    let made = call.run(request).await;
    made.map_err(|problem| renamed(problem, &[("instance", "resources[0].name")]))?;
    let made = shown(&call, &account, &name).await?;
    Ok((StatusCode::CREATED, Json(made)))
}

/// What an adapter is made with.
fn profile(new: &AdapterBody) -> Result<NewAdapter, Problem> {
    let invalid = |field: &str, problem: String| {
        Err(Problem::invalid(format!("resources[0].{field}: {problem}")))
    };
    let is_plain = |text: &str| !text.chars().any(char::is_control);
    if new.profile != PROFILE {
        return invalid("profile", format!("write {PROFILE}"));
    }
    let crk_id = &new.profile_data.crk_id;
    if crk_id.len() > CRK_ID_BYTES_MAX || !is_plain(crk_id) {
        let problem = format!("write at most {CRK_ID_BYTES_MAX} bytes without control characters");
        return invalid("profile_data.crk_id", problem);
    }
    let description = new.description.as_deref().unwrap_or_default();
    if description.len() > DESCRIPTION_BYTES_MAX || !is_plain(description) {
        let problem =
            format!("write at most {DESCRIPTION_BYTES_MAX} bytes without control characters");
        return invalid("description", problem);
    }
    Ok(NewAdapter {
        description: description.to_owned(),
        crk_id: crk_id.clone(),
    })
}

/// Shows an instance as a KMIP adapter.
#[utoipa::path(get, path = "/api/v2/kmip_adapters/{id}", tag = "kmip adapters", params(("id" = String, Path, description = "Its name or identifier."), Account),
    responses((status = 200, description = "It.", body = Listing<Adapter>)))]
async fn get_kmip_adapter(
    call: Call,
    account: Account,
    Segments(id): Segments<String>,
) -> Result<Json<Listing<Adapter>>, Problem> {
    shown(&call, &account, &id).await.map(Json)
}

async fn shown(call: &Call, account: &Account, id: &str) -> Result<Listing<Adapter>, Problem> {
    let name = account.instance(call, id);
    let adapters = all(call, account).await?;
    let found = adapters.into_iter().find(|adapter| adapter.name == name);
    found
        .map(|adapter| one(Adapter::COLLECTION, adapter))
        .ok_or_else(|| {
            let message = format!("id: there is no KMIP adapter `{}`", id.escape_debug());
            Problem::new(StatusCode::NOT_FOUND, "not_found", message)
        })
}

/// Removes an instance with its certificates. One that holds keys which are not destroyed is removed by force only.
#[utoipa::path(delete, path = "/api/v2/kmip_adapters/{id}", tag = "kmip adapters",
    params(("id" = String, Path, description = "Its name or identifier."), Account, Removing),
    responses((status = 204, description = "It was removed.")))]
async fn delete_kmip_adapter(
    call: Call,
    account: Account,
    Segments(id): Segments<String>,
    Asked(removing): Asked<Removing>,
) -> Result<StatusCode, Problem> {
    let removal = InstanceRemove {
        instance: account.instance(&call, &id),
        force: removing.force.unwrap_or(false),
        with_clients: true,
    };
    let removed = call.run(Request::InstanceRemove(removal)).await;
    removed.map_err(|problem| renamed(problem, &[("instance", "id")]))?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lists the certificates of an adapter, in the order in which they were added.
#[utoipa::path(get, path = "/api/v2/kmip_adapters/{adapter_id}/certificates", tag = "kmip adapters",
    params(("adapter_id" = String, Path, description = "The adapter's name or identifier."), Account, Page),
    responses((status = 200, description = "A page of them, without their text.", body = Listing<AdapterCertificate>)))]
async fn list_kmip_certificates(
    call: Call,
    account: Account,
    Segments(adapter): Segments<String>,
    Asked(page): Asked<Page>,
) -> Result<Json<Listing<AdapterCertificate>>, Problem> {
    let paging = Paging::read(page.limit, page.offset, page.total_count, PER_PAGE_MAX)?;
    let instance = account.instance(&call, &adapter);
    let certificates = certificates(&call, AdapterRequest::Certificates { instance }).await?;
    Ok(Json(
        paging.page(AdapterCertificate::COLLECTION, certificates),
    ))
}

async fn certificates(
    call: &Call,
    request: AdapterRequest,
) -> Result<Vec<AdapterCertificate>, Problem> {
    let answer = call.run(Request::Adapter(request)).await;
    match answer.map_err(|problem| renamed(problem, &OF_CERTIFICATES))? {
        Response::Adapter(AdapterResponse::Certificates(certificates)) => Ok(certificates),
        _ => Err(Problem::unexpected()),
    }
}

/// Adds a client with its certificate; it may connect at once.
#[utoipa::path(post, path = "/api/v2/kmip_adapters/{adapter_id}/certificates", tag = "kmip adapters",
    params(("adapter_id" = String, Path, description = "The adapter's name or identifier."), Account), request_body = Collection<CertificateBody>,
    responses((status = 201, description = "It was added.", body = Listing<AdapterCertificate>)))]
async fn add_kmip_certificate(
    call: Call,
    account: Account,
    Segments(adapter): Segments<String>,
    Body(body): Body<Collection<CertificateBody>>,
) -> Result<(StatusCode, Json<Listing<AdapterCertificate>>), Problem> {
    let new = body.only(AdapterCertificate::COLLECTION)?;
    let label = match new.name {
        Some(name) => name_checked(name)?,
        None => drawn_name("kmip_cert_")?,
    };
    let instance = account.instance(&call, &adapter);
    let request = Request::ClientAdd(ClientAdd {
        label: label.clone(),
        instance: Some(instance.clone()),
        certificate: new.certificate,
        ..ClientAdd::default()
    });
    let added = call.run(request).await;
    let fields = [
        ("instance", "adapter_id"),
        ("label", "resources[0].name"),
        ("certificate", "resources[0].certificate"),
    ];
    added.map_err(|problem| renamed(problem, &fields))?;
    let added = certificate(&call, instance, label).await?;
    Ok((StatusCode::CREATED, Json(added)))
}

/// Shows a certificate of an adapter, with its text.
#[utoipa::path(get, path = "/api/v2/kmip_adapters/{adapter_id}/certificates/{id}", tag = "kmip adapters",
    params(("adapter_id" = String, Path, description = "The adapter's name or identifier."), ("id" = String, Path, description = "The certificate's name or identifier."), Account),
    responses((status = 200, description = "It.", body = Listing<AdapterCertificate>)))]
async fn get_kmip_certificate(
    call: Call,
    account: Account,
    Segments((adapter, id)): Segments<(String, String)>,
) -> Result<Json<Listing<AdapterCertificate>>, Problem> {
    let instance = account.instance(&call, &adapter);
    certificate(&call, instance, id).await.map(Json)
}

async fn certificate(
    call: &Call,
    instance: String,
    id: String,
) -> Result<Listing<AdapterCertificate>, Problem> {
    let found = certificates(call, AdapterRequest::Certificate { instance, id }).await?;
    let found = found.into_iter().next().ok_or_else(Problem::unexpected)?;
    Ok(one(AdapterCertificate::COLLECTION, found))
}

/// Removes a certificate, and its client with its last one; connections that came with it are cut.
#[utoipa::path(delete, path = "/api/v2/kmip_adapters/{adapter_id}/certificates/{id}", tag = "kmip adapters",
    params(("adapter_id" = String, Path, description = "The adapter's name or identifier."), ("id" = String, Path, description = "The certificate's name or identifier."), Account),
    responses((status = 204, description = "It was removed.")))]
async fn delete_kmip_certificate(
    call: Call,
    account: Account,
    Segments((adapter, id)): Segments<(String, String)>,
) -> Result<StatusCode, Problem> {
    let snapshot = call.api.admin.store().clients();
    let instance = account.held(&call, &adapter);
    let of_it = instance.map(|instance| instance.id);
    let found = of_it.and_then(|instance| find(&snapshot, instance, &id));
    let refused = match (&found, of_it) {
        // Asked for again, the next one would bear the name.
        (Some(cert), Some(instance)) if cert.name == id && is_one_of(&snapshot, instance, cert) => {
            Some(AdminError::conflict(format!(
                "id: {id} has more than one certificate; name one by its identifier"
            )))
        }
        (None, Some(_)) => Some(AdminError::not_found(format!(
            "id: there is no certificate {id}"
        ))),
        _ => None,
    };
    let (label, fingerprint) = match found {
        Some(held) => (held.label, held.fingerprint.to_string()),
        // Who may not ask for it is told so first.
        None => (id, String::new()),
    };
    let removal = Request::ClientRemove(ClientRemove {
        label,
        certificate: Some(fingerprint),
        instance: Some(account.instance(&call, &adapter)),
        with_last: true,
        ca: None,
    });
    let removed = match refused {
        Some(refused) => call.check(removal).await.and(Err(refused.into())),
        None => call.run(removal).await.map(drop),
    };
    removed.map_err(|problem| renamed(problem, &OF_CERTIFICATES))?;
    Ok(StatusCode::NO_CONTENT)
}

/// Whether the client of a certificate has others too.
fn is_one_of(snapshot: &Clients, instance: InstanceId, certificate: &Held) -> bool {
    let all = held(snapshot, instance);
    all.iter()
        .filter(|other| other.label == certificate.label)
        .count()
        > 1
}
