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
fn a_header_that_breaks_the_layout_fails_the_message() {
    let v = ProtocolVersion::V1_1;
    let cases: [(&str, Vec<u8>, ResultReason); 8] = [
        (
            "count too high",
            message(v, 2, |_| {}, discover),
            ResultReason::InvalidMessage,
        ),
        (
            "count zero",
            message(v, 0, |_| {}, |_| {}),
            ResultReason::InvalidMessage,
        ),
        (
            "count negative",
            message(v, -1, |_| {}, discover),
            ResultReason::InvalidMessage,
        ),
        (
            "repeated",
            message(
                v,
                1,
                |w| (0..2).for_each(|_| w.date_time(Tag::TimeStamp, 1)),
                discover,
            ),
            ResultReason::InvalidMessage,
        ),
        (
            "wrong type",
            message(v, 1, |w| w.integer(Tag::TimeStamp, 1), discover),
            ResultReason::InvalidMessage,
        ),
        (
            "field of an item",
            message(v, 1, |w| w.text(Tag::UniqueIdentifier, "a"), discover),
            ResultReason::InvalidField,
        ),
        (
            "newer field",
            message(v, 1, |w| w.text(Tag::ClientCorrelationValue, "a"), discover),
            ResultReason::InvalidField,
        ),
        (
            "unknown option",
            message(
                v,
                1,
                |w| w.enumeration(Tag::BatchErrorContinuationOption, 9),
                discover,
            ),
            ResultReason::InvalidField,
        ),
    ];
    for (what, bytes, reason) in cases {
        let error = decode(&bytes).expect_err(what);
        assert_eq!((error.reason, error.version), (reason, v), "{what}");
    }
}

#[test]
fn an_unreadable_message_is_answered_in_our_best_version() {
    let version = ProtocolVersion::new(1, 1);
    let good = message(version, 1, |_| {}, discover);
    let mut response = good.clone();
    response[2] = 0x7b;
    for bytes in [&[][..], &good[..7], &good[..good.len() - 8], &response] {
        let error = decode(bytes).expect_err("no request");
        assert_eq!(error.reason, ResultReason::InvalidMessage);
        assert_eq!(error.version, ProtocolVersion::V1_4);
    }
}

#[test]
fn another_major_version_is_refused_in_ours() {
    for version in [
        ProtocolVersion::V2_1,
        ProtocolVersion::V2_0,
        ProtocolVersion::new(3, 0),
    ] {
        let error = decode(&message(version, 1, |_| {}, discover)).expect_err("not spoken");
        assert_eq!(error.reason, ResultReason::InvalidMessage);
        assert_eq!(error.version, ProtocolVersion::V1_4);
        assert_eq!(error.request_version, Some(version));
    }
}

#[test]
fn a_newer_minor_version_may_hold_fields_we_do_not_know() {
    let bytes = |version| {
        let stranger = |writer: &mut Writer| writer.integer(ttlv::Tag::new(0x42_01ff), 1);
        message(version, 1, stranger, |writer| {
            item(writer, Operation::DiscoverVersions, stranger);
        })
    };
    let newer = decode(&bytes(ProtocolVersion::new(1, 9))).expect("unknown fields are skipped");
    assert!(newer.items[0].payload.is_ok());
    assert!(!newer.header.version_supported());
    assert_eq!(newer.header.answer_version(), ProtocolVersion::V1_4);
    assert_eq!(
        reason_of(&bytes(ProtocolVersion::V1_4)),
        ResultReason::InvalidField
    );
}

#[test]
fn a_fault_inside_an_item_stays_there() {
    let bytes = message(
        ProtocolVersion::V1_1,
        2,
        |_| {},
        |writer| {
            writer.structure(Tag::BatchItem, |writer| {
                writer.enumeration(Tag::Operation, Operation::Get.code());
                writer.byte_string(Tag::UniqueBatchItemId, b"1");
                // A length that overruns its parent.
                writer.structure(Tag::RequestPayload, |writer| {
                    writer.raw(&[0x42, 0x00, 0x94, 0x07, 0, 0, 0, 0x40]);
                });
            });
            discover(writer);
        },
    );
    let message = decode(&bytes).expect("the outline is sound");
    let broken = &message.items[0];
    assert_eq!(broken.operation, Some(Operation::Get));
    assert_eq!(broken.unique_batch_item_id.as_deref(), Some(&b"1"[..]));
    let error = broken.payload.as_ref().expect_err("it is refused");
    assert_eq!(error.reason, ResultReason::InvalidMessage);
    assert!(message.items[1].payload.is_ok());
}

#[test]
fn an_item_without_operation_or_payload_is_an_invalid_message() {
    let v = ProtocolVersion::V1_1;
    let without_operation = message(
        v,
        1,
        |_| {},
        |writer| {
            writer.structure(Tag::BatchItem, |writer| {
                writer.structure(Tag::RequestPayload, |_| {});
            });
        },
    );
    let without_payload = message(
        v,
        1,
        |_| {},
        |writer| {
            writer.structure(Tag::BatchItem, |writer| {
                writer.enumeration(Tag::Operation, Operation::Query.code());
            });
        },
    );
    assert_eq!(
        item_reason(&without_operation),
        ResultReason::InvalidMessage
    );
    assert_eq!(item_reason(&without_payload), ResultReason::InvalidMessage);
}

