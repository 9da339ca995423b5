//! Messages and items that are refused, and what stays whole beside them.

use super::*;

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
fn of_an_operation_without_payload_module_only_its_one_object_is_read() {
    for (identifiers, read) in [(&[][..], None), (&["a"], Some("a")), (&["a", "b"], None)] {
        let bytes = single(ProtocolVersion::V1_4, Operation::Archive, |writer| {
            writer.integer(ttlv::Tag::new(0x54_0001), 1);
            for identifier in identifiers {
                writer.text(Tag::UniqueIdentifier, identifier);
            }
        });
        let message = decode(&bytes).expect("a request");
        let expected = RequestPayload::Unsupported(Operation::Archive, read.map(str::to_owned));
        assert_eq!(message.items[0].payload, Ok(expected));
    }
    let bytes = single(ProtocolVersion::V1_4, Operation::Archive, |writer| {
        writer.integer(Tag::UniqueIdentifier, 1);
    });
    let message = decode(&bytes).expect("a request");
    let expected = RequestPayload::Unsupported(Operation::Archive, None);
    assert_eq!(message.items[0].payload, Ok(expected), "of another type");
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
