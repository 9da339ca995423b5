//! Reading items from bytes.
//!
//! The reader is a shrinking slice: an item is cut from the front, its Length compared with what
//! is left before anything else happens, and its value borrowed. Padding is skipped whatever it
//! contains, since the standard does not define it on receipt. Nothing is allocated and nothing
//! is read twice unless the caller asks twice.

use std::fmt;
use std::iter::FusedIterator;

use crate::{Error, ErrorKind, HEADER_BYTES, Item, ItemType, Tag, Value};

/// Reads exactly one item that fills `bytes`.
///
/// Only the outer header, and the value of an item that is no Structure, are checked; children
/// are checked as they are read, or all at once by [`Item::check`].
///
/// # Errors
///
/// [`ErrorKind::Truncated`] if the item is longer than `bytes`, [`ErrorKind::TrailingBytes`] if it
/// is shorter, otherwise what is wrong with the header or value.
#[inline]
pub fn read(bytes: &[u8]) -> Result<Item<'_>, Error> {
    let (item, rest) = take(bytes, 0, false, ErrorKind::Truncated)?;
    if rest.is_empty() {
        return Ok(item);
    }
    let offset = bytes.len().saturating_sub(rest.len());
    Err(Error::new(ErrorKind::TrailingBytes, offset))
}

/// The content of a Structure: items one after the other, read on demand.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Structure<'a> {
    tag: Tag,
    offset: usize,
    bytes: &'a [u8],
    any_tags: bool,
}

impl<'a> Structure<'a> {
    /// The children in the order of the message.
    #[inline]
    #[must_use]
    pub const fn items(self) -> Items<'a> {
        Items {
            parent: self.tag,
            offset: self.offset,
            rest: self.bytes,
            any_tags: self.any_tags,
        }
    }

    /// The same Structure, below which any tag is accepted.
    ///
    /// For content that the standard leaves to vendors (KMIP 1.4 §6.16): the official test cases
    /// put a tag of neither range there.
    #[inline]
    #[must_use]
    pub const fn with_any_tags(mut self) -> Self {
        self.any_tags = true;
        self
    }

    /// The tag of the Structure itself.
    #[inline]
    #[must_use]
    pub const fn tag(self) -> Tag {
        self.tag
    }

    /// The offset in the message of the first child.
    #[inline]
    #[must_use]
    pub const fn offset(self) -> usize {
        self.offset
    }

    /// The encoded children, without the header of the Structure.
    #[inline]
    #[must_use]
    pub const fn bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// Whether there are no children.
    #[inline]
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.bytes.is_empty()
    }
}

impl<'a> IntoIterator for Structure<'a> {
    type Item = Result<Item<'a>, Error>;
    type IntoIter = Items<'a>;

    fn into_iter(self) -> Items<'a> {
        self.items()
    }
}

impl fmt::Debug for Structure<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Structure {:?} ({} bytes)", self.tag, self.bytes.len())
    }
}

/// The children of a Structure, in order. After an error there are no more.
#[derive(Clone)]
pub struct Items<'a> {
    parent: Tag,
    offset: usize,
    rest: &'a [u8],
    any_tags: bool,
}

impl<'a> Iterator for Items<'a> {
    type Item = Result<Item<'a>, Error>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        match take(self.rest, self.offset, self.any_tags, ErrorKind::Overrun) {
            Ok((item, rest)) => {
                self.offset += self.rest.len() - rest.len();
                self.rest = rest;
                Some(Ok(item))
            }
            Err(error) => {
                self.rest = &[];
                Some(Err(error.within(self.parent)))
            }
        }
    }
}

impl FusedIterator for Items<'_> {}

impl fmt::Debug for Items<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Items of {:?} ({} bytes left)",
            self.parent,
            self.rest.len()
        )
    }
}

/// The eight bytes before a value, taken apart and not yet judged.
pub(crate) struct Header {
    pub(crate) tag: Tag,
    pub(crate) type_code: u8,
    pub(crate) length: u32,
}

