//! Delete Attribute (KMIP 1.4 §4.16): one instance less; the others keep their indexes.

use crate::domain::attributes::{AttributeRefused, delete};
use crate::kmip::payload::delete_attribute::{Request, Response};
use crate::ops::attribute_change::{Asked, change};
use crate::ops::context::Context;
use crate::ops::error::{Cause, OpError};
use crate::ops::report::Report;

pub(crate) async fn run(
    ctx: &mut Context<'_>,
    request: &Request,
    report: &mut Report,
) -> Result<Response, OpError> {
    let asked = Asked {
        uid: request.unique_identifier.as_deref(),
        name: &request.name,
        index: request.index,
        value: None,
    };
    let (version, now) = (ctx.version, ctx.now());
    change(ctx, asked, report, |object| {
        delete(object, &request.name, request.index, version, now).map_err(refusal)
    })
    .await
}

/// What is not there is Item Not Found here, and Invalid Field where it was to be modified.
fn refusal(refused: AttributeRefused) -> OpError {
    match refused {
        AttributeRefused::NotSet(_) => OpError::new(Cause::NoInstance, refused.to_string()),
        other => other.into(),
    }
}
