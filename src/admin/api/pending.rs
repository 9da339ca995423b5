//! Certificates that proved possession of their key, belong to no client, and wait for approval.

use std::sync::Arc;

use axum::Json;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::clients::changed;
use super::gate::Call;
use super::input::{Body, Segments};
use super::problem::{Problem, renamed};
use crate::admin::message::{Client, ClientApprove, PendingCertificate};
use crate::admin::{Request, Response};

/// Every certificate that waits.
#[derive(Serialize, ToSchema)]
struct PendingCertificates {
    /// The newest first.
    certificates: Vec<PendingCertificate>,
}

/// Whose certificate it is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Approval {
    /// The client's label.
    label: String,
    /// The instance's name; none: the only one, or `default`. Not used for a client that exists.
    #[serde(default)]
    instance: Option<String>,
    /// Whether the client exists and gets one more certificate.
    #[serde(default)]
    renew: bool,
}

/// What our field is called where the path names what waits.
const OF_WAITING: [(&str, &str); 1] = [("certificate", "fingerprint")];

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(list_pending))
        .routes(routes!(dismiss_pending))
        .routes(routes!(approve_pending))
}

/// Lists the certificates that wait for approval.
#[utoipa::path(get, path = "/api/v1/pending-certificates", tag = "clients",
    responses((status = 200, description = "Those that wait.", body = PendingCertificates)))]
async fn list_pending(call: Call) -> Result<Json<PendingCertificates>, Problem> {
    waiting(&call, Request::ClientPending).await
}

/// Enrols a certificate that waits.
#[utoipa::path(post, path = "/api/v1/pending-certificates/{fingerprint}/approve", tag = "clients",
    params(("fingerprint" = String, Path, description = "Its fingerprint; capitals and colons are allowed.")),
    request_body = Approval, responses((status = 201, description = "It is enrolled.", body = Client)))]
async fn approve_pending(
    call: Call,
    Segments(fingerprint): Segments<String>,
    Body(approval): Body<Approval>,
) -> Result<(StatusCode, Json<Client>), Problem> {
    let request = Request::ClientApprove(ClientApprove {
        fingerprint,
        label: approval.label,
        instance: approval.instance,
        renew: approval.renew,
    });
    let approved = changed(&call, request).await;
    let approved = approved.map_err(|problem| renamed(problem, &OF_WAITING))?;
    Ok((StatusCode::CREATED, approved))
}

/// Takes a certificate off the list.
#[utoipa::path(delete, path = "/api/v1/pending-certificates/{fingerprint}", tag = "clients",
    params(("fingerprint" = String, Path, description = "Its fingerprint; capitals and colons are allowed.")),
    responses((status = 200, description = "It as it was.", body = PendingCertificates)))]
async fn dismiss_pending(
    call: Call,
    Segments(fingerprint): Segments<String>,
) -> Result<Json<PendingCertificates>, Problem> {
    let dismissed = waiting(&call, Request::ClientDismiss { fingerprint }).await;
    dismissed.map_err(|problem| renamed(problem, &OF_WAITING))
}

async fn waiting(call: &Call, request: Request) -> Result<Json<PendingCertificates>, Problem> {
    match call.run(request).await? {
        Response::Pending(certificates) => Ok(Json(PendingCertificates { certificates })),
        _ => Err(Problem::unexpected()),
    }
}
