//! Get Attribute List (KMIP 1.4 §4.13): the names of what Get Attributes would answer.

use crate::domain::attributes::names;
use crate::kmip::payload::get_attribute_list::{Request, Response};
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
    let object = ctx.object(uid).await?;
    report.note_state(&object, ctx.now());
    let names = names(&object, ctx.version, ctx.now());
    Ok(Response {
        unique_identifier: object.id.to_string(),
        names,
    })
}
