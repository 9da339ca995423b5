//! The trail: what an event says, how bad it is, how it is stored, found and shown.
//!
//! Pure: there is no clock, no random source and no I/O here; identifiers and times arrive as
//! arguments. Where events go is not decided here. The invariant it keeps: an event that was stored
//! and read back has the very bytes of JSON that were hashed when it was sealed.

pub mod action;
pub mod catalogue;
pub mod checkpoint;
pub mod data;
pub mod event;
pub mod export;
pub mod failure;
pub mod filter;
mod json;
pub mod note;
pub mod proof;
pub mod reason;
pub mod record;
pub mod render;
pub mod severity;
pub mod tree;
pub mod verification;

#[cfg(test)]
mod tests;

pub use action::{Action, Kind};
pub use checkpoint::{Checkpoint, CheckpointLine};
pub use data::{Data, Field};
pub use event::{Event, Outcome, Target};
pub use failure::Failure;
pub use filter::{ActionPattern, EventFilter, FilterError};
pub use note::{NoteError, VerifierKey};
pub use reason::ReasonCode;
pub use record::{Head, RecordError, Resolve};
pub use severity::Severity;
pub use tree::Tree;
pub use verification::{Break, Verification, Verified};
