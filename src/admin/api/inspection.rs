//! What a certificate says and what would be wrong with it here, before anybody enrols it.

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
use crate::admin::message::{ClientInspect, Standing};
use crate::admin::{Request, Response};
use crate::crypto::Certificate;
use crate::crypto::certificate::inspection::inspect;
use crate::domain::clock::rfc3339;

/// A certificate to look at.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Inspected {
    /// One certificate in PEM form, without its chain.
    certificate: String,
}

/// What is found.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Findings {
    /// SHA-256 over its DER: events name it as `CertificateID-<fingerprint>`.
    fingerprint: String,
    /// Its whole subject.
    subject: String,
    /// Its whole issuer.
    issuer: String,
    /// Its serial number, in hexadecimal.
    serial: String,
    /// Start of its validity, RFC 3339.
    not_before: String,
    /// End of its validity, RFC 3339.
    not_after: String,
    /// Kind and size of its key.
    key: String,
    /// Whether it is a CA's.
    is_ca: bool,
    /// What it is for, if it says so.
    usages: Vec<String>,
    /// DNS names and IP addresses.
    names: Vec<String>,
    /// How it stands with this server.
    standing: Standing,
    /// Why it would not do to enrol it; empty: it would do.
    wrong: Vec<String>,
    /// What is worth knowing and refuses nothing.
    remarks: Vec<String>,
}

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(inspect_certificate))
}

/// Says what is in a certificate, and what would be wrong with it here. Nothing is changed.
#[utoipa::path(post, path = "/api/v1/certificates/inspect", tag = "clients", request_body = Inspected,
    responses((status = 200, description = "What is found.", body = Findings)))]
async fn inspect_certificate(
    call: Call,
    Body(inspected): Body<Inspected>,
) -> Result<Json<Findings>, Problem> {
    let request = Request::ClientInspect(ClientInspect {
        certificate: inspected.certificate.clone(),
    });
    let Response::Standing(standing) = call.run(request).await? else {
        return Err(Problem::unexpected());
    };
    let unreadable = |error| Problem::invalid(format!("certificate: {error}"));
    let certificate = Certificate::from_pem(&inspected.certificate).map_err(unreadable)?;
    let seen = inspect(&certificate, call.api.admin.now()).map_err(unreadable)?;
    let subject = seen.whole_subject;
    Ok(Json(Findings {
        fingerprint: certificate.fingerprint().to_string(),
        subject: subject.unwrap_or_else(|| certificate.subject().to_owned()),
        issuer: seen.issuer,
        serial: certificate.serial().to_owned(),
        not_before: rfc3339(certificate.not_before()),
        not_after: rfc3339(certificate.not_after()),
        key: seen.key,
        is_ca: seen.is_ca,
        usages: seen.usages,
        names: seen.names,
        wrong: [seen.wrong, standing.wrong()].concat(),
        remarks: [seen.remarks, standing.remarks()].concat(),
        standing: *standing,
    }))
}
