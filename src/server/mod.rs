//! The sockets that listen for KMIP: TCP, TLS, identity, framing.
//!
//! A connection passes the `permits`, the handshake under the rules of [`identity`], and then
//! `connection`, which hands whole messages to an [`Answerer`] one after the other; what a
//! message means is for `ops`. Everything a peer controls is bounded here before memory is reserved
//! for it, and nothing a peer does ends the server.

mod answerer;
mod connection;
mod counts;
pub mod descriptors;
mod frames;
mod handshake;
pub mod https;
pub mod identity;
mod knock;
pub mod limits;
mod linger;
pub mod listener;
mod pace;
pub mod pages;
mod permits;
mod possession;
mod signals;
mod strangers;
pub mod tls;
mod turns;
mod warnings;

#[cfg(test)]
mod tests;

pub use answerer::{Answerer, Directory};
pub use counts::Counts;
pub use identity::Gatekeeper;
pub use limits::Config;
pub use listener::{ListenError, Listener, Serving};
pub use tls::{Presented, ServerPair, TlsConfig, TlsError, TlsFiles, TlsPolicy};
