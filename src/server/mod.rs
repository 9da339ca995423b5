//! The sockets that listen for KMIP: TCP, TLS, identity, framing.
//!
//! A connection becomes an identity and whole messages; what a message means is for `ops`. Everything a peer controls is bounded here before
//! memory is reserved for it, and nothing a peer does ends the server.

pub mod connection;
pub mod identity;
pub mod limits;
pub mod listener;
pub mod tls;

pub use limits::Config;
pub use listener::{ListenError, Listener};
pub use tls::{TlsError, TlsFiles};
