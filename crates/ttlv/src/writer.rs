//! Writing items to bytes.
//!
//! The writer appends to one vector. The Length of a structure is filled in when the structure
//! ends; until then it holds a number no structure can have, so that half-written bytes are
//! refused by every reader instead of being misread. Tags are written as they are given: whether
//! they make sense in their place is the business of the layer above. Padding is zero.

use std::fmt;

use crate::{Item, ItemType, Tag, Value};

/// The Length of a structure that has not ended, or of a value too long to encode. As the Length
/// of a structure it is malformed; as that of a string it overruns whatever can be around it.
const UNKNOWN_LENGTH: u32 = u32::MAX;

/// Writes items one after the other into memory it owns.
///
/// The Length field has 32 bits. A value that does not fit is left out and leaves a header that
/// every reader refuses, and [`Writer::has_overflowed`] is true from then on; there is no panic and
/// no silently shortened value.
///
/// Memory that was outgrown is not overwritten. Who writes secrets should reserve enough with
/// [`Writer::with_capacity`] and wipe the vector from [`Writer::into_bytes`].
#[derive(Clone, Default)]
pub struct Writer {
    bytes: Vec<u8>,
    has_overflowed: bool,
}

/// A structure that has begun and not ended: the offset of its header.
#[derive(Debug)]
#[must_use = "a structure that does not end cannot be read"]
pub struct Mark(usize);

impl Writer {
    /// A writer with room for this many bytes.
    #[must_use]
    pub fn with_capacity(bytes: usize) -> Self {
        Self {
            bytes: Vec::with_capacity(bytes),
            has_overflowed: false,
        }
    }

    /// Writes a Structure whose children are written by `body`.
    #[inline]
    pub fn structure(&mut self, tag: impl Into<Tag>, body: impl FnOnce(&mut Self)) {
        let mark = self.begin(tag);
        body(self);
        self.end(mark);
    }

    /// Begins a Structure; what is written until [`Writer::end`] becomes its children.
    #[inline]
    pub fn begin(&mut self, tag: impl Into<Tag>) -> Mark {
        let mark = Mark(self.bytes.len());
        self.header(tag.into(), ItemType::Structure, UNKNOWN_LENGTH);
        mark
    }

    /// Ends the Structure that began at `mark`. Structures end in the reverse order of their
    /// beginning. If the header was dropped by [`Writer::truncate`] nothing happens.
    #[inline]
    pub fn end(&mut self, mark: Mark) {
        let Mark(start) = mark;
        let Some(structure) = self.bytes.get_mut(start..) else {
            return;
        };
        let Some((header, body)) = structure.split_first_chunk_mut::<8>() else {
            return;
        };
        let length = u32::try_from(body.len()).unwrap_or(UNKNOWN_LENGTH);
        self.has_overflowed |= length == UNKNOWN_LENGTH;
        let [_, _, _, _, field @ ..] = header;
        *field = length.to_be_bytes();
    }

    /// Writes an Integer.
    #[inline]
    pub fn integer(&mut self, tag: impl Into<Tag>, value: i32) {
        self.word(tag.into(), ItemType::Integer, value.cast_unsigned());
    }

    /// Writes a Long Integer.
    #[inline]
    pub fn long_integer(&mut self, tag: impl Into<Tag>, value: i64) {
        self.long_word(tag.into(), ItemType::LongInteger, value.cast_unsigned());
    }

    /// Writes a Big Integer from its big-endian two's complement bytes.
    ///
    /// A value that is no multiple of eight bytes is sign-extended to one; no bytes at all are
    /// the number 0. A positive number whose first bit is set needs a zero byte before it.
    pub fn big_integer(&mut self, tag: impl Into<Tag>, value: &[u8]) {
        let tag = tag.into();
        let padded = value.len().max(1).checked_next_multiple_of(8);
        let Some(length) = padded.and_then(fitting) else {
            self.overflow(tag, ItemType::BigInteger);
            return;
        };
        let is_negative = value.first().is_some_and(|first| first & 0x80 != 0);
        let fill = if is_negative { 0xff } else { 0 };
        self.header(tag, ItemType::BigInteger, length);
        let missing = padded.unwrap_or_default() - value.len();
        self.bytes.resize(self.bytes.len() + missing, fill);
        self.bytes.extend_from_slice(value);
    }

    /// Writes an Enumeration.
    #[inline]
    pub fn enumeration(&mut self, tag: impl Into<Tag>, value: u32) {
        self.word(tag.into(), ItemType::Enumeration, value);
    }

    /// Writes a Boolean.
    #[inline]
    pub fn boolean(&mut self, tag: impl Into<Tag>, value: bool) {
        self.long_word(tag.into(), ItemType::Boolean, u64::from(value));
    }

    /// Writes a Text String.
    #[inline]
    pub fn text(&mut self, tag: impl Into<Tag>, value: &str) {
        self.string(tag.into(), ItemType::TextString, value.as_bytes());
    }

