//! What Add, Modify and Delete Attribute have in common: load the object, change a copy, see that a Name is free, note the change.

use crate::audit::{Data, Field};
use crate::domain::attributes::{AttributeRefused, name_parts};
use crate::domain::{Object, ObjectId};
use crate::kmip::attribute::{Attribute, AttributeName, AttributeValue, StandardAttribute};
use crate::kmip::payload::add_attribute::Response;
use crate::ops::context::Context;
use crate::ops::error::{Cause, OpError};
use crate::ops::report::Report;

/// Which attribute of which object is to change.
pub(super) struct Asked<'a> {
    pub(super) uid: Option<&'a str>,
    pub(super) name: &'a AttributeName,
    pub(super) index: Option<u32>,
    /// The value it is to have; none where it is deleted.
    pub(super) value: Option<&'a AttributeValue>,
}

impl<'a> Asked<'a> {
    pub(super) fn of(uid: Option<&'a str>, attribute: &'a Attribute) -> Self {
        Self {
            uid,
            name: &attribute.name,
            index: attribute.index,
            value: Some(&attribute.value),
        }
    }
}

/// Changes an attribute as `decide` does on a copy of the object; events tell its name, never its value.
pub(super) async fn change(
    ctx: &mut Context<'_>,
    asked: Asked<'_>,
    report: &mut Report,
    decide: impl FnOnce(&mut Object) -> Result<Attribute, OpError>,
) -> Result<Response, OpError> {
    report.about(ctx, asked.uid);
    report.asked(|data| data.text(Field::AttributeName, asked.name.text()));
    if let Some(index) = asked.index {
        report.asked(|data| data.number(Field::AttributeIndex, i64::from(index)));
    }
    let object = ctx.object(asked.uid).await?;
    report.note_state(&object, ctx.now());
    let mut object = Object::clone(&object);
    let attribute = decide(&mut object)?.told(object.object_type);
    if let (AttributeName::Standard(StandardAttribute::Name), Some(value)) =
        (asked.name, asked.value)
    {
        check_name(ctx, value, object.id).await?;
    }
    report.response = Data::new();
    report.note_state(&object, ctx.now());
    let unique_identifier = object.id.to_string();
    ctx.update(object);
    Ok(Response {
        unique_identifier,
        attribute,
    })
}

/// A Name that another object of the instance has is refused (KMIP 1.4 §3.2).
async fn check_name(
    ctx: &Context<'_>,
    value: &AttributeValue,
    id: ObjectId,
) -> Result<(), OpError> {
    let (name, _) = name_parts(value)?;
    if ctx.name_in_use(name, Some(id)).await? {
        return Err(Cause::NameTakenOnChange.into());
    }
    Ok(())
}

/// Why an attribute of an object that is there was refused: a Name in use has another reason than on creation.
pub(super) fn refusal(refused: AttributeRefused) -> OpError {
    match refused {
        AttributeRefused::NameTaken => Cause::NameTakenOnChange.into(),
        other => other.into(),
    }
}
