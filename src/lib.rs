//! Keyledger: a KMIP key server in which no answer leaves before the event that records it is durable.
//!
//! The map, from the top level down; a module names only modules of its own level or below (a test checks it).

pub mod audit;
pub mod crypto;
pub mod domain;
pub mod kmip;
pub mod ops;
pub mod providers;
pub mod server;
pub mod store;
