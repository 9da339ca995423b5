//! Get Attributes (KMIP 1.4 §4.12). What is not set is left out; if nothing is left the answer is the Unique Identifier alone. A name
//! given again, as 1.0 allows, adds nothing.

use std::collections::HashSet;

use crate::audit::Field;
use crate::domain::attributes::{all, named, names};
use crate::kmip::attribute::{AttributeName, StandardAttribute};
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
    let fresh = AttributeName::from(StandardAttribute::Fresh);
    let object = if request.names.is_empty() || request.names.contains(&fresh) {
        ctx.object_as_given(uid).await?
    } else {
        ctx.object(uid).await?
    };
    let (version, now) = (ctx.version, ctx.now());
    report.note_state(&object, now);
    let attributes = if request.names.is_empty() {
        all(&object, version, now)
    } else {
        // Clients choose how many names there are: each costs a look here, and is answered once.
        let held = names(&object, version, now);
        let mut held: HashSet<AttributeName> = held.into_iter().collect();
        let asked = request.names.iter();
        asked
            .filter(|name| held.remove(*name))
            .flat_map(|name| named(&object, name, version, now))
            .collect()
    };
    Ok(Response {
        unique_identifier: object.id.to_string(),
        attributes: attributes
            .into_iter()
            .map(|attribute| attribute.told(object.object_type))
            .collect(),
    })
}