#[test]
fn an_unknown_operation_is_not_supported_and_its_code_is_kept() {
    let bytes = message(
        ProtocolVersion::V1_1,
        1,
        |_| {},
        |writer| {
            writer.structure(Tag::BatchItem, |writer| {
                writer.enumeration(Tag::Operation, 0x8000_0001);
                writer.structure(Tag::RequestPayload, |_| {});
            });
        },
    );
    assert_eq!(item_reason(&bytes), ResultReason::OperationNotSupported);
    let message = decode(&bytes).expect("a request");
    assert_eq!(message.items[0].operation, None);
    assert_eq!(
        ItemHead::from(&message.items[0]).operation_code,
        Some(0x8000_0001)
    );
}

#[test]
fn an_operation_without_payload_module_is_left_unread() {
    let bytes = single(ProtocolVersion::V1_4, Operation::Register, |writer| {
        writer.integer(ttlv::Tag::new(0x54_0001), 1);
    });
    let message = decode(&bytes).expect("a request");
    assert_eq!(
        message.items[0].payload,
        Ok(RequestPayload::Unsupported(Operation::Register))
    );
}

#[test]
fn a_payload_that_breaks_its_table_fails_its_item() {
    use ResultReason::{InvalidField, InvalidMessage};
    type Fields = fn(&mut Writer);
    let v = ProtocolVersion::V1_1;
    let cases: &[(Operation, Fields, ResultReason)] = &[
        (Operation::Create, |_| {}, InvalidMessage),
        (
            Operation::Create,
            |w| w.structure(Tag::TemplateAttribute, |_| {}),
            InvalidMessage,
        ),
        (
            Operation::Create,
            |w| w.enumeration(Tag::ObjectType, 2),
            InvalidMessage,
        ),
        (
            Operation::Create,
            |w| w.enumeration(Tag::ObjectType, 99),
            InvalidField,
        ),
        (
            Operation::Create,
            |w| w.integer(Tag::ObjectType, 2),
            InvalidMessage,
        ),
        (Operation::Revoke, |_| {}, InvalidMessage),
        (
            Operation::Revoke,
            |w| w.structure(Tag::RevocationReason, |_| {}),
            InvalidMessage,
        ),
        (Operation::AddAttribute, |_| {}, InvalidMessage),
        (
            Operation::AddAttribute,
            |w| w.structure(Tag::Attribute, |_| {}),
            InvalidMessage,
        ),
        (
            Operation::Get,
            |w| w.integer(Tag::UniqueIdentifier, 1),
            InvalidMessage,
        ),
        (
            Operation::Get,
            |w| w.enumeration(Tag::KeyFormatType, 99),
            InvalidField,
        ),
        (
            Operation::Get,
            |w| w.enumeration(Tag::KeyWrapType, 1),
            InvalidField,
        ),
        (
            Operation::Get,
            |w| w.text(Tag::NameValue, "a"),
            InvalidField,
        ),
        (
            Operation::Activate,
            |w| w.integer(Tag::UniqueIdentifier, 1),
            InvalidMessage,
        ),
        (
            Operation::Destroy,
            |w| w.integer(Tag::UniqueIdentifier, 1),
            InvalidMessage,
        ),
        (
            Operation::GetAttributes,
            |w| w.integer(Tag::AttributeName, 1),
            InvalidMessage,
        ),
        (
            Operation::GetAttributeList,
            |w| w.text(Tag::AttributeName, "State"),
            InvalidField,
        ),
        (
            Operation::Locate,
            |w| w.integer(Tag::OffsetItems, 1),
            InvalidField,
        ),
        (
            Operation::Locate,
            |w| w.integer(Tag::MaximumItems, -1),
            InvalidField,
        ),
        (
            Operation::Query,
            |w| w.enumeration(Tag::QueryFunction, 99),
            InvalidField,
        ),
        (
            Operation::Query,
            |w| w.text(Tag::QueryFunction, "3"),
            InvalidMessage,
        ),
        (
            Operation::DiscoverVersions,
            |w| w.structure(Tag::ProtocolVersion, |_| {}),
            InvalidMessage,
        ),
    ];
    for (index, (operation, fields, reason)) in cases.iter().enumerate() {
        let found = item_reason(&single(v, *operation, *fields));
        assert_eq!(found, *reason, "case {index}: {operation}");
    }
}

