//! The header and the outline of a message, damaged like the fields of operations; and bytes that contradict themselves.

use super::tree::Damage::{Missing, Repeated, Stranger, UnknownValue, WrongType};
use super::*;
use crate::kmip::attribute::AttributeValue as Value;

/// A request for the vendor's name with every field that a header and a batch item may have in 1.4.
fn whole() -> Vec<Item> {
    vec![item(
        Tag::RequestMessage,
        Value::Structure(vec![
            item(Tag::RequestHeader, Value::Structure(header(1, 4))),
            item(Tag::BatchItem, Value::Structure(query())),
        ]),
    )]
}

fn item(tag: Tag, value: Value) -> Item {
    Item::new(tag, value)
}

fn header(major: i32, minor: i32) -> Vec<Item> {
    let text = |text: &str| Value::Text(text.to_owned());
    let version = vec![
        item(Tag::ProtocolVersionMajor, Value::Integer(major)),
        item(Tag::ProtocolVersionMinor, Value::Integer(minor)),
    ];
    vec![
        item(Tag::ProtocolVersion, Value::Structure(version)),
        item(Tag::MaximumResponseSize, Value::Integer(4096)),
        item(Tag::ClientCorrelationValue, text("client")),
        item(Tag::AsynchronousIndicator, Value::Boolean(true)),
        item(Tag::AttestationCapableIndicator, Value::Boolean(true)),
        item(Tag::AttestationType, Value::Enumeration(1)),
        item(Tag::BatchErrorContinuationOption, Value::Enumeration(3)),
        item(Tag::BatchOrderOption, Value::Boolean(false)),
        item(Tag::TimeStamp, Value::DateTime(0)),
        item(Tag::BatchCount, Value::Integer(1)),
    ]
}

fn query() -> Vec<Item> {
    let function = vec![item(Tag::QueryFunction, Value::Enumeration(3))];
    let extension = vec![
        item(Tag::VendorIdentification, Value::Text("Acme".to_owned())),
        item(Tag::CriticalityIndicator, Value::Boolean(false)),
        item(Tag::VendorExtension, Value::Structure(vec![])),
    ];
    vec![
        item(Tag::Operation, Value::Enumeration(Operation::Query.code())),
        item(Tag::UniqueBatchItemId, Value::Bytes(vec![7])),
        item(Tag::RequestPayload, Value::Structure(function)),
        item(Tag::MessageExtension, Value::Structure(extension)),
    ]
}

fn encode(items: &[Item]) -> Vec<u8> {
    let mut writer = ttlv::Writer::default();
    items
        .iter()
        .for_each(|item| item.value.encode(&mut writer, item.tag));
    writer.into_bytes()
}

/// A message that is refused as a whole: the answer names no operation, the event is that of a refused request.
const fn refused(what: &str, told: Told) -> Cell<'_> {
    Cell {
        what,
        operation: None,
        told,
        action: Action::RequestRefuse,
        success: None,
    }
}

/// What is told when a field of the header or of the outline is damaged.
fn told(damage: Damage, name: &str) -> Told {
    let required = [
        "RequestMessage/RequestHeader",
        "RequestMessage/RequestHeader/ProtocolVersion",
        "RequestMessage/RequestHeader/ProtocolVersion/ProtocolVersionMajor",
        "RequestMessage/RequestHeader/ProtocolVersion/ProtocolVersionMinor",
        "RequestMessage/RequestHeader/BatchCount",
        "RequestMessage/BatchItem",
        "RequestMessage/BatchItem/Operation",
        "RequestMessage/BatchItem/RequestPayload",
        "RequestMessage/BatchItem/RequestPayload/QueryFunction",
        "RequestMessage/BatchItem/MessageExtension/VendorIdentification",
        "RequestMessage/BatchItem/MessageExtension/CriticalityIndicator",
    ];
    let unusual = [
        (
            Repeated,
            "RequestMessage/RequestHeader/AttestationType",
            Told::Done,
        ),
        // There is one more than the Batch Count says.
        (Repeated, "RequestMessage/BatchItem", MALFORMED),
        (
            Repeated,
            "RequestMessage/BatchItem/RequestPayload/QueryFunction",
            Told::Done,
        ),
        (
            UnknownValue,
            "RequestMessage/BatchItem/Operation",
            Told::Refused(ResultReason::OperationNotSupported, 501),
        ),
        // What a vendor puts there is the vendor's.
        (
            Stranger,
            "RequestMessage/BatchItem/MessageExtension/VendorExtension",
            Told::Done,
        ),
        // The header must come first, so a second one is a stranger there.
        (Repeated, "RequestMessage/RequestHeader", INVALID_FIELD),
    ];
    let mut unusual = unusual
        .iter()
        .filter(|(how, what, _)| *how == damage && *what == name);
    if let Some((_, _, told)) = unusual.next() {
        return *told;
    }
    match damage {
        Missing if !required.contains(&name) => Told::Done,
        Missing | WrongType | Repeated => MALFORMED,
        UnknownValue | Stranger => INVALID_FIELD,
    }
}

