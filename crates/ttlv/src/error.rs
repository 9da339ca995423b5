//! What is wrong with the bytes of a message, and where.
//!
//! An error names its kind, the byte offset of the item it is about, and the tags that lead to
//! it. It never holds any part of a value, so that it may be logged whatever the message carried.
//! It owns no memory: the path is an array inside the error.

use std::fmt;

use crate::{ItemType, Tag};

/// How many tags an error remembers; of a longer path it keeps the innermost.
const PATH_TAGS_MAX: usize = 8;

/// Why bytes are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The bytes end before the item does.
    Truncated,
    /// A child is longer than what is left of its parent.
    Overrun,
    /// The tag is in neither of the two ranges `42xxxx` and `54xxxx`.
    BadTag,
    /// No item type has this code.
    BadType(u8),
    /// The Length field does not fit the type.
    BadLength {
        /// The type in the header.
        item_type: ItemType,
        /// The Length field.
        length: u32,
    },
    /// A Boolean that is neither 0 nor 1.
    BadBoolean,
    /// A Text String that is not UTF-8.
    BadText,
    /// The message is longer than allowed.
    TooLong {
        /// The length of the message in bytes, header included.
        bytes: usize,
        /// The limit in bytes.
        max: usize,
    },
    /// There are more levels of items than allowed.
    TooDeep {
        /// The limit in levels.
        max: u8,
    },
    /// There are more items than allowed.
    TooMany {
        /// How many were allowed when the walk began.
        max: u32,
    },
    /// The tag is not the one that is required here.
    UnexpectedTag {
        /// The required tag.
        expected: Tag,
        /// The tag in the header.
        found: Tag,
    },
    /// The item has another type than its reader requires.
    WrongType {
        /// The required type.
        expected: ItemType,
        /// The type in the header.
        found: ItemType,
    },
    /// Bytes follow the item that should fill the input.
    TrailingBytes,
    /// A message must be a Structure and this one is not.
    NotAStructure,
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => f.write_str("item is cut off"),
            Self::Overrun => f.write_str("item overruns its parent"),
            Self::BadTag => f.write_str("tag is neither standard nor an extension"),
            Self::BadType(code) => write!(f, "item type 0x{code:02x} does not exist"),
            Self::BadLength { item_type, length } => {
                write!(f, "length {length} does not fit type {item_type}")
            }
            Self::BadBoolean => f.write_str("boolean is neither 0 nor 1"),
            Self::BadText => f.write_str("text string is not UTF-8"),
            Self::TooLong { bytes, max } => {
                write!(f, "message of {bytes} bytes is longer than {max}")
            }
            Self::TooDeep { max } => write!(f, "items are nested deeper than {max} levels"),
            Self::TooMany { max } => write!(f, "there are more than {max} items"),
            Self::UnexpectedTag { expected, found } => {
                write!(f, "tag is {found} instead of {expected}")
            }
            Self::WrongType { expected, found } => {
                write!(f, "type is {found} instead of {expected}")
            }
            Self::TrailingBytes => f.write_str("bytes follow the item"),
            Self::NotAStructure => f.write_str("message is not a structure"),
        }
    }
}

/// What is wrong, at which byte, under which tags.
///
/// The path of an error begins at the item or structure whose method returned it; the reader of
/// the structure around it adds its own tag with [`Error::within`]. [`Item::check`] returns whole
/// paths below the item it was called on.
///
/// [`Item::check`]: crate::Item::check
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Error {
    /// Why the bytes are refused.
    pub kind: ErrorKind,
    /// The offset in the message of the header of the item in question; for
    /// [`ErrorKind::TrailingBytes`] that of the first byte too many.
    pub offset: usize,
    path: Path,
}

impl Error {
    /// An error without a path. Layers above use it for what they refuse themselves.
    #[cold]
    #[must_use]
    pub const fn new(kind: ErrorKind, offset: usize) -> Self {
        Self {
            kind,
            offset,
            path: Path {
                tags: [Tag::new(0); PATH_TAGS_MAX],
                len: 0,
                is_cut: false,
            },
        }
    }

    /// The same error, seen from the structure `tag` around it.
    ///
    /// Of a path of more than eight tags the innermost eight are kept, since the outer ones are
    /// the same in every message.
    #[cold]
    #[must_use]
    pub fn within(mut self, tag: Tag) -> Self {
        self.path.prepend(tag);
        self
    }

    /// The tags that lead to the item, outermost first, the item's own tag last where it is
    /// known and valid.
    #[must_use]
    pub fn path(&self) -> &[Tag] {
        self.path.tags()
    }
}

impl std::error::Error for Error {}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.kind, self.offset)?;
        for (index, tag) in self.path().iter().enumerate() {
            let before = match (index, self.path.is_cut) {
                (0, false) => " in ",
                (0, true) => " in .../",
                _ => "/",
            };
            write!(f, "{before}{tag}")?;
        }
        Ok(())
    }
}

/// Up to eight tags; the places behind `len` hold tag 0, so that equality can be derived.
#[derive(Clone, PartialEq, Eq)]
struct Path {
    tags: [Tag; PATH_TAGS_MAX],
    len: u8,
    is_cut: bool,
}

impl Path {
    fn tags(&self) -> &[Tag] {
        self.tags.get(..usize::from(self.len)).unwrap_or_default()
    }

    fn prepend(&mut self, tag: Tag) {
        if usize::from(self.len) == PATH_TAGS_MAX {
            self.is_cut = true;
            return;
        }
        // The last place is free: rotating brings it to the front.
        self.tags.rotate_right(1);
        if let Some(first) = self.tags.first_mut() {
            *first = tag;
        }
        self.len += 1;
    }
}

impl fmt::Debug for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.tags()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_names_kind_offset_and_path() {
        let error = Error::new(ErrorKind::BadText, 120)
            .within(Tag::new(0x42_0079))
            .within(Tag::new(0x42_000f))
            .within(Tag::new(0x42_0078));
        assert_eq!(
            error.to_string(),
            "text string is not UTF-8 at byte 120 in 420078/42000f/420079"
        );
        assert_eq!(
            Error::new(ErrorKind::Truncated, 0).to_string(),
            "item is cut off at byte 0"
        );
    }

    #[test]
    fn a_long_path_keeps_the_innermost_tags() {
        let error = (0..10).fold(Error::new(ErrorKind::BadTag, 8), |error, code| {
            error.within(Tag::new(code))
        });
        let expected: Vec<Tag> = (0..8).rev().map(Tag::new).collect();
        assert_eq!(error.path(), expected);
        assert!(
            error.to_string().contains(" in .../000007/000006/"),
            "{error}"
        );
    }
}
