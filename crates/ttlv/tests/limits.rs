//! What a peer can claim is bounded: depth, number of items, length of a message.
#![cfg(test)]

use ttlv::{ErrorKind, ItemType, Limits, Tag, Writer, dump, frame_bytes, read};

const TAG: Tag = Tag::new(0x42_0078);

/// `levels` structures, each the only child of the one before.
fn nested(levels: usize) -> Vec<u8> {
    let mut writer = Writer::default();
    let marks: Vec<_> = (0..levels).map(|_| writer.begin(TAG)).collect();
    marks.into_iter().rev().for_each(|mark| writer.end(mark));
    writer.into_bytes()
}

#[test]
fn the_depth_may_reach_the_limit_and_not_exceed_it() {
    read(&nested(32)).unwrap().check(32, &mut 100).unwrap();
    let bytes = nested(33);
    let error = read(&bytes).unwrap().check(32, &mut 100).unwrap_err();
    assert_eq!(
        (error.kind, error.offset),
        (ErrorKind::TooDeep { max: 32 }, 32 * 8)
    );
    assert_eq!(error.path(), [TAG; 8]);
    let error = read(&bytes).unwrap().check(0, &mut 100).unwrap_err();
    assert_eq!(
        (error.kind, error.offset),
        (ErrorKind::TooDeep { max: 0 }, 0)
    );
}

#[test]
fn a_hundred_thousand_levels_cost_no_stack() {
    let bytes = nested(100_000);
    let item = read(&bytes).unwrap();
    item.check(u8::MAX, &mut u32::MAX.clone()).unwrap_err();
    let mut writer = Writer::default();
    writer.item(&item);
    assert_eq!(writer.as_bytes(), bytes);
    assert!(dump(&bytes, &|_| None).ends_with("deeper items are not shown\n"));
}

#[test]
fn the_items_may_reach_the_limit_and_not_exceed_it() {
    let mut writer = Writer::default();
    writer.structure(TAG, |writer| {
        (0..9).for_each(|number| writer.integer(TAG, number))
    });
    let item = read(writer.as_bytes()).unwrap();
    let mut items_left = 10;
    item.check(32, &mut items_left).unwrap();
    assert_eq!(items_left, 0);
    let error = item.check(32, &mut 9).unwrap_err();
    assert_eq!(
        (error.kind, error.offset),
        (ErrorKind::TooMany { max: 9 }, 8 + 8 * 16)
    );
    assert_eq!(error.path(), [TAG, TAG]);
}

#[test]
fn one_budget_of_items_serves_several_calls() {
    let bytes = nested(3);
    let item = read(&bytes).unwrap();
    let mut items_left = 7;
    item.check(32, &mut items_left).unwrap();
    item.check(32, &mut items_left).unwrap();
    assert_eq!(items_left, 1);
    assert_eq!(
        item.check(32, &mut items_left).unwrap_err().kind,
        ErrorKind::TooMany { max: 1 }
    );
}

#[test]
fn a_length_of_gigabytes_is_refused_from_the_bytes_that_are_there() {
    for length in [0x7fff_fff8_u32, 0xffff_fff8] {
        for item_type in [
            ItemType::Structure,
            ItemType::TextString,
            ItemType::ByteString,
        ] {
            let mut bytes = vec![0x42, 0, 0x78, item_type.code()];
            bytes.extend(length.to_be_bytes());
            bytes.extend([0; 64]);
            assert_eq!(read(&bytes).unwrap_err().kind, ErrorKind::Truncated);
        }
    }
}

#[test]
fn a_frame_may_reach_the_limit_and_not_exceed_it() {
    let limits = Limits {
        message_bytes_max: 1024,
        ..Limits::default()
    };
    let header = |length: u32| {
        let [a, b, c, d] = length.to_be_bytes();
        [0x42, 0, 0x78, 1, a, b, c, d]
    };
    assert_eq!(frame_bytes(&header(0), TAG, &limits), Ok(8));
    assert_eq!(frame_bytes(&header(1016), TAG, &limits), Ok(1024));
    for length in [1024, 0x7fff_fff8, 0xffff_fff8] {
        let error = frame_bytes(&header(length), TAG, &limits).unwrap_err();
        let bytes = usize::try_from(length).unwrap() + 8;
        assert_eq!(error.kind, ErrorKind::TooLong { bytes, max: 1024 });
        assert_eq!(error.path(), [TAG]);
    }
}

#[test]
fn a_frame_that_is_no_message_is_refused() {
    let limits = Limits::default();
    let kind = |header| frame_bytes(&header, TAG, &limits).unwrap_err().kind;
    assert_eq!(
        kind(*b"POST /km"),
        ErrorKind::UnexpectedTag {
            expected: TAG,
            found: Tag::new(0x50_4f53)
        }
    );
    assert_eq!(
        kind([0x42, 0, 0x78, 8, 0, 0, 0, 8]),
        ErrorKind::NotAStructure
    );
    let (item_type, length) = (ItemType::Structure, 12);
    assert_eq!(
        kind([0x42, 0, 0x78, 1, 0, 0, 0, 12]),
        ErrorKind::BadLength { item_type, length }
    );
}

#[test]
fn the_defaults_are_the_documented_ones() {
    let limits = Limits::default();
    assert_eq!(limits.message_bytes_max, 1_048_576);
    assert_eq!((limits.depth_max, limits.items_max), (32, 65_536));
}
