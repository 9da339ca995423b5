//! What is the server's own: its certificates, taken up from its files, and its master key, shown and replaced. No secret passes here, and no private
//! key leaves.

use std::sync::Arc;

use axum::Json;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::gate::Call;
use super::input::Body;
use super::problem::Problem;
use crate::admin::message::{
    CertificateCrl, CertificateReload, Certificates, MasterKey, MasterKeyRequest, OwnRevocations,
    Rotation,
};
use crate::admin::{AdminError, Request, Response, certificates, withdrawn};

/// How certificates are taken up.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Reload {
    /// Whether certificates that a CA issued are removed from their clients where that CA is there no more.
    #[serde(default)]
    force: bool,
}

/// Which list is made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewList {
    /// Days until the next one is due, 1 to 3650.
    #[schema(minimum = 1, maximum = 3650)]
    days: u32,
}

/// A revocation list.
#[derive(Serialize, ToSchema)]
struct SignedList {
    /// It, in PEM form.
    list: String,
    /// What stands in it.
    #[serde(flatten)]
    about: OwnRevocations,
}

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(list_certificates))
        .routes(routes!(reload_certificates))
        .routes(routes!(sign_revocation_list))
        .routes(routes!(show_master_key))
        .routes(routes!(rotate_master_key))
}

/// Lists the server's certificate and those of its CA, how long they last, and which clients depend on which CA.
#[utoipa::path(get, path = "/api/v1/certificates", tag = "server", responses((status = 200, description = "They.", body = Certificates)))]
async fn list_certificates(call: Call) -> Result<Json<Certificates>, Problem> {
    shown(&call, Request::CertificateList).await
}

/// Takes up the server's certificate and its CA's as they lie in the files of its machine, without a restart.
#[utoipa::path(post, path = "/api/v1/certificates/reload", tag = "server", request_body = Reload,
    responses((status = 200, description = "They are in use.", body = Certificates)))]
async fn reload_certificates(
    call: Call,
    Body(reload): Body<Reload>,
) -> Result<Json<Certificates>, Problem> {
    let reload = CertificateReload {
        force: reload.force,
    };
    shown(&call, Request::CertificateReload(reload)).await
}

async fn shown(call: &Call, request: Request) -> Result<Json<Certificates>, Problem> {
    match call.run(request).await? {
        Response::Certificates(certificates) => Ok(Json(certificates)),
        _ => Err(Problem::unexpected()),
    }
}

/// Signs what this server's own CA has revoked, for others who rely on what it issued.
#[utoipa::path(post, path = "/api/v1/certificates/revocation-list", tag = "server", request_body = NewList,
    responses((status = 200, description = "The list.", body = SignedList)))]
async fn sign_revocation_list(
    call: Call,
    Body(new): Body<NewList>,
) -> Result<Json<SignedList>, Problem> {
    // A task of its own: what is recorded as published is signed, also for a caller who went away.
    let signed = tokio::spawn(signed(call, new.days)).await;
    signed.map_err(|_| Problem::unexpected())?.map(Json)
}

async fn signed(call: Call, days: u32) -> Result<SignedList, Problem> {
    let request = |authority| Request::CertificateCrl(CertificateCrl { authority, days });
    // The CA's key is read for nobody who may not have it used, and by one at a time: it is held while the request waits for its turn.
    call.check(request(String::new())).await?;
    withdrawn::check_days(days)?;
    let _turn = call.api.signing.acquire().await;
    let authority = certificates::authority(&call.api.admin).await?;
    let fingerprint = authority.certificate().fingerprint().to_string();
    let Response::OwnRevocations(about) = call.run(request(fingerprint)).await? else {
        return Err(Problem::unexpected());
    };
    let (dates, withdrawn) = about.to_sign().ok_or_else(Problem::unexpected)?;
    let list = authority.revocation_list(&withdrawn, dates);
    let list = list.map_err(|error| AdminError::unavailable(error.to_string()))?;
    Ok(SignedList { list, about })
}

/// Shows what is said of the master key.
#[utoipa::path(get, path = "/api/v1/master-key", tag = "server", responses((status = 200, description = "It, without the key.", body = MasterKey)))]
async fn show_master_key(call: Call) -> Result<Json<MasterKey>, Problem> {
    master_key(&call, MasterKeyRequest::Show).await
}

/// Has another master key of the same provider take over. Where the provider asks for a passphrase or a PIN that is not in a file of the
/// server's, this is done on its machine.
#[utoipa::path(post, path = "/api/v1/master-key/rotate", tag = "server", responses((status = 200, description = "It was replaced.", body = MasterKey)))]
async fn rotate_master_key(call: Call) -> Result<Json<MasterKey>, Problem> {
    let rotation = Rotation {
        provider: None,
        secret: None,
    };
    master_key(&call, MasterKeyRequest::Rotate(rotation)).await
}

async fn master_key(call: &Call, request: MasterKeyRequest) -> Result<Json<MasterKey>, Problem> {
    match call.run(Request::MasterKey(request)).await? {
        Response::MasterKey(master_key) => Ok(Json(*master_key)),
        _ => Err(Problem::unexpected()),
    }
}
