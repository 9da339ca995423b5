//! Modify Attribute (KMIP 1.4 §4.15): a new value for one instance, which must be there.

use crate::domain::attributes::modify;
use crate::kmip::payload::modify_attribute::{Request, Response};
use crate::ops::attribute_change::{Asked, change, refusal};
use crate::ops::context::Context;
use crate::ops::error::OpError;
use crate::ops::report::Report;

pub(crate) async fn run(
    ctx: &mut Context<'_>,
    request: &Request,
    report: &mut Report,
) -> Result<Response, OpError> {
    let asked = Asked::of(request.unique_identifier.as_deref(), &request.attribute);
    let (bounds, now) = (ctx.bounds(), ctx.now());
    change(ctx, asked, report, |object| {
        modify(object, &request.attribute, bounds, now).map_err(refusal)
    })
    .await
}