impl Header {
    #[inline]
    pub(crate) const fn parse(bytes: [u8; HEADER_BYTES]) -> Self {
        let [t0, t1, t2, type_code, l0, l1, l2, l3] = bytes;
        Self {
            tag: Tag::new(u32::from_be_bytes([0, t0, t1, t2])),
            type_code,
            length: u32::from_be_bytes([l0, l1, l2, l3]),
        }
    }
}

/// Cuts one item with its padding from the front of `bytes`, which stand at `offset` in the
/// message; `short` is the error if there are too few of them.
#[inline]
fn take(
    bytes: &[u8],
    offset: usize,
    any_tags: bool,
    short: ErrorKind,
) -> Result<(Item<'_>, &[u8]), Error> {
    let Some((header, body)) = bytes.split_first_chunk::<HEADER_BYTES>() else {
        return Err(Error::new(short, offset));
    };
    let Header {
        tag,
        type_code,
        length,
    } = Header::parse(*header);
    if !any_tags && !tag.is_standard() && !tag.is_extension() {
        return Err(Error::new(ErrorKind::BadTag, offset));
    }
    let refuse = |kind| Err(Error::new(kind, offset).within(tag));
    let Some(item_type) = ItemType::from_code(type_code) else {
        return refuse(ErrorKind::BadType(type_code));
    };
    if !item_type.allows_length(length) {
        return refuse(ErrorKind::BadLength { item_type, length });
    }
    let Some((value, rest)) = split_value(body, length) else {
        return refuse(short);
    };
    let content = Structure {
        tag,
        offset: offset + HEADER_BYTES,
        bytes: value,
        any_tags,
    };
    match Value::parse(item_type, content) {
        Ok(value) => Ok((Item { tag, offset, value }, rest)),
        Err(kind) => refuse(kind),
    }
}

/// Splits a value off its padding and what follows; `None` if the bytes are too few.
#[inline]
fn split_value(body: &[u8], length: u32) -> Option<(&[u8], &[u8])> {
    let length = usize::try_from(length).ok()?;
    let (padded, rest) = body.split_at_checked(length.checked_next_multiple_of(8)?)?;
    Some((padded.get(..length)?, rest))
}

impl<'a> Value<'a> {
    /// Reads a value whose length was found right for its type. `content` holds the bytes of the
    /// value, and is the value itself if the item is a Structure.
    #[inline]
    fn parse(item_type: ItemType, content: Structure<'a>) -> Result<Self, ErrorKind> {
        let bytes = content.bytes;
        Ok(match item_type {
            ItemType::Structure => Self::Structure(content),
            ItemType::Integer => Self::Integer(i32::from_be_bytes(array(bytes)?)),
            ItemType::LongInteger => Self::LongInteger(i64::from_be_bytes(array(bytes)?)),
            ItemType::BigInteger => Self::BigInteger(bytes),
            ItemType::Enumeration => Self::Enumeration(u32::from_be_bytes(array(bytes)?)),
            ItemType::Boolean => match u64::from_be_bytes(array(bytes)?) {
                0 => Self::Boolean(false),
                1 => Self::Boolean(true),
                _ => return Err(ErrorKind::BadBoolean),
            },
            ItemType::TextString => match str::from_utf8(bytes) {
                Ok(text) => Self::TextString(text),
                Err(_) => return Err(ErrorKind::BadText),
            },
            ItemType::ByteString => Self::ByteString(bytes),
            ItemType::DateTime => Self::DateTime(i64::from_be_bytes(array(bytes)?)),
            ItemType::Interval => Self::Interval(u32::from_be_bytes(array(bytes)?)),
            ItemType::DateTimeExtended => Self::DateTimeExtended(i64::from_be_bytes(array(bytes)?)),
        })
    }
}

/// The bytes as an array. The length was checked with the type, so the error is never returned;
/// it stands in place of a panic.
#[inline]
fn array<const N: usize>(bytes: &[u8]) -> Result<[u8; N], ErrorKind> {
    bytes.try_into().map_err(|_| ErrorKind::Truncated)
}
