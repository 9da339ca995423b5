//! One function per fuzz target: any bytes in, a panic if the codec breaks a promise.
//!
//! Nothing here depends on a fuzzer. Each body states a property that holds for all bytes, not an
//! expected answer.

use ttlv::{DumpOptions, Error, Item, Limits, Tag, Value, Writer};

/// The tag the frame body expects; the corpus uses it for its messages.
const MESSAGE: Tag = Tag::new(0x42_0078);

/// Bytes are refused, or encode again to themselves with padding zeroed, in both ways of encoding.
pub fn read(data: &[u8]) {
    let item = match ttlv::read(data) {
        Ok(item) => item,
        Err(error) => return in_bounds(&error, data),
    };
    let limits = Limits::default();
    let strict = item.check(limits.depth_max, &mut limits.items_max.clone());
    let loose = item.check_with(limits.depth_max, &mut limits.items_max.clone(), &[item.tag]);
    if let Err(error) = loose {
        in_bounds(&error, data);
        assert!(strict.is_err(), "any tags are stricter than valid ones");
    }
    if let Err(error) = strict {
        return in_bounds(&error, data);
    }
    let mut whole = Writer::default();
    whole.item(&item);
    let mut single = Writer::default();
    rewrite(&item, &mut single).expect("what was checked can be read");
    assert_eq!(
        whole.as_bytes(),
        single.as_bytes(),
        "two encodings of one item"
    );
    assert_eq!(whole.len(), data.len(), "the encoding has another length");
    let mut pairs = whole.as_bytes().iter().zip(data);
    assert!(
        pairs.all(|(new, old)| new == old || *new == 0),
        "more than padding changed"
    );
    let again = ttlv::read(whole.as_bytes()).expect("the encoding can be read");
    assert!(same(&item, &again), "the encoding means something else");
}

/// A dump ends for any bytes, says whether they are malformed, and is no longer than they justify.
pub fn dump(data: &[u8]) {
    let name = |tag: Tag| (tag == MESSAGE).then_some("Message");
    let text = ttlv::dump(data, &name);
    assert!(text.ends_with('\n'), "the last line has no end");
    // Eight bytes can make a line of at most 64 columns of indent and about 120 more; a text can
    // grow eightfold by escapes, up to its limit.
    assert!(
        text.len() <= 200 + data.len() * 64,
        "{} bytes of dump",
        text.len()
    );
    let shown = DumpOptions {
        show_bytes: true,
        ..DumpOptions::default()
    };
    let lines = ttlv::dump_with(data, &name, &shown).lines().count();
    assert_eq!(
        lines,
        text.lines().count(),
        "bytes change the number of lines"
    );
}

/// A frame is refused or lies within the limits, and agrees with the reader about its end.
pub fn frame(data: &[u8]) {
    let Some(header) = data.first_chunk::<8>() else {
        return;
    };
    let limits = Limits {
        message_bytes_max: 4096,
        ..Limits::default()
    };
    let Ok(bytes) = ttlv::frame_bytes(header, MESSAGE, &limits) else {
        return;
    };
    assert!(bytes >= ttlv::HEADER_BYTES && bytes <= limits.message_bytes_max);
    assert_eq!(bytes % 8, 0);
    let Some(message) = data.get(..bytes) else {
        return;
    };
    let item = ttlv::read(message).expect("a whole frame has a good header");
    let structure = item.structure().expect("a frame is a structure");
    assert_eq!((item.tag, structure.bytes().len()), (MESSAGE, bytes - 8));
}

fn in_bounds(error: &Error, data: &[u8]) {
    assert!(
        error.offset <= data.len(),
        "the error is outside the message"
    );
    assert!(error.path().len() <= 8);
    assert!(!error.to_string().is_empty());
}

/// Encodes an item through the typed methods, one item at a time.
fn rewrite(item: &Item<'_>, writer: &mut Writer) -> Result<(), Error> {
    let tag = item.tag;
    match item.value {
        Value::Structure(structure) => {
            let mark = writer.begin(tag);
            for child in structure.items() {
                rewrite(&child?, writer)?;
            }
            writer.end(mark);
        }
        Value::Integer(_) => writer.integer(tag, item.integer()?),
        Value::LongInteger(_) => writer.long_integer(tag, item.long_integer()?),
        Value::BigInteger(_) => writer.big_integer(tag, item.big_integer()?),
        Value::Enumeration(_) => writer.enumeration(tag, item.enumeration()?),
        Value::Boolean(_) => writer.boolean(tag, item.boolean()?),
        Value::TextString(_) => writer.text(tag, item.text()?),
        Value::ByteString(_) => writer.byte_string(tag, item.byte_string()?),
        Value::DateTime(_) => writer.date_time(tag, item.date_time()?),
        Value::Interval(_) => writer.interval(tag, item.interval()?),
        Value::DateTimeExtended(_) => writer.date_time_extended(tag, item.date_time_extended()?),
    }
    Ok(())
}

/// Whether two items mean the same, whatever their padding.
fn same(left: &Item<'_>, right: &Item<'_>) -> bool {
    let (Value::Structure(left_content), Value::Structure(right_content)) =
        (left.value, right.value)
    else {
        return left == right;
    };
    let mut right_items = right_content.items();
    left.tag == right.tag
        && left_content
            .items()
            .all(|left| match (left, right_items.next()) {
                (Ok(left), Some(Ok(right))) => same(&left, &right),
                _ => false,
            })
        && right_items.next().is_none()
}
