//! Get Attributes (KMIP 1.4 §4.12). What is not set is left out; if nothing is left the answer is the Unique Identifier alone.

use crate::audit::Field;
use crate::domain::attributes::{all, named};
use crate::kmip::attribute::AttributeName;
use crate::kmip::payload::get_attributes::{Request, Response};
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
    if !request.names.is_empty() {
        let names = request.names.iter().map(AttributeName::text);
        report.asked(|data| data.list(Field::AttributeNames, names));
    }
    let object = ctx.object(uid).await?;
    let (version, now) = (ctx.version, ctx.now());
    report.note_state(&object, now);
    let attributes = if request.names.is_empty() {
        all(&object, version, now)
    } else {
        request
            .names
            .iter()
            .flat_map(|name| named(&object, name, version, now))
            .collect()
    };
    Ok(Response {
        unique_identifier: object.id.to_string(),
        attributes,
    })
}