    /// Writes a Byte String.
    #[inline]
    pub fn byte_string(&mut self, tag: impl Into<Tag>, value: &[u8]) {
        self.string(tag.into(), ItemType::ByteString, value);
    }

    /// Writes a Date-Time from POSIX seconds.
    #[inline]
    pub fn date_time(&mut self, tag: impl Into<Tag>, value: i64) {
        self.long_word(tag.into(), ItemType::DateTime, value.cast_unsigned());
    }

    /// Writes an Interval from seconds.
    #[inline]
    pub fn interval(&mut self, tag: impl Into<Tag>, value: u32) {
        self.word(tag.into(), ItemType::Interval, value);
    }

    /// Writes a Date-Time Extended from POSIX microseconds; KMIP 2.0 and later.
    #[inline]
    pub fn date_time_extended(&mut self, tag: impl Into<Tag>, value: i64) {
        self.long_word(
            tag.into(),
            ItemType::DateTimeExtended,
            value.cast_unsigned(),
        );
    }

    /// Writes an item that was read, all its children included, with every padding zeroed.
    ///
    /// Children that were never checked are neither refused nor repaired: what was malformed stays
    /// malformed.
    pub fn item(&mut self, item: &Item<'_>) {
        let tag = item.tag;
        match item.value {
            Value::Structure(structure) => {
                let mark = self.begin(tag);
                let start = self.bytes.len();
                self.bytes.extend_from_slice(structure.bytes());
                zero_padding(self.bytes.get_mut(start..).unwrap_or_default());
                self.end(mark);
            }
            Value::Integer(value) => self.integer(tag, value),
            Value::LongInteger(value) => self.long_integer(tag, value),
            Value::BigInteger(value) => self.big_integer(tag, value),
            Value::Enumeration(value) => self.enumeration(tag, value),
            Value::Boolean(value) => self.boolean(tag, value),
            Value::TextString(value) => self.text(tag, value),
            Value::ByteString(value) => self.byte_string(tag, value),
            Value::DateTime(value) => self.date_time(tag, value),
            Value::Interval(value) => self.interval(tag, value),
            Value::DateTimeExtended(value) => self.date_time_extended(tag, value),
        }
    }

    /// Appends items that are encoded already. Their length is a multiple of eight; if it is not,
    /// zeros are appended, so that what follows still starts where an item can start.
    #[inline]
    pub fn raw(&mut self, items: &[u8]) {
        self.bytes.extend_from_slice(items);
        self.pad(items.len());
    }

    /// Drops everything after the first `len` bytes, a number that [`Writer::len`] returned.
    pub fn truncate(&mut self, len: usize) {
        self.bytes.truncate(len);
    }

    /// Drops everything and keeps the memory for the next message.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.has_overflowed = false;
    }

    /// How many bytes are written.
    #[inline]
    #[must_use]
    pub const fn len(&self) -> usize {
        self.bytes.len()
    }

    /// How many bytes fit, those that are written included, before memory is outgrown.
    #[inline]
    #[must_use]
    pub const fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Whether nothing is written.
    #[inline]
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Whether a value was too long for the encoding since the last [`Writer::clear`].
    #[must_use]
    pub const fn has_overflowed(&self) -> bool {
        self.has_overflowed
    }

    /// What is written.
    #[inline]
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What is written, without a copy.
    #[inline]
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    #[inline]
    fn header(&mut self, tag: Tag, item_type: ItemType, length: u32) {
        self.bytes
            .extend_from_slice(&header(tag, item_type, length).to_be_bytes());
    }

    /// An item of a four-byte value and four bytes of padding, in one append.
    #[inline]
    fn word(&mut self, tag: Tag, item_type: ItemType, value: u32) {
        let header = u128::from(header(tag, item_type, 4));
        let item = header << 64 | u128::from(value) << 32;
        self.bytes.extend_from_slice(&item.to_be_bytes());
    }

    /// An item of an eight-byte value, in one append.
    #[inline]
    fn long_word(&mut self, tag: Tag, item_type: ItemType, value: u64) {
        let header = u128::from(header(tag, item_type, 8));
        let item = header << 64 | u128::from(value);
        self.bytes.extend_from_slice(&item.to_be_bytes());
    }

    #[inline]
    fn string(&mut self, tag: Tag, item_type: ItemType, value: &[u8]) {
        let Some(length) = fitting(value.len()) else {
            self.overflow(tag, item_type);
            return;
        };
        self.header(tag, item_type, length);
        self.bytes.extend_from_slice(value);
        self.pad(value.len());
    }

    /// Completes the last eight bytes of a value of `len` bytes.
    #[inline]
    fn pad(&mut self, len: usize) {
        const ZEROS: [u8; 8] = [0; 8];
        let missing = len.wrapping_neg() % 8;
        self.bytes
            .extend_from_slice(ZEROS.get(..missing).unwrap_or_default());
    }

    #[cold]
    fn overflow(&mut self, tag: Tag, item_type: ItemType) {
        self.has_overflowed = true;
        self.header(tag, item_type, UNKNOWN_LENGTH);
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Writer(<{} bytes>)", self.bytes.len())
    }
}

