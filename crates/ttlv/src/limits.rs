//! The limits on what one message may make this process do.
//!
//! They are values handed in by the caller; the reader keeps no global state. The number of items
//! is bounded apart from the number of bytes because an item costs the layers above far more than
//! the eight bytes it takes on the wire.

/// How large, how deep and how numerous the items of one message may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest message in bytes, header included. Checked by [`frame_bytes`].
    ///
    /// [`frame_bytes`]: crate::frame_bytes
    pub message_bytes_max: usize,
    /// How many levels of items there may be; the message itself is the first.
    pub depth_max: u8,
    /// How many items there may be in all, the message itself included.
    pub items_max: u32,
}

impl Default for Limits {
    /// 1 MiB, 32 levels, 65 536 items.
    fn default() -> Self {
        Self {
            message_bytes_max: 1024 * 1024,
            depth_max: 32,
            items_max: 65_536,
        }
    }
}
