//! The encodings the KMIP specification gives as examples (KMIP 1.4 §9.1.2), in both directions.
#![cfg(test)]

use ttlv::{Tag, Value, Writer, read};

const TAG: Tag = Tag::new(0x42_0020);

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u32> = hex.chars().filter_map(|digit| digit.to_digit(16)).collect();
    digits
        .chunks(2)
        .map(|pair| u8::try_from(pair[0] * 16 + pair[1]).unwrap())
        .collect()
}

/// The value reads from the bytes, and the bytes are written for the value.
fn both_ways(hex: &str, value: Value<'_>, write: impl FnOnce(&mut Writer)) {
    let expected = bytes(hex);
    let item = read(&expected).unwrap();
    assert_eq!((item.tag, item.offset, item.value), (TAG, 0, value));
    let mut writer = Writer::default();
    write(&mut writer);
    assert_eq!(writer.as_bytes(), expected);
    writer.clear();
    writer.item(&item);
    assert_eq!(writer.as_bytes(), expected);
}

#[test]
fn numbers_are_as_the_standard_shows() {
    both_ways(
        "420020 02 00000004 00000008 00000000",
        Value::Integer(8),
        |w| w.integer(TAG, 8),
    );
    both_ways(
        "420020 03 00000008 01B69B4BA5749200",
        Value::LongInteger(123_456_789_000_000_000),
        |w| w.long_integer(TAG, 123_456_789_000_000_000),
    );
    // The number is 1234567890000000000000000000; written without its leading zeros.
    let number = bytes("03FD35EB6BC2DF4618080000");
    both_ways(
        "420020 04 00000010 0000000003FD35EB6BC2DF4618080000",
        Value::BigInteger(&bytes("0000000003FD35EB6BC2DF4618080000")),
        |w| w.big_integer(TAG, &number),
    );
    both_ways(
        "420020 05 00000004 000000FF 00000000",
        Value::Enumeration(255),
        |w| {
            w.enumeration(TAG, 255);
        },
    );
    both_ways(
        "420020 06 00000008 0000000000000001",
        Value::Boolean(true),
        |w| {
            w.boolean(TAG, true);
        },
    );
}

#[test]
fn strings_are_as_the_standard_shows() {
    both_ways(
        "420020 07 0000000B 48656C6C6F20576F726C640000000000",
        Value::TextString("Hello World"),
        |w| w.text(TAG, "Hello World"),
    );
    both_ways(
        "420020 08 00000003 0102030000000000",
        Value::ByteString(&[1, 2, 3]),
        |w| {
            w.byte_string(TAG, &[1, 2, 3]);
        },
    );
}

#[test]
fn times_are_as_the_standard_shows() {
    both_ways(
        "420020 09 00000008 0000000047DA67F8",
        Value::DateTime(1_205_495_800),
        |w| {
            w.date_time(TAG, 1_205_495_800);
        },
    );
    both_ways(
        "420020 0A 00000004 000D2F00 00000000",
        Value::Interval(864_000),
        |w| {
            w.interval(TAG, 864_000);
        },
    );
    both_ways(
        "420020 0B 00000008 00046D6A0DE4B200",
        Value::DateTimeExtended(0x0004_6d6a_0de4_b200),
        |w| w.date_time_extended(TAG, 0x0004_6d6a_0de4_b200),
    );
}

#[test]
fn a_structure_is_as_the_standard_shows() {
    let expected = bytes(
        "420020 01 00000020 420004 05 00000004 000000FE 00000000 420005 02 00000004 000000FF 00000000",
    );
    let item = read(&expected).unwrap();
    let children: Vec<_> = item
        .structure()
        .unwrap()
        .items()
        .map(Result::unwrap)
        .collect();
    assert_eq!(children.len(), 2);
    assert_eq!((children[0].tag.code(), children[0].offset), (0x42_0004, 8));
    assert_eq!(
        (children[1].tag.code(), children[1].offset),
        (0x42_0005, 24)
    );
    assert_eq!(children[0].enumeration().unwrap(), 254);
    assert_eq!(children[1].integer().unwrap(), 255);

    let mut writer = Writer::default();
    writer.structure(TAG, |w| {
        w.enumeration(Tag::new(0x42_0004), 254);
        w.integer(Tag::new(0x42_0005), 255);
    });
    assert_eq!(writer.as_bytes(), expected);
}

#[test]
fn padding_is_ignored_when_read_and_zero_when_written() {
    for (dirty, clean) in [
        (
            "420020 02 00000004 FFFFFFFF DEADBEEF",
            "420020 02 00000004 FFFFFFFF 00000000",
        ),
        (
            "420020 05 00000004 80000001 00000001",
            "420020 05 00000004 80000001 00000000",
        ),
        (
            "420020 0A 00000004 00000001 FFFFFFFF",
            "420020 0A 00000004 00000001 00000000",
        ),
        (
            "420020 07 00000001 41FFFFFFFFFFFFFF",
            "420020 07 00000001 4100000000000000",
        ),
        (
            "420020 08 00000007 01020304050607FF",
            "420020 08 00000007 0102030405060700",
        ),
        (
            "420020 01 00000018 420021 01 00000010 420022 08 00000003 010203FFFFFFFFFF",
            "420020 01 00000018 420021 01 00000010 420022 08 00000003 0102030000000000",
        ),
    ] {
        let dirty = bytes(dirty);
        let item = read(&dirty).unwrap();
        item.check(32, &mut 10).unwrap();
        let mut writer = Writer::default();
        writer.item(&item);
        assert_eq!(writer.as_bytes(), bytes(clean));
    }
}
