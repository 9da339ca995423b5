//! Tags and item types: the first four bytes of every item.
//!
//! A tag is a number here; which field it stands for is the business of the layer above. Item
//! types are closed: a code outside the table is malformed, in every version of KMIP.

use std::fmt;

/// The three-byte tag of an item.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(u32);

impl Tag {
    /// The tag with this number; bits above the 24 of the encoding are dropped.
    #[inline]
    #[must_use]
    pub const fn new(code: u32) -> Self {
        Self(code & 0x00ff_ffff)
    }

    /// The number of the tag, always below 2^24.
    #[inline]
    #[must_use]
    pub const fn code(self) -> u32 {
        self.0
    }

    /// Whether the tag is in the range of the standard, `42xxxx`.
    #[inline]
    #[must_use]
    pub const fn is_standard(self) -> bool {
        self.0 >> 16 == 0x42
    }

    /// Whether the tag is in the range for vendors' extensions, `54xxxx`.
    #[inline]
    #[must_use]
    pub const fn is_extension(self) -> bool {
        self.0 >> 16 == 0x54
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{:06x}", self.0)
    }
}

/// Six lower-case hexadecimal digits, as in the tag path of an error.
impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:06x}", self.0)
    }
}

/// The type of an item's value: the fourth byte of its header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ItemType {
    /// A sequence of items.
    Structure = 1,
    /// A signed 32-bit number; masks are Integers too.
    Integer = 2,
    /// A signed 64-bit number.
    LongInteger = 3,
    /// A signed number of any multiple of eight bytes.
    BigInteger = 4,
    /// An unsigned 32-bit code.
    Enumeration = 5,
    /// True or false, in eight bytes.
    Boolean = 6,
    /// UTF-8 without a terminator.
    TextString = 7,
    /// Bytes.
    ByteString = 8,
    /// POSIX seconds, signed 64-bit.
    DateTime = 9,
    /// A duration in seconds, unsigned 32-bit.
    Interval = 10,
    /// POSIX microseconds, signed 64-bit; KMIP 2.0 and later.
    DateTimeExtended = 11,
}

impl ItemType {
    /// The type with this code, if there is one.
    #[inline]
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            1 => Self::Structure,
            2 => Self::Integer,
            3 => Self::LongInteger,
            4 => Self::BigInteger,
            5 => Self::Enumeration,
            6 => Self::Boolean,
            7 => Self::TextString,
            8 => Self::ByteString,
            9 => Self::DateTime,
            10 => Self::Interval,
            11 => Self::DateTimeExtended,
            _ => return None,
        })
    }

    /// The code in the header.
    #[inline]
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The name in the standard's spelling, such as `Text String`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Structure => "Structure",
            Self::Integer => "Integer",
            Self::LongInteger => "Long Integer",
            Self::BigInteger => "Big Integer",
            Self::Enumeration => "Enumeration",
            Self::Boolean => "Boolean",
            Self::TextString => "Text String",
            Self::ByteString => "Byte String",
            Self::DateTime => "Date-Time",
            Self::Interval => "Interval",
            Self::DateTimeExtended => "Date-Time Extended",
        }
    }

    /// Whether a value of this type may have this Length field (padding is not counted in it).
    #[inline]
    pub(crate) const fn allows_length(self, length: u32) -> bool {
        match self {
            Self::Structure => length.is_multiple_of(8),
            Self::Integer | Self::Enumeration | Self::Interval => length == 4,
            Self::LongInteger | Self::Boolean | Self::DateTime | Self::DateTimeExtended => {
                length == 8
            }
            Self::BigInteger => length.is_multiple_of(8) && length != 0,
            Self::TextString | Self::ByteString => true,
        }
    }
}

impl fmt::Display for ItemType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_keeps_24_bits_and_prints_six_digits() {
        let tag = Tag::new(0xff42_0078);
        assert_eq!(tag.code(), 0x42_0078);
        assert_eq!(format!("{tag:?} {tag}"), "0x420078 420078");
        assert_eq!(Tag::new(1).to_string(), "000001");
    }

    #[test]
    fn ranges_of_tags_end_where_the_standard_says() {
        for (code, standard, extension) in [
            (0x42_0000, true, false),
            (0x42_ffff, true, false),
            (0x43_0000, false, false),
            (0x54_0000, false, true),
            (0x53_ffff, false, false),
            (0x55_0000, false, false),
        ] {
            let tag = Tag::new(code);
            assert_eq!(
                (tag.is_standard(), tag.is_extension()),
                (standard, extension),
                "{tag}"
            );
        }
    }

    #[test]
    fn every_code_from_1_to_11_is_a_type_and_no_other() {
        for code in 0..=u8::MAX {
            assert_eq!(
                ItemType::from_code(code).map(ItemType::code),
                (1..=11).contains(&code).then_some(code)
            );
        }
    }
}
