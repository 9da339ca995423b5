//! Whole messages as bytes: those of vCenter, and what of a request is kept.

mod answers;
mod refused;

use ttlv::{Limits, Writer};

use super::*;
use crate::kmip::{
    attribute::{Attribute, AttributeName, AttributeValue, Field, StandardAttribute},
    enums::{BatchErrorContinuationOption, ObjectType, QueryFunction, ResultReason, ResultStatus},
    operation::Operation,
    payload::{self, RequestPayload},
    tag::Tag,
    version::ProtocolVersion,
};

/// What a vCenter sends first on every connection.
const DISCOVER_VERSIONS: &str = "42007801000000604200770100000038420069010000002042006a0200000004\
    000000010000000042006b0200000004000000010000000042000d0200000004000000010000000042000f01000000\
    1842005c05000000040000001e000000004200790100000000";

/// A Query of a vCenter, with its batch item identifier.
const QUERY: &str = "42007801000000804200770100000038420069010000002042006a020000000400000001000000\
    0042006b0200000004000000010000000042000d0200000004000000010000000042000f010000003842005c050000\
    000400000018000000004200930800000008514c4b4301000000420079010000001042007405000000040000000300\
    000000";

fn decode(bytes: &[u8]) -> Result<RequestMessage, RequestError> {
    RequestMessage::decode(bytes, &Limits::default())
}

/// A message of a header and whatever `items` writes.
fn message(
    version: ProtocolVersion,
    batch_count: i32,
    header: impl FnOnce(&mut Writer),
    items: impl FnOnce(&mut Writer),
) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.structure(Tag::RequestMessage, |writer| {
        writer.structure(Tag::RequestHeader, |writer| {
            version.encode(writer);
            header(writer);
            writer.integer(Tag::BatchCount, batch_count);
        });
        items(writer);
    });
    writer.into_bytes()
}

fn item(writer: &mut Writer, operation: Operation, payload: impl FnOnce(&mut Writer)) {
    writer.structure(Tag::BatchItem, |writer| {
        writer.enumeration(Tag::Operation, operation.code());
        writer.structure(Tag::RequestPayload, payload);
    });
}

fn discover(writer: &mut Writer) {
    item(writer, Operation::DiscoverVersions, |_| {});
}

/// A message of one item.
fn single(
    version: ProtocolVersion,
    operation: Operation,
    payload: impl FnOnce(&mut Writer),
) -> Vec<u8> {
    message(
        version,
        1,
        |_| {},
        |writer| item(writer, operation, payload),
    )
}

fn reason_of(bytes: &[u8]) -> ResultReason {
    decode(bytes).expect_err("the message is refused").reason
}

fn item_reason(bytes: &[u8]) -> ResultReason {
    let message = decode(bytes).expect("the fault is inside an item");
    message.items[0]
        .payload
        .as_ref()
        .expect_err("the item is refused")
        .reason
}

#[test]
fn the_first_bytes_of_vcenter_are_discover_versions() {
    let bytes = hex::decode(DISCOVER_VERSIONS).expect("hexadecimal");
    let message = decode(&bytes).expect("a request");
    assert_eq!(message.header.version, ProtocolVersion::V1_1);
    let expected = RequestPayload::DiscoverVersions(payload::discover_versions::Request::default());
    assert_eq!(message.items[0].payload, Ok(expected.clone()));
    assert_eq!(message.items[0].unique_batch_item_id, None);

    let items = [OutgoingItem {
        unique_batch_item_id: None,
        payload: expected,
    }];
    assert_eq!(
        encode_request(&RequestHeader::new(ProtocolVersion::V1_1), &items),
        bytes
    );
}

#[test]
fn a_query_of_vcenter_keeps_its_batch_item_id() {
    let bytes = hex::decode(QUERY).expect("hexadecimal");
    let message = decode(&bytes).expect("a request");
    let item = &message.items[0];
    assert_eq!(
        item.unique_batch_item_id.as_deref(),
        Some(&b"QLKC\x01\0\0\0"[..])
    );
    let functions = vec![QueryFunction::QueryServerInformation];
    let expected = RequestPayload::Query(payload::query::Request { functions });
    assert_eq!(item.payload, Ok(expected));
}

