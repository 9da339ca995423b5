//! What is the server's own: its certificates, taken up from its files, and its master key, shown and replaced. No secret and no private key
//! passes here.

use std::sync::Arc;

use axum::Json;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::gate::Call;
use super::input::Body;
use super::problem::Problem;
use crate::admin::message::{
    CertificateReload, Certificates, MasterKey, MasterKeyRequest, Rotation,
};
use crate::admin::{Request, Response};

/// How certificates are taken up.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Reload {
    /// Whether certificates that a CA issued are removed from their clients where that CA is there no more.
    #[serde(default)]
    force: bool,
}

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(list_certificates))
        .routes(routes!(reload_certificates))
        .routes(routes!(show_master_key))
        .routes(routes!(rotate_master_key))
}

/// Lists the server's certificate and those of its CA, how long they last, and which clients depend on which CA.
#[utoipa::path(get, path = "/api/v1/certificates", tag = "server", responses((status = 200, description = "They.", body = Certificates)))]
async fn list_certificates(call: Call) -> Result<Json<Certificates>, Problem> {
    certificates(&call, Request::CertificateList).await
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
    certificates(&call, Request::CertificateReload(reload)).await
}

async fn certificates(call: &Call, request: Request) -> Result<Json<Certificates>, Problem> {
    match call.run(request).await? {
        Response::Certificates(certificates) => Ok(Json(certificates)),
        _ => Err(Problem::unexpected()),
    }
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