#[test]
fn the_same_name_twice_is_refused_since_1_1() {
    let twice = |version| {
        single(version, Operation::GetAttributes, |writer| {
            (0..2).for_each(|_| writer.text(Tag::AttributeName, "State"));
        })
    };
    assert!(
        decode(&twice(ProtocolVersion::V1_0))
            .expect("a request")
            .items[0]
            .payload
            .is_ok()
    );
    assert_eq!(
        item_reason(&twice(ProtocolVersion::V1_1)),
        ResultReason::InvalidMessage
    );
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

#[test]
fn a_message_beyond_a_limit_is_refused() {
    let limits = |bytes, depth, items| Limits {
        message_bytes_max: bytes,
        depth_max: depth,
        items_max: items,
    };
    let bytes = hex::decode(QUERY).expect("hexadecimal");
    assert!(RequestMessage::decode(&bytes, &limits(bytes.len(), 4, 20)).is_ok());
    assert!(RequestMessage::decode(&bytes, &limits(bytes.len() - 1, 4, 20)).is_err());
    assert!(RequestMessage::decode(&bytes, &limits(bytes.len(), 2, 20)).is_err());
    assert!(RequestMessage::decode(&bytes, &limits(bytes.len(), 4, 5)).is_err());
}

#[test]
fn no_single_changed_byte_makes_decoding_panic() {
    let create = single(ProtocolVersion::V1_4, Operation::Create, |writer| {
        writer.enumeration(Tag::ObjectType, ObjectType::SymmetricKey.code());
        writer.structure(Tag::TemplateAttribute, |writer| {
            let fields = [
                Field::new(Tag::NameValue, AttributeValue::Text("key".to_owned())),
                Field::new(Tag::NameType, AttributeValue::Enumeration(1)),
            ];
            let name = AttributeValue::Structure(fields.to_vec());
            Attribute::standard(StandardAttribute::Name, name)
                .encode(writer, ProtocolVersion::V1_4);
        });
    });
    assert!(decode(&create).expect("a request").items[0].payload.is_ok());
    let (mut refused, mut spoiled) = (0, 0);
    for position in 0..create.len() {
        for change in [0x01, 0x02, 0x04, 0x08, 0x10, 0x40, 0x80, 0xff] {
            let mut bytes = create.clone();
            bytes[position] ^= change;
            match decode(&bytes) {
                Err(_) => refused += 1,
                Ok(message) => spoiled += usize::from(message.items[0].payload.is_err()),
            }
            // The same bytes as an answer.
            bytes[2] = 0x7b;
            assert!(ResponseMessage::decode(&bytes, &Limits::default()).is_err());
        }
    }
    assert!(refused > 0 && spoiled > 0);
}

fn respond(version: ProtocolVersion, items: impl FnOnce(&mut ResponseWriter)) -> Vec<u8> {
    let mut response =
        ResponseWriter::with_correlation(version, 1_700_000_000, Some("client"), Some("server"));
    items(&mut response);
    let len = response.len();
    let bytes = response.finish();
    assert_eq!(len, bytes.len());
    bytes
}

#[test]
fn an_answer_says_how_many_items_it_has() {
    let head = ItemHead {
        operation_code: Some(Operation::Create.code()),
        unique_batch_item_id: Some(b"one"),
    };
    let created = payload::create::Response {
        object_type: ObjectType::SymmetricKey,
        unique_identifier: "0d3f".to_owned(),
        template: None,
    };
    let bytes = respond(ProtocolVersion::V1_4, |response| {
        response.success(head, |writer| created.encode(writer, ProtocolVersion::V1_4));
        let checkpoint = response.checkpoint();
        response.undone(head);
        response.rollback(checkpoint);
        response.failure(
            ItemHead::default(),
            ResultReason::ItemNotFound,
            "no such object",
        );
    });
    let answer = ResponseMessage::decode(&bytes, &Limits::default()).expect("an answer");
    assert_eq!(answer.header.batch_count, 2);
    assert_eq!(answer.header.time_stamp, 1_700_000_000);
    assert_eq!(
        answer.header.client_correlation_value.as_deref(),
        Some("client")
    );
    assert_eq!(
        answer.header.server_correlation_value.as_deref(),
        Some("server")
    );
    let [first, second] = &answer.items[..] else {
        panic!("two items")
    };
    assert_eq!(
        (first.status, first.operation),
        (ResultStatus::Success, Some(Operation::Create))
    );
    assert_eq!(first.unique_batch_item_id, Some(&b"one"[..]));
    let read =
        payload::create::Response::decode(first.payload.expect("a payload"), ProtocolVersion::V1_4);
    assert_eq!(read, Ok(created));
    assert_eq!(
        (second.status, second.operation),
        (ResultStatus::OperationFailed, None)
    );
    assert_eq!(second.reason, Some(ResultReason::ItemNotFound));
    assert_eq!(second.message, Some("no such object"));
}

#[test]
fn an_answer_holds_nothing_newer_than_its_version() {
    let bytes = respond(ProtocolVersion::V1_1, |response| {
        let head = ItemHead::of(Operation::Get);
        response.failure(head, ResultReason::WrongKeyLifecycleState, "");
    });
    let answer = ResponseMessage::decode(&bytes, &Limits::default()).expect("an answer");
    assert_eq!(answer.header.client_correlation_value, None);
    assert_eq!(answer.items[0].reason, Some(ResultReason::GeneralFailure));
    assert_eq!(answer.items[0].message, None);
}
