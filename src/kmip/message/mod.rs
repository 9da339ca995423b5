//! Whole messages: what stands around the payloads.
//!
//! A request that can be read at all becomes a `RequestMessage`; what is wrong inside one batch
//! item stays with that item, what is wrong outside them fails the message with a `RequestError`
//! that says how to answer (KMIP 1.4 §6 and §11). Answers are written straight into one buffer by
//! `ResponseWriter`. The rules of batches (order, continuation, Undo) are not applied here.

mod credential;
mod header;
mod request;
mod response;
mod writer;

#[cfg(test)]
mod official;
#[cfg(test)]
mod tests;

pub use credential::{Credential, DeviceCredential, Password};
pub use header::RequestHeader;
pub use request::{
    MessageExtension, OutgoingItem, RequestError, RequestItem, RequestMessage, encode_request,
};
pub use response::{ResponseHeader, ResponseItem, ResponseMessage};
pub use writer::{Checkpoint, ItemHead, ResponseWriter};
