//! One item: its tag, where it stands, and its value with the type the standard gives it.
//!
//! An item exists only if its own header and value are well formed. What is inside a Structure is
//! read when it is asked for; [`Item::check`] walks all of it at once. Values are borrowed from the
//! message, and none that can be a secret is printed by `Debug`.

use std::fmt;

use crate::{Error, ErrorKind, ItemType, Structure, Tag};

/// One item of a message.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Item<'a> {
    /// The tag in the header, in one of the two valid ranges unless any tag was asked for.
    pub tag: Tag,
    /// The offset of the header in the message, in bytes.
    pub offset: usize,
    /// The value.
    pub value: Value<'a>,
}

/// The value of an item, by type.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    /// Items, read on demand.
    Structure(Structure<'a>),
    /// A signed 32-bit number or a mask.
    Integer(i32),
    /// A signed 64-bit number.
    LongInteger(i64),
    /// A big-endian two's complement number, a positive multiple of eight bytes long.
    BigInteger(&'a [u8]),
    /// A code whose meaning depends on the tag.
    Enumeration(u32),
    /// True or false.
    Boolean(bool),
    /// Text.
    TextString(&'a str),
    /// Bytes without padding.
    ByteString(&'a [u8]),
    /// POSIX seconds.
    DateTime(i64),
    /// Seconds.
    Interval(u32),
    /// POSIX microseconds.
    DateTimeExtended(i64),
}

impl Value<'_> {
    /// The type of the value.
    #[inline]
    #[must_use]
    pub const fn item_type(&self) -> ItemType {
        match self {
            Self::Structure(_) => ItemType::Structure,
            Self::Integer(_) => ItemType::Integer,
            Self::LongInteger(_) => ItemType::LongInteger,
            Self::BigInteger(_) => ItemType::BigInteger,
            Self::Enumeration(_) => ItemType::Enumeration,
            Self::Boolean(_) => ItemType::Boolean,
            Self::TextString(_) => ItemType::TextString,
            Self::ByteString(_) => ItemType::ByteString,
            Self::DateTime(_) => ItemType::DateTime,
            Self::Interval(_) => ItemType::Interval,
            Self::DateTimeExtended(_) => ItemType::DateTimeExtended,
        }
    }
}

/// Declares one accessor per type, all of them refusing every other type in the same way.
macro_rules! typed_access {
    ($($(#[$doc:meta])* $name:ident: $variant:ident -> $type:ty;)*) => {
        $(
            $(#[$doc])*
            ///
            /// # Errors
            ///
            /// [`ErrorKind::WrongType`] if the item has another type.
            #[inline]
            pub fn $name(&self) -> Result<$type, Error> {
                let Value::$variant(value) = self.value else {
                    return Err(self.wrong_type(ItemType::$variant));
                };
                Ok(value)
            }
        )*
    };
}

impl<'a> Item<'a> {
    /// Walks the whole item once: every length, type, Boolean and text, the depth and the number
    /// of items.
    ///
    /// `depth_max` counts this item as 1. `items_left` is how many items may still be read; each
    /// item, this one included, takes one from it, so that a caller can spread one budget over
    /// several calls. Recursion is bounded by `depth_max`, time by the bytes that are there.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong, with the path from this item to it.
    #[inline]
    pub fn check(&self, depth_max: u8, items_left: &mut u32) -> Result<(), Error> {
        self.check_with(depth_max, items_left, &[])
    }

    /// As [`Item::check`], but below the Structures with one of the tags `vendor` any tag is
    /// accepted, as if they were read by [`Structure::with_any_tags`]. All else is checked there
    /// too.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong, with the path from this item to it.
    pub fn check_with(
        &self,
        depth_max: u8,
        items_left: &mut u32,
        vendor: &[Tag],
    ) -> Result<(), Error> {
        let mut walk = Walk {
            depth_max,
            items_max: *items_left,
            items_left,
            vendor,
        };
        walk.item(self, depth_max)
    }

    typed_access! {
        /// The content of a Structure.
        structure: Structure -> Structure<'a>;
        /// The number of an Integer.
        integer: Integer -> i32;
        /// The number of a Long Integer.
        long_integer: LongInteger -> i64;
        /// The bytes of a Big Integer: big-endian, two's complement, a multiple of eight.
        big_integer: BigInteger -> &'a [u8];
        /// The code of an Enumeration.
        enumeration: Enumeration -> u32;
        /// The truth of a Boolean.
        boolean: Boolean -> bool;
        /// The text of a Text String.
        text: TextString -> &'a str;
        /// The bytes of a Byte String, without padding.
        byte_string: ByteString -> &'a [u8];
        /// The POSIX seconds of a Date-Time.
        date_time: DateTime -> i64;
        /// The seconds of an Interval.
        interval: Interval -> u32;
        /// The POSIX microseconds of a Date-Time Extended.
        date_time_extended: DateTimeExtended -> i64;
    }

    #[cold]
    fn wrong_type(&self, expected: ItemType) -> Error {
        let found = self.value.item_type();
        self.error(ErrorKind::WrongType { expected, found })
    }

    /// An error about this item, with its tag as path. Layers above use it for what they refuse
    /// themselves.
    #[cold]
    #[must_use]
    pub fn error(&self, kind: ErrorKind) -> Error {
        Error::new(kind, self.offset).within(self.tag)
    }
}

/// One walk over an item and all that is in it.
struct Walk<'b> {
    depth_max: u8,
    items_max: u32,
    items_left: &'b mut u32,
    vendor: &'b [Tag],
}

impl Walk<'_> {
    fn item(&mut self, item: &Item<'_>, depth_left: u8) -> Result<(), Error> {
        let Some(depth_left) = depth_left.checked_sub(1) else {
            let max = self.depth_max;
            return Err(item.error(ErrorKind::TooDeep { max }));
        };
        let Some(items_left) = self.items_left.checked_sub(1) else {
            let max = self.items_max;
            return Err(item.error(ErrorKind::TooMany { max }));
        };
        *self.items_left = items_left;
        if let Value::Structure(mut structure) = item.value {
            if self.vendor.contains(&item.tag) {
                structure = structure.with_any_tags();
            }
            for child in structure.items() {
                self.item(&child?, depth_left)
                    .map_err(|error| error.within(item.tag))?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Item<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}@{} {:?}", self.tag, self.offset, self.value)
    }
}

/// Numbers are shown, strings and big integers only by their length: passwords are texts.
impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.item_type().name();
        match self {
            Self::Structure(structure) => write!(f, "{name}({} bytes)", structure.bytes().len()),
            Self::Integer(value) => write!(f, "{name}({value})"),
            Self::Enumeration(value) => write!(f, "{name}(0x{value:08x})"),
            Self::Interval(value) => write!(f, "{name}({value})"),
            Self::LongInteger(value) | Self::DateTime(value) | Self::DateTimeExtended(value) => {
                write!(f, "{name}({value})")
            }
            Self::Boolean(value) => write!(f, "{name}({value})"),
            Self::TextString(value) => write!(f, "{name}(<{} bytes>)", value.len()),
            Self::BigInteger(value) | Self::ByteString(value) => {
                write!(f, "{name}(<{} bytes>)", value.len())
            }
        }
    }
}
