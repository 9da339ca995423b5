//! Reader and writer of TTLV, the Tag-Type-Length-Value encoding of KMIP messages.
//!
//! The crate knows bytes: headers, lengths, padding, the eleven item types. It knows no tag name
//! and no field order, does no I/O, and has no dependency. Reading borrows from the message and
//! never allocates; a length that a peer claims is compared with the bytes that are there before
//! anything else is done with it. No input makes it panic, and no error, `Debug` text or default
//! dump contains the content of a byte string.
//!
//! | to | use |
//! |---|---|
//! | find the length of a message on a connection | [`frame_bytes`] |
//! | read a message | [`read`], then [`Item::check`], then [`Structure::items`] |
//! | write a message | [`Writer`] |
//! | look at a message | [`dump`] |
//!
//! ```
//! use ttlv::{Tag, Writer, read};
//!
//! let mut writer = Writer::default();
//! writer.structure(Tag::new(0x42_0069), |version| {
//!     version.integer(Tag::new(0x42_006a), 1);
//!     version.integer(Tag::new(0x42_006b), 4);
//! });
//!
//! let item = read(writer.as_bytes())?;
//! item.check(32, &mut 100)?;
//! let mut children = item.structure()?.items();
//! let major = children.next().expect("two children were written")?;
//! assert_eq!(major.integer()?, 1);
//! # Ok::<(), ttlv::Error>(())
//! ```
#![deny(missing_docs, clippy::indexing_slicing)]
#![warn(clippy::expect_used)]

mod dump;
mod error;
mod frame;
mod item;
mod limits;
mod reader;
mod tag;
mod writer;

pub use dump::{DumpOptions, dump, dump_with};
pub use error::{Error, ErrorKind};
pub use frame::{HEADER_BYTES, frame_bytes};
pub use item::{Item, Value};
pub use limits::Limits;
pub use reader::{Items, Structure, read};
pub use tag::{ItemType, Tag};
pub use writer::{Mark, Writer};
