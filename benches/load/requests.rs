//! KMIP 1.1 requests as vCenter sends them, and the little that is read of the answers.
//!
//! Tags are plain numbers here, so that the generator shares no table with the server it measures.

use std::sync::Arc;

use anyhow::{Context, Result, bail};
use ttlv::{Item, Tag, Value, Writer};

use crate::connection::{Connection, Target};

/// Encoded requests, one per connection, each sent again and again.
pub(crate) type Requests = Vec<Arc<[u8]>>;

/// The tag every answer begins with.
pub(crate) const RESPONSE_MESSAGE: Tag = Tag::new(0x42_007b);
/// The tag every request begins with.
pub(crate) const REQUEST_MESSAGE: Tag = Tag::new(0x42_0078);

const ATTRIBUTE: Tag = Tag::new(0x42_0008);
const ATTRIBUTE_NAME: Tag = Tag::new(0x42_000a);
const ATTRIBUTE_VALUE: Tag = Tag::new(0x42_000b);
const BATCH_COUNT: Tag = Tag::new(0x42_000d);
const BATCH_ITEM: Tag = Tag::new(0x42_000f);
const OBJECT_TYPE: Tag = Tag::new(0x42_0057);
const OPERATION: Tag = Tag::new(0x42_005c);
const PROTOCOL_VERSION: Tag = Tag::new(0x42_0069);
const PROTOCOL_VERSION_MAJOR: Tag = Tag::new(0x42_006a);
const PROTOCOL_VERSION_MINOR: Tag = Tag::new(0x42_006b);
const REQUEST_HEADER: Tag = Tag::new(0x42_0077);
const REQUEST_PAYLOAD: Tag = Tag::new(0x42_0079);
const RESPONSE_PAYLOAD: Tag = Tag::new(0x42_007c);
const RESULT_MESSAGE: Tag = Tag::new(0x42_007d);
const RESULT_STATUS: Tag = Tag::new(0x42_007f);
const TEMPLATE_ATTRIBUTE: Tag = Tag::new(0x42_0091);
const UNIQUE_IDENTIFIER: Tag = Tag::new(0x42_0094);

const CREATE: u32 = 0x01;
const GET: u32 = 0x0a;
const GET_ATTRIBUTES: u32 = 0x0b;
const ACTIVATE: u32 = 0x12;
const DISCOVER_VERSIONS: u32 = 0x1e;

const SYMMETRIC_KEY: u32 = 2;
const AES: u32 = 3;
const ENCRYPT_AND_DECRYPT: i32 = 12;
const KEY_BITS: i32 = 256;
const SUCCESS: u32 = 0;

/// Discover Versions with an empty payload, the first request of each of vCenter's connections.
pub(crate) fn discover_versions() -> Vec<u8> {
    request(DISCOVER_VERSIONS, |_| {})
}

/// Create of an AES-256 key for encryption and decryption.
pub(crate) fn create() -> Vec<u8> {
    request(CREATE, |writer| {
        writer.enumeration(OBJECT_TYPE, SYMMETRIC_KEY);
        writer.structure(TEMPLATE_ATTRIBUTE, |writer| {
            attribute(writer, "Cryptographic Algorithm", |writer, tag| {
                writer.enumeration(tag, AES);
            });
            attribute(writer, "Cryptographic Usage Mask", |writer, tag| {
                writer.integer(tag, ENCRYPT_AND_DECRYPT);
            });
            attribute(writer, "Cryptographic Length", |writer, tag| {
                writer.integer(tag, KEY_BITS);
            });
        });
    })
}

/// Get of a key in the server's own format.
pub(crate) fn get(key: &str) -> Vec<u8> {
    request(GET, |writer| writer.text(UNIQUE_IDENTIFIER, key))
}

/// Get Attributes of the State alone.
pub(crate) fn get_attributes_state(key: &str) -> Vec<u8> {
    request(GET_ATTRIBUTES, |writer| {
        writer.text(UNIQUE_IDENTIFIER, key);
        writer.text(ATTRIBUTE_NAME, "State");
    })
}

