//! What is refused, with which kind, at which byte and under which path.
#![cfg(test)]

use ttlv::{Error, ErrorKind, ItemType, Tag, Writer, read};

const OUTER: Tag = Tag::new(0x42_0078);
const INNER: Tag = Tag::new(0x42_000f);
const FIELD: Tag = Tag::new(0x42_0079);

/// One item around `value`, with any type code and Length field.
fn item(tag: u32, type_code: u8, length: u32, value: &[u8]) -> Vec<u8> {
    let mut bytes = (tag << 8 | u32::from(type_code)).to_be_bytes().to_vec();
    bytes.extend(length.to_be_bytes());
    bytes.extend(value);
    bytes
}

/// A message of two levels around an Integer of 16 bytes and then `field`.
fn message(field: &[u8]) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.structure(OUTER, |writer| {
        writer.structure(INNER, |writer| {
            writer.integer(Tag::new(0x42_005c), 10);
            writer.raw(field);
        });
    });
    writer.into_bytes()
}

fn refused(bytes: &[u8]) -> Error {
    let outcome = read(bytes).and_then(|item| item.check(32, &mut 1000));
    outcome.expect_err("these bytes are malformed")
}

#[test]
fn each_malformed_field_is_named_with_offset_and_path() {
    use ErrorKind::*;
    let bad_length = |item_type, length| BadLength { item_type, length };
    let zeros = [0; 16];
    for (type_code, length, value, kind) in [
        (0, 0, &zeros[..0], BadType(0)),
        (12, 8, &zeros[..8], BadType(12)),
        (1, 4, &zeros[..8], bad_length(ItemType::Structure, 4)),
        (2, 8, &zeros[..8], bad_length(ItemType::Integer, 8)),
        (2, 0, &zeros[..0], bad_length(ItemType::Integer, 0)),
        (3, 4, &zeros[..8], bad_length(ItemType::LongInteger, 4)),
        (4, 0, &zeros[..0], bad_length(ItemType::BigInteger, 0)),
        (4, 12, &zeros[..16], bad_length(ItemType::BigInteger, 12)),
        (5, 5, &zeros[..8], bad_length(ItemType::Enumeration, 5)),
        (6, 4, &zeros[..8], bad_length(ItemType::Boolean, 4)),
        (6, 8, &[0, 0, 0, 0, 0, 0, 0, 2][..], BadBoolean),
        (6, 8, &[1, 0, 0, 0, 0, 0, 0, 1][..], BadBoolean),
        (7, 2, &[0xc3, 0x28, 0, 0, 0, 0, 0, 0][..], BadText),
        (9, 16, &zeros[..16], bad_length(ItemType::DateTime, 16)),
        (10, 8, &zeros[..8], bad_length(ItemType::Interval, 8)),
        (
            11,
            4,
            &zeros[..8],
            bad_length(ItemType::DateTimeExtended, 4),
        ),
        (8, 9, &zeros[..8], Overrun),
        (8, u32::MAX, &zeros[..8], Overrun),
        (1, 0x7fff_fff8, &zeros[..8], Overrun),
    ] {
        let error = refused(&message(&item(FIELD.code(), type_code, length, value)));
        assert_eq!((error.kind, error.offset), (kind, 32));
        assert_eq!(error.path(), [OUTER, INNER, FIELD], "{error}");
    }
}

#[test]
fn a_bad_tag_is_placed_in_its_parent_and_not_printed() {
    for tag in [0, 0x41_ffff, 0x43_0000, 0x53_ffff, 0x55_0000, 0xff_ffff] {
        let error = refused(&message(&item(tag, 2, 4, &[0; 8])));
        assert_eq!((error.kind, error.offset), (ErrorKind::BadTag, 32));
        assert_eq!(error.path(), [OUTER, INNER]);
    }
}