/// The header as one number, whose big-endian bytes are the encoding.
#[inline]
fn header(tag: Tag, item_type: ItemType, length: u32) -> u64 {
    u64::from(tag.code()) << 40 | u64::from(item_type.code()) << 32 | u64::from(length)
}

/// The Length field for this many bytes, unless they are too many.
#[inline]
fn fitting(bytes: usize) -> Option<u32> {
    u32::try_from(bytes)
        .ok()
        .filter(|length| *length != UNKNOWN_LENGTH)
}

/// Zeroes the padding of all items in `bytes`, in place.
///
/// Children follow the header of their structure directly, so items of all levels can be visited
/// in one pass without a stack, however deep they are nested. It stops at the first item that is
/// malformed.
fn zero_padding(mut bytes: &mut [u8]) {
    while let Some((header, rest)) = bytes.split_first_chunk_mut::<8>() {
        let [_, _, _, type_code, length @ ..] = *header;
        if type_code == ItemType::Structure.code() {
            bytes = rest;
            continue;
        }
        let Ok(length) = usize::try_from(u32::from_be_bytes(length)) else {
            return;
        };
        let Some(padded) = length.checked_next_multiple_of(8) else {
            return;
        };
        let Some((value, rest)) = rest.split_at_mut_checked(padded) else {
            return;
        };
        value.get_mut(length..).unwrap_or_default().fill(0);
        bytes = rest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ErrorKind, read};

    const TAG: Tag = Tag::new(0x42_0020);

    #[test]
    fn a_structure_that_has_not_ended_cannot_be_read() {
        let mut writer = Writer::default();
        let mark = writer.begin(TAG);
        writer.integer(TAG, 1);
        let (item_type, length) = (ItemType::Structure, UNKNOWN_LENGTH);
        let error = read(writer.as_bytes()).unwrap_err();
        assert_eq!(error.kind, ErrorKind::BadLength { item_type, length });
        writer.end(mark);
        assert!(read(writer.as_bytes()).is_ok());
    }

    #[test]
    fn a_value_too_long_to_encode_is_left_out_and_refused_by_readers() {
        let mut writer = Writer::default();
        writer.structure(TAG, |writer| writer.overflow(TAG, ItemType::ByteString));
        assert!(writer.has_overflowed());
        let outcome = read(writer.as_bytes()).unwrap().check(32, &mut 10);
        assert_eq!(outcome.unwrap_err().kind, ErrorKind::Overrun);
        writer.clear();
        assert!(!writer.has_overflowed() && writer.is_empty());
    }

    #[test]
    fn only_lengths_of_32_bits_below_the_last_fit() {
        assert_eq!(fitting(0), Some(0));
        assert_eq!(fitting(0xffff_fffe), Some(0xffff_fffe));
        assert_eq!(fitting(0xffff_ffff), None);
        assert_eq!(fitting(usize::MAX), None);
    }

    #[test]
    fn what_follows_a_mark_can_be_dropped() {
        let mut writer = Writer::with_capacity(64);
        writer.integer(TAG, 1);
        let len = writer.len();
        let mark = writer.begin(TAG);
        writer.text(TAG, "dropped");
        writer.truncate(len);
        writer.end(mark);
        assert_eq!(writer.len(), 16);
        assert_eq!(read(writer.as_bytes()).unwrap().integer(), Ok(1));
    }

    #[test]
    fn raw_items_keep_what_follows_aligned() {
        let mut encoded = Writer::default();
        encoded.text(TAG, "abc");
        let mut writer = Writer::default();
        writer.structure(TAG, |writer| {
            writer.raw(encoded.as_bytes());
            writer.raw(&encoded.as_bytes()[..11]);
            writer.boolean(TAG, true);
        });
        let item = read(writer.as_bytes()).unwrap();
        let mut children = item.structure().unwrap().items().map(Result::unwrap);
        assert_eq!(children.next().unwrap().text(), Ok("abc"));
        assert_eq!(children.next().unwrap().text(), Ok("abc"));
        assert_eq!(children.next().unwrap().boolean(), Ok(true));
    }

    #[test]
    fn big_integers_are_sign_extended() {
        for (value, expected) in [
            (&[][..], vec![0; 8]),
            (
                &[0x80],
                vec![0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x80],
            ),
            (&[0x7f], vec![0, 0, 0, 0, 0, 0, 0, 0x7f]),
            (&[1, 2, 3, 4, 5, 6, 7, 8], vec![1, 2, 3, 4, 5, 6, 7, 8]),
            (
                &[0, 2, 3, 4, 5, 6, 7, 8, 9],
                [vec![0; 8], (2..10).collect()].concat(),
            ),
        ] {
            let mut writer = Writer::default();
            writer.big_integer(TAG, value);
            assert_eq!(
                read(writer.as_bytes()).unwrap().big_integer(),
                Ok(&expected[..])
            );
        }
    }
}
