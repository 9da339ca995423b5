//! The vocabulary of KMIP 1.0 to 1.4: names, tables, typed messages.
//!
//! It turns bytes into typed requests and typed answers into bytes, and stops there: no I/O, no
//! clock, no server, no store, no decision about what is allowed. It depends on `ttlv` alone.
//! Nothing that is newer than the version it is told is ever written.
//!
//! | to find | look in |
//! |---|---|
//! | a tag, enumeration, mask or operation | `tag`, `enums`, `mask`, `operation`: one table each |
//! | what an attribute is, and who may change it | `attribute` |
//! | a request or an answer as a whole | `message` |
//! | the fields of one operation | `payload`, one file each |
//! | the object that Get returns | `object` |
//! | why something cannot be read | `error` |

#![deny(clippy::indexing_slicing)]

pub mod attribute;
pub mod enums;
pub mod error;
mod fields;
pub mod mask;
pub mod message;
pub mod object;
pub mod operation;
pub mod payload;
pub mod tag;
pub mod version;

pub use error::{DecodeError, ItemError};
pub use operation::Operation;
pub use tag::Tag;
pub use version::ProtocolVersion;

#[cfg(test)]
mod reference;
#[cfg(test)]
mod tests;
