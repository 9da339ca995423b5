//! What a dump shows, and what it keeps to itself.
#![cfg(test)]

use ttlv::{DumpOptions, Limits, Tag, Writer, dump, dump_with};

const OUTER: Tag = Tag::new(0x42_0078);
const FIELD: Tag = Tag::new(0x42_0020);
const PASSWORD: Tag = Tag::new(0x42_00a1);

fn name(tag: Tag) -> Option<&'static str> {
    (tag == OUTER).then_some("Message")
}

fn message(body: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.structure(OUTER, body);
    writer.into_bytes()
}

#[test]
fn every_type_has_its_line() {
    let bytes = message(|writer| {
        writer.integer(FIELD, -1);
        writer.long_integer(FIELD, i64::MIN);
        writer.big_integer(FIELD, &[7; 16]);
        writer.enumeration(FIELD, 0x8000_0001);
        writer.boolean(FIELD, true);
        writer.text(FIELD, "a \"b\"\n");
        writer.byte_string(FIELD, &[7; 32]);
        writer.structure(FIELD, |writer| writer.date_time(FIELD, 1));
        writer.interval(FIELD, 2);
        writer.date_time_extended(FIELD, 3);
    });
    let expected = r#"
420078 Message (Structure) 200 bytes
  420020 (Integer) -1
  420020 (Long Integer) -9223372036854775808
  420020 (Big Integer) <16 bytes>
  420020 (Enumeration) 0x80000001
  420020 (Boolean) true
  420020 (Text String) "a \"b\"\n"
  420020 (Byte String) <32 bytes>
  420020 (Structure) 16 bytes
    420020 (Date-Time) 1 s
  420020 (Interval) 2 s
  420020 (Date-Time Extended) 3 us
"#;
    assert_eq!(dump(&bytes, &name), expected.trim_start());
}

#[test]
fn bytes_are_shown_only_on_request() {
    let bytes = message(|writer| writer.byte_string(FIELD, &[0xab, 0xcd]));
    assert!(!dump(&bytes, &name).contains("abcd"));
    let options = DumpOptions {
        show_bytes: true,
        ..DumpOptions::default()
    };
    assert!(dump_with(&bytes, &name, &options).ends_with("(Byte String) abcd\n"));
}

#[test]
fn a_hidden_text_is_shown_by_its_length() {
    let bytes = message(|writer| {
        writer.text(FIELD, "user");
        writer.text(PASSWORD, "swordfish");
    });
    let options = DumpOptions {
        hidden_texts: &[PASSWORD],
        ..DumpOptions::default()
    };
    let text = dump_with(&bytes, &name, &options);
    assert!(
        text.contains("\"user\"") && text.contains("<9 bytes>"),
        "{text}"
    );
    assert!(!text.contains("swordfish"), "{text}");
}

#[test]
fn a_long_text_is_cut_between_characters() {
    let bytes = message(|writer| writer.text(FIELD, &"é".repeat(100)));
    let expected = format!("(Text String) \"{}\"... (200 bytes)\n", "é".repeat(64));
    let text = dump(&bytes, &name);
    assert!(text.ends_with(&expected), "{text}");
}

#[test]
fn a_text_cannot_forge_a_line_or_turn_the_direction() {
    let bytes = message(|writer| writer.text(FIELD, "a\r\nb\u{1b}[2J\u{202e}c"));
    let text = dump(&bytes, &name);
    assert_eq!(text.lines().count(), 2);
    assert!(
        text.ends_with("\"a\\r\\nb\\u{1b}[2J\\u{202e}c\"\n"),
        "{text}"
    );
}

#[test]
fn malformed_input_is_shown_up_to_the_error() {
    let mut bytes = message(|writer| {
        writer.integer(FIELD, 1);
        writer.boolean(FIELD, true);
        writer.integer(FIELD, 2);
    });
    bytes[24 + 15] = 7;
    let text = dump(&bytes, &name);
    assert!(
        text.contains("(Integer) 1") && !text.contains("(Integer) 2"),
        "{text}"
    );
    let error = "malformed: boolean is neither 0 nor 1 at byte 24 in 420078/420020\n";
    assert!(text.ends_with(error), "{text}");
    assert_eq!(dump(&[], &name), "malformed: item is cut off at byte 0\n");
}

#[test]
fn a_dump_of_many_items_says_that_there_are_more() {
    let bytes = message(|writer| (0..9).for_each(|number| writer.integer(FIELD, number)));
    let limits = Limits {
        items_max: 5,
        ..Limits::default()
    };
    let options = DumpOptions {
        limits,
        ..DumpOptions::default()
    };
    let text = dump_with(&bytes, &name, &options);
    assert!(
        text.ends_with("(Integer) 3\nfurther items are not shown\n"),
        "{text}"
    );
}

#[test]
fn the_error_of_a_dump_has_the_whole_path() {
    let bytes = message(|writer| {
        writer.structure(FIELD, |writer| writer.raw(&[0x42, 0, 0x21, 12, 0, 0, 0, 0]));
    });
    let error = "malformed: item type 0x0c does not exist at byte 16 in 420078/420020/420021\n";
    let text = dump(&bytes, &name);
    assert!(text.ends_with(error), "{text}");
}
