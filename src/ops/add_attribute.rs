//! Add Attribute (KMIP 1.4 §4.14): one more instance, under an index chosen here.

use crate::domain::attributes::attach;
use crate::kmip::payload::add_attribute::{Request, Response};
use crate::ops::attribute_change::{Asked, change, refusal};
use crate::ops::context::Context;
use crate::ops::error::{Cause, OpError};
use crate::ops::report::Report;

pub(crate) async fn run(
    ctx: &mut Context<'_>,
    request: &Request,
    report: &mut Report,
) -> Result<Response, OpError> {
    let attribute = &request.attribute;
    let asked = Asked::of(request.unique_identifier.as_deref(), attribute);
    let (bounds, now) = (ctx.bounds(), ctx.now());
    change(ctx, asked, report, |object| {
        if attribute.index.is_some() {
            let detail = "an attribute index is not given here";
            return Err(OpError::new(Cause::InvalidField, detail));
        }
        attach(object, attribute, bounds, now).map_err(refusal)
    })
    .await
}
