//! Finding the end of a message on a connection.
//!
//! A KMIP message is framed by nothing but its own header: eight bytes tell how many follow. This
//! is the one decision that must be taken before the message is in memory, so it is taken on
//! those eight bytes alone and reserves nothing.

use crate::reader::Header;
use crate::{Error, ErrorKind, ItemType, Limits, Tag};

/// The length of an item's header: tag, type and Length.
pub const HEADER_BYTES: usize = 8;

/// The length in bytes of the message that begins with `header`, the header included.
///
/// # Errors
///
/// [`ErrorKind::UnexpectedTag`] if the message has another tag than `expected`,
/// [`ErrorKind::NotAStructure`] if it is not a Structure, [`ErrorKind::BadLength`] if its Length
/// is not a multiple of eight, [`ErrorKind::TooLong`] if it is longer than the limit. After any
/// of them the end of the message is unknown and the connection is of no further use.
pub fn frame_bytes(header: &[u8; 8], expected: Tag, limits: &Limits) -> Result<usize, Error> {
    let header = Header::parse(*header);
    if header.tag != expected {
        let found = header.tag;
        return Err(Error::new(ErrorKind::UnexpectedTag { expected, found }, 0));
    }
    let refuse = |kind| Err(Error::new(kind, 0).within(expected));
    if header.type_code != ItemType::Structure.code() {
        return refuse(ErrorKind::NotAStructure);
    }
    if !ItemType::Structure.allows_length(header.length) {
        let (item_type, length) = (ItemType::Structure, header.length);
        return refuse(ErrorKind::BadLength { item_type, length });
    }
    let max = limits.message_bytes_max;
    let bytes = usize::try_from(header.length)
        .unwrap_or(usize::MAX)
        .saturating_add(HEADER_BYTES);
    if bytes > max {
        return refuse(ErrorKind::TooLong { bytes, max });
    }
    Ok(bytes)
}
