//! Activate (KMIP 1.4 §4.19): Pre-Active to Active.

use crate::domain::{Object, lifecycle};
use crate::kmip::payload::activate::{Request, Response};
use crate::ops::context::Context;
use crate::ops::error::OpError;
use crate::ops::report::Report;

pub(crate) async fn run(
    ctx: &mut Context<'_>,
    request: &Request,
    report: &mut Report,
) -> Result<Response, OpError> {
    let uid = request.unique_identifier.as_deref();
    report.about(ctx, uid);
    let mut object = Object::clone(&*ctx.object(uid).await?);
    let now = ctx.now();
    let decided = lifecycle::activate(&mut object, now);
    report.note_state(&object, now);
    decided?;
    let unique_identifier = object.id.to_string();
    ctx.update(object);
    Ok(Response { unique_identifier })
}