#[tokio::test]
async fn every_field_of_the_header_and_the_outline_is_checked() {
    let mut table = Table::new().await;
    let ours = Arc::clone(&table.fixture.ours);
    for (path, name) in all(&whole()) {
        for damage in Damage::ALL {
            // What is no Request Message does not come here: it cannot be framed.
            if name == "RequestMessage" && damage != Stranger {
                continue;
            }
            let Some(items) = damaged(&whole(), &path, damage) else {
                continue;
            };
            let what = format!("{damage:?} {name}");
            let mut cell = refused(&what, told(damage, &name));
            let of_item = name.starts_with("RequestMessage/BatchItem/")
                || name == "RequestMessage/BatchItem" && damage == Stranger;
            let unreadable = [Missing, WrongType, UnknownValue].contains(&damage)
                && name.ends_with("/Operation");
            if cell.told == Told::Done || of_item && !unreadable {
                cell.operation = Some(Operation::Query);
                cell.action = Action::ProtocolQuery;
            }
            table.compare(&ours, &encode(&items), cell).await;
        }
    }
    table.check(60);
}

#[tokio::test]
async fn a_batch_count_that_is_wrong_refuses_the_message() {
    let mut table = Table::new().await;
    let ours = Arc::clone(&table.fixture.ours);
    for count in [i32::MIN, -1, 0, 2, 1025, i32::MAX] {
        let mut header = header(1, 4);
        header.last_mut().expect("fields").value = Value::Integer(count);
        let items = vec![
            item(Tag::RequestHeader, Value::Structure(header)),
            item(Tag::BatchItem, Value::Structure(query())),
        ];
        let bytes = encode(&[item(Tag::RequestMessage, Value::Structure(items))]);
        let what = format!("a batch count of {count}");
        table
            .compare(&ours, &bytes, refused(&what, MALFORMED))
            .await;
    }
    table.check(6);
}

#[tokio::test]
async fn a_version_that_is_not_spoken_refuses_the_message() {
    let mut table = Table::new().await;
    let ours = Arc::clone(&table.fixture.ours);
    let not_spoken = Told::Refused(ResultReason::InvalidMessage, 501);
    for (major, minor, told) in [
        (0, 9, not_spoken),
        (1, 5, not_spoken),
        (2, 0, not_spoken),
        (2, 1, not_spoken),
        (3, 0, not_spoken),
        (65_535, 65_535, not_spoken),
        (-1, 0, INVALID_FIELD),
        (1, -1, INVALID_FIELD),
        (65_536, 0, INVALID_FIELD),
    ] {
        let items = vec![
            item(Tag::RequestHeader, Value::Structure(header(major, minor))),
            item(Tag::BatchItem, Value::Structure(query())),
        ];
        let bytes = encode(&[item(Tag::RequestMessage, Value::Structure(items))]);
        let what = format!("version {major}.{minor}");
        table.compare(&ours, &bytes, refused(&what, told)).await;
    }
    table.check(9);
}