#[test]
fn three_tags_of_vcenter_are_three_items() {
    let values = [
        ("x-Product_Version", "7.0.3"),
        ("x-Vendor", "VMware, Inc."),
        ("x-Product", "v"),
    ];
    let items = values.map(|(name, value)| OutgoingItem {
        unique_batch_item_id: Some(name.as_bytes().to_vec()),
        payload: RequestPayload::AddAttribute(payload::add_attribute::Request {
            unique_identifier: Some("c0ffee".to_owned()),
            attribute: Attribute {
                name: AttributeName::from_text(name),
                index: None,
                value: AttributeValue::Text(value.to_owned()),
            },
        }),
    });
    let bytes = encode_request(&RequestHeader::new(ProtocolVersion::V1_1), &items);
    let message = decode(&bytes).expect("a request");
    assert_eq!(message.header.batch_count, 3);
    assert_eq!(message.header.batch_order, None);
    for (sent, read) in items.iter().zip(&message.items) {
        assert_eq!(read.payload.as_ref(), Ok(&sent.payload));
        assert_eq!(read.unique_batch_item_id, sent.unique_batch_item_id);
    }
}

#[test]
fn every_header_field_survives_both_directions() {
    let mut header = RequestHeader::new(ProtocolVersion::V1_4);
    header.maximum_response_size = Some(280_000);
    header.client_correlation_value = Some("c-1".to_owned());
    header.asynchronous_indicator = Some(false);
    header.attestation_capable = Some(true);
    header.continuation = Some(BatchErrorContinuationOption::Undo);
    header.batch_order = Some(true);
    header.time_stamp = Some(1_700_000_000);
    let payload = RequestPayload::Query(payload::query::Request::default());
    let items = [OutgoingItem {
        unique_batch_item_id: None,
        payload,
    }];
    let bytes = encode_request(&header, &items);
    let read = decode(&bytes).expect("a request").header;
    assert_eq!(read.batch_count, 1);
    header.batch_count = 1;
    assert_eq!(format!("{read:?}"), format!("{header:?}"));
}

#[test]
fn a_password_is_read_and_never_printed() {
    let mut header = RequestHeader::new(ProtocolVersion::V1_1);
    header.authentication = vec![Credential::UsernameAndPassword {
        username: "vcenter".to_owned(),
        password: Some(Password::new("correct horse".to_owned())),
    }];
    let payload = RequestPayload::Query(payload::query::Request::default());
    let bytes = encode_request(
        &header,
        &[OutgoingItem {
            unique_batch_item_id: None,
            payload,
        }],
    );
    let message = decode(&bytes).expect("a request");
    let printed = format!("{message:?} {message:#?}");
    assert!(printed.contains("vcenter"));
    assert!(
        !printed.contains("correct") && !printed.contains("horse"),
        "{printed}"
    );
    let Credential::UsernameAndPassword {
        password: Some(password),
        ..
    } = &message.header.authentication[0]
    else {
        panic!("a user name and a password were sent");
    };
    assert_eq!(password.expose(), "correct horse");
}

#[test]
fn several_credentials_need_1_2() {
    let credentials = |version| {
        let device = || Credential::Device(DeviceCredential::default());
        let mut header = RequestHeader::new(version);
        header.authentication = vec![device(), device()];
        let payload = RequestPayload::Query(payload::query::Request::default());
        encode_request(
            &header,
            &[OutgoingItem {
                unique_batch_item_id: None,
                payload,
            }],
        )
    };
    assert_eq!(
        reason_of(&credentials(ProtocolVersion::V1_1)),
        ResultReason::InvalidMessage
    );
    assert!(decode(&credentials(ProtocolVersion::V1_2)).is_ok());
}

#[test]
fn a_message_extension_is_kept_with_its_criticality() {
    let bytes = message(
        ProtocolVersion::V1_1,
        1,
        |_| {},
        |writer| {
            writer.structure(Tag::BatchItem, |writer| {
                writer.enumeration(Tag::Operation, Operation::Activate.code());
                writer.structure(Tag::RequestPayload, |_| {});
                writer.structure(Tag::MessageExtension, |writer| {
                    writer.text(Tag::VendorIdentification, "someone");
                    writer.boolean(Tag::CriticalityIndicator, true);
                    writer.structure(Tag::VendorExtension, |_| {});
                });
            });
        },
    );
    let message = decode(&bytes).expect("a request");
    let extension = message.items[0]
        .message_extension
        .as_ref()
        .expect("it was sent");
    assert!(extension.critical);
    assert_eq!(extension.vendor_identification, "someone");
    assert!(message.items[0].payload.is_ok());
}
