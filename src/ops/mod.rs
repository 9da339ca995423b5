//! KMIP behaviour: one request in, one answer out, with the events of both committed in between.
//!
//! [`Service::answer`] is the only door. It knows no sockets and no SQL; clock, random source and store are passed in.

pub mod refusal;
pub mod service;

pub use refusal::Refusal;
pub use service::{Answer, Config, Service};