#[test]
fn only_below_a_vendors_structure_any_tag_is_accepted() {
    let foreign = item(0x01_4242, 2, 4, &[0; 8]);
    let wrapped = item(0x01_4242, 1, 16, &foreign);
    let bytes = message(&wrapped);
    let outer = read(&bytes).unwrap();
    outer.check_with(32, &mut 1000, &[INNER]).unwrap();
    let error = outer.check_with(32, &mut 1000, &[FIELD]).unwrap_err();
    assert_eq!((error.kind, error.offset), (ErrorKind::BadTag, 32));

    let inner = outer.structure().unwrap().items().next().unwrap().unwrap();
    let children = inner.structure().unwrap().with_any_tags().items();
    let last = children.last().unwrap().unwrap();
    let deepest = last.structure().unwrap().items().next().unwrap().unwrap();
    assert_eq!((deepest.tag.code(), deepest.integer()), (0x01_4242, Ok(0)));
}

#[test]
fn a_vendors_structure_is_checked_but_for_its_tags() {
    let bytes = message(&item(0x01_4242, 6, 8, &[9; 8]));
    let error = read(&bytes)
        .unwrap()
        .check_with(32, &mut 1000, &[INNER])
        .unwrap_err();
    assert_eq!((error.kind, error.offset), (ErrorKind::BadBoolean, 32));
}

#[test]
fn the_text_of_an_error_tells_all_of_it() {
    let error = refused(&message(&item(FIELD.code(), 7, 1, &[0xff; 8])));
    assert_eq!(
        error.to_string(),
        "text string is not UTF-8 at byte 32 in 420078/42000f/420079"
    );
}

#[test]
fn a_structure_read_in_part_knows_its_own_tag() {
    let bytes = message(&item(FIELD.code(), 6, 8, &[9; 8]));
    let outer = read(&bytes).unwrap();
    let inner = outer.structure().unwrap().items().next().unwrap().unwrap();
    let mut items = inner.structure().unwrap().items();
    items.next().unwrap().unwrap();
    let error = items.next().unwrap().unwrap_err();
    assert_eq!(error.path(), [INNER, FIELD]);
    assert_eq!(error.within(outer.tag).path(), [OUTER, INNER, FIELD]);
    assert!(items.next().is_none(), "nothing follows an error");
}

#[test]
fn a_value_of_another_type_is_refused_with_both_types() {
    let bytes = message(&[]);
    let item = read(&bytes).unwrap();
    let error = item.text().unwrap_err();
    let kind = ErrorKind::WrongType {
        expected: ItemType::TextString,
        found: ItemType::Structure,
    };
    assert_eq!(
        (error.kind, error.offset, error.path()),
        (kind, 0, &[OUTER][..])
    );
    assert_eq!(
        error.to_string(),
        "type is Structure instead of Text String at byte 0 in 420078"
    );
}

#[test]
fn every_cut_of_a_message_is_truncated() {
    let bytes = message(&item(FIELD.code(), 8, 3, &[1; 8]));
    for len in 0..bytes.len() {
        let error = read(&bytes[..len]).unwrap_err();
        assert_eq!((error.kind, error.offset), (ErrorKind::Truncated, 0));
    }
}

#[test]
fn bytes_after_the_item_are_refused_where_they_begin() {
    let mut bytes = message(&[]);
    let end = bytes.len();
    bytes.push(0);
    let error = read(&bytes).unwrap_err();
    assert_eq!((error.kind, error.offset), (ErrorKind::TrailingBytes, end));
}

#[test]
fn debug_texts_show_no_string() {
    let mut writer = Writer::default();
    writer.structure(OUTER, |writer| {
        writer.text(FIELD, "swordfish");
        writer.byte_string(FIELD, b"swordfish");
        writer.big_integer(FIELD, b"swordfish");
    });
    let item = read(writer.as_bytes()).unwrap();
    let mut shown = format!("{writer:?} {item:?} {:?}", item.structure());
    for child in item.structure().unwrap().items() {
        shown += &format!(" {child:?}");
    }
    assert!(
        shown.contains("0x420079@8 Text String(<9 bytes>)"),
        "{shown}"
    );
    assert!(
        !shown.contains("swordfish") && !shown.contains("115, 119"),
        "{shown}"
    );
}
