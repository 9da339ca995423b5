//! Add Attribute (KMIP 1.4 §4.14): one more instance, under an index chosen here.

use crate::audit::{Data, Field};
use crate::domain::Object;
use crate::domain::attributes::{AttributeRefused, attach, name_parts};
use crate::kmip::attribute::{AttributeName, StandardAttribute};
use crate::kmip::payload::add_attribute::{Request, Response};
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
    report.asked(|data| data.text(Field::AttributeName, request.attribute.name.text()));
    let object = ctx.object(uid).await?;
    report.note_state(&object, ctx.now());
    if request.attribute.index.is_some() {
        return Err(OpError::new(
            Cause::InvalidField,
            "an attribute index is not given here",
        ));
    }
    let mut object = Object::clone(&object);
    if request.attribute.name == AttributeName::Standard(StandardAttribute::Name) {
        let (name, _) = name_parts(&request.attribute.value)?;
        if ctx.name_in_use(name, Some(object.id)).await? {
            return Err(Cause::NameTakenOnAdd.into());
        }
    }
    let attribute = attach(&mut object, &request.attribute, ctx.bounds(), ctx.now());
    let attribute = attribute.map_err(|refused| match refused {
        AttributeRefused::NameTaken => Cause::NameTakenOnAdd.into(),
        other => OpError::from(other),
    })?;
    object.attributes_version += 1;
    object.dates.last_change = ctx.now();
    report.response = Data::new();
    report.note_state(&object, ctx.now());
    let unique_identifier = object.id.to_string();
    ctx.update(object);
    Ok(Response {
        unique_identifier,
        attribute,
    })
}
