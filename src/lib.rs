//! Keyledger.

pub mod crypto;
pub mod providers;