/// Activate.
fn activate(key: &str) -> Vec<u8> {
    request(ACTIVATE, |writer| writer.text(UNIQUE_IDENTIFIER, key))
}

/// A message of one batch item in KMIP 1.1, the version of vCenter.
fn request(operation: u32, payload: impl FnOnce(&mut Writer)) -> Vec<u8> {
    request_in(1, operation, payload)
}

/// A message of one batch item in this minor version of KMIP 1.
pub(crate) fn request_in(minor: i32, operation: u32, payload: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.structure(REQUEST_MESSAGE, |writer| {
        writer.structure(REQUEST_HEADER, |writer| {
            writer.structure(PROTOCOL_VERSION, |writer| {
                writer.integer(PROTOCOL_VERSION_MAJOR, 1);
                writer.integer(PROTOCOL_VERSION_MINOR, minor);
            });
            writer.integer(BATCH_COUNT, 1);
        });
        writer.structure(BATCH_ITEM, |writer| {
            writer.enumeration(OPERATION, operation);
            writer.structure(REQUEST_PAYLOAD, payload);
        });
    });
    writer.into_bytes()
}

/// An Attribute with this name.
pub(crate) fn attribute(writer: &mut Writer, name: &str, value: impl FnOnce(&mut Writer, Tag)) {
    writer.structure(ATTRIBUTE, |writer| {
        writer.text(ATTRIBUTE_NAME, name);
        value(writer, ATTRIBUTE_VALUE);
    });
}

/// Checks that an answer has one batch item and that it says Success.
///
/// Without it a server that refuses quickly would look fast.
pub(crate) fn check_success(answer: &[u8]) -> Result<()> {
    let message = ttlv::read(answer).context("the answer is no TTLV")?;
    let item = child(&message, BATCH_ITEM)?;
    let status = child(&item, RESULT_STATUS)?.enumeration()?;
    if status == SUCCESS {
        return Ok(());
    }
    match child(&item, RESULT_MESSAGE).map(|text| text.value) {
        Ok(Value::TextString(text)) => bail!("the server refused the request: {text}"),
        _ => bail!("the server refused the request with Result Status {status}"),
    }
}

/// The first Unique Identifier in an answer's payload.
pub(crate) fn unique_identifier(answer: &[u8]) -> Result<String> {
    let message = ttlv::read(answer).context("the answer is no TTLV")?;
    let payload = child(&child(&message, BATCH_ITEM)?, RESPONSE_PAYLOAD)?;
    Ok(child(&payload, UNIQUE_IDENTIFIER)?.text()?.to_owned())
}

/// The first child with this tag.
fn child<'a>(parent: &Item<'a>, tag: Tag) -> Result<Item<'a>> {
    for item in parent.structure()?.items() {
        let item = item?;
        if item.tag == tag {
            return Ok(item);
        }
    }
    bail!("the answer has no item {:06x} where it belongs", tag.code())
}

/// Makes this many keys and activates them; answers their identifiers.
pub(crate) async fn active_keys(target: &Target, count: usize) -> Result<Vec<String>> {
    let mut connection = Connection::open(target).await?;
    let mut keys = Vec::with_capacity(count);
    for _ in 0..count {
        let answer = connection.exchange(&create()).await.context("Create")?;
        let key = unique_identifier(answer)?;
        let request = activate(&key);
        connection.exchange(&request).await.context("Activate")?;
        keys.push(key);
    }
    connection.close().await;
    Ok(keys)
}

/// The server's answer to the first of these requests, which the limit then repeats.
pub(crate) async fn sample(target: &Target, requests: &Requests) -> Result<Vec<u8>> {
    let request = requests.first().context("there is nothing to send")?;
    let mut connection = Connection::open(target).await?;
    let answer = connection.exchange(request).await?.to_vec();
    connection.close().await;
    Ok(answer)
}
