//! Get (KMIP 1.4 §4.11): the key itself. Its bytes leave only after the event of this read is durable.

use std::borrow::Cow;

use crate::audit::Field;
use crate::crypto::wrap::object_aad;
use crate::domain::attributes::values;
use crate::domain::{Object, lifecycle};
use crate::kmip::attribute::{AttributeValue, StandardAttribute};
use crate::kmip::enums::{CryptographicAlgorithm, KeyFormatType, KeyWrapType};
use crate::kmip::object::{KeyBlock, KeyMaterial};
use crate::kmip::payload::get::{Request, Response};
use crate::kmip::version::ProtocolVersion;
use crate::ops::context::Context;
use crate::ops::error::{Cause, OpError};
use crate::ops::report::Report;

pub(crate) async fn run(
    ctx: &mut Context<'_>,
    request: &Request,
    report: &mut Report,
) -> Result<Response<'static>, OpError> {
    let uid = request.unique_identifier.as_deref();
    report.about(ctx, uid);
    if let Some(format) = request.key_format_type {
        report.asked(|data| data.text(Field::KeyFormatType, format.name()));
    }
    let object = ctx.object(uid).await?;
    report.note_state(&object, ctx.now());
    check_form(request)?;
    check_policy(&object, ctx.version, ctx.now())?;
    let key_block = open(ctx, &object)?;
    ctx.serve(object.id);
    Ok(Response {
        unique_identifier: Cow::Owned(object.id.to_string()),
        key: key_block,
    })
}

/// Only the raw key, unwrapped and uncompressed, is given.
fn check_form(request: &Request) -> Result<(), OpError> {
    if request
        .key_format_type
        .is_some_and(|format| format != KeyFormatType::Raw)
    {
        return Err(Cause::FormatNotSupported.into());
    }
    if request.key_compression_type.is_some() {
        return Err(Cause::CompressionNotSupported.into());
    }
    let wrapped = request
        .key_wrap_type
        .is_some_and(|wrap| wrap != KeyWrapType::NotWrapped);
    if wrapped || request.key_wrapping_specification.is_some() {
        return Err(OpError::new(
            Cause::FeatureNotSupported,
            "key wrapping is not supported",
        ));
    }
    Ok(())
}

/// Sensitive objects leave wrapped only, others may not leave at all (KMIP 1.4 §3.47, §3.49).
fn check_policy(object: &Object, version: ProtocolVersion, now: i64) -> Result<(), OpError> {
    let holds = |attribute, value| {
        values(object, attribute, now)
            .iter()
            .any(|a| a.value == AttributeValue::Boolean(value))
    };
    let refused = if holds(StandardAttribute::Extractable, false) {
        Cause::NotExtractable
    } else if holds(StandardAttribute::Sensitive, true) {
        Cause::Sensitive
    } else {
        return Ok(());
    };
    // Before 1.4 neither reason exists.
    Err(if version < ProtocolVersion::V1_4 {
        Cause::NotPermitted
    } else {
        refused
    }
    .into())
}

fn open(ctx: &Context<'_>, object: &Object) -> Result<KeyBlock<'static>, OpError> {
    if object.destroy_due.is_some() {
        return Err(Cause::DestructionScheduled.into());
    }
    let gone = lifecycle::is_destroyed(object.state);
    let material = object
        .material
        .as_ref()
        .filter(|_| !gone)
        .ok_or(Cause::NoMaterial)?;
    let key = ctx
        .service
        .keyring()
        .opening(object.instance, object.data_key_epoch);
    let key = key.ok_or_else(|| OpError::new(Cause::Cryptographic, "the data key is missing"))?;
    let secret = key
        .open(&object_aad(object.id.as_bytes()), material)
        .map_err(|error| OpError::new(Cause::Cryptographic, error.to_string()))?;
    let algorithm = object.algorithm.unwrap_or(CryptographicAlgorithm::Aes);
    let length = object.length.unwrap_or_default();
    let material = KeyMaterial::owned(secret.expose().to_vec());
    Ok(KeyBlock::raw(material, algorithm, length))
}
