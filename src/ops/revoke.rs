//! Revoke (KMIP 1.4 §4.20): to Deactivated, or to Compromised for a compromise reason.

use crate::audit::Field;
use crate::domain::{Object, RevocationReason, lifecycle};
use crate::kmip::payload::revoke::{Request, Response};
use crate::ops::context::Context;
use crate::ops::error::{Cause, OpError};
use crate::ops::report::Report;

pub(crate) async fn run(
    ctx: &mut Context<'_>,
    request: &Request,
    report: &mut Report,
) -> Result<Response, OpError> {
    let uid = request.unique_identifier.as_deref();
    report.about(ctx, uid);
    report.asked(|data| data.text(Field::RevocationReason, request.reason.code.name()));
    let mut object = Object::clone(&*ctx.object(uid).await?);
    let now = ctx.now();
    let message = request.reason.message.as_deref().unwrap_or_default();
    let is_too_long = message.len() > ctx.bounds().bytes_max;
    // Not every database takes it.
    if is_too_long || message.contains('\0') {
        report.note_state(&object, now);
        let detail = if is_too_long {
            "the revocation message is too long"
        } else {
            "the revocation message holds a NUL"
        };
        return Err(OpError::new(Cause::InvalidField, detail));
    }
    let reason = RevocationReason {
        code: request.reason.code,
        message: request.reason.message.clone(),
    };
    let decided = lifecycle::revoke(&mut object, reason, request.compromise_occurrence_date, now);
    report.note_state(&object, now);
    decided?;
    let unique_identifier = object.id.to_string();
    ctx.update(object);
    Ok(Response { unique_identifier })
}
