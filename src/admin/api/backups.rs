//! Backups as the body of an answer, sealed to a key whose private half is elsewhere. That key is set on the server's machine only: who could
//! set it from elsewhere would read every backup.

use std::sync::Arc;

use axum::Json;
use axum::body::{Body as AnswerBody, Bytes};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response as Answer};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http_body_util::channel::{Channel, Sender};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::gate::Call;
use super::input::Body;
use super::problem::Problem;
use crate::admin::message::{BackupBegin, BackupKey, BackupPart, BackupRequest, BackupResponse};
use crate::admin::{Request, Response};

/// What is backed up.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewBackup {
    /// Whether it is sealed to the recovery key, which its shares open, in place of the backup key.
    #[serde(default)]
    to_recovery: bool,
}

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(make_backup))
        .routes(routes!(show_backup_key))
}

/// Shows the key that backups are sealed to.
#[utoipa::path(get, path = "/api/v1/backup-key", tag = "backups", responses((status = 200, description = "Its public half.", body = BackupKey)))]
async fn show_backup_key(call: Call) -> Result<Json<BackupKey>, Problem> {
    match asked(&call, BackupRequest::Key).await? {
        BackupResponse::Key(Some(key)) => Ok(Json(key)),
        BackupResponse::Key(None) => {
            let message = "there is no key that backups are sealed to: make one with `keyledger backup-key new FILE`";
            Err(Problem::new(StatusCode::NOT_FOUND, "not_found", message))
        }
        _ => Err(Problem::unexpected()),
    }
}

/// Makes a backup of the running server. An answer that ends early is cut off, and does not open.
#[utoipa::path(post, path = "/api/v1/backups", tag = "backups", request_body = NewBackup,
    responses((status = 200, description = "The file that `keyledger restore` takes.", body = String, content_type = "application/octet-stream")))]
async fn make_backup(call: Call, Body(new): Body<NewBackup>) -> Result<Answer, Problem> {
    let wanted = BackupBegin {
        to_recovery: new.to_recovery,
        with_master_key: false,
    };
    let BackupResponse::Begun { id } = asked(&call, BackupRequest::Begin(wanted)).await? else {
        return Err(Problem::unexpected());
    };
    // What keeps it from being made is told before anything is sent.
    let first = part(&call, &id).await?;
    let (sender, body) = Channel::<Bytes, std::io::Error>::new(1);
    tokio::spawn(async move { send(&call, &id, first, sender).await });
    let kind = [(header::CONTENT_TYPE, "application/octet-stream")];
    Ok((kind, AnswerBody::new(body)).into_response())
}

/// Sends a backup to its end; one that cannot be sent is given up.
async fn send(
    call: &Call,
    id: &str,
    first: (Bytes, bool),
    mut sender: Sender<Bytes, std::io::Error>,
) {
    let (mut data, mut is_last) = first;
    loop {
        if sender.send_data(data).await.is_err() {
            // It may have ended meanwhile.
            drop(asked(call, BackupRequest::End { id: id.to_owned() }).await);
            return;
        }
        if is_last {
            return;
        }
        match part(call, id).await {
            Ok((next, ends)) => (data, is_last) = (next, ends),
            Err(_) => {
                sender.abort(std::io::Error::other("the backup was cut off"));
                return;
            }
        }
    }
}

/// The next bytes of a backup, waited for, and whether they are the last.
async fn part(call: &Call, id: &str) -> Result<(Bytes, bool), Problem> {
    loop {
        let next = BackupRequest::Next { id: id.to_owned() };
        let BackupResponse::Part(BackupPart { data, whole }) = asked(call, next).await? else {
            return Err(Problem::unexpected());
        };
        if !data.is_empty() || whole.is_some() {
            let data = BASE64.decode(data).map_err(|_| Problem::unexpected())?;
            return Ok((Bytes::from(data), whole.is_some()));
        }
    }
}

async fn asked(call: &Call, request: BackupRequest) -> Result<BackupResponse, Problem> {
    match call.run(Request::Backup(request)).await? {
        Response::Backup(answer) => Ok(answer),
        _ => Err(Problem::unexpected()),
    }
}