#[tokio::test]
async fn unknown_fields_are_skipped_under_a_newer_minor_version_only() {
    let mut table = Table::new().await;
    let ours = Arc::clone(&table.fixture.ours);
    for (minor, told) in [(4, INVALID_FIELD), (5, Told::Done)] {
        let mut header = header(1, minor);
        header.push(Item {
            tag: ttlv::Tag::new(0x42_0fff),
            value: Value::Text("from the future".to_owned()),
        });
        let mut discover = query();
        discover[0].value = Value::Enumeration(Operation::DiscoverVersions.code());
        discover[2].value = Value::Structure(vec![Item {
            tag: ttlv::Tag::new(0x42_0ffe),
            value: Value::Integer(1),
        }]);
        let items = vec![
            item(Tag::RequestHeader, Value::Structure(header)),
            item(Tag::BatchItem, Value::Structure(discover)),
        ];
        let bytes = encode(&[item(Tag::RequestMessage, Value::Structure(items))]);
        let mut cell = refused("an unknown field", told);
        cell.operation = (minor == 5).then_some(Operation::DiscoverVersions);
        table.compare(&ours, &bytes, cell).await;
    }
    table.check(2);
}

/// Where the first item of this tag has its header.
fn place(bytes: &[u8], tag: Tag) -> usize {
    let [_, code @ ..] = tag.code().to_be_bytes();
    let found = bytes.windows(3).position(|window| window == code);
    found.expect("the item is there")
}

#[tokio::test]
async fn bytes_that_contradict_themselves_fail_what_they_are_in() {
    let mut table = Table::new().await;
    let ours = Arc::clone(&table.fixture.ours);
    let length = 7;
    let value = 8;
    for (tag, at, byte, in_item) in [
        // Lengths that lie: too long for what is around, wrong for the type, not a multiple of eight.
        (Tag::RequestHeader, length, 0xff, false),
        (Tag::ProtocolVersion, length, 0x28, false),
        (Tag::ProtocolVersionMajor, length, 3, false),
        (Tag::BatchCount, length, 8, false),
        (Tag::BatchItem, length, 0xf8, false),
        (Tag::Operation, length, 8, true),
        (Tag::RequestPayload, length, 0xf8, true),
        (Tag::RequestPayload, length, 4, true),
        (Tag::QueryFunction, length, 0xff, true),
        (Tag::VendorIdentification, length, 0x80, true),
        // A Boolean that is neither, text that is no UTF-8, a type that does not exist, a tag that is nobody's.
        (Tag::BatchOrderOption, value, 1, false),
        (Tag::ClientCorrelationValue, value, 0xff, false),
        (Tag::TimeStamp, 3, 0x7f, false),
        (Tag::MaximumResponseSize, 0, 0x99, false),
        (Tag::CriticalityIndicator, value, 1, true),
        (Tag::VendorIdentification, value, 0xff, true),
        (Tag::QueryFunction, 3, 0, true),
        (Tag::QueryFunction, 0, 0, true),
    ] {
        let mut bytes = encode(&whole());
        let place = place(&bytes, tag) + at;
        bytes[place] = byte;
        let what = format!("{tag:?}: byte {at} is {byte:#x}");
        let mut cell = refused(&what, MALFORMED);
        if in_item && tag != Tag::Operation {
            cell.operation = Some(Operation::Query);
            cell.action = Action::ProtocolQuery;
        }
        table.compare(&ours, &bytes, cell).await;
    }
    table.check(18);
}

#[tokio::test]
async fn a_message_cut_anywhere_is_refused_and_costs_one_event() {
    let mut table = Table::new().await;
    let ours = Arc::clone(&table.fixture.ours);
    let bytes = encode(&whole());
    for end in (8..bytes.len()).step_by(8) {
        let mut cut = bytes[..end].to_vec();
        // Once as it is, once with an outer length that fits.
        let what = format!("cut at {end}");
        table.compare(&ours, &cut, refused(&what, MALFORMED)).await;
        let length = u32::try_from(end - 8).unwrap().to_be_bytes();
        cut[4..8].copy_from_slice(&length);
        table.compare(&ours, &cut, refused(&what, MALFORMED)).await;
    }
    table.check(40);
}
