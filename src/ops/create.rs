//! Create (KMIP 1.4 §4.1): a symmetric key, made here and sealed before anything else sees it.

use crate::audit::{Data, Field, Target};
use crate::crypto::digest::sha256;
use crate::crypto::wrap::object_aad;
use crate::domain::Object;
use crate::domain::attributes::{Bounds, name_parts};
use crate::domain::creation::NewKey;
use crate::kmip::attribute::{Attribute, AttributeName, StandardAttribute};
use crate::kmip::enums::ObjectType;
use crate::kmip::payload::create::{Request, Response};
use crate::ops::context::Context;
use crate::ops::error::{Cause, OpError};
use crate::ops::report::Report;

pub(crate) async fn run(
    ctx: &mut Context<'_>,
    request: &Request,
    report: &mut Report,
) -> Result<Response, OpError> {
    report.asked(|data| data.text(Field::ObjectType, request.object_type.name()));
    if request.object_type != ObjectType::SymmetricKey {
        return Err(OpError::new(
            Cause::InvalidField,
            "only symmetric keys are made here",
        ));
    }
    if !request.template.names.is_empty() {
        return Err(OpError::new(Cause::NotFound, "there are no templates here"));
    }
    let attributes = &request.template.attributes;
    check_names(ctx, attributes).await?;
    let mut object = NewKey {
        id: ctx.service.object_id(ctx.now_ms)?,
        instance: ctx.identity.instance,
        template: attributes,
        bounds: Bounds {
            at_creation: true,
            ..ctx.bounds()
        },
        now: ctx.now(),
    }
    .object()?;
    make_material(ctx, &mut object)?;
    report.target = Target::Key(object.id);
    report.asked(|data| describe(&object, data));
    report.answered(|data| data.id(Field::UniqueIdentifier, object.id));
    report.note_state(&object, ctx.now());
    let unique_identifier = object.id.to_string();
    ctx.create(object);
    Ok(Response {
        object_type: ObjectType::SymmetricKey,
        unique_identifier,
        template: None,
    })
}

/// A Name that another object of the instance has is refused (KMIP 1.4 §3.2).
async fn check_names(ctx: &Context<'_>, attributes: &[Attribute]) -> Result<(), OpError> {
    for attribute in attributes {
        if attribute.name == AttributeName::Standard(StandardAttribute::Name) {
            let (name, _) = name_parts(&attribute.value)?;
            if ctx.name_in_use(name, None).await? {
                return Err(Cause::NameTaken.into());
            }
        }
    }
    Ok(())
}

fn make_material(ctx: &Context<'_>, object: &mut Object) -> Result<(), OpError> {
    let bits = object
        .length
        .and_then(|bits| u32::try_from(bits).ok())
        .unwrap_or(0);
    let material = ctx.service.symmetric_key(object.algorithm, bits)?;
    let (epoch, key) = ctx
        .service
        .keyring()
        .sealing(object.instance)
        .ok_or_else(|| OpError::new(Cause::Cryptographic, "the instance has no data key"))?;
    let aad = object_aad(object.id.as_bytes());
    let sealed = key
        .seal(&aad, &material, ctx.service.random())
        .map_err(|error| OpError::new(Cause::Cryptographic, error.to_string()))?;
    object.digest = Some(sha256(&[material.expose()]));
    object.data_key_epoch = epoch;
    object.material = Some(sealed);
    Ok(())
}

fn describe(object: &Object, mut data: Data) -> Data {
    if let Some(algorithm) = object.algorithm {
        data = data.text(Field::CryptographicAlgorithm, algorithm.name());
    }
    if let Some(length) = object.length {
        data = data.number(Field::CryptographicLength, i64::from(length));
    }
    data = data.number(Field::CryptographicUsageMask, i64::from(object.usage_mask));
    if object.names.is_empty() {
        return data;
    }
    data.list(Field::Names, object.names.iter().map(|name| &name.value))
}
